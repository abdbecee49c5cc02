// NNCF 3.4's range estimators that are not a matter of minima and maxima alone, on its numpy backend, bit for bit:
// HISTOGRAM and MEAN_QUANTILE. Includes <cmath> for floor.
#pragma once

#include <xquant/calibration/extremes.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/exception.hpp>
#include <xquant/presets/pytorch_quantization_entropy.hpp>
#include <xquant/presets/quantile_search.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::nncf {

namespace detail {

// The elements; NaN and infinities are refused.
template <class In>
status finite_elements(const In& tensor, std::vector<float>& out) {
  auto&& held = evaluated(tensor);
  const tensor_view<const float> x = xquant::detail::as_input(as_view(held));
  if (const status bad = xquant::detail::validate_input(x, "x"); !bad.ok()) return bad;
  for (std::size_t i = 0; i < x.shape.size(); ++i) {
    const float v = x.data[offset_of(i, x.shape, x.stride)];
    if (!is_finite(v)) return fault(errc::not_finite, "x", static_cast<double>(v), "finite values", i);
    out.push_back(v);
  }
  if (out.empty()) return fault(errc::no_samples, "x", 0, "at least one element");
  return {};
}

inline double sum_of(const std::vector<double>& x) noexcept {
  return pytorch_quantization::detail::pairwise_sum(x.data(), x.size());
}

// numpy.linspace(first, last, count)[i] in double.
class linspace {
 public:
  linspace(double first, double last, std::size_t count) noexcept
      : first_(first), last_(last), step_((last - first) / static_cast<double>(count - 1)), count_(count) {}
  [[nodiscard]] double operator[](std::size_t i) const noexcept {
    return i + 1 == count_ ? last_ : multiply(static_cast<double>(i), step_) + first_;
  }

 private:
  double first_;
  double last_;
  double step_;
  std::size_t count_;
};

}  // namespace detail

/// HISTOGRAM (HistogramAggregator), per tensor: counts over the union of the ranges of the samples. Where that grows,
/// each old bin is cut into 16 parts, which go to the new bins by their middles: counts become fractions, and the
/// result depends on the order of the samples. Merges with no other. The range is the one a search from both ends by
/// quantiles finds (quantile_search.hpp), as long as the squared error falls that 2^bits levels make of densities
/// constant in each bin; what lies outside counts with its distance. All in double but for the edges, which are rounded
/// to float, as the elements are. In symmetric mode too the
/// peer keeps the signed upper end, where other estimators of it take the largest magnitude. Source:
/// nncf/common/tensor_statistics/collectors.py, numpy.histogram.
class histogram_estimator {
 public:
  static constexpr std::size_t parts = 16;  ///< of a bin that is moved

  explicit histogram_estimator(std::size_t bins = 2048, int bits = 8) : bins_(bins), bits_(bits) {}

  /// One sample. Refuses no bins, bits outside 1 to 16, NaN and infinities, no elements, a width beyond floats, and
  /// samples so narrow that the bins have no width in float (numpy.histogram refuses those); nothing has changed then.
  template <TensorLike In>
  [[nodiscard]] status try_observe(const In& x) {
    if (bins_ == 0) return fault(errc::value_out_of_range, "bins", 0, "at least 1");
    if (const status bad = valid_bits(bits_); !bad.ok()) return bad;
    std::vector<float> elements;
    if (const status bad = detail::finite_elements(x, elements); !bad.ok()) return bad;
    const auto [low, high] = std::minmax_element(elements.begin(), elements.end());
    double new_minimum = static_cast<double>(*low);
    double new_maximum = static_cast<double>(*high);
    if (!empty()) {
      new_minimum = std::min(minimum_, new_minimum);
      new_maximum = std::max(maximum_, new_maximum);
    }
    if (!is_finite(static_cast<float>(new_maximum) - static_cast<float>(new_minimum)))
      return fault(errc::range_not_finite, "x", new_maximum, "a range whose width is a float");
    std::vector<double> added;
    if (const status bad = count(elements, new_minimum, new_maximum, added); !bad.ok()) return bad;
    if (!empty()) {
      std::vector<double> moved = counts_;
      if (new_minimum != minimum_ || new_maximum != maximum_)
        if (const status bad = move(new_minimum, new_maximum, moved); !bad.ok()) return bad;
      for (std::size_t i = 0; i < bins_; ++i) added[i] += moved[i];
    }
    counts_ = std::move(added);
    minimum_ = new_minimum;
    maximum_ = new_maximum;
    return {};
  }

