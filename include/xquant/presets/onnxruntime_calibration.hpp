// The calibrators of ONNX Runtime's Python tools (onnxruntime.quantization.calibrate, 1.31 and 1.32), bit for bit:
// MinMax, Percentile, Entropy and Distribution. Includes <cmath> for log and pow.
#pragma once

#include <xquant/calibration/extremes.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/exception.hpp>
#include <xquant/presets/numpy_histogram.hpp>
#include <xquant/presets/numpy_power.hpp>
#include <xquant/presets/onnxruntime_tools.hpp>
#include <xquant/presets/pytorch_quantization_entropy.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::onnxruntime {

namespace detail {

// The elements in order of their index; NaN and infinities are refused.
template <class In>
status finite_elements(const In& tensor, std::vector<float>& out) {
  auto&& held = evaluated(tensor);
  const tensor_view<const float> x = xquant::detail::as_input(as_view(held));
  if (const status bad = xquant::detail::validate_input(x, "x"); !bad.ok()) return bad;
  std::vector<float> elements;
  elements.reserve(x.shape.size());
  for (std::size_t i = 0; i < x.shape.size(); ++i) {
    const float v = x.data[offset_of(i, x.shape, x.stride)];
    if (!is_finite(v)) return fault(errc::not_finite, "x", static_cast<double>(v), "finite values", i);
    elements.push_back(v);
  }
  out = std::move(elements);
  return {};
}

// numpy.mean of floats.
inline float numpy_mean(const std::vector<float>& x) noexcept {
  return divide<float>(numpy_sum(0, x.size(), [&](std::size_t i) { return x[i]; }), static_cast<float>(x.size()));
}

}  // namespace detail

/// Settings of MinMaxCalibrater.
struct min_max_settings {
  bool is_symmetric = false;
  bool is_moving_average = false;
  double averaging_constant = 0.01;
};

/// `MinMaxCalibrater`, per tensor. A *collection* is what one call of collect_data reads: several runs. Over its runs
/// the minima and maxima are reduced by min and max or, for a moving average, by their mean (float, numpy's order of
/// summation); is_symmetric makes [-m, m] of it. Between collections the range becomes the union or, for a moving
/// average, old + averaging_constant (new - old): the order of the collections shows then. The runs of one collection
/// are averaged plainly, whatever the constant.
class min_max_calibrator {
 public:
  explicit min_max_calibrator(const min_max_settings& settings = {}) : settings_(settings) {}

  /// One run of the current collection. Refuses a constant outside [0, 1] of a moving average, NaN and infinities, and
  /// no elements.
  template <TensorLike In>
  [[nodiscard]] status try_observe(const In& x) {
    if (settings_.is_moving_average && !(settings_.averaging_constant >= 0 && settings_.averaging_constant <= 1))
      return fault(errc::value_out_of_range, "averaging_constant", settings_.averaging_constant,
                   "a number from 0 to 1");
    std::vector<float> elements;
    if (const status bad = detail::finite_elements(x, elements); !bad.ok()) return bad;
    if (elements.empty()) return fault(errc::no_samples, "x", 0, "at least one element");
    const auto [low, high] = std::minmax_element(elements.begin(), elements.end());
    minima_.push_back(*low);
    maxima_.push_back(*high);
    return {};
  }
  /// Ends a collection: its runs join the range. Without runs, nothing.
  void end_collection() {
    if (minima_.empty()) return;
    range<float> r = settings_.is_moving_average
                         ? range<float>{detail::numpy_mean(minima_), detail::numpy_mean(maxima_)}
                         : range<float>{*std::min_element(minima_.begin(), minima_.end()),
                                        *std::max_element(maxima_.begin(), maxima_.end())};
    if (settings_.is_symmetric) {
      const float m = std::max(absolute(r.minimum), absolute(r.maximum));
      r = {-m, m};
    }
    if (has_range_) {
      const auto moved = [&](float old, float now) {
        return old + multiply(static_cast<float>(settings_.averaging_constant), now - old);
      };
      if (settings_.is_moving_average)
        r = {moved(range_.minimum, r.minimum), moved(range_.maximum, r.maximum)};
      else
        r = {std::min(range_.minimum, r.minimum), std::max(range_.maximum, r.maximum)};
    }
    range_ = r;
    has_range_ = true;
    minima_.clear();
    maxima_.clear();
  }
  /// compute_data(): the range after the current collection, which it ends. Refuses nothing observed.
  [[nodiscard]] status try_range(range<float>& out) {
    end_collection();
    if (!has_range_) return fault(errc::no_samples, "x", 0, "at least one run");
    out = range_;
    return {};
  }

