// Minimum and maximum of a tensor by hand: NaN ignored, -0 counts as +0 (docs/arithmetic.md, rule 10). A histogram of
// |x|.
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

/// Counts elements by the integer nearest to |x| / width, 2047 for those beyond; the largest magnitude is known.
/// Numbers of a block first, then increments of 16-bit counters, which neighbours do not share.
[[gnu::noinline]] inline void histogram(const float* x, std::size_t n, float width, std::uint64_t* counts) {
  constexpr std::size_t bins = 2048;
  constexpr std::size_t ways = 8;
  constexpr std::size_t block_elements = 512;
  constexpr std::size_t flush = 65535 / (block_elements / ways);
  std::uint16_t counters[ways][bins];
  const auto add_up = [&] {
    for (std::size_t i = 0; i < bins; ++i)
      for (std::size_t k = 0; k < ways; ++k) counts[i] += counters[k][i];
    __builtin_memset(counters, 0, sizeof(counters));
  };
  __builtin_memset(counters, 0, sizeof(counters));
  const vec::real reciprocal = vec::set(1 / width);
  const vec::real nothing = vec::set(0.0f);
  const vec::real last = vec::set(static_cast<float>(bins - 1));
  std::size_t blocks = 0;
  std::size_t i = 0;
  for (; i + block_elements <= n; i += block_elements) {
    std::uint32_t number[block_elements];
    for (std::size_t k = 0; k < block_elements; k += vec::width) {
      __builtin_prefetch(x + i + k + 2 * block_elements);
      const vec::real v = vec::load(x + i + k);
      const vec::real magnitude = vec::maximum(v, vec::subtract(nothing, v));
      const vec::integer index = vec::to_nearest(vec::minimum(vec::multiply(magnitude, reciprocal), last));
      __builtin_memcpy(number + k, &index, sizeof(index));
    }
    for (std::size_t k = 0; k < block_elements; k += ways)
      for (std::size_t w = 0; w < ways; ++w) ++counters[w][number[k + w]];
    if (++blocks % flush == 0) add_up();
  }
  add_up();
  for (; i < n; ++i) {
    const float v = (x[i] < 0 ? -x[i] : x[i]) / width + 0.5f;
    ++counts[v < static_cast<float>(bins) ? static_cast<std::size_t>(v) : bins - 1];
  }
}

}  // namespace hand_written
#endif
