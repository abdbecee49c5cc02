// XNNPACK's 8-bit conversions and its requantization arithmetics. After the source, not run.
#pragma once

#include <xquant/core/parameters_view.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/ops/requantization/doubling_high_multiply.hpp>
#include <xquant/ops/requantization/fixed_point_multiplier.hpp>
#include <xquant/ops/requantization/float_multiplier.hpp>
#include <xquant/ops/requantization/rounding_shift.hpp>
#include <xquant/ops/requantize.hpp>
#include <xquant/quantizer.hpp>
#include <xquant/schemes/zero_point_before_rounding.hpp>

namespace xquant::inline XQUANT_ABI::presets::xnnpack {

/// The convert operator (f32-qs8-vcvt, f32-qu8-vcvt): rne(x * (1 / scale)) + zero point, clamped. qs8-f32-vcvt is its
/// dequantize.
template <class FormatType = int8, class... Granularity>
using convert = quantizer<FormatType, Granularity..., affine, nearest_even, multiply_by_reciprocal>;

/// xnn_qs8_quantize, xnn_qu8_quantize, which its reference code uses: rne(x / scale + zero point), clamped.
template <class FormatType = int8, class... Granularity>
using reference_quantize =
    quantizer<FormatType, Granularity..., zero_point_before_rounding<affine>, nearest_even, divide_by_scale>;

/// Parameters of a dynamically quantized row: `reciprocal`, codes per unit, is what the peer computes and multiplies
/// by, and `scale` its reciprocal.
struct dynamic_parameters {
  float scale = 1;
  float reciprocal = 1;
  std::int32_t zero_point = 0;

  /// Valid as long as this object is.
  [[nodiscard]] constexpr parameters_view<float> view() const noexcept { return {&scale, &reciprocal, &zero_point, 1}; }
  friend constexpr bool operator==(const dynamic_parameters&, const dynamic_parameters&) = default;
};

/// xnn_f32_qd8_asymmetric_quantization_params, all in float: the range is widened to contain zero; reciprocal =
/// 255 / (max - min), 1 for no width; the zero point is -128 - min * reciprocal where min and max times the reciprocal
/// add up to more than 1, else 127 - max * reciprocal; held to int8, rounded to even. Refuses an invalid range, and one
/// too wide or too narrow for a scale.
[[nodiscard]] constexpr status try_dynamic_parameters(const range<float>& r, dynamic_parameters& out) noexcept {
  if (const status s = r.valid(); !s.ok()) return s;
  const float low = r.minimum < 0 ? r.minimum : 0;
  const float high = r.maximum > 0 ? r.maximum : 0;
  const float width = high - low;
  const float reciprocal = width == 0 ? 1.0f : divide<float>(255, width);
  if (!is_finite(width) || !is_finite(reciprocal) || !is_finite(divide<float>(1, reciprocal)))
    return fault(errc::scale_out_of_range, "range", static_cast<double>(width),
                 "a width whose scale is a finite float");
  const float from_low = multiply<float>(low, reciprocal);
  const float from_high = multiply<float>(high, reciprocal);
  const float errors = (-128.0f + from_low) + (127.0f + from_high);
  const float zero = errors > 0 ? -128.0f - from_low : 127.0f - from_high;
  const float held = clamp<float>(zero, -128, 127);
  out = {divide<float>(1, reciprocal), reciprocal, static_cast<std::int32_t>(round_even<float>(held))};
  return {};
}

/// fp32 requantization (lrintf, magic bias, and vector forms alike): rne(float(x) * multiplier). The peer takes
/// multipliers in [2^-32, 256).
template <class FormatType = int8, class... Granularity>
using requantize_fp32 = requantizer<FormatType, Granularity..., float_multiplier>;

/// rndnu: the product with the multiplier's 24 bits, rounded once, ties up. Multipliers in [2^-32, 256).
template <class FormatType = int8, class... Granularity>
using requantize_rndnu = requantizer<FormatType, Granularity..., rounding_shift<exact_from_float<-32, 8>>>;

/// rndna: the same with ties away from zero. Multipliers in [2^-32, 1).
template <class FormatType = int8, class... Granularity>
using requantize_rndna =
    requantizer<FormatType, Granularity..., rounding_shift<exact_from_float<-32, 0>, product_ties::away_from_zero>>;

/// gemmlowp: two roundings. Multipliers in [2^-32, 1).
template <class FormatType = int8, class... Granularity>
using requantize_gemmlowp = requantizer<FormatType, Granularity..., doubling_high_multiply<exact_from_float<-32, 0>>>;

}  // namespace xquant::presets::xnnpack
