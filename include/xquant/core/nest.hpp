// The one loop nest every operation walks: data, parameters and the logical index are strided operands of it.
// Granularity is nothing but the stride of the parameters (docs/architecture.md, "Granularity is strides").
#pragma once

#include <xquant/core/parameter_map.hpp>
#include <xquant/core/view.hpp>

namespace xquant::inline XQUANT_ABI {

/// Streams of one operation: two inputs and two outputs at most, then the parameters and the logical index.
enum operand : unsigned { input_0, input_1, output_0, output_1, parameter, element_index, operand_count };

struct nest_dimension {
  std::size_t extent;
  std::ptrdiff_t stride[operand_count];

  /// A loop of one turn.
  static constexpr nest_dimension once() noexcept { return {1, {}}; }
};

/// Loops from the outermost to the innermost; `base` is where each operand starts, in elements. Dimensions from `depth`
/// on have no value: a call has room for sixteen and needs one or two.
struct nest {
  static constexpr std::size_t max_depth = 2 * max_rank;
  std::size_t depth = 0;
  std::ptrdiff_t base[operand_count] = {};
  nest_dimension dimension[max_depth];

  /// The innermost loop, or one turn where there is none.
  [[nodiscard]] constexpr nest_dimension row() const noexcept {
    return depth > 0 ? dimension[depth - 1] : nest_dimension::once();
  }
  /// What has a value of `from`.
  constexpr void assign(const nest& from) noexcept {
    depth = from.depth;
    for (std::size_t d = 0; d < from.depth; ++d) dimension[d] = from.dimension[d];
    for (unsigned k = 0; k < operand_count; ++k) base[k] = from.base[k];
  }
};

/// A walk over a whole tensor: one nest, and twice as many for each ragged dimension (whose blocks do not divide it),
/// since whole blocks and the rest are nests of their own. Three and more ragged dimensions have more nests than are
/// kept: then `parts` is above 1, the items say how the dimensions are cut and where the operands start, and
/// for_each_nest makes the nests on the way.
struct nest_list {
  static constexpr std::size_t capacity = 4;
  std::size_t count = 0;
  std::size_t parts = 1;
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

// The dimensions of a walk as a caller gives them.
struct given_dimensions {
  const shape& extents;
  const std::ptrdiff_t* const* stream_stride;  // operands input_0 .. output_1; null where absent
  const parameter_map& map;
  std::ptrdiff_t index_stride[max_rank] = {};

  constexpr std::size_t rank() const { return extents.rank; }
  constexpr std::size_t block(std::size_t d) const { return map.block[d]; }
  constexpr std::size_t extent(std::size_t d) const { return extents.extent[d]; }
  constexpr bool is_cut(std::size_t d) const { return map.stride[d] != 0; }
  // Element by element, but the parameter: block by block.
  constexpr nest_dimension operator[](std::size_t d) const {
    nest_dimension n{extents.extent[d], {}};
    for (unsigned k = input_0; k <= output_1; ++k) n.stride[k] = stream_stride[k] ? stream_stride[k][d] : 0;
    n.stride[parameter] = map.stride[d];
    n.stride[element_index] = index_stride[d];
    return n;
  }
};

// The same kept in a nest_list of several parts: the dimensions in item 0, the extents of their blocks in item 1.
struct kept_dimensions {
  const nest_list& list;

  constexpr std::size_t rank() const { return list.item[0].depth; }
  constexpr std::size_t block(std::size_t d) const { return list.item[1].dimension[d].extent; }
  constexpr std::size_t extent(std::size_t d) const { return list.item[0].dimension[d].extent; }
  constexpr bool is_cut(std::size_t d) const { return list.item[0].dimension[d].stride[parameter] != 0; }
  constexpr const nest_dimension& operator[](std::size_t d) const { return list.item[0].dimension[d]; }
};

// Whether a dimension has whole blocks and a rest.
template <class Dimensions>
constexpr bool is_ragged(const Dimensions& all, std::size_t d) {
  const std::size_t block = all.block(d);
  const std::size_t extent = all.extent(d);
  return block != 1 && all.is_cut(d) && extent > block && extent % block != 0;
}

// `extent` steps of `step` elements each.
constexpr nest_dimension loop_of(const nest_dimension& own, std::size_t extent, std::size_t step,
                                 std::ptrdiff_t parameter_stride) noexcept {
  nest_dimension n{extent, {}};
  for (unsigned k = 0; k < operand_count; ++k) n.stride[k] = own.stride[k] * static_cast<std::ptrdiff_t>(step);
  n.stride[parameter] = parameter_stride;
  return n;
}

// A dimension that is walked in one go: all of its blocks, or less than one.
constexpr void append_whole(nest& n, const nest_dimension& own, std::size_t block) noexcept {
  if (own.stride[parameter] == 0 || block == 1) return append(n, own);
  if (own.extent >= block) append(n, loop_of(own, own.extent / block, block, own.stride[parameter]));
  append(n, loop_of(own, own.extent < block ? own.extent : block, 1, 0));
}

template <class Dimensions>
struct nest_builder {
  const Dimensions& all;
  nest_list& out;
  unsigned decided;  // ragged dimensions, as bits, of which only whole blocks or only the rest are wanted
  unsigned rest;     // the rest

