// Packed bits at any place in memory, up to a word of them.
#pragma once

#include <xquant/core/bits.hpp>

#include <cstddef>
#include <cstdint>

namespace xquant::inline XQUANT_ABI::detail {

// n <= 64 bits from bit `index` on, in the low end of a word; no byte beyond them is touched.
inline std::uint64_t load_bits(const std::uint8_t* bytes, std::uint64_t index, std::size_t n) noexcept {
  const std::uint8_t* p = bytes + index / 8;
  const unsigned shift = index % 8;
  const std::size_t count = (shift + n + 7) / 8;
  std::uint64_t low = 0;
  __builtin_memcpy(&low, p, count < 8 ? count : 8);
  low = first_byte_lowest(low) >> shift;
  if (count > 8) low |= static_cast<std::uint64_t>(p[8]) << (64 - shift);
  return low;
}

inline void store_bits(std::uint8_t* bytes, std::uint64_t index, std::size_t n, std::uint64_t word) noexcept {
  std::uint8_t* p = bytes + index / 8;
  const unsigned shift = index % 8;
  if (shift == 0 && n == 64) {
    word = first_byte_lowest(word);
    __builtin_memcpy(p, &word, 8);
    return;
  }
  for (std::size_t done = 0; done < n;) {
    const unsigned at = static_cast<unsigned>((shift + done) % 8);
    const std::size_t take = 8 - at < n - done ? 8 - at : n - done;
    const unsigned mask = ((1u << take) - 1) << at;
    const unsigned value = static_cast<unsigned>(word >> done) << at;
    *p = static_cast<std::uint8_t>((*p & ~mask) | (value & mask));
    done += take;
    ++p;
  }
}

}  // namespace xquant::detail
