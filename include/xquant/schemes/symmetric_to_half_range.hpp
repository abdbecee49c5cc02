// Symmetric scheme in which the largest magnitude spans half of the code range: torch's.
#pragma once

#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/range_arithmetic.hpp>
#include <xquant/schemes/degenerate_scale.hpp>

namespace xquant::inline XQUANT_ABI {

/// Where zero lies. at_code_zero: code 0, for codes with a sign. at_middle_code: (lower + upper + 1) / 2 rounded down,
/// 128 for uint8 and 0 for int8.
enum class symmetric_zero : std::uint8_t { at_code_zero, at_middle_code };

/// scale = max(|minimum|, |maximum|) / ((upper - lower) / 2), a real division: 127.5 for 8 bits. All codes are used, so
/// the largest magnitude, where positive, is clipped by half a step. Computed in double, rounded once. Source: torch's
/// symmetric observers (with degenerate::at_least<degenerate::two_to_the<-23>>), torchao's MappingType.SYMMETRIC. Codes
/// without a sign need at_middle_code.
template <DegenerateScale Degenerate = degenerate::one, symmetric_zero Zero = symmetric_zero::at_code_zero>
struct symmetric_to_half_range {
  using policy_category = category::scheme;
  using degenerate_scale = Degenerate;
  template <class D>
  using with_degenerate_scale = symmetric_to_half_range<D, Zero>;
  static constexpr bool has_zero_point = Zero == symmetric_zero::at_middle_code;

  static constexpr std::int32_t lowest_code(std::int32_t lower, std::int32_t) noexcept { return lower; }

  template <class Real>
  static constexpr scale_and_zero_point<Real> parameters(const range<Real>& r, const code_bounds& codes) noexcept {
    const double magnitude = detail::largest_magnitude(static_cast<double>(r.minimum), static_cast<double>(r.maximum));
    const double scale = magnitude / ((codes.upper - codes.lower) / 2);
    return {detail::stored_real<Real>(Degenerate::template repair<Real>(scale).scale), zero_point_for(r, codes, scale)};
  }

  /// The zero point with a scale from elsewhere: always the same.
  template <class Real>
  static constexpr std::int32_t zero_point_for(const range<Real>&, const code_bounds& codes, double) noexcept {
    return has_zero_point ? detail::middle_code(codes) : 0;
  }
  friend constexpr bool operator==(const symmetric_to_half_range&, const symmetric_to_half_range&) = default;
};

template <class Degenerate, symmetric_zero Zero>
inline constexpr scheme_id id_of<symmetric_to_half_range<Degenerate, Zero>> =
    Zero == symmetric_zero::at_code_zero ? scheme_id{6, "symmetric_to_half_range"}
                                         : scheme_id{7, "symmetric_to_half_range_at_middle"};

}  // namespace xquant
