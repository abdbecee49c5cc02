// Conv: one to three spatial dimensions, groups, strides, dilations, every padding form.
#pragma once

#include <xquant/engines/blas/gemm.hpp>
#include <xquant/model/op/definition.hpp>
#include <xquant/model/op/op.hpp>
#include <xquant/model/op/window.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

namespace detail {

// Columns of a convolution: row (channel, tap), column output position; positions in the padding are 0.
inline void image_to_columns(const float* image, std::size_t channels, const window& w, float* columns) {
  const std::ptrdiff_t plane = w.inputs();
  for (std::size_t c = 0; c < channels; ++c, image += plane)
    for (std::ptrdiff_t kd = 0; kd < w.size[0]; ++kd)
      for (std::ptrdiff_t kh = 0; kh < w.size[1]; ++kh)
        for (std::ptrdiff_t kw = 0; kw < w.size[2]; ++kw) {
          const std::ptrdiff_t offset = kw * w.dilation[2] - w.pad_begin[2];
          const valid_range inside = valid_outputs(offset, w.stride[2], w.input[2], w.output[2]);
          for (std::ptrdiff_t od = 0; od < w.output[0]; ++od) {
            const std::ptrdiff_t id = od * w.stride[0] + kd * w.dilation[0] - w.pad_begin[0];
            for (std::ptrdiff_t oh = 0; oh < w.output[1]; ++oh, columns += w.output[2]) {
              const std::ptrdiff_t ih = oh * w.stride[1] + kh * w.dilation[1] - w.pad_begin[1];
              if (id < 0 || id >= w.input[0] || ih < 0 || ih >= w.input[1]) {
                for (std::ptrdiff_t ow = 0; ow < w.output[2]; ++ow) columns[ow] = 0;
                continue;
              }
              const float* row = image + (id * w.input[1] + ih) * w.input[2];
              for (std::ptrdiff_t ow = 0; ow < inside.first; ++ow) columns[ow] = 0;
              if (w.stride[2] == 1)
                for (std::ptrdiff_t ow = inside.first; ow < inside.last; ++ow) columns[ow] = row[ow + offset];
              else
                for (std::ptrdiff_t ow = inside.first; ow < inside.last; ++ow)
                  columns[ow] = row[ow * w.stride[2] + offset];
              for (std::ptrdiff_t ow = inside.last; ow < w.output[2]; ++ow) columns[ow] = 0;
            }
          }
        }
}

// One input plane under one kernel, added to one output plane.
inline void convolve_plane(const float* image, const float* weight, const window& w, float* out) {
  for (std::ptrdiff_t kd = 0; kd < w.size[0]; ++kd)
    for (std::ptrdiff_t kh = 0; kh < w.size[1]; ++kh)
      for (std::ptrdiff_t kw = 0; kw < w.size[2]; ++kw) {
        const float tap = *weight++;
        const std::ptrdiff_t offset = kw * w.dilation[2] - w.pad_begin[2];
        const std::ptrdiff_t step = w.stride[2];
        const valid_range deep =
            valid_outputs(kd * w.dilation[0] - w.pad_begin[0], w.stride[0], w.input[0], w.output[0]);
        const valid_range high =
            valid_outputs(kh * w.dilation[1] - w.pad_begin[1], w.stride[1], w.input[1], w.output[1]);
        const valid_range wide = valid_outputs(offset, step, w.input[2], w.output[2]);
        for (std::ptrdiff_t od = deep.first; od < deep.last; ++od)
          for (std::ptrdiff_t oh = high.first; oh < high.last; ++oh) {
            const std::ptrdiff_t id = od * w.stride[0] + kd * w.dilation[0] - w.pad_begin[0];
            const std::ptrdiff_t ih = oh * w.stride[1] + kh * w.dilation[1] - w.pad_begin[1];
            const float* from = image + (id * w.input[1] + ih) * w.input[2];
            float* to = out + (od * w.output[1] + oh) * w.output[2];
            if (step == 1)
              for (std::ptrdiff_t ow = wide.first; ow < wide.last; ++ow) to[ow] += tap * from[ow + offset];
            else
              for (std::ptrdiff_t ow = wide.first; ow < wide.last; ++ow) to[ow] += tap * from[ow * step + offset];
          }
      }
}

inline std::size_t group_of(node_context& context) {
  const std::int64_t group = context.integer("group", 1);
  if (group < 1) context.bad_attribute("group", std::to_string(group), "at least 1");
  return static_cast<std::size_t>(group);
}

}  // namespace detail

