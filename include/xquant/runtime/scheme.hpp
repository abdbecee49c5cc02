// Schemes decided by values: all whose zero point is an integer added after the rounding run one kernel; the others are
// types of their own.
#pragma once

#include <xquant/core/type_list.hpp>
#include <xquant/runtime/choice.hpp>
#include <xquant/runtime/description.hpp>
#include <xquant/runtime/id.hpp>
#include <xquant/runtime/standard_policies.hpp>
#include <xquant/schemes/power_of_two_scale.hpp>
#include <xquant/schemes/zero_point_before_rounding.hpp>

namespace xquant::inline XQUANT_ABI {

/// Keeps the schemes that differ in nothing but parameters: an integer zero point after the rounding, or 0, and scales
/// above 0.
struct keep_schemes_by_value {
  template <class S>
  static constexpr bool keeps = (detail::zero_point_rule_of<S> == zero_point_rule::none ||
                                 detail::zero_point_rule_of<S> == zero_point_rule::after_rounding) &&
                                !detail::has_signed_scale<S>;
};

namespace detail {

// Calls f(type_of<T>{}) with the type of the list that `id` names; false where none has that id.
template <class T>
struct type_of {
  using type = T;
};
template <class List>
struct type_by_id;
template <class... Types>
struct type_by_id<type_list<Types...>> {
  template <class Id, class F>
  static constexpr bool visit(const Id& id, F&& f) {
    return (false || ... || (names<Types>(id) && (f(type_of<Types>{}), true)));
  }
};

using schemes_by_value = type_by_id<kept_types<standard_schemes, keep_schemes_by_value>>;

constexpr bool is_standard_scheme(scheme_id id) noexcept {
  return type_by_id<standard_schemes>::visit(id, [](auto) {});
}
constexpr bool is_symmetric(scheme_id id) noexcept {
  bool result = false;
  type_by_id<standard_schemes>::visit(
      id, [&]<class S>(type_of<S>) { result = zero_point_rule_of<S> == zero_point_rule::none; });
  return result;
}
constexpr bool is_scheme_value(scheme_id id) noexcept {
  return schemes_by_value::visit(id, [](auto) {});
}
constexpr bool is_degenerate_value(degenerate_id id) noexcept {
  return type_by_id<standard_degenerate_scales>::visit(id, [](auto) {});
}
constexpr bool has_scheme_values(const quantizer_description& d) noexcept {
  return is_scheme_value(d.scheme) && is_degenerate_value(d.degenerate) &&
         d.power_of_two <= power_of_two_id::nearest_in_log2;
}

// Parameters of the scheme `id`; a scheme itself, so that power_of_two_scale can be made of it.
template <class Degenerate>
struct scheme_by_value {
  using policy_category = category::scheme;
  using degenerate_scale = Degenerate;
  static constexpr bool has_zero_point = true;
  scheme_id id = id_of<symmetric<>>;

  template <class Real>
  constexpr scale_and_zero_point<Real> parameters(const range<Real>& r, const code_bounds& codes) const noexcept {
    scale_and_zero_point<Real> result{};
    schemes_by_value::visit(id, [&]<class S>(type_of<S>) {
      result = typename S::template with_degenerate_scale<Degenerate>{}.parameters(r, codes);
    });
    return result;
  }
  template <class Real>
  constexpr std::int32_t zero_point_for(const range<Real>& r, const code_bounds& codes, double scale) const noexcept {
    std::int32_t result = 0;
    schemes_by_value::visit(id, [&]<class S>(type_of<S>) {
      if constexpr (requires { S::zero_point_for(r, codes, scale); }) result = S::zero_point_for(r, codes, scale);
    });
    return result;
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
  scheme_id id = id_of<symmetric<>>;
  degenerate_id degenerate = id_of<xquant::degenerate::one>;
  power_of_two_id power_of_two = power_of_two_id::none;

  constexpr std::int32_t lowest_code(std::int32_t lower, std::int32_t upper) const noexcept {
    std::int32_t result = lower;
    schemes_by_value::visit(id, [&]<class S>(type_of<S>) { result = S::lowest_code(lower, upper); });
    return result;
  }
  template <class Real>
  constexpr scale_and_zero_point<Real> parameters(const range<Real>& r, const code_bounds& codes) const noexcept {
    scale_and_zero_point<Real> result{};
    type_by_id<standard_degenerate_scales>::visit(degenerate, [&]<class D>(type_of<D>) {
      result = parameters_of(scheme_by_value<D>{id}, power_of_two, r, codes);
    });
    return result;
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

}  // namespace xquant
