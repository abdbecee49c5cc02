// Rounding down.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>

namespace xquant::inline XQUANT_ABI {

/// The largest integer not above v ("floor"): 0.9 -> 0, -0.1 -> -1. IEEE 754 roundTowardNegative. On a grid of floats
/// the next value at or below.
struct toward_negative {
  using policy_category = category::rounding;

  template <class L>
  XQUANT_INLINE static constexpr L round(L v) {
    const L whole = truncate(v);
    return select<L>(less(v, whole), subtract(whole, broadcast<L>(1)), whole);
  }
  friend constexpr bool operator==(const toward_negative&, const toward_negative&) = default;
};

template <>
inline constexpr rounding_id id_of<toward_negative>{11, "toward_negative"};

}  // namespace xquant
