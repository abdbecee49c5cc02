// SSE2: the baseline of every x86-64 processor. No fused multiply-add and no rounding instruction.
#pragma once

#include <xquant/engines/simd/lane.hpp>

#if defined(__SSE2__)
#include <emmintrin.h>

namespace xquant::inline XQUANT_ABI {

template <>
struct instruction_set<xsimd::sse2> {
  using real = __m128;
  using integer = __m128i;

  // clang-format off
  XQUANT_INLINE static real rounded(real a) { asm("" : "+x"(a)); return a; }
  XQUANT_INLINE static real divide(real a, real b) { return _mm_div_ps(a, b); }
  XQUANT_INLINE static real short_quotient(real a, real b, real) { return _mm_div_ps(a, b); }
  XQUANT_INLINE static real minimum(real a, real b) { return _mm_min_ps(a, b); }
  XQUANT_INLINE static real maximum(real a, real b) { return _mm_max_ps(a, b); }
  // Below 2^23 the way through integers is exact (the sign of zero is put back); from there on, and for NaN, a is integral.
  XQUANT_INLINE static real round_even(real a) { return where_fractional(a, with_sign(_mm_cvtepi32_ps(_mm_cvtps_epi32(a)), a)); }
  XQUANT_INLINE static real truncate(real a) { return where_fractional(a, with_sign(_mm_cvtepi32_ps(_mm_cvttps_epi32(a)), a)); }
  XQUANT_INLINE static integer round_even_to_integer(real a) { return _mm_cvtps_epi32(a); }
  XQUANT_INLINE static integer truncate_to_integer(real a) { return _mm_cvttps_epi32(a); }
  XQUANT_INLINE static real to_real(integer a) { return _mm_cvtepi32_ps(a); }
  XQUANT_INLINE static integer minimum_integer(integer a, integer b) { return choose(_mm_cmplt_epi32(a, b), a, b); }
  XQUANT_INLINE static integer maximum_integer(integer a, integer b) { return choose(_mm_cmplt_epi32(a, b), b, a); }
  XQUANT_INLINE static real less_integer(integer a, integer b) { return _mm_castsi128_ps(_mm_cmplt_epi32(a, b)); }
  template <int Count> XQUANT_INLINE static integer shift_left(integer a) { return _mm_slli_epi32(a, Count); }
  template <int Count> XQUANT_INLINE static integer shift_right(integer a) { return _mm_srli_epi32(a, Count); }
  XQUANT_INLINE static integer to_bits(real a) { return _mm_castps_si128(a); }
  XQUANT_INLINE static real from_bits(integer a) { return _mm_castsi128_ps(a); }
  XQUANT_INLINE static integer ramp() { return _mm_setr_epi32(0, 1, 2, 3); }
  // clang-format on

