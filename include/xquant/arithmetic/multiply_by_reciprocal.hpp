// v = x * (1 / scale), both roundings kept.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>

namespace xquant::inline XQUANT_ABI {

/// The product of x with the correctly rounded reciprocal of the scale: what torch's fake quantize, FBGEMM and XNNPACK
/// compute. Differs from the quotient by at most one unit in the last place, which moves a code only at ties.
struct multiply_by_reciprocal {
  using policy_category = category::arithmetic;
  static constexpr bool multiplies_by_reciprocal = true;

  template <bool Short, class L>
  XQUANT_INLINE static constexpr L quotient(L x, L /*scale*/, L reciprocal) {
    return multiply(x, reciprocal);
  }
  friend constexpr bool operator==(const multiply_by_reciprocal&, const multiply_by_reciprocal&) = default;
};

template <>
inline constexpr arithmetic_id id_of<multiply_by_reciprocal>{1, "multiply_by_reciprocal"};

}  // namespace xquant