  constexpr void build(std::size_t d, const nest& so_far) {
    if (d == all.rank()) {
      out.item[out.count++].assign(so_far);
      return;
    }
    const nest_dimension own = all[d];
    const std::size_t block = all.block(d);
    nest n;
    n.assign(so_far);
    if (!is_ragged(all, d)) {
      append_whole(n, own, block);
      return build(d + 1, n);
    }
    const std::size_t whole = own.extent / block;
    const bool is_decided = (decided >> d & 1) != 0;
    const bool is_rest = (rest >> d & 1) != 0;
    if (!(is_decided && is_rest)) {
      append(n, loop_of(own, whole, block, own.stride[parameter]));
      append(n, loop_of(own, block, 1, 0));
      build(d + 1, n);
    }
    if (!(is_decided && !is_rest)) {
      n.assign(so_far);
      const nest_dimension skip =
          loop_of(own, 1, whole * block, own.stride[parameter] * static_cast<std::ptrdiff_t>(whole));
      for (unsigned k = 0; k < operand_count; ++k) n.base[k] += skip.stride[k];
      append(n, loop_of(own, own.extent % block, 1, 0));
      build(d + 1, n);
    }
  }
};

// The nests of one part: its bits say which of the decided dimensions, outermost first, want their rest.
template <class Dimensions>
constexpr void build_part(const Dimensions& all, std::size_t part, nest_list& out, const nest& start = {}) {
  std::size_t ragged = 0;
  for (std::size_t d = 0; d < all.rank(); ++d) ragged += is_ragged(all, d) ? 1u : 0u;
  unsigned decided = 0;
  unsigned rest = 0;
  for (std::size_t d = 0; d < all.rank() && ragged > 2; ++d) {
    if (!is_ragged(all, d)) continue;
    decided |= 1u << d;
    rest |= static_cast<unsigned>(part & 1) << d;
    part >>= 1;
    --ragged;
  }
  nest_builder<Dimensions> builder{all, out, decided, rest};
  builder.build(0, start);
}

}  // namespace detail

/// The nests of a walk over `s` with the given strides (one array per stream, null where the stream is absent). An
/// empty shape gives no nest.
constexpr void make_nests(const shape& s, const std::ptrdiff_t* const (&stream_stride)[4], const parameter_map& map,
                          nest_list& out) noexcept {
  out.count = 0;
  out.parts = 1;
  for (std::size_t d = 0; d < s.rank; ++d)
    if (s.extent[d] == 0) return;
  detail::given_dimensions all{s, stream_stride, map};
  std::ptrdiff_t step = 1;
  for (std::size_t d = s.rank; d-- > 0;) {
    all.index_stride[d] = step;
    step *= static_cast<std::ptrdiff_t>(s.extent[d]);
  }
  std::size_t ragged = 0;
  for (std::size_t d = 0; d < s.rank; ++d) ragged += detail::is_ragged(all, d) ? 1u : 0u;
  if (ragged == 0) {  // nearly every call: one nest, made in its place
    out.count = 1;
    nest& only = out.item[0];
    only.depth = 0;
    for (std::ptrdiff_t& b : only.base) b = 0;
    for (std::size_t d = 0; d < s.rank; ++d) detail::append_whole(only, all[d], map.block[d]);
    return;
  }
  if (ragged <= 2) {
    detail::build_part(all, 0, out);
    return;
  }
  out.parts = std::size_t{1} << (ragged - 2);
  out.item[0].depth = s.rank;
  for (std::ptrdiff_t& b : out.item[0].base) b = 0;
  for (std::size_t d = 0; d < s.rank; ++d) {
    out.item[0].dimension[d] = all[d];
    out.item[1].dimension[d] = {map.block[d], {}};
  }
}

/// Moves where an operand starts.
constexpr void move_base(nest_list& nests, operand which, std::ptrdiff_t by) noexcept {
  if (nests.parts != 1) {
    nests.item[0].base[which] += by;
    return;
  }
  for (std::size_t i = 0; i < nests.count; ++i) nests.item[i].base[which] += by;
}

/// Calls visit(nest) for every nest of a walk.
template <class Visit>
constexpr void for_each_nest(const nest_list& nests, Visit&& visit) {
  if (nests.parts == 1) {
    for (std::size_t i = 0; i < nests.count; ++i) visit(nests.item[i]);
    return;
  }
  for (std::size_t part = 0; part < nests.parts; ++part) {
    nest_list some;
    nest start;
    for (unsigned k = 0; k < operand_count; ++k) start.base[k] = nests.item[0].base[k];
    detail::build_part(detail::kept_dimensions{nests}, part, some, start);
    for (std::size_t i = 0; i < some.count; ++i) visit(some.item[i]);
  }
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
  const nest_dimension row = n.row();
  for_each_outer(n, n.depth > 0 ? n.depth - 1 : 0,
                 [&](const std::ptrdiff_t(&offset)[operand_count]) { visit(offset, row); });
}

}  // namespace xquant
