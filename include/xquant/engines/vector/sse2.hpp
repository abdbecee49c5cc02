// 128 bits of x86-64: SSE2, the baseline, and what SSE4.1, FMA and F16C add to it.
#pragma once

#include <xquant/engines/vector/machine.hpp>

#if defined(__SSE2__)
namespace xquant::inline XQUANT_ABI {

template <>
struct machine_instructions<4> : machine_registers<4> {
  static constexpr bool converts_low_to_least = true;

  // clang-format off
  XQUANT_INLINE static integer round_even_to_integer(real a) { return __builtin_ia32_cvtps2dq(a); }
  XQUANT_INLINE static integer truncate_to_integer(real a) { return __builtin_ia32_cvttps2dq(a); }
  XQUANT_INLINE static words narrow(integer a, integer b) { return __builtin_ia32_packssdw128(a, b); }
  XQUANT_INLINE static bytes narrow(words a, words b) { return bit_cast<bytes>(__builtin_ia32_packsswb128(a, b)); }
  XQUANT_INLINE static bytes narrow_unsigned(words a, words b) { return bit_cast<bytes>(__builtin_ia32_packuswb128(a, b)); }
  XQUANT_INLINE static words in_order(words a) { return a; }
  XQUANT_INLINE static bytes in_order(bytes a) { return a; }
  XQUANT_INLINE static std::uint32_t pack_mask(integer m) { return static_cast<std::uint32_t>(__builtin_ia32_movmskps(bit_cast<real>(m))); }
  XQUANT_INLINE static products even_products(integer a, integer b) { return bit_cast<products>(__builtin_ia32_pmuludq128(a, b)); }
#if defined(__SSE4_1__)
  XQUANT_INLINE static real round_even(real a) { return __builtin_ia32_roundps(a, 8); }
  XQUANT_INLINE static real truncate(real a) { return __builtin_ia32_roundps(a, 11); }
  XQUANT_INLINE static words narrow_unsigned(integer a, integer b) { return __builtin_ia32_packusdw128(a, b); }
#else
  // Values moved by 2^15 and back: there is no pack to words without sign.
  XQUANT_INLINE static words narrow_unsigned(integer a, integer b) { return narrow((a & (a > 0)) - 32768, (b & (b > 0)) - 32768) ^ static_cast<std::int16_t>(-32768); }
#endif
#if defined(__FMA__)
#if XQUANT_VECTORS_BY_LANGUAGE
  XQUANT_INLINE static real fused_multiply_add(real a, real b, real c) { return __builtin_elementwise_fma(a, b, c); }
#else
  XQUANT_INLINE static real fused_multiply_add(real a, real b, real c) { return __builtin_ia32_vfmaddps(a, b, c); }
#endif
#endif
#if defined(__F16C__)
#if XQUANT_VECTORS_BY_LANGUAGE
  XQUANT_INLINE static real load_float16(const std::uint16_t* p) { return __builtin_convertvector(load<half_reals>(p), real); }
#else
  XQUANT_INLINE static real load_float16(const std::uint16_t* p) { return __builtin_ia32_vcvtph2ps(low_half<words>(p)); }
#endif
  XQUANT_INLINE static void store_float16(std::uint16_t* p, real v) { const words w = __builtin_ia32_vcvtps2ph(v, 0); __builtin_memcpy(p, &w, 8); }
#endif
#if defined(__clang__)
  XQUANT_INLINE static words add_saturating(words a, words b) { return __builtin_elementwise_add_sat(a, b); }
#else
#if defined(__FMA__)
  XQUANT_INLINE static real fused_multiply_less(real a, real b, real c) { return __builtin_ia32_vfmsubps(a, b, c); }
  XQUANT_INLINE static real fused_multiply_subtract(real a, real b, real c) { return __builtin_ia32_vfnmaddps(a, b, c); }
#endif
  XQUANT_INLINE static real minimum(real a, real b) { return __builtin_ia32_minps(a, b); }
  XQUANT_INLINE static real maximum(real a, real b) { return __builtin_ia32_maxps(a, b); }
  XQUANT_INLINE static words add_saturating(words a, words b) { return __builtin_ia32_paddsw128(a, b); }
  XQUANT_INLINE static void store_past_caches(products* p, products v) { __builtin_ia32_movntdq(reinterpret_cast<native_products*>(p), bit_cast<native_products>(v)); }
#if defined(__SSE4_1__)
  XQUANT_INLINE static integer load_codes(const std::int8_t* p) { return __builtin_ia32_pmovsxbd128(low_quarter(p)); }
  XQUANT_INLINE static integer load_codes(const std::uint8_t* p) { return __builtin_ia32_pmovzxbd128(low_quarter(p)); }
  XQUANT_INLINE static integer load_codes(const std::int16_t* p) { return __builtin_ia32_pmovsxwd128(low_half<words>(p)); }
  XQUANT_INLINE static integer load_codes(const std::uint16_t* p) { return __builtin_ia32_pmovzxwd128(low_half<words>(p)); }
#else
  XQUANT_INLINE static integer load_codes(const std::int8_t* p) { const native_bytes b = low_quarter(p); return in_upper_half(bit_cast<words>(__builtin_ia32_punpcklbw128(b, b))) >> 24; }
  XQUANT_INLINE static integer load_codes(const std::uint8_t* p) { return in_lower_half(bit_cast<words>(__builtin_ia32_punpcklbw128(low_quarter(p), native_bytes{}))); }
  XQUANT_INLINE static integer load_codes(const std::int16_t* p) { return in_upper_half(low_half<words>(p)) >> 16; }
  XQUANT_INLINE static integer load_codes(const std::uint16_t* p) { return in_lower_half(low_half<words>(p)); }
#endif
#endif
  XQUANT_INLINE static void stream_fence() { __builtin_ia32_sfence(); }
  // clang-format on

 private:
  XQUANT_INLINE static native_bytes low_quarter(const void* p) {
    std::int32_t four;
    __builtin_memcpy(&four, p, 4);
    return bit_cast<native_bytes>(integer{four, 0, 0, 0});
  }
  template <class Vector>
  XQUANT_INLINE static Vector low_half(const void* p) {
    std::uint64_t eight;
    __builtin_memcpy(&eight, p, 8);
    return bit_cast<Vector>(products{eight, 0});
  }
  XQUANT_INLINE static integer in_upper_half(words w) {
    return bit_cast<integer>(__builtin_shufflevector(w, w, 0, 0, 1, 1, 2, 2, 3, 3));
  }
  XQUANT_INLINE static integer in_lower_half(words w) {
    return bit_cast<integer>(__builtin_shufflevector(w, words{}, 0, 8, 1, 9, 2, 10, 3, 11));
  }
};

template <>
struct vector_instructions<4> : machine_vectors<4> {};

}  // namespace xquant
#endif