/// Y[n, o, p] = B[o] + sum over c of the group, taps t: W[o, c, t] * X[n, c, p * stride + t * dilation - pad].
/// X [N, C, spatial...], W [O, C / group, kernel...], B [O] optional. ONNX Conv, opset 11.
inline node_function prepare_convolution(node_context& context) {
  context.expect_arity(2, 3);
  for (std::size_t i = 0; i < context.input_count(); ++i)
    if (context.has_input(i)) context.expect_float(i);
  context.expect_rank(0, 3, 5);
  const shape& x = context.input_shape(0);
  const shape& weight = context.input_shape(1);
  context.expect_rank(1, x.rank, x.rank);
  const std::size_t groups = detail::group_of(context);
  const std::size_t channels = x[1];
  const std::size_t outputs = weight[0];
  if (channels % groups != 0 || outputs % groups != 0)
    context.bad_attribute(
        "group", std::to_string(groups),
        "a divisor of " + std::to_string(channels) + " input and " + std::to_string(outputs) + " output channels");
  const std::size_t group_channels = channels / groups;
  const std::size_t group_outputs = outputs / groups;
  if (weight[1] != group_channels)
    context.malformed("weight has shape " + to_text(weight) + "; expected " + std::to_string(group_channels) +
                      " in dimension 1 (" + std::to_string(channels) + " input channels, group " +
                      std::to_string(groups) + ")");
  if (context.has_input(2)) context.expect_vector(2, outputs);
  window_reader reader(context, x.rank - 2);
  reader.kernel_from(&weight);
  const window w = reader.forward(false);
  context.set_output(0, element_type::float32, reader.output_shape(outputs, w.output));

  const std::size_t batch = x[0];
  return [=](node_arguments& arguments) {
    const auto in_plane = static_cast<std::size_t>(w.inputs());
    const auto out_plane = static_cast<std::size_t>(w.outputs());
    const auto taps = static_cast<std::size_t>(w.taps());
    const std::size_t depth = group_channels * taps;
    const float* image = arguments.input<float>(0);
    const float* all_weights = arguments.input<float>(1);
    const float* bias = arguments.has_input(2) ? arguments.input<float>(2) : nullptr;
    float* out = arguments.output<float>(0);
    const bool depthwise = group_channels == 1;
    std::vector<float> columns(depthwise || w.pointwise() ? 0 : depth * out_plane);
    for (std::size_t n = 0; n < batch; ++n)
      for (std::size_t g = 0; g < groups; ++g) {
        for (std::size_t o = 0; o < group_outputs; ++o) {
          const float start = bias ? bias[g * group_outputs + o] : 0.0f;
          for (std::size_t i = 0; i < out_plane; ++i) out[o * out_plane + i] = start;
        }
        const float* weights = all_weights + g * group_outputs * depth;
        if (depthwise) {
          for (std::size_t o = 0; o < group_outputs; ++o)
            detail::convolve_plane(image, weights + o * taps, w, out + o * out_plane);
        } else {
          const float* right = image;
          if (!w.pointwise()) {
            detail::image_to_columns(image, group_channels, w, columns.data());
            right = columns.data();
          }
          blas::gemm(false, false, group_outputs, out_plane, depth, 1, weights, depth, right, out_plane, 1, out,
                     out_plane);
        }
        image += group_channels * in_plane;
        out += group_outputs * out_plane;
      }
  };
}

namespace detail {

// Whether a layer reads its input with nothing added around it.
inline bool pads_nothing(const node& layer) {
  const auto pads = layer.attributes.find("pads");
  if (pads != layer.attributes.end()) {
    const auto* values = std::get_if<std::vector<std::int64_t>>(&pads->second);
    if (values == nullptr) return false;
    for (const std::int64_t p : *values)
      if (p != 0) return false;
  }
  const auto automatic = layer.attributes.find("auto_pad");
  if (automatic == layer.attributes.end()) return true;
  const auto* text = std::get_if<std::string>(&automatic->second);
  return text != nullptr && (*text == "NOTSET" || *text == "VALID");
}

inline std::optional<weighted_sum> sum_of_convolution(const node& n, const shape& weight) {
  if (weight.rank < 2 || weight.size() == 0) return {};
  const std::size_t taps = weight.size() / (weight[0] * weight[1]);
  weighted_sum result{ptq::weight_layout::output_first(weight[0], weight[1] * taps), {}};
  if (attribute_or<std::int64_t>(n, "group", 1) == 1 && pads_nothing(n))
    result.inputs = ptq::input_layout::output_first(weight[0], weight[1], taps);
  return result;
}

}  // namespace detail

inline constexpr op_definition convolution_definition{
    .name = "Conv",
    .since = 11,
    .prepare = prepare_convolution,
    .inputs = {input_role::data, input_role::factor, input_role::bias},
    .channel_axis = [](const node&, std::size_t, const shape&) -> std::optional<std::size_t> { return 0; },
    .sum = detail::sum_of_convolution};

}  // namespace xquant::model
