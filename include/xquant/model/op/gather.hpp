// Gather: slices of one axis, chosen by a tensor of indices; any element type.
#pragma once

#include <xquant/model/op/definition.hpp>
#include <xquant/model/op/op.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace xquant::inline XQUANT_ABI::model {

/// out[before..., i..., after...] = in[before..., indices[i...], after...]; indices count from the back when negative.
inline node_function prepare_gather(node_context& context) {
  context.expect_arity(2, 2);
  const shape& x = context.input_shape(0);
  const shape& indices = context.input_shape(1);
  const element_type index_type = context.input_type(1);
  if (index_type != element_type::int64 && index_type != element_type::int32)
    context.malformed(context.input_name(1) + " is " + name_of(index_type) + "; expected int64 or int32");
  const std::size_t axis = context.axis_of(context.integer("axis", 0), x.rank);
  if (x.rank - 1 + indices.rank > max_rank) context.unsupported("result would have rank above 8");
  shape out;
  std::size_t outer = 1;
  std::size_t block = size_of(context.input_type(0));
  for (std::size_t d = 0; d < axis; ++d) outer *= out[out.rank++] = x[d];
  for (std::size_t d = 0; d < indices.rank; ++d) out[out.rank++] = indices[d];
  for (std::size_t d = axis + 1; d < x.rank; ++d) block *= out[out.rank++] = x[d];
  context.set_output(0, context.input_type(0), out);
  const std::size_t extent = x[axis];
  const std::size_t count = indices.size();
  return [=](node_arguments& arguments) {
    const std::byte* from = arguments.input(0).bytes();
    std::byte* to = arguments.output(0).mutable_bytes();
    for (std::size_t o = 0; o < outer; ++o, from += extent * block)
      for (std::size_t i = 0; i < count; ++i, to += block) {
        const std::int64_t given = index_type == element_type::int64 ? arguments.input<std::int64_t>(1)[i]
                                                                     : arguments.input<std::int32_t>(1)[i];
        const auto signed_extent = static_cast<std::int64_t>(extent);
        if (given < -signed_extent || given >= signed_extent)
          throw node_fault{errc::value_out_of_range, "index " + std::to_string(given) + "; expected within [-" +
                                                         std::to_string(extent) + ", " + std::to_string(extent) + ")"};
        const auto place = static_cast<std::size_t>(given < 0 ? given + signed_extent : given);
        if (block != 0) std::memcpy(to, from + place * block, block);
      }
  };
}

inline constexpr op_definition gather_definition{.name = "Gather",
                                                 .since = 11,
                                                 .prepare = prepare_gather,
                                                 .inputs = {input_role::table, input_role::shape},
                                                 .passes = values_passed::some};

}  // namespace xquant::model
