// The error that a grid of codes makes of all a histogram has seen, expected where elements lie evenly in their bins.
// Includes <cmath> for powers.
#pragma once

#include <xquant/calibration/code_grid.hpp>
#include <xquant/calibration/histogram.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/core/range.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI {

namespace detail {

// x^p for 0 <= x < 2^8, to 1e-5 of it: of the mantissa by a table between whose entries it is taken as straight, of the
// exponent by another. p > 0 fixed; none of it is made for p = 2.
class power {
 public:
  explicit power(double p) {
    if (p == 2) return;
    of_mantissa_.reserve(entries);
    double value = 1;
    for (std::size_t i = 1; i <= entries; ++i) {
      const double next = std::pow(1 + static_cast<double>(i) / entries, p);
      of_mantissa_.push_back({value, next - value});
      value = next;
    }
    for (int e = -lowest; e < 8; ++e) of_exponent_.push_back(std::exp2(p * e));
  }
  [[nodiscard]] double operator()(double x) const noexcept {
    const auto bits = bit_cast<std::uint64_t>(x);
    const int exponent = static_cast<int>(bits >> 52) - 1023 + lowest;
    if (exponent < 0) return 0;
    const auto fraction = static_cast<std::size_t>(bits >> 44 & (entries - 1));
    const double part = static_cast<double>(bits & ((1ull << 44) - 1)) * power_of_two<double>(-44);
    const piece& own = of_mantissa_[fraction];
    return (own.value + part * own.rise) *
           of_exponent_[std::min(static_cast<std::size_t>(exponent), of_exponent_.size() - 1)];
  }

 private:
  static constexpr std::size_t entries = 256;
  static constexpr int lowest = 300;
  struct piece {
    double value;
    double rise;  // to the next
  };
  std::vector<piece> of_mantissa_;
  std::vector<double> of_exponent_;
};

}  // namespace detail

/// Sums over all elements of |x - its nearest value|^p for the codes of a quantizer over a range: of the elements
/// between the smallest and the largest value of the codes, and of those beyond, which are clipped.
///
/// Elements are taken to lie evenly in their bins; a bin without width is a point. |x - nearest value| grows no faster
/// than x, so for p >= 1 the p-th root of the mean, (sum / samples)^(1/p), differs from that of the data themselves
/// by no more than doubt(): the same mean over the data of the p-th power of the distance an element can be moved by,
/// the width of its bin. Hence a range that is the best of some by these sums is, on the data themselves, worse than
/// the best of them by 2 doubt() at most, in that root.
///
/// p = 2 is answered from sums over the bins in front of each cell of the grid, in a time proportional to the number of
/// codes or of bins, whichever is less. Sums are in units of 2^exponent() to the p, so that no square overflows.
class expected_error {
 public:
  struct sums {
    double rounded = 0;
    double clipped = 0;
  };

  /// p > 0. `codes`, and the quantizer it views, must outlive this.
  expected_error(const histogram& h, const code_grid& codes, double p = 2) : codes_(codes), p_(p), power_(p) {
    exponent_ = h.magnitude() > 0 ? static_cast<int>(bit_cast<std::uint64_t>(h.magnitude()) >> 52) - 1022 : 0;
    exponent_ = std::min(std::max(exponent_, -960), 960);
    unit_ = power_of_two<double>(-exponent_);
    const std::vector<counted_bin> filled = h.filled_bins();
    bins_.reserve(filled.size() + 1);
    bin total{};
    for (const counted_bin& b : filled) {
      bin next = total;
      next.lower = b.lower * unit_;
      next.upper = b.upper * unit_;
      next.count = static_cast<double>(b.count);
      bins_.push_back(next);
      total.before = total.before + whole(next);
    }
    total.lower = total.upper = 2 * power_of_two<double>(100);
    bins_.push_back(total);
    if (!codes.is_integer()) values_ = codes.values();
    if (p == 2) return;
    points_.reserve(filled.size());
    for (std::size_t i = 0; i + 1 < bins_.size(); ++i) {
      const double width = bins_[i].upper - bins_[i].lower;
      points_.push_back({bins_[i].lower + width * 0.5, width, bins_[i].count});
    }
  }

