// Parameters of a range under which every code stands for a finite number: a scheme's own, or smaller ones.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/core/range.hpp>
#include <xquant/schemes/scheme.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {

template <class Real>
constexpr bool is_within(Real x, Real bound) noexcept {
  return x <= bound && x >= -bound;
}

// Whether fl(fl(steps * scale) + offset), rounded to Element, is finite. No step overflows: constants may ask.
template <class Element>
constexpr bool is_finite_value(float steps, float scale, float offset) noexcept {
  // The last double that rounds to a float: half a step above the largest float the tie goes to infinity.
  constexpr double last = (2 - power_of_two<double>(-24) - power_of_two<double>(-52)) * power_of_two<double>(127);
  const double product = static_cast<double>(steps) * static_cast<double>(scale);
  if (!is_within(product, last)) return false;
  const double sum = static_cast<double>(static_cast<float>(product)) + static_cast<double>(offset);
  if (!is_within(sum, last)) return false;
  return is_within(static_cast<float>(static_cast<Element>(static_cast<float>(sum))), real_traits<float>::max);
}
// In units of 2^1024 and 2^1025, in which large numbers are exact and small ones do not matter. The product that meets
// the sum is one with a half, so that it is exact where a compiler fuses the two.
template <class Element>
constexpr bool is_finite_value(double steps, double scale, double offset) noexcept {
  constexpr double unit = power_of_two<double>(-512);
  constexpr double most = real_traits<double>::max * unit * unit;
  const double product = (steps * unit) * (scale * unit);
  return is_within(product, most) && is_within(product * 0.5 + offset * unit * unit * 0.5, most * 0.5);
}

// Whether both end codes, and so all between, stand for finite numbers (docs/arithmetic.md, rule 6).
template <class Element, class Scheme, class Slot>
constexpr bool has_finite_ends(Scheme scheme, const Slot& slot, const code_bounds& codes) noexcept {
  using real = decltype(slot.scale);
  if constexpr (zero_point_rule_of<Scheme> == zero_point_rule::real_offset) {
    const double origin =
        scheme.origin_code(static_cast<std::int32_t>(codes.lower), static_cast<std::int32_t>(codes.upper));
    return is_finite_value<Element>(static_cast<real>(codes.lower - origin), slot.scale, slot.zero_point) &&
           is_finite_value<Element>(static_cast<real>(codes.upper - origin), slot.scale, slot.zero_point);
  } else {
    const auto steps_to = [&](double code) {
      if constexpr (is_real(zero_point_rule_of<Scheme>))
        return static_cast<real>(code) - slot.zero_point;
      else
        return static_cast<real>(code - slot.zero_point);
    };
    return is_finite_value<Element>(steps_to(codes.lower), slot.scale, real(0)) &&
           is_finite_value<Element>(steps_to(codes.upper), slot.scale, real(0));
  }
}

// The slot, or what it becomes when the values of all codes shrink in one proportion until both ends are finite. A
// scale that is 0 or no number stays: every operation refuses it.
template <class Element, class Scheme, class Slot>
constexpr Slot with_finite_ends(Scheme scheme, const Slot& slot, const code_bounds& codes) noexcept {
  using real = decltype(slot.scale);
  using bits = typename real_traits<real>::integer;
  const real magnitude = slot.scale < 0 ? -slot.scale : slot.scale;
  if (!(magnitude > 0 && magnitude <= real_traits<real>::max) || has_finite_ends<Element>(scheme, slot, codes))
    return slot;
  const auto at = [&](bits scale) {
    Slot shrunk = slot;
    shrunk.scale = slot.scale < 0 ? -bit_cast<real>(scale) : bit_cast<real>(scale);
    if constexpr (zero_point_rule_of<Scheme> == zero_point_rule::real_offset)
      shrunk.zero_point = stored_real<real>(static_cast<double>(slot.zero_point) *
                                            (static_cast<double>(shrunk.scale) / static_cast<double>(slot.scale)));
    return shrunk;
  };
  // Between a scale at which the ends are finite and one at which they are not, by bisection of their bits.
  bits finite = 0;
  for (bits beyond = bit_cast<bits>(magnitude); beyond - finite > 1;) {
    const bits middle = finite + (beyond - finite) / 2;
    (has_finite_ends<Element>(scheme, at(middle), codes) ? finite : beyond) = middle;
  }
  return at(finite);
}

}  // namespace detail

/// scheme.parameters(r, of_format), with which every code from codes.lower to codes.upper stands for a number that is
/// finite in `Element`, the element type of the data (docs/arithmetic.md, rule 8). Where that is not so, near the
/// largest number, the values of all codes shrink in one proportion: the scale becomes the largest below the scheme's
/// at which both end codes, computed as dequantize computes them, are finite; a zero point among the codes or in units
/// of codes stays, one in units of the data shrinks along. Of a scheme of powers of two (scheme.hpp) it is the largest
/// power of two not above what the scheme inside has by this rule, with that one's zero point. `of_format` are the
/// bounds of the format, `codes` those in use.
template <class Element, class Scheme, class Real>
constexpr auto finite_parameters(Scheme scheme, const range<Real>& r, const code_bounds& of_format,
                                 const code_bounds& codes) noexcept {
  const auto own = scheme.parameters(r, of_format);
  auto slot = detail::with_finite_ends<Element>(scheme, own, codes);
  if constexpr (requires { scheme.has_power_of_two(); }) {
    if (scheme.has_power_of_two() && !(slot == own)) {
      using bits = typename real_traits<Real>::integer;
      const auto inner = scheme.without_power_of_two();
      slot = detail::with_finite_ends<Element>(inner, inner.parameters(r, of_format), codes);
      constexpr bits mantissa = (bits{1} << real_traits<Real>::mantissa_bits) - 1;
      slot.scale = bit_cast<Real>(static_cast<bits>(bit_cast<bits>(slot.scale) & ~mantissa));
    }
  }
  return slot;
}

}  // namespace xquant
