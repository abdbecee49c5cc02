// NVIDIA pytorch-quantization's (2.1 to 2.2.1) amax of least mean squared error, bit for bit: the same floats in
// torch's order. Candidates that cannot be the answer are told by a bound and not computed. Includes <cmath> for sqrt.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/error.hpp>
#include <xquant/exception.hpp>
#include <xquant/presets/pytorch_quantization_search.hpp>
#include <xquant/presets/torch_functions.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::pytorch_quantization {

namespace detail {

// The squared errors of one histogram: each of them with the peer's bits, or from below.
class squared_errors {
 public:
  squared_errors(std::vector<float> centres, const std::vector<std::int64_t>& counts, float bound)
      : centre_(static_cast<std::vector<float>&&>(centres)), bound_(bound), count_(counts.begin(), counts.end()) {
    terms_.resize(centre_.size());
  }

  // The mean over the bins of counts[k] (fq(m_k) - m_k)^2 for amax = m_i, as the peer's floats have it.
  [[nodiscard]] float exact(std::size_t i) {
    const bool is_tiny = centre_[i] <= 0x1p-24f;
    const float scale = is_tiny ? 0.0f : bound_ / centre_[i];
    const float divisor = is_tiny ? 1.0f : scale;
    for (std::size_t k = 0; k < centre_.size(); ++k) {
      const float product = multiply(centre_[k], scale);
      const float held = product > bound_ ? bound_ : product < -bound_ ? -bound_ : round_even(product);
      const float difference = held / divisor - centre_[k];
      terms_[k] = multiply(multiply(difference, difference), count_[k]);
    }
    return torch::detail::sum_of(terms_) / static_cast<float>(terms_.size());
  }

  // Whether least() holds for candidates from the first on: numbers far from where floats under- or overflow, in order.
  [[nodiscard]] bool can_bound(std::size_t first) const noexcept {
    const float largest = centre_.back();
    if (centre_.size() < 2 || bound_ < 1) return false;
    if (!(centre_[0] >= 0 && centre_[first] > 0x1p-20f && largest < 0x1p40f)) return false;
    for (std::size_t k = 1; k < centre_.size(); ++k)
      if (!(centre_[k] > centre_[k - 1])) return false;
    double total = 0;
    for (const float c : count_) total += static_cast<double>(c);
    return total < 0x1p40;
  }

  // What least() needs, once.
  void prepare() {
    const std::size_t n = centre_.size();
    first_ = static_cast<double>(centre_[0]);
    width_ = (static_cast<double>(centre_.back()) - first_) / static_cast<double>(n - 1);
    double off = 0;
    moment_.assign(n + 1, {});
    for (std::size_t k = 0; k < n; ++k) {
      const auto m = static_cast<double>(centre_[k]);
      const auto c = static_cast<double>(count_[k]);
      off = std::fmax(off, std::fabs(m - (first_ + width_ * static_cast<double>(k))));
      const moments& before = moment_[k];
      moment_[k + 1] = {before.count + c, before.sum + c * m, before.square + c * m * m};
    }
    const moments& all = moment_.back();
    const auto largest = static_cast<double>(centre_.back());
    // In float a bin's difference errs by at most 2^-21 m: the product that decides the level where it is close to a
    // tie, the quotient (of at most 2 m) and the subtraction. A bin that lies off the even grid by `off` may be taken
    // for one of the level beside it, which makes its distance larger by twice as much. The root of the sum of the
    // squares of both:
    const double misplaced = 2 * (off + 1e-9 * largest);
    error_ = std::sqrt(2 * (0x1p-42 * all.square + misplaced * misplaced * all.count));
    // In double a moment errs by at most n 2^-53 of the whole, twice in each level (counts are exact).
    slack_ = static_cast<double>(n + 16) * 0x1p-52 * (static_cast<double>(bound_) + 4) *
             (all.square + 2 * largest * all.sum);
    // Floats: so many additions on the way from a term to the sum, the products, and the division by n.
    unsigned power = 4;
    while ((std::size_t(1) << (4 * power)) < n) ++power;
    relative_ = static_cast<double>(4 * (std::size_t(1) << power) + 64) * 0x1p-24;
  }

