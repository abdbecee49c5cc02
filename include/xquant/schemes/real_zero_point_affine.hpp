// Affine schemes whose zero point is a real number, not one of the codes.
#pragma once

#include <xquant/core/parameters_view.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/range_arithmetic.hpp>
#include <xquant/schemes/degenerate_scale.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {
// The scale of a range, which need not contain zero.
template <class Real, class Degenerate>
constexpr double scale_of_range(const range<Real>& r, const code_bounds& codes) noexcept {
  const double step = step_of(static_cast<double>(r.minimum), static_cast<double>(r.maximum), codes);
  return Degenerate::template repair<Real>(step).scale;
}
}  // namespace detail

/// A zero point in units of codes, added before the rounding:
///   code = clamp(round(fl(x / scale) + zero point), lower, upper)        x = (code - zero point) * scale
/// where the sum and the difference are rounded to the type of the data. From a range [a, b], which need not contain
/// zero: scale = (b - a) / (upper - lower), zero point = lower - a / scale, in double, each rounded once. Source:
/// torch's per_channel_affine_float_qparams (which multiplies by the reciprocal: take multiply_by_reciprocal).
template <DegenerateScale Degenerate = degenerate::one>
struct real_zero_point_affine {
  using policy_category = category::scheme;
  using degenerate_scale = Degenerate;
  static constexpr bool has_zero_point = true;
  static constexpr zero_point_rule zero_point_use = zero_point_rule::real_before_rounding;

  static constexpr std::int32_t lowest_code(std::int32_t lower, std::int32_t) noexcept { return lower; }

  template <class Real>
  static constexpr scale_and_real_zero_point<Real> parameters(const range<Real>& r, const code_bounds& codes) noexcept {
    const double scale = detail::scale_of_range<Real, Degenerate>(r, codes);
    const double zero = codes.lower - static_cast<double>(r.minimum) / scale;
    return {detail::stored_real<Real>(scale), detail::stored_real<Real>(zero)};
  }
  friend constexpr bool operator==(const real_zero_point_affine&, const real_zero_point_affine&) = default;
};

/// Which code stands for the offset of an offset_affine.
enum class offset_code : std::uint8_t { middle, lowest };

/// A zero point in units of the data, the value of one code m:
///   code = clamp(round(fl(fl(x - zero point) / scale)) + m, lower, upper)     x = fl(fl((code - m) * scale) + zero
///   point)
/// m is the middle code (lower + upper + 1) / 2 rounded down, 8 for uint4, or the lowest one. From a range [a, b],
/// which need not contain zero: scale = (b - a) / (upper - lower), zero point = a + (m - lower) * scale, in double,
/// each rounded once. Source: tinygemm and HQQ (middle); the mapping by minimum and step of many image codecs (lowest).
template <DegenerateScale Degenerate = degenerate::one, offset_code Code = offset_code::middle>
struct offset_affine {
  using policy_category = category::scheme;
  using degenerate_scale = Degenerate;
  static constexpr bool has_zero_point = true;
  static constexpr zero_point_rule zero_point_use = zero_point_rule::real_offset;

  static constexpr std::int32_t lowest_code(std::int32_t lower, std::int32_t) noexcept { return lower; }

  /// The code m.
  static constexpr std::int32_t origin_code(std::int32_t lower, std::int32_t upper) noexcept {
    if (Code == offset_code::lowest) return lower;
    return detail::middle_code({static_cast<double>(lower), static_cast<double>(upper), true});
  }

  template <class Real>
  static constexpr scale_and_real_zero_point<Real> parameters(const range<Real>& r, const code_bounds& codes) noexcept {
    const double scale = detail::scale_of_range<Real, Degenerate>(r, codes);
    const double steps = Code == offset_code::lowest ? 0.0 : detail::middle_code(codes) - codes.lower;
    const auto low = static_cast<double>(r.minimum);
    // Half of a range of doubles may be wider than double.
    const double zero = is_finite(steps * scale) ? low + steps * scale : 2 * (low / 2 + steps * (scale / 2));
    return {detail::stored_real<Real>(scale), detail::stored_real<Real>(zero)};
  }
  friend constexpr bool operator==(const offset_affine&, const offset_affine&) = default;
};

template <class Degenerate>
inline constexpr scheme_id id_of<real_zero_point_affine<Degenerate>>{11, "real_zero_point_affine"};
template <class Degenerate, offset_code Code>
inline constexpr scheme_id id_of<offset_affine<Degenerate, Code>> =
    Code == offset_code::middle ? scheme_id{12, "offset_affine"} : scheme_id{13, "offset_affine_lowest"};

}  // namespace xquant
