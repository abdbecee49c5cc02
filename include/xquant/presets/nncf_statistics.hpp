// NNCF 3.4's statistics of samples on its numpy backend, bit for bit: what each sample is reduced to, and what becomes
// of these numbers over the samples. HISTOGRAM: nncf.hpp. Includes <cmath> for floor.
#pragma once

#include <xquant/core/adapt.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/error.hpp>
#include <xquant/exception.hpp>
#include <xquant/presets/aimet_torch_histogram.hpp>
#include <xquant/presets/array_granularity.hpp>
#include <xquant/presets/pytorch_quantization_entropy.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::nncf {

/// The peer's StatisticsType, but for MEAN and RAW: what a sample is reduced to in each slot.
enum class statistic : std::uint8_t { minimum, maximum, largest_magnitude, quantile, magnitude_quantile };

/// The peer's AggregatorType, but for HISTOGRAM: what becomes of the numbers of the samples.
enum class aggregator : std::uint8_t { minimum, maximum, mean, median, mean_no_outliers };

/// The peer's StatisticsCollectorParameters: of one end of a range.
struct statistic_settings {
  statistic reduced_to = statistic::maximum;
  aggregator over_samples = aggregator::maximum;
  double outliers = 1e-4;  ///< quantile_outlier_prob, of the quantiles and of mean_no_outliers

  /// Refuses outliers outside [0, 1].
  [[nodiscard]] constexpr status valid() const noexcept {
    if (!(outliers >= 0 && outliers <= 1))
      return fault(errc::value_out_of_range, "outliers", outliers, "a number from 0 to 1");
    return {};
  }
  friend constexpr bool operator==(const statistic_settings&, const statistic_settings&) = default;
};

/// The peer's RangeEstimatorParameters; quantiles are that of `outliers` at the lower end, of 1 - `outliers` at the
/// upper one.
struct range_estimator {
  statistic_settings minimum{statistic::minimum, aggregator::minimum};
  statistic_settings maximum{};
  friend constexpr bool operator==(const range_estimator&, const range_estimator&) = default;
};

/// The peer's RangeEstimatorParametersSet.
inline constexpr range_estimator minmax{};
inline constexpr range_estimator mean_minmax{{statistic::minimum, aggregator::mean},
                                             {statistic::maximum, aggregator::mean}};
inline constexpr range_estimator median_minmax{{statistic::minimum, aggregator::median},
                                               {statistic::maximum, aggregator::median}};
inline constexpr range_estimator mean_no_outliers_minmax{{statistic::minimum, aggregator::mean_no_outliers},
                                                         {statistic::maximum, aggregator::mean_no_outliers}};
inline constexpr range_estimator mean_quantile{{statistic::quantile, aggregator::mean},
                                               {statistic::quantile, aggregator::mean}};

/// An estimator as symmetric quantizers use it: its maximum, if it is the plain one, is that of |x|.
[[nodiscard]] constexpr range_estimator symmetric_form(range_estimator e) noexcept {
  if (e.maximum.reduced_to == statistic::maximum) e.maximum.reduced_to = statistic::largest_magnitude;
  return e;
}

namespace detail {

/// numpy.quantile(x, q), linear, in double, of numbers in ascending order.
template <class Real>
double quantile_of(const std::vector<Real>& sorted, double q) noexcept {
  const double at = multiply(static_cast<double>(sorted.size() - 1), q);
  const auto below = static_cast<std::size_t>(std::floor(at));
  const auto a = static_cast<double>(sorted[below]);
  const auto b = static_cast<double>(sorted[std::min(below + 1, sorted.size() - 1)]);
  const double t = at - static_cast<double>(below);
  return t >= 0.5 ? b - multiply(b - a, 1 - t) : a + multiply(b - a, t);
}

/// numpy's sum over the first axis, in Real: in pairs where there is one slot, else from the first to the last.
template <class Real>
Real sum_over(const std::vector<Real>& x, bool one_slot) noexcept {
  if (one_slot) return pytorch_quantization::detail::pairwise_sum(x.data(), x.size());
  Real sum = 0;
  for (const Real v : x) sum += v;
  return sum;
}

/// numpy's mean: the quotient is taken in double and rounded to Real.
template <class Real>
Real mean_over(const std::vector<Real>& x, bool one_slot) noexcept {
  return static_cast<Real>(static_cast<double>(sum_over(x, one_slot)) / static_cast<double>(x.size()));
}

/// The numbers of a slot over the samples as one. A mean without outliers is that of the numbers between their
/// quantiles (ends included), those left out adding a zero to the sum; 0 where none is left, as of two different
/// numbers.
template <class Real>
double aggregated(std::vector<Real> x, const statistic_settings& how, bool one_slot) {
  switch (how.over_samples) {
    case aggregator::minimum: return static_cast<double>(*std::min_element(x.begin(), x.end()));
    case aggregator::maximum: return static_cast<double>(*std::max_element(x.begin(), x.end()));
    case aggregator::mean: return static_cast<double>(mean_over(x, one_slot));
    case aggregator::median: {
      std::sort(x.begin(), x.end());
      const std::size_t half = x.size() / 2;
      if (x.size() % 2 != 0) return static_cast<double>(x[half]);
      return static_cast<double>(mean_over(std::vector<Real>{x[half - 1], x[half]}, false));
    }
    case aggregator::mean_no_outliers: break;
  }
  std::vector<Real> sorted = x;
  std::sort(sorted.begin(), sorted.end());
  const double low = quantile_of(sorted, how.outliers);
  const double high = quantile_of(sorted, 1 - how.outliers);
  std::size_t left = x.size();
  for (Real& v : x)
    if (static_cast<double>(v) < low || high < static_cast<double>(v)) {
      v = 0;
      --left;
    }
  return left == 0 ? 0 : static_cast<double>(sum_over(x, one_slot)) / static_cast<double>(left);
}

}  // namespace detail

