// Symmetric scheme in which the largest magnitude is the upper code, with the lowest code one step beyond: AIMET's.
#pragma once

#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/range_arithmetic.hpp>
#include <xquant/schemes/symmetric_to_half_range.hpp>

namespace xquant::inline XQUANT_ABI {

/// scale = max(|minimum|, |maximum|) / floor((upper - lower) / 2): 127 for 8 bits, whatever the sign of the extreme.
/// All codes are used, so that -128 stands for a value slightly beyond the range. `symmetric<code_range::narrow>` has
/// the same scale without that code. Computed in double, rounded once. Source: AIMET's C++ core to 1.35 (its offset is
/// minus the zero point of the codes 0 .. 255: at_middle_code).
template <DegenerateScale Degenerate = degenerate::one, symmetric_zero Zero = symmetric_zero::at_code_zero>
struct symmetric_to_upper_code {
  using policy_category = category::scheme;
  using degenerate_scale = Degenerate;
  template <class D>
  using with_degenerate_scale = symmetric_to_upper_code<D, Zero>;
  static constexpr bool has_zero_point = Zero == symmetric_zero::at_middle_code;

  static constexpr std::int32_t lowest_code(std::int32_t lower, std::int32_t) noexcept { return lower; }

  template <class Real>
  static constexpr scale_and_zero_point<Real> parameters(const range<Real>& r, const code_bounds& codes) noexcept {
    const double magnitude = detail::largest_magnitude(static_cast<double>(r.minimum), static_cast<double>(r.maximum));
    const double half = (codes.upper - codes.lower) / 2;
    const double scale = magnitude / (codes.is_integer ? static_cast<double>(static_cast<std::int64_t>(half)) : half);
    return {detail::stored_real<Real>(Degenerate::template repair<Real>(scale).scale), zero_point_for(r, codes, scale)};
  }

  /// The zero point with a scale from elsewhere: always the same.
  template <class Real>
  static constexpr std::int32_t zero_point_for(const range<Real>&, const code_bounds& codes, double) noexcept {
    return has_zero_point ? detail::middle_code(codes) : 0;
  }
  friend constexpr bool operator==(const symmetric_to_upper_code&, const symmetric_to_upper_code&) = default;
};

template <class Degenerate, symmetric_zero Zero>
inline constexpr scheme_id id_of<symmetric_to_upper_code<Degenerate, Zero>> =
    Zero == symmetric_zero::at_code_zero ? scheme_id{8, "symmetric_to_upper_code"}
                                         : scheme_id{9, "symmetric_to_upper_code_at_middle"};

}  // namespace xquant
