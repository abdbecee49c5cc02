// PyTorch 2.15's (CPU) HistogramObserver, bit for bit. Includes <cmath> for fmod.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/presets/quantile_search.hpp>
#include <xquant/presets/torch_functions.hpp>
#include <xquant/presets/torch_observers.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::torch {

namespace detail {

// torch.div(a, b, rounding_mode="floor") of floats: div_floor_floating.
inline float floor_quotient(float a, float b) noexcept {
  if (b == 0) return a / b;
  const float rest = std::fmod(a, b);
  float quotient = (a - rest) / b;
  if (rest != 0 && (b < 0) != (rest < 0)) quotient -= 1;
  if (quotient == 0) return 0;
  float below = std::floor(quotient);
  if (quotient - below > 0.5f) below += 1;
  return below;
}

// [minimum, maximum] by _non_linear_param_search of `counts` over [low, high], for 2^8 levels.
inline range<float> search(const std::vector<float>& counts, float low, float high, std::size_t levels) {
  const std::size_t bins = counts.size();
  const auto total = static_cast<double>(sum_of(counts));
  std::vector<float> cumulative;
  double so_far = 0;
  for (const float c : counts) cumulative.push_back(static_cast<float>(so_far += static_cast<double>(c)));
  const double width = (static_cast<double>(high) - static_cast<double>(low)) / static_cast<double>(bins);
  const auto bin_width = static_cast<float>(width);
  std::vector<float> density;
  for (const float c : counts) density.push_back(c / bin_width);

  const auto cube = [](float v) { return multiply(multiply(v, v), v); };
  const auto norm_of = [&](float begin, float end, float d) { return multiply(d, (cube(end) - cube(begin)) / 3.0f); };
  std::vector<float> norm(bins);
  const auto error = [&](const presets::detail::bin_span& span) {
    const double level_width = width * static_cast<double>(span.last - span.first + 1) / static_cast<double>(levels);
    if (level_width == 0) return 0.0;
    const auto level = static_cast<float>(level_width);
    const auto half = static_cast<float>(level_width / 2);
    const auto last_level = static_cast<float>(levels - 1);
    const auto level_of = [&](float v) { return std::min(std::max(floor_quotient(v, level), 0.0f), last_level); };
    for (std::size_t i = 0; i < bins; ++i) {
      const auto distance = static_cast<float>(static_cast<std::int64_t>(i) - static_cast<std::int64_t>(span.first));
      const float begin = multiply(distance, bin_width);
      const float end = begin + bin_width;
      const float level_of_begin = level_of(begin);
      const float level_of_end = level_of(end);
      const float to_begin = begin - multiply(level_of_begin + 0.5f, level);
      const float to_end = end - (multiply(level_of_end, level) + half);
      float sum = norm_of(to_begin, half, density[i]);
      sum += multiply(level_of_end - level_of_begin - 1, norm_of(-half, half, density[i]));
      norm[i] = sum + norm_of(-half, to_end, density[i]);
    }
    return static_cast<double>(sum_of(norm));
  };
  const auto share = [&](double q) { return static_cast<float>(q * total); };
  const presets::detail::bin_span best = presets::detail::quantile_search(
      bins, [&](std::size_t k, double q) { return cumulative[k] < share(q); },
      [&](std::size_t k, double q) { return cumulative[k] > share(q); }, error);
  const float step = (high - low) / static_cast<float>(bins);
  return {low + multiply(step, static_cast<float>(best.first)),
          low + multiply(step, static_cast<float>(best.last + 1))};
}

}  // namespace detail

/// `HistogramObserver(bins)`: counts in float over the union of the ranges seen; where that grows, each old bin is cut
/// into 16 parts, which go to the new bins by their middles, so that counts become fractions and the result depends on
/// the order of the tensors. Merges with no other. What calculate_qparams gives are parameters (observed_parameters) of
/// the range that _non_linear_param_search finds: from all of it inwards by quantiles (quantile_search.hpp), as long as
/// the squared error falls that 256 levels make of densities constant in each bin.
/// Bits are those of the peer on an x86-64 with AVX2 or more, one thread. Source: torch/ao/quantization/observer.py and
/// the kernels of histc, linspace, bucketize, bincount, cumsum and sum.
class histogram_observer {
 public:
  static constexpr std::size_t parts = 16;    ///< of a bin that is moved
  static constexpr std::size_t levels = 256;  ///< of the dtype

  explicit histogram_observer(std::size_t bins = 2048) : bins_(bins) {}
  /// Of a histogram that was made before: `counts` over [minimum, maximum].
  histogram_observer(std::vector<float> counts, float minimum, float maximum)
      : bins_(counts.size()), counts_(std::move(counts)), minimum_(minimum), maximum_(maximum) {}

