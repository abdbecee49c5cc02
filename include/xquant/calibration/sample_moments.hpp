// Means of what a histogram has seen, for the rules that fit a distribution. Includes <cmath> for the square root.
#pragma once

#include <xquant/calibration/histogram.hpp>
#include <xquant/core/bits.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace xquant::inline XQUANT_ABI {

/// Mean and standard deviation (of the elements, not of what they are a sample of) of x - about or of |x - about|, in
/// the units of the data.
struct sample_moments {
  double mean = 0;
  double deviation = 0;
};

/// Which elements a mean is of, and whether of their distances.
enum class moments_of : std::uint8_t {
  values,      ///< x - about
  magnitudes,  ///< |x - about|
  nonzero,     ///< |x - about| of the elements that are not zero
};

/// Of elements that lie evenly in their bins: means are off those of the data by half the mean width of the bins at
/// most. Sums are of x over a power of two about the largest magnitude, so that no square overflows. No elements:
/// zeros.
[[nodiscard]] inline sample_moments mean_and_deviation_of(const histogram& h, moments_of which, double about = 0) {
  const int exponent = static_cast<int>(bit_cast<std::uint64_t>(h.magnitude()) >> 52) - 1022;
  const auto unit = power_of_two<double>(std::min(std::max(-exponent, -960), 960));
  about *= unit;
  double count = 0;
  double sum = 0;
  double squares = 0;
  for (const counted_bin& b : h.filled_bins()) {
    if (which == moments_of::nonzero && b.lower == 0 && b.upper == 0) continue;
    const auto n = static_cast<double>(b.count);
    const double width = (b.upper - b.lower) * unit;
    const double middle = (b.lower + (b.upper - b.lower) / 2) * unit - about;
    count += n;
    sum += n * (which == moments_of::values ? middle : std::fabs(middle));
    squares += n * (middle * middle + width * width / 12);
  }
  if (!(count > 0)) return {};
  const double mean = sum / count;
  return {mean / unit, std::sqrt(std::max(0.0, squares / count - mean * mean)) / unit};
}

}  // namespace xquant
