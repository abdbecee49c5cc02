// The vector engine: the same formulas on the compiler's own vectors, with the same bits as the scalar engine. Needs no
// library and no header of the processor.
#pragma once

#include <xquant/engines/lane_engine.hpp>
#include <xquant/engines/scalar.hpp>
#include <xquant/engines/vector/lane.hpp>
#include <xquant/engines/vector/native.hpp>

namespace xquant::inline XQUANT_ABI {

/// Runs operations in vectors of `Width` floats (4, 8 or 16), whatever the processor has: what is wider than its
/// registers is split. One thread, no allocation. Results equal the scalar engine's bit for bit (NaN payloads apart),
/// whatever the width. Any strides are walked; elements and parameters that lie one after the other are fastest.
/// Operations on double, and constant expressions, run on the scalar engine. `Instructions` is generic_vectors<Width>
/// to have nothing but what the language says.
template <std::size_t Width = native_vector_width, class Instructions = vector_instructions<Width>>
class vector_engine {
  static_assert(Width == 4 || Width == 8 || Width == 16,
                "xquant::vector_engine: a vector has 4, 8 or 16 floats, so that 64 elements and 16 random numbers are "
                "whole vectors");
  using on_lanes = detail::lane_engine<vector_lane<Width, Instructions>>;

  template <class Op>
  using runs_on = conditional<on_lanes::template supports<Op>, on_lanes, scalar_engine>;

 public:
  using lane = typename on_lanes::lane;

  template <class Op>
  static constexpr bool supports = true;

  template <class Op>
  static constexpr void run(const Op& operation, const nest_list& nests, const operation_streams<Op>& streams) {
    if (__builtin_is_constant_evaluated()) return scalar_engine::run(operation, nests, streams);
    runs_on<Op>::run(operation, nests, streams);
  }

  /// A reduction; see scalar_engine::reduce.
  template <class Op>
  static constexpr void reduce(const Op& operation, const reduction_walk& walk, const operation_streams<Op>& streams,
                               double* results) {
    if (__builtin_is_constant_evaluated()) return scalar_engine::reduce(operation, walk, streams, results);
    runs_on<Op>::reduce(operation, walk, streams, results);
  }

  /// One piece of it; see scalar_engine::reduce_piece.
  template <class Op>
  static constexpr void reduce_piece(const Op& operation, const reduction_walk& walk,
                                     const operation_streams<Op>& streams, const piece& p, double* results) {
    if (__builtin_is_constant_evaluated()) return scalar_engine::reduce_piece(operation, walk, streams, p, results);
    runs_on<Op>::reduce_piece(operation, walk, streams, p, results);
  }
};

}  // namespace xquant
