// xsimd batches as lanes: everything xsimd says the same way in all its versions comes from it, the rest (ordered
// minimum, fused residuals, narrow stores) from one small file per instruction set.
#pragma once

#include <xquant/core/half.hpp>
#include <xquant/core/random.hpp>
#include <xquant/engines/row.hpp>

#include <xsimd/xsimd.hpp>

namespace xquant::inline XQUANT_ABI {

/// The operations of one instruction set that xsimd lacks, or whose meaning for NaN changed between its versions, on
/// native registers `real` and `integer`. Specialised in sse2.hpp, avx2.hpp, avx512.hpp, neon.hpp.
template <class Arch>
struct instruction_set;

/// A SIMD lane of float.
template <class Arch>
using simd_lane = xsimd::batch<float, Arch>;

template <class Arch>
struct lane_operations<xsimd::batch<float, Arch>> {
  using lane = xsimd::batch<float, Arch>;
  using real = float;
  using integer = xsimd::batch<std::int32_t, Arch>;
  using mask = xsimd::batch_bool<float, Arch>;
  using native = instruction_set<Arch>;
  static constexpr std::size_t count = lane::size;
  static constexpr bool converts_low_to_least = requires { requires native::converts_low_to_least; };

  // clang-format off
  XQUANT_INLINE static lane broadcast(float x) { return lane(x); }
  XQUANT_INLINE static integer broadcast_integer(std::int32_t x) { return integer(x); }
  XQUANT_INLINE static lane add(lane a, lane b) { return a + b; }
  XQUANT_INLINE static lane subtract(lane a, lane b) { return a - b; }
  XQUANT_INLINE static lane multiply(lane a, lane b) { return lane(native::rounded(a * b)); }
  XQUANT_INLINE static lane divide(lane a, lane b) { return lane(native::divide(a, b)); }
  XQUANT_INLINE static lane short_quotient(lane a, lane b, lane r) { return lane(native::short_quotient(a, b, r)); }
  XQUANT_INLINE static lane multiply_without_sign_of_zero(lane a, lane b) {
    if constexpr (requires { native::fused_multiply_add(a, b, a); })
      return lane(native::fused_multiply_add(a, b, lane(0.0f)));
    else
      return multiply(a, b) + lane(0.0f);
  }
  XQUANT_INLINE static lane minimum(lane a, lane b) { return lane(native::minimum(a, b)); }
  XQUANT_INLINE static lane maximum(lane a, lane b) { return lane(native::maximum(a, b)); }
  XQUANT_INLINE static lane absolute(lane a) { return from_bits(bit_and(to_bits(a), integer(0x7fffffff))); }
  XQUANT_INLINE static lane copy_sign(lane a, lane s) {
    return from_bits(bit_or(bit_and(to_bits(a), integer(0x7fffffff)), bit_and(to_bits(s), integer(sign_bit))));
  }
  XQUANT_INLINE static lane round_even(lane a) { return lane(native::round_even(a)); }
  XQUANT_INLINE static lane truncate(lane a) { return lane(native::truncate(a)); }
  XQUANT_INLINE static integer round_even_to_integer(lane a) { return integer(native::round_even_to_integer(a)); }
  XQUANT_INLINE static integer truncate_to_integer(lane a) { return integer(native::truncate_to_integer(a)); }
  XQUANT_INLINE static lane to_real(integer a) { return lane(native::to_real(a)); }
  XQUANT_INLINE static mask less(lane a, lane b) { return a < b; }
  XQUANT_INLINE static mask less_equal(lane a, lane b) { return a <= b; }
  XQUANT_INLINE static mask equal(lane a, lane b) { return a == b; }
  XQUANT_INLINE static mask both(mask a, mask b) { return a & b; }
  XQUANT_INLINE static lane select(mask m, lane a, lane b) { return xsimd::select(m, a, b); }
  XQUANT_INLINE static integer select_integer(mask m, integer a, integer b) { return to_bits(xsimd::select(m, from_bits(a), from_bits(b))); }
  XQUANT_INLINE static integer add_integer(integer a, integer b) { return a + b; }
  XQUANT_INLINE static integer subtract_integer(integer a, integer b) { return a - b; }
  XQUANT_INLINE static integer minimum_integer(integer a, integer b) { return integer(native::minimum_integer(a, b)); }
  XQUANT_INLINE static integer maximum_integer(integer a, integer b) { return integer(native::maximum_integer(a, b)); }
  XQUANT_INLINE static mask less_integer(integer a, integer b) { return mask(native::less_integer(a, b)); }
  XQUANT_INLINE static integer bit_and(integer a, integer b) { return a & b; }
  XQUANT_INLINE static integer bit_or(integer a, integer b) { return a | b; }
  template <int Count> XQUANT_INLINE static integer shift_left(integer a) { return integer(native::template shift_left<Count>(a)); }
  template <int Count> XQUANT_INLINE static integer shift_right(integer a) { return integer(native::template shift_right<Count>(a)); }
  XQUANT_INLINE static integer to_bits(lane a) { return integer(native::to_bits(a)); }
  XQUANT_INLINE static lane from_bits(integer a) { return lane(native::from_bits(a)); }
  // clang-format on

 private:
  static constexpr std::int32_t sign_bit = -2147483647 - 1;
};

template <class Arch>
struct lane_memory<xsimd::batch<float, Arch>> {
  using lane = xsimd::batch<float, Arch>;
  using integer = xsimd::batch<std::int32_t, Arch>;
  using native = instruction_set<Arch>;

