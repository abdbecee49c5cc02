// Codes and scale in turn: the scale of least squares for the codes, new codes for that scale, until it stays.
// torchao's scale-only HQQ.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/ptq/scale_search/first_guess.hpp>
#include <xquant/ptq/scale_search/group.hpp>

#include <algorithm>
#include <cmath>

namespace xquant::inline XQUANT_ABI::ptq {

/// From the scale at which the largest magnitude has the code of largest magnitude,
///   s <- sum(importance x k) / sum(importance k^2),   k = codes of x under s, less the zero point,
/// `iterations` times at most, until the scale moves by less than `tolerance` of itself; the zero point is the scheme's
/// for the range of the group. Each step lowers the squared error, to the nearest local minimum. With torchao's
/// settings (the defaults) this is its scale-only HQQ, group by group (presets/torchao_hqq.hpp has it to the letter).
/// Refuses fewer than 1 iteration and a tolerance that is negative or no number (errc::value_out_of_range).
struct alternating_least_squares {
  int iterations = 20;
  double tolerance = 1e-5;

  [[nodiscard]] constexpr status valid() const noexcept {
    if (iterations < 1)
      return fault(errc::value_out_of_range, "alternating_least_squares.iterations", iterations, "at least 1");
    if (!(tolerance >= 0))
      return fault(errc::value_out_of_range, "alternating_least_squares.tolerance", tolerance, "a number not below 0");
    return {};
  }
  [[nodiscard]] status try_find(const searched_quantizer& q, const weight_group& group, slot& out) const {
    group_error error(q, group);
    const range<float> all = group.extremes();
    out = detail::slot_of_range(q, all);
    if (!q.has_zero_points()) {
      const double most = std::max(-q.lowest_value(out.zero_point), q.highest_value(out.zero_point));
      const slot from_magnitude{static_cast<float>(static_cast<double>(std::max(-all.minimum, all.maximum)) / most),
                                out.zero_point};
      if (q.takes(from_magnitude)) out = from_magnitude;
    }
    for (int k = 0; k < iterations; ++k) {
      if (!(error(out) < __builtin_inf())) break;
      const auto before = static_cast<double>(out.scale);
      slot next = out;
      next.scale = static_cast<float>(detail::scale_for_codes(group, error.values(), before));
      if (!q.takes(next)) break;
      out = next;
      if (std::fabs(static_cast<double>(next.scale) - before) < tolerance * before) break;
    }
    return {};
  }
  friend bool operator==(const alternating_least_squares&, const alternating_least_squares&) = default;
};

}  // namespace xquant::ptq
