// Rounding to nearest, ties away from zero.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>

namespace xquant::inline XQUANT_ABI {

/// Nearest integer, ties away from zero: 0.5 -> 1, -0.5 -> -1, 2.5 -> 3. C's round(); what AIMET's C++ core uses.
struct nearest_away {
  using policy_category = category::rounding;
  static constexpr bool sees_only_halves = true;

  // trunc(v + 0.5) would be wrong for the number just below 0.5; |v| - trunc(|v|) is exact.
  template <class L>
  XQUANT_INLINE static constexpr L round(L v) {
    const L whole = truncate(v);
    const L fraction = absolute(subtract(v, whole));
    const L step = select<L>(less(fraction, broadcast<L>(0.5f)), broadcast<L>(0), broadcast<L>(1));
    return add(whole, copy_sign(step, v));
  }
  friend constexpr bool operator==(const nearest_away&, const nearest_away&) = default;
};

template <>
inline constexpr rounding_id id_of<nearest_away>{1, "nearest_away"};

}  // namespace xquant
