// The ranges and grids that the C++ core of AIMET 1.35 finds in what it counted, bit for bit: percentiles, least
// squared error, least divergence, TF-enhanced. Includes <cmath> for floor, ceil, round and log.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/presets/aimet_core.hpp>
#include <xquant/presets/aimet_core_1_35_histogram.hpp>
#include <xquant/presets/aimet_core_tf_enhanced.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::aimet_core::detail::v1_35 {

/// The left edges of the first and the last bin that is not empty, with zero, 0.01 wide at least.
inline range<float> filled_range(const density_1_35& d) {
  std::size_t first = 0;
  while (first < bins && !(d.frequency[first] > 0)) ++first;
  std::size_t last = bins - 1;
  while (last > 0 && !(d.frequency[last] > 0)) --last;
  return with_zero(
      {static_cast<float>(d.edge(first == bins ? 0 : first)), static_cast<float>(d.edge(last == 0 ? bins - 1 : last))},
      0.01f);
}

/// Of the sums of the frequencies: from the edge of the first bin with sum >= fl(1 - p / 100) to edge + w of the last
/// one with sum < fl(p / 100) and edge below the filled range's end; where the two are one, w is added. For p = 100 the
/// filled range.
inline range<float> percentile_range(const density_1_35& d, float percentile) {
  const range<float> filled = filled_range(d);
  if (percentile == 100) return filled;
  const auto w = static_cast<float>(d.step());
  range<float> r{static_cast<float>(d.edge(0)), static_cast<float>(d.edge(bins - 1) + static_cast<double>(w))};
  std::vector<double> sums(d.frequency);
  for (std::size_t i = 1; i < bins; ++i) sums[i] += sums[i - 1];
  const float left = 1 - percentile / 100;
  const float right = percentile / 100;
  for (std::size_t i = 0; i < bins; ++i)
    if (sums[i] >= static_cast<double>(left)) {
      r.minimum = static_cast<float>(d.edge(i));
      break;
    }
  for (std::size_t i = bins; i-- > 0;)
    if (sums[i] < static_cast<double>(right) && d.edge(i) < static_cast<double>(filled.maximum)) {
      r.maximum = static_cast<float>(d.edge(i) + static_cast<double>(w));
      break;
    }
  if (r.minimum == r.maximum) r.maximum += w;
  return r;
}

/// A bin's middle and how much is in it.
struct weighted_point {
  float value;
  float weight;
};

/// The squared error that the grid of a range leaves of points clipped to it, each term in double and added in float32;
/// a real of the grid is rounded to float32.
inline float squared_error(const std::vector<weighted_point>& points, const range<float>& r, const encoding& e) {
  float sum = 0;
  for (const weighted_point& p : points) {
    const float below = p.value < r.maximum ? p.value : r.maximum;
    const float held = r.minimum < below ? below : r.minimum;
    const auto code = static_cast<double>(to_int(std::round(static_cast<double>(held) / e.delta - e.offset)));
    const auto real = static_cast<float>(multiply(e.delta, code + e.offset));
    const auto error = static_cast<double>(p.value - real);
    sum =
        static_cast<float>(static_cast<double>(sum) + multiply(static_cast<double>(p.weight), multiply(error, error)));
  }
  return sum;
}

/// The range of least squared_error over the middles of the bins, the first of equals, its ends taken from 0 and the
/// edges of the filled range (to which w is added above), which are sums in float32 from the first one. Refuses bins
/// so narrow that adding their width changes no edge, on which the peer does not end, and bins without width.
inline status try_least_squares_range(const density_1_35& d, const encoding_settings& settings, range<float>& out) {
  const auto w = static_cast<float>(d.step());
  const auto first = static_cast<float>(d.edge(0));
  const auto end = static_cast<float>(d.edge(bins - 1) + static_cast<double>(w));
  range<float> filled = filled_range(d);
  filled.maximum += w;
  std::vector<float> edges{filled.minimum};
  for (float at = first; at <= end;) {
    if (at >= filled.minimum && at <= filled.maximum) edges.push_back(at);
    const float next = at + w;
    if (!(next > at))
      return fault(errc::value_out_of_range, "x", static_cast<double>(at), "data wider than the steps of their floats");
    at = next;
  }
  if (edges.size() < 2)
    return fault(errc::value_out_of_range, "x", static_cast<double>(first), "data whose density has a bin");
  std::vector<weighted_point> points(edges.size() - 1);
  points[0].value = add(filled.minimum, multiply(0.5f, w));
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (i > 0) points[i].value = points[i - 1].value + w;
    const std::int32_t bin = to_int(std::floor(static_cast<double>((points[i].value - first) / w)));
    const std::int32_t held = bin < 0 ? 0 : bin < static_cast<std::int32_t>(bins) ? bin : std::int32_t(bins) - 1;
    points[i].weight = static_cast<float>(d.frequency[static_cast<std::size_t>(held)]);
  }
  std::vector<float> below;
  std::vector<float> above;
  for (const float e : edges)
    if (e != 0) (e < 0 ? below : above).push_back(e);
  below.push_back(0);
  above.push_back(0);
  out = filled;
  float least = real_traits<float>::max;
  for (const float low : below)
    for (const float high : above) {
      if (low == 0 && high == 0) continue;
      encoding e;
      if (const status s = try_encoding_of_range_1_35(static_cast<double>(low), static_cast<double>(high), settings, e);
          !s.ok())
        return s;
      const float error = squared_error(points, {low, high}, e);
      if (error < least) {
        least = error;
        out = {low, high};
      }
    }
  return {};
}

