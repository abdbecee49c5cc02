// Bodies of reductions: a warp per piece, then a thread per slot. The tree is that of every engine (docs/arithmetic.md,
// rule 10): 32 accumulators are the 32 lanes, folded 16-8-4-2-1, and the pieces of a slot are combined in order in
// double.
#pragma once

#include <xquant/engines/cuda/kernel.cuh>

namespace xquant::inline XQUANT_ABI::cuda {

/// The rows of one nest. A row is cut where it crosses a multiple of segment_size, into at most `pieces` pieces. In a
/// direct nest the slots run along with the elements: rows of one element, whose terms go to their slot as they are.
struct row_nest {
  std::size_t depth;
  std::size_t extent[nest::max_depth];
  std::ptrdiff_t index_stride[nest::max_depth];
  std::ptrdiff_t slot_stride[nest::max_depth];
  std::ptrdiff_t first_index;
  std::ptrdiff_t first_slot;
  std::size_t rows;
  std::size_t row_extent;
  std::size_t pieces;
  bool direct;
};

/// A reduction over one nest by value: for rows on a device. No slot has elements of two nests, since a dimension is
/// cut into nests between two of its blocks (core/nest.hpp).
struct row_walk {
  row_nest rows;
  std::size_t slots;  // of the whole reduction
  shape extents;
  bool dense[3];
  std::ptrdiff_t stride[3][max_rank];

  /// Offset of an element in stream k.
  XQUANT_HOST_DEVICE std::ptrdiff_t offset(unsigned k, std::size_t index) const {
    if (dense[k]) return static_cast<std::ptrdiff_t>(index);
    std::ptrdiff_t sum = 0;
    for (std::size_t d = extents.rank; d-- > 0;) {
      const std::size_t outer = index / extents.extent[d];
      sum += static_cast<std::ptrdiff_t>(index - outer * extents.extent[d]) * stride[k][d];
      index = outer;
    }
    return sum;
  }
};

/// Elements [begin, end) of piece `number` of the row that starts at `index`; none when begin >= end.
struct piece_bounds {
  std::size_t begin;
  std::size_t end;
  XQUANT_DEVICE piece_bounds(std::size_t index, std::size_t row_extent, std::size_t number) {
    const std::size_t segment = (index / segment_size + number) * segment_size;
    begin = segment > index ? segment : index;
    end = segment + segment_size < index + row_extent ? segment + segment_size : index + row_extent;
  }
};

template <class Op, class Prepared>
XQUANT_DEVICE auto reduced_element(const Op& operation, const operation_streams<Op>& s, const row_walk& walk,
                                   const Prepared& prepared, std::size_t index) {
  using e = element<Op>;
  static_assert(is_same<typename Op::output_0_type, none> ||
                    xquant::detail::is_real_stream<typename Op::output_0_type, typename Op::real>,
                "xquant: a reduction on a device writes reals or nothing beside its sums");
  const auto one = e::apply(operation, s, prepared, walk.offset(0, index), walk.offset(1, index),
                            static_cast<std::ptrdiff_t>(index));
  e::template store<typename Op::output_0_type>(operation, s.output_0, walk.offset(2, index), one.output);
  return one;
}

/// First half: a warp per piece. `folded` has Op::accumulators doubles per piece of this nest.
template <class Op>
struct piece_kernel {
  Op operation;
  operation_streams<Op> streams;
  row_walk walk;
  double* folded;
  static constexpr bool uses_warps = true;

  template <class Thread>
  XQUANT_DEVICE void operator()(const Thread& thread) const {
    const std::size_t pieces = walk.rows.rows * walk.rows.pieces;
    for (std::size_t p = thread.index() / warp_size; p < pieces; p += thread.threads() / warp_size) piece(thread, p);
  }

