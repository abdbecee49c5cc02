// int8 dequantize and fake quantize by hand, per tensor. Contract: docs/arithmetic.md rules 3 to 6. Left out: code
// ranges narrower than the storage type, other formats and roundings, strides, validation.
#pragma once

#include "quantize.hpp"

#if HAND_WRITTEN
namespace hand_written {

namespace detail {

template <bool Stream>
inline void dequantize_run(const std::int8_t* codes, float* x, std::size_t n, float scale_value, std::int32_t zero) {
  const vec::real scale = vec::set(scale_value);
  const vec::integer zero_point = vec::set(zero);
  std::size_t i = 0;
  for (; i + block <= n; i += block) {
    if constexpr (Stream) prefetch(codes + i);
#pragma GCC unroll 4
    for (std::size_t k = 0; k < block; k += vec::width)
      vec::store<Stream>(x + i + k,
                         vec::multiply(vec::to_real(vec::subtract(vec::load(codes + i + k), zero_point)), scale));
  }
  for (; i < n; ++i) x[i] = static_cast<float>(codes[i] - zero) * scale_value;
  if constexpr (Stream) fence();
}

// Rounding and clamping stay in floats, where nothing overflows; NaN meets the lower bound first. The last product is
// fused with +0, which makes +0 of -0 and changes nothing else.
template <quotient Q, bool Stream>
inline void fake_quantize_run(const float* x, float* y, std::size_t n, const slot& p) {
  const auto last = static_cast<float>(127 - p.zero_point);
  const vec::real scale = vec::set(p.scale);
  const vec::real reciprocal = vec::set(p.reciprocal);
  const vec::real highest_x = vec::set(last * p.scale);
  const vec::real highest = vec::set(last);
  const vec::real lowest = vec::set(static_cast<float>(-128 - p.zero_point));
  const vec::real nothing = vec::set(0.0f);
  std::size_t i = 0;
  for (; i + block <= n; i += block) {
    if constexpr (Stream) prefetch(x + i);
#pragma GCC unroll 4
    for (std::size_t k = i; k < i + block; k += vec::width) {
      const vec::real v = vec::load(x + k);
      vec::real r;
      if constexpr (Q == quotient::reciprocal)
        r = vec::held_below(vec::maximum(vec::round(vec::multiply(v, reciprocal)), lowest), highest);
      else if constexpr (Q == quotient::residual)
        // What x is held to has a quotient that rounds to the last code; below, an infinite product gives NaN.
        r = vec::maximum(vec::round(vec::quotient(vec::minimum(highest_x, v), scale, reciprocal)), lowest);
      else
        r = vec::held_below(vec::maximum(vec::round(vec::divide(v, scale)), lowest), highest);
      vec::store<Stream>(y + k, vec::fused(r, scale, nothing));
    }
  }
  for (; i < n; ++i)
    y[i] = static_cast<float>(quantize_one(x[i], p, Q == quotient::reciprocal) - p.zero_point) * p.scale;
  if constexpr (Stream) fence();
}

}  // namespace detail

/// x = (code - zero_point) * scale
[[gnu::noinline]] inline void dequantize(const std::int8_t* codes, float* x, std::size_t n, slot p) {
  streams(5 * n, x) ? detail::dequantize_run<true>(codes, x, n, p.scale, p.zero_point)
                    : detail::dequantize_run<false>(codes, x, n, p.scale, p.zero_point);
}

/// y = dequantize(quantize(x))
[[gnu::noinline]] inline void fake_quantize(const float* x, float* y, std::size_t n, slot p, bool by_reciprocal) {
  const bool stream = streams(8 * n, y) && x != y;
  if (by_reciprocal)
    stream ? detail::fake_quantize_run<quotient::reciprocal, true>(x, y, n, p)
           : detail::fake_quantize_run<quotient::reciprocal, false>(x, y, n, p);
  else if (detail::residual_is_exact(&p.scale, 1))
    stream ? detail::fake_quantize_run<quotient::residual, true>(x, y, n, p)
           : detail::fake_quantize_run<quotient::residual, false>(x, y, n, p);
  else
    detail::fake_quantize_run<quotient::division, false>(x, y, n, p);
}

}  // namespace hand_written
#endif
