// The SIMD engine: the same formulas on xsimd batches, with the same bits as the scalar engine.
#pragma once

#include <xquant/engines/lane_engine.hpp>
#include <xquant/engines/simd/avx2.hpp>
#include <xquant/engines/simd/avx512.hpp>
#include <xquant/engines/simd/neon.hpp>
#include <xquant/engines/simd/sse2.hpp>

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

/// Runs operations on float data in vectors of `Arch`, an xsimd architecture with an instruction_set (sse2, fma3<avx2>,
/// avx512bw, neon64). One thread, no allocation. Results equal the scalar engine's bit for bit (NaN payloads apart),
/// whatever the width. Any strides are walked; elements and parameters that lie one after the other are fastest.
template <class Arch = default_simd_architecture>
struct simd_engine : detail::lane_engine<simd_lane<Arch>> {};

}  // namespace xquant