  XQUANT_INLINE static integer load_codes(const std::int8_t* p) {
    const integer bytes = four_bytes(p);
    const integer words = _mm_unpacklo_epi8(bytes, bytes);
    return _mm_srai_epi32(_mm_unpacklo_epi16(words, words), 24);
  }
  XQUANT_INLINE static integer load_codes(const std::uint8_t* p) {
    return _mm_unpacklo_epi16(_mm_unpacklo_epi8(four_bytes(p), _mm_setzero_si128()), _mm_setzero_si128());
  }
  XQUANT_INLINE static integer load_codes(const std::int16_t* p) {
    const integer words = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
    return _mm_srai_epi32(_mm_unpacklo_epi16(words, words), 16);
  }
  XQUANT_INLINE static integer load_codes(const std::uint16_t* p) {
    return _mm_unpacklo_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)), _mm_setzero_si128());
  }

  XQUANT_INLINE static real unpack_mask(std::uint32_t bits) {
    const integer each = _mm_setr_epi32(1, 2, 4, 8);
    const integer all = _mm_set1_epi32(static_cast<int>(bits));
    return _mm_castsi128_ps(_mm_cmpeq_epi32(_mm_and_si128(all, each), each));
  }
  XQUANT_INLINE static std::uint32_t pack_mask(real m) { return static_cast<std::uint32_t>(_mm_movemask_ps(m)); }

  XQUANT_INLINE static void multiply_words(integer a, std::uint32_t b, integer& high, integer& low) {
    const integer m = _mm_set1_epi32(static_cast<int>(b));
    const integer even = _mm_mul_epu32(a, m);
    const integer odd = _mm_mul_epu32(_mm_srli_epi64(a, 32), m);
    const integer lower_half = _mm_set1_epi64x(0xffffffffLL);
    high = _mm_or_si128(_mm_srli_epi64(even, 32), _mm_andnot_si128(lower_half, odd));
    low = _mm_or_si128(_mm_and_si128(even, lower_half), _mm_slli_epi64(odd, 32));
  }

  // SSE2 compares bytes without sign and words with it: clamps happen on words, before the last pack.
  XQUANT_INLINE static void store_codes(std::int8_t* p, const integer (&v)[16], std::int32_t lower,
                                        std::int32_t upper) {
    const integer low = _mm_set1_epi16(static_cast<short>(lower));
    const integer high = _mm_set1_epi16(static_cast<short>(upper));
    XQUANT_UNROLL
    for (int h = 0; h < 4; ++h)
      store(p + 16 * h,
            _mm_packs_epi16(words(v[4 * h], v[4 * h + 1], low, high), words(v[4 * h + 2], v[4 * h + 3], low, high)));
  }
  XQUANT_INLINE static void store_codes(std::uint8_t* p, const integer (&v)[16], std::int32_t lower,
                                        std::int32_t upper) {
    const integer low = _mm_set1_epi16(static_cast<short>(lower));
    const integer high = _mm_set1_epi16(static_cast<short>(upper));
    XQUANT_UNROLL
    for (int h = 0; h < 4; ++h)
      store(p + 16 * h,
            _mm_packus_epi16(words(v[4 * h], v[4 * h + 1], low, high), words(v[4 * h + 2], v[4 * h + 3], low, high)));
  }
  XQUANT_INLINE static void store_codes(std::int16_t* p, const integer (&v)[16], std::int32_t lower,
                                        std::int32_t upper) {
    const integer low = _mm_set1_epi16(static_cast<short>(lower));
    const integer high = _mm_set1_epi16(static_cast<short>(upper));
    XQUANT_UNROLL
    for (int h = 0; h < 8; ++h) store(p + 8 * h, words(v[2 * h], v[2 * h + 1], low, high));
  }
  // There is no pack to unsigned words: shift the values by 2^15 and back. Values reach +-2^19, so nothing overflows.
  XQUANT_INLINE static void store_codes(std::uint16_t* p, const integer (&v)[16], std::int32_t lower,
                                        std::int32_t upper) {
    const integer bias = _mm_set1_epi32(32768);
    const integer low = _mm_set1_epi16(static_cast<short>(lower - 32768));
    const integer high = _mm_set1_epi16(static_cast<short>(upper - 32768));
    XQUANT_UNROLL
    for (int h = 0; h < 8; ++h)
      store(p + 8 * h, _mm_xor_si128(words(_mm_sub_epi32(not_below_zero(v[2 * h]), bias),
                                           _mm_sub_epi32(not_below_zero(v[2 * h + 1]), bias), low, high),
                                     _mm_set1_epi16(static_cast<short>(-32768))));
  }

  XQUANT_INLINE static void stream_line(void* to, const void* from) {
    const auto* f = static_cast<const __m128i*>(from);
    auto* t = static_cast<__m128i*>(to);
    for (int i = 0; i < 4; ++i) _mm_stream_si128(t + i, _mm_loadu_si128(f + i));
  }
  XQUANT_INLINE static void stream_fence() { _mm_sfence(); }

 private:
  XQUANT_INLINE static integer not_below_zero(integer a) { return _mm_andnot_si128(_mm_srai_epi32(a, 31), a); }
  XQUANT_INLINE static real with_sign(real magnitude, real sign) {
    const real bit = _mm_set1_ps(-0.0f);
    return _mm_or_ps(_mm_andnot_ps(bit, magnitude), _mm_and_ps(bit, sign));
  }
  XQUANT_INLINE static real where_fractional(real a, real rounded_a) {
    const real small = _mm_cmplt_ps(_mm_andnot_ps(_mm_set1_ps(-0.0f), a), _mm_set1_ps(8388608.0f));
    return _mm_or_ps(_mm_and_ps(small, rounded_a), _mm_andnot_ps(small, a));
  }
  XQUANT_INLINE static integer choose(integer mask, integer a, integer b) {
    return _mm_or_si128(_mm_and_si128(mask, a), _mm_andnot_si128(mask, b));
  }
  XQUANT_INLINE static integer words(integer a, integer b, integer low, integer high) {
    return _mm_min_epi16(_mm_max_epi16(_mm_packs_epi32(a, b), low), high);
  }
  template <class Code>
  XQUANT_INLINE static integer four_bytes(const Code* p) {
    int bytes;
    __builtin_memcpy(&bytes, p, 4);
    return _mm_cvtsi32_si128(bytes);
  }
  template <class Code>
  XQUANT_INLINE static void store(Code* p, integer v) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), v);
  }
};

}  // namespace xquant
#endif
