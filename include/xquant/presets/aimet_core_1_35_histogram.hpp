// What the C++ core of AIMET 1.35 counts data in: a density whose 512 bins the first batch fixes for ever, and counts
// whose range grows. Includes <cmath> for round, floor and ceil.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/core/lane.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/scalar_lane.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::aimet_core {

namespace detail::v1_35 {

inline constexpr std::size_t bins = 512;

/// Least and largest number, NaN passed over; [inf, -inf] where there is none.
inline range<float> extremes_of(const std::vector<float>& x) noexcept {
  float low = std::numeric_limits<float>::infinity();
  float high = -low;
  for (const float v : x) {
    low = v < low ? v : low;
    high = v > high ? v : high;
  }
  return {low, high};
}

}  // namespace detail::v1_35

/// 1.35's density of one slot: 512 bins from edge to edge, and frequencies that are means over the batches.
struct density_1_35 {
  static constexpr std::size_t bins = detail::v1_35::bins;

  double first = 0;
  double width = 0;
  std::vector<double> frequency;  ///< of each bin; empty until a batch that is not all zero
  double batches = 0;

  [[nodiscard]] double edge(std::size_t i) const noexcept {
    return add(multiply(static_cast<double>(i), width), first);
  }
  /// From the first edge to the second.
  [[nodiscard]] double step() const noexcept { return edge(1) - edge(0); }

  /// A batch. The first one that is not all zero makes the grid: in float32, with c the middle of [lo, hi] (hi = lo +
  /// 0.01 where equal), a = c - 3 (c - lo), b = c + 3 (hi - c), held to the largest float (NaN, of a c that overflows,
  /// becomes the end); in double edge(i) = i (b - a) / 512 + a. With w = fl(edge(1) - edge(0)), x is counted in bin
  /// round(x / w - edge(0) / w), in float32, ties away from zero, so that a bin is about its edge; what has no bin is
  /// not counted, but is in the divisor.
  void count(const std::vector<float>& x) {
    if (frequency.empty() && !place(x)) return;
    std::vector<std::int64_t> counts(bins, 0);
    const auto w = static_cast<float>(step());
    const float from = static_cast<float>(first) / w;
    for (const float v : x) {
      const float bin = std::round(v / w - from);
      if (bin >= 0 && bin < static_cast<float>(bins)) ++counts[static_cast<std::size_t>(bin)];
    }
    for (std::size_t i = 0; i < bins; ++i) {
      const double share = static_cast<double>(counts[i]) / static_cast<double>(x.size());
      frequency[i] = add(multiply(frequency[i], batches), share) / (batches + 1);
    }
    batches += 1;
  }

  friend bool operator==(const density_1_35&, const density_1_35&) = default;

 private:
  bool place(const std::vector<float>& x) {
    constexpr float largest = real_traits<float>::max;
    auto [low, high] = detail::v1_35::extremes_of(x);
    if (low == 0 && high == 0) return false;
    if (low == high) {
      const float wider = low + 0.01f;
      high = wider > high ? wider : high;
    }
    const float middle = multiply(0.5f, high + low);
    const float a = subtract(middle, multiply(3.0f, middle - low));
    const float b = add(middle, multiply(3.0f, high - middle));
    first = static_cast<double>(a > -largest ? a : -largest);
    width = (static_cast<double>(b < largest ? b : largest) - first) / static_cast<double>(bins);
    frequency.assign(bins, 0.0);
    return true;
  }
};

/// 1.35's counts of one slot (QUANTIZATION_ENTROPY): 512 bins from `minimum` to `maximum`, which later batches widen.
struct growing_counts_1_35 {
  static constexpr std::size_t bins = detail::v1_35::bins;

  std::vector<double> counts;  ///< whole numbers; empty until a batch that is not all zero
  double minimum = 0;
  double maximum = 0;

