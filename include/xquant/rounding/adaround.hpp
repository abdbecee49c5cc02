// AdaRound's rounding: up or down as a number given for each element says. Not a Rounding of rounding.hpp, which knows
// no second number.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/rounding/toward_negative.hpp>

namespace xquant::inline XQUANT_ABI {

/// floor(v) + h, with h in [0, 1] given for each element: what AdaRound trains on the way, h = clip(1.2 sigmoid(V) -
/// 0.1, 0, 1) of its variable V. The codes are its decision: floor(v), and one more where h >= 1/2. Not a policy of a
/// quantizer, since it needs a second tensor: ops/learned_rounding.hpp. Source: M. Nagel et al., "Up or down? Adaptive
/// rounding for post-training quantization", 2020, equations 22 and 23.
struct adaround {
  template <class L>
  XQUANT_INLINE static constexpr L round(L v, L h) {
    return add(toward_negative::round(v), h);
  }
  template <class L>
  XQUANT_INLINE static constexpr L decide(L v, L h) {
    const L down = toward_negative::round(v);
    return select<L>(less_equal(broadcast<L>(0.5f), h), add(down, broadcast<L>(1)), down);
  }
  friend constexpr bool operator==(const adaround&, const adaround&) = default;
};

}  // namespace xquant
