// Where the parameters of an element lie: what every granularity answers.
#pragma once

#include <xquant/core/shape.hpp>

namespace xquant::inline XQUANT_ABI {

/// What a granularity says of a shape: element i (a multi-index) uses parameter slot
///   sum over d of (i_d / block[d]) * stride[d].
/// Per tensor all strides are 0; per axis the axis has block 1 and stride 1.
struct parameter_map {
  std::size_t block[max_rank] = {1, 1, 1, 1, 1, 1, 1, 1};
  std::ptrdiff_t stride[max_rank] = {};
  std::size_t count = 1;  ///< parameter slots in all
};

/// What each user of a map takes for granted: blocks of at least one element, and slots in [0, count) for every element
/// of a tensor of shape s. True for a tensor without elements.
[[nodiscard]] constexpr bool is_consistent(const parameter_map& map, const shape& s) noexcept {
  std::ptrdiff_t lowest = 0;
  std::ptrdiff_t highest = 0;
  bool is_empty = false;
  for (std::size_t d = 0; d < s.rank; ++d) {
    if (map.block[d] == 0) return false;
    is_empty = is_empty || s.extent[d] == 0;
    if (s.extent[d] == 0) continue;
    const auto reach = static_cast<std::ptrdiff_t>((s.extent[d] - 1) / map.block[d]) * map.stride[d];
    (reach < 0 ? lowest : highest) += reach;
  }
  return is_empty || (lowest == 0 && highest < static_cast<std::ptrdiff_t>(map.count));
}

}  // namespace xquant