 private:
  min_max_settings settings_;
  std::vector<float> minima_;
  std::vector<float> maxima_;
  range<float> range_{};
  bool has_range_ = false;
};

/// get_entropy_threshold(histogram, num_quantized_bins): `counts` of an even number of equal bins around zero with
/// their edges (one more; float or double) and the extremes of the data. For i = levels / 2, ..., bins / 2 the
/// candidate keeps the bins from bins/2 - i to bins/2 + i (the last one inside, where there is one): p = its counts,
/// the first and last with what lies beyond; q = the counts summed over `levels` runs of size / levels bins (whole
/// division, the last with the rest) and spread in each run as sum / bins of p that are not empty, cut to integers,
/// nothing in the rest; both smoothed (empty ones 1e-4, taken from the others); D = sum of p ln(p / q) in float. The
/// range of the FIRST least D, held in [minimum, maximum]. Refuses counts that are negative or all zero, an odd number
/// of bins, edges of another number, fewer than 2 levels and more than there are bins, and, as the peer does, so many
/// empty bins that smoothing leaves nothing of the others. The logarithm is the C library's, rounded once to float, and
/// numpy's is not always: two candidates within 1e-7 of each other may fall differently.
template <class Real>
[[nodiscard]] status try_entropy_threshold(const std::vector<std::int64_t>& counts, const std::vector<Real>& edges,
                                           const range<Real>& extremes, std::size_t levels, range<Real>& out) {
  const std::size_t bins = counts.size();
  if (bins == 0 || bins % 2 != 0)
    return fault(errc::value_out_of_range, "counts", static_cast<double>(bins), "an even number of bins");
  if (edges.size() != bins + 1)
    return fault(errc::shape_mismatch, "edges", static_cast<double>(edges.size()), "one edge more than there are bins");
  if (levels < 2 || levels > bins)
    return fault(errc::value_out_of_range, "levels", static_cast<double>(levels), "2 to the number of bins");
  std::int64_t total = 0;
  for (std::size_t i = 0; i < bins; ++i) {
    if (counts[i] < 0)
      return fault(errc::value_out_of_range, "counts", static_cast<double>(counts[i]), "no negative count", i);
    total += counts[i];
  }
  if (total == 0) return fault(errc::no_samples, "counts", 0, "at least one element");

  const auto smoothed = [](const std::vector<std::int64_t>& c, std::vector<float>& s, bool& is_empty) -> status {
    const auto zeros = static_cast<double>(std::count(c.begin(), c.end(), 0));
    const double others = static_cast<double>(c.size()) - zeros;
    is_empty = others == 0;
    if (is_empty) return {};
    constexpr double epsilon = 1e-4;
    const double taken = epsilon * zeros / others;
    if (!(taken < 1)) return fault(errc::value_out_of_range, "counts", zeros, "fewer empty bins");
    for (std::size_t i = 0; i < c.size(); ++i)
      s[i] = c[i] == 0 ? static_cast<float>(epsilon) : static_cast<float>(c[i]) + static_cast<float>(-taken);
    return {};
  };
  const auto normalized = [](std::vector<float>& s, std::size_t n) {
    const float sum = detail::numpy_sum(0, n, [&](std::size_t i) { return s[i]; });
    for (std::size_t i = 0; i < n; ++i) s[i] = s[i] / sum;
  };
  const std::size_t zero = bins / 2;
  bool has_best = false;
  float least = 0;
  std::vector<std::int64_t> p;
  std::vector<std::int64_t> q;
  std::vector<float> p_share;
  std::vector<float> q_share;
  for (std::size_t i = levels / 2; i <= zero; ++i) {
    const std::size_t first = zero - i;
    const std::size_t end = std::min(zero + i + 1, bins);
    const std::size_t size = end - first;
    p.assign(counts.begin() + static_cast<std::ptrdiff_t>(first), counts.begin() + static_cast<std::ptrdiff_t>(end));
    for (std::size_t k = 0; k < first; ++k) p.front() += counts[k];
    for (std::size_t k = end; k < bins; ++k) p.back() += counts[k];
    q.assign(size, 0);
    const std::size_t merged = size / levels;
    for (std::size_t level = 0; level < levels; ++level) {
      std::int64_t sum = 0;
      std::int64_t filled = 0;
      for (std::size_t k = level * merged; k < (level + 1) * merged; ++k) {
        sum += counts[first + k];
        filled += p[k] != 0 ? 1 : 0;
      }
      if (level + 1 == levels)
        for (std::size_t k = levels * merged; k < size; ++k) sum += counts[first + k];
      if (filled != 0)
        for (std::size_t k = level * merged; k < (level + 1) * merged; ++k) q[k] = sum / filled;
    }
    p_share.resize(size);
    q_share.resize(size);
    bool p_is_empty = false;
    bool q_is_empty = false;
    if (const status bad = smoothed(p, p_share, p_is_empty); !bad.ok()) return bad;
    if (const status bad = smoothed(q, q_share, q_is_empty); !bad.ok()) return bad;
    float divergence = __builtin_inff();
    if (!p_is_empty && !q_is_empty) {
      normalized(p_share, size);
      normalized(q_share, size);
      divergence = detail::numpy_sum(0, size, [&](std::size_t k) {
        const float share = p_share[k];
        const auto ratio = static_cast<double>(share / q_share[k]);
        return multiply(share, static_cast<float>(std::log(ratio)));
      });
    }
    if (!has_best || divergence < least) {
      has_best = true;
      least = divergence;
      out = {std::max(edges[first], extremes.minimum), std::min(edges[end], extremes.maximum)};
    }
  }
  return {};
}

