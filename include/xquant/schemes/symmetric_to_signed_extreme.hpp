// Symmetric scheme in which the element of largest magnitude becomes the lowest code, whatever its sign: ggml's.
#pragma once

#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/range_arithmetic.hpp>
#include <xquant/schemes/degenerate_scale.hpp>

namespace xquant::inline XQUANT_ABI {

/// scale = e / lower, where e is the end of the range with the larger magnitude (the minimum, where both have the same)
/// and lower the lowest code: negative when e is positive. Every code is used and nothing is clipped: of the symmetric
/// rules the finest. Computed in double, rounded once; the degenerate-scale policy sees the magnitude. Codes
/// without a sign have no such scale: the range counts as one of no width. A scale may be negative only here and in
/// schemes that say so (`has_signed_scale`). Source: ggml Q4_0, Q5_0 and the K types, whose codes are these plus
/// -lower; ggml takes the first of two equal magnitudes in the data.
template <DegenerateScale Degenerate = degenerate::one>
struct symmetric_to_signed_extreme {
  using policy_category = category::scheme;
  using degenerate_scale = Degenerate;
  static constexpr bool has_zero_point = false;
  static constexpr bool has_signed_scale = true;

  static constexpr std::int32_t lowest_code(std::int32_t lower, std::int32_t) noexcept { return lower; }

  template <class Real>
  static constexpr scale_and_zero_point<Real> parameters(const range<Real>& r, const code_bounds& codes) noexcept {
    const auto low = static_cast<double>(r.minimum);
    const auto high = static_cast<double>(r.maximum);
    const double magnitude = detail::largest_magnitude(low, high);
    const bool is_negative = (magnitude == high) && magnitude != -low;
    const double scale = codes.lower < 0 ? magnitude / -codes.lower : 0;
    const repaired_scale repaired = Degenerate::template repair<Real>(scale);
    return {detail::stored_real<Real>(is_negative && !repaired.is_degenerate ? -repaired.scale : repaired.scale), 0};
  }
  friend constexpr bool operator==(const symmetric_to_signed_extreme&, const symmetric_to_signed_extreme&) = default;
};

template <class Degenerate>
inline constexpr scheme_id id_of<symmetric_to_signed_extreme<Degenerate>>{10, "symmetric_to_signed_extreme"};

}  // namespace xquant
