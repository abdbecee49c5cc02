// The minimum and maximum of every sample, and rules that answer from them: one strange sample does not decide the
// range.
#pragma once

#include <xquant/calibration/calibrator.hpp>
#include <xquant/calibration/extremes.hpp>
#include <xquant/calibration/observer.hpp>
#include <xquant/calibration/range_rule.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/granularity/granularity.hpp>
#include <xquant/granularity/per_tensor.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// Keeps the minima and the maxima of all samples, each sorted: an observer's state. A *sample* is one tensor that is
/// observed (an image of a batch, where the batch is cut first). A function of the multiset of the samples: any order
/// of them and any merge gives the same bits; how the elements are cut into samples matters, as it must. 16 bytes
/// per sample.
class sample_extremes {
 public:
  [[nodiscard]] bool empty() const noexcept { return minima_.empty(); }
  [[nodiscard]] std::size_t samples() const noexcept { return minima_.size(); }
  [[nodiscard]] const std::vector<double>& minima() const noexcept { return minima_; }
  [[nodiscard]] const std::vector<double>& maxima() const noexcept { return maxima_; }
  /// Of all samples.
  [[nodiscard]] double minimum() const noexcept { return minima_.front(); }
  [[nodiscard]] double maximum() const noexcept { return maxima_.back(); }

  /// One more sample.
  void reach(const extremes& seen) {
    insert(minima_, seen.minimum());
    insert(maxima_, seen.maximum());
  }
  /// All samples of both.
  void merge(const sample_extremes& other) {
    join(minima_, other.minima_);
    join(maxima_, other.maxima_);
  }

  friend bool operator==(const sample_extremes&, const sample_extremes&) = default;

 private:
  static void insert(std::vector<double>& sorted, double v) {
    sorted.insert(std::upper_bound(sorted.begin(), sorted.end(), v), v);
  }
  static void join(std::vector<double>& sorted, const std::vector<double>& more) {
    std::vector<double> all(sorted.size() + more.size());
    std::merge(sorted.begin(), sorted.end(), more.begin(), more.end(), all.begin());
    sorted = static_cast<std::vector<double>&&>(all);
  }

  std::vector<double> minima_;
  std::vector<double> maxima_;
};

namespace detail {

// The quantile q of sorted values: linear between neighbours, at index q (n - 1).
inline double sorted_quantile(const std::vector<double>& sorted, double q) noexcept {
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  if (below + 1 >= sorted.size()) return sorted.back();
  return sorted[below] + multiply(at - static_cast<double>(below), sorted[below + 1] - sorted[below]);
}

// The mean of what lies in [low, high], added in order.
inline double sorted_mean(const std::vector<double>& sorted, double low, double high) noexcept {
  double sum = 0;
  std::size_t count = 0;
  for (const double v : sorted)
    if (v >= low && v <= high) {
      sum += v;
      ++count;
    }
  return sum / static_cast<double>(count);
}

}  // namespace detail

/// [mean of the minima, mean of the maxima], in double, added in rising order. Source: NNCF's MEAN_MINMAX.
struct mean_of_samples {
  [[nodiscard]] static constexpr status valid() noexcept { return {}; }
  [[nodiscard]] status try_range(const sample_extremes& s, range<double>& out) const {
    out = {detail::sorted_mean(s.minima(), s.minima().front(), s.minima().back()),
           detail::sorted_mean(s.maxima(), s.maxima().front(), s.maxima().back())};
    return {};
  }
  friend constexpr bool operator==(const mean_of_samples&, const mean_of_samples&) = default;
};

/// [median of the minima, median of the maxima]; of an even number the mean of the two in the middle. Source: NNCF's
/// MEDIAN_MINMAX.
struct median_of_samples {
  [[nodiscard]] static constexpr status valid() noexcept { return {}; }
  [[nodiscard]] status try_range(const sample_extremes& s, range<double>& out) const {
    out = {detail::sorted_quantile(s.minima(), 0.5), detail::sorted_quantile(s.maxima(), 0.5)};
    return {};
  }
  friend constexpr bool operator==(const median_of_samples&, const median_of_samples&) = default;
};

/// The means of the minima and of the maxima that lie between the quantiles q and 1 - q of their own kind over the
/// samples (linear interpolation, both ends inside); there is always one. Of few samples unlike ones may be left out of
/// the two, and the means cross: both ends are their middle then. Source: NNCF's MEAN_NO_OUTLIERS_MINMAX, whose
/// q is 1e-4.
struct mean_without_outliers {
  double quantile = 1e-4;

  /// Refuses a quantile outside [0, 0.5).
  [[nodiscard]] constexpr status valid() const noexcept {
    if (!(quantile >= 0 && quantile < 0.5))
      return fault(errc::value_out_of_range, "mean_without_outliers.quantile", quantile,
                   "a number from 0 to below 0.5");
    return {};
  }
  [[nodiscard]] status try_range(const sample_extremes& s, range<double>& out) const {
    const auto mean = [&](const std::vector<double>& v) {
      const double low = detail::sorted_quantile(v, quantile);
      const double high = detail::sorted_quantile(v, 1 - quantile);
      // With few samples no one may lie between two neighbours' quantiles: the middle then.
      const bool has_any = std::lower_bound(v.begin(), v.end(), low) != std::upper_bound(v.begin(), v.end(), high);
      return has_any ? detail::sorted_mean(v, low, high) : detail::sorted_quantile(v, 0.5);
    };
    out = {mean(s.minima()), mean(s.maxima())};
    if (out.minimum > out.maximum) out.minimum = out.maximum = out.maximum + (out.minimum - out.maximum) / 2;
    return {};
  }
  friend constexpr bool operator==(const mean_without_outliers&, const mean_without_outliers&) = default;
};

/// An observer of samples with one of these rules (or full_range).
template <RangeRule<sample_extremes> Rule = mean_of_samples, Granularity GranularityType = per_tensor>
using sample_calibrator = calibrator<sample_extremes, Rule, GranularityType>;

static_assert(ObserverState<sample_extremes> && RuleWithoutCodes<mean_of_samples, sample_extremes> &&
              RuleWithoutCodes<median_of_samples, sample_extremes> &&
              RuleWithoutCodes<mean_without_outliers, sample_extremes>);

}  // namespace xquant