/// The statistics of a range over samples (`_get_statistic_collector` of the min-max algorithm): `slots` is the shape
/// of what a sample is reduced to, [] per tensor, [1, C, 1, 1] per channel. Of each sample and slot the numbers of
/// statistic_settings, minima and maxima in float, quantiles in double (numpy.quantile, linear); over the samples, in
/// their order and the type of these numbers,
///   minimum, maximum, median   the mean of the middle two
///   mean                       numpy's order of sums: in pairs per tensor, one after another per channel
///   mean_no_outliers           the mean of the numbers within their quantiles, q and 1 - q; 0 where none is
/// What the peer calls batchwise statistics are the same with each image a sample. It merges with no other, since sums
/// depend on the order. Run: 3.4.0, numpy 2.4.6.
class statistic_collector {
 public:
  explicit statistic_collector(const range_estimator& estimator = mean_minmax, const shape& slots = {})
      : estimator_(estimator), granularity_{slots, true} {}

  /// One sample. Refuses settings that are not valid, NaN and infinities, no elements, shapes that do not fit; nothing
  /// has changed then.
  template <TensorLike In>
  [[nodiscard]] status try_observe(const In& x) {
    if (const status bad = estimator_.minimum.valid(); !bad.ok()) return bad;
    if (const status bad = estimator_.maximum.valid(); !bad.ok()) return bad;
    auto&& held = evaluated(x);
    const tensor_view<const float> view = as_view(held);
    std::vector<std::vector<float>> slots;
    std::vector<float> all;
    if (const status bad = aimet_torch::detail::elements_by_slot(view, granularity_, slots, all); !bad.ok()) return bad;
    for (std::size_t i = 0; i < all.size(); ++i)
      if (!is_finite(all[i])) return fault(errc::not_finite, "x", static_cast<double>(all[i]), "finite values", i);
    if (!low_.empty() && low_.size() != slots.size())
      return fault(errc::shape_mismatch, "x", static_cast<double>(slots.size()), "the slots of the sample before", 0,
                   low_.size());
    low_.resize(slots.size());
    high_.resize(slots.size());
    for (std::size_t i = 0; i < slots.size(); ++i) {
      low_[i].push_back(reduced(slots[i], estimator_.minimum, estimator_.minimum.outliers));
      high_[i].push_back(reduced(slots[i], estimator_.maximum, 1 - estimator_.maximum.outliers));
    }
    return {};
  }

  /// Of each slot, rounded to float. Refuses nothing observed; `out` is untouched then.
  [[nodiscard]] status try_ranges(std::vector<range<float>>& out) const {
    if (low_.empty()) return fault(errc::no_samples, "x", 0, "at least one sample");
    std::vector<range<float>> ranges;
    for (std::size_t i = 0; i < low_.size(); ++i)
      ranges.push_back({end_of(low_[i], estimator_.minimum), end_of(high_[i], estimator_.maximum)});
    out = std::move(ranges);
    return {};
  }

  friend bool operator==(const statistic_collector& a, const statistic_collector& b) {
    return a.estimator_ == b.estimator_ && a.granularity_ == b.granularity_ && a.low_ == b.low_ && a.high_ == b.high_;
  }

 private:
  static double reduced(std::vector<float>& x, const statistic_settings& how, double q) {
    const bool of_magnitude =
        how.reduced_to == statistic::largest_magnitude || how.reduced_to == statistic::magnitude_quantile;
    std::vector<float> seen = x;
    if (of_magnitude)
      for (float& v : seen) v = v < 0 ? -v : v;
    if (how.reduced_to == statistic::minimum) return static_cast<double>(*std::min_element(seen.begin(), seen.end()));
    if (how.reduced_to == statistic::maximum || how.reduced_to == statistic::largest_magnitude)
      return static_cast<double>(*std::max_element(seen.begin(), seen.end()));
    std::sort(seen.begin(), seen.end());
    return detail::quantile_of(seen, q);
  }

  [[nodiscard]] float end_of(const std::vector<double>& x, const statistic_settings& how) const {
    const bool one_slot = low_.size() == 1;
    if (how.reduced_to == statistic::quantile || how.reduced_to == statistic::magnitude_quantile)
      return static_cast<float>(detail::aggregated(x, how, one_slot));
    return static_cast<float>(detail::aggregated(std::vector<float>(x.begin(), x.end()), how, one_slot));
  }

  range_estimator estimator_;
  by_shape_of_scales granularity_{{}, true};
  std::vector<std::vector<double>> low_;  // of each slot, a number of each sample
  std::vector<std::vector<double>> high_;
};

}  // namespace xquant::presets::nncf
