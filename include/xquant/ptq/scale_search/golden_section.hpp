// Golden-section search over the factor of a range, as if the error had one minimum.
#pragma once

#include <xquant/ptq/scale_search/first_guess.hpp>
#include <xquant/ptq/scale_search/group.hpp>

#include <cmath>

namespace xquant::inline XQUANT_ABI::ptq {

/// The range of the group by a factor between `lowest` and 1, narrowed `iterations` times by the golden ratio (Kiefer,
/// 1953) to the side of the smaller squared error; the best factor met. The error has many minima, the more the fewer
/// the elements and codes: the search ends in one of them. Refuses a `lowest` outside (0, 1) and fewer than 1
/// iteration (errc::value_out_of_range).
struct golden_section {
  double lowest = 0.05;
  int iterations = 20;

  [[nodiscard]] constexpr status valid() const noexcept {
    if (!(lowest > 0 && lowest < 1))
      return fault(errc::value_out_of_range, "golden_section.lowest", lowest, "a factor between 0 and 1");
    if (iterations < 1) return fault(errc::value_out_of_range, "golden_section.iterations", iterations, "at least 1");
    return {};
  }
  [[nodiscard]] status try_find(const searched_quantizer& q, const weight_group& group, slot& out) const {
    group_error error(q, group);
    const range<float> all = group.extremes();
    out = detail::slot_of_range(q, all);
    double least = error(out);
    const auto at = [&](double factor) {
      const slot s = detail::slot_of_range(q, detail::shrunk(all, factor));
      const double e = error(s);
      if (e < least) {
        least = e;
        out = s;
      }
      return e;
    };
    const double share = (std::sqrt(5.0) - 1) / 2;
    double low = lowest;
    double high = 1;
    double left = high - share * (high - low);
    double right = low + share * (high - low);
    double at_left = at(left);
    double at_right = at(right);
    for (int k = 1; k < iterations; ++k) {
      if (at_left <= at_right) {
        high = right;
        right = left;
        at_right = at_left;
        left = high - share * (high - low);
        at_left = at(left);
      } else {
        low = left;
        left = right;
        at_left = at_right;
        right = low + share * (high - low);
        at_right = at(right);
      }
    }
    return {};
  }
  friend bool operator==(const golden_section&, const golden_section&) = default;
};

}  // namespace xquant::ptq
