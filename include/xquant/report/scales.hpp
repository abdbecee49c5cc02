// From numbers to positions in a drawing: axes and the round numbers that are written beside them.
#pragma once

#include <xquant/config.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace xquant::inline XQUANT_ABI::report {

/// Maps [lower, upper] to [first, last] pixels, linearly.
struct linear_scale {
  double lower = 0;
  double upper = 1;
  double first = 0;
  double last = 1;
  [[nodiscard]] double operator()(double value) const noexcept {
    return first + (value - lower) / (upper - lower) * (last - first);
  }
};

/// Round numbers (1, 2 or 5 times a power of ten) in [lower, upper], at most `count` and about that many.
inline std::vector<double> round_numbers(double lower, double upper, int count) {
  std::vector<double> numbers;
  const double extent = upper - lower;
  if (!(extent > 0) || !std::isfinite(extent)) return numbers;
  const double power = std::pow(10.0, std::floor(std::log10(extent / count)));
  if (!(power > 0)) return numbers;
  double step = 10 * power;
  for (const double factor : {5.0, 2.0, 1.0})
    if (extent / (factor * power) <= count) step = factor * power;
  for (double k = std::ceil(lower / step); k * step <= upper && numbers.size() < 100; ++k)
    numbers.push_back(k * step + 0.0);
  return numbers;
}

/// The height of a count: of `tallest` at the full height, of 0 none.
///   linear:       count / tallest
///   logarithmic:  (1 + log10 count) / (1 + log10 tallest), so that decades are equally high and 1 is seen
struct count_scale {
  double tallest = 1;
  bool logarithmic = false;
  [[nodiscard]] double height(double count) const noexcept {
    if (!(count > 0)) return 0;
    return logarithmic ? (1 + std::log10(count)) / (1 + std::log10(std::max(tallest, 1.0))) : count / tallest;
  }
};

/// Logarithmic where a linear axis would hide something: where more than a quarter of the counts that are not zero were
/// lower than a fiftieth of the tallest.
inline count_scale scale_for(const std::vector<double>& counts) {
  count_scale s;
  std::size_t present = 0;
  std::size_t hidden = 0;
  for (const double c : counts) s.tallest = std::max(s.tallest, c);
  for (const double c : counts) {
    present += c > 0 ? 1u : 0u;
    hidden += c > 0 && c < s.tallest / 50 ? 1u : 0u;
  }
  s.logarithmic = 4 * hidden > present;
  return s;
}

}  // namespace xquant::report
