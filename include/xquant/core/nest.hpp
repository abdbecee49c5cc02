// The one loop nest every operation walks: data, parameters and the logical index are strided operands of it.
// Granularity is nothing but the stride of the parameters (docs/architecture.md, "Granularity is strides").
#pragma once

#include <xquant/core/parameter_map.hpp>
#include <xquant/core/view.hpp>

namespace xquant::inline XQUANT_ABI {

/// Streams of one operation: two inputs and two outputs at most, then the parameters and the logical index.
enum operand : unsigned { input_0, input_1, output_0, output_1, parameter, element_index, operand_count };

struct nest_dimension {
  std::size_t extent = 1;
  std::ptrdiff_t stride[operand_count] = {};
};

/// Loops from the outermost to the innermost; `base` is where each operand starts, in elements.
struct nest {
  static constexpr std::size_t max_depth = 2 * max_rank;
  std::size_t depth = 0;
  nest_dimension dimension[max_depth];
  std::ptrdiff_t base[operand_count] = {};
};

/// A walk over a whole tensor: one nest, and one more for each ragged edge of a blocked dimension.
struct nest_list {
  static constexpr std::size_t capacity = 4;
  std::size_t count = 0;
  nest item[capacity];
};

namespace detail {

constexpr bool follows(const nest_dimension& outer, const nest_dimension& inner) noexcept {
  for (unsigned k = 0; k < operand_count; ++k)
    if (outer.stride[k] != inner.stride[k] * static_cast<std::ptrdiff_t>(inner.extent)) return false;
  return true;
}

// Appends an inner loop, merged into the one outside it where every operand allows.
constexpr void append(nest& n, const nest_dimension& d) noexcept {
  if (d.extent == 1) return;
  if (n.depth > 0 && follows(n.dimension[n.depth - 1], d)) {
    const std::size_t outer = n.dimension[n.depth - 1].extent;
    n.dimension[n.depth - 1] = d;
    n.dimension[n.depth - 1].extent *= outer;
    return;
  }
  n.dimension[n.depth++] = d;
}

struct nest_builder {
  const shape& extents;
  const std::ptrdiff_t* const* stream_stride;  // operands input_0 .. output_1; null where absent
  const parameter_map& map;
  std::ptrdiff_t index_stride[max_rank] = {};
  nest_list& out;
  bool fits = true;

  constexpr nest_dimension at(std::size_t d, std::size_t extent, std::ptrdiff_t step,
                              std::ptrdiff_t parameter_stride) const {
    nest_dimension n;
    n.extent = extent;
    for (unsigned k = input_0; k <= output_1; ++k) n.stride[k] = stream_stride[k] ? stream_stride[k][d] * step : 0;
    n.stride[parameter] = parameter_stride;
    n.stride[element_index] = index_stride[d] * step;
    return n;
  }

  constexpr void build(std::size_t d, const nest& so_far) {
    if (d == extents.rank) {
      if (out.count == nest_list::capacity) {
        fits = false;
        return;
      }
      out.item[out.count++] = so_far;
      return;
    }
    const std::size_t extent = extents.extent[d];
    const std::size_t block = map.block[d];
    if (map.stride[d] == 0 || block == 1) {
      nest n = so_far;
      append(n, at(d, extent, 1, map.stride[d]));
      build(d + 1, n);
      return;
    }
    const std::size_t whole = extent / block;
    if (whole > 0) {
      nest n = so_far;
      append(n, at(d, whole, static_cast<std::ptrdiff_t>(block), map.stride[d]));
      append(n, at(d, block, 1, 0));
      build(d + 1, n);
    }
    if (extent % block != 0) {
      nest n = so_far;
      const nest_dimension skip = at(d, 1, static_cast<std::ptrdiff_t>(whole * block), 0);
      for (unsigned k = 0; k < operand_count; ++k) n.base[k] += skip.stride[k];
      n.base[parameter] += map.stride[d] * static_cast<std::ptrdiff_t>(whole);
      append(n, at(d, extent % block, 1, 0));
      build(d + 1, n);
    }
  }
};

}  // namespace detail

/// The nests of a walk over `s` with the given strides (one array a stream, null where the stream is absent). An empty
/// shape gives no nest. Refuses more ragged dimensions than nest_list can hold.
constexpr status make_nests(const shape& s, const std::ptrdiff_t* const (&stream_stride)[4], const parameter_map& map,
                            nest_list& out) noexcept {
  out.count = 0;
  for (std::size_t d = 0; d < s.rank; ++d)
    if (s.extent[d] == 0) return {};
  detail::nest_builder builder{s, stream_stride, map, {}, out};
  std::ptrdiff_t step = 1;
  for (std::size_t d = s.rank; d-- > 0;) {
    builder.index_stride[d] = step;
    step *= static_cast<std::ptrdiff_t>(s.extent[d]);
  }
  builder.build(0, nest{});
  if (!builder.fits)
    return fault(errc::unsupported, "granularity", static_cast<double>(s.rank),
                 "at most two dimensions with a ragged last block");
  return {};
}

/// Calls visit(operand offsets) for each index of the outermost `loops` loops, in order.
template <class Visit>
constexpr void for_each_outer(const nest& n, std::size_t loops, Visit&& visit) {
  std::ptrdiff_t offset[operand_count] = {};
  for (unsigned k = 0; k < operand_count; ++k) offset[k] = n.base[k];
  if (loops == 0) return visit(offset);
  std::size_t counter[nest::max_depth];
  for (std::size_t d = 0; d < loops; ++d) counter[d] = 0;
  for (;;) {
    visit(offset);
    std::size_t d = loops;
    for (; d > 0; --d) {
      const nest_dimension& loop = n.dimension[d - 1];
      if (++counter[d - 1] < loop.extent) {
        for (unsigned k = 0; k < operand_count; ++k) offset[k] += loop.stride[k];
        break;
      }
      counter[d - 1] = 0;
      const auto back = static_cast<std::ptrdiff_t>(loop.extent - 1);
      for (unsigned k = 0; k < operand_count; ++k) offset[k] -= loop.stride[k] * back;
    }
    if (d == 0) return;
  }
}

/// Calls visit(operand offsets of the row's first element, innermost dimension) for each row, outermost loop first.
/// A row is the innermost loop; a nest of depth 0 is one row of one element.
template <class Visit>
constexpr void for_each_row(const nest& n, Visit&& visit) {
  nest_dimension row;
  if (n.depth > 0) row = n.dimension[n.depth - 1];
  for_each_outer(n, n.depth > 0 ? n.depth - 1 : 0,
                 [&](const std::ptrdiff_t(&offset)[operand_count]) { visit(offset, row); });
}

}  // namespace xquant
