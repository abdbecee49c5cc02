// LSQ: the gradient of the step size (scale), learned with the weights.
#pragma once

#include <xquant/core/policy_id.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/core/square_root.hpp>
#include <xquant/gradients/estimator.hpp>

namespace xquant::inline XQUANT_ABI {

/// By what the sum over a slot is multiplied.
enum class step_size_gradient : std::uint8_t {
  scaled,  ///< 1 / sqrt(N * upper), N the elements that share the scale: the paper's gradient scale; where no code is
           ///< above zero (int1), -lower in the place of upper
  plain,   ///< 1
};

namespace detail {

/// The term of the scale, g * (q - v inside, q outside), inside given.
template <class Lane, class L>
XQUANT_INLINE constexpr L step_size_term(const Lane& e, L g, mask_of<L> inside) {
  return multiply(g, subtract(e.value(), select<L>(inside, e.quotient_inside(), broadcast<L>(0))));
}
/// dx = g inside the codes, else +0, and the term of the scale.
template <class Lane, class L>
XQUANT_INLINE constexpr estimated<L, 1> step_size(const Lane& e, L g) {
  const mask_of<L> inside = e.inside();
  return {select<L>(inside, g, broadcast<L>(0)), {step_size_term<Lane, L>(e, g, inside)}};
}
/// The same, and g outside the codes: what estimators of a scale and of a zero point, or of both ends, sum.
template <class Lane, class L>
XQUANT_INLINE constexpr estimated<L, 2> step_size_and_beyond(const Lane& e, L g) {
  const mask_of<L> inside = e.inside();
  const L zero = broadcast<L>(0);
  return {select<L>(inside, g, zero), {step_size_term<Lane, L>(e, g, inside), select<L>(inside, zero, g)}};
}
XQUANT_HOST_DEVICE inline double step_size_factor(step_size_gradient scaling, const slot_summary& s) {
  const double reach = s.upper > 0 ? s.upper : -s.lower;
  const bool has_factor = scaling == step_size_gradient::scaled && s.elements != 0;
  return has_factor ? 1 / square_root(s.elements * reach) : 1.0;
}

}  // namespace detail

/// dx     = g where round(x / s) + z is one of the codes, else +0
/// ds_k   = gamma * sum over the elements of slot k of g * (q - v inside, q outside)
/// with v = x / s, q = clamp(round(v) + z, lower, upper) - z, gamma by `scaling`. NaN in x counts as the lowest code of
/// an integer format, and makes ds NaN for a small float; NaN in g propagates. Source: S. Esser et al., "Learned step
/// size quantization", ICLR 2020. torch and torchao take N of the whole tensor also per channel, which makes their
/// gradient smaller by the root of the number of channels.
struct learned_step_size {
  step_size_gradient scaling = step_size_gradient::scaled;

  static constexpr std::size_t learned = 1;
  static constexpr bool uses_quotient = true;
  static constexpr bool takes_real_offset = true;
  static constexpr const char* learned_names[] = {"dscale"};

  template <class Lane, class L>
  XQUANT_INLINE constexpr estimated<L, 1> backward(const Lane& e, L g) const {
    return detail::step_size<Lane, L>(e, g);
  }
  XQUANT_HOST_DEVICE double finish(std::size_t /*k*/, const double* sums, const slot_summary& s) const {
    return lane_operations<double>::multiply(detail::step_size_factor(scaling, s), sums[0]);
  }
  friend constexpr bool operator==(const learned_step_size&, const learned_step_size&) = default;
};

static_assert(GradientEstimator<learned_step_size>);

template <>
inline constexpr estimator_id id_of<learned_step_size>{2, "learned_step_size"};

}  // namespace xquant
