// One scale and zero point for each index of several axes together.
#pragma once

#include <xquant/core/block_map.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>

#include <cstdint>

namespace xquant::inline XQUANT_ABI {

namespace detail {
constexpr status axes_map(const shape& s, const std::ptrdiff_t* axes, std::size_t count, parameter_map& out) noexcept {
  std::size_t block[max_rank] = {};
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t d = normalized_axis(axes[i], s.rank);
    if (d == s.rank)
      return fault(errc::axis_out_of_range, "axes", static_cast<double>(axes[i]),
                   "an axis in [-rank, rank), of a tensor of rank", i, s.rank);
    if (block[d] != 0)
      return fault(errc::value_out_of_range, "axes", static_cast<double>(axes[i]), "each axis once", i);
    block[d] = 1;
  }
  return map_of_blocks(s, block, out);
}

template <std::ptrdiff_t... Axes>
inline constexpr bool are_different = [] {
  const std::ptrdiff_t axes[] = {Axes...};
  for (std::size_t i = 0; i < sizeof...(Axes); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (axes[i] == axes[j]) return false;
  return true;
}();
}  // namespace detail

/// Shape [A, B, C], axes 0 and 2 -> parameter shape [A, C]: slot of element (a, b, c) is a * C + c. Whatever the order
/// in which axes are named, slots are row-major in the order of the tensor's dimensions; negative axes count from the
/// back. `per_axes<0, 2>` fixes the axes in the type; `per_axes<>{0, 2}` carries them as values. Refuses an axis
/// outside [-rank, rank), an axis named twice, and more slots than a tensor may have elements.
template <std::ptrdiff_t... Axes>
struct per_axes {
  static_assert(sizeof...(Axes) <= max_rank, "xquant::per_axes: more axes than xquant::max_rank");
  static_assert((true && ... && detail::may_be_axis(Axes)),
                "xquant::per_axes: no tensor has one of these axes; axes are in [-8, 8)");
  static_assert(detail::are_different<Axes...>, "xquant::per_axes: an axis is named twice");
  using policy_category = category::granularity;

  constexpr status map(const shape& s, parameter_map& out) const noexcept {
    const std::ptrdiff_t axes[] = {Axes...};
    return detail::axes_map(s, axes, sizeof...(Axes), out);
  }
  friend constexpr bool operator==(const per_axes&, const per_axes&) = default;
};

template <>
struct per_axes<> {
  using policy_category = category::granularity;
  std::ptrdiff_t axis[max_rank] = {};
  std::size_t count = 0;  ///< axes named; none: one slot for the tensor

  constexpr per_axes() noexcept = default;
  template <class... Axis>
  requires(sizeof...(Axis) > 0) constexpr explicit per_axes(Axis... axes) noexcept
      : axis{static_cast<std::ptrdiff_t>(axes)...}, count(sizeof...(Axis)) {
    static_assert(sizeof...(Axis) <= max_rank, "xquant::per_axes: more axes than xquant::max_rank");
  }

  constexpr status map(const shape& s, parameter_map& out) const noexcept {
    if (count > max_rank) return fault(errc::value_out_of_range, "axes", static_cast<double>(count), "at most 8 axes");
    return detail::axes_map(s, axis, count, out);
  }
  friend constexpr bool operator==(const per_axes&, const per_axes&) = default;
};

template <std::ptrdiff_t... Axes>
inline constexpr granularity_id id_of<per_axes<Axes...>>{2, "per_axes"};

/// The same with its axes as values.
template <std::ptrdiff_t... Axes>
constexpr per_axes<> by_value(const per_axes<Axes...>& g) noexcept {
  if constexpr (sizeof...(Axes) == 0)
    return g;
  else
    return per_axes<>(Axes...);
}

}  // namespace xquant
