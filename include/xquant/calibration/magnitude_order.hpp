// What a histogram has seen, from the largest magnitudes inwards: the order in which ranges give elements up.
#pragma once

#include <xquant/calibration/histogram.hpp>

#include <cstddef>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// The smallest |x| of a bin, at which both signs of one magnitude agree: outer ends are held to the extremes.
[[nodiscard]] inline double inner_magnitude(const counted_bin& b) noexcept {
  return b.lower < 0 ? 0 - b.upper : b.lower;
}
/// The largest |x| of a bin.
[[nodiscard]] inline double outer_magnitude(const counted_bin& b) noexcept {
  return b.lower < 0 ? 0 - b.lower : b.upper;
}

/// The filled bins by falling magnitude: of two signs of one magnitude the positive one first, zeros last.
[[nodiscard]] inline std::vector<counted_bin> by_falling_magnitude(const histogram& h) {
  const std::vector<counted_bin> filled = h.filled_bins();
  std::vector<counted_bin> order;
  order.reserve(filled.size());
  std::size_t low = 0;
  std::size_t high = filled.size();
  while (low < high) {
    const bool has_negative = filled[low].lower < 0;
    const bool has_positive = filled[high - 1].upper > 0;
    const bool takes_positive =
        has_positive && (!has_negative || inner_magnitude(filled[high - 1]) >= inner_magnitude(filled[low]));
    order.push_back(takes_positive || !has_negative ? filled[--high] : filled[low++]);
  }
  return order;
}

}  // namespace xquant
