// Granularities as torchao writes them: a block size for every axis.
#pragma once

#include <xquant/core/parameter_map.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/granularity/per_block.hpp>

#include <cstdint>

namespace xquant::inline XQUANT_ABI {

/// torchao's `block_size` tuple (quantize_affine, choose_qparams_affine): one entry per axis, each dividing the extent;
/// -1 is the whole axis where a configuration is written before shapes are known.
struct torchao_block_size {
  std::size_t rank = 0;
  std::int64_t size[max_rank] = {};

  constexpr torchao_block_size() noexcept = default;
  template <class... Size>
  requires(sizeof...(Size) > 0) constexpr explicit torchao_block_size(Size... sizes) noexcept
      : rank(sizeof...(Size)), size{static_cast<std::int64_t>(sizes)...} {
    static_assert(sizeof...(Size) <= max_rank, "xquant::torchao_block_size: more sizes than xquant::max_rank");
  }
  friend constexpr bool operator==(const torchao_block_size&, const torchao_block_size&) = default;
};

/// The tuple of a granularity on a tensor of shape `s`: per_group<32> of [64, 128] gives (1, 32), per_token (1, 128),
/// per_axis<0> (1, 128), per_tensor (64, 128), per_block<32, 32> (32, 32). Parameter slots are in torchao's order.
/// Refuses what the granularity refuses of the shape, and (errc::unsupported, naming the axis) blocks that do not
/// divide an extent.
template <class Granularity>
[[nodiscard]] constexpr status to_torchao(const Granularity& granularity, const shape& s,
                                          torchao_block_size& out) noexcept {
  if (const status bad = s.valid(); !bad.ok()) return bad;
  parameter_map map;
  if (const status bad = granularity.map(s, map); !bad.ok()) return bad;
  torchao_block_size result;
  result.rank = s.rank;
  for (std::size_t d = 0; d < s.rank; ++d) {
    const bool is_whole = map.stride[d] == 0 || (s[d] != 0 && map.block[d] > s[d]);
    const std::size_t block = is_whole ? s[d] : map.block[d];
    if (block != 0 && s[d] % block != 0)
      return fault(errc::unsupported, "granularity", static_cast<double>(block),
                   "blocks that divide every extent, as in torchao", d);
    result.size[d] = static_cast<std::int64_t>(block);
  }
  out = result;
  return {};
}

/// The granularity that a tuple names on a tensor of shape `s`: an axis whose block is all of it has no part in the
/// slot, as in torchao.
/// Refuses another number of entries than axes, entries that are neither positive nor -1, and entries that do not
/// divide the extent.
[[nodiscard]] constexpr status from_torchao(const torchao_block_size& t, const shape& s, per_block<>& out) noexcept {
  if (const status bad = s.valid(); !bad.ok()) return bad;
  if (t.rank != s.rank)
    return fault(errc::rank_out_of_range, "block_size", static_cast<double>(t.rank), "one entry for each axis");
  per_block<> result;
  result.count = s.rank;
  for (std::size_t d = 0; d < s.rank; ++d) {
    const std::int64_t size = t.size[d];
    if (size != -1 && size <= 0 && !(size == 0 && s[d] == 0))
      return fault(errc::value_out_of_range, "block_size", static_cast<double>(size), "a number of elements, or -1", d);
    const bool whole = size == -1 || static_cast<std::size_t>(size) == s[d];
    if (!whole && s[d] % static_cast<std::size_t>(size) != 0)
      return fault(errc::value_out_of_range, "block_size", static_cast<double>(size), "a divisor of the extent", d);
    result.size[d] = whole && size != 1 ? whole_axis : static_cast<std::size_t>(size);
  }
  out = result;
  return {};
}

}  // namespace xquant
