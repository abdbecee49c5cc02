// The rule of mean and standard deviations.
#pragma once

#include <xquant/calibration/histogram.hpp>
#include <xquant/calibration/percentile.hpp>
#include <xquant/calibration/range_rule.hpp>
#include <xquant/calibration/sample_moments.hpp>
#include <xquant/core/range.hpp>

#include <algorithm>

namespace xquant::inline XQUANT_ABI {

/// Mean and k standard deviations, held to the extremes:
///   tails::both       [m - k s, m + k s] of x: for affine schemes
///   tails::magnitude  [-t, t] with t = m + k s of |x|: for symmetric schemes (brevitas)
/// One value only, zeros only: the extremes. It asks nothing about the quantizer: k is a choice of yours.
struct mean_deviation {
  double deviations = 4;
  xquant::tails tails = xquant::tails::both;

  /// Refuses what is not a finite number above 0.
  [[nodiscard]] constexpr status valid() const noexcept {
    if (!(deviations > 0 && deviations - deviations == 0))
      return fault(errc::value_out_of_range, "mean_deviation.deviations", deviations, "a positive number");
    return {};
  }

  [[nodiscard]] status try_range(const histogram& h, range<double>& out) const {
    out = {h.minimum(), h.maximum()};
    if (out.minimum == out.maximum) return {};
    const bool both = tails == xquant::tails::both;
    const sample_moments m = mean_and_deviation_of(h, both ? moments_of::values : moments_of::magnitudes);
    const double reach = deviations * m.deviation;
    out = {std::max(out.minimum, both ? m.mean - reach : -(m.mean + reach)), std::min(out.maximum, m.mean + reach)};
    // Of few elements in one bin the mean may lie beside them all.
    if (out.minimum > out.maximum) out = {h.minimum(), h.maximum()};
    return {};
  }

  friend constexpr bool operator==(const mean_deviation&, const mean_deviation&) = default;
};

static_assert(RuleWithoutCodes<mean_deviation, histogram>);

}  // namespace xquant