  /// forward(x): x of float, any shape. Infinities are left out, as the peer does with a warning; a tensor without
  /// other elements adds nothing. Refuses no bins, NaN, which the peer's histc does not take, and ranges so wide that
  /// it overflows.
  template <TensorLike In>
  [[nodiscard]] status try_observe(const In& tensor) {
    if (bins_ == 0) return fault(errc::value_out_of_range, "bins", 0, "at least 1");
    auto&& held = evaluated(tensor);
    const tensor_view<const float> x = xquant::detail::as_input(as_view(held));
    if (const status bad = xquant::detail::validate_input(x, "x"); !bad.ok()) return bad;
    std::vector<float> finite;
    for (std::size_t i = 0; i < x.shape.size(); ++i) {
      const float v = x.data[offset_of(i, x.shape, x.stride)];
      if (v != v) return fault(errc::not_finite, "x", static_cast<double>(v), "no NaN", i);
      if (is_finite(v)) finite.push_back(v);
    }
    if (finite.empty()) return {};
    const auto [low, high] = std::minmax_element(finite.begin(), finite.end());
    const float widest = empty() ? *high - *low : std::max(maximum_, *high) - std::min(minimum_, *low);
    if (!is_finite(multiply(widest, static_cast<float>(bins_))))
      return fault(errc::range_not_finite, "x", static_cast<double>(widest), "a width that times the bins is a float");
    std::vector<float> added(bins_);
    if (empty()) {
      minimum_ = *low;
      maximum_ = *high;
      detail::histc(finite, minimum_, maximum_, added);
      counts_ = std::move(added);
      return {};
    }
    const float new_minimum = std::min(minimum_, *low);
    const float new_maximum = std::max(maximum_, *high);
    detail::histc(finite, new_minimum, new_maximum, added);
    if (new_minimum != minimum_ || new_maximum != maximum_) move(new_minimum, new_maximum);
    for (std::size_t i = 0; i < bins_; ++i) counts_[i] += added[i];
    minimum_ = new_minimum;
    maximum_ = new_maximum;
    return {};
  }
#if XQUANT_HAS_EXCEPTIONS
  template <TensorLike In>
  void observe(const In& x) {
    throw_if(try_observe(x));
  }
#endif

  [[nodiscard]] bool empty() const noexcept { return counts_.empty(); }
  /// histogram, min_val, max_val; without meaning while empty.
  [[nodiscard]] const std::vector<float>& counts() const noexcept { return counts_; }
  [[nodiscard]] float minimum() const noexcept { return minimum_; }
  [[nodiscard]] float maximum() const noexcept { return maximum_; }

  /// _non_linear_param_search(). Refuses an empty observer.
  [[nodiscard]] status try_search(range<float>& out) const {
    if (empty()) return fault(errc::no_samples, "x", 0, "at least one finite element");
    out = detail::search(counts_, minimum_, maximum_, levels);
    return {};
  }

  /// calculate_qparams(): scale 1 and zero point 0 while nothing was observed. Refuses codes that are not valid.
  [[nodiscard]] status try_calculate_qparams(const observer_codes& codes, observed_parameters& out) const {
    if (empty()) return torch::try_calculate_qparams({}, {}, codes, out);
    const range<float> r = detail::search(counts_, minimum_, maximum_, levels);
    return torch::try_calculate_qparams({r.minimum}, {r.maximum}, codes, out);
  }

  friend bool operator==(const histogram_observer&, const histogram_observer&) = default;

 private:
  // _combine_histograms: what was counted, on the bins of a wider range.
  void move(float low, float high) {
    std::vector<float> moved(bins_);
    if (minimum_ == maximum_) {
      detail::histc({minimum_}, low, high, moved);
      const float total = detail::sum_of(counts_);
      for (float& c : moved) c = multiply(c, total);
    } else {
      const detail::linspace begins(minimum_, maximum_, bins_ * parts + 1);
      const detail::linspace edges(low, high, bins_ + 1);
      const float half = multiply(0.5f, (maximum_ - minimum_) / static_cast<float>(bins_ * parts));
      std::size_t bin = 0;
      for (std::size_t k = 0; k < bins_ * parts; ++k) {
        const float middle = begins[k] + half;
        while (bin + 1 < bins_ && edges[bin + 1] <= middle) ++bin;
        while (bin > 0 && edges[bin] > middle) --bin;
        moved[bin] += counts_[k / parts] / static_cast<float>(parts);
      }
    }
    counts_ = std::move(moved);
  }

  std::size_t bins_;
  std::vector<float> counts_;
  float minimum_ = 0;
  float maximum_ = 0;
};

}  // namespace xquant::presets::torch
