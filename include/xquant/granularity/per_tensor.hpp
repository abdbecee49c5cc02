// One scale and zero point for the whole tensor.
#pragma once

#include <xquant/core/parameter_map.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>

namespace xquant::inline XQUANT_ABI {

/// Shape [A, B, C] -> parameter shape []: one slot.
struct per_tensor {
  using policy_category = category::granularity;

  /// Never refuses.
  constexpr status map(const shape&, parameter_map& out) const noexcept {
    out = parameter_map{};
    return {};
  }
  friend constexpr bool operator==(const per_tensor&, const per_tensor&) = default;
};

template <>
inline constexpr granularity_id id_of<per_tensor>{0, "per_tensor"};

}  // namespace xquant