inline double float_sum(const std::vector<double>& x) noexcept {
  float sum = 0;
  for (const double v : x) sum = static_cast<float>(static_cast<double>(sum) + v);
  return static_cast<double>(sum);
}

/// Zeros gain 1e-4, which the other numbers give in equal parts, unless a part is 1 or more.
inline void without_zeros(std::vector<double>& x) {
  std::size_t zeros = 0;
  for (const double v : x) zeros += v == 0 ? 1U : 0U;
  if (zeros == x.size()) return;
  const double part = multiply(0.0001, static_cast<double>(zeros)) / static_cast<double>(x.size() - zeros);
  if (part >= 1) return;
  for (double& v : x) v = v == 0 ? 0.0001 : v - part;
}

/// The numbers of 255 groups of a window of counts: group g begins at ceil(g size / 255), and each of its counts that
/// is not zero becomes their mean.
inline std::vector<double> merged(const double* window, std::size_t size) {
  constexpr std::size_t groups = 255;
  const double each = static_cast<double>(size) / static_cast<double>(groups);
  const auto begin_of = [&](std::size_t g) {
    return g == groups ? size : static_cast<std::size_t>(std::ceil(multiply(static_cast<double>(g), each)));
  };
  std::vector<double> out(size, 0.0);
  for (std::size_t g = 0; g < groups; ++g) {
    double sum = 0;
    double filled = 0;
    for (std::size_t i = begin_of(g); i < begin_of(g + 1); ++i) {
      sum += window[i];
      filled += window[i] != 0 ? 1 : 0;
    }
    for (std::size_t i = begin_of(g); i < begin_of(g + 1); ++i)
      if (window[i] != 0) out[i] = sum / filled;
  }
  return out;
}

/// sum of p log(p / q), p and q divided by their sums, which are added in float32.
inline double divergence(std::vector<double> p, std::vector<double> q) {
  without_zeros(p);
  without_zeros(q);
  const double sum_p = float_sum(p);
  const double sum_q = float_sum(q);
  double total = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double a = p[i] / sum_p;
    const double b = q[i] / sum_q;
    if (a > 0 && b > 0) total = add(total, multiply(a, std::log(a / b)));
  }
  return total;
}

