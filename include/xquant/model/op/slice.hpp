// Slice: a range with a step along some axes, any element type.
#pragma once

#include <xquant/model/op/definition.hpp>
#include <xquant/model/op/op.hpp>
#include <xquant/model/op/strided_loops.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// numpy's slicing: starts, ends (inputs 1, 2), axes and steps (3, 4, optional); bounds count from the back when
/// negative and are clamped, a negative step walks backwards. ONNX Slice, opset 11.
inline node_function prepare_slice(node_context& context) {
  context.expect_arity(3, 5);
  const shape& x = context.input_shape(0);
  const std::vector<std::int64_t> starts = context.constant_integers(1, "starts");
  const std::vector<std::int64_t> ends = context.constant_integers(2, "ends");
  std::vector<std::int64_t> axes;
  if (context.has_input(3))
    axes = context.constant_integers(3, "axes");
  else
    for (std::size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  std::vector<std::int64_t> steps(starts.size(), 1);
  if (context.has_input(4)) steps = context.constant_integers(4, "steps");
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    context.malformed("starts, ends, axes and steps have " + std::to_string(starts.size()) + ", " +
                      std::to_string(ends.size()) + ", " + std::to_string(axes.size()) + " and " +
                      std::to_string(steps.size()) + " values; expected equally many");
  (void)context.axis_set(axes, x.rank);
  shape out = x;
  strided_loops<2> loops;
  dense_steps(x, loops.step[1]);
  std::ptrdiff_t first = 0;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::size_t d = context.axis_of(axes[i], x.rank);
    const auto extent = static_cast<std::int64_t>(x[d]);
    const std::int64_t step = steps[i];
    if (step == 0) context.malformed("steps has 0; expected a positive or negative number");
    const auto clamp = [extent](std::int64_t v, std::int64_t low, std::int64_t high) {
      if (v < 0) v = v < -extent ? low : v + extent;
      return v < low ? low : v > high ? high : v;
    };
    const std::int64_t start = step > 0 ? clamp(starts[i], 0, extent) : clamp(starts[i], 0, extent - 1);
    const std::int64_t end = step > 0 ? clamp(ends[i], 0, extent) : clamp(ends[i], -1, extent - 1);
    std::uint64_t count = 0;
    if (extent > 0 && step > 0 && end > start)
      count = (static_cast<std::uint64_t>(end - start) - 1) / static_cast<std::uint64_t>(step) + 1;
    if (extent > 0 && step < 0 && end < start)
      count = (static_cast<std::uint64_t>(start - end) - 1) / (std::uint64_t{0} - static_cast<std::uint64_t>(step)) + 1;
    out[d] = static_cast<std::size_t>(count);
    if (count > 0) first += static_cast<std::ptrdiff_t>(start) * loops.step[1][d];
    // A step past the extent is never taken; keeping it small keeps the product from overflowing.
    loops.step[1][d] *= count > 1 ? static_cast<std::ptrdiff_t>(step) : 1;
  }
  loops.extents = out;
  dense_steps(out, loops.step[0]);
  context.set_output(0, context.input_type(0), out);
  const std::size_t width = size_of(context.input_type(0));
  if (out.size() == 0) return [](node_arguments& arguments) { (void)arguments.output(0); };
  loops.collapse();
  return [=](node_arguments& arguments) {
    copy_elements(loops, arguments.input(0).bytes() + first * static_cast<std::ptrdiff_t>(width),
                  arguments.output(0).mutable_bytes(), width);
  };
}

inline constexpr op_definition slice_definition{.name = "Slice",
                                                .since = 11,
                                                .prepare = prepare_slice,
                                                .inputs = {input_role::data, input_role::shape},
                                                .passes = values_passed::some};

}  // namespace xquant::model
