// Short rows that share a slot each, one after the other: groups, or an axis before a short last one.
#pragma once

#include <xquant/engines/row_kernel.hpp>

namespace xquant::inline XQUANT_ABI::detail {

/// Rows shorter than this that share a slot each go through their parameters written out, element by element.
inline constexpr std::size_t short_row = 128;
inline constexpr std::size_t expanded_size = 2048;

// Whether the two innermost loops are one run of consecutive elements but for the slot, which changes from row to row.
inline bool is_short_run(const row_kernel& kernel, const nest& n) {
  if (n.depth < 2) return false;
  const nest_dimension& row = n.dimension[n.depth - 1];
  const nest_dimension& rows = n.dimension[n.depth - 2];
  bool yes = row.extent < short_row && row.stride[parameter] == 0 && rows.stride[parameter] != 0 &&
             is_consecutive(kernel, row);
  for (unsigned k = 0; k < operand_count; ++k)
    yes = yes && (k == parameter || (k < 4 && kernel.element_bytes[k] == 0) ||
                  rows.stride[k] == row.stride[k] * static_cast<std::ptrdiff_t>(row.extent));
  return yes;
}

// One number `n` times, 64 bytes at a time.
template <class Bits>
inline void fill(const void* value, char* to, std::size_t n) {
  constexpr std::size_t line = 64 / sizeof(Bits);
  Bits bits;
  __builtin_memcpy(&bits, value, sizeof bits);
  Bits all[line];
  XQUANT_UNROLL
  for (std::size_t j = 0; j < line; ++j) all[j] = bits;
  std::size_t i = 0;
  for (; i + line <= n; i += line) __builtin_memcpy(to + i * sizeof(Bits), all, sizeof all);
  for (; i < n; ++i) __builtin_memcpy(to + i * sizeof(Bits), &bits, sizeof bits);
}

// Parameters are written out once for as many rows as fit, and walked as if every element had its own: walk(nest,
// streams). No loop outside the two innermost changes the slot.
template <class Walk>
inline void walk_short_runs(const row_kernel& kernel, const nest& n, const walk_streams& s, const Walk& walk) {
  alignas(64) unsigned char scale[expanded_size * 8];
  alignas(64) unsigned char reciprocal[expanded_size * 8];
  alignas(64) unsigned char zero_point[expanded_size * 4];
  const nest_dimension row = n.dimension[n.depth - 1];
  const nest_dimension rows = n.dimension[n.depth - 2];
  const std::size_t most = expanded_size / row.extent;
  for (std::size_t done = 0; done < rows.extent; done += most) {
    const std::size_t count = rows.extent - done < most ? rows.extent - done : most;
    nest part;
    part.assign(n);
    part.depth = n.depth - 1;
    for (unsigned k = 0; k < operand_count; ++k) part.base[k] += rows.stride[k] * static_cast<std::ptrdiff_t>(done);
    const auto write_out = [&](const void* from, std::size_t bytes, void* to) {
      for (std::size_t i = 0; i < count; ++i) {
        const void* const value =
            forward(from, part.base[parameter] + rows.stride[parameter] * static_cast<std::ptrdiff_t>(i), bytes);
        char* const own = static_cast<char*>(to) + i * row.extent * bytes;
        if (bytes == 4)
          fill<std::uint32_t>(value, own, row.extent);
        else
          fill<std::uint64_t>(value, own, row.extent);
      }
    };
    walk_streams expanded = s;
    if (s.reciprocal == nullptr && kernel.writes_out_reciprocals) {
      for (std::size_t i = 0; i < count; ++i) {
        float scale_of_row;
        __builtin_memcpy(
            &scale_of_row,
            forward(s.scale, part.base[parameter] + rows.stride[parameter] * static_cast<std::ptrdiff_t>(i),
                    sizeof scale_of_row),
            sizeof scale_of_row);
        const float own = 1.0f / scale_of_row;
        fill<std::uint32_t>(&own, reinterpret_cast<char*>(reciprocal) + i * row.extent * sizeof own, row.extent);
      }
      expanded.reciprocal = reciprocal;
    }
    write_out(s.scale, kernel.real_bytes, scale);
    expanded.scale = scale;
    if (s.reciprocal != nullptr) {
      write_out(s.reciprocal, kernel.real_bytes, reciprocal);
      expanded.reciprocal = reciprocal;
    }
    if (s.zero_point != nullptr) {
      write_out(s.zero_point, 4, zero_point);
      expanded.zero_point = zero_point;
    }
    part.base[parameter] = 0;
    nest_dimension& merged = part.dimension[part.depth - 1];
    merged = row;
    merged.extent = count * row.extent;
    merged.stride[parameter] = 1;
    walk(part, expanded);
  }
}

}  // namespace xquant::detail
