// What the hand-written kernels need of AVX2 with fused multiply-add, one intrinsic or two each.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#define HAND_INLINE __attribute__((always_inline)) inline

namespace hand_written {

inline constexpr const char* instruction_set_name = "AVX2";

struct vec {
  using real = __m256;
  using integer = __m256i;
  static constexpr std::size_t width = 8;

  HAND_INLINE static real set(float v) { return _mm256_set1_ps(v); }
  HAND_INLINE static integer set(std::int32_t v) { return _mm256_set1_epi32(v); }
  HAND_INLINE static integer set_words(std::int32_t v) { return _mm256_set1_epi16(static_cast<short>(v)); }
  HAND_INLINE static real load(const float* p) { return _mm256_loadu_ps(p); }
  HAND_INLINE static integer load(const std::int32_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  HAND_INLINE static integer load(const std::int8_t* p) {
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  }
  template <bool Stream>
  HAND_INLINE static void store(float* p, real v) {
    if constexpr (Stream)
      _mm256_stream_ps(p, v);
    else
      _mm256_storeu_ps(p, v);
  }
  template <bool Stream>
  HAND_INLINE static void store(std::int8_t* p, integer v) {
    if constexpr (Stream)
      _mm256_stream_si256(reinterpret_cast<__m256i*>(p), v);
    else
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v);
  }

  HAND_INLINE static real multiply(real a, real b) { return _mm256_mul_ps(a, b); }
  HAND_INLINE static real divide(real a, real b) { return _mm256_div_ps(a, b); }
  HAND_INLINE static real subtract(real a, real b) { return _mm256_sub_ps(a, b); }
  HAND_INLINE static real add(real a, real b) { return _mm256_add_ps(a, b); }
  HAND_INLINE static real fused(real a, real b, real c) { return _mm256_fmadd_ps(a, b, c); }
  // x / s from r = 1 / s: the product and its residual, each rounded once.
  HAND_INLINE static real quotient(real x, real s, real r) {
    const real q = _mm256_mul_ps(x, r);
    return _mm256_fnmadd_ps(_mm256_fmsub_ps(q, s, x), r, q);
  }
  // b when either is NaN.
  HAND_INLINE static real minimum(real a, real b) { return _mm256_min_ps(a, b); }
  HAND_INLINE static real maximum(real a, real b) { return _mm256_max_ps(a, b); }
  // For an upper bound of at least 0 and a that is no NaN: floats of one sign are ordered as integers are, which any
  // unit can compare.
  HAND_INLINE static real held_below(real a, real bound) {
    return _mm256_castsi256_ps(_mm256_min_epi32(_mm256_castps_si256(a), _mm256_castps_si256(bound)));
  }
  HAND_INLINE static integer minimum(integer a, integer b) { return _mm256_min_epi32(a, b); }
  HAND_INLINE static integer maximum(integer a, integer b) { return _mm256_max_epi32(a, b); }
  HAND_INLINE static integer add(integer a, integer b) { return _mm256_add_epi32(a, b); }
  HAND_INLINE static integer subtract(integer a, integer b) { return _mm256_sub_epi32(a, b); }
  HAND_INLINE static integer to_nearest(real v) { return _mm256_cvtps_epi32(v); }  // NaN and overflow: -2^31
  HAND_INLINE static integer to_zero(real v) { return _mm256_cvttps_epi32(v); }
  HAND_INLINE static real to_real(integer v) { return _mm256_cvtepi32_ps(v); }
  HAND_INLINE static real round(real v) { return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  // value where low <= v <= high, else +0.
  HAND_INLINE static real where_within(real v, real low, real high, const float* value) {
    return _mm256_and_ps(_mm256_and_ps(_mm256_cmp_ps(v, low, _CMP_GE_OQ), _mm256_cmp_ps(v, high, _CMP_LE_OQ)),
                         load(value));
  }
  HAND_INLINE static std::uint32_t within_bits(real v, real low, real high) {
    return static_cast<std::uint32_t>(
        _mm256_movemask_ps(_mm256_and_ps(_mm256_cmp_ps(v, low, _CMP_GE_OQ), _mm256_cmp_ps(v, high, _CMP_LE_OQ))));
  }
  using mask = __m256;
  HAND_INLINE static mask less(real a, real b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
  HAND_INLINE static mask less_equal(real a, real b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
  HAND_INLINE static mask equal(real a, real b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
  HAND_INLINE static mask and_less(mask m, real a, real b) { return _mm256_and_ps(m, less(a, b)); }
  HAND_INLINE static mask and_less_equal(mask m, real a, real b) { return _mm256_and_ps(m, less_equal(a, b)); }
  HAND_INLINE static real where(mask m, real v) { return _mm256_and_ps(m, v); }  // else +0
  HAND_INLINE static real where_not(mask m, real v) { return _mm256_andnot_ps(m, v); }
  HAND_INLINE static real choose(mask m, real a, real b) { return _mm256_blendv_ps(b, a, m); }
  // A product that g++ does not fuse with the sum it goes into.
  HAND_INLINE static real apart(real v) {
    asm("" : "+x"(v));
    return v;
  }
  HAND_INLINE static real absolute(real v) { return _mm256_andnot_ps(set(-0.0f), v); }
  // v with its sign turned where that of s is set.
  HAND_INLINE static real turned(real v, real s) { return _mm256_xor_ps(v, _mm256_and_ps(s, set(-0.0f))); }

  /// Two vectors to saturated words, in the order of pack().
  HAND_INLINE static integer words(integer a, integer b) { return _mm256_packs_epi32(a, b); }
  /// Four vectors to saturated bytes in order, zero points (as words) added on the way.
  HAND_INLINE static integer pack(integer a, integer b, integer c, integer d, integer zero_ab, integer zero_cd) {
    const integer ab = _mm256_adds_epi16(_mm256_packs_epi32(a, b), zero_ab);
    const integer cd = _mm256_adds_epi16(_mm256_packs_epi32(c, d), zero_cd);
    return _mm256_permutevar8x32_epi32(_mm256_packs_epi16(ab, cd), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  }
  HAND_INLINE static integer pack(integer a, integer b, integer c, integer d) {
    return _mm256_permutevar8x32_epi32(_mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d)),
                                       _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  }

  HAND_INLINE static float lowest_of(real v) {
    __m128 a = _mm_min_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    a = _mm_min_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_min_ss(a, _mm_movehdup_ps(a)));
  }
  HAND_INLINE static float highest_of(real v) {
    __m128 a = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    a = _mm_max_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_max_ss(a, _mm_movehdup_ps(a)));
  }
  HAND_INLINE static double sum_of(real v) {
    const __m256d a =
        _mm256_add_pd(_mm256_cvtps_pd(_mm256_castps256_ps128(v)), _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1)));
    const __m128d b = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
    return _mm_cvtsd_f64(_mm_add_sd(b, _mm_unpackhi_pd(b, b)));
  }
};

}  // namespace hand_written
