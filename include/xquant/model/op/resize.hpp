// Resize to the nearest element, any element type.
#pragma once

#include <xquant/model/op/definition.hpp>
#include <xquant/model/op/op.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

namespace detail {

// How a position of the output is placed among those of the input, and which of them it takes.
struct resize_rule {
  std::string coordinates;
  std::string nearest;

  // The place of output position `at`, in float32 as runtimes compute it.
  [[nodiscard]] float place(float at, float scale, float from, float to) const {
    if (coordinates == "asymmetric") return at / scale;
    if (coordinates == "align_corners") return to > 1 ? at * (from - 1) / (to - 1) : 0;
    if (coordinates == "tf_half_pixel_for_nn") return (at + 0.5f) / scale;
    if (coordinates == "pytorch_half_pixel" && !(to > 1)) return 0;
    if (coordinates != "half_pixel_symmetric") return (at + 0.5f) / scale - 0.5f;
    const float shift = from / 2 * (1 - to / (scale * from));
    return static_cast<float>(static_cast<double>(shift) +
                              (static_cast<double>(at) + 0.5) / static_cast<double>(scale) - 0.5);
  }
  [[nodiscard]] float nearest_to(float place) const {
    if (nearest == "floor") return std::floor(place);
    if (nearest == "ceil") return std::ceil(place);
    const float below = std::floor(place);
    const float rest = place - below;  // exact
    return rest > 0.5f || (rest == 0.5f && nearest == "round_prefer_ceil") ? below + 1 : below;
  }
  // For each position of an output dimension, the input position it repeats.
  [[nodiscard]] std::vector<std::size_t> sources(float scale, std::size_t from, std::size_t to) const {
    std::vector<std::size_t> source(to);
    for (std::size_t i = 0; i < to; ++i) {
      // A scale of 1 leaves the dimension as it is, whatever the rule.
      const float nearest_place =
          scale == 1
              ? static_cast<float>(i)
              : nearest_to(place(static_cast<float>(i), scale, static_cast<float>(from), static_cast<float>(to)));
      const float last = static_cast<float>(from - 1);
      source[i] = static_cast<std::size_t>(nearest_place < 0 ? 0 : nearest_place > last ? last : nearest_place);
    }
    return source;
  }
};

// A text attribute that must be one of `known`.
inline std::string choice(node_context& context, const char* name, const char* otherwise,
                          const std::vector<std::string>& known) {
  std::string value = context.text(name, otherwise);
  std::string list;
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (value == known[i]) return value;
    list += (i == 0 ? "" : i + 1 == known.size() ? " or " : ", ") + known[i];
  }
  context.unsupported("attribute '" + std::string(name) + "' = " + in_quotes(value) + "; expected " + list);
}

}  // namespace detail

