// AVX-512 (F, CD, DQ, BW).
#pragma once

#include <xquant/engines/simd/lane.hpp>

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__)
#include <immintrin.h>

// Without optimisation g++'s intrinsics are macros, which convert their masks where they are used.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
#endif

namespace xquant::inline XQUANT_ABI {

template <>
struct instruction_set<xsimd::avx512bw> {
  using real = __m512;
  using integer = __m512i;
  static constexpr bool converts_low_to_least = true;

  // clang-format off
  XQUANT_INLINE static real rounded(real a) { asm("" : "+v"(a)); return a; }
  XQUANT_INLINE static real divide(real a, real b) { return _mm512_div_ps(a, b); }
  // q + (a - q b) / b with one rounding each: docs/arithmetic.md, rule 4. This arrangement of signs keeps -0.
  XQUANT_INLINE static real short_quotient(real a, real b, real r) {
    const real q = rounded(_mm512_mul_ps(a, r));
    return _mm512_fnmadd_ps(_mm512_fmsub_ps(q, b, a), r, q);
  }
  XQUANT_INLINE static real fused_multiply_add(real a, real b, real c) { return _mm512_fmadd_ps(a, b, c); }
  XQUANT_INLINE static real minimum(real a, real b) { return _mm512_min_ps(a, b); }
  XQUANT_INLINE static real maximum(real a, real b) { return _mm512_max_ps(a, b); }
  XQUANT_INLINE static real round_even(real a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  XQUANT_INLINE static real truncate(real a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }
  XQUANT_INLINE static integer round_even_to_integer(real a) { return _mm512_cvtps_epi32(a); }
  XQUANT_INLINE static integer truncate_to_integer(real a) { return _mm512_cvttps_epi32(a); }
  XQUANT_INLINE static real to_real(integer a) { return _mm512_cvtepi32_ps(a); }
  XQUANT_INLINE static integer minimum_integer(integer a, integer b) { return _mm512_min_epi32(a, b); }
  XQUANT_INLINE static integer maximum_integer(integer a, integer b) { return _mm512_max_epi32(a, b); }
  XQUANT_INLINE static __mmask16 less_integer(integer a, integer b) { return _mm512_cmplt_epi32_mask(a, b); }
  template <int Count> XQUANT_INLINE static integer shift_left(integer a) { return _mm512_slli_epi32(a, Count); }
  template <int Count> XQUANT_INLINE static integer shift_right(integer a) { return _mm512_srli_epi32(a, Count); }
  XQUANT_INLINE static integer to_bits(real a) { return _mm512_castps_si512(a); }
  XQUANT_INLINE static real from_bits(integer a) { return _mm512_castsi512_ps(a); }
  XQUANT_INLINE static integer ramp() { return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15); }

  XQUANT_INLINE static integer load_codes(const std::int8_t* p) { return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
  XQUANT_INLINE static integer load_codes(const std::uint8_t* p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
  XQUANT_INLINE static integer load_codes(const std::int16_t* p) { return _mm512_cvtepi16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
  XQUANT_INLINE static integer load_codes(const std::uint16_t* p) { return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
  XQUANT_INLINE static real load_float16(const std::uint16_t* p) { return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
  XQUANT_INLINE static void store_float16(std::uint16_t* p, real v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT)); }
  // clang-format on

  XQUANT_INLINE static __mmask16 unpack_mask(std::uint32_t bits) { return static_cast<__mmask16>(bits); }
  XQUANT_INLINE static std::uint32_t pack_mask(__mmask16 m) { return m; }

  XQUANT_INLINE static void multiply_words(integer a, std::uint32_t b, integer& high, integer& low) {
    const integer m = _mm512_set1_epi64(b);
    const integer even = _mm512_mul_epu32(a, m);
    const integer odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), m);
    high = _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 32), odd);
    low = _mm512_mask_blend_epi32(0xAAAA, even, _mm512_slli_epi64(odd, 32));
  }

  template <class Code>
  requires(sizeof(Code) == 1) XQUANT_INLINE
      static void store_codes(Code* p, const integer (&v)[4], std::int32_t lower, std::int32_t upper) {
    store_words(p, _mm512_packs_epi32(v[0], v[1]), _mm512_packs_epi32(v[2], v[3]), lower, upper);
  }
  template <class Code>
  XQUANT_INLINE static void store_sums(Code* p, const integer (&v)[4], const integer (&zero)[4], std::int32_t lower,
                                       std::int32_t upper) {
    store_words(p, _mm512_adds_epi16(_mm512_packs_epi32(v[0], v[1]), _mm512_packs_epi32(zero[0], zero[1])),
                _mm512_adds_epi16(_mm512_packs_epi32(v[2], v[3]), _mm512_packs_epi32(zero[2], zero[3])), lower, upper);
  }
  XQUANT_INLINE static void store_codes(std::int16_t* p, const integer (&v)[4], std::int32_t lower,
                                        std::int32_t upper) {
    const integer low = _mm512_set1_epi16(static_cast<short>(lower));
    const integer high = _mm512_set1_epi16(static_cast<short>(upper));
    XQUANT_UNROLL
    for (int h = 0; h < 2; ++h)
      _mm512_storeu_si512(p + 32 * h, in_pairs(_mm512_min_epi16(
                                          _mm512_max_epi16(_mm512_packs_epi32(v[2 * h], v[2 * h + 1]), low), high)));
  }
  XQUANT_INLINE static void store_codes(std::uint16_t* p, const integer (&v)[4], std::int32_t lower,
                                        std::int32_t upper) {
    const integer low = _mm512_set1_epi16(static_cast<short>(lower));
    const integer high = _mm512_set1_epi16(static_cast<short>(upper));
    XQUANT_UNROLL
    for (int h = 0; h < 2; ++h)
      _mm512_storeu_si512(p + 32 * h, in_pairs(_mm512_min_epu16(
                                          _mm512_max_epu16(_mm512_packus_epi32(v[2 * h], v[2 * h + 1]), low), high)));
  }

  XQUANT_INLINE static void stream_line(void* to, const void* from) {
    _mm512_stream_si512(static_cast<__m512i*>(to), _mm512_loadu_si512(from));
  }
  XQUANT_INLINE static void stream_fence() { _mm_sfence(); }

 private:
  XQUANT_INLINE static void store_words(std::int8_t* p, integer a, integer b, std::int32_t lower, std::int32_t upper) {
    const integer held =
        _mm512_min_epi8(_mm512_max_epi8(_mm512_packs_epi16(a, b), _mm512_set1_epi8(static_cast<char>(lower))),
                        _mm512_set1_epi8(static_cast<char>(upper)));
    _mm512_storeu_si512(p, in_order(held));
  }
  XQUANT_INLINE static void store_words(std::uint8_t* p, integer a, integer b, std::int32_t lower, std::int32_t upper) {
    const integer held =
        _mm512_min_epu8(_mm512_max_epu8(_mm512_packus_epi16(a, b), _mm512_set1_epi8(static_cast<char>(lower))),
                        _mm512_set1_epi8(static_cast<char>(upper)));
    _mm512_storeu_si512(p, in_order(held));
  }
  // Packs work on 128-bit parts; these put the parts back in order.
  XQUANT_INLINE static integer in_order(integer packed) {
    return _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), packed);
  }
  XQUANT_INLINE static integer in_pairs(integer packed) {
    return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), packed);
  }
};

}  // namespace xquant

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#endif
