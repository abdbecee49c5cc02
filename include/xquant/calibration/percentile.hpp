// The percentile rule: give up a stated share of the elements at the ends of the range.
#pragma once

#include <xquant/calibration/histogram.hpp>
#include <xquant/calibration/histogram_calibrator.hpp>
#include <xquant/calibration/range_rule.hpp>
#include <xquant/core/range.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace xquant::inline XQUANT_ABI {

/// Where a percentile gives elements up.
enum class tails : std::uint8_t {
  both,       ///< half of the share below the range, half above it: for affine schemes
  magnitude,  ///< all of it among the largest |x|, wherever they lie: for symmetric schemes
};

/// The percentile p, 0 or 1 < p <= 100 in percent, of n elements gives up at most a elements at an end, where in double
///   tails::both       a = floor(n (100 - p) / 200), at each end;   tails::magnitude   a = floor(n (100 - p) / 100).
/// The end of the range is the outer edge of the histogram bin of the first element that is kept, or the extreme itself
/// where that is nearer: at most one bin (1/2048 of the largest magnitude) outside the exact order statistic, never
/// inside it. No interpolation. Hence p = 100 gives exactly [min, max], and no p gives more. With tails::magnitude and
/// the edge t the range is [max(-t, min), min(t, max)]. At least one element is always kept.
///
/// Peers: onnxruntime takes (100 - p) / 200 of each end too; pytorch-quantization and ModelOpt take |x| and the *inner*
/// edge (presets/pytorch_quantization_calibration.hpp); AIMET gives up 1 - p / 100 at each end of a 512-bin histogram.
struct percentile {
  double percent = 99.99;
  xquant::tails tails = xquant::tails::both;

  /// Refuses a percentile outside [0, 100], NaN, and what is at most 1 but not 0, which was meant as a fraction.
  [[nodiscard]] constexpr status valid() const noexcept {
    if (!(percent >= 0 && percent <= 100))
      return fault(errc::value_out_of_range, "percentile", percent, "a number from 0 to 100");
    if (percent > 0 && percent <= 1)
      return fault(errc::value_out_of_range, "percentile", percent,
                   "percent: 99.99 and not the fraction 0.9999 (or 0, or above 1)");
    return {};
  }

  [[nodiscard]] status try_range(const histogram& h, range<double>& out) const {
    if (tails == xquant::tails::magnitude) {
      const double t = magnitude_edge(h, given_up(h, 100));
      out = {std::max(-t, h.minimum()), std::min(t, h.maximum())};
      return {};
    }
    const std::uint64_t a = given_up(h, 200);
    const double high = edge(
        h, a, [&h](std::size_t k) { return h.positive(k); }, [&h](std::size_t k) { return h.negative(k); });
    const double low =
        0 - edge(
                h, a, [&h](std::size_t k) { return h.negative(k); }, [&h](std::size_t k) { return h.positive(k); });
    out = {std::max(low, h.minimum()), std::min(high, h.maximum())};
    return {};
  }

  friend constexpr bool operator==(const percentile&, const percentile&) = default;

 private:
  [[nodiscard]] std::uint64_t given_up(const histogram& h, int parts) const noexcept {
    const auto n = static_cast<double>(h.samples());
    const auto a = static_cast<std::uint64_t>(n * (100 - percent) / parts);
    return std::min(a, (h.samples() - 1) / (parts == 200 ? 2 : 1));
  }

  // From the outermost bin of one side inwards and on into the other side: the outer edge of the first bin that holds
  // more elements than may still be given up. `own` and `other` count the bins of the side begun with and of the
  // other one.
  template <class Own, class Other>
  static double edge(const histogram& h, std::uint64_t may_go, const Own& own, const Other& other) {
    for (std::size_t k = histogram::bins; k-- > 0; may_go -= own(k))
      if (own(k) > may_go) return static_cast<double>(k + 1) * h.width();
    if (h.zeros() > may_go) return 0;
    may_go -= h.zeros();
    std::size_t k = 0;
    for (; k + 1 < histogram::bins && other(k) <= may_go; ++k) may_go -= other(k);
    return 0 - static_cast<double>(k) * h.width();
  }

  static double magnitude_edge(const histogram& h, std::uint64_t may_go) {
    for (std::size_t k = histogram::bins; k-- > 0;) {
      const std::uint64_t here = h.positive(k) + h.negative(k);
      if (here > may_go) return static_cast<double>(k + 1) * h.width();
      may_go -= here;
    }
    return 0;
  }
};

static_assert(RuleWithoutCodes<percentile, histogram>);

}  // namespace xquant
