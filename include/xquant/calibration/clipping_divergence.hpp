// How much a distribution diverges from itself clipped and merged into the levels of a quantizer: what the entropy
// rules compare. Includes <cmath> for the natural logarithm.
#pragma once

#include <xquant/calibration/code_grid.hpp>
#include <xquant/calibration/histogram.hpp>
#include <xquant/calibration/magnitude_order.hpp>
#include <xquant/core/range.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// Kullback-Leibler divergences of clipping counts c[0..n), all non-negative, to their first i bins and merging those
/// into `levels` levels; natural logarithm.
///   p[x] = c[x] for x < i, the last bin below i that is not empty also takes the tail c[i] + ... + c[n-1];
///   level(x) = floor(x levels / i); q[x] = mean of c over the bins of x's level that are not empty, 0 for empty x;
///   D(i) = sum over x with p[x] > 0 of p' ln(p' / q'), where p' = p / sum p and q' = q / sum q.
/// D is NaN where all i bins are empty.
/// Source: the calibration of TensorRT (S. Migacz, "8-bit inference with TensorRT", GTC 2017) in the form that
/// pytorch-quantization gives it, but for the tail: there bin i - 1 takes it, and D is +infinity where that is empty,
/// so that no candidate lies below an outlier that the rest reaches.
///
/// A level of m filled bins adds about (m - 1) / (2 sum p) by the randomness of counts alone, however smooth the
/// density behind them (G. Miller, "Note on the bias of information estimates", 1955). corrected() subtracts that;
/// without it a sample small for its bins is clipped hard, as every fine level seems to cost information.
///
/// Prepared once for all i, a divergence costs one logarithm per level instead of one per bin.
class clipping_divergence {
 public:
  explicit clipping_divergence(const std::vector<std::uint64_t>& counts) : counts_(counts) {
    const std::size_t n = counts.size();
    sum_.resize(n + 1);
    filled_.resize(n + 1);
    self_information_.resize(n + 1);
    last_filled_.resize(n + 1);
    for (std::size_t x = 0; x < n; ++x) {
      const auto c = static_cast<double>(counts[x]);
      sum_[x + 1] = sum_[x] + counts[x];
      filled_[x + 1] = filled_[x] + (counts[x] != 0 ? 1 : 0);
      self_information_[x + 1] = self_information_[x] + (counts[x] != 0 ? c * std::log(c) : 0);
      last_filled_[x + 1] = counts[x] != 0 ? x : last_filled_[x];
    }
  }

  [[nodiscard]] std::size_t bins() const noexcept { return counts_.size(); }

  /// D(i); 1 <= i <= bins(), levels >= 1.
  [[nodiscard]] double operator()(std::size_t i, std::size_t levels) const noexcept {
    return at(i, even_levels{i, levels}).plain;
  }

  /// D(i) less what it owes to chance: D(i) - (filled bins - filled levels) / (2 sum p).
  [[nodiscard]] double corrected(std::size_t i, std::size_t levels) const noexcept {
    return less_chance(at(i, even_levels{i, levels}));
  }
  /// The same for levels of unlike width: level g ends at `ends[g]`, in bins, rising; a bin belongs to the level its
  /// middle lies in, and those beyond all ends to one more level.
  [[nodiscard]] double corrected(std::size_t i, const std::vector<double>& ends) const noexcept {
    return less_chance(at_ends(i, ends));
  }
  [[nodiscard]] double operator()(std::size_t i, const std::vector<double>& ends) const noexcept {
    return at_ends(i, ends).plain;
  }

 private:
  struct divergence {
    double plain;
    double chance;
  };

  [[nodiscard]] divergence at_ends(std::size_t i, const std::vector<double>& ends) const noexcept {
    std::size_t g = 0;
    return at(i, [&](std::size_t begin) {
      const double middle = static_cast<double>(begin) + 0.5;
      while (g < ends.size() && ends[g] <= middle) ++g;
      if (g == ends.size() || !(ends[g] < static_cast<double>(i))) return i;
      // The first bin whose middle is not below the end.
      return std::min(i, static_cast<std::size_t>(std::max(ends[g] + 0.5, static_cast<double>(begin + 1))));
    });
  }

  // The bins of a level g are those from ceil(g i / levels) to before ceil((g + 1) i / levels); where i < levels, some
  // have none. Asked level by level, so the quotients come by additions.
  class even_levels {
   public:
    even_levels(std::size_t bins, std::size_t levels) noexcept
        : levels_(levels), quotient_(bins / levels), remainder_(bins % levels) {}
    std::size_t operator()(std::size_t begin) noexcept {
      std::size_t end = begin;
      do {
        floor_ += quotient_;
        rest_ += remainder_;
        if (rest_ >= levels_) {
          rest_ -= levels_;
          ++floor_;
        }
        end = floor_ + (rest_ != 0 ? 1 : 0);
      } while (end <= begin);
      return end;
    }

   private:
    std::size_t levels_;
    std::size_t quotient_;  // of i / levels
    std::size_t remainder_;
    std::size_t floor_ = 0;  // of (g + 1) i / levels
    std::size_t rest_ = 0;
  };

  static double less_chance(const divergence& d) noexcept { return d.plain - d.chance; }

