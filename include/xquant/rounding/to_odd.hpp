// Rounding to odd: what is not exact becomes the odd neighbour, so that a later rounding still sees that it was not.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>

namespace xquant::inline XQUANT_ABI {

/// v where it is an integer, else the odd one of the two integers around it: 0.1 -> 1, 1.9 -> 1, 2.5 -> 3, -0.1 -> -1,
/// 2 -> 2. The last bit is sticky: rounding to odd with at least two more bits than a second format has, and then to
/// nearest or in any direction, equals rounding once. S. Boldo, G. Melquiond, "Emulation of FMA and correctly rounded
/// sums: proved algorithms using rounding to odd", IEEE Transactions on Computers 57(4), 2008.
struct to_odd {
  using policy_category = category::rounding;

  // Parity by halving, which is exact and knows no largest integer.
  template <class L>
  XQUANT_INLINE static constexpr L round(L v) {
    const L whole = truncate(v);
    const L half = multiply(whole, broadcast<L>(0.5f));
    const L next = add(whole, copy_sign(broadcast<L>(1), v));
    const L odd = select<L>(equal(truncate(half), half), next, whole);
    return select<L>(equal(whole, v), whole, odd);
  }
  friend constexpr bool operator==(const to_odd&, const to_odd&) = default;
};

template <>
inline constexpr rounding_id id_of<to_odd>{8, "to_odd"};

}  // namespace xquant
