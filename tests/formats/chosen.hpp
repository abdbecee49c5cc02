// Rounding policies that are any of the library's rules, by value: one kernel for all of them.
#pragma once

#include <formats/oracle.hpp>

#include <xquant/rounding/nearest_away.hpp>
#include <xquant/rounding/nearest_down.hpp>
#include <xquant/rounding/nearest_even.hpp>
#include <xquant/rounding/nearest_odd.hpp>
#include <xquant/rounding/nearest_to_zero.hpp>
#include <xquant/rounding/nearest_up.hpp>
#include <xquant/rounding/rounding.hpp>
#include <xquant/rounding/to_odd.hpp>
#include <xquant/rounding/toward_negative.hpp>
#include <xquant/rounding/toward_positive.hpp>
#include <xquant/rounding/toward_zero.hpp>

namespace formats_test {

/// Any rule. The library may not assume that it only looks at halves.
struct chosen {
  using policy_category = xquant::category::rounding;
  rule how = rule::nearest_even;

  template <class L>
  [[gnu::noinline]] L round(L v) const {
    switch (how) {
      case rule::nearest_even: return xquant::nearest_even::round(v);
      case rule::nearest_away: return xquant::nearest_away::round(v);
      case rule::nearest_up: return xquant::nearest_up::round(v);
      case rule::nearest_down: return xquant::nearest_down::round(v);
      case rule::nearest_to_zero: return xquant::nearest_to_zero::round(v);
      case rule::nearest_odd: return xquant::nearest_odd::round(v);
      case rule::toward_zero: return xquant::toward_zero::round(v);
      case rule::toward_positive: return xquant::toward_positive::round(v);
      case rule::toward_negative: return xquant::toward_negative::round(v);
      case rule::to_odd: return xquant::to_odd::round(v);
    }
    return v;
  }
  friend constexpr bool operator==(const chosen&, const chosen&) = default;
};

/// Any of the rules that round to nearest, and say so.
struct chosen_nearest : chosen {
  static constexpr bool sees_only_halves = true;
  friend constexpr bool operator==(const chosen_nearest&, const chosen_nearest&) = default;
};

constexpr bool is_nearest(rule r) { return r <= rule::nearest_odd; }

}  // namespace formats_test
