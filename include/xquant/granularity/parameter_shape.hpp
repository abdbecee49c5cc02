// The shape of a tensor's scales and zero points: extents where the parameter map has strides.
#pragma once

#include <xquant/core/block_map.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/exception.hpp>

namespace xquant::inline XQUANT_ABI {

/// The number of blocks of each axis that has a part in the slot, in the order of the axes; slots are counted row-major
/// over it. For a tensor of shape [6, 4, 70]:
///   per_tensor           []         per_axis<1>             [4]          per_axes<0, 2>      [6, 70]
///   per_group<32>        [6, 4, 3]  per_group<32, 0>        [1, 4, 70]   per_block<3, 32>    [6, 2, 3]
///   per_block<2, whole_axis, 32>    [3, 3]                               per_token           [6, 4]
///   per_expert<>         [6]        per_expert<per_group<32>>  [6, 4, 3]
/// Refuses an invalid shape and what the granularity refuses of it.
template <class Granularity>
[[nodiscard]] constexpr status try_parameter_shape(const Granularity& granularity, const shape& s,
                                                   shape& out) noexcept {
  static_assert(is_same<typename Granularity::policy_category, category::granularity>,
                "xquant::parameter_shape: the first argument is not a granularity");
  if (const status bad = s.valid(); !bad.ok()) return bad;
  parameter_map map;
  if (const status bad = granularity.map(s, map); !bad.ok()) return bad;
  shape result;
  for (std::size_t d = 0; d < s.rank; ++d)
    if (map.stride[d] != 0) result[result.rank++] = detail::blocks_in(s[d], map.block[d]);
  out = result;
  return {};
}

#if XQUANT_HAS_EXCEPTIONS
/// The same as a value. Throws xquant::error.
template <class Granularity>
[[nodiscard]] constexpr shape parameter_shape(const Granularity& granularity, const shape& s) {
  shape out;
  if (const status bad = try_parameter_shape(granularity, s, out); !bad.ok()) throw_if(bad);
  return out;
}
#endif

}  // namespace xquant
