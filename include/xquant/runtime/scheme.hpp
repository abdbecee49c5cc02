// Schemes decided by values: all whose zero point is an integer added after the rounding run one kernel; the others are
// types of their own.
#pragma once

#include <xquant/runtime/description.hpp>
#include <xquant/schemes/affine.hpp>
#include <xquant/schemes/nudged_affine.hpp>
#include <xquant/schemes/power_of_two_scale.hpp>
#include <xquant/schemes/real_zero_point_affine.hpp>
#include <xquant/schemes/symmetric.hpp>
#include <xquant/schemes/symmetric_to_half_range.hpp>
#include <xquant/schemes/symmetric_to_signed_extreme.hpp>
#include <xquant/schemes/symmetric_to_upper_code.hpp>
#include <xquant/schemes/zero_point_before_rounding.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {

constexpr bool is_symmetric(scheme_id id) noexcept {
  return id == scheme_id::symmetric || id == scheme_id::symmetric_narrow || id == scheme_id::symmetric_to_half_range ||
         id == scheme_id::symmetric_to_upper_code || id == scheme_id::symmetric_to_signed_extreme;
}
constexpr bool is_scheme_value(scheme_id id) noexcept { return id <= scheme_id::symmetric_to_upper_code_at_middle; }
constexpr bool has_scheme_values(const quantizer_description& d) noexcept {
  return is_scheme_value(d.scheme) && d.degenerate <= degenerate_id::refused &&
         d.power_of_two <= power_of_two_id::nearest_in_log2;
}

// Parameters of the scheme `id`; a scheme itself, so that power_of_two_scale can be made of it.
template <class Degenerate>
struct scheme_by_value {
  using policy_category = category::scheme;
  using degenerate_scale = Degenerate;
  static constexpr bool has_zero_point = true;
  scheme_id id = scheme_id::symmetric;

  template <class Real>
  constexpr scale_and_zero_point<Real> parameters(const range<Real>& r, const code_bounds& codes) const noexcept {
    return visit([&](auto scheme) { return scheme.parameters(r, codes); });
  }
  template <class Real>
  constexpr std::int32_t zero_point_for(const range<Real>& r, const code_bounds& codes, double scale) const noexcept {
    return visit([&](auto scheme) -> std::int32_t {
      if constexpr (requires { scheme.zero_point_for(r, codes, scale); })
        return scheme.zero_point_for(r, codes, scale);
      else
        return 0;
    });
  }

 private:
  template <class F>
  constexpr auto visit(F&& f) const noexcept {
    switch (id) {
      case scheme_id::affine: return f(affine_scheme<Degenerate>{});
      case scheme_id::affine_as_given: return f(affine_scheme<Degenerate, range_of_zero::as_given>{});
      case scheme_id::nudged_affine: return f(nudged_affine<Degenerate>{});
      case scheme_id::nudged_affine_away: return f(nudged_affine<Degenerate, zero_point_rounding::nearest_away>{});
      case scheme_id::symmetric_to_half_range: return f(symmetric_to_half_range<Degenerate>{});
      case scheme_id::symmetric_to_half_range_at_middle:
        return f(symmetric_to_half_range<Degenerate, symmetric_zero::at_middle_code>{});
      case scheme_id::symmetric_to_upper_code: return f(symmetric_to_upper_code<Degenerate>{});
      case scheme_id::symmetric_to_upper_code_at_middle:
        return f(symmetric_to_upper_code<Degenerate, symmetric_zero::at_middle_code>{});
      case scheme_id::symmetric_narrow: return f(symmetric<code_range::narrow, Degenerate>{});
      default: break;
    }
    return f(symmetric<code_range::full, Degenerate>{});
  }
};

template <class Inner, class Real>
constexpr scale_and_zero_point<Real> parameters_of(const Inner& inner, power_of_two_id power, const range<Real>& r,
                                                   const code_bounds& codes) noexcept {
  switch (power) {
    case power_of_two_id::none: break;
    case power_of_two_id::up: return power_of_two_scale<Inner, exponent_rounding::up>{inner}.parameters(r, codes);
    case power_of_two_id::down: return power_of_two_scale<Inner, exponent_rounding::down>{inner}.parameters(r, codes);
    case power_of_two_id::nearest:
      return power_of_two_scale<Inner, exponent_rounding::nearest>{inner}.parameters(r, codes);
    case power_of_two_id::nearest_in_log2:
      return power_of_two_scale<Inner, exponent_rounding::nearest_in_log2>{inner}.parameters(r, codes);
  }
  return inner.parameters(r, codes);
}

// One of the schemes with an integer zero point, or with none, by values.
template <bool HasZeroPoint>
struct scheme_of_description {
  using policy_category = category::scheme;
  static constexpr bool has_zero_point = HasZeroPoint;
  scheme_id id = scheme_id::symmetric;
  degenerate_id degenerate = degenerate_id::one;
  power_of_two_id power_of_two = power_of_two_id::none;