/// What a calibrator with a histogram counts: x itself around zero, or |x|, which only the symmetric percentile does.
enum class counted : std::uint8_t { values, magnitudes };

/// `HistogramCollector`. A *collection* is what one call of collect_data reads, all of its runs together.
///   values       bins over [-t, t], t = max |x| of the first collection; a later one with a larger t adds bins of the
///                same width on both sides, and counts in bins laid out anew (float): the order shows
///   magnitudes   bins over [min |x|, max |x|] of the first; later ones extend it upwards in steps of the width
/// Counts are numpy.histogram's. Merges with no other.
class histogram_collector {
 public:
  explicit histogram_collector(std::size_t bins = 2048, counted what = counted::values) : bins_(bins), what_(what) {}

  /// One run of the current collection, float, any shape. Refuses no bins, NaN and infinities.
  template <TensorLike In>
  [[nodiscard]] status try_observe(const In& x) {
    if (bins_ == 0) return fault(errc::value_out_of_range, "bins", 0, "at least 1");
    std::vector<float> elements;
    if (const status bad = detail::finite_elements(x, elements); !bad.ok()) return bad;
    run_.insert(run_.end(), elements.begin(), elements.end());
    return {};
  }
  /// Ends a collection: its runs are counted. Without elements, nothing. Refuses magnitudes above 2^126, and data so
  /// narrow that the bins have no width in float, as numpy.histogram does; then the collection is as it was.
  [[nodiscard]] status try_end_collection() {
    if (run_.empty()) return {};
    const auto [low, high] = std::minmax_element(run_.begin(), run_.end());
    const range<float> seen{*low, *high};
    histogram_collector next = *this;
    if (const status bad = what_ == counted::values ? next.add_values(seen) : next.add_magnitudes(); !bad.ok())
      return bad;
    next.extremes_ =
        empty() ? seen
                : range<float>{std::min(extremes_.minimum, seen.minimum), std::max(extremes_.maximum, seen.maximum)};
    next.run_.clear();
    *this = std::move(next);
    return {};
  }

