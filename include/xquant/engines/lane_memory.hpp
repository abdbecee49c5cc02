// How lanes reach memory, and the two numbers all engines of blocks share.
#pragma once

#include <xquant/core/lane.hpp>

namespace xquant::inline XQUANT_ABI {

/// How a lane reaches memory; specialised beside each lane. N is the number of lanes in a block of 64 elements.
///   load(const Real*), load(const Code*) -> integer_of<L>     one lane's elements, unaligned
///   load(const float16*), load(const bfloat16*) -> L           widened
///   store(Real*, L)
///   store_wide(Code*, integer_of<L>)                           codes of 32 bits, as they are
///   store_halves(float16* or bfloat16*, const L (&v)[N])       rounded to nearest even
///   store_codes(Code*, const integer_of<L> (&v)[N], lower, upper)   clamped to [lower, upper] and narrowed
///   load_random(seed, index, integer_of<L> (&v)[N])            the random bits of 64 elements, index a multiple of 64
///   unpack_mask(word, j) -> mask_of<L>                         lane j of 64 packed bits
///   pack_mask(const mask_of<L> (&m)[N]) -> word                64 packed bits
///   moved_down<Step>(L) -> L, first(L) -> Real                 element i + Step at i; element 0
template <class L>
struct lane_memory;

/// Elements of a block: a cache line of 8-bit codes, a word of packed bits, a group of random numbers.
inline constexpr std::size_t block_size = 64;

/// Accumulators of a reduction, whatever the width of a lane: element i of a piece goes to accumulator i % 32, and the
/// 32 are folded 16-8-4-2-1 (docs/arithmetic.md, rule 10).
inline constexpr std::size_t virtual_lanes = 32;

}  // namespace xquant
