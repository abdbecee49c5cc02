// Affine scheme whose zero point is taken from the end of the range where it is computed with the smaller error.
#pragma once

#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/range_arithmetic.hpp>
#include <xquant/schemes/degenerate_policies.hpp>

namespace xquant::inline XQUANT_ABI {

/// How a nudged zero point is rounded.
enum class zero_point_rounding : std::uint8_t { nearest_even, nearest_away };

/// The range [a, b] is widened to contain zero; then, all in double,
///   scale = (b - a) / (upper - lower)
///   zero  = lower - a / scale  if |lower| + |a / scale| < |upper| + |b / scale|, else upper - b / scale
/// and the zero point is `zero` held to the codes and rounded: even for FBGEMM, away from zero for gemmlowp and
/// TensorFlow Lite. `affine` rounds a / scale before it subtracts, which differs at ties. Source: FBGEMM
/// ChooseQuantizationParams, gemmlowp doc/quantization_example.cc, TensorFlow Lite ChooseQuantizationParams.
template <DegenerateScale Degenerate = degenerate::one,
          zero_point_rounding Rounding = zero_point_rounding::nearest_even>
struct nudged_affine {
  using policy_category = category::scheme;
  using degenerate_scale = Degenerate;
  template <class D>
  using with_degenerate_scale = nudged_affine<D, Rounding>;
  static constexpr bool has_zero_point = true;

  static constexpr std::int32_t lowest_code(std::int32_t lower, std::int32_t) noexcept { return lower; }

  template <class Real>
  static constexpr scale_and_zero_point<Real> parameters(const range<Real>& r, const code_bounds& codes) noexcept {
    const double low = r.minimum < 0 ? static_cast<double>(r.minimum) : 0.0;
    const double high = r.maximum > 0 ? static_cast<double>(r.maximum) : 0.0;
    const repaired_scale scale = Degenerate::template repair<Real>(detail::step_of(low, high, codes));
    return {detail::stored_real<Real>(scale.scale),
            scale.is_degenerate ? detail::held_zero_point(0, codes) : zero_point_for(r, codes, scale.scale)};
  }

  /// The zero point with a scale from elsewhere.
  template <class Real>
  static constexpr std::int32_t zero_point_for(const range<Real>& r, const code_bounds& codes, double scale) noexcept {
    const double low = (r.minimum < 0 ? static_cast<double>(r.minimum) : 0.0) / scale;
    const double high = (r.maximum > 0 ? static_cast<double>(r.maximum) : 0.0) / scale;
    const auto magnitude = [](double x) { return x < 0 ? -x : x; };
    const bool from_low = magnitude(codes.lower) - low < magnitude(codes.upper) + high;
    const double zero = from_low ? codes.lower - low : codes.upper - high;
    if (!(zero > codes.lower) || zero > codes.upper) return detail::held_zero_point(zero, codes);
    return detail::held_zero_point(Rounding == zero_point_rounding::nearest_even ? detail::nearest_integer(zero)
                                                                                 : detail::nearest_integer_away(zero),
                                   codes);
  }
  friend constexpr bool operator==(const nudged_affine&, const nudged_affine&) = default;
};

template <class Degenerate, zero_point_rounding Rounding>
inline constexpr scheme_id id_of<nudged_affine<Degenerate, Rounding>> =
    Rounding == zero_point_rounding::nearest_even ? scheme_id{4, "nudged_affine"} : scheme_id{5, "nudged_affine_away"};

}  // namespace xquant
