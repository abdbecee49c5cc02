// The entropy rule: of the ranges that cost little squared error, the one where the clipped and quantized distribution
// diverges least from the original one. Includes <cmath> for the natural logarithm.
#pragma once

#include <xquant/calibration/code_grid.hpp>
#include <xquant/calibration/histogram.hpp>
#include <xquant/calibration/histogram_calibrator.hpp>
#include <xquant/calibration/range_rule.hpp>
#include <xquant/calibration/squared_error.hpp>
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
    std::size_t g = 0;
    return less_chance(at(i, [&](std::size_t begin) {
      const double middle = static_cast<double>(begin) + 0.5;
      while (g < ends.size() && ends[g] <= middle) ++g;
      if (g == ends.size() || !(ends[g] < static_cast<double>(i))) return i;
      // The first bin whose middle is not below the end.
      return std::min(i, static_cast<std::size_t>(std::max(ends[g] + 0.5, static_cast<double>(begin + 1))));
    }));
  }

 private:
  struct divergence {
    double plain;
    double chance;
  };

  // The bins of a level g are those from ceil(g i / levels) to before ceil((g + 1) i / levels).
  struct even_levels {
    std::size_t bins;
    std::size_t levels;
    std::size_t operator()(std::size_t begin) const noexcept {
      const std::size_t g = begin * levels / bins;
      return ((g + 1) * bins + levels - 1) / levels;
    }
  };

  static double less_chance(const divergence& d) noexcept { return d.plain - d.chance; }

  // end_of(begin): where the level ends that begins at a bin.
  template <class EndOf>
  [[nodiscard]] divergence at(std::size_t i, const EndOf& end_of) const noexcept {
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

/// The divergence threshold for the codes of a quantizer, on |x|, among those that cost little squared error. Exact
/// zeros, which every scale represents, do not count.
///
/// The candidates t are the upper edges of those of the histogram's bins levels, levels + stride, ... (the first of
/// them ends at levels times their width) that are not empty, and of the first of them in any case, below the largest
/// magnitude M; each has the range [max(-t, min), min(t, max)]. A candidate is eligible if its sum of squared errors is
/// at most 1.5 times that of the whole range [min, max] wherever in their bins the elements lie (squared_error.hpp), on
/// the grids that the quantizer's scheme gives for its codes. Of the whole range and the eligible
/// candidates the one with the least corrected D (clipping_divergence) wins, the largest of several whose D lies within
/// 1e-12 (rounding of the sums) of it.
///
/// So for more than 16 codes the mean squared error over the data seen is at most 1.5 times that of min-max, whatever
/// the data. The divergence alone promises nothing of the kind: where one value repeats (a pruned channel, a border, a
/// saturated Sigmoid), every level that merges its bin with others seems to cost much, and the least D is that of a
/// narrow range that clips the rest. Where the bounds see nothing (a step of about one bin or less: 11 bits and more;
/// data in which min-max makes no error) the whole range is the answer.
/// With up to 16 codes the hundredth of the elements in the outermost bins of |x| (rounded down; exact zeros do not
/// count; of a bin the positive ones first) is exempt: there one far outlier decides between losing it and losing
/// everything else, the squared error would always lose the rest, and 1.5 is promised for the other elements only.
///
/// Levels on [0, t]: where zero has one code for every range, that and the codes above it. Otherwise the codes are
/// shared between the two sides of zero, levels = round(codes M / (max(max, 0) - min(min, 0))): all of them for
/// one-sided data (after a Relu), half of them for data symmetric about zero.
///
/// Of formats that are not of integers the levels are the values >= 0 of the codes, each with what is nearest to it.
/// One value only, zeros only: the whole range.
///
/// Peers: pytorch-quantization (presets/pytorch_quantization_calibration.hpp) copies bin 1 into bin 0, corrects
/// nothing, always takes 2^(bits - 1) levels for signed codes and 128 bins and more, and does not look at the error;
/// onnxruntime quantizes all of [-t, t] to 128 levels, which clips much harder. The state is the same bits everywhere;
/// the choice among candidates rests on the C library's log.
struct entropy {
  std::size_t stride = 1;

  /// Refuses a stride of 0.
  [[nodiscard]] constexpr status valid() const noexcept {
    if (stride == 0) return fault(errc::value_out_of_range, "entropy.stride", 0, "at least 1");
    return {};
  }

  [[nodiscard]] status try_range(const histogram& h, const code_grid& codes, range<double>& out) const {
    const range<double> full{h.minimum(), h.maximum()};
    if (codes.is_integer() && codes.is_symmetric() && !(codes.over(full).highest >= 1))
      return fault(errc::value_out_of_range, "entropy", codes.over(full).highest,
                   "a code above that of zero, in a scheme without zero point");
    out = full;
    const even_counts even(h);
    const std::size_t used = even.counts.size();
    const std::vector<double> values = codes.is_integer() ? std::vector<double>() : codes.values();
    const std::size_t count = levels(h, codes);
    if (used <= count) return {};
    const auto distance = [&](const range<double>& r) {
      return grid_distance(codes.over(r), codes.is_integer() ? nullptr : &values);
    };
    const squared_error_bounds error(h, exempt(h, codes));
    const double limit = error_factor * error.least(distance(full));
    if (!(limit > 0)) return {};

    const clipping_divergence divergence(even.counts);
    std::vector<double> ends;  // of the levels, in bins
    const auto corrected = [&](std::size_t i) {
      if (codes.is_integer()) return divergence.corrected(i, count);
      const double bins_per_unit = codes.over(even.clipped(h, i)).scale / even.width;
      ends.clear();
      for (std::size_t k = 0; k + 1 < values.size(); ++k)
        if (const double middle = (values[k] + values[k + 1]) / 2; middle > 0) ends.push_back(middle * bins_per_unit);
      return divergence.corrected(i, ends);
    };
    struct candidate {
      double divergence;
      std::size_t bins;
    };
    const double whole = corrected(used);
    const double rounding = 1e-12;
    std::vector<candidate> better;
    for (std::size_t i = count; i < used; i += stride) {
      if (even.counts[i - 1] == 0 && i != count) continue;  // ends in a gap: wider than it needs to be
      const double d = corrected(i);
      if (d < whole - rounding) better.push_back({d, i});
    }
    std::sort(better.begin(), better.end(), [](const candidate& a, const candidate& b) {
      return a.divergence < b.divergence || (a.divergence == b.divergence && a.bins > b.bins);
    });
    bool found = false;
    candidate best{whole, used};
    for (const candidate& c : better) {
      if (found && c.divergence > best.divergence + rounding) break;
      if (found && c.bins < best.bins) continue;
      if (!error.within(distance(even.clipped(h, c.bins)), limit)) continue;
      best = {found ? best.divergence : c.divergence, c.bins};
      found = true;
    }
    if (found) out = even.clipped(h, best.bins);
    return {};
  }

  /// The number of levels on [0, t] for this distribution.
  [[nodiscard]] static std::size_t levels(const histogram& h, const code_grid& codes) {
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

  friend constexpr bool operator==(const entropy&, const entropy&) = default;

 private:
  static constexpr double error_factor = 1.5;

  // |x| counted in bins of one width, that of the widest bins of the histogram; zeros left out.
  struct even_counts {
    std::vector<std::uint64_t> counts;
    double width;

    explicit even_counts(const histogram& h) : width(h.width()) {
      counts.resize(bin_of(h.magnitude()) + 1);
      for (const counted_bin& b : h.filled_bins())
        if (outer_magnitude(b) > 0) counts[bin_of(inner_magnitude(b))] += b.count;
      while (!counts.empty() && counts.back() == 0) counts.pop_back();
    }
    [[nodiscard]] std::size_t bin_of(double magnitude) const noexcept {
      return static_cast<std::size_t>(magnitude / width);
    }
    // The range whose largest magnitude is the upper edge of bin i - 1.
    [[nodiscard]] range<double> clipped(const histogram& h, std::size_t i) const noexcept {
      const double t = static_cast<double>(i) * width;
      return {std::max(-t, h.minimum()), std::min(t, h.maximum())};
    }
  };

  // How many elements the bound of the error leaves out.
  static std::uint64_t exempt(const histogram& h, const code_grid& codes) {
    return codes.levels() <= 16 ? (h.samples() - h.zeros()) / 100 : 0;
  }
};

static_assert(RangeRule<entropy, histogram> && !RuleWithoutCodes<entropy, histogram>);

}  // namespace xquant
