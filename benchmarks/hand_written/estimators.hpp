// Gradients of int8 fake quantize by hand, per tensor, one fused loop for each estimator: dx, and the sums of what is
// learned. Contract: dx by docs/arithmetic.md rules 3 to 6, no product fused with a sum; sums in the order that is
// fastest, with fused products. Left out: as in quantize.hpp (data whose size is no multiple of four vectors as well),
// scales that the product and residual do not divide by exactly, and what is made of the sums.
#pragma once

#include "gradients.hpp"

#if HAND_WRITTEN
namespace hand_written {

/// What the loops know of a quantizer: codes less the zero point, as reals, and what the end codes stand for.
struct code_ends {
  float scale;
  float reciprocal;
  float lowest;
  float highest;
  float low;
  float high;
  float offset;  // subtracted from x (LSQ+), else 0
};

namespace estimators {

// The vectors of a loop.
struct constants {
  vec::real scale, reciprocal, lowest, highest, low, high, offset, zero;
  HAND_INLINE explicit constants(const code_ends& e)
      : scale(vec::set(e.scale)),
        reciprocal(vec::set(e.reciprocal)),
        lowest(vec::set(e.lowest)),
        highest(vec::set(e.highest)),
        low(vec::set(e.low)),
        high(vec::set(e.high)),
        offset(vec::set(e.offset)),
        zero(vec::set(0.0f)) {}
};

// Of an element: v = x / scale, c the rounded v held to the codes, and whether that changed nothing.
struct rounded {
  vec::real v, c;
  vec::mask inside;
  HAND_INLINE rounded(vec::real x, const constants& k) : v(vec::quotient(x, k.scale, k.reciprocal)) {
    const vec::real r = vec::round(v);
    c = vec::minimum(vec::maximum(r, k.lowest), k.highest);
    inside = vec::equal(r, c);
  }
};
HAND_INLINE vec::real step_size(const rounded& e, vec::real g, vec::real sum) {
  return vec::fused(g, vec::subtract(e.c, vec::where(e.inside, e.v)), sum);
}

struct straight_through {
  static constexpr std::size_t terms = 0;
  static constexpr bool reads_x = false;
  HAND_INLINE vec::real operator()(vec::real, vec::real g, const constants&, vec::real*) const { return g; }
};
struct range_mask {
  static constexpr std::size_t terms = 0;
  static constexpr bool reads_x = true;
  HAND_INLINE vec::real operator()(vec::real x, vec::real g, const constants& k, vec::real*) const {
    return vec::where(vec::and_less_equal(vec::less_equal(k.low, x), x, k.high), g);
  }
};
struct element_wise {
  float delta;
  static constexpr std::size_t terms = 0;
  static constexpr bool reads_x = true;
  HAND_INLINE vec::real operator()(vec::real x, vec::real g, const constants& k, vec::real*) const {
    const rounded e(x, k);
    const vec::real error = vec::turned(vec::subtract(x, vec::apart(vec::multiply(e.c, k.scale))), g);
    return vec::where(e.inside,
                      vec::multiply(g, vec::add(vec::set(1.0f), vec::apart(vec::multiply(vec::set(delta), error)))));
  }
};
struct magnitude {
  static constexpr std::size_t terms = 0;
  static constexpr bool reads_x = true;
  HAND_INLINE vec::real operator()(vec::real x, vec::real g, const constants& k, vec::real*) const {
    const vec::real beyond = vec::multiply(g, vec::divide(vec::choose(vec::less(k.high, x), k.high, k.low), x));
    const vec::mask inside = vec::and_less_equal(vec::less_equal(k.low, x), x, k.high);
    return vec::choose(inside, g, vec::where(vec::equal(x, x), beyond));
  }
};
struct position {
  float border;
  float multiplier;
  static constexpr std::size_t terms = 0;
  static constexpr bool reads_x = true;
  HAND_INLINE vec::real operator()(vec::real x, vec::real g, const constants& k, vec::real*) const {
    const rounded e(x, k);
    const vec::mask near = vec::less(vec::set(border), vec::absolute(vec::subtract(e.c, e.v)));
    return vec::where(e.inside, vec::choose(near, vec::multiply(g, vec::set(multiplier)), g));
  }
};
struct step {
  static constexpr std::size_t terms = 1;
  static constexpr bool reads_x = true;
  HAND_INLINE vec::real operator()(vec::real x, vec::real g, const constants& k, vec::real* sum) const {
    const rounded e(x, k);
    sum[0] = step_size(e, g, sum[0]);
    return vec::where(e.inside, g);
  }
};
template <bool HasOffset>
struct step_and_beyond {
  static constexpr std::size_t terms = 2;
  static constexpr bool reads_x = true;
  HAND_INLINE vec::real operator()(vec::real x, vec::real g, const constants& k, vec::real* sum) const {
    const rounded e(HasOffset ? vec::subtract(x, k.offset) : x, k);
    sum[0] = step_size(e, g, sum[0]);
    sum[1] = vec::add(sum[1], vec::where_not(e.inside, g));
    return vec::where(e.inside, g);
  }
};
struct dual {
  static constexpr std::size_t terms = 2;
  static constexpr bool reads_x = true;
  HAND_INLINE vec::real operator()(vec::real x, vec::real g, const constants& k, vec::real* sum) const {
    const rounded e(x, k);
    const vec::real through = vec::where(e.inside, g);
    sum[0] = vec::fused(through, vec::where(e.inside, vec::subtract(k.zero, e.v)), sum[0]);
    sum[1] = vec::fused(g, e.c, sum[1]);
    return through;
  }
};
struct high_end {
  static constexpr std::size_t terms = 1;
  static constexpr bool reads_x = true;
  HAND_INLINE vec::real operator()(vec::real x, vec::real g, const constants& k, vec::real* sum) const {
    sum[0] = vec::add(sum[0], vec::where(vec::less_equal(k.high, x), g));
    return vec::where(vec::and_less(vec::less(k.low, x), x, k.high), g);
  }
};
struct both_ends {
  static constexpr std::size_t terms = 2;
  static constexpr bool reads_x = true;
  HAND_INLINE vec::real operator()(vec::real x, vec::real g, const constants& k, vec::real* sum) const {
    sum[0] = vec::add(sum[0], vec::where(vec::less_equal(x, k.low), g));
    sum[1] = vec::add(sum[1], vec::where(vec::less_equal(k.high, x), g));
    return vec::where(vec::and_less(vec::less(k.low, x), x, k.high), g);
  }
};
struct largest_magnitude {
  static constexpr std::size_t terms = 1;
  static constexpr bool reads_x = true;
  HAND_INLINE vec::real operator()(vec::real x, vec::real g, const constants& k, vec::real* sum) const {
    const vec::real size = vec::absolute(x);
    sum[0] = vec::add(sum[0], vec::where(vec::less_equal(k.high, size), vec::turned(g, x)));
    return vec::where(vec::less(size, k.high), g);
  }
};

template <bool Stream, class Formula>
inline void run(const Formula& formula, const float* x, const float* g, float* dx, std::size_t n, const code_ends& ends,
                double* total) {
  constexpr std::size_t segment = 4096;
  const constants k(ends);
  std::size_t i = 0;
  while (i + block <= n) {
    vec::real sum[4][Formula::terms + 1];
    for (auto& s : sum)
      for (auto& term : s) term = k.zero;
    const std::size_t end = i + segment < n ? i + segment : n;
    for (; i + block <= end; i += block) {
      if constexpr (Stream) {
        if constexpr (Formula::reads_x) prefetch(x + i);
        prefetch(g + i);
      }
#pragma GCC unroll 4
      for (std::size_t j = 0; j < 4; ++j) {
        const std::size_t at = i + j * vec::width;
        const vec::real read = Formula::reads_x ? vec::load(x + at) : k.zero;
        vec::store<Stream>(dx + at, formula(read, vec::load(g + at), k, sum[j]));
      }
    }
    for (std::size_t t = 0; t < Formula::terms; ++t)
      total[t] += vec::sum_of(vec::add(vec::add(sum[0][t], sum[1][t]), vec::add(sum[2][t], sum[3][t])));
  }
  if constexpr (Stream) fence();
}

/// dx, and the sums of the formula's terms into total. n is a multiple of four vectors.
template <class Formula>
[[gnu::noinline]] void backward(const Formula& formula, const float* x, const float* g, float* dx, std::size_t n,
                                const code_ends& ends, double* total) {
  total[0] = 0;
  total[1] = 0;
  streams((Formula::reads_x ? 12 : 8) * n, dx) && dx != x&& dx != g ? run<true>(formula, x, g, dx, n, ends, total)
                                                                    : run<false>(formula, x, g, dx, n, ends, total);
}

}  // namespace estimators

}  // namespace hand_written
#endif
