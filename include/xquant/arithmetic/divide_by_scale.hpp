// v = x / scale, correctly rounded.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/policy.hpp>

namespace xquant::inline XQUANT_ABI {

/// The quotient of ONNX QuantizeLinear: rounded once. `NearHalves` promises that the caller only rounds the quotient to
/// the nearest point of an 8-bit grid, which lets a vector engine avoid the divide instruction (rule 4).
struct divide_by_scale {
  using policy_category = category::arithmetic;
  static constexpr bool multiplies_by_reciprocal = false;

  template <bool NearHalves, class L>
  XQUANT_INLINE static constexpr L quotient(L x, L scale, L reciprocal) {
    if constexpr (NearHalves)
      return divide_small(x, scale, reciprocal);
    else
      return divide(x, scale);
  }
  friend constexpr bool operator==(const divide_by_scale&, const divide_by_scale&) = default;
};

}  // namespace xquant
