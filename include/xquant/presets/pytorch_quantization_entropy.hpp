// NVIDIA pytorch-quantization's (2.1 to 2.2.1) amax of least divergence, bit for bit: the same sums in the same order,
// the same ties. Candidates that cannot be the answer are told by a bound and not computed. Includes <cmath> for log,
// log1p.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/error.hpp>
#include <xquant/exception.hpp>
#include <xquant/presets/pytorch_quantization_search.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::pytorch_quantization {

namespace detail {

// numpy's sum of contiguous numbers, in their type: eight partial sums over up to 128 elements, halves above that.
template <class Real>
Real pairwise_sum(const Real* x, std::size_t n) noexcept {
  constexpr std::size_t unrolled = 8;
  constexpr std::size_t block = 128;
  if (n < unrolled) {
    Real sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += x[i];
    return sum;
  }
  if (n <= block) {
    Real part[unrolled];
    for (std::size_t j = 0; j < unrolled; ++j) part[j] = x[j];
    std::size_t i = unrolled;
    for (; i + unrolled <= n; i += unrolled)
      for (std::size_t j = 0; j < unrolled; ++j) part[j] += x[i + j];
    Real sum = ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
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

// ln x of a normal number above 0, within 4e-16 max(1, |ln x|): a table of 128 and a polynomial. Three times as fast as
// the library's, and inlined.
class quick_log {
 public:
  quick_log() noexcept {
    for (int j = 0; j < cells; ++j) {
      inverse_[j] = 1 / (1 + (j + 0.5) / cells);
      log_[j] = -std::log(inverse_[j]);
    }
  }
  [[nodiscard]] double operator()(double x) const noexcept {
    const auto bits = bit_cast<std::uint64_t>(x);
    const auto cell = static_cast<std::size_t>(bits >> 45 & (cells - 1));
    const auto exponent = static_cast<double>(static_cast<int>(bits >> 52) - 1023);
    const double mantissa = bit_cast<double>((bits & 0xFFFFFFFFFFFFF) | 0x3FF0000000000000);
    const double r = mantissa * inverse_[cell] - 1;  // below 2^-8
    const double series = r - r * r * (0.5 - r * (1.0 / 3 - r * (0.25 - r * (0.2 - r * (1.0 / 6)))));
    return exponent * 0.69314718055994530942 + (log_[cell] + series);
  }

 private:
  static constexpr int cells = 128;
  double inverse_[cells];
  double log_[cells];
};

// The divergences of one histogram: each of them with the peer's bits, or all of them nearly.
class divergences {
 public:
  // Counts as the peer has them, c[0] := c[1]; at least two bins.
  explicit divergences(const std::vector<std::int64_t>& counts) : bins_(counts), below_(counts.size() + 1) {
    bins_[0] = bins_[1];
    for (std::size_t k = 0; k < bins_.size(); ++k) below_[k + 1] = below_[k] + bins_[k];
  }
  [[nodiscard]] std::int64_t total() const noexcept { return below_.back(); }
  [[nodiscard]] std::int64_t inside(std::size_t i) const noexcept { return below_[i]; }
  // What is beyond the first i bins meets an empty bin.
  [[nodiscard]] bool is_infinite(std::size_t i) const noexcept { return bins_[i - 1] == 0 && inside(i) != total(); }

  // D_i by the peer's sums. Refuses counts whose sums in double do not come out.
  [[nodiscard]] status exact(std::size_t i, std::size_t levels, double& divergence) {
    p_.resize(i);
    q_.resize(i);
    const std::int64_t tail = total() - inside(i);
    for (std::size_t begin = 0; begin < i;) {
      const std::size_t level = begin * levels / i;
      const std::size_t end = ((level + 1) * i + levels - 1) / levels;
      double sum = 0;
      std::int64_t filled = 0;
      for (std::size_t x = begin; x < end; ++x) {
        sum += static_cast<double>(bins_[x]);
        filled += bins_[x] != 0 ? 1 : 0;
      }
      const double mean = filled != 0 ? sum / static_cast<double>(filled) : 0.0;
      for (std::size_t x = begin; x < end; ++x) {
        p_[x] = static_cast<double>(bins_[x]);
        q_[x] = bins_[x] != 0 ? mean : 0.0;
      }
      begin = end;
    }
    p_[i - 1] = static_cast<double>(bins_[i - 1] + tail);
    const double sum_q = pairwise_sum(q_.data(), i);
    if (!rounds_to(sum_q + static_cast<double>(tail), total()))
      return fault(errc::value_out_of_range, "counts", static_cast<double>(total()), "a total that doubles can hold",
                   i);
    const double sum_p = pairwise_sum(p_.data(), i);
    for (std::size_t x = 0; x < i; ++x) p_[x] = relative_entropy(p_[x] / sum_p, q_[x] / sum_q);
    divergence = pairwise_sum(p_.data(), i);
    return {};
  }

  // Whether D_i can be told nearly: no sum of the peer's can then come out wrong, since each is within n 2^-51 of the
  // total, relatively.
  [[nodiscard]] bool can_estimate() const noexcept {
    return total() < (std::int64_t(1) << 40) && bins_.size() <= (std::size_t(1) << 20);
  }
  // How far estimate() and exact() are apart at most. Both add fewer than 2 n + levels numbers, none of which is above
  // the logarithm of the total in magnitude after the division by it, each within a few units of 2^-53.
  [[nodiscard]] double margin(std::size_t levels) const noexcept {
    const auto terms = static_cast<double>(4 * (bins_.size() + levels) + 1024);
    return terms * 0x1p-52 * (1 + std::log(static_cast<double>(total()) + 1));
  }
  // What estimate() needs, once.
  void prepare() {
    const std::size_t n = bins_.size();
    sum_.resize(n + 1);
    filled_.resize(n + 1);
    weighted_.resize(n + 1);
    log_of_number_.resize(n + 1);
    for (std::size_t k = 0; k < n; ++k) {
      const auto c = static_cast<double>(bins_[k]);
      sum_[k + 1] = sum_[k] + c;
      filled_[k + 1] = filled_[k] + (bins_[k] != 0 ? 1u : 0u);
      weighted_[k + 1] = weighted_[k] + (bins_[k] != 0 ? c * log_(c) : 0);
      log_of_number_[k + 1] = log_(static_cast<double>(k + 1));
    }
  }
  // D_i of a finite divergence with something inside: with P the total, Q what is inside, the last bin's p = c + tail,
  //   P D = sum of p ln p - sum of p ln q + P ln(Q / P)
  // where the sum of p ln q is that of S ln(S / filled) over the levels, and the tail's part by the last level's mean.
  [[nodiscard]] double estimate(std::size_t i, std::size_t levels) const noexcept {
    const auto all = static_cast<double>(total());
    const double last = static_cast<double>(bins_[i - 1]);
    const double tail = all - sum_[i];
    double merged = 0;
    double log_of_last = 0;
    if (i <= levels) {
      merged = weighted_[i];
      log_of_last = last > 0 ? log_(last) : 0;
    } else {
      std::size_t begin = 0;
      for (std::size_t level = 0, at = 0; level < levels; ++level) {
        at += i;
        const std::size_t end = (at + levels - 1) / levels;
        const double sum = sum_[end] - sum_[begin];
        const std::uint32_t filled = filled_[end] - filled_[begin];
        begin = end;
        if (filled == 0) continue;
        log_of_last = log_(sum) - log_of_number_[filled];
        merged += sum * log_of_last;
      }
    }
    double apart = weighted_[i];
    if (tail > 0) {
      apart += (last + tail) * log_(last + tail) - last * log_(last);
      merged += tail * log_of_last;
    }
    return (apart - merged) / all + log_(sum_[i] / all);
  }

 private:
  std::vector<std::int64_t> bins_;
  std::vector<std::int64_t> below_;  // counts of the first k bins
  std::vector<double> p_;
  std::vector<double> q_;
  quick_log log_;
  std::vector<double> sum_;            // of the first k bins
  std::vector<std::uint32_t> filled_;  // bins with a count among the first k
  std::vector<double> weighted_;       // the sum of c ln c over the first k bins
  std::vector<double> log_of_number_;  // ln k
};

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
  int level_bits = 0;
  if (const status s = detail::level_bits_of(settings, level_bits); !s.ok()) return s;
  if (settings.stride == 0) return fault(errc::value_out_of_range, "stride", 0, "at least 1");
  if (settings.start_bin == 0 || settings.start_bin > counts.size())
    return fault(errc::value_out_of_range, "start_bin", static_cast<double>(settings.start_bin),
                 "1 to the number of bins");
  std::int64_t total = counts[1];  // counts as twice, as the first
  for (std::size_t k = 1; k < counts.size(); ++k) {
    if (counts[k] > INT64_MAX - total)
      return fault(errc::value_out_of_range, "counts", static_cast<double>(counts[k]), "a sum below 2^63");
    total += counts[k];
  }

  const std::size_t n = counts.size();
  const std::size_t levels = std::size_t(1) << level_bits;
  detail::divergences of(counts);
  const auto each_candidate = [&](const auto& use) {
    for (std::size_t i = settings.start_bin; i <= n; i += settings.stride) use(i);
  };
  // Where nothing is inside, the divergence is NaN, which counts as least; the last of these is the answer.
  std::size_t best = 0;
  each_candidate([&](std::size_t i) { best = of.inside(i) == 0 ? i : best; });
  if (best != 0) {
    amax = static_cast<float>(edges[best]);
    return {};
  }

  // The divergences nearly, where that is possible: what is above the least by more than both may err is no answer.
  std::vector<double> nearly;
  double limit = HUGE_VAL;
  if (of.can_estimate()) {
    of.prepare();
    each_candidate([&](std::size_t i) {
      nearly.push_back(of.is_infinite(i) ? HUGE_VAL : of.estimate(i, levels));
      limit = nearly.back() < limit ? nearly.back() : limit;
    });
    limit += 2 * of.margin(levels);
  }
  double least = HUGE_VAL;
  std::size_t at = 0;
  status bad;
  each_candidate([&](std::size_t i) {
    const bool is_candidate = nearly.empty() || nearly[at] <= limit;
    ++at;
    if (!is_candidate || !bad.ok()) return;
    double divergence = HUGE_VAL;
    if (nearly.empty() || nearly[at - 1] < HUGE_VAL) bad = of.exact(i, levels, divergence);
    if (bad.ok() && divergence <= least) {
      least = divergence;
      best = i;
    }
  });
  if (!bad.ok()) return bad;
  amax = static_cast<float>(edges[best]);
  return {};
}

#if XQUANT_HAS_EXCEPTIONS
/// try_compute_amax_entropy that returns amax and throws xquant::error.
template <class Real>
[[nodiscard]] float compute_amax_entropy(const std::vector<std::int64_t>& counts, const std::vector<Real>& edges,
                                         const search_settings& settings = {}) {
  float amax = 0;
  throw_if(try_compute_amax_entropy(counts, edges, settings, amax));
  return amax;
}
#endif

}  // namespace xquant::presets::pytorch_quantization
