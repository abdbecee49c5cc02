// OCTAV: the clipping of least squared error by a fixed point.
#pragma once

#include <xquant/calibration/code_grid.hpp>
#include <xquant/calibration/expected_error.hpp>
#include <xquant/calibration/histogram.hpp>
#include <xquant/calibration/magnitude_order.hpp>
#include <xquant/calibration/range_rule.hpp>
#include <xquant/calibration/sample_moments.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/core/range.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// Clips |x| at the fixed point of
///   t' = sum of |x| beyond t / (c(t) n(t) + number beyond t),
/// n(t) the number of elements that are not zero and not beyond t, from the mean magnitude on, until t changes by no
/// more than 1e-6 of itself. c(t) t^2 is the expected squared error of rounding one of these: c = 1 / (3 N^2) for N
/// levels on [-t, t] (code_grid::levels_across; 4^-B / 3 for B bits); of formats that are not of integers, the mean
/// over those elements. The range is [max(-t, min), min(t, max)]. Elements are taken to lie evenly in their bins. A
/// fixed point is a minimum of the expected error where rounding errors are even, not always the least one:
/// mean_squared_error searches. One value only, zeros only: the extremes. Source: C. Sakr et al., "Optimal clipping and
/// magnitude-aware differentiation for improved quantization-aware training", 2022.
struct octav {
  /// Refuses nothing.
  [[nodiscard]] static constexpr status valid() noexcept { return {}; }

  [[nodiscard]] static status try_range(const histogram& h, const code_grid& codes, range<double>& out) {
    out = {h.minimum(), h.maximum()};
    if (out.minimum == out.maximum) return {};
    const beyond_magnitude beyond(h);
    const expected_error error(h, codes);
    const auto unit = power_of_two<double>(error.exponent());
    const double levels = std::max(2.0, codes.levels_across(out.minimum >= 0 || out.maximum <= 0));
    const double of_levels = 1 / (3 * levels * levels);
    double t = mean_and_deviation_of(h, moments_of::nonzero).mean;
    for (int turn = 0; turn < 200 && t < h.magnitude(); ++turn) {
      const beyond_magnitude::part outside = beyond(t);
      if (!(outside.count > 0)) return {};
      const double inside = beyond.count() - outside.count;
      double ratio = of_levels;
      if (!codes.is_integer() && inside > 0)
        ratio = error.over(clipped(h, t)).rounded / (inside * (t / unit) * (t / unit));
      const double next = outside.sum / (ratio * inside + outside.count);
      const bool is_still = next - t <= 1e-6 * t && t - next <= 1e-6 * t;
      t = next;
      if (is_still) break;
    }
    if (t > 0) out = clipped(h, t);
    return {};
  }

  friend constexpr bool operator==(const octav&, const octav&) = default;

 private:
  static range<double> clipped(const histogram& h, double t) noexcept {
    return {std::max(-t, h.minimum()), std::min(t, h.maximum())};
  }

  // Number and sum of the magnitudes beyond t.
  class beyond_magnitude {
   public:
    struct part {
      double count = 0;
      double sum = 0;
    };
    explicit beyond_magnitude(const histogram& h) {
      for (const counted_bin& b : by_falling_magnitude(h)) {
        if (!(outer_magnitude(b) > 0)) continue;
        bins_.push_back({outer_magnitude(b), inner_magnitude(b), static_cast<double>(b.count), before_});
        before_.count += bins_.back().count;
        before_.sum += bins_.back().count * (bins_.back().outer / 2 + bins_.back().inner / 2);
      }
    }
    [[nodiscard]] double count() const noexcept { return before_.count; }
    [[nodiscard]] part operator()(double t) const noexcept {
      // The first bin that reaches to t or below; of two signs of one magnitude the second may, too.
      const auto at = std::partition_point(bins_.begin(), bins_.end(), [t](const bin& b) { return b.inner > t; });
      part found = at == bins_.end() ? before_ : at->before;
      for (auto b = at; b != bins_.end() && b != at + 2 && b->outer > t; ++b) {
        const double share = b->outer > b->inner ? (b->outer - t) / (b->outer - b->inner) : 0;
        found.count += b->count * share;
        found.sum += b->count * share * (b->outer / 2 + t / 2);
      }
      return found;
    }

   private:
    struct bin {
      double outer;
      double inner;
      double count;
      part before;
    };
    std::vector<bin> bins_;
    part before_;
  };
};

static_assert(RangeRule<octav, histogram>);

}  // namespace xquant
