// Rounding to nearest, ties toward zero.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>

namespace xquant::inline XQUANT_ABI {

/// Nearest integer, ties toward zero ("half to zero"): 0.5 -> 0, -0.5 -> -0, 1.5 -> 1, -2.5 -> -2. IEEE 754-2019
/// roundTiesTowardZero; what ggml's and ModelOpt's FP4 tables amount to. NaN and infinities stay what they are.
struct nearest_to_zero {
  using policy_category = category::rounding;
  static constexpr bool sees_only_halves = true;

  template <class L>
  XQUANT_INLINE static constexpr L round(L v) {
    const L whole = truncate(v);
    const L fraction = absolute(subtract(v, whole));
    const L step = select<L>(less(broadcast<L>(0.5f), fraction), broadcast<L>(1), broadcast<L>(0));
    return add(whole, copy_sign(step, v));
  }
  friend constexpr bool operator==(const nearest_to_zero&, const nearest_to_zero&) = default;
};

template <>
inline constexpr rounding_id id_of<nearest_to_zero>{5, "nearest_to_zero"};

}  // namespace xquant
