// TensorFlow Lite's (LiteRT's) reference kernels: parameters, quantize, requantize. After the source, not run.
#pragma once

#include <xquant/ops/requantization/doubling_high_multiply.hpp>
#include <xquant/ops/requantization/fixed_point_multiplier.hpp>
#include <xquant/ops/requantization/rounding_shift.hpp>
#include <xquant/ops/requantize.hpp>
#include <xquant/quantizer.hpp>
#include <xquant/schemes/nudged_affine.hpp>

namespace xquant::inline XQUANT_ABI::presets::tflite {

/// ChooseQuantizationParams: in double, the zero point from the end with the smaller error, rounded away from zero. A
/// range of no width has scale 0 there, which no operation here takes: it is 1. The peer refuses ranges without zero.
using choose_quantization_params = nudged_affine<degenerate::one, zero_point_rounding::nearest_away>;

/// AffineQuantize: round(x / scale) + zero point, ties away from zero, clamped. Dequantize is its dequantize: the
/// peer's double product of a float scale is exact before its one rounding.
template <class FormatType = int8, class... Granularity>
using quantize = quantizer<FormatType, Granularity..., choose_quantization_params, nearest_away, divide_by_scale>;

/// effective_output_scale of a convolution, a channel at a time: input scale * filter scale / output scale in double.
constexpr double requantization_multiplier(float input_scale, float filter_scale, float output_scale) noexcept {
  return static_cast<double>(input_scale) * static_cast<double>(filter_scale) / static_cast<double>(output_scale);
}

/// MultiplyByQuantizedMultiplier with TFLITE_SINGLE_ROUNDING, of QuantizeMultiplier(multiplier): one rounding, ties up.
template <class FormatType = int8, class... Granularity>
using requantize_single_rounding = requantizer<FormatType, Granularity..., rounding_shift<rounded_from_double>>;

/// The same without it: gemmlowp's two roundings. What a left shift would carry out of int32 saturates here.
template <class FormatType = int8, class... Granularity>
using requantize_double_rounding = requantizer<FormatType, Granularity..., doubling_high_multiply<rounded_from_double>>;

}  // namespace xquant::presets::tflite