  constexpr std::int32_t lowest_code(std::int32_t lower, std::int32_t upper) const noexcept {
    return id == scheme_id::symmetric_narrow ? symmetric<code_range::narrow>::lowest_code(lower, upper) : lower;
  }
  template <class Real>
  constexpr scale_and_zero_point<Real> parameters(const range<Real>& r, const code_bounds& codes) const noexcept {
    const auto with = [&](auto repair) {
      return parameters_of(scheme_by_value<decltype(repair)>{id}, power_of_two, r, codes);
    };
    switch (degenerate) {
      case degenerate_id::one: break;
      case degenerate_id::at_least_two_to_the_minus_23:
        return with(xquant::degenerate::at_least<xquant::degenerate::two_to_the<-23>>{});
      case degenerate_id::at_least_smallest_normal:
        return with(xquant::degenerate::at_least<xquant::degenerate::smallest_normal>{});
      case degenerate_id::zero_output: return with(xquant::degenerate::zero_output<>{});
      case degenerate_id::refused: return with(xquant::degenerate::refused{});
    }
    return with(xquant::degenerate::one{});
  }
  [[nodiscard]] constexpr bool has_power_of_two() const noexcept { return power_of_two != power_of_two_id::none; }
  [[nodiscard]] constexpr scheme_of_description without_power_of_two() const noexcept {
    return {id, degenerate, power_of_two_id::none};
  }
  friend constexpr bool operator==(const scheme_of_description&, const scheme_of_description&) = default;
};

}  // namespace detail

/// Every scheme of the library whose zero point is an integer added after the rounding, or 0, decided by a value.
/// Kernels always have a zero point, which is 0 when symmetric. For formats without zero points it becomes
/// runtime_symmetric_scheme by itself.
using runtime_scheme = detail::scheme_of_description<true>;
using runtime_symmetric_scheme = detail::scheme_of_description<false>;

template <>
struct runtime_choice<runtime_scheme> {
  static constexpr bool matches(const quantizer_description& d) noexcept {
    return detail::has_scheme_values(d) && !d.zero_point_before_rounding;
  }
  static constexpr runtime_scheme make(const quantizer_description& d) noexcept {
    return {d.scheme, d.degenerate, d.power_of_two};
  }
};
template <>
struct runtime_choice<zero_point_before_rounding<runtime_scheme>> {
  static constexpr bool matches(const quantizer_description& d) noexcept {
    return detail::has_scheme_values(d) && d.zero_point_before_rounding;
  }
  static constexpr zero_point_before_rounding<runtime_scheme> make(const quantizer_description& d) noexcept {
    return {runtime_choice<runtime_scheme>::make(d)};
  }
};

namespace detail {

template <class D>
inline constexpr degenerate_id id_of_degenerate = static_cast<degenerate_id>(255);  // one of the user's own
template <>
inline constexpr degenerate_id id_of_degenerate<degenerate::one> = degenerate_id::one;
template <>
inline constexpr degenerate_id id_of_degenerate<degenerate::at_least<degenerate::two_to_the<-23>>> =
    degenerate_id::at_least_two_to_the_minus_23;
template <>
inline constexpr degenerate_id id_of_degenerate<degenerate::at_least<degenerate::smallest_normal>> =
    degenerate_id::at_least_smallest_normal;
template <>
inline constexpr degenerate_id id_of_degenerate<degenerate::zero_output<>> = degenerate_id::zero_output;
template <>
inline constexpr degenerate_id id_of_degenerate<degenerate::refused> = degenerate_id::refused;

// A scheme of one id and one type.
template <class S, scheme_id Id>
struct scheme_choice {
  static constexpr bool matches(const quantizer_description& d) noexcept {
    return d.scheme == Id && d.degenerate == id_of_degenerate<typename S::degenerate_scale> &&
           d.power_of_two == power_of_two_id::none && !d.zero_point_before_rounding;
  }
  static constexpr S make(const quantizer_description&) noexcept { return {}; }
};

}  // namespace detail

template <class D>
struct runtime_choice<symmetric_to_signed_extreme<D>>
    : detail::scheme_choice<symmetric_to_signed_extreme<D>, scheme_id::symmetric_to_signed_extreme> {};
template <class D>
struct runtime_choice<real_zero_point_affine<D>>
    : detail::scheme_choice<real_zero_point_affine<D>, scheme_id::real_zero_point_affine> {};
template <class D>
struct runtime_choice<offset_affine<D, offset_code::middle>>
    : detail::scheme_choice<offset_affine<D, offset_code::middle>, scheme_id::offset_affine> {};
template <class D>
struct runtime_choice<offset_affine<D, offset_code::lowest>>
    : detail::scheme_choice<offset_affine<D, offset_code::lowest>, scheme_id::offset_affine_lowest> {};

}  // namespace xquant
