// numpy's (2.4) histogram of floats, bit for bit: its bins of equal width, its bins of given edges, and the edges its
// linspace and arange make.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::numpy {

/// Most bins a histogram of these presets may have: 2^28, two gigabytes of counts.
inline constexpr std::size_t most_bins = std::size_t(1) << 28;

/// `numpy.linspace(first, last, bins + 1)` of floats: y_k = fl(fl(k step) + first), step = fl(fl(last - first) / bins),
/// the last exactly `last`; where step is 0, y_k = fl(fl(k / bins) (last - first)) + first.
inline std::vector<float> linspace(float first, float last, std::size_t bins) {
  std::vector<float> y(bins + 1);
  const float range = last - first;
  const auto intervals = static_cast<float>(bins);
  const float step = range / intervals;
  for (std::size_t k = 0; k < bins; ++k) {
    const auto index = static_cast<float>(k);
    y[k] = (step == 0 ? multiply(index / intervals, range) : multiply(index, step)) + first;
  }
  y[bins] = last;
  return y;
}

/// `numpy.arange(first, last, step)` of scalars of type Real, which gives doubles for floats too: with the count
/// ceil((last - first) / step) and the second number first + step in Real, d = (first + step) - first in double, the
/// numbers are first + fl(k d), in double. Refuses more than most_bins of them.
template <class Real>
status try_append_arange(Real first, Real last, Real step, std::vector<double>& out) {
  const Real count = std::ceil((last - first) / step);
  if (!(count <= static_cast<Real>(most_bins)))
    return fault(errc::size_overflow, "x", static_cast<double>(count), "a range of at most 2^28 bins");
  const auto start = static_cast<double>(first);
  const auto next = static_cast<double>(first + step);
  const double d = next - start;
  for (std::size_t k = 0; static_cast<Real>(k) < count; ++k)
    out.push_back(k == 1 ? next : start + multiply(static_cast<double>(k), d));
  return {};
}

/// `numpy.histogram(x, bins, range=(first, last))`: the bin of x is floor(fl(fl(fl(x - first) / fl(last - first))
/// bins)), moved by one where x lies outside its edges; the last bin holds `last` too; what is outside [first, last],
/// NaN too, is not counted. A range of one number is widened by 0.5 to both sides. Refuses no bins, more than
/// most_bins, a range that is not finite, is inverted, or is too narrow for so many bins.
inline status try_histogram(const std::vector<float>& x, std::size_t bins, float first, float last,
                            std::vector<std::int64_t>& counts, std::vector<float>& edges) {
  if (bins == 0 || bins > most_bins)
    return fault(errc::value_out_of_range, "num_bins", static_cast<double>(bins), "1 to 2^28 bins");
  if (!std::isfinite(first) || !std::isfinite(last))
    return fault(errc::value_out_of_range, "x", static_cast<double>(std::isfinite(first) ? last : first),
                 "numbers, of which the range of the histogram is made");
  if (first > last)
    return fault(errc::value_out_of_range, "range", static_cast<double>(first), "a first end not above the last");
  if (first == last) {
    first -= 0.5f;
    last += 0.5f;
  }
  std::vector<float> made = linspace(first, last, bins);
  for (std::size_t k = 0; k < bins; ++k)
    if (made[k] >= made[k + 1])
      return fault(errc::value_out_of_range, "num_bins", static_cast<double>(bins),
                   "few enough bins that each is wider than nothing", k);
  const float range = last - first;
  const auto factor = static_cast<float>(bins);
  counts.assign(bins, 0);
  for (const float v : x) {
    if (!(v >= first && v <= last)) continue;
    auto bin = static_cast<std::size_t>(multiply((v - first) / range, factor));
    bin = bin >= bins ? bins - 1 : bin;
    if (v < made[bin]) --bin;
    if (v >= made[bin + 1] && bin != bins - 1) ++bin;
    ++counts[bin];
  }
  edges = static_cast<std::vector<float>&&>(made);
  return {};
}

/// `numpy.histogram(x, bins=edges)` for edges in order: bin k is [edges[k], edges[k + 1]), the last closed; what is
/// outside, NaN too, is not counted.
inline std::vector<std::int64_t> histogram_of_edges(const std::vector<float>& x, const std::vector<double>& edges) {
  std::vector<std::int64_t> counts(edges.size() - 1);
  for (const float element : x) {
    const auto v = static_cast<double>(element);
    if (!(v >= edges.front() && v <= edges.back())) continue;
    const auto above = static_cast<std::size_t>(std::upper_bound(edges.begin(), edges.end(), v) - edges.begin());
    ++counts[std::min(above - 1, counts.size() - 1)];
  }
  return counts;
}

}  // namespace xquant::presets::numpy
