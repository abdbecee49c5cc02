// 256 bits of x86-64: AVX2, and what FMA and F16C add to it.
#pragma once

#include <xquant/engines/vector/machine.hpp>

#if defined(__AVX2__)
namespace xquant::inline XQUANT_ABI {

template <>
struct machine_instructions<8> : machine_registers<8> {
  static constexpr bool converts_low_to_least = true;

  // clang-format off
  XQUANT_INLINE static integer round_even_to_integer(real a) { return __builtin_ia32_cvtps2dq256(a); }
  XQUANT_INLINE static integer truncate_to_integer(real a) { return __builtin_ia32_cvttps2dq256(a); }
  XQUANT_INLINE static real round_even(real a) { return __builtin_ia32_roundps256(a, 8); }
  XQUANT_INLINE static real truncate(real a) { return __builtin_ia32_roundps256(a, 11); }
  XQUANT_INLINE static words narrow(integer a, integer b) { return __builtin_ia32_packssdw256(a, b); }
  XQUANT_INLINE static words narrow_unsigned(integer a, integer b) { return __builtin_ia32_packusdw256(a, b); }
  XQUANT_INLINE static bytes narrow(words a, words b) { return bit_cast<bytes>(__builtin_ia32_packsswb256(a, b)); }
  XQUANT_INLINE static bytes narrow_unsigned(words a, words b) { return bit_cast<bytes>(__builtin_ia32_packuswb256(a, b)); }
  XQUANT_INLINE static words in_order(words a) { return bit_cast<words>(__builtin_shufflevector(bit_cast<products>(a), products{}, 0, 2, 1, 3)); }
  XQUANT_INLINE static bytes in_order(bytes a) { return bit_cast<bytes>(__builtin_shufflevector(bit_cast<integer>(a), integer{}, 0, 4, 1, 5, 2, 6, 3, 7)); }
  XQUANT_INLINE static std::uint32_t pack_mask(integer m) { return static_cast<std::uint32_t>(__builtin_ia32_movmskps256(bit_cast<real>(m))); }
  XQUANT_INLINE static products even_products(integer a, integer b) { return bit_cast<products>(__builtin_ia32_pmuludq256(a, b)); }
#if defined(__FMA__)
#if XQUANT_VECTORS_BY_LANGUAGE
  XQUANT_INLINE static real fused_multiply_add(real a, real b, real c) { return __builtin_elementwise_fma(a, b, c); }
#else
  XQUANT_INLINE static real fused_multiply_add(real a, real b, real c) { return __builtin_ia32_vfmaddps256(a, b, c); }
#endif
#endif
#if defined(__F16C__)
#if XQUANT_VECTORS_BY_LANGUAGE
  XQUANT_INLINE static real load_float16(const std::uint16_t* p) { return __builtin_convertvector(load<half_reals>(p), real); }
#else
  XQUANT_INLINE static real load_float16(const std::uint16_t* p) { return __builtin_ia32_vcvtph2ps256(load<half_words>(p)); }
#endif
  XQUANT_INLINE static void store_float16(std::uint16_t* p, real v) { const half_words w = __builtin_ia32_vcvtps2ph256(v, 0); __builtin_memcpy(p, &w, sizeof w); }
#endif
#if defined(__clang__)
  XQUANT_INLINE static words add_saturating(words a, words b) { return __builtin_elementwise_add_sat(a, b); }
#else
#if defined(__FMA__)
  XQUANT_INLINE static real fused_multiply_less(real a, real b, real c) { return __builtin_ia32_vfmsubps256(a, b, c); }
  XQUANT_INLINE static real fused_multiply_subtract(real a, real b, real c) { return __builtin_ia32_vfnmaddps256(a, b, c); }
#endif
  XQUANT_INLINE static real minimum(real a, real b) { return __builtin_ia32_minps256(a, b); }
  XQUANT_INLINE static real maximum(real a, real b) { return __builtin_ia32_maxps256(a, b); }
  XQUANT_INLINE static words add_saturating(words a, words b) { return __builtin_ia32_paddsw256(a, b); }
  XQUANT_INLINE static void store_past_caches(products* p, products v) { __builtin_ia32_movntdq256(reinterpret_cast<native_products*>(p), bit_cast<native_products>(v)); }
  XQUANT_INLINE static integer load_codes(const std::int8_t* p) { return __builtin_ia32_pmovsxbd256(low_half(p)); }
  XQUANT_INLINE static integer load_codes(const std::uint8_t* p) { return __builtin_ia32_pmovzxbd256(low_half(p)); }
  XQUANT_INLINE static integer load_codes(const std::int16_t* p) { return __builtin_ia32_pmovsxwd256(load<half_words>(p)); }
  XQUANT_INLINE static integer load_codes(const std::uint16_t* p) { return __builtin_ia32_pmovzxwd256(load<half_words>(p)); }
#endif
  XQUANT_INLINE static void stream_fence() { __builtin_ia32_sfence(); }
  // clang-format on

 private:
  XQUANT_INLINE static vector_of<char, 16>::type low_half(const void* p) {
    std::uint64_t eight;
    __builtin_memcpy(&eight, p, 8);
    return bit_cast<vector_of<char, 16>::type>(vector_of<std::uint64_t, 16>::type{eight, 0});
  }
};

template <>
struct vector_instructions<8> : machine_vectors<8> {};

}  // namespace xquant
#endif
