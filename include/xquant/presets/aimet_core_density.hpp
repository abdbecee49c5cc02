// The density that AIMET's C++ core calibrates on (2.42): bins that the first batch fixes for ever and in which every
// batch weighs the same. Includes <cmath> for floor.
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

namespace detail {

/// Where the peer ends: infinities become this.
inline constexpr double last_number = 0.99 * static_cast<double>(real_traits<float>::max);

inline float held_in(float x, float sign_of_nan) noexcept {
  constexpr auto last = static_cast<float>(last_number);
  return x < -last ? -last : x > last ? last : x == x ? x : sign_of_nan * last;
}

inline double held_in(double x) noexcept { return x < -last_number ? -last_number : x > last_number ? last_number : x; }

}  // namespace detail

/// One slot's density: bin i from start + i to start + i + 1, times width; frequencies are means over the batches.
struct density {
  static constexpr std::size_t bins = 1536;

  double width = 0;
  double start = 0;
  std::vector<double> frequency;  ///< empty until a batch that is not all zero
  double batches = 0;
  bool without_numbers = false;  ///< the first batch was all NaN, and the peer's grid is too

  [[nodiscard]] double edge(std::size_t i) const noexcept { return multiply(width, start + static_cast<double>(i)); }

  /// A batch. The first one that is not all zero makes the grid: in float32, with c the middle of [lo, hi] (hi = lo +
  /// 0.01 where equal), a = c - 3 (c - lo), b = c + 3 (hi - c), held to 0.99 of the largest float (NaN, of a c that
  /// overflows, becomes the end); in double width = (b - a) / 1536, start = floor(a / width). x is counted in bin
  /// floor(x * fl(1 / width)) - fl(start), the product in float32; what has no bin, and a floor that int32 does not
  /// hold, is not counted, but is in the divisor.
  void count(const std::vector<float>& x) {
    if (frequency.empty() && !place(x)) return;
    std::vector<std::int64_t> counts(bins, 0);
    const auto inverse = static_cast<float>(1 / width);
    const auto first = static_cast<double>(static_cast<float>(start));
    for (const float v : x) {
      const double floored = std::floor(static_cast<double>(multiply(v, inverse)));
      const double bin = floored - first;
      if (floored >= -0x1p31 && floored < 0x1p31 && bin >= 0 && bin < static_cast<double>(bins))
        ++counts[static_cast<std::size_t>(bin)];
    }
    for (std::size_t i = 0; i < bins; ++i) {
      const double share = static_cast<double>(counts[i]) / static_cast<double>(x.size());
      frequency[i] = add(multiply(frequency[i], batches), share) / (batches + 1);
    }
    batches += 1;
  }

  friend bool operator==(const density&, const density&) = default;

 private:
  bool place(const std::vector<float>& x) {
    float low = std::numeric_limits<float>::infinity();
    float high = -low;
    for (const float v : x) {
      low = v < low ? v : low;
      high = v > high ? v : high;
    }
    if (low == 0 && high == 0) return false;
    frequency.assign(bins, 0.0);
    without_numbers = low > high;
    if (without_numbers) {
      width = start = std::numeric_limits<double>::quiet_NaN();
      return true;
    }
    low = static_cast<float>(detail::held_in(static_cast<double>(low)));
    high = static_cast<float>(detail::held_in(static_cast<double>(high)));
    if (low == high) {
      const float wider = low + 0.01f;
      high = wider > high ? wider : high;
    }
    const float middle = multiply(0.5f, high + low);
    const float first = detail::held_in(subtract(middle, multiply(3.0f, middle - low)), -1);
    const float last = detail::held_in(add(middle, multiply(3.0f, high - middle)), 1);
    width = (static_cast<double>(last) - static_cast<double>(first)) / static_cast<double>(bins);
    start = std::floor(static_cast<double>(first) / width);
    return true;
  }
};

namespace detail {

/// The left edges, as floats, of the first and the last bin that is not empty.
inline range<float> filled_range(const density& d) {
  std::size_t first = 0;
  while (first < density::bins && !(d.frequency[first] > 0)) ++first;
  std::size_t last = density::bins - 1;
  while (last > 0 && !(d.frequency[last] > 0)) --last;
  return {static_cast<float>(d.edge(first == density::bins ? 0 : first)),
          static_cast<float>(d.edge(last == 0 ? density::bins - 1 : last))};
}

inline range<float> with_zero(const range<float>& r, float narrowest) {
  const float low = r.minimum < 0 ? r.minimum : 0;
  const float high = r.maximum > 0 ? r.maximum : 0;
  const float raised = low + narrowest;
  return {low, high > raised ? high : raised};
}

}  // namespace detail

}  // namespace xquant::presets::aimet_core