  /// A batch; one that is all zero is passed over. Its range (0.01 wide where it is one number) widens that of the
  /// counts: the h of an old bin [s, s + v) go to the bin of width w that s is in, which ends at e, min(round((e - s) /
  /// v h), h) of them, and the others to the bin of s + w. x is counted in bin trunc((x - minimum) / w), in float32, at
  /// most the last one; NaN in the last one.
  void count(const std::vector<float>& x) {
    const range<float> seen = detail::v1_35::extremes_of(x);
    if (seen.minimum == 0 && seen.maximum == 0) return;
    const auto low = static_cast<double>(seen.minimum);
    auto high = static_cast<double>(seen.maximum);
    if (low == high) {
      const double wider = low + static_cast<double>(0.01f);
      high = wider > high ? wider : high;
    }
    if (counts.empty()) {
      counts.assign(bins, 0.0);
      minimum = low;
      maximum = high;
    }
    if (low < minimum || high > maximum) widen(low < minimum ? low : minimum, high > maximum ? high : maximum);
    const auto w = static_cast<float>((maximum - minimum) / static_cast<double>(bins));
    for (const float v : x) counts[bin_of(w, static_cast<float>(minimum), v)] += 1;
  }

  friend bool operator==(const growing_counts_1_35&, const growing_counts_1_35&) = default;

 private:
  static std::size_t bin_of(float width, float first, float x) noexcept {
    if (width == 0) return 0;
    const float place = (x - first) / width;
    if (place > -1 && place < static_cast<float>(bins)) return place < 0 ? 0 : static_cast<std::size_t>(place);
    return bins - 1;
  }

  void widen(double low, double high) {
    const double width = (high - low) / static_cast<double>(bins);
    const double old_width = (maximum - minimum) / static_cast<double>(bins);
    const auto bin_at = [&](double x) {
      return bin_of(static_cast<float>(width), static_cast<float>(low), static_cast<float>(x));
    };
    std::vector<double> moved(bins, 0.0);
    for (std::size_t i = 0; i < bins; ++i) {
      if (counts[i] == 0) continue;
      const double begin = add(minimum, multiply(old_width, static_cast<double>(i)));
      const double end = add(low, multiply(width, std::floor((begin - low) / width) + 1));
      const double share = std::round(multiply((end - begin) / old_width, counts[i]));
      const double first = counts[i] < share ? counts[i] : share;
      moved[bin_at(begin)] += first;
      if (first < counts[i]) moved[bin_at(begin + width)] += counts[i] - first;
    }
    counts = static_cast<std::vector<double>&&>(moved);
    minimum = low;
    maximum = high;
  }
};

namespace detail::v1_35 {

/// Counts over [low, high] as counts over [to_low, to_high] of as many bins: of each old bin, in the order of the new
/// ones, the rounded share of the overlap, as long as some are left; what is left in the end is lost.
inline std::vector<double> spread(const std::vector<double>& counts, double low, double high, double to_low,
                                  double to_high) {
  if (low == to_low && high == to_high) return counts;
  const std::size_t n = counts.size();
  const double width = (high - low) / static_cast<double>(n);
  const double to_width = (to_high - to_low) / static_cast<double>(n);
  const auto at = [](double first, double w, std::size_t i) { return add(first, multiply(static_cast<double>(i), w)); };
  const auto bin_of = [n](double place) {
    return place > 0 ? place < static_cast<double>(n) ? static_cast<std::size_t>(place) : n - 1 : std::size_t(0);
  };
  std::vector<double> out(n, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    if (counts[i] == 0) continue;
    const double begin = at(low, width, i);
    const double end = at(low, width, i + 1);
    double left = counts[i];
    const std::size_t last = bin_of(std::ceil((end - to_low) / to_width));
    for (std::size_t k = bin_of(std::floor((begin - to_low) / to_width)); k <= last; ++k) {
      const double to_begin = at(to_low, to_width, k);
      const double to_end = at(to_low, to_width, k + 1);
      const double from = begin < to_begin ? to_begin : begin;
      const double to = to_end < end ? to_end : end;
      double share = (to - from) / width;
      share = share >= 0 ? share <= 1 ? share : 1 : 0;
      const double moved = std::round(multiply(share, counts[i]));
      const double held = moved <= left ? moved : left;
      out[k] += held;
      left -= held;
    }
  }
  return out;
}

}  // namespace detail::v1_35

}  // namespace xquant::presets::aimet_core
