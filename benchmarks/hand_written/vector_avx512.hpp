// What the hand-written kernels need of AVX-512 (F, BW, DQ), one intrinsic or two each.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#define HAND_INLINE __attribute__((always_inline)) inline

namespace hand_written {

inline constexpr const char* instruction_set_name = "AVX-512";

struct vec {
  using real = __m512;
  using integer = __m512i;
  static constexpr std::size_t width = 16;

  HAND_INLINE static real set(float v) { return _mm512_set1_ps(v); }
  HAND_INLINE static integer set(std::int32_t v) { return _mm512_set1_epi32(v); }
  HAND_INLINE static integer set_words(std::int32_t v) { return _mm512_set1_epi16(static_cast<short>(v)); }
  HAND_INLINE static real load(const float* p) { return _mm512_loadu_ps(p); }
  HAND_INLINE static integer load(const std::int32_t* p) { return _mm512_loadu_si512(p); }
  HAND_INLINE static integer load(const std::int8_t* p) {
    return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  template <bool Stream>
  HAND_INLINE static void store(float* p, real v) {
    if constexpr (Stream)
      _mm512_stream_ps(p, v);
    else
      _mm512_storeu_ps(p, v);
  }
  template <bool Stream>
  HAND_INLINE static void store(std::int8_t* p, integer v) {
    if constexpr (Stream)
      _mm512_stream_si512(reinterpret_cast<__m512i*>(p), v);
    else
      _mm512_storeu_si512(p, v);
  }

  HAND_INLINE static real multiply(real a, real b) { return _mm512_mul_ps(a, b); }
  HAND_INLINE static real divide(real a, real b) { return _mm512_div_ps(a, b); }
  HAND_INLINE static real subtract(real a, real b) { return _mm512_sub_ps(a, b); }
  HAND_INLINE static real add(real a, real b) { return _mm512_add_ps(a, b); }
  HAND_INLINE static real fused(real a, real b, real c) { return _mm512_fmadd_ps(a, b, c); }
  // x / s from r = 1 / s: the product and its residual, each rounded once.
  HAND_INLINE static real quotient(real x, real s, real r) {
    const real q = _mm512_mul_ps(x, r);
    return _mm512_fnmadd_ps(_mm512_fmsub_ps(q, s, x), r, q);
  }
  // b when either is NaN.
  HAND_INLINE static real minimum(real a, real b) { return _mm512_min_ps(a, b); }
  HAND_INLINE static real maximum(real a, real b) { return _mm512_max_ps(a, b); }
  HAND_INLINE static integer minimum(integer a, integer b) { return _mm512_min_epi32(a, b); }
  HAND_INLINE static integer maximum(integer a, integer b) { return _mm512_max_epi32(a, b); }
  HAND_INLINE static integer add(integer a, integer b) { return _mm512_add_epi32(a, b); }
  HAND_INLINE static integer subtract(integer a, integer b) { return _mm512_sub_epi32(a, b); }
  HAND_INLINE static integer to_nearest(real v) { return _mm512_cvtps_epi32(v); }  // NaN and overflow: -2^31
  HAND_INLINE static integer to_zero(real v) { return _mm512_cvttps_epi32(v); }
  HAND_INLINE static real to_real(integer v) { return _mm512_cvtepi32_ps(v); }
  HAND_INLINE static real round(real v) {
    return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  // value where low <= v <= high, else +0.
  HAND_INLINE static real where_within(real v, real low, real high, const float* value) {
    const __mmask16 m = _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(v, low, _CMP_GE_OQ), v, high, _CMP_LE_OQ);
    return _mm512_maskz_loadu_ps(m, value);
  }
  HAND_INLINE static std::uint32_t within_bits(real v, real low, real high) {
    return _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(v, low, _CMP_GE_OQ), v, high, _CMP_LE_OQ);
  }

  /// Two vectors to saturated words, in the order of pack().
  HAND_INLINE static integer words(integer a, integer b) { return _mm512_packs_epi32(a, b); }
  /// Four vectors to saturated bytes in order, zero points (as words) added on the way.
  HAND_INLINE static integer pack(integer a, integer b, integer c, integer d, integer zero_ab, integer zero_cd) {
    const integer ab = _mm512_adds_epi16(_mm512_packs_epi32(a, b), zero_ab);
    const integer cd = _mm512_adds_epi16(_mm512_packs_epi32(c, d), zero_cd);
    return _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
                                    _mm512_packs_epi16(ab, cd));
  }
  HAND_INLINE static integer pack(integer a, integer b, integer c, integer d) {
    return _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
                                    _mm512_packs_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d)));
  }

  HAND_INLINE static float lowest_of(real v) { return _mm512_reduce_min_ps(v); }
  HAND_INLINE static float highest_of(real v) { return _mm512_reduce_max_ps(v); }
  HAND_INLINE static double sum_of(real v) {
    return _mm512_reduce_add_pd(
        _mm512_add_pd(_mm512_cvtps_pd(_mm512_castps512_ps256(v)), _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1))));
  }
};

}  // namespace hand_written
