// AVX2 with fused multiply-add.
#pragma once

#include <xquant/engines/simd/lane.hpp>

#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>

namespace xquant::inline XQUANT_ABI {

template <>
struct instruction_set<xsimd::fma3<xsimd::avx2>> {
  using real = __m256;
  using integer = __m256i;
  static constexpr bool converts_low_to_least = true;

  // clang-format off
  XQUANT_INLINE static real rounded(real a) { asm("" : "+x"(a)); return a; }
  XQUANT_INLINE static real divide(real a, real b) { return _mm256_div_ps(a, b); }
  // q + (a - q b) / b with one rounding each: docs/arithmetic.md, rule 4. This arrangement of signs keeps -0.
  XQUANT_INLINE static real short_quotient(real a, real b, real r) {
    const real q = rounded(_mm256_mul_ps(a, r));
    return _mm256_fnmadd_ps(_mm256_fmsub_ps(q, b, a), r, q);
  }
  XQUANT_INLINE static real fused_multiply_add(real a, real b, real c) { return _mm256_fmadd_ps(a, b, c); }
  XQUANT_INLINE static real minimum(real a, real b) { return _mm256_min_ps(a, b); }
  XQUANT_INLINE static real maximum(real a, real b) { return _mm256_max_ps(a, b); }
  XQUANT_INLINE static real round_even(real a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  XQUANT_INLINE static real truncate(real a) { return _mm256_round_ps(a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }
  XQUANT_INLINE static integer round_even_to_integer(real a) { return _mm256_cvtps_epi32(a); }
  XQUANT_INLINE static integer truncate_to_integer(real a) { return _mm256_cvttps_epi32(a); }
  XQUANT_INLINE static real to_real(integer a) { return _mm256_cvtepi32_ps(a); }
  XQUANT_INLINE static integer minimum_integer(integer a, integer b) { return _mm256_min_epi32(a, b); }
  XQUANT_INLINE static integer maximum_integer(integer a, integer b) { return _mm256_max_epi32(a, b); }
  XQUANT_INLINE static real less_integer(integer a, integer b) { return _mm256_castsi256_ps(_mm256_cmpgt_epi32(b, a)); }
  template <int Count> XQUANT_INLINE static integer shift_left(integer a) { return _mm256_slli_epi32(a, Count); }
  template <int Count> XQUANT_INLINE static integer shift_right(integer a) { return _mm256_srli_epi32(a, Count); }
  XQUANT_INLINE static integer to_bits(real a) { return _mm256_castps_si256(a); }
  XQUANT_INLINE static real from_bits(integer a) { return _mm256_castsi256_ps(a); }
  XQUANT_INLINE static integer ramp() { return _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7); }

  XQUANT_INLINE static integer load_codes(const std::int8_t* p) { return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))); }
  XQUANT_INLINE static integer load_codes(const std::uint8_t* p) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))); }
  XQUANT_INLINE static integer load_codes(const std::int16_t* p) { return _mm256_cvtepi16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
  XQUANT_INLINE static integer load_codes(const std::uint16_t* p) { return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
#if defined(__F16C__)
  XQUANT_INLINE static real load_float16(const std::uint16_t* p) { return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
  XQUANT_INLINE static void store_float16(std::uint16_t* p, real v) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT)); }
