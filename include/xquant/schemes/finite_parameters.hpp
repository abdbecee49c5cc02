// Parameters of a range under which every code stands for a finite number: a scheme's own, or the nearest that do.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/core/parameters_view.hpp>
#include <xquant/core/range.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {

template <class Real>
constexpr Real magnitude_of(Real x) noexcept {
  return x < 0 ? -x : x;
}

// Whether a finite x is finite in the element type of the data, to which it is rounded once.
template <class Element, class Real>
constexpr bool is_finite_as(Real x) noexcept {
  if constexpr (is_same<Element, Real>) {
    return true;
  } else {
    const Real rounded = static_cast<Real>(static_cast<Element>(x));
    return magnitude_of(rounded) <= real_traits<Real>::max;
  }
}

// fl(a * b) and fl(a + b), unless they are infinite; no step overflows on the way, so that these may be constants.
template <class Real>
struct checked_real {
  Real value = 0;
  bool is_finite = false;
};
constexpr checked_real<float> checked(double exact) noexcept {
  // Half a step above the largest float, where rounding to nearest even turns to infinity.
  constexpr double beyond = (2 - power_of_two<double>(-24)) * power_of_two<double>(127);
  if (!(magnitude_of(exact) < beyond)) return {};
  return {static_cast<float>(exact), true};
}
constexpr checked_real<float> checked_product(float a, float b) noexcept { return checked(double{a} * b); }
constexpr checked_real<float> checked_sum(float a, float b) noexcept { return checked(double{a} + b); }

constexpr checked_real<double> checked_product(double a, double b) noexcept {
  // Large factors are scaled down by a power of two, which is exact, and so is scaling the product back.
  constexpr double large = power_of_two<double>(400);
  constexpr double down = power_of_two<double>(-624);
  const bool a_is_large = magnitude_of(a) > large;
  const bool b_is_large = magnitude_of(b) > large;
  double product = (a_is_large ? a * down : a) * (b_is_large ? b * down : b);
  double most = real_traits<double>::max;
  if (a_is_large) most *= down;
  if (b_is_large) most *= down;
  if (!(magnitude_of(product) <= most)) return {};
  if (a_is_large) product /= down;
  if (b_is_large) product /= down;
  return {product, true};
}
constexpr checked_real<double> checked_sum(double a, double b) noexcept {
  if (!(magnitude_of(a / 2 + b / 2) <= real_traits<double>::max / 2)) return {};
  return {a + b, true};
}

template <class Element, class Real>
constexpr bool is_finite_product(Real a, Real b) noexcept {
  const checked_real<Real> product = checked_product(a, b);
  return product.is_finite && is_finite_as<Element>(product.value);
}

// The largest magnitude of x's type, not above |x|, for which `holds`; with the sign of x. It holds for 0, and for
// whatever is below a magnitude for which it does.
template <class Real, class Holds>
constexpr Real largest_that(Real x, const Holds& holds) noexcept {
  using bits = typename real_traits<Real>::integer;
  bits low = 0;
  bits high = bit_cast<bits>(magnitude_of(x));
  if (holds(x)) return x;
  while (high - low > 1) {
    const bits middle = low + (high - low) / 2;
    const Real magnitude = bit_cast<Real>(middle);
    (holds(x < 0 ? -magnitude : magnitude) ? low : high) = middle;
  }
  const Real magnitude = bit_cast<Real>(low);
  return x < 0 ? -magnitude : magnitude;
}

// code - zero point as dequantize has it, of an integer zero point or of a real one in units of codes.
template <class Real>
constexpr Real steps_from(double code, std::int32_t zero_point) noexcept {
  return static_cast<Real>(code - zero_point);
}
template <class Real>
constexpr Real steps_from(double code, Real zero_point) noexcept {
  return static_cast<Real>(code) - zero_point;
}

template <class Scheme>
inline constexpr bool has_offset = false;
template <class Scheme>
requires requires { Scheme::zero_point_use; }
inline constexpr bool has_offset<Scheme> = Scheme::zero_point_use == zero_point_rule::real_offset;

template <class Element, class Slot>
constexpr bool has_finite_ends(const Slot& slot, const code_bounds& codes) noexcept {
  using real = decltype(slot.scale);
  return is_finite_product<Element>(steps_from<real>(codes.lower, slot.zero_point), slot.scale) &&
         is_finite_product<Element>(steps_from<real>(codes.upper, slot.zero_point), slot.scale);
}
template <class Element, class Slot>
constexpr auto largest_finite_scale(const Slot& slot, const code_bounds& codes) noexcept {
  using real = decltype(slot.scale);
  return largest_that(slot.scale, [&](real scale) {
    return has_finite_ends<Element>(Slot{scale, slot.zero_point}, codes);
  });
}

