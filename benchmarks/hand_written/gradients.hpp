// Gradients of int8 fake quantize by hand, per tensor: fake quantize with a packed mask, the mask's backward, clipped
// straight-through from x, LSQ. Contract: docs/arithmetic.md rules 3 to 6; sums in the order that is fastest, not rule
// 10's, with fused products. Left out: as in quantize.hpp; the gradient scale of LSQ.
#pragma once

#include "dequantize.hpp"

#if HAND_WRITTEN
namespace hand_written {

namespace detail {

/// The interval of v whose rounding is a code: half a step beyond the ends, ties belonging to the even side.
struct interval {
  float low;
  float high;
};
inline interval rounds_to_codes(std::int32_t zero_point) {
  const std::int32_t lower = -128 - zero_point;
  const std::int32_t upper = 127 - zero_point;
  const float low = static_cast<float>(lower) - 0.5f;
  const float high = static_cast<float>(upper) + 0.5f;
  return {lower % 2 == 0 ? low : std::nextafter(low, 0.0f), upper % 2 == 0 ? high : std::nextafter(high, 0.0f)};
}

template <quotient Q>
HAND_INLINE vec::real scaled(vec::real x, vec::real scale, vec::real reciprocal) {
  if constexpr (Q == quotient::reciprocal)
    return vec::multiply(x, reciprocal);
  else if constexpr (Q == quotient::residual)
    return vec::quotient(x, scale, reciprocal);  // an infinity gives NaN, which is outside as well
  else
    return vec::divide(x, scale);
}

template <quotient Q, bool Stream>
inline void clipped_backward_run(const float* x, const float* g, float* dx, std::size_t n, const slot& p) {
  const interval codes = rounds_to_codes(p.zero_point);
  const vec::real low = vec::set(codes.low);
  const vec::real high = vec::set(codes.high);
  const vec::real scale = vec::set(p.scale);
  const vec::real reciprocal = vec::set(p.reciprocal);
  std::size_t i = 0;
  for (; i + block <= n; i += block) {
    if constexpr (Stream) {
      prefetch(x + i);
      prefetch(g + i);
    }
#pragma GCC unroll 4
    for (std::size_t k = i; k < i + block; k += vec::width)
      vec::store<Stream>(dx + k, vec::where_within(scaled<Q>(vec::load(x + k), scale, reciprocal), low, high, g + k));
  }
  for (; i < n; ++i) {
    const float v = Q == quotient::reciprocal ? x[i] * p.reciprocal : x[i] / p.scale;
    dx[i] = v >= codes.low && v <= codes.high ? g[i] : 0.0f;
  }
  if constexpr (Stream) fence();
}

template <quotient Q, bool Stream>
inline void masked_forward_run(const float* x, float* y, std::uint8_t* mask, std::size_t n, const slot& p) {
  const interval codes = rounds_to_codes(p.zero_point);
  const vec::real low = vec::set(codes.low);
  const vec::real high = vec::set(codes.high);
  const vec::real last = vec::set(static_cast<float>(127 - p.zero_point));
  const vec::integer lowest = vec::set(-128 - p.zero_point);
  const vec::real scale = vec::set(p.scale);
  const vec::real reciprocal = vec::set(p.reciprocal);
  std::size_t i = 0;
  for (; i + block <= n; i += block) {
    if constexpr (Stream) prefetch(x + i);
    std::uint64_t bits = 0;
#pragma GCC unroll 4
    for (std::size_t k = 0; k < block; k += vec::width) {
      const vec::real v = scaled<Q>(vec::load(x + i + k), scale, reciprocal);
      bits |= static_cast<std::uint64_t>(vec::within_bits(v, low, high)) << k;
      vec::store<Stream>(
          y + i + k, vec::multiply(vec::to_real(vec::maximum(lowest, vec::to_nearest(vec::minimum(last, v)))), scale));
    }
    __builtin_memcpy(mask + i / 8, &bits, block / 8);
  }
  for (; i < n; ++i) {
    const float v = Q == quotient::reciprocal ? x[i] * p.reciprocal : x[i] / p.scale;
    const auto bit = static_cast<std::uint8_t>(1u << i % 8);
    mask[i / 8] = static_cast<std::uint8_t>(v >= codes.low && v <= codes.high ? mask[i / 8] | bit : mask[i / 8] & ~bit);
    y[i] = static_cast<float>(quantize_one(x[i], p, Q == quotient::reciprocal) - p.zero_point) * p.scale;
  }
  if constexpr (Stream) fence();
}

HAND_INLINE vec::real where_bits(std::uint32_t bits, const float* value) {
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__)
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>(bits), value);
#else
  const __m256i one = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  const __m256i set = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(static_cast<int>(bits)), one), one);
  return _mm256_and_ps(_mm256_castsi256_ps(set), vec::load(value));
#endif
}

template <bool Stream>
inline void masked_backward_run(const float* g, const std::uint8_t* mask, float* dx, std::size_t n) {
  std::size_t i = 0;
  for (; i + block <= n; i += block) {
    if constexpr (Stream) prefetch(g + i);
    std::uint64_t bits = 0;
    __builtin_memcpy(&bits, mask + i / 8, block / 8);
#pragma GCC unroll 4
    for (std::size_t k = 0; k < block; k += vec::width)
      vec::store<Stream>(dx + i + k, where_bits(static_cast<std::uint32_t>(bits >> k), g + i + k));
  }
  for (; i < n; ++i) dx[i] = (mask[i / 8] >> i % 8 & 1) != 0 ? g[i] : 0.0f;
  if constexpr (Stream) fence();
}

