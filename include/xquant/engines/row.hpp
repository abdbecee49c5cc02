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
  static constexpr std::size_t ahead_in_row = streaming::ahead_in_row;
  static constexpr std::size_t ahead_in_column = streaming::ahead_in_column;

  /// Runs of an operation that does not reduce.
  static void run(const row_arguments& r) {
    if (!is_random && r.extent % block_size == 0 && (r.rows == 1 || !r.varying)) return blocks(r);
    if constexpr (!is_random && !has_bits)
      if (r.varying && r.rows > 1 && r.row_stride[parameter] == 0) return run_columns(r);
    const Op& operation = *static_cast<const Op*>(r.operation);
    addresses a(r);
    run_one(operation, a, r.extent, r.varying);
    for (std::size_t row = 1; row < r.rows; ++row) {
      a.next_row(r);
      run_one(operation, a, r.extent, r.varying);
    }
  }

 private:
  XQUANT_INLINE static void varying_block(const Op& operation, const addresses& a, state& own) {
    streaming::template run<ahead_in_row>(
        operation, a,
        [&](std::size_t j)
            XQUANT_LAMBDA_INLINE { return operation.template prepare<L>(block::load_parameters(a, j * block::width)); },
        own);
  }

  static void run_edge(const Op& operation, const addresses& a, std::size_t skip, std::size_t n, bool varying) {
    edge<Op>::template run<blocks>(operation, a, skip, n, varying);
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
      blocks(a.arguments(operation, left / block_size * block_size, varying));
      a.advance(left / block_size * block_size, varying);
      left %= block_size;
    }
    if (left != 0) run_edge(operation, a, 0, left, varying);
  }

  // One run of whole blocks, or rows of them that have a slot each: made once, for long runs and for edges alike. Reads
  // its arguments where the caller wrote them; a copy would have to wait for them in the store queue.
  XQUANT_NOINLINE static void blocks(const row_arguments& r) {
    const Op operation = *static_cast<const Op*>(r.operation);  // a copy no store can alias
    addresses a(r);
    std::size_t left = r.extent;
    state own;
    if (r.varying) {
      for (; left != 0; left -= block_size, a.advance(block_size, true)) varying_block(operation, a, own);
      return;
    }
    for (std::size_t rows = r.rows;;) {
      const auto prepared = operation.template prepare<L>(block::template shared_parameters<L>(a));
      addresses at = a;
      for (left = r.extent; left != 0; left -= block_size, at.advance(block_size, false))
        streaming::template run<ahead_in_row>(
            operation, at, [&](std::size_t) XQUANT_LAMBDA_INLINE -> const auto& { return prepared; }, own);
      if (--rows == 0) return;
      a.next_row(r);
    }
  }

  // Rows that share their parameters, element by element: down a few rows of 64 columns, then the next columns, so that
  // parameters are prepared once for these rows.
  XQUANT_NOINLINE static void run_columns(const row_arguments& r) {
    const Op operation = *static_cast<const Op*>(r.operation);
    const std::size_t tile = r.past_caches ? 4 : 16;  // memory serves few streams at once
    addresses top(r);
    for (std::size_t done = 0;;) {
      const std::size_t rows = r.rows - done < tile ? r.rows - done : tile;
      addresses column = top;
      std::size_t left = r.extent;
      for (; left >= block_size; left -= block_size, column.advance(block_size, true)) {
        if (can_stream && r.past_caches)
          run_tile<true>(operation, column, rows, r);
        else
          run_tile<false>(operation, column, rows, r);
      }
      if (left != 0) run_column_edges(r, done, rows, left);
      done += rows;
      if (done >= r.rows) return;
      for (std::size_t row = 0; row < rows; ++row) top.next_row(r);
    }
  }

  // One block of columns, down some rows.
  template <bool IsPastCaches>
  XQUANT_INLINE static void run_tile(const Op& operation, addresses a, std::size_t rows, const row_arguments& r) {
    const auto prepared = block::prepare_lanes(operation, a);
    const auto prepare = [&](std::size_t j) XQUANT_LAMBDA_INLINE -> const auto& { return prepared.lane[j]; };
    state own;
    const std::ptrdiff_t step[4] = {r.row_stride[0], r.row_stride[1], r.row_stride[2], r.row_stride[3]};
    for (;; a.next_elements(step)) {
      if constexpr (IsPastCaches)
        streaming::template run_past<ahead_in_column>(operation, a, prepare, own);
      else
        block::run(operation, a, prepare, own);
      if (--rows == 0) return;
    }
  }

  // The last columns of `rows` rows from `done` on.
  XQUANT_NOINLINE static void run_column_edges(const row_arguments& r, std::size_t done, std::size_t rows,
                                               std::size_t left) {
    const Op& operation = *static_cast<const Op*>(r.operation);
    addresses a(r);
    for (std::size_t row = 0; row < done; ++row) a.next_row(r);
    a.advance(r.extent - left, true);
    for (std::size_t row = 0; row < rows; ++row, a.next_row(r)) run_edge(operation, a, 0, left, true);
  }
};

}  // namespace xquant::detail