// Zero points in units of the data, the value of code `origin`: fl(fl((code - origin) * scale) + zero point).
template <class Element, class Real>
constexpr scale_and_real_zero_point<Real> finite_offset(scale_and_real_zero_point<Real> slot, const code_bounds& codes,
                                                        double origin) noexcept {
  const auto lower = static_cast<Real>(codes.lower - origin);
  const auto upper = static_cast<Real>(codes.upper - origin);
  const Real scale = largest_that(
      slot.scale, [&](Real s) { return is_finite_product<Element>(lower, s) && is_finite_product<Element>(upper, s); });
  // The lowest code keeps its value.
  if (scale != slot.scale)
    slot.zero_point =
        stored_real<Real>(static_cast<double>(slot.zero_point) +
                          (codes.lower - origin) * (static_cast<double>(slot.scale) - static_cast<double>(scale)));
  const Real from = checked_product(lower, scale).value;
  const Real to = checked_product(upper, scale).value;
  const auto is_finite = [&](Real sum_of, Real zero_point) {
    const checked_real<Real> sum = checked_sum(sum_of, zero_point);
    return sum.is_finite && is_finite_as<Element>(sum.value);
  };
  return {scale,
          largest_that(slot.zero_point, [&](Real zero) { return is_finite(from, zero) && is_finite(to, zero); })};
}

// A real zero point in units of codes: rounding alone takes an end beyond the last number, so the range gives way by a
// few units in the last place. Where it is the scale (which a degenerate range did not give) the scale does.
template <class Element, class Scheme, class Real>
constexpr scale_and_real_zero_point<Real> finite_real_zero_point(const Scheme& scheme, const range<Real>& r,
                                                                 const code_bounds& of_format,
                                                                 const code_bounds& codes) noexcept {
  const auto first = scheme.parameters(r, of_format);
  for (double part = power_of_two<double>(sizeof(Real) == 4 ? -23 : -52); part < 0.02; part *= 2) {
    const range<Real> within{static_cast<Real>(static_cast<double>(r.minimum) * (1 - part)),
                             static_cast<Real>(static_cast<double>(r.maximum) * (1 - part))};
    const auto slot = scheme.parameters(within, of_format);
    if (has_finite_ends<Element>(slot, codes)) return slot;
  }
  return {largest_finite_scale<Element>(first, codes), first.zero_point};
}

}  // namespace detail

/// scheme.parameters(r, of_format), where with them every code from codes.lower to codes.upper stands for a number that
/// is finite in `Element`, the element type of the data (docs/arithmetic.md, rule 8); for all ranges but those near the
/// largest number. Else
/// - the scale is the largest below the scheme's at which both end codes, computed as dequantize computes them, are
///   finite, and the zero point stays: an end of the range loses at most about a step;
/// - of power_of_two_scale, the largest power of two not above what its inner scheme gives here, with that zero point;
/// - a real zero point in units of codes comes of the range made narrower, by the fewest doublings of a unit in the
/// last
///   place; one in units of the data is what leaves the lowest code its value, held to where both ends are finite.
/// `of_format` are the bounds of the format, `codes` those in use. A scheme of one's own needs nothing for this.
template <class Element, class Scheme, class Real>
constexpr auto finite_parameters(const Scheme& scheme, const range<Real>& r, const code_bounds& of_format,
                                 const code_bounds& codes) noexcept {
  const auto slot = scheme.parameters(r, of_format);
  if constexpr (detail::has_offset<Scheme>) {
    const auto lower = static_cast<std::int32_t>(codes.lower);
    const auto upper = static_cast<std::int32_t>(codes.upper);
    return detail::finite_offset<Element>(slot, codes, scheme.origin_code(lower, upper));
  } else {
    if (detail::has_finite_ends<Element>(slot, codes)) return slot;
    if constexpr (is_same<decltype(slot), scale_and_real_zero_point<Real>>) {
      return detail::finite_real_zero_point<Element>(scheme, r, of_format, codes);
    } else if constexpr (requires {
                           scheme.power_below(finite_parameters<Element>(scheme.inner(), r, codes, codes));
                         }) {
      return scheme.power_below(finite_parameters<Element>(scheme.inner(), r, of_format, codes));
    } else {
      return decltype(slot){detail::largest_finite_scale<Element>(slot, codes), slot.zero_point};
    }
  }
}

}  // namespace xquant
