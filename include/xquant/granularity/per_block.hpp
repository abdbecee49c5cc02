// Blocks of any number of dimensions: 128 x 128 tiles of a matrix, 1 x 32 runs, whole axes.
#pragma once

#include <xquant/core/block_map.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>

#include <cstdint>

namespace xquant::inline XQUANT_ABI {

/// As the block size of an axis: all of it, so that its index has no part in the slot.
inline constexpr std::size_t whole_axis = SIZE_MAX;

namespace detail {
constexpr status trailing_blocks_map(const shape& s, const std::size_t* sizes, std::size_t count,
                                     parameter_map& out) noexcept {
  if (s.rank < count)
    return fault(errc::rank_out_of_range, "x", static_cast<double>(s.rank),
                 "at least as many dimensions as the block has");
  std::size_t block[max_rank] = {1, 1, 1, 1, 1, 1, 1, 1};
  for (std::size_t i = 0; i < count; ++i) {
    if (sizes[i] == 0) return fault(errc::value_out_of_range, "block size", 0, "at least one element", i);
    block[s.rank - count + i] = sizes[i] == whole_axis ? 0 : sizes[i];
  }
  return map_of_blocks(s, block, out);
}
}  // namespace detail

/// Shape [A, B], blocks of H x W -> parameter shape [ceil(A / H), ceil(B / W)]: slot of element (a, b) is
/// (a / H) * ceil(B / W) + b / W. The sizes are those of the last axes; axes before them count whole (shape
/// [E, A, B] -> [E, ceil(A / H), ceil(B / W)]), and an axis of size `whole_axis` not at all (1 x whole_axis of [A, B]
/// -> [A]). Last blocks are short where the sizes do not divide the extents. `per_block<128, 128>` fixes the sizes in
/// the type; `per_block<>{128, 128}` carries them as values. Refuses a size of 0, a tensor of fewer dimensions than the
/// block, and more slots than a tensor may have elements.
template <std::size_t... Sizes>
struct per_block {
  static_assert(sizeof...(Sizes) <= max_rank, "xquant::per_block: more sizes than xquant::max_rank");
  static_assert((true && ... && (Sizes != 0)), "xquant::per_block: a block has at least one element along each axis");
  using policy_category = category::granularity;

  constexpr status map(const shape& s, parameter_map& out) const noexcept {
    const std::size_t sizes[] = {Sizes...};
    return detail::trailing_blocks_map(s, sizes, sizeof...(Sizes), out);
  }
  friend constexpr bool operator==(const per_block&, const per_block&) = default;
};

template <>
struct per_block<> {
  using policy_category = category::granularity;
  std::size_t size[max_rank] = {};
  std::size_t count = 0;  ///< sizes given; none: a slot for every element

  constexpr per_block() noexcept = default;
  template <class... Size>
  requires(sizeof...(Size) > 0) constexpr explicit per_block(Size... sizes) noexcept
      : size{static_cast<std::size_t>(sizes)...}, count(sizeof...(Size)) {
    static_assert(sizeof...(Size) <= max_rank, "xquant::per_block: more sizes than xquant::max_rank");
  }

  constexpr status map(const shape& s, parameter_map& out) const noexcept {
    return detail::trailing_blocks_map(s, size, count, out);
  }
  friend constexpr bool operator==(const per_block&, const per_block&) = default;
};

template <std::size_t... Sizes>
inline constexpr granularity_id id_of<per_block<Sizes...>>{4, "per_block"};

/// The same with its sizes as values.
template <std::size_t... Sizes>
constexpr per_block<> by_value(const per_block<Sizes...>& g) noexcept {
  if constexpr (sizeof...(Sizes) == 0)
    return g;
  else
    return per_block<>(Sizes...);
}

}  // namespace xquant
