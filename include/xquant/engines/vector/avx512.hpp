// 512 bits of x86-64: AVX-512 (F, BW, DQ).
#pragma once

#include <xquant/engines/vector/machine.hpp>

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__)
namespace xquant::inline XQUANT_ABI {

template <>
struct machine_instructions<16> : machine_registers<16> {
  static constexpr bool converts_low_to_least = true;

  // clang-format off
  XQUANT_INLINE static integer round_even_to_integer(real a) { return __builtin_ia32_cvtps2dq512_mask(a, integer{}, every, mode); }
  XQUANT_INLINE static integer truncate_to_integer(real a) { return __builtin_ia32_cvttps2dq512_mask(a, integer{}, every, mode); }
  XQUANT_INLINE static real round_even(real a) { return __builtin_ia32_rndscaleps_mask(a, 8, real{}, every, mode); }
  XQUANT_INLINE static real truncate(real a) { return __builtin_ia32_rndscaleps_mask(a, 11, real{}, every, mode); }
  XQUANT_INLINE static real fused_multiply_add(real a, real b, real c) { return __builtin_ia32_vfmaddps512_mask(a, b, c, every, mode); }
  XQUANT_INLINE static words in_order(words a) { return bit_cast<words>(__builtin_shufflevector(bit_cast<products>(a), products{}, 0, 2, 4, 6, 1, 3, 5, 7)); }
  XQUANT_INLINE static bytes in_order(bytes a) { return bit_cast<bytes>(__builtin_shufflevector(bit_cast<integer>(a), integer{}, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)); }
  XQUANT_INLINE static std::uint32_t pack_mask(integer m) { return static_cast<std::uint16_t>(__builtin_ia32_cvtd2mask512(m)); }
  XQUANT_INLINE static integer unpack_mask(std::uint32_t bits) { return __builtin_ia32_cvtmask2d512(static_cast<std::uint16_t>(bits)); }
  XQUANT_INLINE static real load_float16(const std::uint16_t* p) { return __builtin_ia32_vcvtph2ps512_mask(load<half_words>(p), real{}, every, mode); }
  XQUANT_INLINE static void store_float16(std::uint16_t* p, real v) { const half_words w = __builtin_ia32_vcvtps2ph512_mask(v, 0, half_words{}, every_lane); __builtin_memcpy(p, &w, sizeof w); }
#if defined(__clang__)
  XQUANT_INLINE static words narrow(integer a, integer b) { return __builtin_ia32_packssdw512(a, b); }
  XQUANT_INLINE static words narrow_unsigned(integer a, integer b) { return __builtin_ia32_packusdw512(a, b); }
  XQUANT_INLINE static bytes narrow(words a, words b) { return bit_cast<bytes>(__builtin_ia32_packsswb512(a, b)); }
  XQUANT_INLINE static bytes narrow_unsigned(words a, words b) { return bit_cast<bytes>(__builtin_ia32_packuswb512(a, b)); }
  XQUANT_INLINE static words add_saturating(words a, words b) { return __builtin_elementwise_add_sat(a, b); }
  XQUANT_INLINE static products even_products(integer a, integer b) { return bit_cast<products>(__builtin_ia32_pmuludq512(a, b)); }
#else
  XQUANT_INLINE static real fused_multiply_less(real a, real b, real c) { return __builtin_ia32_vfmsubps512_mask(a, b, c, every, mode); }
  XQUANT_INLINE static real fused_multiply_subtract(real a, real b, real c) { return __builtin_ia32_vfnmaddps512_mask(a, b, c, every, mode); }
  XQUANT_INLINE static real minimum(real a, real b) { return __builtin_ia32_minps512_mask(a, b, real{}, every, mode); }
  XQUANT_INLINE static real maximum(real a, real b) { return __builtin_ia32_maxps512_mask(a, b, real{}, every, mode); }
  XQUANT_INLINE static words narrow(integer a, integer b) { return __builtin_ia32_packssdw512_mask(a, b, words{}, ~0u); }
  XQUANT_INLINE static words narrow_unsigned(integer a, integer b) { return __builtin_ia32_packusdw512_mask(a, b, words{}, ~0u); }
  XQUANT_INLINE static bytes narrow(words a, words b) { return bit_cast<bytes>(__builtin_ia32_packsswb512_mask(a, b, native_bytes{}, ~0ull)); }
  XQUANT_INLINE static bytes narrow_unsigned(words a, words b) { return bit_cast<bytes>(__builtin_ia32_packuswb512_mask(a, b, native_bytes{}, ~0ull)); }
  XQUANT_INLINE static words add_saturating(words a, words b) { return __builtin_ia32_paddsw512_mask(a, b, words{}, ~0u); }
  XQUANT_INLINE static products even_products(integer a, integer b) { return bit_cast<products>(__builtin_ia32_pmuludq512_mask(a, b, native_products{}, 0xff)); }
  XQUANT_INLINE static void store_past_caches(products* p, products v) { __builtin_ia32_movntdq512(reinterpret_cast<native_products*>(p), bit_cast<native_products>(v)); }
  XQUANT_INLINE static integer load_codes(const std::int8_t* p) { return __builtin_ia32_pmovsxbd512_mask(load<quarter_bytes>(p), integer{}, every_lane); }
  XQUANT_INLINE static integer load_codes(const std::uint8_t* p) { return __builtin_ia32_pmovzxbd512_mask(load<quarter_bytes>(p), integer{}, every_lane); }
  XQUANT_INLINE static integer load_codes(const std::int16_t* p) { return __builtin_ia32_pmovsxwd512_mask(load<half_words>(p), integer{}, every_lane); }
  XQUANT_INLINE static integer load_codes(const std::uint16_t* p) { return __builtin_ia32_pmovzxwd512_mask(load<half_words>(p), integer{}, every_lane); }
#endif
  XQUANT_INLINE static void stream_fence() { __builtin_ia32_sfence(); }
  // clang-format on

