// Concat: tensors of any element type side by side along one axis.
#pragma once

#include <xquant/model/op/definition.hpp>
#include <xquant/model/op/op.hpp>

#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// Inputs of equal type, rank and extents but for `axis`, whose extents add up. ONNX Concat, opset 11.
inline node_function prepare_concat(node_context& context) {
  context.expect_arity(1, static_cast<std::size_t>(-1));
  if (!context.has_attribute("axis")) context.malformed("attribute 'axis' is missing");
  shape out = context.input_shape(0);
  const std::size_t axis = context.axis_of(context.integer("axis", 0), out.rank);
  for (std::size_t i = 1; i < context.input_count(); ++i) {
    if (!context.has_input(i)) context.malformed("input " + std::to_string(i) + " is left out");
    context.expect_type(i, context.input_type(0));
    const shape& s = context.input_shape(i);
    bool fits = s.rank == out.rank;
    for (std::size_t d = 0; fits && d < s.rank; ++d) fits = d == axis || s[d] == out[d];
    if (!fits)
      context.malformed(context.input_name(i) + " has shape " + to_text(s) + "; expected " + to_text(out) +
                        " but for dimension " + std::to_string(axis));
    out[axis] += s[axis];
  }
  context.set_output(0, context.input_type(0), out);

  std::size_t inner = size_of(context.input_type(0));
  for (std::size_t d = axis + 1; d < out.rank; ++d) inner *= out[d];
  std::size_t outer = 1;
  for (std::size_t d = 0; d < axis; ++d) outer *= out[d];
  std::vector<std::size_t> blocks;
  for (std::size_t i = 0; i < context.input_count(); ++i) blocks.push_back(context.input_shape(i)[axis] * inner);
  return [=](node_arguments& arguments) {
    std::byte* to = arguments.output(0).mutable_bytes();
    for (std::size_t o = 0; o < outer; ++o)
      for (std::size_t i = 0; i < blocks.size(); ++i) {
        if (blocks[i] == 0) continue;
        std::memcpy(to, arguments.input(i).bytes() + o * blocks[i], blocks[i]);
        to += blocks[i];
      }
  };
}

inline constexpr op_definition concat_definition{.name = "Concat", .since = 11, .prepare = prepare_concat};

}  // namespace xquant::model