/// The window of bins, 255 at least, that diverges least from all counts (those outside at its ends) when it is merged
/// to 255 levels; for 8 bits, else the range of the counts. Signed symmetric grids see the counts spread over [-M, M].
/// Windows shrink from the whole by a bin on each side, or, neither symmetric nor strict, by the two bins that lose
/// least (one on each side, two on the left, two on the right) while zero stays inside.
inline range<float> least_divergence_range(const growing_counts_1_35& c, const encoding_settings& settings) {
  double low = c.minimum;
  double high = c.maximum;
  std::vector<double> counts = c.counts;
  if (settings.symmetric && (low < 0 || !settings.unsigned_symmetric)) {
    const auto largest = static_cast<double>(static_cast<float>(high < -low ? -low : high < 0 ? -high : high));
    counts = spread(counts, low, high, -largest, largest);
    low = -largest;
    high = largest;
  }
  range<float> out{static_cast<float>(low), static_cast<float>(high)};
  if (settings.bits != 8) return out;
  const double width = (high - low) / static_cast<double>(bins);
  double least = std::numeric_limits<double>::infinity();
  std::size_t first = 0;
  std::size_t last = bins - 1;
  while (last + 1 >= first + 255) {
    std::vector<double> p(counts.begin() + static_cast<std::ptrdiff_t>(first),
                          counts.begin() + static_cast<std::ptrdiff_t>(last + 1));
    std::vector<double> q = merged(p.data(), p.size());
    double left = 0;
    for (std::size_t i = 0; i <= first; ++i) left += counts[i];
    double right = 0;
    for (std::size_t i = last; i < bins; ++i) right += counts[i];
    p.front() = left;
    p.back() = right;
    if (float_sum(p) == 0 || float_sum(q) == 0) break;
    if (const double d = divergence(static_cast<std::vector<double>&&>(p), static_cast<std::vector<double>&&>(q));
        d < least) {
      least = d;
      out = {static_cast<float>(add(low, multiply(static_cast<double>(first), width))),
             static_cast<float>(add(low, multiply(static_cast<double>(last + 1), width)))};
    }
    int side = 0;  // Both, left, right.
    if (!settings.symmetric && !settings.strict_symmetric) {
      const double both_lose = counts[first] + counts[last];
      const double left_loses = counts[first] + counts[first + 1];
      const double right_loses = counts[last] + counts[last - 1];
      if (left_loses < both_lose) side = 1;
      if (right_loses < (side == 1 ? left_loses : both_lose)) side = 2;
      const auto edge = [&](std::size_t i) { return add(low, multiply(static_cast<double>(i), width)); };
      if ((side == 0 && edge(first + 1) > 0) || (side == 1 && edge(first + 2) > 0))
        side = 2;
      else if ((side == 0 && edge(last) < 0) || (side == 2 && edge(last - 1) < 0))
        side = 1;
    }
    first += side == 2 ? 0 : side == 1 ? 2 : 1;
    last -= side == 1 ? 0 : side == 2 ? 2 : 1;
  }
  return out;
}

/// What a grid costs the density, as 2.42's grid_cost (aimet_core_tf_enhanced.hpp) but for these: with w = edge(1) -
/// edge(0) the middle of bin i is i w + edge(0) + w / 2, in double but where it is an end's, or is coded; codes are
/// round(m / delta - offset), ties away from zero.
inline double grid_cost(const density_1_35& d, int bits, const grid_candidate& g) {
  const auto offset = static_cast<float>(g.offset);
  const auto steps = static_cast<float>((std::int64_t(1) << bits) - 1);
  const auto start = static_cast<float>(d.edge(0));
  const double w = d.step();
  const auto bin_of = [&](float x) {
    const std::int32_t bin = to_int(std::floor(static_cast<double>(x - start) / w));
    const std::size_t held = bin < 0 ? 0 : static_cast<std::size_t>(bin);
    return held < bins ? held : bins - 1;
  };
  const auto middle = [&](std::size_t i) {
    return add(add(multiply(static_cast<double>(i), w), static_cast<double>(start)), multiply(0.5, w));
  };
  const std::size_t first = bin_of(multiply(g.delta, offset));
  const std::size_t last = bin_of(multiply(g.delta, offset + steps));
  const auto clipped = [&](std::size_t from, std::size_t to, std::size_t end) {
    const auto held = static_cast<double>(static_cast<float>(middle(end)));
    double cost = 0;
    for (std::size_t i = from; i < to; ++i) {
      const double distance = middle(i) - held;
      cost = add(cost, multiply(multiply(distance, distance), d.frequency[i]));
    }
    return cost;
  };
  const double outside = clipped(last, bins, last) + clipped(0, first, first);
  double inside = 0;
  for (std::size_t i = first; i < last; ++i) {
    const auto real = static_cast<float>(middle(i));
    const std::int32_t code = to_int(static_cast<double>(std::round(real / g.delta - offset)));
    const auto distance = static_cast<double>(subtract(real, multiply(g.delta, static_cast<float>(code + g.offset))));
    inside = add(inside, multiply(multiply(distance, distance), d.frequency[i]));
  }
  return add(multiply(3.0, outside), inside);
}

/// The grid of least grid_cost, the first of equals, among those that 2.42 tries of the filled range.
inline encoding tf_enhanced_encoding(const density_1_35& d, const encoding_settings& settings) {
  return least_grid(settings, filled_range(d), true,
                    [&](const grid_candidate& g) { return grid_cost(d, settings.bits, g); });
}

}  // namespace xquant::presets::aimet_core::detail::v1_35