 private:
  using quarter_bytes = vector_of<char, 16>::type;
  static constexpr std::uint16_t every_lane = 0xffff;
  // Most of g++'s builtins take their mask signed, clang's all unsigned.
#if defined(__clang__)
  static constexpr std::uint16_t every = every_lane;
#else
  static constexpr std::int16_t every = -1;
#endif
  static constexpr int mode = 4;  // the rounding that is set, which is to nearest even
};

#if defined(__clang__)
template <>
struct vector_instructions<16> : machine_vectors<16> {};
#else
/// With masks of a bit per element. clang makes them of vectors of truth values by itself, g++ does not.
template <>
struct vector_instructions<16> : machine_vectors<16> {
  using mask = std::uint16_t;
  // clang-format off
  XQUANT_INLINE static mask less(real a, real b) { return compared<17>(a, b); }
  XQUANT_INLINE static mask less_equal(real a, real b) { return compared<18>(a, b); }
  XQUANT_INLINE static mask equal(real a, real b) { return compared<0>(a, b); }
  XQUANT_INLINE static mask less_integer(integer a, integer b) { return __builtin_ia32_cmpd512_mask(a, b, 1, every); }
  XQUANT_INLINE static real select(mask m, real a, real b) { return __builtin_ia32_blendmps_512_mask(b, a, m); }
  XQUANT_INLINE static integer select_integer(mask m, integer a, integer b) { return __builtin_ia32_blendmd_512_mask(b, a, m); }
  XQUANT_INLINE static mask unpack_mask(std::uint32_t bits) { return static_cast<mask>(bits); }
  XQUANT_INLINE static std::uint32_t pack_mask(mask m) { return m; }
  // clang-format on

 private:
  static constexpr mask every = 0xffff;
  // By the processor's number of a comparison, false when unordered.
  template <int Comparison>
  XQUANT_INLINE static mask compared(real a, real b) {
    return __builtin_ia32_cmpps512_mask(a, b, Comparison, every, 4);
  }
};
#endif

}  // namespace xquant
#endif
