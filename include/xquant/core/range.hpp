// The interval of real values a calibrator found and a scheme turns into scale and zero point.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/error.hpp>

namespace xquant::inline XQUANT_ABI {

/// A closed interval [minimum, maximum] of real values, in the units of the data.
template <class Real = float>
struct range {
  Real minimum = 0;
  Real maximum = 0;

  /// Refuses NaN, infinities and minimum > maximum.
  [[nodiscard]] constexpr status valid(const char* argument = "range", std::size_t index = 0) const noexcept {
    if (!(minimum - minimum == 0))
      return fault(errc::range_not_finite, argument, static_cast<double>(minimum), "a finite minimum", index);
    if (!(maximum - maximum == 0))
      return fault(errc::range_not_finite, argument, static_cast<double>(maximum), "a finite maximum", index);
    if (minimum > maximum)
      return fault(errc::range_inverted, argument, static_cast<double>(minimum), "a minimum not above the maximum",
                   index);
    return {};
  }
  friend constexpr bool operator==(const range&, const range&) = default;
};

/// The finite real values a format's codes decode to at scale 1 and zero point 0. Schemes see formats only as this.
struct code_bounds {
  double lower = 0;         ///< smallest code value, e.g. -128
  double upper = 0;         ///< largest code value, e.g. 127
  bool is_integer = false;  ///< whether the values between are the integers, so that a zero point makes sense
};

/// Scale and zero point of one parameter slot: real = scale * (code - zero_point).
template <class Real = float>
struct scale_and_zero_point {
  Real scale = 1;
  std::int32_t zero_point = 0;
  friend constexpr bool operator==(const scale_and_zero_point&, const scale_and_zero_point&) = default;
};

/// The same where zero points are reals: in units of codes or of the data, as the scheme says
/// (core/parameters_view.hpp, zero_point_rule).
template <class Real = float>
struct scale_and_real_zero_point {
  Real scale = 1;
  Real zero_point = 0;
  friend constexpr bool operator==(const scale_and_real_zero_point&, const scale_and_real_zero_point&) = default;
};

namespace detail {

// A finite real as it is stored: one rounding to Real, held to what Real has.
template <class Real>
constexpr Real stored_real(double x) noexcept {
  constexpr auto most = static_cast<double>(real_traits<Real>::max);
  return x > most ? real_traits<Real>::max : x < -most ? -real_traits<Real>::max : static_cast<Real>(x);
}

// (high - low) / (upper - lower), the step at which the codes span an interval; finite where the width is not.
constexpr double step_of(double low, double high, const code_bounds& codes) noexcept {
  const double steps = codes.upper - codes.lower;
  const double width = high - low;
  return stored_real<double>(width - width == 0 ? width / steps : (high / 2 - low / 2) / steps * 2);
}

// The nearest integer, ties to even; of magnitudes below 2^51, and beyond that close to x.
constexpr double nearest_integer(double x) noexcept {
  constexpr double shifter = 1.5 * power_of_two<double>(52);
  return (x + shifter) - shifter;
}

// A zero point among the codes, and int32's: the largest of these where every code is beyond it, which is refused as no
// code when it is used.
constexpr std::int32_t held_zero_point(double zero, const code_bounds& codes) noexcept {
  constexpr double most = 2147483647.0;
  const double lower = codes.lower < most ? codes.lower : most;
  const double upper = codes.upper < most ? codes.upper : most;
  return static_cast<std::int32_t>(zero > lower ? zero < upper ? zero : upper : lower);
}

}  // namespace detail

}  // namespace xquant
