// Extents of a tensor, and axes.
#pragma once

#include <xquant/error.hpp>

#include <cstddef>
#include <cstdint>

namespace xquant::inline XQUANT_ABI {

/// Most dimensions a tensor may have.
inline constexpr std::size_t max_rank = 8;

/// Extents of a tensor, outermost dimension first. Rank 0 is a scalar: one element.
struct shape {
  std::size_t rank = 0;
  std::size_t extent[max_rank] = {};

  constexpr shape() noexcept = default;
  /// From a list of extents: shape{64, 3, 7, 7}. More than max_rank extents leave an invalid shape (see valid()).
  template <class... Extents>
  requires(sizeof...(Extents) > 0) constexpr explicit shape(Extents... extents) noexcept : rank(sizeof...(Extents)) {
    static_assert(sizeof...(Extents) <= max_rank, "xquant::shape: more dimensions than xquant::max_rank");
    std::size_t i = 0;
    ((extent[i++] = static_cast<std::size_t>(extents)), ...);
  }
  /// From `count` extents at `first`; when count > max_rank only the rank is kept, so that valid() can say no.
  static constexpr shape of(const std::size_t* first, std::size_t count) noexcept {
    shape s;
    s.rank = count;
    for (std::size_t i = 0; i < count && i < max_rank; ++i) s.extent[i] = first[i];
    return s;
  }

  /// What has a value of `from`. To copy all of a shape that has just been written is to wait for its pieces to arrive.
  constexpr void assign(const shape& from) noexcept {
    rank = from.rank;
    for (std::size_t d = 0; d < from.rank && d < max_rank; ++d) extent[d] = from.extent[d];
  }

  constexpr std::size_t operator[](std::size_t d) const noexcept { return extent[d]; }
  constexpr std::size_t& operator[](std::size_t d) noexcept { return extent[d]; }

  /// Number of elements. Meaningful only for a valid shape.
  [[nodiscard]] constexpr std::size_t size() const noexcept {
    std::size_t n = 1;
    for (std::size_t d = 0; d < rank && d < max_rank; ++d) n *= extent[d];
    return n;
  }

  /// Refuses more than max_rank dimensions and element counts above PTRDIFF_MAX / 16.
  [[nodiscard]] constexpr status valid(const char* argument = "shape") const noexcept {
    if (rank > max_rank)
      return fault(errc::rank_out_of_range, argument, static_cast<double>(rank), "at most 8 dimensions");
    constexpr std::size_t limit = static_cast<std::size_t>(PTRDIFF_MAX) / 16;
    std::size_t n = 1;
    bool empty = false;
    for (std::size_t d = 0; d < rank; ++d) empty = empty || extent[d] == 0;
    for (std::size_t d = 0; d < rank && !empty; ++d) {
      if (extent[d] > limit / n)
        return dimension_fault(errc::size_overflow, argument, d, static_cast<double>(extent[d]),
                               "extents whose product is at most PTRDIFF_MAX / 16");
      n *= extent[d];
    }
    return {};
  }

  friend constexpr bool operator==(const shape& a, const shape& b) noexcept {
    if (a.rank != b.rank) return false;
    for (std::size_t d = 0; d < a.rank && d < max_rank; ++d)
      if (a.extent[d] != b.extent[d]) return false;
    return true;
  }
};

namespace detail {
/// Of `argument`, a tensor of shape `met` where one of shape `wanted` is needed, the first dimension that differs.
constexpr status validate_same_shape(const shape& met, const shape& wanted, const char* argument,
                                     const char* expected = "as in the first input") noexcept {
  if (met.rank != wanted.rank) return rank_fault(argument, met.rank, expected, wanted.rank);
  for (std::size_t d = 0; d < wanted.rank && d < max_rank; ++d)
    if (met.extent[d] != wanted.extent[d])
      return dimension_fault(errc::shape_mismatch, argument, d, static_cast<double>(met.extent[d]), expected,
                             wanted.extent[d]);
  return {};
}

/// Whether some tensor has this axis.
constexpr bool may_be_axis(std::ptrdiff_t axis) noexcept {
  return axis >= -static_cast<std::ptrdiff_t>(max_rank) && axis < static_cast<std::ptrdiff_t>(max_rank);
}
}  // namespace detail

/// The dimension that `axis` in [-rank, rank) names, counted from the back when negative; rank when there is none.
constexpr std::size_t normalized_axis(std::ptrdiff_t axis, std::size_t rank) noexcept {
  const auto n = static_cast<std::ptrdiff_t>(rank);
  if (axis < -n || axis >= n) return rank;
  return static_cast<std::size_t>(axis < 0 ? axis + n : axis);
}

}  // namespace xquant
