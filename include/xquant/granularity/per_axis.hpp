// One scale and zero point for each index of one axis ("per channel").
#pragma once

#include <xquant/core/parameter_map.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>

#include <cstdint>

namespace xquant::inline XQUANT_ABI {

/// As a static axis: the axis is known at run time only and is a value of the policy.
inline constexpr std::ptrdiff_t dynamic_axis = PTRDIFF_MIN;

namespace detail {
constexpr status axis_map(const shape& s, std::ptrdiff_t axis, parameter_map& out) noexcept {
  out = parameter_map{};
  const std::size_t d = normalized_axis(axis, s.rank);
  if (d == s.rank)
    return fault(errc::axis_out_of_range, "axis", static_cast<double>(axis),
                 "an axis in [-rank, rank), of a tensor of rank", 0, s.rank);
  out.stride[d] = 1;
  out.count = s.extent[d];
  return {};
}
}  // namespace detail

/// Shape [A, B, C], axis 1 -> parameter shape [B]: slot of element (a, b, c) is b. Negative axes count from the back.
/// `per_axis<0>` fixes the axis in the type; `per_axis<>{axis}` carries it as a value.
/// Refuses an axis outside [-rank, rank).
template <std::ptrdiff_t Axis = dynamic_axis>
struct per_axis {
  static_assert(detail::may_be_axis(Axis), "xquant::per_axis: no tensor has this axis; axes are in [-8, 8)");
  using policy_category = category::granularity;

  constexpr status map(const shape& s, parameter_map& out) const noexcept { return detail::axis_map(s, Axis, out); }
  friend constexpr bool operator==(const per_axis&, const per_axis&) = default;
};

template <>
struct per_axis<dynamic_axis> {
  using policy_category = category::granularity;
  std::ptrdiff_t axis = 0;

  constexpr status map(const shape& s, parameter_map& out) const noexcept { return detail::axis_map(s, axis, out); }
  friend constexpr bool operator==(const per_axis&, const per_axis&) = default;
};

template <std::ptrdiff_t Axis>
inline constexpr granularity_id id_of<per_axis<Axis>>{1, "per_axis"};

/// The same with its axis as a value.
template <std::ptrdiff_t Axis>
constexpr per_axis<> by_value(const per_axis<Axis>& g) noexcept {
  if constexpr (Axis == dynamic_axis)
    return g;
  else
    return {Axis};
}

}  // namespace xquant