  [[nodiscard]] bool empty() const noexcept { return counts_.empty(); }
  [[nodiscard]] const std::vector<double>& counts() const noexcept { return counts_; }
  [[nodiscard]] double minimum() const noexcept { return minimum_; }
  [[nodiscard]] double maximum() const noexcept { return maximum_; }

  /// The range, rounded to float. Refuses nothing observed.
  [[nodiscard]] status try_range(range<float>& out) const { return try_range(bits_, out); }
  /// The same for other bits than those it was made with, which the counts do not depend on. Refuses bits outside 1 to
  /// 16 too.
  [[nodiscard]] status try_range(int bits, range<float>& out) const {
    if (const status bad = valid_bits(bits); !bad.ok()) return bad;
    if (empty()) return fault(errc::no_samples, "x", 0, "at least one element");
    const double width = (maximum_ - minimum_) / static_cast<double>(bins_);
    const double total = detail::sum_of(counts_);
    std::vector<double> cumulative;
    double so_far = 0;
    for (const double c : counts_) cumulative.push_back(so_far += c);
    const presets::detail::bin_span best = presets::detail::quantile_search(
        bins_, [&](std::size_t k, double q) { return cumulative[k] < multiply(q, total); },
        [&](std::size_t k, double q) { return cumulative[k] > multiply(q, total); },
        [&](const presets::detail::bin_span& span) { return error(span, width, bits); });
    out = {static_cast<float>(minimum_ + multiply(width, static_cast<double>(best.first))),
           static_cast<float>(minimum_ + multiply(width, static_cast<double>(best.last + 1)))};
    return {};
  }

  friend bool operator==(const histogram_estimator&, const histogram_estimator&) = default;

 private:
  // numpy.histogram(float32 x, bins, range=(low, high)) with ends in double.
  status count(const std::vector<float>& x, double low, double high, std::vector<double>& counts) const {
    if (low == high) {
      low -= 0.5;
      high += 0.5;
    }
    const detail::linspace exact(low, high, bins_ + 1);
    std::vector<float> edges(bins_ + 1);
    for (std::size_t i = 0; i <= bins_; ++i) edges[i] = static_cast<float>(exact[i]);
    for (std::size_t i = 0; i < bins_; ++i)
      if (!(edges[i] < edges[i + 1]))
        return fault(errc::value_out_of_range, "bins", static_cast<double>(bins_), "bins of a width above 0", i);
    counts.assign(bins_, 0.0);
    const auto first = static_cast<float>(low);
    const auto last = static_cast<float>(high);
    for (const float v : x) {
      if (!(v >= first && v <= last)) continue;
      const double share = static_cast<double>(v - first) / (high - low);
      auto bin = static_cast<std::size_t>(multiply(share, static_cast<double>(bins_)));
      if (bin >= bins_) bin = bins_ - 1;
      if (v < edges[bin] && bin > 0) --bin;
      if (v >= edges[bin + 1] && bin + 1 != bins_) ++bin;
      counts[bin] += 1;
    }
    return {};
  }

  status move(double low, double high, std::vector<double>& moved) const {
    if (minimum_ == maximum_) {
      if (const status bad = count({static_cast<float>(minimum_)}, low, high, moved); !bad.ok()) return bad;
      const double total = detail::sum_of(counts_);
      for (double& c : moved) c = multiply(c, total);
      return {};
    }
    moved.assign(bins_, 0.0);
    const detail::linspace begins(minimum_, maximum_, bins_ * parts + 1);
    const detail::linspace edges(low, high, bins_ + 1);
    const double half = multiply(0.5, (maximum_ - minimum_) / static_cast<double>(bins_ * parts));
    std::size_t bin = 0;
    for (std::size_t k = 0; k < bins_ * parts; ++k) {
      const double middle = begins[k] + half;
      while (bin + 1 < bins_ && edges[bin + 1] <= middle) ++bin;
      while (bin > 0 && edges[bin] > middle) --bin;
      moved[bin] += counts_[k / parts] / static_cast<double>(parts);
    }
    return {};
  }