  [[nodiscard]] bool empty() const noexcept { return counts_.empty(); }
  [[nodiscard]] const std::vector<std::int64_t>& counts() const noexcept { return counts_; }
  [[nodiscard]] const std::vector<float>& edges() const noexcept { return edges_; }
  [[nodiscard]] const range<float>& extremes() const noexcept { return extremes_; }

  /// compute_percentile: of the cumulative shares (double) the first bin whose is at least 1 - c, c = (100 - percent) /
  /// 200, and the first at least c; the range between their LEFT edges, held in [min, max]. Of magnitudes: the left
  /// edge t of the first at least percent / 100; [max(-t, min), min(t, max)]. Refuses a percentile outside [0, 100],
  /// and nothing observed.
  [[nodiscard]] status try_percentile(double percent, range<float>& out) const {
    if (!(percent >= 0 && percent <= 100))
      return fault(errc::value_out_of_range, "percentile", percent, "a number from 0 to 100");
    if (empty()) return fault(errc::no_samples, "x", 0, "at least one element");
    std::int64_t total = 0;
    for (const std::int64_t c : counts_) total += c;
    std::vector<double> cumulative;
    double sum = 0;
    for (const std::int64_t c : counts_)
      cumulative.push_back(sum += static_cast<double>(c) / static_cast<double>(total));
    const auto edge_at = [&](double share) {
      return edges_[static_cast<std::size_t>(std::lower_bound(cumulative.begin(), cumulative.end(), share) -
                                             cumulative.begin())];
    };
    range<float> r;
    if (what_ == counted::magnitudes) {
      const float t = edge_at(percent / 100.0);
      r = {-t, t};
    } else {
      const double cut = (100.0 - percent) / 200.0;
      r = {edge_at(cut), edge_at(1.0 - cut)};
    }
    if (r.minimum < extremes_.minimum) r.minimum = extremes_.minimum;
    if (r.maximum > extremes_.maximum) r.maximum = extremes_.maximum;
    out = r;
    return {};
  }

  /// compute_entropy: try_entropy_threshold of the counts. Refuses magnitudes, nothing observed, and what that refuses.
  [[nodiscard]] status try_entropy(std::size_t levels, range<float>& out) const {
    if (what_ == counted::magnitudes) return fault(errc::unsupported, "counted", 1, "values, not magnitudes");
    if (empty()) return fault(errc::no_samples, "x", 0, "at least one element");
    return try_entropy_threshold(counts_, edges_, extremes_, levels, out);
  }

