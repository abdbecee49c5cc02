// The search for the range of least cost: over one end where the codes lie about zero or the data on one side of it,
// over both ends otherwise. It does not take the cost to have one minimum only.
#pragma once

#include <xquant/calibration/code_grid.hpp>
#include <xquant/calibration/expected_error.hpp>
#include <xquant/calibration/histogram.hpp>
#include <xquant/calibration/magnitude_order.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/core/range.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// Looks for the range of least cost(range<double>) within the extremes of a histogram, for a quantizer. The whole
/// range is always tried, and kept unless another costs less.
///
/// First ranges [max(-t, min), min(t, max)] with t from the largest magnitude down to the first percentile of the
/// magnitudes that are not zero, in steps of 1/32 of the largest above half of it and of 2^(1/4) below; then about each
/// of the three best that are better than their neighbours, in steps of 1/24, 1/100 and 1/400.
/// Where the scheme has zero points and the data lie on both sides of zero, each end is then moved alone, the other
/// kept, in the same steps over all its length, in turns until neither is better, three at most; both together by steps
/// of the codes where these are 64 or fewer; then both in parts of 1/32 of their length, together, apart and alone,
/// halved when none is better, down to 1/512. An end less than 2^-1000 away stays.
class range_search {
 public:
  range_search(const histogram& h, const code_grid& codes, const expected_error& error, double clipping = 1)
      : error_(error),
        clipping_(clipping),
        codes_(codes),
        low_(h.minimum()),
        high_(h.maximum()),
        both_(!codes.is_symmetric() && low_ < 0 && high_ > 0) {
    // Where zero need not be a code, the ends of data away from zero move as those about it do: from their middle.
    if (!codes.is_symmetric() && (low_ > 0 || high_ < 0)) {
      const placed_codes p = codes.over({low_, high_});
      const double lowest = p.offset + p.lowest * p.scale;
      const double highest = p.offset + p.highest * p.scale;
      if (low_ > 0 ? lowest > low_ / 2 : highest < high_ / 2) {
        middle_ = low_ / 2 + high_ / 2;
        both_ = true;
      }
    }
    least_ = smallest_magnitude(h);
  }

  [[nodiscard]] range<double> best() {
    best_ = {low_, high_};
    best_cost_ = cost(best_);
    if (!(low_ < high_) && low_ == 0) return best_;
    const double whole = std::max(high_ - middle_, middle_ - low_);
    along(whole, moved::both, best_);
    if (!both_) return best_;
    for (int turn = 0; turn < 3; ++turn) {
      const double before = best_cost_;
      const range<double> lower = best_;
      along(high_ - middle_, moved::upper, lower);
      const range<double> upper = best_;
      along(middle_ - low_, moved::lower, upper);
      if (!(best_cost_ < before * 0.999)) break;
    }
    if (codes_.is_integer() && codes_.levels() <= 64) by_zero_points();
    for (double step = 1.0 / 32; step >= 1.0 / 512;) {
      const range<double> from = best_;
      const double before = best_cost_;
      for (const int a : {-1, 0, 1})
        for (const int b : {-1, 0, 1})
          if (a != 0 || b != 0)
            try_range({std::max(low_, middle_ + (from.minimum - middle_) * (1 + a * step)),
                       std::min(high_, middle_ + (from.maximum - middle_) * (1 + b * step))});
      if (!(best_cost_ < before)) step /= 2;
    }
    return best_;
  }

 private:
  static double smallest_magnitude(const histogram& h) {
    const std::vector<counted_bin> order = by_falling_magnitude(h);
    std::uint64_t nonzero = 0;
    for (const counted_bin& b : order)
      if (outer_magnitude(b) > 0) nonzero += b.count;
    std::uint64_t seen = 0;
    for (const counted_bin& b : order)
      if ((seen += b.count) >= nonzero - nonzero / 100) return outer_magnitude(b);
    return h.magnitude();
  }

  // A step of few codes is wide: both ends moved by whole steps, which only another zero point can do, and scaled.
  void by_zero_points() {
    const range<double> from = best_;
    const double step = codes_.over(from).scale;
    for (int shift = -8; shift <= 8; ++shift)
      for (const double factor : {0.85, 0.9, 0.95, 1.0, 1.05})
        try_range({std::min(middle_, std::max(low_, middle_ + (from.minimum - middle_ + shift * step) * factor)),
                   std::max(middle_, std::min(high_, middle_ + (from.maximum - middle_ + shift * step) * factor))});
  }

  [[nodiscard]] double cost(const range<double>& r) const noexcept {
    const expected_error::sums s = error_.over(r);
    return s.rounded + clipping_ * s.clipped;
  }
  double try_range(const range<double>& r) {
    if (!(r.minimum <= r.maximum)) return std::numeric_limits<double>::infinity();
    const double c = cost(r);
    if (c < best_cost_) {
      best_cost_ = c;
      best_ = r;
    }
    return c;
  }

  enum class moved : std::uint8_t { both, lower, upper };
  struct point {
    double t;
    double cost;
  };

  // Over the ranges with an end, or both, t from the middle, 0 < t <= whole; the other end that of `from`.
  void along(double whole, moved ends, const range<double>& from) {
    if (!(whole > power_of_two<double>(-1000))) return;  // parts of it may be no numbers, and no scale is as small
    const auto at = [&](double t) {
      return range<double>{ends == moved::upper ? from.minimum : std::max(middle_ - t, low_),
                           ends == moved::lower ? from.maximum : std::min(middle_ + t, high_)};
    };
    std::vector<point> points;
    const double ratio = 1.189207115002721;  // 2^(1/4)
    double t = whole;
    for (; t > whole / 2; t -= whole / 32) points.push_back({t, 0});
    const double last = std::max(std::min(least_, whole), whole * power_of_two<double>(-60));
    for (; t > last; t /= ratio) points.push_back({t, 0});
    points.push_back({last, 0});
    for (point& p : points) p.cost = try_range(at(p.t));
    std::vector<point> minima;
    for (std::size_t i = 0; i < points.size(); ++i)
      if ((i == 0 || points[i].cost <= points[i - 1].cost) &&
          (i + 1 == points.size() || points[i].cost <= points[i + 1].cost))
        minima.push_back(points[i]);
    std::sort(minima.begin(), minima.end(), [](const point& a, const point& b) { return a.cost < b.cost; });
    if (minima.size() > 3) minima.resize(3);
    for (point p : minima)
      for (const double part : {1.0 / 24, 1.0 / 100, 1.0 / 400}) {
        const double centre = p.t;
        for (const int k : {-3, -2, -1, 1, 2, 3}) {
          const double near = std::min(whole, centre * (1 + k * part));
          if (const double c = try_range(at(near)); c < p.cost) p = {near, c};
        }
      }
  }

  const expected_error& error_;
  double clipping_;
  const code_grid& codes_;
  double low_;
  double high_;
  double middle_ = 0;
  double least_ = 0;
  bool both_;
  range<double> best_{};
  double best_cost_ = 0;
};

}  // namespace xquant
