// The rules of rounding, told by where v lies between two neighbours: nothing of the library is used to tell it.
#pragma once

#include <xquant/rounding/nearest_away.hpp>
#include <xquant/rounding/nearest_down.hpp>
#include <xquant/rounding/nearest_dpu.hpp>
#include <xquant/rounding/nearest_even.hpp>
#include <xquant/rounding/nearest_odd.hpp>
#include <xquant/rounding/nearest_to_zero.hpp>
#include <xquant/rounding/nearest_up.hpp>
#include <xquant/rounding/rounding.hpp>
#include <xquant/rounding/to_odd.hpp>
#include <xquant/rounding/toward_negative.hpp>
#include <xquant/rounding/toward_positive.hpp>
#include <xquant/rounding/toward_zero.hpp>

namespace rounding_test {

/// v lies between two neighbouring grid points, or on the lower one.
struct place {
  enum side { on_lower, below_middle, on_middle, above_middle } where;
  bool lower_is_even;
  bool negative;
};

enum class rule { even, away, up, down, to_zero, odd, dpu, floor, ceiling, truncate, sticky };

/// Whether the upper of the two is the answer.
constexpr bool takes_upper(rule r, const place& p) {
  if (p.where == place::on_lower) return false;
  switch (r) {
    case rule::floor: return false;
    case rule::ceiling: return true;
    case rule::truncate: return p.negative;
    case rule::sticky: return p.lower_is_even;
    default: break;
  }
  if (p.where != place::on_middle) return p.where == place::above_middle;
  switch (r) {
    case rule::away: return !p.negative;
    case rule::up: return true;
    case rule::down: return false;
    case rule::to_zero: return p.negative;
    case rule::odd: return p.lower_is_even;
    case rule::dpu: return p.negative || !p.lower_is_even;
    default: return !p.lower_is_even;
  }
}

/// Calls visit(policy, rule, name) for each deterministic rounding.
template <class Visit>
void for_each_rounding(const Visit& visit) {
  using namespace xquant;  // NOLINT: every line names one
  visit(nearest_even{}, rule::even, "nearest_even");
  visit(nearest_away{}, rule::away, "nearest_away");
  visit(nearest_up{}, rule::up, "nearest_up");
  visit(nearest_down{}, rule::down, "nearest_down");
  visit(nearest_to_zero{}, rule::to_zero, "nearest_to_zero");
  visit(nearest_odd{}, rule::odd, "nearest_odd");
  visit(nearest_dpu{}, rule::dpu, "nearest_dpu");
  visit(toward_negative{}, rule::floor, "toward_negative");
  visit(toward_positive{}, rule::ceiling, "toward_positive");
  visit(toward_zero{}, rule::truncate, "toward_zero");
  visit(to_odd{}, rule::sticky, "to_odd");
}

constexpr bool is_nearest(rule r) { return r < rule::floor; }

}  // namespace rounding_test
