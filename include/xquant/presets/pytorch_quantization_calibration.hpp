// NVIDIA pytorch-quantization's (2.1 to 2.2.1) ways from a histogram of |x| to amax, bit for bit: the same sums in the
// same order, the same ties. Includes <cmath> for log and log1p.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/error.hpp>
#include <xquant/exception.hpp>
#include <xquant/presets/torch_functions.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::pytorch_quantization {

/// Settings of compute_amax("entropy") and compute_amax("mse").
struct search_settings {
  int num_bits = 8;
  bool is_unsigned = false;
  std::size_t stride = 1;
  std::size_t start_bin = 128;
};

namespace detail {

// numpy's sum of contiguous doubles: eight partial sums over up to 128 elements, halves above that.
inline double pairwise_sum(const double* x, std::size_t n) noexcept {
  constexpr std::size_t unrolled = 8;
  constexpr std::size_t block = 128;
  if (n < unrolled) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += x[i];
    return sum;
  }
  if (n <= block) {
    double part[unrolled];
    for (std::size_t j = 0; j < unrolled; ++j) part[j] = x[j];
    std::size_t i = unrolled;
    for (; i + unrolled <= n; i += unrolled)
      for (std::size_t j = 0; j < unrolled; ++j) part[j] += x[i + j];
    double sum = ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
    for (; i < n; ++i) sum += x[i];
    return sum;
  }
  const std::size_t half = n / 2 - n / 2 % unrolled;
  return pairwise_sum(x, half) + pairwise_sum(x + half, n - half);
}

// scipy.special.rel_entr: x ln(x / y), through log1p where x and y are close.
inline double relative_entropy(double x, double y) noexcept {
  if (std::isnan(x) || std::isnan(y)) return std::nan("");
  if (x > 0 && y > 0) {
    const double ratio = x / y;
    if (0.5 < ratio && ratio < 2) return x * std::log1p((x - y) / y);
    if (ratio > 2.2250738585072014e-308 && ratio < HUGE_VAL) return x * std::log(ratio);
    return x * (std::log(x) - std::log(y));
  }
  return x == 0 && y >= 0 ? 0.0 : HUGE_VAL;
}

// Python's round() of a sum of counts against a total.
inline bool rounds_to(double sum, std::int64_t total) noexcept {
  const double below = std::floor(sum);
  const double fraction = sum - below;
  const bool odd = std::fmod(below, 2.0) != 0;
  const double rounded = fraction > 0.5 || (fraction == 0.5 && odd) ? below + 1 : below;
  return rounded >= 0 && rounded < 9223372036854775808.0 && static_cast<std::int64_t>(rounded) == total;
}

inline status validate_counts(const std::vector<std::int64_t>& counts, std::size_t edge_count) {
  if (counts.empty()) return fault(errc::no_samples, "counts", 0, "at least one bin");
  for (std::size_t i = 0; i < counts.size(); ++i)
    if (counts[i] < 0)
      return fault(errc::value_out_of_range, "counts", static_cast<double>(counts[i]), "no negative count", i);
  if (edge_count < counts.size() + 1)
    return fault(errc::shape_mismatch, "edges", static_cast<double>(edge_count), "one edge more than there are bins");
  return {};
}

}  // namespace detail

