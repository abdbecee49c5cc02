// Runs of elements that lie one after the other, in blocks of 64: with reduction_kernel.hpp the only part of an engine
// that is made for every operation and lane. Everything around it (loops over rows, strides) is shared code in
// walk.hpp.
#pragma once

#include <xquant/engines/block.hpp>
#include <xquant/engines/edge.hpp>
#include <xquant/engines/streaming_block.hpp>

namespace xquant::inline XQUANT_ABI::detail {

template <class Op, class L>
struct block_kernel {
  using block = lane_block<Op, L>;
  using streaming = streaming_block<Op, L>;
  using addresses = typename block::addresses;
  using state = typename block::state;
  static constexpr bool is_random = block::is_random;
  static constexpr bool has_bits = block::has_bits;
  static constexpr bool can_stream = streaming::can_stream;
  // Whether elements with a slot each are prepared for, then computed, down the rows that share their slots.
  static constexpr bool has_columns = !is_random && !has_bits;

  /// Runs of an operation that does not reduce. Whole blocks first: a small call has nothing else to do.
  static void run(const row_arguments& r) {
    if (!is_random && r.extent % block_size == 0 && (r.rows == 1 || !r.varying || are_columns(r))) return run_whole(r);
    run_parts(r);
  }

 private:
  XQUANT_INLINE static bool are_columns(const row_arguments& r) {
    return has_columns && r.varying && r.rows > 1 && r.row_stride[parameter] == 0;
  }

  XQUANT_NOINLINE static void run_parts(const row_arguments& r) {
    // Elements of each row that are done in blocks for all rows together.
    const std::size_t whole = are_columns(r) ? r.extent / block_size * block_size : 0;
    addresses a(r);
    if (whole != 0) {
      row_arguments columns = r;
      columns.extent = whole;
      run_whole(columns);
      a.advance(whole, true);
    }
    const Op& operation = *static_cast<const Op*>(r.operation);
    for (std::size_t row = 0;;) {
      run_one(operation, a, r.extent - whole, r.varying);
      if (++row == r.rows) return;
      a.next_row(r);
    }
  }

  // Whole blocks: of one row, of rows that have a slot each, of columns. Three copies of the formula in all,
  // which is what an operation costs to compile.
  XQUANT_INLINE static void run_whole(const row_arguments& r) {
    if constexpr (can_stream)
      if (r.past_caches) return run_tiles<true>(r);
    if constexpr (has_columns)
      if (r.varying) return run_tiles<false>(r);
    run_blocks(r);
  }

  static void run_edge(const Op& operation, const addresses& a, std::size_t skip, std::size_t n, bool varying) {
    edge<Op>::template run<run_whole>(operation, a, skip, n, varying);
  }

  XQUANT_INLINE static void run_one(const Op& operation, const addresses& first, std::size_t left, bool varying) {
    addresses a = first;
    if constexpr (is_random) {
      const std::size_t skip = random_index(operation.rounding(), a.index) % random_group;
      if (skip != 0) {
        const std::size_t n = left < random_group - skip ? left : random_group - skip;
        run_edge(operation, a, skip, n, varying);
        a.advance(n, varying);
        left -= n;
      }
    }
    if (left >= block_size) {
      run_whole(a.arguments(operation, left / block_size * block_size, varying));
      a.advance(left / block_size * block_size, varying);
      left %= block_size;
    }
    if (left != 0) run_edge(operation, a, 0, left, varying);
  }

  // For long rows and for edges alike. Reads its arguments where the caller wrote them; a copy would have to wait for
  // them in the store queue.
  XQUANT_NOINLINE static void run_blocks(const row_arguments& r) {
    const Op operation = *static_cast<const Op*>(r.operation);  // a copy no store can alias
    addresses a(r);
    std::size_t left = r.extent;
    state own;
    if constexpr (!has_columns) {
      if (r.varying) {
        for (; left != 0; left -= block_size, a.advance(block_size, true))
          block::run(
              operation, a,
              [&](std::size_t j) XQUANT_LAMBDA_INLINE {
                return operation.template prepare<L>(block::load_parameters(a, j * block::width));
              },
              own);
        return;
      }
    }
    for (std::size_t rows = r.rows;;) {
      const auto prepared = operation.template prepare<L>(block::template shared_parameters<L>(a));
      addresses at = a;
      for (left = r.extent; left != 0; left -= block_size, at.advance(block_size, false))
        block::run(
            operation, at, [&](std::size_t) XQUANT_LAMBDA_INLINE -> const auto& { return prepared; }, own);
      if (--rows == 0) return;
      a.next_row(r);
    }
  }

  // Down a few rows of 64 columns, then the next columns, so that parameters are prepared once for these rows. Past the
  // caches, where memory takes the time, a row with one slot goes the same way: its blocks are the rows.
  template <bool IsPastCaches>
  XQUANT_NOINLINE static void run_tiles(const row_arguments& r) {
    const Op operation = *static_cast<const Op*>(r.operation);
    const bool varying = !IsPastCaches || r.varying;
    const std::size_t tile = !varying || !has_columns ? 1 : IsPastCaches ? 4 : 16;  // memory serves few streams at once
    const std::size_t ahead = tile == 1 ? 8192 : 2048;
    const std::size_t blocks = r.extent / block_size;
    std::ptrdiff_t step[element_index + 1];
    for (unsigned k = 0; k <= element_index; ++k)
      step[k] = !varying ? static_cast<std::ptrdiff_t>(block_size) : r.rows > 1 ? r.row_stride[k] : 0;
    addresses top(r);
    state own;
    for (std::size_t done = 0;;) {
      const std::size_t rows = r.rows - done < tile ? r.rows - done : tile;
      addresses column = top;
      for (std::size_t left = varying || blocks == 0 ? blocks : 1; left != 0;
           --left, column.advance(block_size, varying)) {
        const auto prepared =
            varying ? block::prepare_lanes(operation, column) : block::prepare_same(operation, column);
        const auto prepare = [&](std::size_t j) XQUANT_LAMBDA_INLINE -> const auto& { return prepared.lane[j]; };
        addresses a = column;
        for (std::size_t down = varying ? rows : blocks;; a.next_elements(step)) {
          if constexpr (IsPastCaches)
            streaming::run(operation, a, prepare, own, ahead);
          else
            block::run(operation, a, prepare, own);
          if (--down == 0) break;
        }
      }
      done += rows;
      if (done >= r.rows) return;
      top.next_row(r, rows);
    }
  }
};

}  // namespace xquant::detail