/// Output position i of a dimension takes the element of the input nearest to the place that the coordinate
/// transformation gives it, held to the input: mode `nearest` with every nearest_mode, and every transformation but
/// tf_crop_and_resize. `scales` (input 2) or `sizes` (input 3) must be constant; with scales an extent becomes
/// floor(extent * scale) and the place is worked out with the scale as given, with sizes the scale is the quotient of
/// the extents (opset 18: of all dimensions the smallest or largest, when keep_aspect_ratio_policy says so); in
/// float32. The modes linear and cubic are refused. ONNX Resize, opsets 11, 13, 18, 19.
inline node_function prepare_resize(node_context& context) {
  context.expect_arity(1, 4);
  const shape& x = context.input_shape(0);
  const std::int64_t opset = context.opset();
  (void)detail::choice(context, "mode", "nearest", {"nearest"});
  std::vector<std::string> transformations{"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"};
  if (opset < 13) transformations.emplace_back("tf_half_pixel_for_nn");
  if (opset >= 19) transformations.emplace_back("half_pixel_symmetric");
  detail::resize_rule rule;
  rule.coordinates = detail::choice(context, "coordinate_transformation_mode", "half_pixel", transformations);
  rule.nearest = detail::choice(context, "nearest_mode", "round_prefer_floor",
                                {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"});
  // These speak of the other modes.
  (void)context.number("cubic_coeff_a", -0.75f);
  (void)context.number("extrapolation_value", 0);
  if (context.flag("exclude_outside", false)) context.unsupported("exclude_outside = 1 beside mode 'nearest'");
  std::vector<std::int64_t> listed;
  std::string policy = "stretch";
  if (opset >= 18) {
    if (context.flag("antialias", false)) context.unsupported("antialias = 1 beside mode 'nearest'");
    policy = detail::choice(context, "keep_aspect_ratio_policy", "stretch", {"stretch", "not_larger", "not_smaller"});
    if (const auto* axes = context.integers("axes")) listed = *axes;
  }
  std::vector<std::size_t> axes;
  if (listed.empty())
    for (std::size_t d = 0; d < x.rank; ++d) axes.push_back(d);
  (void)context.axis_set(listed, x.rank);
  for (const std::int64_t axis : listed) axes.push_back(context.axis_of(axis, x.rank, "axes"));

  const auto given = [&](std::size_t i) { return context.has_input(i) && context.input_shape(i).size() != 0; };
  const auto expect_one_an_axis = [&](std::size_t i, const char* meaning) {
    const shape& s = context.input_shape(i);
    if (s.rank != 1 || s[0] != axes.size())
      context.malformed(std::string(meaning) + " has shape " + to_text(s) + "; expected [" +
                        std::to_string(axes.size()) + "]");
  };
  if (given(2) == given(3))
    context.malformed(given(2) ? "both scales and sizes are given" : "neither scales nor sizes are given");
  constexpr float limit = 0x1p30f;
  std::vector<float> scales(x.rank, 1.0f);
  shape out = x;
  if (given(2)) {
    context.expect_float(2);
    expect_one_an_axis(2, "scales");
    const tensor* values = context.input(2).constant;
    if (values == nullptr)
      context.unsupported("scales (" + context.input_name(2) +
                          ") is computed from the network's inputs; expected a constant");
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const float scale = values->data<float>()[i];
      const float extent = static_cast<float>(x[axes[i]]) * scale;
      if (!(scale > 0) || !(extent <= limit))
        context.malformed("scales has " + std::to_string(scale) + " for extent " + std::to_string(x[axes[i]]) +
                          "; expected a positive number that gives an extent up to 2^30");
      scales[axes[i]] = scale;
      out[axes[i]] = static_cast<std::size_t>(extent);
    }
  } else {
    const std::vector<std::int64_t> sizes = context.constant_integers(3, "sizes");
    expect_one_an_axis(3, "sizes");
    std::optional<float> common;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const std::size_t d = axes[i];
      if (sizes[i] < 0 || sizes[i] > (std::int64_t{1} << 30))
        context.malformed("sizes has " + std::to_string(sizes[i]) + "; expected 0 to 2^30");
      out[d] = static_cast<std::size_t>(sizes[i]);
      if (x[d] == 0) continue;
      scales[d] = static_cast<float>(out[d]) / static_cast<float>(x[d]);
      if (!common || (policy == "not_larger" ? scales[d] < *common : scales[d] > *common)) common = scales[d];
    }
    if (policy != "stretch" && common)
      for (const std::size_t d : axes) {
        scales[d] = *common;
        out[d] = static_cast<std::size_t>(std::floor(*common * static_cast<float>(x[d]) + 0.5f));
      }
  }
  for (std::size_t d = 0; d < x.rank; ++d)
    if (x[d] == 0 && out[d] != 0)
      context.malformed("input has shape " + to_text(x) + "; expected elements in dimension " + std::to_string(d) +
                        ", which is resized to " + std::to_string(out[d]));
  context.set_output(0, context.input_type(0), out);
  if (std::all_of(scales.begin(), scales.end(), [](float s) { return s == 1; }))
    return [](node_arguments& arguments) { arguments.share(0, 0); };

  const std::size_t width = size_of(context.input_type(0));
  return [x, out, scales, rule, width](node_arguments& arguments) {
    const std::byte* from = arguments.input(0).bytes();
    std::byte* to = arguments.output(0).mutable_bytes();
    if (out.size() == 0) return;
    std::vector<std::vector<std::size_t>> sources;
    for (std::size_t d = 0; d < out.rank; ++d) sources.push_back(rule.sources(scales[d], x[d], out[d]));
    const std::size_t inner = out.rank - 1;
    const std::size_t row = out[inner] * width;
    std::size_t step[max_rank] = {};
    for (std::size_t d = out.rank, next = width; d-- > 0; next *= x[d]) step[d] = next;
    std::size_t index[max_rank] = {};
    const std::byte* last = nullptr;  // the input's row that the output's row before this one was made of
    for (;;) {
      const std::byte* start = from;
      for (std::size_t d = 0; d < inner; ++d) start += sources[d][index[d]] * step[d];
      if (start == last) {
        std::memcpy(to, to - row, row);
      } else if (width == 4) {
        for (std::size_t i = 0; i < out[inner]; ++i) std::memcpy(to + i * 4, start + sources[inner][i] * 4, 4);
      } else {
        for (std::size_t i = 0; i < out[inner]; ++i)
          std::memcpy(to + i * width, start + sources[inner][i] * width, width);
      }
      last = start;
      to += row;
      std::size_t d = inner;
      for (; d > 0; --d) {
        if (++index[d - 1] < out[d - 1]) break;
        index[d - 1] = 0;
      }
      if (d == 0) return;
    }
  };
}

inline constexpr op_definition resize_definition{.name = "Resize",
                                                 .since = 11,
                                                 .prepare = prepare_resize,
                                                 .inputs = {input_role::data, input_role::shape},
                                                 .passes_of = [](const node& n) {
                                                   const auto* mode = attribute_of<std::string>(n, "mode");
                                                   return mode == nullptr || *mode == "nearest" ? values_passed::some
                                                                                                : values_passed::none;
                                                 }};

}  // namespace xquant::model