#endif
  // clang-format on

  XQUANT_INLINE static real unpack_mask(std::uint32_t bits) {
    const integer each = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    const integer all = _mm256_set1_epi32(static_cast<int>(bits));
    return _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(all, each), each));
  }
  XQUANT_INLINE static std::uint32_t pack_mask(real m) { return static_cast<std::uint32_t>(_mm256_movemask_ps(m)); }

  XQUANT_INLINE static void multiply_words(integer a, std::uint32_t b, integer& high, integer& low) {
    const integer m = _mm256_set1_epi64x(b);
    const integer even = _mm256_mul_epu32(a, m);
    const integer odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), m);
    high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA);
    low = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA);
  }

  template <class Code>
  requires(sizeof(Code) == 1) XQUANT_INLINE
      static void store_codes(Code* p, const integer (&v)[8], std::int32_t lower, std::int32_t upper) {
    XQUANT_UNROLL
    for (int h = 0; h < 8; h += 4)
      store_words(p + 8 * h, _mm256_packs_epi32(v[h], v[h + 1]), _mm256_packs_epi32(v[h + 2], v[h + 3]), lower, upper);
  }
  template <class Code>
  XQUANT_INLINE static void store_sums(Code* p, const integer (&v)[8], const integer (&zero)[8], std::int32_t lower,
                                       std::int32_t upper) {
    XQUANT_UNROLL
    for (int h = 0; h < 8; h += 4)
      store_words(
          p + 8 * h, _mm256_adds_epi16(_mm256_packs_epi32(v[h], v[h + 1]), _mm256_packs_epi32(zero[h], zero[h + 1])),
          _mm256_adds_epi16(_mm256_packs_epi32(v[h + 2], v[h + 3]), _mm256_packs_epi32(zero[h + 2], zero[h + 3])),
          lower, upper);
  }
  XQUANT_INLINE static void store_codes(std::int16_t* p, const integer (&v)[8], std::int32_t lower,
                                        std::int32_t upper) {
    const integer low = _mm256_set1_epi16(static_cast<short>(lower));
    const integer high = _mm256_set1_epi16(static_cast<short>(upper));
    XQUANT_UNROLL
    for (int h = 0; h < 4; ++h)
      store(p + 16 * h,
            in_pairs(_mm256_min_epi16(_mm256_max_epi16(_mm256_packs_epi32(v[2 * h], v[2 * h + 1]), low), high)));
  }
  XQUANT_INLINE static void store_codes(std::uint16_t* p, const integer (&v)[8], std::int32_t lower,
                                        std::int32_t upper) {
    const integer low = _mm256_set1_epi16(static_cast<short>(lower));
    const integer high = _mm256_set1_epi16(static_cast<short>(upper));
    XQUANT_UNROLL
    for (int h = 0; h < 4; ++h)
      store(p + 16 * h,
            in_pairs(_mm256_min_epu16(_mm256_max_epu16(_mm256_packus_epi32(v[2 * h], v[2 * h + 1]), low), high)));
  }

  XQUANT_INLINE static void stream_line(void* to, const void* from) {
    const auto* f = static_cast<const __m256i*>(from);
    auto* t = static_cast<__m256i*>(to);
    _mm256_stream_si256(t, _mm256_loadu_si256(f));
    _mm256_stream_si256(t + 1, _mm256_loadu_si256(f + 1));
  }
  XQUANT_INLINE static void stream_fence() { _mm_sfence(); }

 private:
  XQUANT_INLINE static void store_words(std::int8_t* p, integer a, integer b, std::int32_t lower, std::int32_t upper) {
    const integer held =
        _mm256_min_epi8(_mm256_max_epi8(_mm256_packs_epi16(a, b), _mm256_set1_epi8(static_cast<char>(lower))),
                        _mm256_set1_epi8(static_cast<char>(upper)));
    store(p, in_order(held));
  }
  XQUANT_INLINE static void store_words(std::uint8_t* p, integer a, integer b, std::int32_t lower, std::int32_t upper) {
    const integer held =
        _mm256_min_epu8(_mm256_max_epu8(_mm256_packus_epi16(a, b), _mm256_set1_epi8(static_cast<char>(lower))),
                        _mm256_set1_epi8(static_cast<char>(upper)));
    store(p, in_order(held));
  }
  template <class Code>
  XQUANT_INLINE static void store(Code* p, integer v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v);
  }
  // Packs work on 128-bit halves; these put the parts back in order.
  XQUANT_INLINE static integer in_order(integer packed) {
    return _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  }
  XQUANT_INLINE static integer in_pairs(integer packed) { return _mm256_permute4x64_epi64(packed, 0xD8); }
};

}  // namespace xquant
#endif
