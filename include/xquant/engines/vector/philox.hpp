// The random numbers of core/random.hpp, N counters at a time. Where a processor multiplies the integers at even places
// to 64 bits, counters at even and at odd places are kept apart till the end: a product is the two words that the next
// round takes, and nothing is moved between places.
#pragma once

#include <xquant/core/random.hpp>
#include <xquant/engines/vector/generic.hpp>

namespace xquant::inline XQUANT_ABI::detail {

// A word of N counters.
template <class Native>
struct philox_word {
  using integer = typename Native::integer;
  integer all;

  XQUANT_INLINE static philox_word same(std::uint32_t x) {
    return {Native::broadcast_integer(static_cast<std::int32_t>(x))};
  }
  /// first, first + 1, ...
  XQUANT_INLINE static philox_word from(std::uint32_t first) { return {same(first).all + Native::ramp()}; }
  XQUANT_INLINE void multiply(std::uint32_t m, philox_word& high, philox_word& low) const {
    Native::multiply_words(all, m, high.all, low.all);
  }
  XQUANT_INLINE friend philox_word operator^(philox_word a, philox_word b) { return {a.all ^ b.all}; }
  XQUANT_INLINE integer joined() const { return all; }
};

// In the lower halves of 64 bits; what is above is any.
template <class Native>
requires requires(typename Native::integer v) { Native::own::even_products(v, v); }
struct philox_word<Native> {
  using integer = typename Native::integer;
  using products = typename Native::products;
  products even;
  products odd;

  XQUANT_INLINE static philox_word same(std::uint32_t x) {
    const products all = products{} + x;
    return {all, all};
  }
  XQUANT_INLINE static philox_word from(std::uint32_t first) {
    const auto all = bit_cast<products>(Native::broadcast_integer(static_cast<std::int32_t>(first)) + Native::ramp());
    return {all, all >> 32};
  }
  XQUANT_INLINE void multiply(std::uint32_t m, philox_word& high, philox_word& low) const {
    const integer by = Native::broadcast_integer(static_cast<std::int32_t>(m));
    low = {Native::own::even_products(bit_cast<integer>(even), by),
           Native::own::even_products(bit_cast<integer>(odd), by)};
    high = {low.even >> 32, low.odd >> 32};
  }
  XQUANT_INLINE friend philox_word operator^(philox_word a, philox_word b) { return {a.even ^ b.even, a.odd ^ b.odd}; }
  XQUANT_INLINE integer joined() const { return bit_cast<integer>((even & 0xffffffffu) | (odd << 32)); }
};

/// The four words of N counters from `counter` on, which is a multiple of N.
template <class Native>
XQUANT_INLINE void philox(std::uint64_t seed, std::uint64_t counter, typename Native::integer (&out)[4]) {
  using word = philox_word<Native>;
  const auto low_half = [](std::uint64_t x) XQUANT_LAMBDA_INLINE { return static_cast<std::uint32_t>(x); };
  std::uint32_t key0 = low_half(seed);
  std::uint32_t key1 = low_half(seed >> 32);
  word v[4];
  word high;
  word low;
  // Round 1: words 2 and 3 are zero, word 1 is the same for all.
  word::from(low_half(counter)).multiply(philox_multiplier_0, high, low);
  const std::uint32_t first = low_half(counter >> 32) ^ key0;
  v[2] = high ^ word::same(key1);
  v[3] = low;
  key0 += philox_key_step_0;
  key1 += philox_key_step_1;
  // Round 2: word 0 is the same for all, word 1 is zero.
  const std::uint64_t product = std::uint64_t{first} * philox_multiplier_0;
  v[2].multiply(philox_multiplier_1, high, low);
  v[0] = high ^ word::same(key0);
  v[1] = low;
  v[2] = v[3] ^ word::same(low_half(product >> 32) ^ key1);
  v[3] = word::same(low_half(product));
  XQUANT_UNROLL
  for (int round = 2; round < philox_rounds; ++round) {
    key0 += philox_key_step_0;
    key1 += philox_key_step_1;
    word high_2;
    word low_2;
    v[0].multiply(philox_multiplier_0, high, low);
    v[2].multiply(philox_multiplier_1, high_2, low_2);
    v[0] = high_2 ^ v[1] ^ word::same(key0);
    v[2] = high ^ v[3] ^ word::same(key1);
    v[1] = low_2;
    v[3] = low;
  }
  XQUANT_UNROLL
  for (std::size_t w = 0; w < 4; ++w) out[w] = v[w].joined();
}

}  // namespace xquant::detail
