// Bounds of the squared error that a grid of codes makes of everything a histogram has seen.
#pragma once

#include <xquant/calibration/code_grid.hpp>
#include <xquant/calibration/histogram.hpp>
#include <xquant/core/bits.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// The distance of real values from the codes of integers, placed by a scheme (code_grid.hpp).
class grid_distance {
 public:
  explicit grid_distance(const placed_codes& p) noexcept
      : scale_(p.scale), reciprocal_(1 / p.scale), offset_(p.offset), lowest_(p.lowest), highest_(p.highest) {}

  struct errors {
    double least;
    double most;
  };

  /// Least and most of |x - nearest value of the grid| over a <= x <= b. It is linear but for peaks of scale / 2
  /// between the values of the grid and zeros at them. Widened by what the codes and the dequantized numbers may be off
  /// for being computed in float: 2^-22 of the magnitudes.
  [[nodiscard]] errors over(double a, double b) const noexcept {
    a -= offset_;
    b -= offset_;
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
    const double slack =
        (std::max(magnitude(a), magnitude(b)) + scale_ + magnitude(offset_)) * power_of_two<double>(-22);
    return {holds_a_value ? 0.0 : std::max(0.0, std::min(error_a, error_b) - slack), most + slack};
  }

 private:
  static double magnitude(double x) noexcept { return x < 0 ? -x : x; }
  [[nodiscard]] double held(double steps) const noexcept {
    return detail::nearest_integer(std::min(std::max(steps, lowest_), highest_));
  }

  double scale_;
  double reciprocal_;
  double offset_;
  double lowest_;  // in steps
  double highest_;
};

/// The sum of squared errors over all elements lies in [least, most] wherever in their bins they are: each bin counts
/// with the least and with the most error of an element in it. Exact zeros have none. Elements of the largest
/// magnitudes may be left out.
class squared_error_bounds {
 public:
  /// Leaves out the `left_out` elements in the outermost bins of |x|.
  explicit squared_error_bounds(const histogram& h, std::uint64_t left_out = 0) {
    const double w = h.width();
    const double low = h.minimum();
    const double high = h.maximum();
    for (std::size_t k = histogram::bins; k-- > 0;) {
      const double inner = static_cast<double>(k) * w;
      const double outer = static_cast<double>(k + 1) * w;
      std::uint64_t above = h.positive(k);
      std::uint64_t below = h.negative(k);
      for (std::uint64_t* const side : {&above, &below}) {
        const std::uint64_t leave = std::min(left_out, *side);
        *side -= leave;
        left_out -= leave;
      }
      if (above != 0) bins_.push_back({std::max(inner, low), std::min(outer, high), static_cast<double>(above)});
      if (below != 0) bins_.push_back({std::max(-outer, low), std::min(-inner, high), static_cast<double>(below)});
    }
  }

  [[nodiscard]] double least(const grid_distance& grid) const noexcept {
    double sum = 0;
    for (const bin& b : bins_) {
      const double e = grid.over(b.from, b.to).least;
      sum += b.count * (e * e);
    }
    return sum;
  }

  /// Whether the sum is at most `limit` wherever in their bins the elements are.
  [[nodiscard]] bool within(const grid_distance& grid, double limit) const noexcept {
    double sum = 0;
    for (const bin& b : bins_) {
      const double e = grid.over(b.from, b.to).most;
      sum += b.count * (e * e);
      if (!(sum <= limit)) return false;  // the outermost bins, which a narrow grid clips, come first
    }
    return true;
  }

 private:
  struct bin {
    double from;
    double to;
    double count;
  };
  std::vector<bin> bins_;
};

}  // namespace xquant
