// Bounds of the squared error that a grid of codes makes of everything a histogram has seen.
#pragma once

#include <xquant/calibration/code_grid.hpp>
#include <xquant/calibration/histogram.hpp>
#include <xquant/calibration/magnitude_order.hpp>
#include <xquant/core/bits.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// The distance of real values from those of the codes, placed by a scheme (code_grid.hpp).
class grid_distance {
 public:
  /// `values`: code_grid::values() where the format is not of integers (they must outlive this), else none.
  explicit grid_distance(const placed_codes& p, const std::vector<double>* values = nullptr) noexcept
      : scale_(p.scale),
        reciprocal_(1 / p.scale),
        offset_(p.offset),
        lowest_(p.lowest),
        highest_(p.highest),
        values_(values) {}

  struct errors {
    double least;
    double most;
  };

  /// Least and most of |x - nearest value of the grid| over a <= x <= b. It is linear but for peaks half-way between
  /// the values of the grid and zeros at them. Widened by what the codes and the dequantized numbers may be off
  /// for being computed in float: 2^-22 of the magnitudes.
  [[nodiscard]] errors over(double a, double b) const noexcept {
    a -= offset_;
    b -= offset_;
    if (values_ != nullptr) return over_values(a, b);
    const double steps_a = a * reciprocal_;
    const double steps_b = b * reciprocal_;
    const double at_a = held(steps_a);
    const double at_b = held(steps_b);
    const double error_a = magnitude(a - at_a * scale_);
    const double error_b = magnitude(b - at_b * scale_);
    double most = std::max(error_a, error_b);
    if (at_a != at_b) most = std::max(most, scale_ / 2);
    const bool holds_a_value =
        at_b - at_a > 1.5 || (steps_a <= at_a && at_a <= steps_b) || (steps_a <= at_b && at_b <= steps_b);
    return widened(a, b, holds_a_value ? 0.0 : std::min(error_a, error_b), most);
  }

 private:
  static double magnitude(double x) noexcept { return x < 0 ? -x : x; }
  [[nodiscard]] double held(double steps) const noexcept {
    return detail::nearest_integer(std::min(std::max(steps, lowest_), highest_));
  }

  [[nodiscard]] errors over_values(double a, double b) const noexcept {
    const std::vector<double>& v = *values_;
    const auto nearest = [&](double x) {
      const auto above = static_cast<std::size_t>(std::lower_bound(v.begin(), v.end(), x * reciprocal_) - v.begin());
      if (above == v.size() || (above > 0 && x - v[above - 1] * scale_ < v[above] * scale_ - x)) return above - 1;
      return above;
    };
    const std::size_t at_a = nearest(a);
    const std::size_t at_b = nearest(b);
    const double error_a = magnitude(a - v[at_a] * scale_);
    const double error_b = magnitude(b - v[at_b] * scale_);
    double most = std::max(error_a, error_b);
    bool holds_a_value = false;
    for (std::size_t i = at_a; i <= at_b; ++i) {
      const double value = v[i] * scale_;
      holds_a_value = holds_a_value || (a <= value && value <= b);
      if (i < at_b) most = std::max(most, (v[i + 1] - v[i]) * scale_ / 2);
    }
    return widened(a, b, holds_a_value ? 0.0 : std::min(error_a, error_b), most);
  }
  [[nodiscard]] errors widened(double a, double b, double least, double most) const noexcept {
    const double slack =
        (std::max(magnitude(a), magnitude(b)) + scale_ + magnitude(offset_)) * power_of_two<double>(-22);
    return {std::max(0.0, least - slack), most + slack};
  }

  double scale_;
  double reciprocal_;
  double offset_;
  double lowest_;  // in steps
  double highest_;
  const std::vector<double>* values_;
};

/// The sum of squared errors over all elements lies in [least, most] wherever in their bins they are: each bin counts
/// with the least and with the most error of an element in it. Exact zeros have none. Elements of the largest
/// magnitudes may be left out.
class squared_error_bounds {
 public:
  /// Leaves out the `left_out` elements in the outermost bins of |x|.
  explicit squared_error_bounds(const histogram& h, std::uint64_t left_out = 0) {
    for (const counted_bin& b : by_falling_magnitude(h)) {
      const std::uint64_t leave = std::min(left_out, b.count);
      left_out -= leave;
      if (b.count != leave && outer_magnitude(b) > 0) bins_.push_back({b.lower, b.upper, b.count - leave});
    }
  }

  [[nodiscard]] double least(const grid_distance& grid) const noexcept {
    double sum = 0;
    for (const counted_bin& b : bins_) {
      const double e = grid.over(b.lower, b.upper).least;
      sum += static_cast<double>(b.count) * (e * e);
    }
    return sum;
  }

  /// Whether the sum is at most `limit` wherever in their bins the elements are.
  [[nodiscard]] bool within(const grid_distance& grid, double limit) const noexcept {
    double sum = 0;
    for (const counted_bin& b : bins_) {
      const double e = grid.over(b.lower, b.upper).most;
      sum += static_cast<double>(b.count) * (e * e);
      if (!(sum <= limit)) return false;  // the outermost bins, which a narrow grid clips, come first
    }
    return true;
  }

 private:
  std::vector<counted_bin> bins_;
};

}  // namespace xquant
