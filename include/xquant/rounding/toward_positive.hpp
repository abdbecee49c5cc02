// Rounding up.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>

namespace xquant::inline XQUANT_ABI {

/// The smallest integer not below v ("ceiling"): 0.1 -> 1, -0.9 -> -0. IEEE 754 roundTowardPositive. On a grid of
/// floats the next value at or above.
struct toward_positive {
  using policy_category = category::rounding;

  template <class L>
  XQUANT_INLINE static constexpr L round(L v) {
    const L whole = truncate(v);
    return select<L>(less(whole, v), add(whole, broadcast<L>(1)), whole);
  }
  friend constexpr bool operator==(const toward_positive&, const toward_positive&) = default;
};

template <>
inline constexpr rounding_id id_of<toward_positive>{10, "toward_positive"};

}  // namespace xquant
