// ConvTranspose: one to three spatial dimensions, groups, strides, dilations, output_padding, output_shape, auto_pad.
#pragma once

#include <xquant/engines/blas/gemm.hpp>
#include <xquant/model/op/convolution.hpp>
#include <xquant/model/op/definition.hpp>
#include <xquant/model/op/op.hpp>
#include <xquant/model/op/window.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

namespace detail {

// The transpose of image_to_columns: columns are added to where they were taken from.
inline void add_columns_to_image(const float* columns, std::size_t channels, const window& w, float* image) {
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
              if (id < 0 || id >= w.input[0] || ih < 0 || ih >= w.input[1]) continue;
              float* row = image + (id * w.input[1] + ih) * w.input[2];
              for (std::ptrdiff_t ow = inside.first; ow < inside.last; ++ow)
                row[ow * w.stride[2] + offset] += columns[ow];
            }
          }
        }
}

}  // namespace detail

/// The gradient of a convolution with respect to its input: each X[n, c, p] adds W[c, o, t] * X to
/// Y[n, o, p * stride + t * dilation - pad]. X [N, C, spatial...], W [C, O / group, kernel...], B [O] optional.
/// ONNX ConvTranspose, opset 11.
inline node_function prepare_transposed_convolution(node_context& context) {
  context.expect_arity(2, 3);
  for (std::size_t i = 0; i < context.input_count(); ++i)
    if (context.has_input(i)) context.expect_float(i);
  context.expect_rank(0, 3, 5);
  const shape& x = context.input_shape(0);
  const shape& weight = context.input_shape(1);
  context.expect_rank(1, x.rank, x.rank);
  const std::size_t groups = detail::group_of(context);
  const std::size_t channels = x[1];
  if (channels % groups != 0)
    context.bad_attribute("group", std::to_string(groups), "a divisor of " + std::to_string(channels) + " channels");
  if (weight[0] != channels)
    context.malformed("weight has shape " + to_text(weight) + "; expected " + std::to_string(channels) +
                      " in dimension 0");
  const std::size_t group_channels = channels / groups;
  const std::size_t group_outputs = weight[1];
  const std::size_t outputs = group_outputs * groups;
  if (context.has_input(2)) context.expect_vector(2, outputs);
  window_reader reader(context, x.rank - 2);
  reader.kernel_from(&weight);
  const window w = reader.transposed();
  context.set_output(0, element_type::float32, reader.output_shape(outputs, w.input));

  const std::size_t batch = x[0];
  return [=](node_arguments& arguments) {
    const auto out_plane = static_cast<std::size_t>(w.inputs());
    const auto in_plane = static_cast<std::size_t>(w.outputs());
    const std::size_t rows = group_outputs * static_cast<std::size_t>(w.taps());
    const float* image = arguments.input<float>(0);
    const float* weights = arguments.input<float>(1);
    const float* bias = arguments.has_input(2) ? arguments.input<float>(2) : nullptr;
    float* out = arguments.output<float>(0);
    std::vector<float> columns(rows * in_plane);
    for (std::size_t n = 0; n < batch; ++n)
      for (std::size_t g = 0; g < groups; ++g) {
        for (std::size_t o = 0; o < group_outputs; ++o) {
          const float start = bias ? bias[g * group_outputs + o] : 0.0f;
          for (std::size_t i = 0; i < out_plane; ++i) out[o * out_plane + i] = start;
        }
        blas::gemm(true, false, rows, in_plane, group_channels, 1, weights + g * group_channels * rows, rows, image,
                   in_plane, 0, columns.data(), in_plane);
        detail::add_columns_to_image(columns.data(), group_outputs, w, out);
        image += group_channels * in_plane;
        out += group_outputs * out_plane;
      }
  };
}

namespace detail {

// Its slices along axis 1 are channels of every group; where each channel is a group of its own they lie along axis 0.
inline std::optional<std::size_t> channel_axis_of_transposed(const node& n, std::size_t, const shape& s) {
  const std::int64_t groups = attribute_or<std::int64_t>(n, "group", 1);
  const bool depthwise = groups > 1 && s[1] == 1 && s[0] == static_cast<std::size_t>(groups);
  return depthwise ? 0 : 1;
}

inline std::optional<weighted_sum> sum_of_transposed(const node& n, const shape& weight) {
  if (weight.rank < 2 || weight.size() == 0) return {};
  const std::int64_t groups = attribute_or<std::int64_t>(n, "group", 1);
  if (groups < 1 || weight[0] % static_cast<std::size_t>(groups) != 0) return {};
  const std::size_t taps = weight.size() / (weight[0] * weight[1]);
  return weighted_sum{ptq::weight_layout::transposed(weight[0], static_cast<std::size_t>(groups), weight[1], taps), {}};
}

}  // namespace detail

inline constexpr op_definition transposed_convolution_definition{
    .name = "ConvTranspose",
    .since = 11,
    .prepare = prepare_transposed_convolution,
    .inputs = {input_role::data, input_role::factor, input_role::bias},
    .channel_axis = detail::channel_axis_of_transposed,
    .sum = detail::sum_of_transposed};

}  // namespace xquant::model
