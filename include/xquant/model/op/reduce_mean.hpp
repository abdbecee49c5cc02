// ReduceMean: the mean over some dimensions.
#pragma once

#include <xquant/model/op/definition.hpp>
#include <xquant/model/op/op.hpp>
#include <xquant/model/op/strided_loops.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// Mean over `axes` (attribute before opset 18, input 1 from then on; none means all, or with noop_with_empty_axes
/// nothing), summed in double. keepdims keeps them with extent 1.
inline node_function prepare_reduce_mean(node_context& context) {
  const bool axes_are_input = context.opset() >= 18;
  context.expect_arity(1, axes_are_input ? 2 : 1);
  context.expect_float(0);
  const shape& x = context.input_shape(0);
  const bool keep = context.flag("keepdims", true);
  const bool nothing = axes_are_input && context.flag("noop_with_empty_axes", false);
  std::vector<std::int64_t> axes;
  if (axes_are_input && context.has_input(1)) axes = context.constant_integers(1, "axes");
  if (!axes_are_input)
    if (const auto* listed = context.integers("axes")) axes = *listed;
  std::vector<bool> reduced = context.axis_set(axes, x.rank);
  if (axes.empty()) reduced.assign(x.rank, !nothing);
  shape out;
  strided_loops<2> loops;
  loops.extents = x;
  dense_steps(x, loops.step[1]);
  std::size_t count = 1;
  shape kept;
  kept.rank = x.rank;
  for (std::size_t d = 0; d < x.rank; ++d) {
    kept[d] = reduced[d] ? 1 : x[d];
    if (reduced[d]) count *= x[d];
    if (!reduced[d] || keep) out[out.rank++] = kept[d];
  }
  if (count == 0) context.malformed("mean over no elements of shape " + to_text(x));
  broadcast_steps(kept, x, loops.step[0]);
  loops.collapse();
  context.set_output(0, element_type::float32, out);
  const std::size_t results = out.size();
  return [=](node_arguments& arguments) {
    const float* in = arguments.input<float>(0);
    float* o = arguments.output<float>(0);
    std::vector<double> sums(results, 0.0);
    loops.for_each_run([&](const std::ptrdiff_t* offset, std::size_t length, const std::ptrdiff_t* step) {
      double* sum = sums.data() + offset[0];
      const float* from = in + offset[1];
      for (std::size_t i = 0; i < length; ++i, sum += step[0], from += step[1]) *sum += *from;
    });
    for (std::size_t i = 0; i < results; ++i) o[i] = static_cast<float>(sums[i] / static_cast<double>(count));
  };
}

inline constexpr op_definition reduce_mean_definition{
    .name = "ReduceMean", .since = 11, .prepare = prepare_reduce_mean, .inputs = {input_role::data, input_role::shape}};

}  // namespace xquant::model
