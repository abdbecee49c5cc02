// Rounding to nearest, ties down.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>

namespace xquant::inline XQUANT_ABI {

/// Nearest integer, ties toward -infinity ("half down", ceil(v - 1/2) of the reals): 0.5 -> 0, -0.5 -> -1, 1.5 -> 1,
/// -2.5 -> -3. NaN and infinities stay what they are.
struct nearest_down {
  using policy_category = category::rounding;
  static constexpr bool sees_only_halves = true;

  // v - round_even(v) is exact, and -1/2 exactly at the ties that went up.
  template <class L>
  XQUANT_INLINE static constexpr L round(L v) {
    const L even = round_even(v);
    return select<L>(equal(subtract(v, even), broadcast<L>(-0.5f)), subtract(even, broadcast<L>(1)), even);
  }
  friend constexpr bool operator==(const nearest_down&, const nearest_down&) = default;
};

template <>
inline constexpr rounding_id id_of<nearest_down>{4, "nearest_down"};

}  // namespace xquant
