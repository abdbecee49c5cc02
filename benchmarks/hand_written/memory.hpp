// How the hand-written kernels meet memory: ordinary stores while the data may fit a cache, non-temporal stores and
// software prefetch beyond. Blocks of four vectors.
#pragma once

#include "vector.hpp"

#if HAND_WRITTEN
namespace hand_written {

inline constexpr std::size_t block = 4 * vec::width;

/// Bytes read and written from which on nothing is expected to stay in a cache.
inline constexpr std::size_t streaming_bytes = std::size_t{48} << 20;
/// How far ahead of the loads: 4 to 16 KiB are within 5 % of each other here, 2 KiB costs 7 %.
inline constexpr std::size_t prefetch_bytes = 8192;

inline bool streams(std::size_t bytes, const void* output) {
  return bytes >= streaming_bytes && reinterpret_cast<std::uintptr_t>(output) % 64 == 0;
}

template <std::size_t Ahead = prefetch_bytes, class T>
HAND_INLINE void prefetch(const T* p) {
  for (std::size_t at = 0; at < block * sizeof(T); at += 64)
    __builtin_prefetch(reinterpret_cast<const char*>(p) + Ahead + at, 0, 3);
}

/// Once an operation: non-temporal stores are weakly ordered.
HAND_INLINE void fence() { _mm_sfence(); }

}  // namespace hand_written
#endif