// c = clamp(round(v)); inside where that changed nothing; term = c - v inside, c outside.
HAND_INLINE void learned_step(vec::real v, vec::real low, vec::real high, const float* g, vec::real& dx,
                              vec::real& sum) {
  const vec::real rounded = vec::round(v);
  const vec::real c = vec::minimum(vec::maximum(rounded, low), high);
  const vec::real gradient = vec::load(g);
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__)
  const __mmask16 inside = _mm512_cmp_ps_mask(rounded, c, _CMP_EQ_OQ);
  dx = _mm512_maskz_mov_ps(inside, gradient);
  sum = vec::fused(gradient, _mm512_mask_sub_ps(c, inside, c, v), sum);
#else
  const __m256 inside = _mm256_cmp_ps(rounded, c, _CMP_EQ_OQ);
  dx = _mm256_and_ps(inside, gradient);
  sum = vec::fused(gradient, _mm256_sub_ps(c, _mm256_and_ps(inside, v)), sum);
#endif
}

template <quotient Q, bool Stream>
inline double learned_step_run(const float* x, const float* g, float* dx, std::size_t n, const slot& p) {
  constexpr std::size_t segment = 4096;
  const vec::real low = vec::set(static_cast<float>(-128 - p.zero_point));
  const vec::real high = vec::set(static_cast<float>(127 - p.zero_point));
  const vec::real scale = vec::set(p.scale);
  const vec::real reciprocal = vec::set(p.reciprocal);
  double total = 0;
  std::size_t i = 0;
  while (i + block <= n) {
    vec::real sum[4] = {vec::set(0.0f), vec::set(0.0f), vec::set(0.0f), vec::set(0.0f)};
    const std::size_t end = i + segment < n ? i + segment : n;
    for (; i + block <= end; i += block) {
      if constexpr (Stream) {
        prefetch(x + i);
        prefetch(g + i);
      }
#pragma GCC unroll 4
      for (std::size_t k = 0; k < 4; ++k) {
        const std::size_t at = i + k * vec::width;
        vec::real out;
        learned_step(scaled<Q>(vec::load(x + at), scale, reciprocal), low, high, g + at, out, sum[k]);
        vec::store<Stream>(dx + at, out);
      }
    }
    total += vec::sum_of(vec::add(vec::add(sum[0], sum[1]), vec::add(sum[2], sum[3])));
  }
  for (; i < n; ++i) {
    const float v = Q == quotient::reciprocal ? x[i] * p.reciprocal : x[i] / p.scale;
    const float rounded = std::nearbyint(v);
    const float lowest = static_cast<float>(-128 - p.zero_point);
    const float highest = static_cast<float>(127 - p.zero_point);
    float c = rounded > lowest ? rounded : lowest;
    c = c < highest ? c : highest;
    dx[i] = c == rounded ? g[i] : 0.0f;
    total += static_cast<double>(g[i]) * static_cast<double>(c == rounded ? c - v : c);
  }
  if constexpr (Stream) fence();
  return total;
}

}  // namespace detail

/// dx = g where round(x / scale) + zero_point is a code, else +0.
[[gnu::noinline]] inline void clipped_backward(const float* x, const float* g, float* dx, std::size_t n, slot p,
                                               bool by_reciprocal) {
  const bool stream = streams(12 * n, dx) && dx != x && dx != g;
  if (by_reciprocal)
    stream ? detail::clipped_backward_run<quotient::reciprocal, true>(x, g, dx, n, p)
           : detail::clipped_backward_run<quotient::reciprocal, false>(x, g, dx, n, p);
  else if (detail::residual_is_exact(&p.scale, 1))
    stream ? detail::clipped_backward_run<quotient::residual, true>(x, g, dx, n, p)
           : detail::clipped_backward_run<quotient::residual, false>(x, g, dx, n, p);
  else
    detail::clipped_backward_run<quotient::division, false>(x, g, dx, n, p);
}

/// y = fake_quantize(x); bit i of mask: not clipped.
[[gnu::noinline]] inline void fake_quantize_with_mask(const float* x, float* y, std::uint8_t* mask, std::size_t n,
                                                      slot p, bool by_reciprocal) {
  const bool stream = streams(8 * n, y) && y != x;
  if (by_reciprocal)
    stream ? detail::masked_forward_run<quotient::reciprocal, true>(x, y, mask, n, p)
           : detail::masked_forward_run<quotient::reciprocal, false>(x, y, mask, n, p);
  else
    stream ? detail::masked_forward_run<quotient::division, true>(x, y, mask, n, p)
           : detail::masked_forward_run<quotient::division, false>(x, y, mask, n, p);
}

/// dx = g where the bit is set, else +0.
[[gnu::noinline]] inline void masked_backward(const float* g, const std::uint8_t* mask, float* dx, std::size_t n) {
  streams(8 * n, dx) && dx != g ? detail::masked_backward_run<true>(g, mask, dx, n)
                                : detail::masked_backward_run<false>(g, mask, dx, n);
}

/// dx as clipped_backward; returns the sum of g * (q - v inside, q outside).
[[gnu::noinline]] inline double learned_step_backward(const float* x, const float* g, float* dx, std::size_t n, slot p,
                                                      bool by_reciprocal) {
  const bool stream = streams(12 * n, dx) && dx != x && dx != g;
  if (by_reciprocal)
    return stream ? detail::learned_step_run<quotient::reciprocal, true>(x, g, dx, n, p)
                  : detail::learned_step_run<quotient::reciprocal, false>(x, g, dx, n, p);
  if (detail::residual_is_exact(&p.scale, 1))
    return stream ? detail::learned_step_run<quotient::residual, true>(x, g, dx, n, p)
                  : detail::learned_step_run<quotient::residual, false>(x, g, dx, n, p);
  return detail::learned_step_run<quotient::division, false>(x, g, dx, n, p);
}

}  // namespace hand_written
#endif
