// AIMET's search over grids, bit for bit (C++ core 2.42, QUANTIZATION_TF_ENHANCED). Includes <cmath> for floor and
// round.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/presets/aimet_core.hpp>
#include <xquant/presets/aimet_core_density.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::aimet_core::detail {

struct grid_candidate {
  float delta;
  std::int32_t offset;
};

// The peer's conversions to int are x86-64's: what int does not hold becomes the least int.
inline std::int32_t to_int(double x) noexcept {
  constexpr std::int32_t least = std::numeric_limits<std::int32_t>::min();
  return x > static_cast<double>(least) - 1 && x < -static_cast<double>(least) ? static_cast<std::int32_t>(x) : least;
}

constexpr status validate_tf_enhanced(const encoding_settings& s) noexcept {
  if (s.bits > 24) return fault(errc::unsupported, "bits", s.bits, "2 to 24 bits with tf_enhanced");
  if (s.zero_point_shift != 0)
    return fault(errc::unsupported, "zero_point_shift", s.zero_point_shift, "0 with tf_enhanced");
  return {};
}

/// The ends of a grid of `steps` steps, each product and sum in float32, at most the largest float.
inline range<float> ends_of(const grid_candidate& g, float steps) noexcept {
  constexpr float largest = real_traits<float>::max;
  const auto offset = static_cast<float>(g.offset);
  const float low = multiply(g.delta, offset);
  const float high = multiply(g.delta, offset + steps);
  return {low < -largest ? -largest : low, largest < high ? largest : high};
}

/// (high - low) / steps, in double, rounded to float32 once.
inline float delta_of(const range<float>& r, float steps) noexcept {
  return static_cast<float>((static_cast<double>(r.maximum) - static_cast<double>(r.minimum)) /
                            static_cast<double>(steps));
}

/// What a grid costs the density: with m(i) the middle of bin i, fl(fl(edge) + fl(width / 2)), f(i) its frequency, and
/// first and last the bins where the ends of the grid are (in [0, 1535]),
///   3 (sum over i < first of f(i) (m(i) - m(first))^2 + sum over i >= last of f(i) (m(i) - m(last))^2)
///   + sum over first <= i < last of f(i) fl(m(i) - fl(delta floor(fl(fl(m(i) fl(1 / delta)) + 0.5))))^2
/// fl is float32, the rest double; the ends and their distances to the first edge are float32. The grid has 2^bits - 1
/// steps, strict or not.
inline double grid_cost(const density& d, int bits, const grid_candidate& g) {
  const auto offset = static_cast<float>(g.offset);
  const auto steps = static_cast<float>((std::int64_t(1) << bits) - 1);
  const auto start = static_cast<float>(d.edge(0));
  const double width = d.edge(1) - d.edge(0);
  const auto bin_of = [&](float x) {
    const std::int32_t bin = to_int(std::floor(static_cast<double>(x - start) / width));
    const std::size_t held = bin < 0 ? 0 : static_cast<std::size_t>(bin);
    return held < density::bins ? held : density::bins - 1;
  };
  const auto half = static_cast<float>(width / 2);
  const auto middle = [&](std::size_t i) { return static_cast<float>(d.edge(i)) + half; };
  const std::size_t first = bin_of(multiply(g.delta, offset));
  const std::size_t last = bin_of(multiply(g.delta, offset + steps));
  const auto clipped = [&](std::size_t from, std::size_t to, std::size_t end) {
    double cost = 0;
    for (std::size_t i = from; i < to; ++i) {
      const double distance = static_cast<double>(middle(i)) - static_cast<double>(middle(end));
      cost = add(cost, multiply(d.frequency[i], multiply(distance, distance)));
    }
    return cost;
  };
  const double outside = clipped(0, first, first) + clipped(last, density::bins, last);
  const float inverse = 1 / g.delta;
  double inside = 0;
  for (std::size_t i = first; i < last; ++i) {
    const float code = std::floor(add(multiply(middle(i), inverse), 0.5f));
    const auto distance = static_cast<double>(subtract(middle(i), multiply(g.delta, code)));
    inside = add(inside, multiply(d.frequency[i], multiply(distance, distance)));
  }
  return add(multiply(3.0, outside), inside);
}

