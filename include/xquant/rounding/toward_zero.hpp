// Rounding toward zero.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>

namespace xquant::inline XQUANT_ABI {

/// The integer part ("truncation"): 0.9 -> 0, -1.9 -> -1. IEEE 754 roundTowardZero.
struct toward_zero {
  using policy_category = category::rounding;

  template <class L>
  XQUANT_INLINE static constexpr L round(L v) {
    return truncate(v);
  }
  friend constexpr bool operator==(const toward_zero&, const toward_zero&) = default;
};

template <>
inline constexpr rounding_id id_of<toward_zero>{9, "toward_zero"};

}  // namespace xquant
