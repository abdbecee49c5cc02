// What the searches of pytorch-quantization over a histogram share: their settings and what they refuse.
#pragma once

#include <xquant/error.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::pytorch_quantization {

/// Settings of compute_amax("entropy") and compute_amax("mse").
struct search_settings {
  int num_bits = 8;
  bool is_unsigned = false;
  std::size_t stride = 1;
  std::size_t start_bin = 128;
};

namespace detail {

inline status validate_counts(const std::vector<std::int64_t>& counts, std::size_t edge_count) {
  if (counts.empty()) return fault(errc::no_samples, "counts", 0, "at least one bin");
  for (std::size_t i = 0; i < counts.size(); ++i)
    if (counts[i] < 0)
      return fault(errc::value_out_of_range, "counts", static_cast<double>(counts[i]), "no negative count", i);
  if (edge_count < counts.size() + 1)
    return fault(errc::shape_mismatch, "edges", static_cast<double>(edge_count), "one edge more than there are bins");
  return {};
}

// num_bits and is_unsigned as the number of bits of the magnitudes' levels.
inline status level_bits_of(const search_settings& settings, int& level_bits) {
  level_bits = settings.num_bits - 1 + (settings.is_unsigned ? 1 : 0);
  if (level_bits < 0 || level_bits > 24)
    return fault(errc::bits_out_of_range, "num_bits", settings.num_bits, "1 to 24 bits");
  return {};
}

}  // namespace detail

}  // namespace xquant::presets::pytorch_quantization
