// Shape: the extents of a tensor, known as soon as the input shapes are.
#pragma once

#include <xquant/model/op/definition.hpp>
#include <xquant/model/op/op.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// Extents start..end (opset 15; counted from the back when negative, clamped), int64.
inline node_function prepare_shape(node_context& context) {
  context.expect_arity(1, 1);
  const shape& x = context.input_shape(0);
  const auto rank = static_cast<std::int64_t>(x.rank);
  std::int64_t first = context.opset() >= 15 ? context.integer("start", 0) : 0;
  std::int64_t last = context.opset() >= 15 ? context.integer("end", rank) : rank;
  const auto clamp = [rank](std::int64_t v) {
    if (v < 0) v = v < -rank ? 0 : v + rank;
    return v > rank ? rank : v;
  };
  first = clamp(first);
  last = clamp(last);
  std::vector<std::int64_t> extents;
  for (std::int64_t d = first; d < last; ++d)
    extents.push_back(static_cast<std::int64_t>(x[static_cast<std::size_t>(d)]));
  context.set_constant_output(0, tensor::of(shape(extents.size()), extents));
  return {};
}

inline constexpr op_definition shape_definition{.name = "Shape",
                                                .since = 11,
                                                .prepare = prepare_shape,
                                                .inputs = {input_role::shape},
                                                .passes = values_passed::no_data};

}  // namespace xquant::model
