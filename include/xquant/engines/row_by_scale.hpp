// Runs of an operation that is fast for ordinary scales only (engines/operation.hpp, needs_ordinary_scales), where some
// are not: each part of a run goes to the row kernel its scales allow. A channel of an odd scale slows down its own
// elements, or where elements have a slot each the block it is in (64 elements of one row, 1024 columns of many), and
// nothing else.
#pragma once

#include <xquant/engines/row.hpp>
#include <xquant/engines/walk.hpp>

namespace xquant::inline XQUANT_ABI::detail {

/// Whether all of `n` scales are ordinary. Without branches, which compilers turn into vectors.
template <class Op>
constexpr bool are_ordinary(const typename Op::real* scale, std::size_t n) noexcept {
  std::uint32_t others = 0;
  for (std::size_t i = 0; i < n; ++i) others |= Op::is_ordinary(scale[i]) ? 0u : 1u;
  return others == 0;
}

/// What such a kernel is given as its operation.
template <class Op>
struct operation_by_scale {
  using for_any_scale = decltype(declared<const Op&>().for_any_scale());
  Op ordinary;
  for_any_scale any;
  constexpr explicit operation_by_scale(const Op& operation) : ordinary(operation), any(operation.for_any_scale()) {}
};

template <class Op, class L>
struct block_kernel_by_scale {
  using real = typename Op::real;
  using operations = operation_by_scale<Op>;
  using any_operation = typename operations::for_any_scale;
  using addresses = typename block_kernel<Op, L>::addresses;
  using memory = lane_memory<L>;

  static void run(const row_arguments& r) {
    const auto& operation = *static_cast<const operations*>(r.operation);
    const std::ptrdiff_t slot_step = r.rows > 1 ? r.row_stride[parameter] : 0;
    addresses a(r);
    if (!r.varying) {
      for (std::size_t done = 0; done < r.rows;) {
        const addresses first = a;
        const bool is_ordinary = Op::is_ordinary(*a.scale);
        const std::size_t begin = done;
        if (slot_step == 0) done = r.rows;
        for (; done < r.rows && Op::is_ordinary(*a.scale) == is_ordinary; ++done) a.next_row(r);
        run_part(operation, r, first, is_ordinary, done - begin, r.extent);
      }
      return;
    }
    if (slot_step == 0) return run_blocks(operation, r, a, r.rows, r.rows > 1 ? wide_block : block_size);
    for (std::size_t row = 0; row < r.rows; ++row, a.next_row(r)) run_blocks(operation, r, a, 1, block_size);
  }

 private:
  // Columns of a matrix that are chosen for together: pieces of rows would cost more than the slower formula.
  static constexpr std::size_t wide_block = 1024;

  // Elements with a slot each, the same in all rows: runs of blocks of one kind.
  static void run_blocks(const operations& operation, const row_arguments& r, addresses a, std::size_t rows,
                         std::size_t block) {
    if (are_ordinary(a.scale, r.extent)) return run_part(operation, r, a, true, rows, r.extent);
    const auto first_block = [=](std::size_t left) { return left < block ? left : block; };
    for (std::size_t left = r.extent; left != 0;) {
      std::size_t taken = first_block(left);
      const bool is_ordinary = are_ordinary(a.scale, taken);
      while (taken < left && are_ordinary(a.scale + taken, first_block(left - taken)) == is_ordinary)
        taken += first_block(left - taken);
      run_part(operation, r, a, is_ordinary, rows, taken);
      a.advance(taken, true);
      left -= taken;
    }
  }

  static bool are_ordinary(const real* scale, std::size_t n) { return detail::are_ordinary<Op>(scale, n); }

  static void run_part(const operations& operation, const row_arguments& r, const addresses& first, bool is_ordinary,
                       std::size_t rows, std::size_t extent) {
    if (is_ordinary) return block_kernel<Op, L>::run(arguments_at(&operation.ordinary, r, first, rows, extent));
    addresses a = first;
    if (!r.varying) {
      real own[block_size];  // of which the first is read: g++ takes a single one for an array that a block overruns
      const std::size_t together = rows == 1 || r.row_stride[parameter] == 0 ? rows : 1;
      for (std::size_t done = 0; done < rows; done += together) {
        own[0] = any_operation::template reciprocal_for<real>(*a.scale);
        run_any(operation, r, a, together, extent, own);
        if (together == 1 && rows != 1) a.next_row(r);
      }
      return;
    }
    alignas(64) real own[wide_block];
    for (std::size_t left = extent; left != 0;) {
      const std::size_t n = left < wide_block ? left : wide_block;
      std::size_t i = 0;
      for (; i + lane_count<L> <= n; i += lane_count<L>)
        memory::store(own + i, any_operation::template reciprocal_for<L>(memory::load(a.scale + i)));
      for (; i < n; ++i) own[i] = any_operation::template reciprocal_for<real>(a.scale[i]);
      run_any(operation, r, a, rows, n, own);
      a.advance(n, true);
      left -= n;
    }
  }

  // What is at `a`, by the operation for any scale and the reciprocals it takes.
  static void run_any(const operations& operation, const row_arguments& r, const addresses& a, std::size_t rows,
                      std::size_t extent, const real* reciprocal) {
    row_arguments part = arguments_at(&operation.any, r, a, rows, extent);
    part.reciprocal = reciprocal;
    block_kernel<any_operation, L>::run(part);
  }

  static row_arguments arguments_at(const void* operation, const row_arguments& r, const addresses& a, std::size_t rows,
                                    std::size_t extent) {
    row_arguments part = a.arguments(static_cast<const operations*>(r.operation)->ordinary, extent, r.varying);
    part.operation = operation;
    part.rows = rows;
    part.row_stride = r.row_stride;
    return part;
  }
};

template <class Op, class L>
inline constexpr row_kernel row_kernel_by_scale = [] {
  row_kernel kernel = row_kernel_of<Op, L>;
  kernel.run = &block_kernel_by_scale<Op, L>::run;
  return kernel;
}();

}  // namespace xquant::inline XQUANT_ABI::detail
