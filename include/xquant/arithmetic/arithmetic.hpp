// What an arithmetic is: how x and a scale become v, in units of the scale.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/policy.hpp>

namespace xquant::inline XQUANT_ABI {

// clang-format off
/// An arithmetic A (a regular value; most are empty), of category::arithmetic (docs/arithmetic.md, rule 4):
///   static constexpr bool multiplies_by_reciprocal   the scale must have a finite reciprocal, which quotient is given
///   static L quotient<bool Short>(L x, L scale, L reciprocal)
///                                                    x in units of the scale. Short: the caller only rounds it to the
///                                                    nearest point of an 8-bit grid, so the short quotient will do
/// and, where quotient<true> is shorter and right for some scales only (an interval around 1),
///   bool is_ordinary(real scale)                     whether it is right for this one
///   using for_any_scale = ...                        the arithmetic of the others, as divide_by_moved_scale.hpp has it;
///                                                    without these, quotient<true> is not asked for
// clang-format on
template <class A>
concept Arithmetic = QuantizerPolicy<A> && is_same<typename A::policy_category, category::arithmetic> && requires {
  requires is_same<decltype(A::multiplies_by_reciprocal), const bool>;
  requires is_same<decltype(A::template quotient<false>(1.0f, 1.0f, 1.0f)), float>;
  requires is_same<decltype(A::template quotient<true>(1.0f, 1.0f, 1.0f)), float>;
};

}  // namespace xquant
