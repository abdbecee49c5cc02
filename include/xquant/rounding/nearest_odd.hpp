// Rounding to nearest, ties to odd.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>

namespace xquant::inline XQUANT_ABI {

/// Nearest integer, ties to the odd one ("half to odd"): 0.5 -> 1, -0.5 -> -1, 1.5 -> 1, 2.5 -> 3. Unbiased on ties as
/// nearest_even is. Not to be confused with to_odd, which is no rounding to nearest. NaN and infinities stay what they
/// are.
struct nearest_odd {
  using policy_category = category::rounding;
  static constexpr bool sees_only_halves = true;

  // At a tie v - round_even(v) is 1/2 with the sign of the way to the odd neighbour.
  template <class L>
  XQUANT_INLINE static constexpr L round(L v) {
    const L even = round_even(v);
    const L rest = subtract(v, even);
    const L odd = add(even, copy_sign(broadcast<L>(1), rest));
    return select<L>(equal(absolute(rest), broadcast<L>(0.5f)), odd, even);
  }
  friend constexpr bool operator==(const nearest_odd&, const nearest_odd&) = default;
};

template <>
inline constexpr rounding_id id_of<nearest_odd>{6, "nearest_odd"};

}  // namespace xquant