  /// Mean and standard deviation, and the outer edges.
  struct distribution {
    float average;
    float deviation;
    range<float> edges;
  };
  /// compute_distribution: of v = (edge + edge) / 2 in float (scenario "same"), or of |v|^(1/3) with the sign of v
  /// (scenario "p3"): average = sum of count v / sum of count, deviation = sqrt(sum of count v^2 / sum of count -
  /// average^2), v^2 in float, sums in double as numpy forms them. The power of "p3" is the one numpy computes with
  /// AVX-512 (numpy_power.hpp). Refuses fewer than 512 bins, as the peer does, magnitudes, and nothing observed.
  [[nodiscard]] status try_distribution(bool is_cube_root, distribution& out) const {
    if (bins_ < 512) return fault(errc::value_out_of_range, "bins", static_cast<double>(bins_), "at least 512");
    if (what_ == counted::magnitudes) return fault(errc::unsupported, "counted", 1, "values, not magnitudes");
    if (empty()) return fault(errc::no_samples, "x", 0, "at least one element");
    std::vector<double> first;
    std::vector<double> second;
    std::int64_t total = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      float v = multiply(edges_[i] + edges_[i + 1], 0.5f);
      if (is_cube_root) v = copy_sign(presets::detail::numpy_power(absolute(v), 1.0f / 3.0f), v);
      const auto count = static_cast<double>(counts_[i]);
      first.push_back(count * static_cast<double>(v));
      second.push_back(count * static_cast<double>(multiply(v, v)));
      total += counts_[i];
    }
    const auto sum = [](const std::vector<double>& x) {
      return pytorch_quantization::detail::pairwise_sum(x.data(), x.size());
    };
    const double average = sum(first) / static_cast<double>(total);
    const double mean_square = sum(second) / static_cast<double>(total);
    out = {static_cast<float>(average),
           static_cast<float>(std::sqrt(mean_square - multiply(average, average))),
           {edges_.front(), edges_.back()}};
    return {};
  }

  friend bool operator==(const histogram_collector&, const histogram_collector&) = default;

 private:
  status add_values(const range<float>& seen) {
    const float t = std::max(absolute(seen.minimum), absolute(seen.maximum));
    if (!(t <= 0x1p126f))
      return fault(errc::range_not_finite, "x", static_cast<double>(t), "magnitudes of at most 2^126");
    std::vector<std::int64_t> counts;
    std::vector<float> edges;
    if (empty()) {
      if (const status bad = presets::numpy::try_histogram(run_, bins_, -t, t, counts, edges); !bad.ok()) return bad;
      threshold_ = t;
    } else if (t <= threshold_) {
      if (const status bad =
              presets::numpy::try_histogram(run_, counts_.size(), -threshold_, threshold_, counts, edges);
          !bad.ok())
        return bad;
      for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += counts_[i];
      edges = edges_;
    } else {
      std::size_t beside = 0;
      float reach = t;
      if (threshold_ != 0) {
        const float stride = 2 * threshold_ / static_cast<float>(counts_.size());
        const float more = std::floor((t - threshold_) / stride);
        if (!(more < static_cast<float>(presets::numpy::most_bins / 4)))
          return fault(errc::size_overflow, "x", static_cast<double>(t), "a range of at most 2^28 bins");
        beside = static_cast<std::size_t>(more) + 1;
        reach = multiply(static_cast<float>(beside), stride) + threshold_;
      }
      if (const status bad =
              presets::numpy::try_histogram(run_, counts_.size() + 2 * beside, -reach, reach, counts, edges);
          !bad.ok())
        return bad;
      for (std::size_t i = 0; i < counts_.size(); ++i) counts[i + beside] += counts_[i];
      threshold_ = reach;
    }
    counts_ = std::move(counts);
    edges_ = std::move(edges);
    return {};
  }

  status add_magnitudes() {
    for (float& v : run_) v = absolute(v);
    const auto [low, high] = std::minmax_element(run_.begin(), run_.end());
    if (empty()) return presets::numpy::try_histogram(run_, bins_, *low, *high, counts_, edges_);
    // The new edges are doubles, of a float start and step; they count so, and are kept as floats.
    std::vector<double> edges(edges_.begin(), edges_.end());
    if (*high > edges_.back()) {
      const float width = edges_[1] - edges_[0];
      if (const status bad = presets::numpy::try_append_arange(edges_.back() + width, *high + width, width, edges);
          !bad.ok())
        return bad;
    }
    std::vector<std::int64_t> counts = presets::numpy::histogram_of_edges(run_, edges);
    for (std::size_t i = 0; i < counts_.size(); ++i) counts[i] += counts_[i];
    counts_ = std::move(counts);
    edges_.clear();
    for (const double edge : edges) edges_.push_back(static_cast<float>(edge));
    return {};
  }

  std::size_t bins_;
  counted what_;
  std::vector<float> run_;
  std::vector<std::int64_t> counts_;
  std::vector<float> edges_;
  range<float> extremes_{};
  float threshold_ = 0;
};

}  // namespace xquant::presets::onnxruntime