  // end_of(begin): where the level ends that begins at a bin.
  template <class EndOf>
  [[nodiscard]] divergence at(std::size_t i, EndOf end_of) const noexcept {
    const auto total = static_cast<double>(sum_.back());
    const auto inside = static_cast<double>(sum_[i]);
    const std::uint64_t tail_count = sum_.back() - sum_[i];
    if (sum_[i] == 0) return {std::nan(""), 0};
    // total * D = sum p ln p - sum p ln q + total ln(sum q / total); a level's bins share one q.
    const auto tail = static_cast<double>(tail_count);
    const std::size_t top = last_filled_[i];
    const double last = static_cast<double>(counts_[top]) + tail;
    double d = self_information_[top] + last * std::log(last);
    double mean = 0;
    std::uint64_t filled_levels = 0;
    for (std::size_t begin = 0; begin < i;) {
      const std::size_t end = end_of(begin);
      const std::uint64_t here = sum_[end] - sum_[begin];
      if (here != 0) {
        ++filled_levels;
        mean = static_cast<double>(here) / static_cast<double>(filled_[end] - filled_[begin]);
        d -= static_cast<double>(here) * std::log(mean);
      }
      begin = end;
    }
    // `mean` is now that of the level with the bin that takes the tail.
    if (tail_count != 0) d += total * std::log(inside / total) - tail * std::log(mean);
    return {d / total, static_cast<double>(filled_[i] - filled_levels) / (2 * total)};
  }

  std::vector<std::uint64_t> counts_;
  std::vector<std::uint64_t> sum_;        // of the first x bins
  std::vector<std::uint64_t> filled_;     // bins among the first x that are not empty
  std::vector<double> self_information_;  // sum of c ln c over the first x bins
  std::vector<std::size_t> last_filled_;  // the last bin among the first x that is not empty
};

/// What a histogram saw of |x|, clipped at the edges of its bins to ranges of a quantizer. Bins of one width, that of
/// the histogram's widest; exact zeros, which every scale represents, are left out.
///
/// Levels on [0, t]: where zero has one code for every range, that and the codes above it. Otherwise the codes are
/// shared between the two sides of zero, levels = round(codes M / (max(max, 0) - min(min, 0))): all of them for
/// one-sided data (after a Relu), half of them for data symmetric about zero. Of formats that are not of integers they
/// are the values >= 0 of the codes, each with what is nearest to it.
class clipped_magnitudes {
 public:
  clipped_magnitudes(const histogram& h, const code_grid& codes)
      : histogram_(h),
        codes_(codes),
        width_(h.width()),
        levels_(levels_of(h, codes)),
        counts_(counts_of(h)),
        divergence_(counts_),
        values_(codes.is_integer() ? std::vector<double>() : codes.values()) {}

  /// Bins up to that of the largest magnitude; 0 where all is zero.
  [[nodiscard]] std::size_t bins() const noexcept { return counts_.size(); }
  [[nodiscard]] std::uint64_t count(std::size_t k) const noexcept { return counts_[k]; }
  [[nodiscard]] std::size_t levels() const noexcept { return levels_; }
  [[nodiscard]] const std::vector<double>& values() const noexcept { return values_; }
  /// The range whose largest magnitude is the upper edge of bin i - 1, within the extremes.
  [[nodiscard]] range<double> range_of(std::size_t i) const noexcept {
    const double t = static_cast<double>(i) * width_;
    return {std::max(-t, histogram_.minimum()), std::min(t, histogram_.maximum())};
  }
  /// The divergence of that range, less what it owes to chance or as it is.
  [[nodiscard]] double corrected(std::size_t i) const {
    return codes_.is_integer() ? divergence_.corrected(i, levels_) : divergence_.corrected(i, ends_of(i));
  }
  [[nodiscard]] double plain(std::size_t i) const {
    return codes_.is_integer() ? divergence_(i, levels_) : divergence_(i, ends_of(i));
  }

  [[nodiscard]] static std::size_t levels_of(const histogram& h, const code_grid& codes) {
    if (!codes.is_integer()) {
      const std::vector<double> values = codes.values();
      return static_cast<std::size_t>(std::count_if(values.begin(), values.end(), [](double v) { return v >= 0; }));
    }
    if (codes.is_symmetric()) return static_cast<std::size_t>(codes.over({h.minimum(), h.maximum()}).highest) + 1;
    const double all = codes.bounds().upper - codes.bounds().lower + 1;
    const double width = std::max(0.0, h.maximum()) - std::min(0.0, h.minimum());
    if (!(width > 0)) return static_cast<std::size_t>(all);
    return static_cast<std::size_t>(all * h.magnitude() / width + 0.5);
  }

 private:
  [[nodiscard]] static std::vector<std::uint64_t> counts_of(const histogram& h) {
    const auto bin_of = [w = h.width()](double magnitude) { return static_cast<std::size_t>(magnitude / w); };
    std::vector<std::uint64_t> counts(bin_of(h.magnitude()) + 1);
    for (const counted_bin& b : h.filled_bins())
      if (outer_magnitude(b) > 0) counts[bin_of(inner_magnitude(b))] += b.count;
    while (!counts.empty() && counts.back() == 0) counts.pop_back();
    return counts;
  }
  // Where the levels of a range end, in bins.
  [[nodiscard]] std::vector<double> ends_of(std::size_t i) const {
    const double bins_per_unit = codes_.over(range_of(i)).scale / width_;
    std::vector<double> ends;
    for (std::size_t k = 0; k + 1 < values_.size(); ++k)
      if (const double middle = (values_[k] + values_[k + 1]) / 2; middle > 0) ends.push_back(middle * bins_per_unit);
    return ends;
  }

  const histogram& histogram_;
  const code_grid& codes_;
  double width_;
  std::size_t levels_;
  std::vector<std::uint64_t> counts_;
  clipping_divergence divergence_;
  std::vector<double> values_;
};

}  // namespace xquant
