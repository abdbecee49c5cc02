// The entropy rule: of the ranges that cost little squared error, the one where the clipped and quantized distribution
// diverges least from the original one.
#pragma once

#include <xquant/calibration/clipping_divergence.hpp>
#include <xquant/calibration/code_grid.hpp>
#include <xquant/calibration/histogram.hpp>
#include <xquant/calibration/histogram_calibrator.hpp>
#include <xquant/calibration/range_rule.hpp>
#include <xquant/calibration/squared_error.hpp>
#include <xquant/core/range.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI {

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
/// Levels are those of clipped_magnitudes. One value only, zeros only: the whole range.
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
    const clipped_magnitudes clipped(h, codes);
    const std::size_t used = clipped.bins();
    if (used <= clipped.levels()) return {};
    const auto distance = [&](const range<double>& r) {
      return grid_distance(codes.over(r), codes.is_integer() ? nullptr : &clipped.values());
    };
    const squared_error_bounds error(h, exempt(h, codes));
    const double limit = error_factor * error.least(distance(full));
    if (!(limit > 0)) return {};

    struct candidate {
      double divergence;
      std::size_t bins;
    };
    const double whole = clipped.corrected(used);
    const double rounding = 1e-12;
    std::vector<candidate> better;
    for (std::size_t i = clipped.levels(); i < used; i += stride) {
      if (clipped.count(i - 1) == 0 && i != clipped.levels()) continue;  // ends in a gap: wider than it needs to be
      const double d = clipped.corrected(i);
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
      if (!error.within(distance(clipped.range_of(c.bins)), limit)) continue;
      best = {found ? best.divergence : c.divergence, c.bins};
      found = true;
    }
    if (found) out = clipped.range_of(best.bins);
    return {};
  }

  /// The number of levels on [0, t] for this distribution (clipped_magnitudes).
  [[nodiscard]] static std::size_t levels(const histogram& h, const code_grid& codes) {
    return clipped_magnitudes::levels_of(h, codes);
  }

  friend constexpr bool operator==(const entropy&, const entropy&) = default;

 private:
  static constexpr double error_factor = 1.5;

  // How many elements the bound of the error leaves out.
  static std::uint64_t exempt(const histogram& h, const code_grid& codes) {
    return codes.levels() <= 16 ? (h.samples() - h.zeros()) / 100 : 0;
  }
};

static_assert(RangeRule<entropy, histogram> && !RuleWithoutCodes<entropy, histogram>);

}  // namespace xquant
