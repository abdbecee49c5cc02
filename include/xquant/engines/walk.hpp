// The walk over memory that all vector engines share: which loops are rows, panels, short runs or neither. Knows no
// operation: it calls a row kernel by address, so an operation costs one row kernel per lane and nothing more.
#pragma once

#include <xquant/core/nest.hpp>
#include <xquant/engines/gather.hpp>
#include <xquant/engines/row_kernel.hpp>
#include <xquant/engines/short_runs.hpp>
#include <xquant/engines/streaming.hpp>

namespace xquant::inline XQUANT_ABI::detail {

inline void run_row(const row_kernel& kernel, const walk_streams& s, const std::ptrdiff_t (&first)[operand_count],
                    const nest_dimension& row) {
  // A last block of one element leaves rows whose indices are not consecutive, as random and packed bits need them.
  if (kernel.uses_index && row.extent != 1 && row.stride[element_index] != 1) {
    std::ptrdiff_t at[operand_count];
    for (unsigned k = 0; k < operand_count; ++k) at[k] = first[k];
    for (std::size_t i = 0; i < row.extent; ++i) {
      run_row(kernel, s, at, nest_dimension::once());
      for (unsigned k = 0; k < operand_count; ++k) at[k] += row.stride[k];
    }
    return;
  }
  if (row.extent != 1 && !is_consecutive(kernel, row)) return run_strided(kernel, s, first, row);
  kernel.run(arguments_at(kernel, s, first, row));
}

// Rows of consecutive elements, one after the other in the loop outside them.
inline void run_panel(const row_kernel& kernel, const walk_streams& s, const std::ptrdiff_t (&first)[operand_count],
                      const nest_dimension& rows, const nest_dimension& row) {
  row_arguments a = arguments_at(kernel, s, first, row);
  a.rows = rows.extent;
  a.row_stride = rows.stride;
  kernel.run(a);
}

// A nest whose innermost loops are neither rows of consecutive elements nor short runs.
XQUANT_NOINLINE inline void walk_rows(const row_kernel& kernel, const nest& n, const walk_streams& s) {
  const nest_dimension row = n.row();
  for_each_outer(n, n.depth > 0 ? n.depth - 1 : 0,
                 [&](const std::ptrdiff_t(&first)[operand_count]) { run_row(kernel, s, first, row); });
}

inline void walk_nest(const row_kernel& kernel, const nest& n, const walk_streams& s);

// A nest whose two innermost loops are one run of consecutive elements, but for the slot.
XQUANT_NOINLINE inline void walk_short(const row_kernel& kernel, const nest& n, const walk_streams& s) {
  std::size_t outer = 0;  // loops that change the slot, and those around them
  for (std::size_t d = 0; d + 2 < n.depth; ++d)
    if (n.dimension[d].stride[parameter] != 0) outer = d + 1;
  const auto walk_part = [&](const nest& part, const walk_streams& own) { walk_nest(kernel, part, own); };
  if (outer == 0) return walk_short_runs(kernel, n, s, walk_part);
  nest inner;
  inner.depth = n.depth - outer;
  for (std::size_t d = 0; d < inner.depth; ++d) inner.dimension[d] = n.dimension[outer + d];
  for_each_outer(n, outer, [&](const std::ptrdiff_t(&first)[operand_count]) {
    for (unsigned k = 0; k < operand_count; ++k) inner.base[k] = first[k];
    walk_short_runs(kernel, inner, s, walk_part);
  });
}

inline void walk_nest(const row_kernel& kernel, const nest& n, const walk_streams& s) {
  const nest_dimension* const inner = n.dimension + n.depth;
  if (n.depth == 0 || !is_consecutive(kernel, inner[-1]) || inner[-1].extent == 1 ||
      (kernel.uses_index && inner[-1].stride[element_index] != 1))
    return walk_rows(kernel, n, s);
  std::size_t elements = 1;
  for (std::size_t d = 0; d < n.depth; ++d) elements *= n.dimension[d].extent;
  const bool goes_past = goes_past_caches(kernel, s, elements);
  // Rows of whole blocks prepare their parameters as fast as written out ones are read.
  if (is_short_run(kernel, n) && (goes_past || inner[-1].extent % block_size != 0)) return walk_short(kernel, n, s);
  const bool streams = goes_past && inner[-1].extent >= 1024;
  if (n.depth <= 2 && !streams)
    return run_panel(kernel, s, n.base, n.depth == 2 ? inner[-2] : nest_dimension::once(), inner[-1]);
  const nest_dimension rows = n.depth > 1 ? inner[-2] : nest_dimension::once();
  for_each_outer(n, n.depth > 1 ? n.depth - 2 : 0, [&](const std::ptrdiff_t(&first)[operand_count]) {
    (streams ? stream_panel : run_panel)(kernel, s, first, rows, inner[-1]);
  });
  if (streams) kernel.stream_fence();
}

// Whether a nest is one row, or rows one after the other that a row kernel takes as they are.
XQUANT_INLINE bool is_panel(const row_kernel& kernel, const nest& n, const walk_streams& s) {
  if (n.depth != 1 && n.depth != 2) return false;
  const nest_dimension& row = n.dimension[n.depth - 1];
  if (!is_consecutive(kernel, row) || row.stride[element_index] != 1) return false;
  std::size_t elements = row.extent;
  if (n.depth == 2) {
    elements *= n.dimension[0].extent;
    if (row.extent < short_row && row.extent % block_size != 0) return false;
  }
  return !goes_past_caches(kernel, s, elements);
}

XQUANT_INLINE void walk(const row_kernel& kernel, const nest_list& nests, const walk_streams& s) {
  // Few rows of consecutive elements need no loops around them; for a small call they would cost as much as the work.
  if (nests.count == 1 && is_panel(kernel, nests.item[0], s)) {
    const nest& n = nests.item[0];
    row_arguments a = arguments_at(kernel, s, n.base, n.dimension[n.depth - 1]);
    if (n.depth == 2) {
      a.rows = n.dimension[0].extent;
      a.row_stride = n.dimension[0].stride;
    }
    return kernel.run(a);
  }
  for_each_nest(nests, [&](const nest& n) { walk_nest(kernel, n, s); });
}

}  // namespace xquant::detail