  [[nodiscard]] int exponent() const noexcept { return exponent_; }
  /// What p-th roots of the means may be off the data's, in the units of the data.
  [[nodiscard]] double doubt() const {
    double sum = 0;
    for (std::size_t i = 0; i + 1 < bins_.size(); ++i)
      sum += bins_[i].count * std::pow(bins_[i].upper - bins_[i].lower, p_);
    return std::pow(sum / bins_.back().before.count, 1 / p_) / unit_;
  }
  /// The p-th root of the mean, in the units of the data.
  [[nodiscard]] double root_of_mean(const sums& s) const {
    return std::pow((s.rounded + s.clipped) / bins_.back().before.count, 1 / p_) / unit_;
  }

  [[nodiscard]] sums over(const range<double>& r) const noexcept {
    placed_codes p = codes_.over(r);
    p.scale *= unit_;
    p.offset *= unit_;
    const double lowest = p.offset + p.lowest * p.scale;
    const double highest = p.offset + p.highest * p.scale;
    if (p_ != 2) return by_powers(p, lowest, highest);
    sums found;
    std::size_t at = 0;
    const moments below = before(lowest, at);
    std::size_t at_end = at;
    const moments not_above = before(highest, at_end);
    found.clipped = about(below, lowest) + about(bins_.back().before - not_above, highest);
    if (!values_.empty())
      found.rounded = by_cells(p, lowest, highest, below, at);
    else if ((std::min(highest, data_upper()) - std::max(lowest, data_lower())) / p.scale >
             static_cast<double>(bins_.size()))
      found.rounded = by_bins(p, lowest, highest);
    else
      found.rounded = by_steps(p, lowest, highest, below, at);
    return found;
  }

 private:
  struct moments {
    double count = 0;
    double sum = 0;
    double squares = 0;
    friend moments operator+(const moments& a, const moments& b) noexcept {
      return {a.count + b.count, a.sum + b.sum, a.squares + b.squares};
    }
    friend moments operator-(const moments& a, const moments& b) noexcept {
      return {a.count - b.count, a.sum - b.sum, a.squares - b.squares};
    }
  };
  struct bin {
    double lower;
    double upper;
    double count;
    moments before;  // of all bins in front of this one
  };

  // Of `count` elements evenly between a and b.
  static moments evenly(double count, double a, double b) noexcept {
    const double middle = (a + b) / 2;
    const double width = b - a;
    return {count, count * middle, count * (middle * middle + width * width / 12)};
  }
  static moments whole(const bin& b) noexcept { return evenly(b.count, b.lower, b.upper); }
  // Sum of (x - v)^2.
  static double about(const moments& m, double v) noexcept {
    return std::max(0.0, m.squares - 2 * v * m.sum + v * v * m.count);
  }

  [[nodiscard]] double data_lower() const noexcept { return bins_.front().lower; }
  [[nodiscard]] double data_upper() const noexcept { return bins_[bins_.size() - 2].upper; }

  // Of the elements before x, which lies in bin `at` or behind it; sets `at` to x's bin.
  [[nodiscard]] moments before(double x, std::size_t& at) const noexcept {
    // The first bin that does not end before x: in steps that double, then halve.
    std::size_t step = 1;
    std::size_t low = at;
    const std::size_t last = bins_.size() - 1;
    while (low + step < last && bins_[low + step].upper <= x) {
      low += step;
      step *= 2;
    }
    std::size_t high = std::min(low + step, last);
    if (bins_[low].upper > x) high = low;
    while (low < high) {
      const std::size_t middle = low + (high - low) / 2;
      if (bins_[middle].upper <= x)
        low = middle + 1;
      else
        high = middle;
    }
    at = low;
    const bin& b = bins_[low];
    if (low == last || x <= b.lower) return b.before;
    return b.before + evenly(b.count * ((x - b.lower) / (b.upper - b.lower)), b.lower, x);
  }