/// amax by least KL divergence: `_compute_amax_entropy(calib_hist, calib_bin_edges, num_bits, unsigned, stride,
/// start_bin)`. Counts are those of bins 0..n-1 of |x|, n + 1 `edges` (float or double; more are allowed) lie around
/// them.
///   c = counts with c[0] := c[1] (of a copy; the peer's numpy path edits the stored histogram)
///   for i = start_bin, start_bin + stride, ... <= n: p = c[0..i), p[i-1] += c[i] + ... ; q = the mean of c over the
///   non-empty bins of each of 2^(num_bits - 1 + unsigned) levels floor(x levels / i), 0 in empty bins;
///   D_i = scipy.stats.entropy(p, q): float64, natural logarithm, numpy's order of summation, +infinity where p > 0
///   meets q = 0, NaN where all i bins are empty. amax = edges[i] of the LAST i of least D_i (a NaN counts as least),
///   rounded to float.
/// Refuses fewer than 2 bins, negative counts, too few edges, num_bits outside 1 (0 when unsigned) .. 24, a stride or
/// start_bin of 0, a start_bin beyond the last bin, and, as the peer does, counts so large that sums in double do not
/// come out ("Count mismatch"). Within the last bit the result depends on the C library's log and log1p.
template <class Real>
[[nodiscard]] status try_compute_amax_entropy(const std::vector<std::int64_t>& counts, const std::vector<Real>& edges,
                                              const search_settings& settings, float& amax) {
  if (const status s = detail::validate_counts(counts, edges.size()); !s.ok()) return s;
  if (counts.size() < 2)
    return fault(errc::value_out_of_range, "counts", static_cast<double>(counts.size()), "at least two bins");
  const int level_bits = settings.num_bits - 1 + (settings.is_unsigned ? 1 : 0);
  if (level_bits < 0 || level_bits > 24)
    return fault(errc::bits_out_of_range, "num_bits", settings.num_bits, "1 to 24 bits");
  if (settings.stride == 0) return fault(errc::value_out_of_range, "stride", 0, "at least 1");
  if (settings.start_bin == 0 || settings.start_bin > counts.size())
    return fault(errc::value_out_of_range, "start_bin", static_cast<double>(settings.start_bin),
                 "1 to the number of bins");

  const std::size_t n = counts.size();
  std::vector<std::int64_t> bins = counts;
  bins[0] = bins[1];
  std::int64_t total = 0;
  for (const std::int64_t c : bins) {
    if (c > INT64_MAX - total)
      return fault(errc::value_out_of_range, "counts", static_cast<double>(c), "a sum below 2^63");
    total += c;
  }
  const std::size_t levels = std::size_t(1) << level_bits;
  std::vector<double> p(n);
  std::vector<double> q(n);
  std::vector<double> terms(n);
  std::int64_t inside = 0;
  for (std::size_t x = 0; x < settings.start_bin; ++x) inside += bins[x];

  bool found_nan = false;
  double least = 0;
  std::size_t best = 0;
  for (std::size_t i = settings.start_bin; i <= n; i += settings.stride) {
    if (i > settings.start_bin)
      for (std::size_t x = i - settings.stride; x < i; ++x) inside += bins[x];
    const std::int64_t tail = total - inside;
    for (std::size_t begin = 0; begin < i;) {
      const std::size_t level = begin * levels / i;
      const std::size_t end = ((level + 1) * i + levels - 1) / levels;
      double sum = 0;
      std::int64_t filled = 0;
      for (std::size_t x = begin; x < end; ++x) {
        sum += static_cast<double>(bins[x]);
        filled += bins[x] != 0 ? 1 : 0;
      }
      const double mean = filled != 0 ? sum / static_cast<double>(filled) : 0.0;
      for (std::size_t x = begin; x < end; ++x) {
        p[x] = static_cast<double>(bins[x]);
        q[x] = bins[x] != 0 ? mean : 0.0;
      }
      begin = end;
    }
    p[i - 1] = static_cast<double>(bins[i - 1] + tail);
    const double sum_q = detail::pairwise_sum(q.data(), i);
    if (!detail::rounds_to(sum_q + static_cast<double>(tail), total))
      return fault(errc::value_out_of_range, "counts", static_cast<double>(total), "a total that doubles can hold", i);
    const double sum_p = detail::pairwise_sum(p.data(), i);
    for (std::size_t x = 0; x < i; ++x) terms[x] = detail::relative_entropy(p[x] / sum_p, q[x] / sum_q);
    const double divergence = detail::pairwise_sum(terms.data(), i);
    if (std::isnan(divergence)) {
      found_nan = true;
      best = i;
    } else if (!found_nan && (best == 0 || divergence <= least)) {
      least = divergence;
      best = i;
    }
  }
  amax = static_cast<float>(edges[best]);
  return {};
}

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

