// SignRound's rounding: to nearest, after an offset given for each element. Not a Rounding of rounding.hpp, which knows
// no second number.
#pragma once

#include <xquant/core/lane.hpp>

namespace xquant::inline XQUANT_ABI {

/// rne(v + offset), with an offset in [-1/2, 1/2] given for each element: what SignRound (AutoRound) trains by the sign
/// of its gradient. The sum is rounded once, to the type of the data. Not a policy of a quantizer, since it needs a
/// second tensor: ops/learned_rounding.hpp. Source: W. Cheng et al., "Optimize weight rounding via signed gradient
/// descent for the quantization of LLMs", 2023, equation 3.
struct sign_round {
  template <class L>
  XQUANT_INLINE static constexpr L round(L v, L offset) {
    return round_even(add(v, offset));
  }
  template <class L>
  XQUANT_INLINE static constexpr L decide(L v, L offset) {
    return round(v, offset);
  }
  friend constexpr bool operator==(const sign_round&, const sign_round&) = default;
};

}  // namespace xquant
