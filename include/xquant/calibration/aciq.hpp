// ACIQ: the range of least squared error for a distribution of which only the width is taken from the data. Includes
// <cmath> for exp and erfc.
#pragma once

#include <xquant/calibration/code_grid.hpp>
#include <xquant/calibration/histogram.hpp>
#include <xquant/calibration/range_rule.hpp>
#include <xquant/calibration/sample_moments.hpp>
#include <xquant/core/range.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// The distribution that aciq takes the data to have.
enum class bell : std::uint8_t {
  gauss,    ///< of standard deviation s
  laplace,  ///< density exp(-|x| / b) / (2 b)
};

/// Clips at t about the middle m, where the expected squared error of N levels on [m - t, m + t] is least:
///   laplace  2 b^2 e^(-t / b) + t^2 / (3 N^2)                      t / b = 2.831 for N = 4, 9.897 for N = 256
///   gauss    (t^2 + s^2) erfc(t / (s sqrt 2)) - sqrt(2 / pi) t s e^(-t^2 / 2 s^2) + t^2 / (3 N^2)   1.710, 3.924
/// and holds the range to the extremes.
/// Where zero has one code for every range, and for data on one side of zero, m = 0; b is the mean and s the root mean
/// square of the magnitudes that are not zero (a ReLU's data are half of such a distribution). Else m is the mean, b
/// the mean distance from it, and s the standard deviation. N is twice the number of codes from zero on where zero has
/// one code for every range; else the number of codes, and twice it for data on one side. Of formats that are not of
/// integers, t^2 / (3 N^2) is the sum over the gaps between values of gap^2 / 12 times the share of the distribution
/// there. One value only, zeros only: the extremes. No bound holds for data of another distribution: it is for data
/// that are few, or known. Source: R. Banner et al., "Post training 4-bit quantization of convolutional networks for
/// rapid-deployment", 2019.
struct aciq {
  bell distribution = bell::laplace;

  /// Refuses nothing.
  [[nodiscard]] static constexpr status valid() noexcept { return {}; }

  [[nodiscard]] status try_range(const histogram& h, const code_grid& codes, range<double>& out) const {
    out = {h.minimum(), h.maximum()};
    if (out.minimum == out.maximum) return {};
    const bool one_sided = out.minimum >= 0 || out.maximum <= 0;
    const bool about_zero = codes.is_symmetric() || one_sided;
    const double middle = about_zero ? 0 : mean_and_deviation_of(h, moments_of::values).mean;
    const sample_moments m =
        mean_and_deviation_of(h, about_zero ? moments_of::nonzero : moments_of::magnitudes, middle);
    const double width = distribution == bell::laplace ? m.mean : std::hypot(m.mean, m.deviation);
    double t = 0;
    if (codes.is_integer()) {
      t = width * clipping(std::max(codes.levels_across(one_sided), 2.0));
    } else {
      t = width * clipping(codes.values());
    }
    out = {std::max(out.minimum, middle - t), std::min(out.maximum, middle + t)};
    return {};
  }

  /// t / b or t / s for N even levels on [-t, t].
  [[nodiscard]] double clipping(double levels) const noexcept {
    // The derivative of the expected error, which rises through zero once.
    const double weight = 1 / (3 * levels * levels);
    double low = 0;
    double high = 64;
    for (int i = 0; i < 80; ++i) {
      const double t = low + (high - low) / 2;
      const double slope = distribution == bell::laplace
                               ? t * weight - std::exp(-t)
                               : t * (std::erfc(t * root_half) + weight) - root_of_2_over_pi * std::exp(-t * t / 2);
      (slope < 0 ? low : high) = t;
    }
    return high;
  }
  /// The same for levels that lie as `values` do (rising), the largest of them at t.
  [[nodiscard]] double clipping(const std::vector<double>& values) const {
    double best = 1;
    double least = error_of(values, best);
    for (const double step : {1.0905077326652577, 1.0108892860517005, 1.0013547198921082}) {  // 2^(1/8), 2^(1/64) ...
      const double centre = best;
      double t = step > 1.05 ? 0.125 : centre / std::pow(step, 8);
      const double end = step > 1.05 ? 4096 : centre * std::pow(step, 8);
      for (; t <= end; t *= step)
        if (const double e = error_of(values, t); e < least) {
          least = e;
          best = t;
        }
    }
    return best;
  }

  friend constexpr bool operator==(const aciq&, const aciq&) = default;

 private:
  static constexpr double root_half = 0.7071067811865476;
  static constexpr double root_of_2_over_pi = 0.7978845608028654;

  // The share of magnitudes beyond t.
  [[nodiscard]] double beyond(double t) const noexcept {
    return distribution == bell::laplace ? std::exp(-t) : std::erfc(t * root_half);
  }
  [[nodiscard]] double error_of(const std::vector<double>& values, double t) const noexcept {
    double error = distribution == bell::laplace
                       ? 2 * std::exp(-t)
                       : (t * t + 1) * std::erfc(t * root_half) - root_of_2_over_pi * t * std::exp(-t * t / 2);
    const double unit = t / values.back();
    double rest = -1;
    for (std::size_t i = 0; i + 1 < values.size(); ++i) {
      if (values[i] < 0) continue;
      if (rest < 0) rest = beyond(values[i] * unit);
      const double gap = (values[i + 1] - values[i]) * unit;
      const double next = beyond(values[i + 1] * unit);
      error += gap * gap / 12 * (rest - next);
      rest = next;
    }
    return error;
  }
};

static_assert(RangeRule<aciq, histogram>);

}  // namespace xquant