  // A number that n exact(i) is not below: the errors about the levels' own distances, in double, less what all may
  // err. Stops where it is above `enough`.
  [[nodiscard]] double least(std::size_t i, double enough) const noexcept {
    const auto scale = static_cast<double>(bound_ / centre_[i]);
    const double step = 1 / scale;
    const double to_bin = step / width_;
    const double from_bin = 0.5 - first_ / width_;
    const std::size_t n = centre_.size();
    const auto last_level = static_cast<std::size_t>(bound_);
    // The bins from the last boundary on are those of the last level, the clipped among them.
    const std::size_t clipped = bin_of((bound_ - 0.5) * to_bin + from_bin + 0.5, n);
    double sum = error_between(clipped, n, static_cast<double>(bound_) * step);
    const double target = std::sqrt(enough / (1 - relative_)) + error_;
    const double stop = target * target + slack_;
    std::size_t begin = 0;
    for (std::size_t level = 0; level < last_level && begin < clipped && sum <= stop; ++level) {
      const auto number = static_cast<double>(level);
      const std::size_t end = bin_of((number + 0.5) * to_bin + from_bin + 0.5, clipped);
      sum += error_between(begin, end, number * step);
      begin = end;
    }
    const double above_slack = sum > slack_ ? std::sqrt(sum - slack_) : 0;
    const double root = above_slack > error_ ? above_slack - error_ : 0;
    return root * root * (1 - relative_);
  }

 private:
  struct moments {
    double count = 0;
    double sum = 0;
    double square = 0;
  };
  [[nodiscard]] static std::size_t bin_of(double v, std::size_t most) noexcept {
    if (!(v > 0)) return 0;
    return v < static_cast<double>(most) ? static_cast<std::size_t>(v) : most;
  }
  [[nodiscard]] double error_between(std::size_t begin, std::size_t end, double level) const noexcept {
    const moments& a = moment_[begin];
    const moments& b = moment_[end];
    return (b.square - a.square) - level * (2 * (b.sum - a.sum) - level * (b.count - a.count));
  }

  std::vector<float> centre_;
  float bound_;
  std::vector<float> count_;
  std::vector<float> terms_;
  std::vector<moments> moment_;  // of the first k bins
  double first_ = 0;
  double width_ = 0;
  double error_ = 0;
  double slack_ = 0;
  double relative_ = 0;
};

}  // namespace detail

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
  int level_bits = 0;
  if (const status s = detail::level_bits_of(settings, level_bits); !s.ok()) return s;
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
  for (std::size_t i = settings.start_bin; i < n; i += settings.stride)
    if (centre[i] < 0)
      return fault(errc::value_out_of_range, "edges", static_cast<double>(centre[i]), "no negative candidate", i);

  detail::squared_errors of(centre, counts, static_cast<float>((std::int32_t(1) << level_bits) - 1));
  const bool is_bounded = of.can_bound(settings.start_bin);
  float least = 0;
  std::size_t best = n;
  const auto take = [&](std::size_t i) {
    const float error = of.exact(i);
    if (best == n || error < least || (error == least && i < best) || (error != error && least == least)) {
      least = error;
      best = i;
    }
  };
  if (!is_bounded) {
    for (std::size_t i = settings.start_bin; i < n; i += settings.stride) take(i);
  } else {
    of.prepare();
    // One of every 16 first, so that the rest meets a small least error; then those that may be below it.
    const auto limit = [&] { return static_cast<double>(least) * static_cast<double>(n); };
    const std::size_t coarse = 16 * settings.stride;
    std::size_t start = settings.start_bin;
    double smallest = HUGE_VAL;
    for (std::size_t i = start; i < n; i += coarse) {
      const double bound = of.least(i, smallest);
      if (bound < smallest) {
        smallest = bound;
        start = i;
      }
    }
    take(start);
    for (std::size_t i = settings.start_bin; i < n; i += settings.stride)
      if (i != start && of.least(i, limit()) <= limit()) take(i);
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
#endif

}  // namespace xquant::presets::pytorch_quantization
