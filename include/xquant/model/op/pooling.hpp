// Pools: MaxPool and AveragePool over windows, GlobalMaxPool and GlobalAveragePool over everything.
#pragma once

#include <xquant/model/op/definition.hpp>
#include <xquant/model/op/op.hpp>
#include <xquant/model/op/window.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

namespace xquant::inline XQUANT_ABI::model {

namespace detail {

struct tap_range {
  std::ptrdiff_t start;  // of the window, in input coordinates
  std::ptrdiff_t first;  // taps [first, last) lie inside the input
  std::ptrdiff_t last;
  std::ptrdiff_t padded;  // taps inside the input or its padding
};
inline tap_range taps_of(const window& w, std::size_t d, std::ptrdiff_t out) {
  const std::ptrdiff_t start = out * w.stride[d] - w.pad_begin[d];
  const valid_range inside = valid_outputs(start, w.dilation[d], w.input[d], w.size[d]);
  return {
      start, inside.first, inside.last,
      valid_outputs(start + w.pad_begin[d], w.dilation[d], w.input[d] + w.pad_begin[d] + w.pad_end[d], w.size[d]).last};
}

// Calls visit(plane in, plane out, output position, taps of the three dimensions) for every window.
template <class Visit>
void for_each_window(const window& w, std::size_t planes, const float* in, float* out, Visit visit) {
  for (std::size_t plane = 0; plane < planes; ++plane, in += w.inputs())
    for (std::ptrdiff_t od = 0; od < w.output[0]; ++od) {
      const tap_range deep = taps_of(w, 0, od);
      for (std::ptrdiff_t oh = 0; oh < w.output[1]; ++oh) {
        const tap_range high = taps_of(w, 1, oh);
        for (std::ptrdiff_t ow = 0; ow < w.output[2]; ++ow) visit(in, out++, deep, high, taps_of(w, 2, ow));
      }
    }
}

template <class Visit>
void for_each_tap(const window& w, const float* in, const tap_range& deep, const tap_range& high, const tap_range& wide,
                  Visit visit) {
  for (std::ptrdiff_t kd = deep.first; kd < deep.last; ++kd)
    for (std::ptrdiff_t kh = high.first; kh < high.last; ++kh) {
      const float* row =
          in + ((deep.start + kd * w.dilation[0]) * w.input[1] + high.start + kh * w.dilation[1]) * w.input[2];
      for (std::ptrdiff_t kw = wide.first; kw < wide.last; ++kw) visit(row[wide.start + kw * w.dilation[2]]);
    }
}

inline node_function prepare_global_pool(node_context& context, bool average) {
  context.expect_arity(1, 1);
  context.expect_float(0);
  context.expect_rank(0, 2, max_rank);
  const shape& x = context.input_shape(0);
  shape out = x;
  for (std::size_t d = 2; d < out.rank; ++d) out[d] = 1;
  const std::size_t planes = x[0] * x[1];
  const std::size_t plane = planes == 0 ? 0 : x.size() / planes;
  if (planes != 0 && plane == 0) context.malformed("input has shape " + to_text(x) + "; expected no empty dimension");
  context.set_output(0, element_type::float32, out);
  return [=](node_arguments& arguments) {
    const float* in = arguments.input<float>(0);
    float* o = arguments.output<float>(0);
    for (std::size_t p = 0; p < planes; ++p, in += plane) {
      if (average) {
        double sum = 0;
        for (std::size_t i = 0; i < plane; ++i) sum += in[i];
        o[p] = static_cast<float>(sum / static_cast<double>(plane));
      } else {
        float largest = in[0];
        for (std::size_t i = 1; i < plane; ++i) largest = in[i] > largest || in[i] != in[i] ? in[i] : largest;
        o[p] = largest;
      }
    }
  };
}

}  // namespace detail

/// The largest element under each window; the padding does not take part. ONNX MaxPool, opset 12; the second output
/// (indices) is refused.
inline node_function prepare_max_pool(node_context& context) {
  context.expect_arity(1, 1, 1, 2);
  context.expect_float(0);
  context.expect_rank(0, 3, 5);
  if (context.has_output(1)) context.unsupported("output 1 (indices) is not computed");
  (void)context.flag("storage_order", false);
  const bool ceil_mode = context.flag("ceil_mode", false);
  window_reader reader(context, context.input_shape(0).rank - 2);
  reader.kernel_from(nullptr);
  const window w = reader.forward(ceil_mode);
  const shape out = reader.output_shape(context.input_shape(0)[1], w.output);
  context.set_output(0, element_type::float32, out);
  const std::size_t planes = out[0] * out[1];
  return [=](node_arguments& arguments) {
    detail::for_each_window(w, planes, arguments.input<float>(0), arguments.output<float>(0),
                            [&w](const float* in, float* o, const detail::tap_range& deep,
                                 const detail::tap_range& high, const detail::tap_range& wide) {
                              float largest = std::numeric_limits<float>::lowest();
                              bool first = true;
                              detail::for_each_tap(w, in, deep, high, wide, [&](float x) {
                                largest = first || x > largest || x != x ? x : largest;
                                first = false;
                              });
                              *o = largest;
                            });
  };
}

/// The mean of the elements under each window, summed in double. With count_include_pad the padding counts as zeros,
/// but what a window of ceil_mode covers beyond the padding does not. ONNX AveragePool, opsets 11 and 19.
inline node_function prepare_average_pool(node_context& context) {
  context.expect_arity(1, 1);
  context.expect_float(0);
  context.expect_rank(0, 3, 5);
  if (context.opset() < 19 && context.has_attribute("dilations"))
    context.unsupported("attribute 'dilations' is not known for this operator before opset 19");
  const bool count_padding = context.flag("count_include_pad", false);
  const bool ceil_mode = context.flag("ceil_mode", false);
  window_reader reader(context, context.input_shape(0).rank - 2);
  reader.kernel_from(nullptr);
  const window w = reader.forward(ceil_mode);
  const shape out = reader.output_shape(context.input_shape(0)[1], w.output);
  context.set_output(0, element_type::float32, out);
  const std::size_t planes = out[0] * out[1];
  return [=](node_arguments& arguments) {
    detail::for_each_window(
        w, planes, arguments.input<float>(0), arguments.output<float>(0),
        [&w, count_padding](const float* in, float* o, const detail::tap_range& deep, const detail::tap_range& high,
                            const detail::tap_range& wide) {
          double sum = 0;
          detail::for_each_tap(w, in, deep, high, wide, [&](float x) { sum += x; });
          const auto covered = [](std::ptrdiff_t down, std::ptrdiff_t along, std::ptrdiff_t across) {
            return static_cast<double>(down) * static_cast<double>(along) * static_cast<double>(across);
          };
          const double count = count_padding
                                   ? covered(deep.padded, high.padded, wide.padded)
                                   : covered(deep.last - deep.first, high.last - high.first, wide.last - wide.first);
          *o = count > 0 ? static_cast<float>(sum / count) : 0.0f;
        });
  };
}

/// Mean (largest) of each channel of each image.
inline node_function prepare_global_average_pool(node_context& context) {
  return detail::prepare_global_pool(context, true);
}
inline node_function prepare_global_max_pool(node_context& context) {
  return detail::prepare_global_pool(context, false);
}

inline constexpr op_definition max_pool_definition{.name = "MaxPool", .since = 11, .prepare = prepare_max_pool};
inline constexpr op_definition average_pool_definition{
    .name = "AveragePool", .since = 11, .prepare = prepare_average_pool};
inline constexpr op_definition global_average_pool_definition{
    .name = "GlobalAveragePool", .since = 11, .prepare = prepare_global_average_pool};
inline constexpr op_definition global_max_pool_definition{
    .name = "GlobalMaxPool", .since = 11, .prepare = prepare_global_max_pool};

}  // namespace xquant::model
