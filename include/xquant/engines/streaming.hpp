// Panels whose output goes past the caches: when, and in whole lines of memory.
#pragma once

#include <xquant/engines/row_kernel.hpp>

namespace xquant::inline XQUANT_ABI::detail {

// Rows of consecutive elements, past the caches. Lines must be written whole, so a row that begins within one first
// runs to its end.
inline void stream_panel(const row_kernel& kernel, const walk_streams& s, const std::ptrdiff_t (&first)[operand_count],
                         const nest_dimension& rows, const nest_dimension& row) {
  const std::size_t bytes = kernel.element_bytes[output_0];
  const auto within_line = [&](const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 64; };
  row_arguments a = arguments_at(kernel, s, first, row);
  if (within_line(a.output[0]) == 0 &&
      (rows.extent == 1 || rows.stride[output_0] * static_cast<std::ptrdiff_t>(bytes) % 64 == 0)) {
    a.rows = rows.extent;
    a.row_stride = rows.stride;
    a.past_caches = true;
    return kernel.run(a);
  }
  for (std::size_t i = 0; i < rows.extent; ++i) {
    std::ptrdiff_t at[operand_count];
    for (unsigned k = 0; k < operand_count; ++k) at[k] = first[k] + rows.stride[k] * static_cast<std::ptrdiff_t>(i);
    nest_dimension part = row;
    const std::size_t skipped = within_line(forward(s.output[0], at[output_0], bytes));
    if (skipped != 0) {
      part.extent = (64 - skipped) / bytes;  // elements are aligned to their size
      kernel.run(arguments_at(kernel, s, at, part));
      for (unsigned k = 0; k < operand_count; ++k) at[k] += row.stride[k] * static_cast<std::ptrdiff_t>(part.extent);
      part.extent = row.extent - part.extent;
    }
    row_arguments rest = arguments_at(kernel, s, at, part);
    rest.past_caches = true;
    kernel.run(rest);
  }
}

/// Bytes read and written by one call from which its output goes past the caches: more than a core keeps of them.
inline constexpr std::size_t streaming_threshold = std::size_t{24} << 20;

// Whether a call's output goes past the caches: it is large, and nobody reads its lines on the way.
XQUANT_INLINE bool goes_past_caches(const row_kernel& kernel, const walk_streams& s, std::size_t elements) {
  std::size_t bytes = 0;
  for (const std::size_t b : kernel.element_bytes) bytes += b;
  return elements * bytes >= streaming_threshold && kernel.stream_fence != nullptr &&
         kernel.element_bytes[output_0] != 0 && s.output[0] != s.input[0] && s.output[0] != s.input[1];
}

}  // namespace xquant::detail
