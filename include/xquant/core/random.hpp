// Counter-based random numbers: Philox 4x32-10, and the map from an element's index to its 32 bits.
// docs/arithmetic.md, rule 9: the bits depend on (seed, element index) and on nothing else.
#pragma once

#include <xquant/config.hpp>

#include <cstddef>
#include <cstdint>

namespace xquant::inline XQUANT_ABI {

/// Four words from a 128-bit counter and a 64-bit key. J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
/// SC 2011.
struct philox_block {
  std::uint32_t word[4];
};

namespace detail {
inline constexpr std::uint32_t philox_multiplier_0 = 0xD2511F53u;
inline constexpr std::uint32_t philox_multiplier_1 = 0xCD9E8D57u;
inline constexpr std::uint32_t philox_key_step_0 = 0x9E3779B9u;
inline constexpr std::uint32_t philox_key_step_1 = 0xBB67AE85u;
inline constexpr int philox_rounds = 10;
}  // namespace detail

XQUANT_HOST_DEVICE constexpr philox_block philox(std::uint32_t c0, std::uint32_t c1, std::uint32_t c2, std::uint32_t c3,
                                                 std::uint32_t key0, std::uint32_t key1) noexcept {
  for (int round = 0; round < detail::philox_rounds; ++round) {
    const std::uint64_t product0 = static_cast<std::uint64_t>(detail::philox_multiplier_0) * c0;
    const std::uint64_t product1 = static_cast<std::uint64_t>(detail::philox_multiplier_1) * c2;
    const std::uint32_t next0 = static_cast<std::uint32_t>(product1 >> 32) ^ c1 ^ key0;
    const std::uint32_t next2 = static_cast<std::uint32_t>(product0 >> 32) ^ c3 ^ key1;
    c1 = static_cast<std::uint32_t>(product1);
    c3 = static_cast<std::uint32_t>(product0);
    c0 = next0;
    c2 = next2;
    key0 += detail::philox_key_step_0;
    key1 += detail::philox_key_step_1;
  }
  return {{c0, c1, c2, c3}};
}

/// Elements that share a group of 16 counters: within it element i takes word (i / 16) % 4 of counter i % 16, so that a
/// vector of up to 16 lanes reads one word of consecutive counters.
inline constexpr std::size_t random_group = 64;

/// The 32 random bits of element `index` under `seed`.
XQUANT_HOST_DEVICE constexpr std::uint32_t random_bits(std::uint64_t seed, std::uint64_t index) noexcept {
  const std::uint64_t counter = index / random_group * 16 + index % 16;
  const philox_block block = philox(static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32), 0,
                                    0, static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32));
  return block.word[index / 16 % 4];
}

}  // namespace xquant
