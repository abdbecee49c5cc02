// How a reduction is cut into pieces: by logical index and parameter slot alone, so that sums do not depend on engine,
// threads or memory layout (docs/arithmetic.md, rule 10).
#pragma once

#include <xquant/core/nest.hpp>
#include <xquant/core/validation.hpp>
#include <xquant/engines/operation.hpp>

namespace xquant::inline XQUANT_ABI {

/// Logical elements of a segment; no piece crosses the border of two, except of reductions whose order is free.
inline constexpr std::size_t segment_size = 4096;
/// For those: a row is one piece.
inline constexpr std::size_t endless_segment = static_cast<std::size_t>(PTRDIFF_MAX);

/// A reduction laid out: the nests have the strides of a dense tensor, so their rows and the pieces cut from them are
/// the same for every memory layout. Streams that are not dense have their strides here.
struct reduction_walk {
  nest_list nests;
  shape extents;
  bool is_dense[4] = {true, true, true, true};
  std::ptrdiff_t strides[4][max_rank];

  /// Strides of a stream; null where it is dense or absent.
  [[nodiscard]] constexpr const std::ptrdiff_t* stride(unsigned stream) const noexcept {
    return is_dense[stream] ? nullptr : strides[stream];
  }
  [[nodiscard]] constexpr bool all_dense() const noexcept {
    return is_dense[input_0] && is_dense[input_1] && is_dense[output_0] && is_dense[output_1];
  }
};

/// Offset of the element with logical index `index`.
constexpr std::ptrdiff_t offset_of(std::uint64_t index, const shape& s, const std::ptrdiff_t* stride) noexcept {
  if (stride == nullptr) return static_cast<std::ptrdiff_t>(index);
  std::ptrdiff_t offset = 0;
  for (std::size_t d = s.rank; d-- > 0;) {
    offset += static_cast<std::ptrdiff_t>(index % s.extent[d]) * stride[d];
    index /= s.extent[d];
  }
  return offset;
}

/// Consecutive elements of one slot, or (varying) of consecutive slots.
struct piece {
  std::size_t slot;
  std::uint64_t index;  // logical, of the first element
  std::size_t extent;   // at most that of a segment
  bool varying;
};

/// Calls visit(piece) for all pieces of segments of this size, in the order in which they are combined.
template <class Visit>
constexpr void for_each_piece(const nest_list& nests, Visit&& visit, std::size_t segment = segment_size) {
  if (nests.count == 1 && nests.item[0].depth == 1) {  // a small tensor of one slot is one piece
    const nest& n = nests.item[0];
    const nest_dimension& row = n.dimension[0];
    if (row.stride[parameter] == 0 && row.stride[element_index] == 1 && row.extent <= segment &&
        n.base[element_index] == 0)
      return visit(piece{static_cast<std::size_t>(n.base[parameter]), 0, row.extent, false});
  }
  for_each_nest(nests, [&](const nest& n) {
    for_each_row(n, [&](const std::ptrdiff_t(&first)[operand_count], const nest_dimension& row) {
      const bool consecutive = row.extent == 1 || row.stride[element_index] == 1;
      const std::ptrdiff_t step = row.extent == 1 ? 0 : row.stride[parameter];
      for (std::size_t done = 0; done < row.extent;) {
        const auto index = static_cast<std::uint64_t>(first[element_index] +
                                                      static_cast<std::ptrdiff_t>(done) * row.stride[element_index]);
        const auto slot = static_cast<std::size_t>(first[parameter] + static_cast<std::ptrdiff_t>(done) * step);
        std::size_t extent = consecutive && (step == 0 || step == 1) ? row.extent - done : 1;
        const std::size_t to_border = segment - static_cast<std::size_t>(index % segment);
        if (extent > to_border) extent = to_border;
        visit(piece{slot, index, extent, step == 1});
        done += extent;
      }
    });
  });
}

/// Lays out a reduction over views of shape `s`; null where a stream is absent.
constexpr void make_reduction(const shape& s, const parameter_map& map, const std::ptrdiff_t* const (&stride)[4],
                              const bool (&dense)[4], reduction_walk& out) noexcept {
  out.extents = s;
  for (unsigned k = 0; k < 4; ++k) {
    out.is_dense[k] = dense[k];
    for (std::size_t d = 0; d < s.rank && !dense[k]; ++d) out.strides[k][d] = stride[k][d];
  }
  if (map.count == 1) {  // the common case needs no search: one row
    const std::size_t size = s.size();
    out.nests.count = size != 0;
    out.nests.parts = 1;
    nest& only = out.nests.item[0];
    only.depth = 1;
    only.dimension[0].extent = size;
    for (unsigned k = 0; k < operand_count; ++k) {
      only.dimension[0].stride[k] = k == input_0 || k == element_index;
      only.base[k] = 0;
    }
    return;
  }
  std::ptrdiff_t dense_stride[max_rank] = {};
  std::ptrdiff_t step = 1;
  for (std::size_t d = s.rank; d-- > 0;) {
    dense_stride[d] = step;
    step *= static_cast<std::ptrdiff_t>(s.extent[d]);
  }
  const std::ptrdiff_t* const all[4] = {dense_stride, nullptr, nullptr, nullptr};
  make_nests(s, all, map, out.nests);
}

}  // namespace xquant
