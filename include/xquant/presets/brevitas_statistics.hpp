// Brevitas 0.13's statistics of a tensor, from which its scales and zero points come (brevitas.core.stats). Includes
// <cmath> for sqrt, floor and ceil.
#pragma once

#include <xquant/core/adapt.hpp>
#include <xquant/error.hpp>
#include <xquant/presets/aimet_torch_histogram.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::brevitas {

namespace detail {

// The elements in row-major order; refuses none, and NaN.
inline status try_elements(const tensor_view<const float>& x, std::vector<float>& out) {
  std::vector<std::vector<float>> slots;
  if (const status s = aimet_torch::detail::elements_by_slot(x, by_shape_of_scales{}, slots, out); !s.ok()) return s;
  for (std::size_t i = 0; i < out.size(); ++i)
    if (!(out[i] == out[i])) return fault(errc::not_finite, "x", static_cast<double>(out[i]), "no NaN", i);
  return {};
}

inline float magnitude(float x) noexcept { return x < 0 ? -x : x + 0.0f; }

// The k-th smallest, from 1.
inline status try_kth(std::vector<float> x, double k, double percentile, float& out) {
  if (!(k >= 1 && k <= static_cast<double>(x.size())))
    return fault(errc::value_out_of_range, "percentile", percentile, "one that at least one element is within");
  const auto place = x.begin() + static_cast<std::ptrdiff_t>(k) - 1;
  std::nth_element(x.begin(), place, x.end());
  out = *place;
  return {};
}

inline double rank_of_high(double percentile, std::size_t n) noexcept {
  return std::floor(.01 * percentile * static_cast<double>(n) + 0.5);
}
inline double rank_of_low(double percentile, std::size_t n) noexcept {
  return std::ceil(.01 * percentile * static_cast<double>(n));
}

}  // namespace detail

/// `AbsMax()`: the largest |x|; `AbsMinMax()`: max(x) - min(min(x), 0). Refuse no elements and NaN.
[[nodiscard]] inline status try_abs_max(const tensor_view<const float>& x, float& out) {
  std::vector<float> all;
  if (const status s = detail::try_elements(x, all); !s.ok()) return s;
  out = 0;
  for (const float v : all) out = std::max(out, detail::magnitude(v));
  return {};
}
[[nodiscard]] inline status try_abs_min_max(const tensor_view<const float>& x, float& out) {
  std::vector<float> all;
  if (const status s = detail::try_elements(x, all); !s.ok()) return s;
  const auto [low, high] = std::minmax_element(all.begin(), all.end());
  out = detail::magnitude(*high - std::min(*low, 0.0f));
  return {};
}

/// `AbsPercentile(q)`: the k-th smallest |x|, k = floor(0.01 q n + 0.5) in double. Refuses no elements, NaN, and a q
/// whose k is not 1 .. n.
[[nodiscard]] inline status try_abs_percentile(const tensor_view<const float>& x, double percentile, float& out) {
  std::vector<float> all;
  if (const status s = detail::try_elements(x, all); !s.ok()) return s;
  for (float& v : all) v = detail::magnitude(v);
  return detail::try_kth(all, detail::rank_of_high(percentile, all.size()), percentile, out);
}

/// `NegativePercentileOrZero(q)`: min(k-th smallest x, 0), k = ceil(0.01 q n). Refuses as try_abs_percentile does.
[[nodiscard]] inline status try_negative_percentile_or_zero(const tensor_view<const float>& x, double percentile,
                                                            float& out) {
  std::vector<float> all;
  if (const status s = detail::try_elements(x, all); !s.ok()) return s;
  float low = 0;
  if (const status s = detail::try_kth(all, detail::rank_of_low(percentile, all.size()), percentile, low); !s.ok())
    return s;
  out = std::min(low, 0.0f);
  return {};
}

/// `PercentileInterval(low, high)`: |high's element - min(low's, 0)|, ranks as in the two above. Refuses as they do.
[[nodiscard]] inline status try_percentile_interval(const tensor_view<const float>& x, double low_percentile,
                                                    double high_percentile, float& out) {
  std::vector<float> all;
  if (const status s = detail::try_elements(x, all); !s.ok()) return s;
  float low = 0;
  float high = 0;
  if (const status s = detail::try_kth(all, detail::rank_of_low(low_percentile, all.size()), low_percentile, low);
      !s.ok())
    return s;
  if (const status s = detail::try_kth(all, detail::rank_of_high(high_percentile, all.size()), high_percentile, high);
      !s.ok())
    return s;
  out = detail::magnitude(high - std::min(low, 0.0f));
  return {};
}

/// `AbsAve()`: the mean of |x|; `MeanSigmaStd(sigma)`: that plus sigma sqrt(var |x| + 1e-8), var with n - 1. Summed in
/// double where the peer sums in float: equal within 1e-6. Refuse no elements and NaN; MeanSigmaStd also a single one.
[[nodiscard]] inline status try_mean_sigma_std(const tensor_view<const float>& x, double sigma, float& out) {
  std::vector<float> all;
  if (const status s = detail::try_elements(x, all); !s.ok()) return s;
  if (sigma != 0 && all.size() < 2) return fault(errc::no_samples, "x", 1, "two elements at least");
  const auto n = static_cast<double>(all.size());
  double mean = 0;
  for (const float v : all) mean += static_cast<double>(detail::magnitude(v)) / n;
  double variance = 0;
  for (const float v : all) {
    const double off = static_cast<double>(detail::magnitude(v)) - mean;
    variance += sigma != 0 ? off * off / (n - 1) : 0;
  }
  out = static_cast<float>(mean + sigma * std::sqrt(variance + 1e-8));
  return {};
}
[[nodiscard]] inline status try_abs_ave(const tensor_view<const float>& x, float& out) {
  return try_mean_sigma_std(x, 0, out);
}

/// `AbsMaxAve(1)` of a matrix: the mean of the rows' largest |x|, within 1e-6 as above. Refuses other ranks than 2.
[[nodiscard]] inline status try_abs_max_ave(const tensor_view<const float>& x, float& out) {
  if (x.shape.rank != 2) return fault(errc::rank_out_of_range, "x", static_cast<double>(x.shape.rank), "2 dimensions");
  std::vector<float> all;
  if (const status s = detail::try_elements(x, all); !s.ok()) return s;
  double sum = 0;
  for (std::size_t i = 0; i < x.shape[0]; ++i) {
    float largest = 0;
    for (std::size_t j = 0; j < x.shape[1]; ++j)
      largest = std::max(largest, detail::magnitude(all[i * x.shape[1] + j]));
    sum += static_cast<double>(largest);
  }
  out = static_cast<float>(sum / static_cast<double>(x.shape[0]));
  return {};
}

}  // namespace xquant::presets::brevitas
