// The entropy rule: clip where the clipped and quantized distribution diverges least from the original one.
// Includes <cmath> for the natural logarithm.
#pragma once

#include <xquant/calibration/histogram.hpp>
#include <xquant/calibration/histogram_calibrator.hpp>
#include <xquant/core/range.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// Kullback-Leibler divergences of clipping counts c[0..n), all non-negative, to their first i bins and merging those
/// into `levels` levels; natural logarithm.
///   p[x] = c[x] for x < i, p[i-1] also takes the tail c[i] + ... + c[n-1];
///   level(x) = floor(x levels / i); q[x] = mean of c over the bins of x's level that are not empty, 0 for empty x;
///   D(i) = sum over x with p[x] > 0 of p' ln(p' / q'), where p' = p / sum p and q' = q / sum q.
/// D is +infinity where the last bin is empty but there is a tail, and NaN where all i bins are empty.
/// Source: the calibration of TensorRT (S. Migacz, "8-bit inference with TensorRT", GTC 2017) in the form that
/// pytorch-quantization gives it.
///
/// A level of m filled bins adds about (m - 1) / (2 sum p) by the randomness of counts alone, however smooth the
/// density behind them (G. Miller, "Note on the bias of information estimates", 1955). corrected() subtracts that;
/// without it a sample small for its bins is clipped hard, as every fine level seems to cost information.
///
/// Prepared once for all i, a divergence costs one logarithm a level instead of one a bin.
class clipping_divergence {
 public:
  explicit clipping_divergence(const std::vector<std::uint64_t>& counts) : counts_(counts) {
    const std::size_t n = counts.size();
    sum_.resize(n + 1);
    filled_.resize(n + 1);
    self_information_.resize(n + 1);
    for (std::size_t x = 0; x < n; ++x) {
      const auto c = static_cast<double>(counts[x]);
      sum_[x + 1] = sum_[x] + counts[x];
      filled_[x + 1] = filled_[x] + (counts[x] != 0 ? 1 : 0);
      self_information_[x + 1] = self_information_[x] + (counts[x] != 0 ? c * std::log(c) : 0);
    }
  }

  [[nodiscard]] std::size_t bins() const noexcept { return counts_.size(); }

  /// D(i); 1 <= i <= bins(), levels >= 1.
  [[nodiscard]] double operator()(std::size_t i, std::size_t levels) const noexcept { return at(i, levels).plain; }

  /// D(i) less what it owes to chance: D(i) - (filled bins - filled levels) / (2 sum p).
  [[nodiscard]] double corrected(std::size_t i, std::size_t levels) const noexcept {
    const divergence d = at(i, levels);
    return d.plain - d.chance;
  }

 private:
  struct divergence {
    double plain;
    double chance;
  };

  [[nodiscard]] divergence at(std::size_t i, std::size_t levels) const noexcept {
    const auto total = static_cast<double>(sum_.back());
    const auto inside = static_cast<double>(sum_[i]);
    const std::uint64_t tail_count = sum_.back() - sum_[i];
    if (sum_[i] == 0) return {std::nan(""), 0};
    if (tail_count != 0 && counts_[i - 1] == 0) return {HUGE_VAL, 0};
    // total * D = sum p ln p - sum p ln q + total ln(sum q / total); a level's bins share one q.
    const auto tail = static_cast<double>(tail_count);
    const double last = static_cast<double>(counts_[i - 1]) + tail;
    double d = self_information_[i - 1] + (last > 0 ? last * std::log(last) : 0);
    double mean = 0;
    std::uint64_t filled_levels = 0;
    for (std::size_t begin = 0; begin < i;) {
      // The bins of a level g are those from ceil(g i / levels) to before ceil((g + 1) i / levels).
      const std::size_t g = begin * levels / i;
      const std::size_t end = ((g + 1) * i + levels - 1) / levels;
      const std::uint64_t here = sum_[end] - sum_[begin];
      if (here != 0) {
        ++filled_levels;
        mean = static_cast<double>(here) / static_cast<double>(filled_[end] - filled_[begin]);
        d -= static_cast<double>(here) * std::log(mean);
      }
      begin = end;
    }
    // The last bin is filled, so `mean` is now that of its level.
    if (tail_count != 0) d += total * std::log(inside / total) - tail * std::log(mean);
    return {d / total, static_cast<double>(filled_[i] - filled_levels) / (2 * total)};
  }

