// A search over a grid of scales and zero points: AIMET's tf_enhanced, on the elements themselves.
#pragma once

#include <xquant/ptq/scale_search/first_guess.hpp>
#include <xquant/ptq/scale_search/group.hpp>

#include <algorithm>
#include <cmath>

namespace xquant::inline XQUANT_ABI::ptq {

/// Scales from a share of min-max's upward, each with evenly spaced zero points, and of these the one of least
///   sum of importance_i w_i (x_i - fake_quantize(x_i))^2,   w_i = `gamma` where x_i is clipped, else 1,
/// the first of several (Nagel et al. and AIMET: gamma 3, scales k/16, k = 1..17, by 21 zero points; k/100, k = 1..101,
/// where the scheme has none to choose). AIMET counts a histogram of 512 or 2048 bins; here are the elements. `gamma`
/// is finite and not below 0.
struct scale_offset_grid {
  double gamma = 3;

  [[nodiscard]] constexpr status valid() const noexcept {
    if (!(gamma >= 0 && is_finite(gamma)))
      return fault(errc::value_out_of_range, "scale_offset_grid.gamma", gamma, "a finite number, not below 0");
    return {};
  }
  [[nodiscard]] status try_find(const searched_quantizer& q, const weight_group& group, slot& out) const {
    group_error error(q, group);
    const slot whole = detail::slot_of_range(q, group.extremes());
    out = whole;
    double least = cost(q, group, error, whole);
    const int steps = q.has_zero_points() ? 16 : 100;
    const int offsets = q.has_zero_points() ? 21 : 1;
    for (int k = 1; k <= steps + 1; ++k)
      for (int i = 0; i < offsets; ++i) {
        slot s{static_cast<float>(static_cast<double>(whole.scale) * k / steps), whole.zero_point};
        if (offsets > 1)
          s.zero_point = static_cast<std::int32_t>(
              std::nearbyint(q.lower() + (q.upper() - q.lower()) * i / static_cast<double>(offsets - 1)));
        if (const double e = cost(q, group, error, s); e < least) {
          least = e;
          out = s;
        }
      }
    return {};
  }
  friend bool operator==(const scale_offset_grid&, const scale_offset_grid&) = default;

 private:
  [[nodiscard]] double cost(const searched_quantizer& q, const weight_group& group, group_error& error,
                            const slot& s) const {
    double sum = error(s);
    if (gamma == 1 || !(sum < __builtin_inf())) return sum;
    const double lowest = q.lowest_value(s.zero_point) * static_cast<double>(s.scale);
    const double highest = q.highest_value(s.zero_point) * static_cast<double>(s.scale);
    for (std::size_t i = 0; i < group.x.size(); ++i) {
      const auto x = static_cast<double>(group.x[i]);
      const double off = x - static_cast<double>(error.values()[i]);
      if (x < lowest || x > highest) sum += (gamma - 1) * group.weight(i) * off * off;
    }
    return sum;
  }
};

}  // namespace xquant::ptq
