// The parameter map of a tensor that is cut into blocks: what most granularities are.
#pragma once

#include <xquant/core/parameter_map.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {

/// Blocks of `block` elements in `extent`, a short last one counted.
constexpr std::size_t blocks_in(std::size_t extent, std::size_t block) noexcept {
  return extent / block + (extent % block != 0);
}

/// The map of a tensor cut into blocks of block[d] elements along each dimension d; 0 where it is not cut. Slots are
/// row-major over the dimensions that are. Refuses more slots than a tensor may have elements.
constexpr status map_of_blocks(const shape& s, const std::size_t (&block)[max_rank], parameter_map& out) noexcept {
  out = parameter_map{};
  shape slots;
  for (std::size_t d = 0; d < s.rank; ++d)
    if (block[d] != 0) slots[slots.rank++] = blocks_in(s.extent[d], block[d]);
  // An empty dimension elsewhere may leave more slots than there could be elements.
  shape full = slots;
  for (std::size_t d = 0; d < full.rank; ++d)
    if (full[d] == 0) full[d] = 1;
  if (const status fits = full.valid("parameter shape"); !fits.ok()) return fits;
  out.count = slots.size();
  std::size_t step = 1;
  for (std::size_t d = s.rank, k = slots.rank; d-- > 0;) {
    if (block[d] == 0) continue;
    out.block[d] = block[d];
    out.stride[d] = static_cast<std::ptrdiff_t>(step);
    step *= full[--k];
  }
  return {};
}

}  // namespace detail

}  // namespace xquant