  std::vector<std::uint64_t> counts_;
  std::vector<std::uint64_t> sum_;        // of the first x bins
  std::vector<std::uint64_t> filled_;     // bins among the first x that are not empty
  std::vector<double> self_information_;  // sum of c ln c over the first x bins
};

/// The divergence threshold for the codes of a quantizer, on |x|. Exact zeros, which every scale represents, do not
/// count.
///
/// The candidates t are the upper edges of the histogram's bins first, first + stride, ... up to the bin of the largest
/// magnitude M, first = max(levels, 128), and M itself. The one with the least corrected D (clipping_divergence) wins,
/// the largest of several whose D lies within 1e-12 (rounding of the sums) of it. The range is
/// [max(-t, min), min(t, max)]; with as many levels as bins it is [min, max].
///
/// Levels on [0, t]: a scheme without zero point has upper_code + 1. With zero point the codes are shared between the
/// two sides of zero, levels = round(codes M / (max(max, 0) - min(min, 0))): all of them for one-sided data (after a
/// Relu), half of them for data symmetric about zero.
///
/// Peers: pytorch-quantization (presets/pytorch_quantization_calibration.hpp) copies bin 1 into bin 0, corrects nothing
/// and always takes 2^(bits - 1) levels for signed codes; onnxruntime quantizes all of [-t, t] to 128 levels, which
/// clips much harder. The state is the same bits everywhere; the choice among candidates rests on the C library's log.
struct entropy {
  std::int32_t lower_code = -128;
  std::int32_t upper_code = 127;
  bool has_zero_point = true;
  std::size_t stride = 1;

  /// Refuses codes that do not rise, a scheme without zero point and without positive codes, and a stride of 0.
  [[nodiscard]] constexpr status valid() const noexcept {
    if (upper_code <= lower_code)
      return fault(errc::value_out_of_range, "entropy.upper_code", upper_code, "a code above the lowest one");
    if (!has_zero_point && upper_code < 1)
      return fault(errc::value_out_of_range, "entropy.upper_code", upper_code, "at least 1 without a zero point");
    if (stride == 0) return fault(errc::value_out_of_range, "entropy.stride", 0, "at least 1");
    return {};
  }

  [[nodiscard]] status try_range(const histogram& h, range<float>& out) const {
    out = {h.minimum(), h.maximum()};
    std::size_t used = histogram::bins;
    while (used > 0 && h.positive(used - 1) + h.negative(used - 1) == 0) --used;
    const std::size_t count = levels(h);
    const std::size_t first = std::max<std::size_t>(count, 128);
    if (used <= first) return {};
    std::vector<std::uint64_t> counts(used);
    for (std::size_t k = 0; k < used; ++k) counts[k] = h.positive(k) + h.negative(k);
    const clipping_divergence divergence(counts);
    std::size_t best = used;
    double least = divergence.corrected(used, count);
    // From the widest candidate down, so that a narrower one must be better by more than rounding.
    const double rounding = 1e-12;
    for (std::size_t steps = (used - first) / stride + 1; steps-- > 0;) {
      const std::size_t i = first + steps * stride;
      const double d = divergence.corrected(i, count);
      if (d < least - rounding) {
        least = d;
        best = i;
      }
    }
    if (best == used) return {};
    const double t = static_cast<double>(best) * h.width();
    out = {static_cast<float>(std::max(-t, static_cast<double>(h.minimum()))),
           static_cast<float>(std::min(t, static_cast<double>(h.maximum())))};
    return {};
  }

  /// The number of levels on [0, t] for this distribution.
  [[nodiscard]] std::size_t levels(const histogram& h) const noexcept {
    if (!has_zero_point) return static_cast<std::size_t>(upper_code) + 1;
    const auto codes = static_cast<double>(static_cast<std::int64_t>(upper_code) - lower_code + 1);
    const double width =
        std::max(0.0, static_cast<double>(h.maximum())) - std::min(0.0, static_cast<double>(h.minimum()));
    if (!(width > 0)) return static_cast<std::size_t>(codes);
    return static_cast<std::size_t>(codes * static_cast<double>(h.magnitude()) / width + 0.5);
  }

  friend constexpr bool operator==(const entropy&, const entropy&) = default;
};

static_assert(RangeRule<entropy>);

/// The entropy rule for the codes and the scheme of a quantizer of integers.
template <class Quantizer>
requires(Quantizer::format_type::is_integer) [[nodiscard]] constexpr entropy entropy_for(const Quantizer& q) noexcept {
  return {q.lower_code(), q.upper_code(), Quantizer::scheme_type::has_zero_point};
}

}  // namespace xquant
