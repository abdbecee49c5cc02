// Split: a tensor of any element type cut along one axis.
#pragma once

#include <xquant/model/op/definition.hpp>
#include <xquant/model/op/op.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// Lengths from input 1 (attribute `split` before opset 13); otherwise equal parts, as many as there are outputs, or
/// `num_outputs` of which the last may be smaller (opset 18).
inline node_function prepare_split(node_context& context) {
  constexpr auto any = static_cast<std::size_t>(-1);
  context.expect_arity(1, context.opset() < 13 ? 1 : 2, 1, any);
  const shape& x = context.input_shape(0);
  const std::size_t axis = context.axis_of(context.integer("axis", 0), x.rank);
  const std::size_t parts = context.output_count();
  std::vector<std::size_t> lengths;
  const bool counted = context.opset() >= 18 && context.has_attribute("num_outputs");
  const std::int64_t count = context.opset() >= 18 ? context.integer("num_outputs", 0) : 0;
  if (counted && context.has_input(1)) context.malformed("both 'num_outputs' and the input 'split' are given");
  if (const auto given = context.attribute_or_input("split", 1, 13)) {
    std::size_t sum = 0;
    for (const std::int64_t length : *given) {
      if (length < 0 || static_cast<std::size_t>(length) > x[axis])
        context.malformed("split has length " + std::to_string(length) + "; expected 0 to " + std::to_string(x[axis]));
      lengths.push_back(static_cast<std::size_t>(length));
      sum += lengths.back();
    }
    if (lengths.size() != parts || sum != x[axis])
      context.malformed("split has " + std::to_string(lengths.size()) + " lengths with sum " + std::to_string(sum) +
                        "; expected " + std::to_string(parts) + " with sum " + std::to_string(x[axis]));
  } else if (counted) {
    if (count < 1 || static_cast<std::size_t>(count) != parts)
      context.bad_attribute("num_outputs", std::to_string(count), "the node's " + std::to_string(parts) + " outputs");
    const std::size_t chunk = (x[axis] + parts - 1) / parts;
    std::size_t left = x[axis];
    for (std::size_t i = 0; i < parts; ++i) {
      lengths.push_back(chunk < left ? chunk : left);
      left -= lengths.back();
    }
  } else {
    if (x[axis] % parts != 0)
      context.malformed("dimension " + std::to_string(axis) + " of " + to_text(x) + " does not divide into " +
                        std::to_string(parts) + " equal parts");
    lengths.assign(parts, x[axis] / parts);
  }
  for (std::size_t i = 0; i < parts; ++i) {
    shape out = x;
    out[axis] = lengths[i];
    context.set_output(i, context.input_type(0), out);
  }

  std::size_t inner = size_of(context.input_type(0));
  for (std::size_t d = axis + 1; d < x.rank; ++d) inner *= x[d];
  std::size_t outer = 1;
  for (std::size_t d = 0; d < axis; ++d) outer *= x[d];
  const std::size_t row = x[axis] * inner;
  return [=](node_arguments& arguments) {
    const std::byte* from = arguments.input(0).bytes();
    std::size_t start = 0;
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      const std::size_t block = lengths[i] * inner;
      std::byte* to = arguments.output(i).mutable_bytes();
      if (block != 0)
        for (std::size_t o = 0; o < outer; ++o) std::memcpy(to + o * block, from + o * row + start, block);
      start += block;
    }
  };
}

inline constexpr op_definition split_definition{.name = "Split",
                                                .since = 11,
                                                .prepare = prepare_split,
                                                .inputs = {input_role::data, input_role::shape},
                                                .passes = values_passed::some};

}  // namespace xquant::model
