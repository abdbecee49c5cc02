// The percentile rule: give up a stated share of the elements at the ends of the range.
#pragma once

#include <xquant/calibration/histogram.hpp>
#include <xquant/calibration/histogram_calibrator.hpp>
#include <xquant/calibration/magnitude_order.hpp>
#include <xquant/calibration/range_rule.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/core/range.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// Where a percentile gives elements up.
enum class tails : std::uint8_t {
  both,       ///< half of the share below the range, half above it: for affine schemes
  magnitude,  ///< all of it among the largest |x|, wherever they lie: for symmetric schemes
};

/// Which point of a histogram's bin stands for an element in it.
enum class bin_edge : std::uint8_t {
  outer,   ///< the end farther from the middle of the data: no kept element is clipped
  inner,   ///< the other end: no element that is given up stays inside
  spread,  ///< as if the bin's m elements lay evenly in it: at (j + 1/2) / m of the way inwards for the j-th from
           ///< outside
};

/// What is done where the share that is given up is no whole number of elements.
enum class rank_rule : std::uint8_t {
  whole,   ///< rounded down: of n elements floor(n (100 - p) / 100) are given up
  linear,  ///< numpy's "linear" percentile: at the rank (n - 1) (100 - p) / 100, between the two elements about it
};

/// The percentile p, 0 or 1 < p <= 100 in percent, of n elements gives up a elements at an end, where in double
///   tails::both       a = n (100 - p) / 200, at each end;   tails::magnitude   a = n (100 - p) / 100,
/// rounded down (rank_rule::whole), or with n - 1 instead of n and not rounded (rank_rule::linear): the end is then
/// e(floor a) + (a - floor a) (e(floor a + 1) - e(floor a)). Decimals such as 99.9 are no doubles: an a within
/// 2^-44 n / 200 (or / 100) of a whole number is that, before it is rounded down; 99.9 of 1000 magnitudes gives up one.
/// At least one element is always kept.
/// e(k), the k-th element from outside, is the point `edge` of the bin that it lies in (the outer edge unless said
/// otherwise, or the extreme itself where that is nearer: never inside the exact order statistic), and for k = 0 the
/// extreme itself, which is exact. So any edge is at most a bin away from the order statistic, p = 100 gives exactly
/// [min, max], and no p gives more. Where the inner edges of one bin cross, both are its middle.
/// With tails::magnitude and the end t of |x| the range is [max(-t, min), min(t, max)].
/// One value only: that value at both ends. Zeros only: [0, 0].
///
/// Peers: onnxruntime takes (100 - p) / 200 of each end too; pytorch-quantization and ModelOpt take |x| and the *inner*
/// edge (presets/pytorch_quantization_calibration.hpp); AIMET gives up 1 - p / 100 at each end of a 512-bin histogram.
struct percentile {
  double percent = 99.99;
  xquant::tails tails = xquant::tails::both;
  bin_edge edge = bin_edge::outer;
  rank_rule rank = rank_rule::whole;

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
      std::vector<outward_bin> bins;
      for (const counted_bin& b : by_falling_magnitude(h)) {
        const outward_bin next{outer_magnitude(b), inner_magnitude(b), b.count};
        if (!bins.empty() && bins.back().upper == next.upper && next.lower > 0) {  // the other sign of one magnitude
          bins.back().lower = std::max(bins.back().lower, next.lower);
          bins.back().count += next.count;
        } else {
          bins.push_back(next);
        }
      }
      const double t = end_of(bins, h.magnitude(), share(h, 100), h.samples() - 1);
      out = {std::max(-t, h.minimum()), std::min(t, h.maximum())};
      return {};
    }
    const std::vector<counted_bin> filled = h.filled_bins();
    std::vector<outward_bin> from_above;
    for (std::size_t i = filled.size(); i-- > 0;)
      from_above.push_back({filled[i].upper, filled[i].lower, filled[i].count});
    out.minimum = end_of(filled, h.minimum(), share(h, 200), (h.samples() - 1) / 2);
    out.maximum = end_of(from_above, h.maximum(), share(h, 200), (h.samples() - 1) / 2);
    if (out.minimum > out.maximum) out.minimum = out.maximum = out.maximum + (out.minimum - out.maximum) / 2;
    return {};
  }

  friend constexpr bool operator==(const percentile&, const percentile&) = default;

 private:
  // Bins as they are met from outside: `lower` is the outer end, `upper` the inner one.
  using outward_bin = counted_bin;

  // a, before it is rounded.
  [[nodiscard]] double share(const histogram& h, int parts) const noexcept {
    if (rank == rank_rule::linear) return static_cast<double>(h.samples() - 1) * (100 - percent) / parts;
    const auto n = static_cast<double>(h.samples());
    const double a = n * (100 - percent) / parts;
    const auto near = static_cast<double>(static_cast<std::uint64_t>(a + 0.5));
    return std::max(a - near, near - a) <= n / parts * power_of_two<double>(-44) ? near : a;
  }

  // The end where `given_up` elements, `most` at most, are left outside of it.
  [[nodiscard]] double end_of(const std::vector<outward_bin>& bins, double extreme, double given_up,
                              std::uint64_t most) const {
    const auto whole = std::min(static_cast<std::uint64_t>(given_up), most);
    const double end = element(bins, extreme, whole);
    const double part = given_up - static_cast<double>(whole);
    if (rank == rank_rule::whole || !(part > 0)) return end;
    return end + std::min(part, 1.0) * (element(bins, extreme, whole + 1) - end);
  }

  // The k-th element from outside; of the innermost bin where there are not as many.
  [[nodiscard]] double element(const std::vector<outward_bin>& bins, double extreme, std::uint64_t k) const {
    if (k == 0) return extreme;
    const outward_bin* at = &bins.front();
    for (const outward_bin& b : bins) {
      at = &b;
      if (b.count > k) break;
      k -= b.count;
    }
    if (edge == bin_edge::outer) return at->lower;
    if (edge == bin_edge::inner) return at->upper;
    return at->lower + (at->upper - at->lower) * ((static_cast<double>(k) + 0.5) / static_cast<double>(at->count));
  }
};

static_assert(RuleWithoutCodes<percentile, histogram>);

}  // namespace xquant
