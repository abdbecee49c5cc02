// Pad: constant, reflect, edge and wrap, any element type; negative pads cut off.
#pragma once

#include <xquant/model/op/definition.hpp>
#include <xquant/model/op/op.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

namespace detail {

// One dimension of a Pad: what is cut off (negative pads), then what is added.
struct padded_dimension {
  std::ptrdiff_t cut = 0;     // elements dropped at the front
  std::ptrdiff_t kept = 0;    // elements of the input that remain
  std::ptrdiff_t before = 0;  // elements added in front of them
  std::ptrdiff_t total = 0;
};

inline padded_dimension padded(const node_context& context, const std::string& mode, std::ptrdiff_t extent,
                               std::ptrdiff_t before, std::ptrdiff_t after) {
  padded_dimension d;
  d.cut = before < 0 ? -before : 0;
  d.kept = extent - d.cut + (after < 0 ? after : 0);
  d.before = before > 0 ? before : 0;
  d.total = extent + before + after;
  if (d.kept < 0 || d.total < 0)
    context.malformed("pads " + std::to_string(before) + " and " + std::to_string(after) +
                      " cut more than a dimension of extent " + std::to_string(extent) + " has");
  if (d.kept == 0 && d.total > 0 && mode != "constant")
    context.malformed("mode '" + mode + "' pads an empty dimension, where there is nothing to repeat");
  return d;
}

// For each position of a padded dimension, the input position it repeats, or -1 for the constant.
inline std::vector<std::ptrdiff_t> padded_sources(const std::string& mode, const padded_dimension& d) {
  std::vector<std::ptrdiff_t> source(static_cast<std::size_t>(d.total));
  std::ptrdiff_t next = -d.before;
  for (std::ptrdiff_t& place : source) {
    std::ptrdiff_t p = next++;
    if (p < 0 || p >= d.kept) {
      if (mode == "constant") {
        place = -1;
        continue;
      }
      if (mode == "edge") {
        p = p < 0 ? 0 : d.kept - 1;
      } else if (mode == "wrap") {
        p = (p % d.kept + d.kept) % d.kept;
      } else {
        const std::ptrdiff_t period = d.kept > 1 ? 2 * (d.kept - 1) : 1;
        p = (p % period + period) % period;
        if (p >= d.kept) p = period - p;
      }
    }
    place = p + d.cut;
  }
  return source;
}

}  // namespace detail

/// Pads from input 1 (befores, then afters; of all dimensions, or of those in `axes`, input 3, opset 18), constant from
/// input 2. Reflection leaves the edge out, as numpy's does. ONNX Pad, opsets 11, 13, 18, 19 (wrap), 21.
inline node_function prepare_pad(node_context& context) {
  context.expect_arity(2, context.opset() >= 18 ? 4 : 3);
  const shape& x = context.input_shape(0);
  const element_type type = context.input_type(0);
  const std::string mode = context.text("mode", "constant");
  if (mode != "constant" && mode != "reflect" && mode != "edge" && !(mode == "wrap" && context.opset() >= 19))
    context.bad_attribute("mode", "'" + mode + "'",
                          context.opset() >= 19 ? "constant, reflect, edge or wrap" : "constant, reflect or edge");
  const std::vector<std::int64_t> pads = context.constant_integers(1, "pads");
  if (context.has_input(2)) {
    context.expect_type(2, type);
    if (context.input_shape(2).size() != 1)
      context.malformed("constant_value has shape " + to_text(context.input_shape(2)) + "; expected a scalar");
  }
  std::vector<std::size_t> axes;
  if (context.has_input(3)) {
    const std::vector<std::int64_t> listed = context.constant_integers(3, "axes");
    (void)context.axis_set(listed, x.rank);
    for (const std::int64_t axis : listed) axes.push_back(context.axis_of(axis, x.rank, "axes"));
  } else {
    for (std::size_t d = 0; d < x.rank; ++d) axes.push_back(d);
  }
  if (pads.size() != 2 * axes.size())
    context.malformed("pads has " + std::to_string(pads.size()) + " values; expected " +
                      std::to_string(2 * axes.size()));
  std::vector<std::int64_t> before(x.rank, 0);
  std::vector<std::int64_t> after(x.rank, 0);
  constexpr std::int64_t limit = std::int64_t{1} << 30;
  for (std::size_t i = 0; i < pads.size(); ++i)
    if (pads[i] < -limit || pads[i] > limit)
      context.malformed("pads has " + std::to_string(pads[i]) + "; expected -2^30 to 2^30");
  for (std::size_t i = 0; i < axes.size(); ++i) {
    before[axes[i]] = pads[i];
    after[axes[i]] = pads[i + axes.size()];
  }
  std::vector<detail::padded_dimension> dimensions;
  shape out = x;
  for (std::size_t d = 0; d < x.rank; ++d) {
    dimensions.push_back(detail::padded(context, mode, static_cast<std::ptrdiff_t>(x[d]),
                                        static_cast<std::ptrdiff_t>(before[d]), static_cast<std::ptrdiff_t>(after[d])));
    out[d] = static_cast<std::size_t>(dimensions.back().total);
  }
  context.set_output(0, type, out);
  if (out.rank == 0) return [](node_arguments& arguments) { arguments.share(0, 0); };

  const std::size_t width = size_of(type);
  return [=](node_arguments& arguments) {
    const std::byte* from = arguments.input(0).bytes();
    std::byte* to = arguments.output(0).mutable_bytes();
    std::byte constant[8] = {};
    if (arguments.has_input(2)) std::memcpy(constant, arguments.input(2).bytes(), width);
    if (out.size() == 0) return;
    std::vector<std::vector<std::ptrdiff_t>> sources;
    for (const detail::padded_dimension& d : dimensions) sources.push_back(detail::padded_sources(mode, d));
    const std::size_t inner = out.rank - 1;
    std::ptrdiff_t step[max_rank] = {};
    for (std::size_t d = out.rank, next = 1; d-- > 0; next *= x[d]) step[d] = static_cast<std::ptrdiff_t>(next);
    std::size_t index[max_rank] = {};
    for (;;) {
      bool padding = false;
      std::ptrdiff_t start = 0;
      for (std::size_t d = 0; d < inner; ++d) {
        const std::ptrdiff_t source = sources[d][index[d]];
        padding = padding || source < 0;
        start += source * step[d];
      }
      for (const std::ptrdiff_t source : sources[inner]) {
        const bool outside = padding || source < 0;
        std::memcpy(to, outside ? constant : from + (start + source) * static_cast<std::ptrdiff_t>(width), width);
        to += width;
      }
      std::size_t d = inner;
      for (; d > 0; --d) {
        if (++index[d - 1] < out[d - 1]) break;
        index[d - 1] = 0;
      }
      if (d == 0) return;
    }
  };
}

inline constexpr op_definition pad_definition{
    .name = "Pad",
    .since = 11,
    .prepare = prepare_pad,
    .inputs = {input_role::data, input_role::shape, input_role::parameter, input_role::shape},
    .passes = values_passed::some};

}  // namespace xquant::model