 private:
  template <class Thread>
  XQUANT_DEVICE void piece(const Thread& thread, std::size_t number) const {
    using real = typename Op::real;
    const row_nest& rows = walk.rows;
    std::size_t row = number / rows.pieces;
    std::ptrdiff_t index = rows.first_index;
    std::ptrdiff_t slot = rows.first_slot;
    const std::size_t in_row = number - row * rows.pieces;
    for (std::size_t d = rows.depth; d-- > 0;) {
      const std::size_t outer = row / rows.extent[d];
      const auto turn = static_cast<std::ptrdiff_t>(row - outer * rows.extent[d]);
      index += turn * rows.index_stride[d];
      slot += turn * rows.slot_stride[d];
      row = outer;
    }
    const piece_bounds bounds(static_cast<std::size_t>(index), rows.row_extent, in_row);
    if (bounds.begin >= bounds.end) return;  // the same in all lanes
    const auto prepared = operation.template prepare<real>(element<Op>::parameters_at(streams.parameters, slot));
    real sum[Op::accumulators];
    for (std::size_t k = 0; k < Op::accumulators; ++k) sum[k] = Op::template initial<real>(k);
    for (std::size_t i = bounds.begin + thread.index() % warp_size; i < bounds.end; i += warp_size) {
      const auto one = reduced_element(operation, streams, walk, prepared, i);
      for (std::size_t k = 0; k < Op::accumulators; ++k) sum[k] = Op::template combine<real>(k, one.term[k], sum[k]);
    }
    for (std::size_t k = 0; k < Op::accumulators; ++k) {
      for (unsigned half = warp_size / 2; half > 0; half /= 2)
        sum[k] = Op::template combine<real>(k, sum[k], thread.from_lane(sum[k], half));
      if (thread.index() % warp_size == 0) folded[number * Op::accumulators + k] = static_cast<double>(sum[k]);
    }
  }
};

/// Second half: a thread per slot of this nest combines its pieces in order (in a direct nest its terms), and hands
/// finish(slot, accumulators, number of elements) what it found. A walk of no rows is one of no elements, whose slots
/// are all finished.
template <class Op, class Finish>
struct slot_kernel {
  Op operation;
  operation_streams<Op> streams;
  row_walk walk;
  const double* folded;
  Finish finish;
  static constexpr bool uses_warps = false;

  template <class Thread>
  XQUANT_DEVICE void operator()(const Thread& thread) const {
    for (std::size_t slot = thread.index(); slot < walk.slots; slot += thread.threads()) {
      state s;
      for (std::size_t k = 0; k < Op::accumulators; ++k) s.result[k] = Op::template initial<double>(k);
      if (walk.rows.rows == 0 || add(s, walk.rows, static_cast<std::ptrdiff_t>(slot)))
        finish(slot, s.result, s.elements);
    }
  }

 private:
  struct state {
    double result[Op::accumulators];
    double elements = 0;
  };

  // Whether the slot is one of this nest's; its elements then are in `s`.
  XQUANT_DEVICE bool add(state& s, const row_nest& rows, std::ptrdiff_t slot) const {
    using real = typename Op::real;
    // The strides of the slots fall from loop to loop, each larger than all that the inner loops reach.
    std::size_t turn[nest::max_depth];
    std::ptrdiff_t index = rows.first_index;
    std::ptrdiff_t left = slot - rows.first_slot;
    if (left < 0) return false;
    for (std::size_t d = 0; d < rows.depth; ++d) {
      turn[d] = 0;
      if (rows.slot_stride[d] == 0) continue;
      const std::ptrdiff_t t = left / rows.slot_stride[d];
      if (t >= static_cast<std::ptrdiff_t>(rows.extent[d])) return false;
      left -= t * rows.slot_stride[d];
      turn[d] = static_cast<std::size_t>(t);
      index += t * rows.index_stride[d];
    }
    if (left != 0) return false;
    const auto prepared = operation.template prepare<real>(element<Op>::parameters_at(streams.parameters, slot));
    for (;;) {
      if (rows.direct)
        add_term(s, prepared, static_cast<std::size_t>(index));
      else
        add_row(s, rows, turn, static_cast<std::size_t>(index));
      std::size_t d = rows.depth;
      for (; d > 0; --d) {
        if (rows.slot_stride[d - 1] != 0) continue;
        if (++turn[d - 1] < rows.extent[d - 1]) {
          index += rows.index_stride[d - 1];
          break;
        }
        turn[d - 1] = 0;
        index -= rows.index_stride[d - 1] * static_cast<std::ptrdiff_t>(rows.extent[d - 1] - 1);
      }
      if (d == 0) return true;
    }
  }

  template <class Prepared>
  XQUANT_DEVICE void add_term(state& s, const Prepared& prepared, std::size_t index) const {
    const auto one = reduced_element(operation, streams, walk, prepared, index);
    for (std::size_t k = 0; k < Op::accumulators; ++k)
      s.result[k] = Op::template combine<double>(k, static_cast<double>(one.term[k]), s.result[k]);
    s.elements += 1;
  }

  XQUANT_DEVICE void add_row(state& s, const row_nest& rows, const std::size_t (&turn)[nest::max_depth],
                             std::size_t index) const {
    std::size_t row = 0;
    for (std::size_t d = 0; d < rows.depth; ++d) row = row * rows.extent[d] + turn[d];
    for (std::size_t j = 0; j < rows.pieces; ++j) {
      const piece_bounds bounds(index, rows.row_extent, j);
      if (bounds.begin >= bounds.end) continue;
      const double* piece = folded + (row * rows.pieces + j) * Op::accumulators;
      for (std::size_t k = 0; k < Op::accumulators; ++k)
        s.result[k] = Op::template combine<double>(k, piece[k], s.result[k]);
      s.elements += static_cast<double>(bounds.end - bounds.begin);
    }
  }
};

}  // namespace xquant::cuda
