// Affine scheme that rounds the zero point as a sum, not the quotient in it: ONNX Runtime's tools.
#pragma once

#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>
#include <xquant/core/range.hpp>
#include <xquant/schemes/degenerate_scale.hpp>

namespace xquant::inline XQUANT_ABI {

/// Whether the width of a range is formed exactly (in double) or rounded to the type of the parameters.
enum class range_width : std::uint8_t { exact, rounded };

/// The range [a, b] is widened to contain zero; then, in double,
///   scale      = (b - a) / (upper - lower)                     rounded once to the parameters' type
///   zero point = clamp(rne(lower - a / scale), lower, upper)   with that unrounded scale
/// `affine` rounds a / scale alone, which differs where that is a tie and the lowest code odd (-127). Source: ONNX
/// Runtime's quant_utils.compute_scale_zp (range_width::rounded: it subtracts float32 arrays); what it has for ranges
/// of no width is the default policy.
template <DegenerateScale Degenerate = degenerate::one, range_width Width = range_width::exact>
struct affine_rounding_sum {
  using policy_category = category::scheme;
  using degenerate_scale = Degenerate;
  template <class D>
  using with_degenerate_scale = affine_rounding_sum<D, Width>;
  static constexpr bool has_zero_point = true;

  static constexpr std::int32_t lowest_code(std::int32_t lower, std::int32_t) noexcept { return lower; }

  template <class Real>
  static constexpr scale_and_zero_point<Real> parameters(const range<Real>& r, const code_bounds& codes) noexcept {
    const double low = r.minimum < 0 ? static_cast<double>(r.minimum) : 0.0;
    const double high = r.maximum > 0 ? static_cast<double>(r.maximum) : 0.0;
    const double step = Width == range_width::exact
                            ? detail::step_of(low, high, codes)
                            : static_cast<double>(detail::stored_real<Real>(high - low)) / (codes.upper - codes.lower);
    const repaired_scale scale = Degenerate::template repair<Real>(step);
    return {detail::stored_real<Real>(scale.scale),
            scale.is_degenerate ? detail::held_zero_point(0, codes) : zero_point_for(r, codes, scale.scale)};
  }

  /// The zero point with a scale from elsewhere.
  template <class Real>
  static constexpr std::int32_t zero_point_for(const range<Real>& r, const code_bounds& codes, double scale) noexcept {
    const double low = r.minimum < 0 ? static_cast<double>(r.minimum) : 0.0;
    return detail::held_zero_point(detail::nearest_integer(codes.lower - low / scale), codes);
  }
  friend constexpr bool operator==(const affine_rounding_sum&, const affine_rounding_sum&) = default;
};

template <class Degenerate, range_width Width>
inline constexpr scheme_id id_of<affine_rounding_sum<Degenerate, Width>> =
    Width == range_width::exact ? scheme_id{14, "affine_rounding_sum"}
                                : scheme_id{15, "affine_rounding_sum_of_rounded_width"};

}  // namespace xquant
