// The min-max calibrator: the smallest and the largest value each parameter slot has seen. Exact, streaming, mergeable,
// the same for any order.
#pragma once

#include <xquant/calibration/calibrator.hpp>
#include <xquant/calibration/extremes.hpp>
#include <xquant/calibration/range_rule.hpp>
#include <xquant/core/range.hpp>

#include <cstddef>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// The rule of min-max: the exact extremes, of any state that keeps them.
struct full_range {
  [[nodiscard]] static constexpr status valid() noexcept { return {}; }
  template <class State>
  requires requires(const State& s) {
    static_cast<double>(s.minimum());
    static_cast<double>(s.maximum());
  }
  [[nodiscard]] static constexpr status try_range(const State& state, range<double>& out) noexcept {
    out = {static_cast<double>(state.minimum()), static_cast<double>(state.maximum())};
    return {};
  }
  friend constexpr bool operator==(const full_range&, const full_range&) = default;
};

namespace detail {
// full_range of extremes that no observer keeps.
template <class Real>
status ranges_of_extremes(const std::vector<extremes>& found, std::vector<range<Real>>& out) {
  struct slots_found {
    const std::vector<extremes>& of;
    [[nodiscard]] std::size_t slots() const noexcept { return of.size(); }
    [[nodiscard]] const std::vector<extremes>& states() const noexcept { return of; }
  };
  return ranges_by(slots_found{found}, full_range{}, out,
                   [](const extremes& state, range<double>& r) { return full_range::try_range(state, r); });
}
}  // namespace detail

/// range = [min x, max x] of each slot of `Granularity`, in the units of x; -0 counts as +0. What observer refuses is
/// refused, NaN and infinities in particular. Source: AIMET's "tf", torch's MinMaxObserver and
/// PerChannelMinMaxObserver, pytorch-quantization's MaxCalibrator (of |x|).
template <Granularity GranularityType = per_tensor>
using min_max = calibrator<extremes, full_range, GranularityType>;

static_assert(ObserverState<extremes> && RuleWithoutCodes<full_range, extremes> && Calibrator<min_max<>>);

}  // namespace xquant
