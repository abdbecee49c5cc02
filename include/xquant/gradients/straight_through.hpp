// The plain straight-through estimator: the rounding and the clipping are invisible to the gradient.
#pragma once

#include <xquant/core/policy_id.hpp>
#include <xquant/gradients/estimator.hpp>

namespace xquant::inline XQUANT_ABI {

/// dx = g, bits and all; x is not read. Source: Y. Bengio et al., "Estimating or propagating gradients through
/// stochastic neurons", 2013.
struct straight_through {
  static constexpr std::size_t learned = 0;
  static constexpr bool uses_quotient = false;
  static constexpr bool rounds = false;
  static constexpr bool reads_x = false;

  template <class Lane, class L>
  XQUANT_INLINE constexpr estimated<L, 0> backward(const Lane& /*e*/, L g) const {
    return {g};
  }
  friend constexpr bool operator==(const straight_through&, const straight_through&) = default;
};

static_assert(GradientEstimator<straight_through>);

template <>
inline constexpr estimator_id id_of<straight_through>{0, "straight_through"};

}  // namespace xquant
