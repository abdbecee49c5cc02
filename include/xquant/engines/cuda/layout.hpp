// From the loops every engine walks to the arguments of kernels, and which kernels a call launches. Host code without
// CUDA: what a launch is, is the Launcher's to say.
#pragma once

#include <xquant/engines/cuda/kernel.cuh>
#include <xquant/engines/cuda/reduction.cuh>
#include <xquant/engines/packed_cut.hpp>

namespace xquant::inline XQUANT_ABI::cuda {

namespace detail {

constexpr std::size_t elements_of(const nest& n) noexcept {
  std::size_t count = 1;
  for (std::size_t d = 0; d < n.depth; ++d) count *= n.dimension[d].extent;
  return count;
}

// Whether the nest visits the elements of the whole tensor in the order of their logical index.
constexpr bool in_index_order(const nest_list& nests) noexcept {
  if (nests.count != 1 || nests.item[0].base[element_index] != 0) return false;
  const nest& n = nests.item[0];
  std::ptrdiff_t step = 1;
  for (std::size_t d = n.depth; d-- > 0;) {
    if (n.dimension[d].stride[element_index] != step) return false;
    step *= static_cast<std::ptrdiff_t>(n.dimension[d].extent);
  }
  return true;
}

template <std::size_t Depth>
constexpr element_walk<Depth> make_walk(const nest& n, std::size_t threads) noexcept {
  element_walk<Depth> w{};
  w.count = elements_of(n);
  for (unsigned k = 0; k < operand_count; ++k) w.base[k] = n.base[k];
  for (std::size_t d = 0; d < Depth; ++d) {
    w.extent[d] = 1;
    if (d + n.depth < Depth) continue;
    const nest_dimension& loop = n.dimension[d + n.depth - Depth];
    w.extent[d] = loop.extent;
    for (unsigned k = 0; k < operand_count; ++k) w.stride[d][k] = loop.stride[k];
  }
  for (std::size_t d = Depth; d-- > 0; threads /= w.extent[d]) {
    if (d == 0) {
      w.step[0] = threads;
      break;
    }
    w.step[d] = threads % w.extent[d];
  }
  return w;
}

constexpr row_nest make_rows(const nest& n) noexcept {
  row_nest r{};
  nest_dimension row = nest_dimension::once();
  std::size_t outer = n.depth;
  // A row of one element has one piece; one whose elements do not follow each other is taken element by element.
  if (n.depth > 0) {
    const nest_dimension& inner = n.dimension[n.depth - 1];
    r.direct = inner.extent != 1 && inner.stride[parameter] == 1;
    if (!r.direct && inner.stride[parameter] == 0 && inner.stride[element_index] == 1) {
      row = inner;
      --outer;
    }
  }
  r.depth = outer;
  r.rows = 1;
  for (std::size_t d = 0; d < outer; ++d) {
    r.extent[d] = n.dimension[d].extent;
    r.index_stride[d] = n.dimension[d].stride[element_index];
    r.slot_stride[d] = n.dimension[d].stride[parameter];
    r.rows *= r.extent[d];
  }
  r.first_index = n.base[element_index];
  r.first_slot = n.base[parameter];
  r.row_extent = row.extent;
  r.pieces = r.direct ? 0 : (row.extent + segment_size - 2) / segment_size + 1;
  if (row.extent == 1 && !r.direct) r.pieces = 1;
  return r;
}

}  // namespace detail

namespace detail {

constexpr std::size_t pieces_of(const row_nest& rows) noexcept { return rows.direct ? 0 : rows.rows * rows.pieces; }

/// One nest of a reduction in the form kernels take.
constexpr row_walk make_row_walk(const reduction_walk& walk, const row_nest& rows, std::size_t slots) noexcept {
  row_walk w{};
  w.rows = rows;
  w.slots = slots;
  w.extents = walk.extents;
  for (unsigned k = 0; k < 3; ++k) {
    w.dense[k] = walk.is_dense[k];
    for (std::size_t d = 0; d < walk.extents.rank && !w.dense[k]; ++d) w.stride[k][d] = walk.strides[k][d];
  }
  return w;
}

}  // namespace detail

/// Doubles a reduction of `Op` needs as its workspace.
template <class Op>
constexpr std::size_t workspace_of(const reduction_walk& walk) noexcept {
  std::size_t pieces = 0;
  for_each_nest(walk.nests, [&](const nest& n) { pieces += detail::pieces_of(detail::make_rows(n)); });
  return pieces * Op::accumulators;
}

namespace detail {

// The shares of one nest: of the innermost loop that can be cut, or where none can, one of all. A byte at an end of the
// tensor may hold bits of others, which no thread but this call's one may write.
template <class Op>
constexpr packed_kernel<Op> make_shares(const Op& operation, const operation_streams<Op>& s, const nest& n) noexcept {
  packed_kernel<Op> kernel{operation, s, n, 0, n.depth == 0 ? 1 : n.dimension[0].extent, 1};
  constexpr std::ptrdiff_t bits = xquant::detail::stride_unit<typename Op::output_0_type::element>;
  for (std::size_t d = n.depth; d-- > 0;) {
    const std::size_t turns = xquant::detail::packed_cut(n, d, bits);
    if (turns == 0) continue;
    kernel.cut = d;
    kernel.turns = turns;
    kernel.shares = (n.dimension[d].extent + turns - 1) / turns;
    for (std::size_t around = 0; around < d; ++around) kernel.shares *= n.dimension[around].extent;
    break;
  }
  return kernel;
}

}  // namespace detail

/// Launches what the operation needs, nest by nest. A Launcher has
///   std::size_t threads(std::size_t items)            threads of a launch for so many items; whole warps
///   status launch(const Kernel&, std::size_t threads)
template <class Launcher, class Op>
status run(const Launcher& launcher, const Op& operation, const nest_list& nests, const operation_streams<Op>& s) {
  if constexpr (writes_bits<Op>) {
    if (!detail::in_index_order(nests)) {
      std::size_t count = 0;
      for_each_nest(nests, [&](const nest& loops) { count += detail::elements_of(loops); });
      status launched;
      for_each_nest(nests, [&](const nest& loops) {
        if (detail::elements_of(loops) != 0 && launched.ok())
          launched = launcher.launch(located_kernel<Op>{operation, s, loops, count}, launcher.threads(count));
      });
      return launched;
    }
  }
  status launched;
  for_each_nest(nests, [&](const nest& loops) {
    const std::size_t count = detail::elements_of(loops);
    if (count == 0 || !launched.ok()) return;
    if constexpr (xquant::detail::is_packed_stream<typename Op::output_0_type>) {
      const auto kernel = detail::make_shares(operation, s, loops);
      launched = launcher.launch(kernel, launcher.threads(kernel.shares));
    } else {
      const std::size_t threads = launcher.threads(count);
      // Three loops are what an axis in the middle of a dense tensor leaves.
      if (loops.depth <= 1)
        launched = launcher.launch(element_kernel<Op, 1>{operation, s, detail::make_walk<1>(loops, threads)}, threads);
      else if (loops.depth <= 3)
        launched = launcher.launch(element_kernel<Op, 3>{operation, s, detail::make_walk<3>(loops, threads)}, threads);
      else
        launched = launcher.launch(
            element_kernel<Op, nest::max_depth>{operation, s, detail::make_walk<nest::max_depth>(loops, threads)},
            threads);
    }
  });
  return launched;
}

/// Two launches per nest: pieces, then slots. `workspace` holds workspace_of<Op>(walk) doubles; `finish` is called for
/// each of `slots` slots.
template <class Op, class Launcher, class Finish>
status reduce(const Launcher& launcher, const Op& operation, const reduction_walk& walk, const operation_streams<Op>& s,
              std::size_t slots, double* workspace, const Finish& finish) {
  if (slots == 0) return {};
  status launched;
  bool any = false;
  const auto finish_slots = [&](const row_nest& rows) {
    const row_walk w = detail::make_row_walk(walk, rows, slots);
    return launcher.launch(slot_kernel<Op, Finish>{operation, s, w, workspace, finish}, launcher.threads(slots));
  };
  for_each_nest(walk.nests, [&](const nest& n) {
    const row_nest rows = detail::make_rows(n);
    const std::size_t pieces = detail::pieces_of(rows);
    if (rows.rows == 0 || !launched.ok()) return;
    any = true;
    if (pieces != 0)
      launched = launcher.launch(piece_kernel<Op>{operation, s, detail::make_row_walk(walk, rows, slots), workspace},
                                 launcher.threads(pieces * warp_size));
    if (launched.ok()) launched = finish_slots(rows);
    workspace += pieces * Op::accumulators;
  });
  return any ? launched : finish_slots(row_nest{});
}

}  // namespace xquant::cuda
