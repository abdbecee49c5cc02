// One scale and zero point for each row of the last axis.
#pragma once

#include <xquant/core/block_map.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>

namespace xquant::inline XQUANT_ABI {

/// Shape [A, B, C] -> parameter shape [A, B]: slot of element (a, b, c) is a * B + b, so that all features of a token
/// share one. Also named per row. Refuses a tensor without axes, and more slots than a tensor may have elements.
struct per_token {
  using policy_category = category::granularity;

  constexpr status map(const shape& s, parameter_map& out) const noexcept {
    if (s.rank == 0) return fault(errc::axis_out_of_range, "axis", -1, "a tensor with a last axis");
    std::size_t block[max_rank] = {1, 1, 1, 1, 1, 1, 1, 1};
    block[s.rank - 1] = 0;
    return detail::map_of_blocks(s, block, out);
  }
  friend constexpr bool operator==(const per_token&, const per_token&) = default;
};

template <>
inline constexpr granularity_id id_of<per_token>{5, "per_token"};

}  // namespace xquant
