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
      run_row(kernel, s, at, nest_dimension{});
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

inline void walk_nest(const row_kernel& kernel, const nest& n, const walk_streams& s) {
  if (is_short_run(kernel, n)) {
    std::size_t outer = 0;  // loops that change the slot, and those around them
    for (std::size_t d = 0; d + 2 < n.depth; ++d)
      if (n.dimension[d].stride[parameter] != 0) outer = d + 1;
    const auto walk_part = [&](const nest& part, const walk_streams& own) { walk_nest(kernel, part, own); };
    if (outer == 0) return walk_short_runs(kernel, n, s, walk_part);
    nest inner;
    inner.depth = n.depth - outer;
    for (std::size_t d = 0; d < inner.depth; ++d) inner.dimension[d] = n.dimension[outer + d];
    return for_each_outer(n, outer, [&](const std::ptrdiff_t(&first)[operand_count]) {
      for (unsigned k = 0; k < operand_count; ++k) inner.base[k] = first[k];
      walk_short_runs(kernel, inner, s, walk_part);
    });
  }
  nest_dimension row;
  if (n.depth > 0) row = n.dimension[n.depth - 1];
  const bool plain = is_consecutive(kernel, row) && !(kernel.uses_index && row.stride[element_index] != 1);
  if (!plain || row.extent == 1) {
    for_each_outer(n, n.depth > 0 ? n.depth - 1 : 0,
                   [&](const std::ptrdiff_t(&first)[operand_count]) { run_row(kernel, s, first, row); });
    return;
  }
  nest_dimension rows;
  if (n.depth > 1) rows = n.dimension[n.depth - 2];
  std::size_t elements = row.extent;
  for (std::size_t d = 0; d + 1 < n.depth; ++d) elements *= n.dimension[d].extent;
  const bool streams = row.extent >= 1024 && goes_past_caches(kernel, s, elements);
  for_each_outer(n, n.depth > 1 ? n.depth - 2 : 0, [&](const std::ptrdiff_t(&first)[operand_count]) {
    (streams ? stream_panel : run_panel)(kernel, s, first, rows, row);
  });
  if (streams) kernel.stream_fence();
}

XQUANT_INLINE void walk(const row_kernel& kernel, const nest_list& nests, const walk_streams& s) {
  // One run of consecutive elements needs no loops around it; for a small one they would cost as much as the work.
  if (nests.count == 1 && nests.item[0].depth == 1) {
    const nest& n = nests.item[0];
    if (is_consecutive(kernel, n.dimension[0]) && n.dimension[0].stride[element_index] == 1 &&
        !goes_past_caches(kernel, s, n.dimension[0].extent))
      return kernel.run(arguments_at(kernel, s, n.base, n.dimension[0]));
  }
  for_each_nest(nests, [&](const nest& n) { walk_nest(kernel, n, s); });
}

}  // namespace xquant::detail
