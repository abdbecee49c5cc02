// NVIDIA pytorch-quantization's (2.1 to 2.2.1) ways from a histogram of |x| to amax, bit for bit: by entropy, by mean
// squared error, and here by percentile.
#pragma once

#include <xquant/error.hpp>
#include <xquant/exception.hpp>
#include <xquant/presets/pytorch_quantization_entropy.hpp>
#include <xquant/presets/pytorch_quantization_mse.hpp>
#include <xquant/presets/pytorch_quantization_search.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::pytorch_quantization {

/// amax by percentile: `_compute_amax_percentile(calib_hist, calib_bin_edges, percentile)`.
///   cdf = running sum of counts / total in double; k = first with cdf_k >= percentile / 100, n when there is none;
///   amax = edges[k], the *left* edge of that bin, rounded to float. No counts at all give edges[0].
/// Refuses a percentile outside [0, 100], no bins, negative counts, too few edges.
template <class Real>
[[nodiscard]] status try_compute_amax_percentile(const std::vector<std::int64_t>& counts,
                                                 const std::vector<Real>& edges, double percentile, float& amax) {
  if (!(percentile >= 0 && percentile <= 100))
    return fault(errc::value_out_of_range, "percentile", percentile, "a number from 0 to 100");
  if (const status s = detail::validate_counts(counts, edges.size()); !s.ok()) return s;
  std::int64_t total = 0;
  for (const std::int64_t c : counts) {
    if (c > INT64_MAX - total)
      return fault(errc::value_out_of_range, "counts", static_cast<double>(c), "a sum below 2^63");
    total += c;
  }
  const double wanted = percentile / 100;
  std::size_t k = 0;
  double cdf = 0;
  for (; k < counts.size(); ++k) {
    cdf += static_cast<double>(counts[k]) / static_cast<double>(total);
    if (!(cdf < wanted)) break;  // NaN, when the total is 0, ends it too
  }
  amax = static_cast<float>(edges[k]);
  return {};
}

#if XQUANT_HAS_EXCEPTIONS
/// try_compute_amax_percentile that returns amax and throws xquant::error.
template <class Real>
[[nodiscard]] float compute_amax_percentile(const std::vector<std::int64_t>& counts, const std::vector<Real>& edges,
                                            double percentile = 99.99) {
  float amax = 0;
  throw_if(try_compute_amax_percentile(counts, edges, percentile, amax));
  return amax;
}
#endif

}  // namespace xquant::presets::pytorch_quantization
