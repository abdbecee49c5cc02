// The SIMD engine: the same formulas on xsimd batches, with the same bits as the scalar engine.
#pragma once

#include <xquant/engines/row_by_scale.hpp>
#include <xquant/engines/scalar.hpp>
#include <xquant/engines/simd/avx2.hpp>
#include <xquant/engines/simd/avx512.hpp>
#include <xquant/engines/simd/neon.hpp>
#include <xquant/engines/simd/sse2.hpp>
#include <xquant/engines/walk.hpp>

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
struct simd_engine {
  template <class Op>
  static constexpr bool supports = is_same<typename Op::real, float>;

  template <class Op>
  static void run(const Op& operation, const nest_list& nests, const operation_streams<Op>& streams) {
    static_assert(supports<Op>, "xquant::simd_engine: float data only; double runs on the scalar engine");
    using lane = simd_lane<Arch>;
    if constexpr (detail::needs_ordinary_scales<Op>)
      if (!detail::all_ordinary<Op>(streams.parameters)) {
        const detail::operation_by_scale<Op> both(operation);
        return detail::walk(detail::row_kernel_by_scale<Op, lane>, nests, detail::erase<Op>(both, streams));
      }
    detail::walk(detail::row_kernel_of<Op, lane>, nests, detail::erase<Op>(operation, streams));
  }

  /// A reduction; see scalar_engine::reduce.
  template <class Op>
  static void reduce(const Op& operation, const reduction_walk& walk, const operation_streams<Op>& streams,
                     double* results) {
    static_assert(supports<Op>, "xquant::simd_engine: float data only; double runs on the scalar engine");
    const detail::walk_streams erased = detail::erase<Op>(operation, streams);
    for_each_piece(walk.nests, [&](const piece& p) {
      detail::reduce_piece(detail::reduction_kernel_of<Op, simd_lane<Arch>>, walk, erased, p,
                           results + p.slot * (Op::accumulators + 1));
    });
  }

  /// One piece of it; see scalar_engine::reduce_piece.
  template <class Op>
  static void reduce_piece(const Op& operation, const reduction_walk& walk, const operation_streams<Op>& streams,
                           const piece& p, double* results) {
    detail::reduce_piece(detail::reduction_kernel_of<Op, simd_lane<Arch>>, walk, detail::erase<Op>(operation, streams),
                         p, results);
  }
};

}  // namespace xquant
