// The straight-through estimator clipped by the range: gradient stops where x itself leaves the range of the codes.
#pragma once

#include <xquant/core/policy_id.hpp>
#include <xquant/gradients/estimator.hpp>

namespace xquant::inline XQUANT_ABI {

/// dx = g where low <= x <= high, else +0, with low and high what the end codes stand for; NaN in x: +0. The range is
/// half a step narrower at each end than clipped_straight_through's. Where the peer's amax is at hand and is to be met
/// exactly, use range_masked_backward (gradients/clip.hpp). Source: pytorch-quantization, ModelOpt, AIMET 1.
struct range_clipped_straight_through {
  static constexpr std::size_t learned = 0;
  static constexpr bool uses_quotient = false;
  static constexpr bool rounds = false;

  template <class Lane, class L>
  XQUANT_INLINE constexpr estimated<L, 0> backward(const Lane& e, L g) const {
    return {select<L>(both<L>(less_equal(e.low_end(), e.x), less_equal(e.x, e.high_end())), g, broadcast<L>(0))};
  }
  friend constexpr bool operator==(const range_clipped_straight_through&,
                                   const range_clipped_straight_through&) = default;
};

static_assert(GradientEstimator<range_clipped_straight_through>);

template <>
inline constexpr estimator_id id_of<range_clipped_straight_through>{3, "range_clipped_straight_through"};

}  // namespace xquant
