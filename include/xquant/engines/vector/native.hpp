// The vectors of the processor a source is compiled for: every instruction set there is a file for, and the widest.
#pragma once

#include <xquant/engines/vector/avx2.hpp>
#include <xquant/engines/vector/avx512.hpp>
#include <xquant/engines/vector/neon.hpp>
#include <xquant/engines/vector/sse2.hpp>

namespace xquant::inline XQUANT_ABI {

/// Floats in the widest vector that the flags of this source allow: 64 bytes with AVX-512 (F, BW, DQ), 32 with AVX2
/// (AVX alone has no integers as wide), 16 elsewhere.
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__)
inline constexpr std::size_t native_vector_width = 16;
#elif defined(__AVX2__)
inline constexpr std::size_t native_vector_width = 8;
#else
inline constexpr std::size_t native_vector_width = 4;
#endif

}  // namespace xquant