/// amax by mean squared error: `_compute_amax_mse(calib_hist, calib_bin_edges, num_bits, unsigned, stride, start_bin)`.
/// In float: centres m_k = (edges[k] + edges[k + 1]) / 2; for i = start_bin, start_bin + stride, ... < n the candidate
/// is m_i and its error sum over k of counts[k] (fq(m_k) - m_k)^2, fq the peer's fake_tensor_quant of narrow range:
/// fq(m) = clamp(rne(m s), -B, B) / s, s = B / amax, B = 2^(num_bits - 1 + unsigned) - 1 (amax <= 2^-24 gives 0).
/// amax = m_i of the FIRST least error (a NaN counts as least). The terms are floats, their mean is that of torch
/// (torch_functions.hpp: sum, divided by their number), on one thread.
/// Refuses what try_compute_amax_entropy refuses, a start_bin of 0 excepted, a start_bin that leaves no candidate, and,
/// as the peer does, negative candidates, and negative centres when unsigned.
template <class Real>
[[nodiscard]] status try_compute_amax_mse(const std::vector<std::int64_t>& counts, const std::vector<Real>& edges,
                                          const search_settings& settings, float& amax) {
  if (const status s = detail::validate_counts(counts, edges.size()); !s.ok()) return s;
  const int level_bits = settings.num_bits - 1 + (settings.is_unsigned ? 1 : 0);
  if (level_bits < 0 || level_bits > 24)
    return fault(errc::bits_out_of_range, "num_bits", settings.num_bits, "1 to 24 bits");
  if (settings.stride == 0) return fault(errc::value_out_of_range, "stride", 0, "at least 1");
  const std::size_t n = edges.size() - 1;
  if (n != counts.size())
    return fault(errc::shape_mismatch, "edges", static_cast<double>(edges.size()), "one edge more than there are bins");
  if (settings.start_bin >= n)
    return fault(errc::value_out_of_range, "start_bin", static_cast<double>(settings.start_bin),
                 "less than the number of bins");
  std::vector<float> centre(n);
  for (std::size_t k = 0; k < n; ++k) {
    centre[k] = (static_cast<float>(edges[k + 1]) + static_cast<float>(edges[k])) / 2;
    if (settings.is_unsigned && centre[k] < 0)
      return fault(errc::value_out_of_range, "edges", static_cast<double>(centre[k]), "no negative centre", k);
  }
  const auto bound = static_cast<float>((std::int32_t(1) << level_bits) - 1);
  const float tiny = 1.0f / (1 << 24);
  float least = 0;
  std::size_t best = n;
  std::vector<float> terms(n);
  for (std::size_t i = settings.start_bin; i < n; i += settings.stride) {
    if (centre[i] < 0)
      return fault(errc::value_out_of_range, "edges", static_cast<double>(centre[i]), "no negative candidate", i);
    const bool is_tiny = centre[i] <= tiny;
    const float scale = is_tiny ? 0.0f : bound / centre[i];
    for (std::size_t k = 0; k < n; ++k) {
      const float product = multiply(centre[k], scale);
      const float held = product > bound ? bound : product < -bound ? -bound : round_even(product);
      const float difference = held / (is_tiny ? 1.0f : scale) - centre[k];
      terms[k] = multiply(multiply(difference, difference), static_cast<float>(counts[k]));
    }
    const float error = torch::detail::sum_of(terms) / static_cast<float>(n);
    if (best == n || error < least || (error != error && least == least)) {
      least = error;
      best = i;
    }
  }
  amax = centre[best];
  return {};
}

#if XQUANT_HAS_EXCEPTIONS
/// try_compute_amax_mse that returns amax and throws xquant::error.
template <class Real>
[[nodiscard]] float compute_amax_mse(const std::vector<std::int64_t>& counts, const std::vector<Real>& edges,
                                     const search_settings& settings = {}) {
  float amax = 0;
  throw_if(try_compute_amax_mse(counts, edges, settings, amax));
  return amax;
}

/// try_compute_amax_entropy that returns amax and throws xquant::error.
template <class Real>
[[nodiscard]] float compute_amax_entropy(const std::vector<std::int64_t>& counts, const std::vector<Real>& edges,
                                         const search_settings& settings = {}) {
  float amax = 0;
  throw_if(try_compute_amax_entropy(counts, edges, settings, amax));
  return amax;
}

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
