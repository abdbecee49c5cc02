// What a scheme is: how a range becomes scale and zero point, and where the zero point enters.
#pragma once

#include <xquant/core/meta.hpp>
#include <xquant/core/parameters_view.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/range.hpp>

namespace xquant::inline XQUANT_ABI {

// clang-format off
/// A scheme S (a regular value; most are empty), of category::scheme:
///   static constexpr bool has_zero_point             needs a format of integers
///   int32 lowest_code(int32 lower, int32 upper)      the lowest code in use, of a format whose codes are [lower, upper]
///   parameters<Real>(range<Real>, code_bounds)       a scale_and_zero_point<Real>, or a scale_and_real_zero_point<Real>
///                                                    where zero points are reals; for any valid range
/// and, where it has them,
///   static constexpr zero_point_rule zero_point_use  where the zero point enters; else after the rounding
///   int32 origin_code(int32 lower, int32 upper)      with zero_point_rule::real_offset: the code that stands for it
///   static constexpr bool has_signed_scale = true    its scales may be negative
///   using degenerate_scale = ...                     its policy for ranges without width (degenerate_scale.hpp)
///   int32 zero_point_for(range, code_bounds, double scale)   the zero point with a scale from elsewhere: with these two,
///                                                    power_of_two_scale can be made of it
///   bool has_power_of_two()                          whether its scales are another scheme's, moved to powers of two;
///   S2 without_power_of_two()                        that other scheme (finite_parameters.hpp)
// clang-format on
template <class S>
concept Scheme = QuantizerPolicy<S> && is_same<typename S::policy_category, category::scheme> &&
    requires(const S& s, const range<float>& r, const code_bounds& codes) {
  S::has_zero_point;
  s.lowest_code(std::int32_t{}, std::int32_t{});
  s.parameters(r, codes).scale;
};

namespace detail {

// Where the zero points of a scheme enter.
template <class S>
inline constexpr zero_point_rule zero_point_rule_of =
    S::has_zero_point ? zero_point_rule::after_rounding : zero_point_rule::none;
template <class S>
requires requires { S::zero_point_use; }
inline constexpr zero_point_rule zero_point_rule_of<S> = S::zero_point_use;

// Whether the scales of a scheme may be negative.
template <class S>
inline constexpr bool has_signed_scale = requires {
  requires S::has_signed_scale;
};

}  // namespace detail

}  // namespace xquant
