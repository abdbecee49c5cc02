// The clipped straight-through estimator: gradient passes where the rounded value was a code, and stops where it was
// clipped.
#pragma once

#include <xquant/core/policy_id.hpp>
#include <xquant/gradients/estimator.hpp>

namespace xquant::inline XQUANT_ABI {

/// dx = g where lower <= round(x / scale) + zero_point <= upper, else +0; NaN in x: +0. gradients/packed_mask.hpp saves
/// that mask as fake_quantize runs, so that x need not be kept. Source: Y. Bengio et al., 2013, clipped as torch and
/// torchao do (the code's range, inclusive; ModelOpt and pytorch-quantization compare |x| with the range instead).
struct clipped_straight_through {
  static constexpr std::size_t learned = 0;
  static constexpr bool uses_quotient = false;

  template <class Lane, class L>
  XQUANT_INLINE constexpr estimated<L, 0> backward(const Lane& e, L g) const {
    return {select<L>(e.inside(), g, broadcast<L>(0))};
  }
  friend constexpr bool operator==(const clipped_straight_through&, const clipped_straight_through&) = default;
};

static_assert(GradientEstimator<clipped_straight_through>);

template <>
inline constexpr estimator_id id_of<clipped_straight_through>{1, "clipped_straight_through"};

}  // namespace xquant
