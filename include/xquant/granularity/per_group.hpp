// Groups of consecutive elements along one axis: the granularity of 2- to 4-bit weights and of MX blocks.
#pragma once

#include <xquant/core/block_map.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>

#include <cstdint>

namespace xquant::inline XQUANT_ABI {

/// As a static group size: it is known at run time only and is a value of the policy.
inline constexpr std::size_t dynamic_size = SIZE_MAX;

namespace detail {
constexpr status group_map(const shape& s, std::size_t size, std::ptrdiff_t axis, parameter_map& out) noexcept {
  const std::size_t d = normalized_axis(axis, s.rank);
  if (d == s.rank)
    return fault(errc::axis_out_of_range, "axis", static_cast<double>(axis),
                 "an axis in [-rank, rank), of a tensor of rank", 0, s.rank);
  if (size == 0) return fault(errc::value_out_of_range, "group size", 0, "at least one element per group");
  std::size_t block[max_rank] = {1, 1, 1, 1, 1, 1, 1, 1};
  block[d] = size;
  return map_of_blocks(s, block, out);
}
}  // namespace detail

/// Shape [A, B], groups of G along the last axis -> parameter shape [A, ceil(B / G)]: slot of element (a, b) is
/// a * ceil(B / G) + b / G. Along another axis that one is divided, and every other axis counts whole: shape [A, B, C],
/// axis 1 -> [A, ceil(B / G), C]. The last group is short where G does not divide the extent; G beyond the extent is
/// one group. `per_group<32>` fixes the size in the type, `per_group<32, 0>` the axis too (by default the last);
/// `per_group<>{size, axis}` carries both as values.
/// Refuses size 0, an axis outside [-rank, rank), and more slots than a tensor may have elements.
template <std::size_t Size = dynamic_size, std::ptrdiff_t Axis = -1>
struct per_group {
  static_assert(Size != 0, "xquant::per_group: a group has at least one element");
  static_assert(Size != dynamic_size, "xquant::per_group: a size of run time comes with an axis of run time");
  static_assert(detail::may_be_axis(Axis), "xquant::per_group: no tensor has this axis; axes are in [-8, 8)");
  using policy_category = category::granularity;

  constexpr status map(const shape& s, parameter_map& out) const noexcept {
    return detail::group_map(s, Size, Axis, out);
  }
  friend constexpr bool operator==(const per_group&, const per_group&) = default;
};

template <>
struct per_group<dynamic_size, -1> {
  using policy_category = category::granularity;
  std::size_t size = 1;
  std::ptrdiff_t axis = -1;

  constexpr status map(const shape& s, parameter_map& out) const noexcept {
    return detail::group_map(s, size, axis, out);
  }
  friend constexpr bool operator==(const per_group&, const per_group&) = default;
};

template <std::size_t Size, std::ptrdiff_t Axis>
inline constexpr granularity_id id_of<per_group<Size, Axis>>{3, "per_group"};

/// The same with its size and axis as values.
template <std::size_t Size, std::ptrdiff_t Axis>
constexpr per_group<> by_value(const per_group<Size, Axis>& g) noexcept {
  if constexpr (Size == dynamic_size)
    return g;
  else
    return {Size, Axis};
}

}  // namespace xquant
