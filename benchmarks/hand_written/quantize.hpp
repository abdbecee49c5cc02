// int8 quantize by hand: per tensor, one parameter per row (axis 0), one per column (axis last); by division,
// residual-corrected product, or reciprocal. Contract: docs/arithmetic.md rules 3 to 5. Left out: code ranges narrower
// than the storage type, other formats and roundings, strides, validation.
#pragma once

#include "memory.hpp"

#include <cmath>

#if HAND_WRITTEN
namespace hand_written {

/// How x / scale is formed. `residual` equals `division` after the rounding for scales in [2^-90, 2^100].
enum class quotient { reciprocal, residual, division };

/// One parameter, its reciprocal, its zero point.
struct slot {
  float scale;
  float reciprocal;
  std::int32_t zero_point;
};
struct slots {
  const float* scale;
  const float* reciprocal;
  const std::int32_t* zero_point;
  slot operator[](std::size_t i) const { return {scale[i], reciprocal[i], zero_point[i]}; }
};

namespace detail {

inline std::int8_t quantize_one(float x, const slot& p, bool by_reciprocal) {
  const float v = by_reciprocal ? x * p.reciprocal : x / p.scale;
  if (!(v > -1024.0f)) return -128;
  if (v > 1024.0f) return 127;
  const int code = static_cast<int>(std::nearbyint(v)) + p.zero_point;
  return static_cast<std::int8_t>(code < -128 ? -128 : code > 127 ? 127 : code);
}

/// Only the upper side is held: what is too low, and NaN, converts to -2^31 and saturates to the lowest code.
template <quotient Q>
HAND_INLINE vec::integer nearest(vec::real x, vec::real scale, vec::real reciprocal, vec::real highest) {
  if constexpr (Q == quotient::reciprocal)
    return vec::to_nearest(vec::minimum(highest, vec::multiply(x, reciprocal)));
  else if constexpr (Q == quotient::residual)
    return vec::to_nearest(vec::quotient(vec::minimum(highest, x), scale, reciprocal));
  else
    return vec::to_nearest(vec::minimum(highest, vec::divide(x, scale)));
}

/// The largest value kept: of x before a residual quotient, of the quotient otherwise.
template <quotient Q>
inline float highest_of(float scale) {
  return Q == quotient::residual ? 1024.0f * scale : 1024.0f;
}

template <quotient Q, bool Stream>
HAND_INLINE void quantize_run(const float* x, std::int8_t* codes, std::size_t n, const slot& p) {
  const vec::real scale = vec::set(p.scale);
  const vec::real reciprocal = vec::set(p.reciprocal);
  const vec::real highest = vec::set(highest_of<Q>(p.scale));
  const vec::integer zero = vec::set_words(p.zero_point);
  std::size_t i = 0;
  for (; i + block <= n; i += block) {
    if constexpr (Stream) prefetch(x + i);
    // Named and in ascending order: the arguments of a call would be loaded from the last to the first.
    const vec::real a = vec::load(x + i);
    const vec::real b = vec::load(x + i + vec::width);
    const vec::real c = vec::load(x + i + 2 * vec::width);
    const vec::real d = vec::load(x + i + 3 * vec::width);
    vec::store<Stream>(
        codes + i,
        vec::pack(nearest<Q>(a, scale, reciprocal, highest), nearest<Q>(b, scale, reciprocal, highest),
                  nearest<Q>(c, scale, reciprocal, highest), nearest<Q>(d, scale, reciprocal, highest), zero, zero));
  }
  for (; i < n; ++i) codes[i] = quantize_one(x[i], p, Q == quotient::reciprocal);
}

template <quotient Q, bool Stream>
inline void quantize_rows(const float* x, std::int8_t* codes, std::size_t rows, std::size_t columns, const slots& p) {
  for (std::size_t r = 0; r < rows; ++r) quantize_run<Q, Stream>(x + r * columns, codes + r * columns, columns, p[r]);
  if constexpr (Stream) fence();
}

// A block of columns down `Tall` rows, so that parameters are loaded once for all of them. Returns the rows done.
template <quotient Q, bool Stream, std::size_t Tall>
inline std::size_t quantize_tiles(const float* x, std::int8_t* codes, std::size_t rows, std::size_t columns,
                                  const slots& p) {
  std::size_t top = 0;
  for (; top + Tall <= rows; top += Tall) {
    std::size_t i = 0;
    for (; i + block <= columns; i += block) {
      vec::real scale[4];
      vec::real reciprocal[4];
      vec::real highest[4];
      vec::integer zero[4];
#pragma GCC unroll 4
      for (std::size_t k = 0; k < 4; ++k) {
        scale[k] = vec::load(p.scale + i + k * vec::width);
        reciprocal[k] = vec::load(p.reciprocal + i + k * vec::width);
        highest[k] = Q == quotient::residual ? vec::multiply(scale[k], vec::set(1024.0f)) : vec::set(1024.0f);
        zero[k] = vec::load(p.zero_point + i + k * vec::width);
      }
      const vec::integer zero_ab = vec::words(zero[0], zero[1]);
      const vec::integer zero_cd = vec::words(zero[2], zero[3]);
      const float* from = x + top * columns + i;
      std::int8_t* to = codes + top * columns + i;
#pragma GCC unroll 4
      for (std::size_t r = 0; r < Tall; ++r, from += columns, to += columns) {
        if constexpr (Stream) prefetch<prefetch_bytes / Tall>(from);
        const vec::real a = vec::load(from);
        const vec::real b = vec::load(from + vec::width);
        const vec::real c = vec::load(from + 2 * vec::width);
        const vec::real d = vec::load(from + 3 * vec::width);
        vec::store<Stream>(to, vec::pack(nearest<Q>(a, scale[0], reciprocal[0], highest[0]),
                                         nearest<Q>(b, scale[1], reciprocal[1], highest[1]),
                                         nearest<Q>(c, scale[2], reciprocal[2], highest[2]),
                                         nearest<Q>(d, scale[3], reciprocal[3], highest[3]), zero_ab, zero_cd));
      }
    }
    for (; i < columns; ++i)
      for (std::size_t r = top; r < top + Tall; ++r)
        codes[r * columns + i] = quantize_one(x[r * columns + i], p[i], Q == quotient::reciprocal);
  }
  return top;
}

template <quotient Q, bool Stream>
inline void quantize_columns(const float* x, std::int8_t* codes, std::size_t rows, std::size_t columns,
                             const slots& p) {
  std::size_t done = 0;
  if (!Stream && columns <= 4 * block)
    done = quantize_tiles<Q, Stream, 16>(x, codes, rows, columns, p);
  else if (Stream || Q == quotient::residual)
    done = quantize_tiles<Q, Stream, 4>(x, codes, rows, columns, p);
  else
    done = quantize_tiles<Q, Stream, 2>(x, codes, rows, columns, p);
  quantize_tiles<Q, Stream, 1>(x + done * columns, codes + done * columns, rows - done, columns, p);
  if constexpr (Stream) fence();
}

inline bool residual_is_exact(const float* scale, std::size_t n) {
  vec::real low = vec::set(1.0f);
  vec::real high = low;
  std::size_t i = 0;
  for (; i + vec::width <= n; i += vec::width) {
    const vec::real s = vec::load(scale + i);
    low = vec::minimum(s, low);
    high = vec::maximum(s, high);
  }
  bool exact = i == 0 || (vec::lowest_of(low) >= 0x1p-90f && vec::highest_of(high) <= 0x1p100f);
  for (; i < n; ++i) exact = exact && scale[i] >= 0x1p-90f && scale[i] <= 0x1p100f;
  return exact;
}

}  // namespace detail

/// codes = clamp(round(x / scale) + zero_point), one slot.
[[gnu::noinline]] inline void quantize(const float* x, std::int8_t* codes, std::size_t n, slot p, bool by_reciprocal) {
  const slots one{&p.scale, &p.reciprocal, &p.zero_point};
  const bool stream = streams(5 * n, codes);
  if (by_reciprocal)
    stream ? detail::quantize_rows<quotient::reciprocal, true>(x, codes, 1, n, one)
           : detail::quantize_run<quotient::reciprocal, false>(x, codes, n, p);
  else if (detail::residual_is_exact(&p.scale, 1))
    stream ? detail::quantize_rows<quotient::residual, true>(x, codes, 1, n, one)
           : detail::quantize_run<quotient::residual, false>(x, codes, n, p);
  else
    detail::quantize_run<quotient::division, false>(x, codes, n, p);
}

/// A slot a row of a dense matrix.
[[gnu::noinline]] inline void quantize_axis_0(const float* x, std::int8_t* codes, std::size_t rows, std::size_t columns,
                                              const slots& p, bool by_reciprocal) {
  const bool stream = streams(5 * rows * columns, codes) && columns % 64 == 0;
  if (by_reciprocal)
    stream ? detail::quantize_rows<quotient::reciprocal, true>(x, codes, rows, columns, p)
           : detail::quantize_rows<quotient::reciprocal, false>(x, codes, rows, columns, p);
  else if (detail::residual_is_exact(p.scale, rows))
    stream ? detail::quantize_rows<quotient::residual, true>(x, codes, rows, columns, p)
           : detail::quantize_rows<quotient::residual, false>(x, codes, rows, columns, p);
  else
    detail::quantize_rows<quotient::division, false>(x, codes, rows, columns, p);
}

/// A slot a column of a dense matrix.
[[gnu::noinline]] inline void quantize_axis_last(const float* x, std::int8_t* codes, std::size_t rows,
                                                 std::size_t columns, const slots& p, bool by_reciprocal) {
  const bool stream = streams(5 * rows * columns, codes) && columns % 64 == 0;
  if (by_reciprocal)
    stream ? detail::quantize_columns<quotient::reciprocal, true>(x, codes, rows, columns, p)
           : detail::quantize_columns<quotient::reciprocal, false>(x, codes, rows, columns, p);
  else if (detail::residual_is_exact(p.scale, columns))
    stream ? detail::quantize_columns<quotient::residual, true>(x, codes, rows, columns, p)
           : detail::quantize_columns<quotient::residual, false>(x, codes, rows, columns, p);
  else
    detail::quantize_columns<quotient::division, false>(x, codes, rows, columns, p);
}

}  // namespace hand_written
#endif
