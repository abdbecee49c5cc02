// Requantization by gemmlowp's two roundings: the high half of a doubled product, then a rounding division.
#pragma once

#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>
#include <xquant/ops/requantization/fixed_point_multiplier.hpp>

namespace xquant::inline XQUANT_ABI {

/// With the multiplier m * 2^(exponent - 31):
///   shifted = accumulator * 2^exponent where exponent > 0 (held to int32, where the peers overflow), else accumulator
///   high    = floor((shifted * m + 2^30) / 2^31)                 NEON's VQRDMULH: to nearest, ties up
///   product = high / 2^-exponent where exponent < 0, to nearest, ties away from zero; else high
/// Two roundings: off by one from the exact product's where the first makes a tie of the second. Source: gemmlowp
/// SaturatingRoundingDoublingHighMul and RoundingDivideByPOT (exact_from_float<-32, 0>), TensorFlow Lite's
/// MultiplyByQuantizedMultiplier without TFLITE_SINGLE_ROUNDING (rounded_from_double), XNNPACK's gemmlowp
/// requantization (exact_from_float<-32, 0>).
template <class Multiplier>
struct doubling_high_multiply {
  using policy_category = category::requantization;
  using real = typename Multiplier::real;
  using prepared = fixed_point_multiplier;

  static constexpr status prepare(real multiplier, prepared& out, std::size_t index = 0) noexcept {
    if (const status s = Multiplier::choose(multiplier, out, index); !s.ok()) return s;
    if (out.exponent < -31)
      return fault(errc::value_out_of_range, "multiplier", static_cast<double>(multiplier),
                   "a multiplier of at least 2^-32", index);
    return {};
  }
  XQUANT_INLINE static constexpr std::int64_t apply(std::int32_t accumulator, const prepared& p) noexcept {
    constexpr std::int64_t lowest = INT32_MIN;
    constexpr std::int64_t highest = INT32_MAX;
    std::int64_t shifted = accumulator;
    if (p.exponent > 0) {
      shifted *= std::int64_t{1} << p.exponent;
      shifted = shifted < lowest ? lowest : shifted > highest ? highest : shifted;
    }
    const std::int64_t high = (shifted * p.multiplier + (std::int64_t{1} << 30)) >> 31;
    if (p.exponent >= 0) return high;
    const std::int64_t half = std::int64_t{1} << (-p.exponent - 1);
    return (high + (high < 0 ? half - 1 : half)) >> -p.exponent;
  }
  friend constexpr bool operator==(const doubling_high_multiply&, const doubling_high_multiply&) = default;
};

template <>
inline constexpr requantization_id id_of<doubling_high_multiply<rounded_from_double>>{2, "doubling_high_multiply"};
template <>
inline constexpr requantization_id id_of<doubling_high_multiply<exact_from_float<-32, 0>>>{
    6, "doubling_high_multiply_gemmlowp"};

}  // namespace xquant
