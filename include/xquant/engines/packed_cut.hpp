// Where loops over a packed output may be cut so that no byte is written from both sides.
#pragma once

#include <xquant/core/nest.hpp>

namespace xquant::inline XQUANT_ABI::detail {

/// The smallest number of turns of loop d (a power of two, at most 8) that fill whole bytes of output_0, whose elements
/// have `bits` bits, whatever the other loops are at; 0 where none does. A loop of the others either steps by whole
/// bytes, or stays within one turn of loop d.
constexpr std::size_t packed_cut(const nest& n, std::size_t d, std::ptrdiff_t bits) noexcept {
  const std::ptrdiff_t step = n.dimension[d].stride[output_0];
  std::ptrdiff_t reach = bits;
  for (std::size_t other = 0; other < n.depth; ++other) {
    const nest_dimension& loop = n.dimension[other];
    if (other == d || loop.stride[output_0] % 8 == 0) continue;
    if (loop.stride[output_0] < 0) return 0;
    reach += loop.stride[output_0] * static_cast<std::ptrdiff_t>(loop.extent - 1);
  }
  if (n.base[output_0] % 8 != 0 || reach > step) return 0;
  std::size_t multiple = 1;
  while (step * static_cast<std::ptrdiff_t>(multiple) % 8 != 0) multiple *= 2;
  return multiple;
}

}  // namespace xquant::detail
