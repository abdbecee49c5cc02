// int8 quantize with stochastic rounding by hand, per tensor, by reciprocal: Philox 4x32-10 keyed by element index.
// Contract: docs/arithmetic.md rules 3 to 5 and 9. Left out: as in quantize.hpp; division.
#pragma once

#include "quantize.hpp"

#if HAND_WRITTEN
namespace hand_written {

namespace detail {

/// The four words of the counters of 64 elements; counters in the low halves of 64-bit lanes, even ones apart from odd
/// ones, so that products need no shuffles until the end.
struct random_group {
  static constexpr std::size_t vectors = 64 / vec::width;
  vec::integer word[vectors];
};

inline constexpr std::uint32_t multiplier_0 = 0xD2511F53u;
inline constexpr std::uint32_t multiplier_1 = 0xCD9E8D57u;
inline constexpr std::uint32_t step_0 = 0x9E3779B9u;
inline constexpr std::uint32_t step_1 = 0xBB67AE85u;

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__)
using halves = __m512i;
HAND_INLINE halves wide(std::uint64_t v) { return _mm512_set1_epi64(static_cast<long long>(v)); }
HAND_INLINE halves product(halves a, halves b) { return _mm512_mul_epu32(a, b); }
HAND_INLINE halves high(halves p) { return _mm512_srli_epi64(p, 32); }
HAND_INLINE halves exclusive_or(halves a, halves b) { return _mm512_xor_si512(a, b); }
HAND_INLINE halves exclusive_or(halves a, halves b, halves c) { return _mm512_ternarylogic_epi64(a, b, c, 0x96); }
HAND_INLINE halves joined(halves even, halves odd) {
  return _mm512_mask_shuffle_epi32(even, 0xAAAA, odd, _MM_PERM_CCAA);
}
HAND_INLINE halves ramp(bool odd) {
  const halves even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
  return odd ? _mm512_add_epi64(even, _mm512_set1_epi64(1)) : even;
}
HAND_INLINE halves sum(halves a, halves b) { return _mm512_add_epi64(a, b); }
#else
using halves = __m256i;
HAND_INLINE halves wide(std::uint64_t v) { return _mm256_set1_epi64x(static_cast<long long>(v)); }
HAND_INLINE halves product(halves a, halves b) { return _mm256_mul_epu32(a, b); }
HAND_INLINE halves high(halves p) { return _mm256_srli_epi64(p, 32); }
HAND_INLINE halves exclusive_or(halves a, halves b) { return _mm256_xor_si256(a, b); }
HAND_INLINE halves exclusive_or(halves a, halves b, halves c) { return _mm256_xor_si256(_mm256_xor_si256(a, b), c); }
HAND_INLINE halves joined(halves even, halves odd) {
  return _mm256_blend_epi32(even, _mm256_shuffle_epi32(odd, 0xA0), 0xAA);
}
HAND_INLINE halves ramp(bool odd) {
  const halves even = _mm256_setr_epi64x(0, 2, 4, 6);
  return odd ? _mm256_add_epi64(even, _mm256_set1_epi64x(1)) : even;
}
HAND_INLINE halves sum(halves a, halves b) { return _mm256_add_epi64(a, b); }
#endif

// Four chains, so that the multipliers are never idle: even and odd counters, and two parts where a vector holds 8.
// The first two rounds have zeros and one value for all in half of the words.
template <std::size_t Groups>
HAND_INLINE void fill(random_group (&out)[Groups], std::uint64_t seed, std::uint64_t group) {
  constexpr std::size_t parts = 16 / vec::width;
  constexpr std::size_t chains = 2 * parts * Groups;
  auto key_0 = static_cast<std::uint32_t>(seed);
  auto key_1 = static_cast<std::uint32_t>(seed >> 32);
  const halves m0 = wide(multiplier_0);
  const halves m1 = wide(multiplier_1);
  const auto counter_high = static_cast<std::uint32_t>((group * 16) >> 32);  // the same for all of a group
  halves c0[chains], c1[chains], c2[chains], c3[chains];
#pragma GCC unroll 8
  for (std::size_t k = 0; k < chains; ++k) {
    // Round 1: words 2 and 3 of the counter are zero, word 1 is the same everywhere.
    const std::uint64_t first = (group + k / (2 * parts)) * 16 + k / 2 % parts * vec::width;
    const halves p0 = product(sum(ramp(k % 2 != 0), wide(first & 0xffffffffu)), m0);
    const halves a2 = exclusive_or(high(p0), wide(key_1));
    // Round 2: word 0 is the same everywhere, word 1 zero.
    const std::uint64_t q0 = static_cast<std::uint64_t>(multiplier_0) * (counter_high ^ key_0);
    const halves q1 = product(a2, m1);
    c0[k] = exclusive_or(high(q1), wide(key_0 + step_0));
    c1[k] = q1;
    c2[k] = exclusive_or(p0, wide((q0 >> 32) ^ (key_1 + step_1)));
    c3[k] = wide(q0 & 0xffffffffu);
  }
  key_0 += step_0;
  key_1 += step_1;
#pragma GCC unroll 8
  for (int round = 2; round < 10; ++round) {
    key_0 += step_0;
    key_1 += step_1;
    const halves k0 = wide(key_0);
    const halves k1 = wide(key_1);
#pragma GCC unroll 8
    for (std::size_t k = 0; k < chains; ++k) {
      const halves p0 = product(c0[k], m0);
      const halves p1 = product(c2[k], m1);
      c0[k] = exclusive_or(high(p1), c1[k], k0);
      c2[k] = exclusive_or(high(p0), c3[k], k1);
      c1[k] = p1;
      c3[k] = p0;
    }
  }
#pragma GCC unroll 8
  for (std::size_t k = 0; k < chains; k += 2) {
    vec::integer* const to = out[k / (2 * parts)].word + k / 2 % parts;
    to[0] = joined(c0[k], c0[k + 1]);
    to[parts] = joined(c1[k], c1[k + 1]);
    to[2 * parts] = joined(c2[k], c2[k + 1]);
    to[3 * parts] = joined(c3[k], c3[k + 1]);
  }
}

// Away from zero when the upper 31 random bits are below floor(2^31 |v - trunc v|).
HAND_INLINE vec::integer rounded_at_random(vec::real v, vec::integer random) {
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__)
  const __m512 t = _mm512_roundscale_ps(v, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
  const __m512i threshold =
      _mm512_abs_epi32(_mm512_cvttps_epi32(_mm512_mul_ps(_mm512_sub_ps(v, t), _mm512_set1_ps(0x1p31f))));
  const __mmask16 away = _mm512_cmplt_epi32_mask(_mm512_srli_epi32(random, 1), threshold);
  const __m512i sign = _mm512_or_si512(_mm512_srai_epi32(_mm512_castps_si512(v), 31), _mm512_set1_epi32(1));
  const __m512i whole = _mm512_cvttps_epi32(v);
  return _mm512_mask_add_epi32(whole, away, whole, sign);
#else
  const __m256 t = _mm256_round_ps(v, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
  const __m256i threshold =
      _mm256_abs_epi32(_mm256_cvttps_epi32(_mm256_mul_ps(_mm256_sub_ps(v, t), _mm256_set1_ps(0x1p31f))));
  const __m256i away = _mm256_cmpgt_epi32(threshold, _mm256_srli_epi32(random, 1));
  const __m256i sign = _mm256_or_si256(_mm256_srai_epi32(_mm256_castps_si256(v), 31), _mm256_set1_epi32(1));
  return _mm256_add_epi32(_mm256_cvttps_epi32(v), _mm256_and_si256(away, sign));
#endif
}

template <bool Stream>
inline std::size_t quantize_stochastic_groups(const float* x, std::int8_t* codes, std::size_t n, const slot& p,
                                              std::uint64_t seed) {
  constexpr std::size_t groups = vec::width == 16 ? 2 : 1;
  const vec::real reciprocal = vec::set(p.reciprocal);
  const vec::real highest = vec::set(1024.0f);
  const vec::real lowest = vec::set(-1024.0f);
  const vec::integer zero = vec::set_words(p.zero_point);
  std::size_t i = 0;
  for (; i + 64 * groups <= n; i += 64 * groups) {
    if constexpr (Stream)
      for (std::size_t k = 0; k < 64 * groups; k += block) prefetch(x + i + k);
    random_group random[groups];
    fill(random, seed, i / 64);
#pragma GCC unroll 4
    for (std::size_t k = 0; k < 64 * groups; k += block) {
      vec::integer code[4];
#pragma GCC unroll 4
      for (std::size_t j = 0; j < 4; ++j) {
        const std::size_t at = k + j * vec::width;
        const vec::real v = vec::multiply(vec::load(x + i + at), reciprocal);
        code[j] = rounded_at_random(vec::minimum(vec::maximum(v, lowest), highest),
                                    random[at / 64].word[at % 64 / vec::width]);
      }
      vec::store<Stream>(codes + i + k, vec::pack(code[0], code[1], code[2], code[3], zero, zero));
    }
  }
  if constexpr (Stream) fence();
  return i;
}

}  // namespace detail

[[gnu::noinline]] inline void quantize_stochastic(const float* x, std::int8_t* codes, std::size_t n, slot p,
                                                  std::uint64_t seed) {
  const std::size_t done = streams(5 * n, codes) ? detail::quantize_stochastic_groups<true>(x, codes, n, p, seed)
                                                 : detail::quantize_stochastic_groups<false>(x, codes, n, p, seed);
  if (done == n) return;
  float padded[128] = {};
  std::int8_t last[128];
  // The rest through a buffer that starts at a group.
  for (std::size_t i = done; i < n; ++i) padded[i - done] = x[i];
  detail::random_group random[1];
  for (std::size_t g = 0; g < (n - done + 63) / 64; ++g) {
    detail::fill(random, seed, done / 64 + g);
    alignas(64) std::uint32_t bits[64];
    for (std::size_t k = 0; k < detail::random_group::vectors; ++k)
      __builtin_memcpy(bits + k * vec::width, &random[0].word[k], sizeof(vec::integer));
    for (std::size_t j = 0; j < 64; ++j) {
      float v = padded[64 * g + j] * p.reciprocal;
      v = v > -1024.0f ? v : -1024.0f;
      v = v < 1024.0f ? v : 1024.0f;
      const float t = std::trunc(v);
      const auto threshold = static_cast<std::uint32_t>(std::fabs(v - t) * 0x1p31f);
      int code = static_cast<int>(t) + (bits[j] >> 1 < threshold ? (v < 0 ? -1 : 1) : 0) + p.zero_point;
      code = code < -128 ? -128 : code > 127 ? 127 : code;
      last[64 * g + j] = static_cast<std::int8_t>(code);
    }
  }
  for (std::size_t i = done; i < n; ++i) codes[i] = last[i - done];
}

}  // namespace hand_written
#endif
