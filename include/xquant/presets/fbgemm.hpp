// FBGEMM's quantization utilities: its choice of parameters, quantize, requantize. After the source, not run.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/core/meta.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/range.hpp>
#include <xquant/ops/requantization/fixed_point_multiplier.hpp>
#include <xquant/ops/requantization/float_multiplier.hpp>
#include <xquant/ops/requantization/rounding_shift.hpp>
#include <xquant/ops/requantize.hpp>
#include <xquant/quantizer.hpp>
#include <xquant/schemes/nudged_affine.hpp>
#include <xquant/schemes/power_of_two_scale.hpp>
#include <xquant/schemes/zero_point_before_rounding.hpp>

namespace xquant::inline XQUANT_ABI::presets::fbgemm {

/// ChooseQuantizationParams(min, max, qmin, qmax, preserve_sparsity, force_scale_power_of_two), as a scheme. The range
/// is widened to contain zero; the scale is (max - min) / (qmax - qmin) in double, 0.1 where as a float it is 0 or has
/// no finite reciprocal, with PowerOfTwo the next power of two above, and at least 6.1e-5f; then, min and max having
/// been moved with a raised scale in float, the zero point comes from the end with the smaller error, rounded to even.
/// PreserveSparsity: a range with zero inside is made symmetric first, and the zero point is the middle of the codes.
/// The power of two is exact; the peer takes a logarithm, which errs within 2^-50 of a power, and shifts an int, which
/// is not defined from 2^31 on. Parameters are float.
template <bool PreserveSparsity = false, bool PowerOfTwo = false>
struct choose_quantization_params {
  using policy_category = category::scheme;
  static constexpr bool has_zero_point = true;
  static constexpr float small_scale = 6.1e-5f;

  static constexpr std::int32_t lowest_code(std::int32_t lower, std::int32_t) noexcept { return lower; }

  /// The scale before it is narrowed (torch's dynamic quantization keeps it).
  struct chosen {
    double scale;
    std::int32_t zero_point;
  };
  static constexpr chosen choose(const range<float>& r, const code_bounds& codes) noexcept {
    float low = r.minimum;
    float high = r.maximum;
    const auto lower = static_cast<std::int64_t>(codes.lower);
    const auto upper = static_cast<std::int64_t>(codes.upper);
    const auto steps = static_cast<double>(upper - lower);
    const bool is_symmetric = PreserveSparsity && low < 0 && high > 0;
    if (is_symmetric) {
      const auto highest = static_cast<float>((upper - lower) / 2);
      const float lowest = -static_cast<float>((upper - lower) / 2 + 1);
      const auto scale = static_cast<double>(low / lowest > high / highest ? low / lowest : high / highest);
      low = static_cast<float>(scale * static_cast<double>(lowest));
      high = static_cast<float>(scale * static_cast<double>(highest));
    }
    low = low < 0 ? low : 0;
    high = high > 0 ? high : 0;
    double scale = (static_cast<double>(high) - static_cast<double>(low)) / steps;
    const auto as_float = xquant::detail::stored_real<float>(scale);
    if (as_float == 0 || !is_finite(1 / as_float)) scale = 0.1;
    if (PowerOfTwo) scale = power_of_two<double>(xquant::detail::power_exponent(scale, exponent_rounding::up));
    if (scale < static_cast<double>(small_scale)) {
      const auto before = static_cast<float>(scale);
      scale = static_cast<double>(small_scale);
      if (low == 0) {
        high = small_scale * static_cast<float>(upper - lower);
      } else if (high == 0) {
        low = -small_scale * static_cast<float>(upper - lower);
      } else {
        const float amplifier = small_scale / before;
        low *= amplifier;
        high *= amplifier;
      }
    }
    if (PreserveSparsity && low < 0 && high > 0)
      return {scale, xquant::detail::held_zero_point(
                         xquant::detail::nearest_integer(static_cast<double>(lower + upper) / 2), codes)};
    return {scale, nudged_affine<>::zero_point_for(range<double>{static_cast<double>(low), static_cast<double>(high)},
                                                   codes, scale)};
  }

  template <class Real>
  static constexpr scale_and_zero_point<Real> parameters(const range<Real>& r, const code_bounds& codes) noexcept {
    static_assert(is_same<Real, float>, "xquant::presets::fbgemm: parameters are float");
    const chosen c = choose(r, codes);
    return {xquant::detail::stored_real<float>(c.scale), c.zero_point};
  }
  friend constexpr bool operator==(const choose_quantization_params&, const choose_quantization_params&) = default;
};

/// Quantize<T, LEGACY = false>: rne(x * (1 / scale)) + zero point, clamped. Dequantize is its dequantize.
template <class FormatType = uint8, class... Granularity>
using quantize =
    quantizer<FormatType, Granularity..., choose_quantization_params<>, nearest_even, multiply_by_reciprocal>;

/// Quantize<T>, whose LEGACY is true: rne(x * (1 / scale) + zero point), the sum rounded to float. (The AVX2 form forms
/// product and sum in one rounding.)
template <class FormatType = uint8, class... Granularity>
using legacy_quantize = quantizer<FormatType, Granularity..., zero_point_before_rounding<choose_quantization_params<>>,
                                  nearest_even, multiply_by_reciprocal>;

/// Requantize: rne(float(x) * multiplier) + zero point, clamped.
template <class FormatType = uint8, class... Granularity>
using requantize = requantizer<FormatType, Granularity..., float_multiplier>;

/// RequantizeFixedPoint with ChooseRequantizationMultiplier of 32 bits: (x * m + 2^(s - 1)) >> s. Multipliers in
/// [2^-33, 2^30); the peer's right shift is 31 - exponent.
template <class FormatType = uint8, class... Granularity>
using requantize_fixed_point = requantizer<FormatType, Granularity..., rounding_shift<exact_from_float<-33, 30>>>;

}  // namespace xquant::presets::fbgemm
