// Minimum and maximum of a tensor by hand. NaN ignored, -0 counts as +0 (docs/arithmetic.md, rule 10).
#pragma once

#include "memory.hpp"

#if HAND_WRITTEN
namespace hand_written {

struct extremes {
  float low;
  float high;
};

namespace detail {

template <bool Stream>
inline extremes min_max_run(const float* x, std::size_t n) {
  constexpr std::size_t ways = vec::width == 16 ? 8 : 6;
  constexpr float infinity = __builtin_inff();
  vec::real low[ways];
  vec::real high[ways];
  for (std::size_t k = 0; k < ways; ++k) {
    low[k] = vec::set(infinity);
    high[k] = vec::set(-infinity);
  }
  std::size_t i = 0;
  for (; i + ways * vec::width <= n; i += ways * vec::width) {
    if constexpr (Stream)
      for (std::size_t k = 0; k < ways * vec::width; k += 16)
        __builtin_prefetch(reinterpret_cast<const char*>(x + i + k) + prefetch_bytes, 0, 3);
#pragma GCC unroll 8
    for (std::size_t k = 0; k < ways; ++k) {
      // A NaN is the first argument, so the second, what was found so far, is kept.
      const vec::real v = vec::load(x + i + k * vec::width);
      low[k] = vec::minimum(v, low[k]);
      high[k] = vec::maximum(v, high[k]);
    }
  }
  for (std::size_t k = 1; k < ways; ++k) {
    low[0] = vec::minimum(low[0], low[k]);
    high[0] = vec::maximum(high[0], high[k]);
  }
  extremes e{vec::lowest_of(low[0]), vec::highest_of(high[0])};
  for (; i < n; ++i) {
    e.low = x[i] < e.low ? x[i] : e.low;
    e.high = x[i] > e.high ? x[i] : e.high;
  }
  return {e.low + 0.0f, e.high + 0.0f};
}

}  // namespace detail

[[gnu::noinline]] inline extremes min_max(const float* x, std::size_t n) {
  return 4 * n >= streaming_bytes ? detail::min_max_run<true>(x, n) : detail::min_max_run<false>(x, n);
}

}  // namespace hand_written
#endif