  XQUANT_INLINE static lane load(const float* p) { return lane::load_unaligned(p); }
  XQUANT_INLINE static integer load(const std::int32_t* p) { return integer::load_unaligned(p); }
  XQUANT_INLINE static integer load(const std::uint32_t* p) {
    return integer::load_unaligned(reinterpret_cast<const std::int32_t*>(p));
  }
  XQUANT_INLINE static lane load(const float16* p) {
    const auto* bits = reinterpret_cast<const std::uint16_t*>(p);
    if constexpr (requires { native::load_float16(bits); })
      return lane(native::load_float16(bits));
    else
      return float16::layout::widen<lane>(load(bits));
  }
  XQUANT_INLINE static lane load(const bfloat16* p) {
    return bfloat16::layout::widen<lane>(load(reinterpret_cast<const std::uint16_t*>(p)));
  }
  template <class Code>
  XQUANT_INLINE static integer load(const Code* p) {
    return integer(native::load_codes(p));
  }
  XQUANT_INLINE static void store(float* p, lane v) { v.store_unaligned(p); }
  template <class Code>
  XQUANT_INLINE static void store_wide(Code* p, integer v) {
    v.store_unaligned(reinterpret_cast<std::int32_t*>(p));
  }
  template <std::size_t N, class Half>
  XQUANT_INLINE static void store_halves(Half* p, const lane (&v)[N]) {
    auto* bits = reinterpret_cast<std::uint16_t*>(p);
    if constexpr (is_same<Half, float16> && requires { native::store_float16(bits, v[0]); }) {
      XQUANT_UNROLL
      for (std::size_t j = 0; j < N; ++j) native::store_float16(bits + j * lane::size, v[j]);
    } else {
      integer codes[N];
      XQUANT_UNROLL
      for (std::size_t j = 0; j < N; ++j) codes[j] = Half::layout::template narrow<lane>(v[j]);
      store_codes<N>(bits, codes, 0, 0xffff);
    }
  }
  template <std::size_t N, class Code>
  XQUANT_INLINE static void store_codes(Code* p, const integer (&v)[N], std::int32_t lower, std::int32_t upper) {
    typename native::integer raw[N];
    XQUANT_UNROLL
    for (std::size_t j = 0; j < N; ++j) raw[j] = v[j];
    native::store_codes(p, raw, lower, upper);
  }
  template <std::size_t N, class Code>
  XQUANT_INLINE static void store_sums(Code* p, const integer (&v)[N], const integer (&zero_point)[N],
                                       std::int32_t lower, std::int32_t upper) {
    typename native::integer raw[N];
    typename native::integer zero[N];
    XQUANT_UNROLL
    for (std::size_t j = 0; j < N; ++j) raw[j] = v[j];
    XQUANT_UNROLL
    for (std::size_t j = 0; j < N; ++j) zero[j] = zero_point[j];
    native::store_sums(p, raw, zero, lower, upper);
  }
  // 64 bytes to a line of memory, past the caches; and the wait for all that went there.
  XQUANT_INLINE static void stream_line(void* to, const void* from) requires requires { native::stream_line(to, from); }
  { native::stream_line(to, from); }
  static void stream_fence() requires requires { native::stream_fence(); }
  { native::stream_fence(); }

  XQUANT_INLINE static mask_of<lane> unpack_mask(std::uint64_t word, std::size_t j) {
    return mask_of<lane>(native::unpack_mask(static_cast<std::uint32_t>(word >> (j * lane::size))));
  }
  template <std::size_t N>
  XQUANT_INLINE static std::uint64_t pack_mask(const mask_of<lane> (&m)[N]) {
    std::uint64_t word = 0;
    XQUANT_UNROLL
    for (std::size_t j = 0; j < N; ++j) word |= static_cast<std::uint64_t>(native::pack_mask(m[j])) << (j * lane::size);
    return word;
  }

  // Element i of the group takes word i / 16 of counter i % 16; a lane narrower than 16 fills its share of each word.
  template <std::size_t N>
  XQUANT_INLINE static void load_random(std::uint64_t seed, std::uint64_t index, integer (&v)[N]) {
    constexpr std::size_t width = lane::size;
    constexpr std::size_t parts = 16 / width;
    static_assert(N == 4 * parts);
    const std::uint64_t counter = index / random_group * 16;
    for (std::size_t part = 0; part < parts; ++part) {
      const integer low = integer(native::ramp()) +
                          integer(static_cast<std::int32_t>(static_cast<std::uint32_t>(counter + part * width)));
      const integer high(static_cast<std::int32_t>(static_cast<std::uint32_t>(counter >> 32)));
      integer word[4] = {low, high, integer(0), integer(0)};
      auto key0 = static_cast<std::uint32_t>(seed);
      auto key1 = static_cast<std::uint32_t>(seed >> 32);
      XQUANT_UNROLL
      for (int round = 0; round < detail::philox_rounds; ++round) {
        typename native::integer high0, low0, high1, low1;
        native::multiply_words(word[0], detail::philox_multiplier_0, high0, low0);
        native::multiply_words(word[2], detail::philox_multiplier_1, high1, low1);
        word[0] = integer(high1) ^ word[1] ^ integer(static_cast<std::int32_t>(key0));
        word[2] = integer(high0) ^ word[3] ^ integer(static_cast<std::int32_t>(key1));
        word[1] = integer(low1);
        word[3] = integer(low0);
        key0 += detail::philox_key_step_0;
        key1 += detail::philox_key_step_1;
      }
      XQUANT_UNROLL
      for (std::size_t w = 0; w < 4; ++w) v[w * parts + part] = word[w];
    }
  }
};

}  // namespace xquant
