// EWGS: element-wise gradient scaling by the rounding error.
#pragma once

#include <xquant/core/policy_id.hpp>
#include <xquant/gradients/estimator.hpp>

namespace xquant::inline XQUANT_ABI {

/// dx = g * (1 + delta * sign(g) * (x - y)) inside the codes, else +0: y is what x became, in units of the data. delta
/// is not negative; 0 makes it clipped_straight_through. The paper's x is divided by its range first, so its delta is
/// this one times the range; ewgs_delta (train/initial_parameters.hpp) estimates it. Source: J. Lee et al., "Network
/// quantization with element-wise gradient scaling", 2021.
struct element_wise_scaling {
  double delta = 0;

  static constexpr std::size_t learned = 0;
  static constexpr bool uses_quotient = false;

  template <class Lane, class L>
  XQUANT_INLINE constexpr estimated<L, 0> backward(const Lane& e, L g) const {
    const L one = broadcast<L>(1);
    const L error = multiply(subtract(e.x, e.dequantized()), copy_sign(one, g));
    const L factor = add(one, multiply(broadcast<L>(static_cast<real_of<L>>(delta)), error));
    return {select<L>(e.inside_beside_value(), multiply(g, factor), broadcast<L>(0))};
  }
  friend constexpr bool operator==(const element_wise_scaling&, const element_wise_scaling&) = default;
};

static_assert(GradientEstimator<element_wise_scaling>);

template <>
inline constexpr estimator_id id_of<element_wise_scaling>{12, "element_wise_scaling"};

}  // namespace xquant
