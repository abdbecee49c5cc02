// Affine (asymmetric) scheme: the whole range of codes spans the range of the data, zero is one of the codes.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/range.hpp>

namespace xquant::inline XQUANT_ABI {

/// The range is widened to contain zero; then, in double,
///   scale      = (maximum - minimum) / (upper - lower)             rounded once to the parameters' type
///   zero point = clamp(lower - rne(minimum / scale), lower, upper) with that unrounded scale
/// so that zero is represented exactly. A range of no width gives scale 1 and the zero point nearest to 0.
/// ONNX QuantizeLinear's convention: real = scale * (code - zero point). Needs a format of integers.
struct affine {
  using policy_category = category::scheme;
  static constexpr bool has_zero_point = true;

  static constexpr std::int32_t lowest_code(std::int32_t lower, std::int32_t) noexcept { return lower; }

  template <class Real>
  static constexpr scale_and_zero_point<Real> parameters(const range<Real>& r, const code_bounds& codes) noexcept {
    const double low = r.minimum < 0 ? static_cast<double>(r.minimum) : 0.0;
    const double high = r.maximum > 0 ? static_cast<double>(r.maximum) : 0.0;
    const double scale = (high - low) / (codes.upper - codes.lower);
    const Real stored = detail::usable_scale<Real>(scale);
    const bool degenerate = !(scale >= static_cast<double>(real_traits<Real>::min_normal));
    const double zero = codes.lower - (degenerate ? codes.lower : nearest_integer(low / scale));
    const double held = zero < codes.lower ? codes.lower : zero > codes.upper ? codes.upper : zero;
    return {stored, static_cast<std::int32_t>(held)};
  }
  friend constexpr bool operator==(const affine&, const affine&) = default;

 private:
  // Ties to even; the quotient is at most the number of codes.
  static constexpr double nearest_integer(double x) noexcept {
    constexpr double shifter = 1.5 * power_of_two<double>(52);
    return (x + shifter) - shifter;
  }
};

}  // namespace xquant