  static status valid_bits(int bits) noexcept {
    if (bits < 1 || bits > 16) return fault(errc::bits_out_of_range, "bits", bits, "1 to 16 bits");
    return {};
  }

  [[nodiscard]] double error(const presets::detail::bin_span& span, double width, int bits) const {
    const auto levels = static_cast<double>(1 << bits);
    const double level = multiply(width, static_cast<double>(span.last - span.first + 1)) / levels;
    if (level == 0) return 0;
    const auto cube = [](double v) { return multiply(multiply(v, v), v); };
    const auto level_of = [&](double v) { return std::min(std::max(std::floor(v / level), 0.0), levels - 1); };
    const double half = level / 2;
    const double whole = (cube(half) - cube(-half)) / 3;
    std::vector<double> norm(bins_);
    for (std::size_t i = 0; i < bins_; ++i) {
      const double begin = multiply(static_cast<double>(i) - static_cast<double>(span.first), width);
      const double end = begin + width;
      const double density = counts_[i] / width;
      const double level_of_begin = level_of(begin);
      const double level_of_end = level_of(end);
      const double to_begin = begin - multiply(level_of_begin + 0.5, level);
      const double to_end = end - (multiply(level_of_end, level) + half);
      double sum = multiply(density, (cube(half) - cube(to_begin)) / 3);
      sum += multiply(level_of_end - level_of_begin - 1, multiply(density, whole));
      norm[i] = sum + multiply(density, (cube(to_end) - cube(-half)) / 3);
    }
    return detail::sum_of(norm);
  }

  std::size_t bins_;
  int bits_;
  std::vector<double> counts_;
  double minimum_ = 0;
  double maximum_ = 0;
};

/// MEAN_QUANTILE: of each sample its quantiles q and 1 - q (numpy.quantile, linear, in double), and the means of these
/// over the samples (numpy's order of summation, in double). The peer's q is 1e-4.
class mean_quantile_estimator {
 public:
  explicit mean_quantile_estimator(double quantile = 1e-4) : quantile_(quantile) {}

  /// One sample. Refuses a quantile outside [0, 1], NaN and infinities, no elements; nothing has changed then.
  template <TensorLike In>
  [[nodiscard]] status try_observe(const In& x) {
    if (!(quantile_ >= 0 && quantile_ <= 1))
      return fault(errc::value_out_of_range, "quantile", quantile_, "a number from 0 to 1");
    std::vector<float> elements;
    if (const status bad = detail::finite_elements(x, elements); !bad.ok()) return bad;
    lower_.push_back(quantile_of(elements, quantile_));
    upper_.push_back(quantile_of(elements, 1 - quantile_));
    return {};
  }
  /// Refuses nothing observed.
  [[nodiscard]] status try_range(range<double>& out) const {
    if (lower_.empty()) return fault(errc::no_samples, "x", 0, "at least one element");
    const auto n = static_cast<double>(lower_.size());
    out = {detail::sum_of(lower_) / n, detail::sum_of(upper_) / n};
    return {};
  }

  friend bool operator==(const mean_quantile_estimator&, const mean_quantile_estimator&) = default;

 private:
  // Of elements in any order, which it changes.
  static double quantile_of(std::vector<float>& x, double q) noexcept {
    const double at = multiply(static_cast<double>(x.size() - 1), q);
    const auto below = static_cast<std::size_t>(std::floor(at));
    const auto nth = x.begin() + static_cast<std::ptrdiff_t>(below);
    std::nth_element(x.begin(), nth, x.end());
    const double a = static_cast<double>(*nth);
    const double b = below + 1 < x.size() ? static_cast<double>(*std::min_element(nth + 1, x.end())) : a;
    const double t = at - static_cast<double>(below);
    return t >= 0.5 ? b - multiply(b - a, 1 - t) : a + multiply(b - a, t);
  }

  double quantile_;
  std::vector<double> lower_;
  std::vector<double> upper_;
};

}  // namespace xquant::presets::nncf
