// The walk over memory that all vector engines share: rows, strides, gathers, streaming. Knows no operation: it calls a
// row kernel by address, so an operation costs one row kernel a lane and nothing more.
#pragma once

#include <xquant/core/nest.hpp>
#include <xquant/engines/reduction.hpp>
#include <xquant/engines/reduction_kernel.hpp>
#include <xquant/engines/row.hpp>

namespace xquant::inline XQUANT_ABI::detail {

/// A row kernel and what the walk must know of its streams: bytes of an element, 0 where absent.
struct row_kernel {
  void (*run)(const row_arguments&);
  std::size_t element_bytes[4];
  std::size_t real_bytes;
  bool uses_index;         // random bits or packed bits: the logical index of each element matters
  void (*stream_fence)();  // waits for what went past the caches; null where the kernel writes nothing past them
};

struct walk_streams {
  const void* operation;
  const void* input[2];
  void* output[2];
  const void* scale;
  const void* reciprocal;
  const void* zero_point;  // integers, or reals: 4 bytes either way
};

XQUANT_INLINE const void* forward(const void* p, std::ptrdiff_t elements, std::size_t bytes) {
  return p == nullptr ? nullptr : static_cast<const char*>(p) + elements * static_cast<std::ptrdiff_t>(bytes);
}
XQUANT_INLINE void* forward(void* p, std::ptrdiff_t elements, std::size_t bytes) {
  return p == nullptr ? nullptr : static_cast<char*>(p) + elements * static_cast<std::ptrdiff_t>(bytes);
}

template <std::size_t Bytes>
inline void copy_strided(const char* from, std::ptrdiff_t from_stride, char* to, std::ptrdiff_t to_stride,
                         std::size_t n) {
  for (std::size_t i = 0; i < n; ++i, from += from_stride * static_cast<std::ptrdiff_t>(Bytes),
                   to += to_stride * static_cast<std::ptrdiff_t>(Bytes))
    __builtin_memcpy(to, from, Bytes);
}

inline void copy_elements(const void* from, std::ptrdiff_t from_stride, void* to, std::ptrdiff_t to_stride,
                          std::size_t bytes, std::size_t n) {
  const char* f = static_cast<const char*>(from);
  char* t = static_cast<char*>(to);
  switch (bytes) {
    case 1: return copy_strided<1>(f, from_stride, t, to_stride, n);
    case 2: return copy_strided<2>(f, from_stride, t, to_stride, n);
    case 4: return copy_strided<4>(f, from_stride, t, to_stride, n);
    default: return copy_strided<8>(f, from_stride, t, to_stride, n);
  }
}

// A row whose elements, or whose parameters, do not lie one after the other: through buffers, piece by piece.
inline void run_strided(const row_kernel& kernel, const walk_streams& s, const std::ptrdiff_t (&first)[operand_count],
                        const nest_dimension& row) {
  constexpr std::size_t piece = 256;
  alignas(64) unsigned char buffer[4][piece * 8];
  alignas(64) unsigned char scale[piece * 8];
  alignas(64) unsigned char reciprocal[piece * 8];
  alignas(64) unsigned char zero_point[piece * 4];
  const bool varying = row.stride[parameter] != 0;
  for (std::size_t done = 0; done < row.extent; done += piece) {
    const std::size_t n = row.extent - done < piece ? row.extent - done : piece;
    const auto at = [&](unsigned k) { return first[k] + row.stride[k] * static_cast<std::ptrdiff_t>(done); };
    row_arguments a{};
    a.operation = s.operation;
    a.extent = n;
    a.rows = 1;
    a.index = static_cast<std::uint64_t>(at(element_index));
    a.bit_index = a.index;
    a.varying = varying;
    for (unsigned k = 0; k < 2; ++k) {
      a.input[k] = s.input[k];
      a.output[k] = kernel.element_bytes[2 + k] != 0 ? buffer[2 + k] : s.output[k];
      if (kernel.element_bytes[k] != 0) {
        const std::size_t bytes = kernel.element_bytes[k];
        copy_elements(forward(s.input[k], at(input_0 + k), bytes), row.stride[input_0 + k], buffer[k], 1, bytes, n);
        a.input[k] = buffer[k];
      }
    }
    a.scale = forward(s.scale, at(parameter), kernel.real_bytes);
    a.reciprocal = forward(s.reciprocal, at(parameter), kernel.real_bytes);
    a.zero_point = forward(s.zero_point, at(parameter), 4);
    if (varying && row.stride[parameter] != 1) {
      copy_elements(a.scale, row.stride[parameter], scale, 1, kernel.real_bytes, n);
      a.scale = scale;
      if (a.reciprocal) {
        copy_elements(a.reciprocal, row.stride[parameter], reciprocal, 1, kernel.real_bytes, n);
        a.reciprocal = reciprocal;
      }
      if (a.zero_point) {
        copy_elements(a.zero_point, row.stride[parameter], zero_point, 1, 4, n);
        a.zero_point = zero_point;
      }
    }
    kernel.run(a);
    for (unsigned k = 0; k < 2; ++k)
      if (kernel.element_bytes[2 + k] != 0) {
        const std::size_t bytes = kernel.element_bytes[2 + k];
        copy_elements(buffer[2 + k], 1, forward(s.output[k], at(output_0 + k), bytes), row.stride[output_0 + k], bytes,
                      n);
      }
  }
}

XQUANT_INLINE bool is_consecutive(const row_kernel& kernel, const nest_dimension& row) {
  bool yes = row.stride[parameter] == 0 || row.stride[parameter] == 1;
  for (unsigned k = 0; k < 4; ++k) yes = yes && (kernel.element_bytes[k] == 0 || row.stride[k] == 1);
  return yes;
}

XQUANT_INLINE row_arguments arguments_at(const row_kernel& kernel, const walk_streams& s,
                                         const std::ptrdiff_t (&first)[operand_count], const nest_dimension& row) {
  row_arguments a;
  a.operation = s.operation;
  for (unsigned k = 0; k < 2; ++k) {
    a.input[k] = forward(s.input[k], first[input_0 + k], kernel.element_bytes[k]);
    a.output[k] = forward(s.output[k], first[output_0 + k], kernel.element_bytes[2 + k]);
  }
  a.scale = forward(s.scale, first[parameter], kernel.real_bytes);
  a.reciprocal = forward(s.reciprocal, first[parameter], kernel.real_bytes);
  a.zero_point = forward(s.zero_point, first[parameter], 4);
  a.extent = row.extent;
  a.index = static_cast<std::uint64_t>(first[element_index]);
  a.bit_index = a.index;
  a.varying = row.stride[parameter] != 0;
  a.rows = 1;
  a.row_stride = nullptr;
  a.past_caches = false;
  a.results = nullptr;
  return a;
}

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

// The same, past the caches. Lines must be written whole, so a row that begins within one first runs to its end.
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

inline void walk_nest(const row_kernel& kernel, const nest& n, const walk_streams& s);

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

// Parameters are written out once for as many rows as fit, and walked as if every element had its own. No loop outside
// the two innermost changes the slot.
inline void walk_short_runs(const row_kernel& kernel, const nest& n, const walk_streams& s) {
  alignas(64) unsigned char scale[expanded_size * 8];
  alignas(64) unsigned char reciprocal[expanded_size * 8];
  alignas(64) unsigned char zero_point[expanded_size * 4];
  const nest_dimension row = n.dimension[n.depth - 1];
  const nest_dimension rows = n.dimension[n.depth - 2];
  const std::size_t most = expanded_size / row.extent;
  for (std::size_t done = 0; done < rows.extent; done += most) {
    const std::size_t count = rows.extent - done < most ? rows.extent - done : most;
    nest part = n;
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
    walk_nest(kernel, part, expanded);
  }
}

inline void walk_nest(const row_kernel& kernel, const nest& n, const walk_streams& s) {
  if (is_short_run(kernel, n)) {
    std::size_t outer = 0;  // loops that change the slot, and those around them
    for (std::size_t d = 0; d + 2 < n.depth; ++d)
      if (n.dimension[d].stride[parameter] != 0) outer = d + 1;
    if (outer == 0) return walk_short_runs(kernel, n, s);
    nest inner;
    inner.depth = n.depth - outer;
    for (std::size_t d = 0; d < inner.depth; ++d) inner.dimension[d] = n.dimension[outer + d];
    return for_each_outer(n, outer, [&](const std::ptrdiff_t(&first)[operand_count]) {
      for (unsigned k = 0; k < operand_count; ++k) inner.base[k] = first[k];
      walk_short_runs(kernel, inner, s);
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

/// The row kernels of a reduction.
struct reduction_kernel {
  void (*reduce)(const row_arguments&);
  void (*reduce_varying)(const row_arguments&);
  std::size_t element_bytes[4];
  std::size_t real_bytes;
};

// Elements of a stream that is not dense, by logical index, to or from consecutive memory.
inline void gather(const void* from, std::size_t bytes, const shape& s, const std::ptrdiff_t* stride, const piece& p,
                   void* to) {
  for (std::size_t i = 0; i < p.extent; ++i)
    copy_elements(forward(from, offset_of(p.index + i, s, stride), bytes), 1,
                  forward(to, static_cast<std::ptrdiff_t>(i), bytes), 1, bytes, 1);
}
inline void scatter(const void* from, std::size_t bytes, const shape& s, const std::ptrdiff_t* stride, const piece& p,
                    void* to) {
  for (std::size_t i = 0; i < p.extent; ++i)
    copy_elements(forward(from, static_cast<std::ptrdiff_t>(i), bytes), 1,
                  forward(to, offset_of(p.index + i, s, stride), bytes), 1, bytes, 1);
}

XQUANT_INLINE row_arguments arguments_of(const reduction_kernel& kernel, const walk_streams& s, const piece& p,
                                         double* results) {
  row_arguments a{};
  a.operation = s.operation;
  a.extent = p.extent;
  a.index = p.index;
  a.bit_index = p.index;
  a.varying = p.varying;
  a.results = results;
  const auto slot = static_cast<std::ptrdiff_t>(p.slot);
  a.scale = forward(s.scale, slot, kernel.real_bytes);
  a.reciprocal = forward(s.reciprocal, slot, kernel.real_bytes);
  a.zero_point = forward(s.zero_point, slot, 4);
  const auto first = static_cast<std::ptrdiff_t>(p.index);
  for (unsigned k = 0; k < 2; ++k) a.input[k] = forward(s.input[k], first, kernel.element_bytes[k]);
  a.output[0] = forward(s.output[0], first, kernel.element_bytes[output_0]);
  return a;
}

// A piece of streams that are not dense: gathered, reduced, scattered. Elements are at most as wide as a lane's float.
XQUANT_NOINLINE inline void reduce_strided_piece(const reduction_kernel& kernel, const reduction_walk& w,
                                                 const walk_streams& s, const piece& p, double* results) {
  alignas(64) unsigned char buffer[3][segment_size * 4];
  row_arguments a = arguments_of(kernel, s, p, results);
  for (unsigned k = 0; k < 2; ++k)
    if (w.stride[k] != nullptr && kernel.element_bytes[k] != 0) {
      gather(s.input[k], kernel.element_bytes[k], w.extents, w.stride[k], p, buffer[k]);
      a.input[k] = buffer[k];
    }
  const bool scattered = w.stride[output_0] != nullptr && kernel.element_bytes[output_0] != 0;
  if (scattered) a.output[0] = buffer[2];
  (p.varying ? kernel.reduce_varying : kernel.reduce)(a);
  if (scattered) scatter(buffer[2], kernel.element_bytes[output_0], w.extents, w.stride[output_0], p, s.output[0]);
}

/// One piece: outputs written, `results` (of the piece's first slot) combined with it.
inline void reduce_piece(const reduction_kernel& kernel, const reduction_walk& w, const walk_streams& s, const piece& p,
                         double* results) {
  for (unsigned k = 0; k <= output_0; ++k)
    if (w.stride[k] != nullptr && kernel.element_bytes[k] != 0) return reduce_strided_piece(kernel, w, s, p, results);
  (p.varying ? kernel.reduce_varying : kernel.reduce)(arguments_of(kernel, s, p, results));
}

template <class Op, class L>
constexpr auto stream_fence_of() noexcept -> void (*)() {
  if constexpr (block_kernel<Op, L>::can_stream)
    return &lane_memory<L>::stream_fence;
  else
    return nullptr;
}

template <class Op, class L>
inline constexpr row_kernel row_kernel_of{
    &block_kernel<Op, L>::run,
    {element_size<typename Op::input_0_type>, element_size<typename Op::input_1_type>,
     element_size<typename Op::output_0_type>, element_size<typename Op::output_1_type>},
    sizeof(typename Op::real),
    is_random_rounding<typename Op::rounding_type> || is_same<typename Op::input_0_type, bit> ||
        is_same<typename Op::input_1_type, bit> || is_same<typename Op::output_0_type, bit> ||
        is_same<typename Op::output_1_type, bit>,
    stream_fence_of<Op, L>()};

template <class Op, class L>
inline constexpr reduction_kernel reduction_kernel_of{
    &reduction_block_kernel<Op, L>::reduce,
    &reduction_block_kernel<Op, L>::reduce_varying,
    {element_size<typename Op::input_0_type>, element_size<typename Op::input_1_type>,
     element_size<typename Op::output_0_type>, element_size<typename Op::output_1_type>},
    sizeof(typename Op::real)};

// `operation` is what the row kernel takes it for: the operation, or what it is made of.
template <class Op, class Operation>
walk_streams erase(const Operation& operation, const operation_streams<Op>& s) noexcept {
  static_assert(sizeof(zero_point_element<Op>) == 4);
  return {&operation,         {s.input_0, s.input_1},  {s.output_0, s.output_1},
          s.parameters.scale, s.parameters.reciprocal, zero_points_of<Op>(s.parameters)};
}

}  // namespace xquant::detail
