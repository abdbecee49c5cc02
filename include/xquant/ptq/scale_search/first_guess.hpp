// A first answer for searches that improve one or need a bound: ranges from min-max down, and a few alternations of
// codes and scale.
#pragma once

#include <xquant/ptq/scale_search/group.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

namespace xquant::inline XQUANT_ABI::ptq::detail {

inline float scaled_end(float end, double factor) noexcept {
  return xquant::detail::stored_real<float>(static_cast<double>(end) * factor);
}

/// Both ends by a factor, or the larger magnitude, within which the other end is then held.
inline range<float> shrunk(const range<float>& r, double factor, bool by_magnitude = false) noexcept {
  if (!by_magnitude) return {scaled_end(r.minimum, factor), scaled_end(r.maximum, factor)};
  const float most = scaled_end(std::max(std::fabs(r.minimum), std::fabs(r.maximum)), factor);
  return {std::clamp(r.minimum, -most, most), std::clamp(r.maximum, -most, most)};
}

/// The scheme's answer for the range of the group, or the nearest to it that the quantizer takes; its scale above zero.
inline slot slot_of_range(const searched_quantizer& q, const range<float>& r) noexcept {
  slot s = q.parameters_for(r);
  s.scale = std::min(std::max(std::fabs(s.scale), q.least_scale()), q.greatest_scale(s.zero_point));
  return s;
}

/// The scale of least squared error for the codes that `values`, made with `scale`, stand for; 0 where all are zero.
inline double scale_for_codes(const weight_group& group, std::span<const float> values, double scale) noexcept {
  double linear = 0;
  double quadratic = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double level = static_cast<double>(values[i]) / scale;
    linear += group.weight(i) * level * static_cast<double>(group.x[i]);
    quadratic += group.weight(i) * level * level;
  }
  return quadratic > 0 ? linear / quadratic : 0;
}

/// A slot of small error, by group_error: the best of 16 ranges and 3 alternations from there. (The steps of small
/// floats grow with the numbers, so that wider ranges than that of the group may suit them as well.)
inline slot first_guess(const searched_quantizer& q, const weight_group& group, group_error& error, double& least) {
  const range<float> all = group.extremes();
  slot best = slot_of_range(q, all);
  least = error(best);
  for (int k = 1; k < 16; ++k) {
    const slot s = slot_of_range(q, shrunk(all, q.is_integer() ? 1.1 - 0.05 * k : 0.25 * k));
    if (const double e = error(s); e < least) {
      least = e;
      best = s;
    }
  }
  for (int turn = 0; turn < 3; ++turn) {
    (void)error(best);
    slot next = best;
    next.scale = static_cast<float>(scale_for_codes(group, error.values(), static_cast<double>(best.scale)));
    if (!q.takes(next)) break;
    const double e = error(next);
    if (!(e < least)) break;
    least = e;
    best = next;
  }
  return best;
}

}  // namespace xquant::ptq::detail
