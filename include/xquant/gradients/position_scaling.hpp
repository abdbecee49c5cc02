// Position-based scaling: a gradient is multiplied where x is near the border between two codes.
#pragma once

#include <xquant/core/policy_id.hpp>
#include <xquant/gradients/estimator.hpp>

namespace xquant::inline XQUANT_ABI {

/// dx = g * multiplier inside the codes where |q - v| > (1 - eps) / 2, g elsewhere inside, +0 outside: of an integer
/// format, the share eps of a step around each border. eps 0 or multiplier 1 makes it clipped_straight_through. Source:
/// AIMET's aimet_torch.experimental.pgs, whose defaults these are.
struct position_scaling {
  double eps = 0.05;
  double multiplier = 3;

  static constexpr std::size_t learned = 0;
  static constexpr bool uses_quotient = true;

  template <class Lane, class L>
  XQUANT_INLINE constexpr estimated<L, 0> backward(const Lane& e, L g) const {
    const L error = absolute(subtract(e.value(), e.quotient()));
    const mask_of<L> near = less(broadcast<L>(static_cast<real_of<L>>((1 - eps) / 2)), error);
    const L scaled = multiply(g, broadcast<L>(static_cast<real_of<L>>(multiplier)));
    return {select<L>(e.inside(), select<L>(near, scaled, g), broadcast<L>(0))};
  }
  friend constexpr bool operator==(const position_scaling&, const position_scaling&) = default;
};

static_assert(GradientEstimator<position_scaling>);

template <>
inline constexpr estimator_id id_of<position_scaling>{15, "position_scaling"};

}  // namespace xquant
