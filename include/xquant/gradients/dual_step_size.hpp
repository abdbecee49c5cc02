// Dual LSQ: the scale that divides and the scale that multiplies are learned apart.
#pragma once

#include <xquant/core/policy_id.hpp>
#include <xquant/gradients/learned_step_size.hpp>

namespace xquant::inline XQUANT_ABI {

/// For y = q * s2, q = round(x / s1) held to the codes, at s1 = s2, the scale of the parameters:
///   dx = g inside the codes, else +0;  ds1 = -sum of g * v inside;  ds2 = sum of g * q
/// Their sum is learned_step_size's gradient. Where the scales have parted, y is s2 / s1 times what fake_quantize gives
/// with s1: pass g * (s2 / s1), and multiply ds2 by s1 / s2. Source: ModelOpt 0.46's dual LSQ.
struct dual_step_size {
  static constexpr std::size_t learned = 2;
  static constexpr bool uses_quotient = true;
  static constexpr const char* learned_names[] = {"dscale_in", "dscale_out"};

  template <class Lane, class L>
  XQUANT_INLINE constexpr estimated<L, 2> backward(const Lane& e, L g) const {
    const L zero = broadcast<L>(0);
    const L through = select<L>(e.inside(), g, zero);
    return {
        through,
        {subtract(zero, multiply(through, select<L>(e.inside(), e.quotient_inside(), zero))), multiply(g, e.value())}};
  }
  XQUANT_HOST_DEVICE double finish(std::size_t k, const double* sums, const slot_summary&) const { return sums[k]; }
  friend constexpr bool operator==(const dual_step_size&, const dual_step_size&) = default;
};

static_assert(GradientEstimator<dual_step_size>);

template <>
inline constexpr estimator_id id_of<dual_step_size>{14, "dual_step_size"};

}  // namespace xquant
