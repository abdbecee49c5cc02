// The SIMD engine: the same formulas on xsimd batches, with the same bits as the scalar engine.
#pragma once

#include <xquant/engines/lane_engine.hpp>
#include <xquant/engines/simd/lane.hpp>

namespace xquant::inline XQUANT_ABI {

/// The widest instruction set this translation unit is compiled for.
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__)
using default_simd_architecture = xsimd::avx512bw;
#elif defined(__AVX2__) && defined(__FMA__)
using default_simd_architecture = xsimd::fma3<xsimd::avx2>;
#elif defined(__aarch64__)
using default_simd_architecture = xsimd::neon64;
#else
using default_simd_architecture = xsimd::sse2;
#endif

/// Runs operations on float data in batches of `Arch`, an xsimd architecture of 4, 8 or 16 floats (sse2, fma3<avx2>,
/// avx512bw, neon64 ...). What a batch does is what a vector of as many floats does at the flags of this source, so the
/// engine is the vector engine for operations that want xsimd's batches. One thread, no allocation. Results equal the
/// scalar engine's bit for bit (NaN payloads apart), whatever the width. Any strides are walked; elements and
/// parameters that lie one after the other are fastest.
template <class Arch = default_simd_architecture>
struct simd_engine : detail::lane_engine<simd_lane<Arch>> {
  static_assert(
      lane_count<simd_lane<Arch>> == 4 || lane_count<simd_lane<Arch>> == 8 || lane_count<simd_lane<Arch>> == 16,
      "xquant::simd_engine: a batch has 4, 8 or 16 floats, so that 64 elements and 16 random numbers are whole "
      "batches");
};

}  // namespace xquant
