// Requantization by a 31-bit product and one rounding shift.
#pragma once

#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>
#include <xquant/ops/requantization/fixed_point_multiplier.hpp>

namespace xquant::inline XQUANT_ABI {

/// Where a tie of a fixed-point product goes.
enum class product_ties : std::uint8_t { up, away_from_zero };

/// product = accumulator * multiplier * 2^(exponent - 31), exact in 64 bits, rounded once to nearest. Ties up is
/// (x * m + 2^(s - 1)) >> s with s = 31 - exponent in [1, 63]. Source: TensorFlow Lite's single rounding
/// (rounded_from_double), FBGEMM RequantizeFixedPoint (exact_from_float<-33, 30>), XNNPACK rndnu
/// (exact_from_float<-32, 8>); ties away from zero: XNNPACK rndna (exact_from_float<-32, 0>).
template <class Multiplier, product_ties Ties = product_ties::up>
struct rounding_shift {
  using policy_category = category::requantization;
  using real = typename Multiplier::real;
  using prepared = fixed_point_multiplier;

  static constexpr status prepare(real multiplier, prepared& out, std::size_t index = 0) noexcept {
    return Multiplier::choose(multiplier, out, index);
  }
  XQUANT_INLINE static constexpr std::int64_t apply(std::int32_t accumulator, const prepared& p) noexcept {
    const int shift = 31 - p.exponent;
    const std::int64_t half = std::int64_t{1} << (shift - 1);
    const std::int64_t product = std::int64_t{accumulator} * p.multiplier;  // of magnitude below 2^62
    // Away from zero on the negative side is down: one less than a half.
    const std::int64_t nudge = Ties == product_ties::away_from_zero && product < 0 ? half - 1 : half;
    return (product + nudge) >> shift;
  }
  friend constexpr bool operator==(const rounding_shift&, const rounding_shift&) = default;
};

template <>
inline constexpr requantization_id id_of<rounding_shift<rounded_from_double>>{1, "rounding_shift"};
template <>
inline constexpr requantization_id id_of<rounding_shift<exact_from_float<-33, 30>>>{3, "rounding_shift_fbgemm"};
template <>
inline constexpr requantization_id id_of<rounding_shift<exact_from_float<-32, 8>>>{4, "rounding_shift_xnnpack_rndnu"};
template <>
inline constexpr requantization_id id_of<rounding_shift<exact_from_float<-32, 0>, product_ties::away_from_zero>>{
    5, "rounding_shift_xnnpack_rndna"};

}  // namespace xquant
