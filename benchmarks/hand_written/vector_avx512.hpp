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
  // For an upper bound of at least 0 and a that is no NaN: floats of one sign are ordered as integers are, which any
  // unit can compare.
  HAND_INLINE static real held_below(real a, real bound) {
    return _mm512_castsi512_ps(_mm512_min_epi32(_mm512_castps_si512(a), _mm512_castps_si512(bound)));
  }
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

  using mask = __mmask16;
  HAND_INLINE static mask less(real a, real b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
  HAND_INLINE static mask less_equal(real a, real b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
  HAND_INLINE static mask equal(real a, real b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
  HAND_INLINE static mask and_less(mask m, real a, real b) { return _mm512_mask_cmp_ps_mask(m, a, b, _CMP_LT_OQ); }
  HAND_INLINE static mask and_less_equal(mask m, real a, real b) {
    return _mm512_mask_cmp_ps_mask(m, a, b, _CMP_LE_OQ);
  }
  HAND_INLINE static real where(mask m, real v) { return _mm512_maskz_mov_ps(m, v); }  // else +0
  HAND_INLINE static real where_not(mask m, real v) {
    return _mm512_maskz_mov_ps(static_cast<__mmask16>(~static_cast<unsigned>(m)), v);
  }
  HAND_INLINE static real choose(mask m, real a, real b) { return _mm512_mask_mov_ps(b, m, a); }
  // A product that g++ does not fuse with the sum it goes into.
  HAND_INLINE static real apart(real v) {
    asm("" : "+v"(v));
    return v;
  }
  HAND_INLINE static real absolute(real v) { return _mm512_andnot_ps(set(-0.0f), v); }
  // v with its sign turned where that of s is set.
  HAND_INLINE static real turned(real v, real s) { return _mm512_xor_ps(v, _mm512_and_ps(s, set(-0.0f))); }

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

  // The zeroing forms: g++ 12 warns about the plain ones' own code.
  HAND_INLINE static float lowest_of(real v) {
    const __m256 h = _mm256_min_ps(_mm512_castps512_ps256(v), upper_half(v));
    __m128 a = _mm_min_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    a = _mm_min_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_min_ss(a, _mm_movehdup_ps(a)));
  }
  HAND_INLINE static float highest_of(real v) {
    const __m256 h = _mm256_max_ps(_mm512_castps512_ps256(v), upper_half(v));
    __m128 a = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    a = _mm_max_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_max_ss(a, _mm_movehdup_ps(a)));
  }
  HAND_INLINE static double sum_of(real v) {
    const __m512d d = _mm512_add_pd(_mm512_maskz_cvtps_pd(0xff, _mm512_castps512_ps256(v)),
                                    _mm512_maskz_cvtps_pd(0xff, upper_half(v)));
    const __m256d a = _mm256_add_pd(_mm512_castpd512_pd256(d), _mm512_maskz_extractf64x4_pd(0xf, d, 1));
    const __m128d b = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
    return _mm_cvtsd_f64(_mm_add_sd(b, _mm_unpackhi_pd(b, b)));
  }

 private:
  HAND_INLINE static __m256 upper_half(real v) { return _mm512_maskz_extractf32x8_ps(0xff, v, 1); }
};

}  // namespace hand_written