/// With M the end farther from zero, delta = k / 100 of 2 M / N (maximum / N and offset 0, where unsigned and without
/// negative numbers), k = 1 to 101, as a float32 that grows by 0.01; offset floor(-N / 2).
inline std::vector<grid_candidate> symmetric_grids(const range<float>& r, float steps, bool unsigned_symmetric) {
  const bool from_zero = unsigned_symmetric && r.minimum == 0;
  const float largest = r.maximum < -r.minimum ? -r.minimum : r.maximum;
  const float widest = from_zero ? r.maximum / steps
                                 : static_cast<float>(static_cast<double>(largest) / (static_cast<double>(steps) / 2));
  const std::int32_t offset = from_zero ? 0 : to_int(static_cast<double>(std::floor(-steps / 2)));
  std::vector<grid_candidate> tried;
  for (float part = 0.01f; static_cast<double>(part) <= 1 + 1.0 / 100;
       part = static_cast<float>(static_cast<double>(part) + 1.0 / 100))
    tried.push_back({multiply(part, widest), offset});
  return tried;
}

/// The range moved to its own grid, D its delta; delta = k D / 16 for k = 1 to 17, each with the offsets trunc(-N + i N
/// / 20), i = 0 to 20, cut down to the range and made anew from the ends left. Not tried: grids that enclose the range
/// on both sides, and those of which nothing is left. The range's own grid comes last.
inline std::vector<grid_candidate> asymmetric_grids(const range<float>& r, float steps) {
  const auto offset_of = [](float low, float delta) { return to_int(static_cast<double>(std::round(low / delta))); };
  const float widest = delta_of(r, steps);
  const grid_candidate whole{widest, offset_of(r.minimum, widest)};
  const range<float> limits = ends_of(whole, steps);
  std::vector<grid_candidate> tried;
  for (int part = 1; part <= 17; ++part) {
    const float delta = multiply(static_cast<float>(part) / 16, widest);
    for (int i = 0; i <= 20; ++i) {
      const double place =
          add(-static_cast<double>(steps), multiply(static_cast<double>(steps) / 20, static_cast<double>(i)));
      range<float> ends = ends_of({delta, to_int(place)}, steps);
      if (ends.minimum < limits.minimum && ends.maximum > limits.maximum) continue;
      ends.minimum = limits.minimum < ends.minimum ? ends.minimum : limits.minimum;
      ends.maximum = ends.maximum < limits.maximum ? ends.maximum : limits.maximum;
      if (ends.minimum == ends.maximum) continue;
      const float left = delta_of(ends, steps);
      tried.push_back({left, offset_of(ends.minimum, left)});
    }
  }
  tried.push_back(whole);
  return tried;
}

/// The encoding of the grid of least cost(grid), the first of equals, among those of a range; of delta -1 and offset -1
/// where `has_grids` is false.
template <class Cost>
encoding least_grid(const encoding_settings& settings, const range<float>& r, bool has_grids, const Cost& cost_of) {
  const auto steps = static_cast<float>((std::int64_t(1) << settings.bits) - 1) -
                     (settings.symmetric && settings.strict_symmetric ? 1.0f : 0.0f);
  grid_candidate best{-1, -1};
  if (has_grids) {
    double least = std::numeric_limits<double>::max();
    for (const grid_candidate& g :
         settings.symmetric ? symmetric_grids(r, steps, settings.unsigned_symmetric) : asymmetric_grids(r, steps))
      if (const double cost = cost_of(g); cost < least) {
        least = cost;
        best = g;
      }
  }
  const range<float> ends = ends_of(best, steps);
  return {static_cast<double>(ends.minimum), static_cast<double>(ends.maximum), static_cast<double>(best.delta),
          static_cast<double>(best.offset)};
}

/// Of the range of filled bins (with zero, 0.01 wide at least); a density without numbers has no grids.
inline encoding tf_enhanced_encoding(const density& d, const encoding_settings& settings) {
  const range<float> r = d.without_numbers ? range<float>{} : with_zero(filled_range(d), 0.01f);
  return least_grid(settings, r, !d.without_numbers,
                    [&](const grid_candidate& g) { return grid_cost(d, settings.bits, g); });
}

}  // namespace xquant::presets::aimet_core::detail
