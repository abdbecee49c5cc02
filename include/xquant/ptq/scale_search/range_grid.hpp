// Searches over a grid of ranges: the range of the group, made smaller step by step, and the step of least error.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/ptq/scale_search/first_guess.hpp>
#include <xquant/ptq/scale_search/group.hpp>

#include <cmath>

namespace xquant::inline XQUANT_ABI::ptq {

/// What a factor does to a range [a, b].
enum class range_shrink : std::uint8_t {
  both_ends,  ///< [f a, f b]
  magnitude,  ///< [max(a, -f m), min(b, f m)], m the larger magnitude: the other end moves when it is reached
};

/// The range of the group by `count` factors f, evenly from `first` to `last`; of the parameters that the scheme makes
/// of each range those of least
///   sum of importance_i |x_i - fake_quantize(x_i)|^power,
/// the first of several. Steps finer than the grid, and minima between its points, are not seen. Refuses a factor that
/// is not above 0 or above 16, fewer than 2 of them, and a power that is not above 0 (errc::value_out_of_range).
struct range_grid {
  double first = 1;
  double last = 0.01;
  int count = 100;
  double power = 2;
  range_shrink shrink = range_shrink::both_ends;

  /// ModelOpt's mse: 39 multipliers of the largest magnitude from 1/4 to 4.
  static constexpr range_grid modelopt_mse() noexcept { return {0.25, 4, 39, 2, range_shrink::both_ends}; }
  /// ModelOpt's awq_clip: ratios 0.5, 0.55 ... 1. (There the error is that of dot products with sampled inputs: give
  /// their mean squares as importance.)
  static constexpr range_grid modelopt_awq_clip() noexcept { return {0.5, 1, 11, 2, range_shrink::magnitude}; }
  /// AWQ's clip search: 1 to 0.55 in steps of 1/20, the error of dot products there too.
  static constexpr range_grid awq_clip() noexcept { return {1, 0.55, 10, 2, range_shrink::magnitude}; }
  /// GPTQ's --mse (the authors' quant.py): 80 factors from 1 down to 0.21, errors to the power of 2.4.
  static constexpr range_grid gptq_mse() noexcept { return {1, 0.21, 80, 2.4, range_shrink::both_ends}; }
  /// The candidates of AIMET's sequential MSE: k / 20. (There the error is that of a layer's output.)
  static constexpr range_grid aimet_sequential() noexcept { return {0.05, 1, 20, 2, range_shrink::both_ends}; }
  /// brevitas' MSE with mse_search_method = "grid": 20 from 1/20 to 1.
  static constexpr range_grid brevitas() noexcept { return {0.05, 1, 20, 2, range_shrink::both_ends}; }

  [[nodiscard]] constexpr status valid() const noexcept {
    for (const double f : {first, last})
      if (!(f > 0 && f <= 16)) return fault(errc::value_out_of_range, "range_grid", f, "factors above 0, at most 16");
    if (count < 2) return fault(errc::value_out_of_range, "range_grid.count", count, "at least 2");
    if (!(power > 0 && is_finite(power)))
      return fault(errc::value_out_of_range, "range_grid.power", power, "a finite number above 0");
    return {};
  }
  [[nodiscard]] status try_find(const searched_quantizer& q, const weight_group& group, slot& out) const {
    group_error error(q, group, power);
    const range<float> all = group.extremes();
    double least = __builtin_inf();
    out = detail::slot_of_range(q, all);
    for (int k = 0; k < count; ++k) {
      const double factor = first + (last - first) * k / (count - 1);
      const slot s = detail::slot_of_range(q, detail::shrunk(all, factor, shrink == range_shrink::magnitude));
      if (const double e = error(s); e < least) {
        least = e;
        out = s;
      }
    }
    return {};
  }
  friend bool operator==(const range_grid&, const range_grid&) = default;
};

}  // namespace xquant::ptq