  // Codes of integers, cell by cell of those that hold data.
  [[nodiscard]] double by_steps(const placed_codes& p, double lowest, double highest, moments done,
                                std::size_t at) const noexcept {
    double sum = 0;
    const double from = detail::nearest_integer((std::max(lowest, data_lower()) - p.offset) / p.scale);
    const double to = detail::nearest_integer((std::min(highest, data_upper()) - p.offset) / p.scale);
    for (double k = std::max(from, p.lowest); k <= std::min(to, p.highest); ++k) {
      const moments next = before(k < p.highest ? p.offset + (k + 0.5) * p.scale : highest, at);
      sum += about(next - done, p.offset + k * p.scale);
      done = next;
    }
    return sum;
  }
  // The same for other formats.
  [[nodiscard]] double by_cells(const placed_codes& p, double lowest, double highest, moments done,
                                std::size_t at) const noexcept {
    double sum = 0;
    for (std::size_t k = 0; k < values_.size(); ++k) {
      const double end = k + 1 < values_.size() ? p.offset + (values_[k] + values_[k + 1]) / 2 * p.scale : highest;
      if (end < std::max(lowest, data_lower())) continue;
      const moments next = before(end, at);
      sum += about(next - done, p.offset + values_[k] * p.scale);
      done = next;
      if (end > data_upper()) break;
    }
    return sum;
  }
  // Codes of integers, bin by bin: for steps about as wide as bins and less.
  [[nodiscard]] double by_bins(const placed_codes& p, double lowest, double highest) const noexcept {
    double sum = 0;
    for (std::size_t i = 0; i + 1 < bins_.size(); ++i) {
      const bin& b = bins_[i];
      const double lower = std::max(b.lower, lowest);
      const double upper = std::min(b.upper, highest);
      if (!(lower <= upper)) continue;
      const double count = b.upper > b.lower ? b.count * ((upper - lower) / (b.upper - b.lower)) : b.count;
      const double from = (lower - p.offset) / p.scale;
      const double to = (upper - p.offset) / p.scale;
      sum += count * mean_square(from, to) * (p.scale * p.scale);
    }
    return sum;
  }
  // The mean of (u - nearest integer)^2 from one to another.
  static double mean_square(double from, double to) noexcept {
    const double first = detail::nearest_integer(from);
    const double last = detail::nearest_integer(to);
    const double a = from - first;
    const double b = to - last;
    if (first == last) return (a * a + a * b + b * b) / 3;
    return ((last - first) / 4 + (b * b * b - a * a * a)) / (3 * (to - from));
  }

  // Any p: the middle of a bin stands for its elements where the bin is narrow beside the step; else its parts do.
  [[nodiscard]] sums by_powers(const placed_codes& p, double lowest, double highest) const noexcept {
    if (!values_.empty()) {
      std::size_t at = 0;
      return by_powers(p, lowest, highest, [&](double x) {
        while (at + 1 < values_.size() && p.offset + (values_[at] + values_[at + 1]) / 2 * p.scale < x) ++at;
        return x - (p.offset + values_[at] * p.scale);
      });
    }
    return by_powers(p, lowest, highest, [&](double x) {
      const double steps = (x - p.offset) / p.scale;
      return (steps - detail::nearest_integer(steps)) * p.scale;
    });
  }
  // error_of(x), of x from `lowest` to `highest`, asked in rising order: x less its nearest value.
  template <class ErrorOf>
  [[nodiscard]] sums by_powers(const placed_codes& p, double lowest, double highest,
                               const ErrorOf& error_of) const noexcept {
    sums found;
    const auto add = [&](double x, double count) {
      if (x < lowest) {
        found.clipped += count * power_(lowest - x);
      } else if (x > highest) {
        found.clipped += count * power_(x - highest);
      } else {
        const double error = error_of(x);
        found.rounded += count * power_(error < 0 ? -error : error);
      }
    };
    const double mean_of_step = std::pow(p.scale / 2, p_) / (p_ + 1);
    for (std::size_t i = 0; i < points_.size(); ++i) {
      const point& b = points_[i];
      if (!(4 * b.width > p.scale)) {
        add(b.middle, b.count);
      } else if (values_.empty() && b.width > 2 * p.scale && bins_[i].lower >= lowest && bins_[i].upper <= highest) {
        found.rounded += b.count * mean_of_step;
      } else {
        for (const double part : {0.125, 0.375, 0.625, 0.875}) add(bins_[i].lower + b.width * part, b.count / 4);
      }
    }
    return found;
  }

  code_grid codes_;
  double p_;
  detail::power power_;
  int exponent_ = 0;
  double unit_ = 1;
  std::vector<bin> bins_;  // and one behind them all
  struct point {
    double middle;
    double width;
    double count;
  };
  std::vector<point> points_;  // the bins as powers see them; none for p = 2
  std::vector<double> values_;
};

}  // namespace xquant
