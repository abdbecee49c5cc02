// LSQ with the zero point learned beside the scale.
#pragma once

#include <xquant/core/policy_id.hpp>
#include <xquant/gradients/learned_step_size.hpp>

namespace xquant::inline XQUANT_ABI {

/// dx and ds as learned_step_size; dz_k = -s_k * gamma * sum over slot k of g outside the codes, 0 inside: moving z
/// moves only what is clipped, y = s (end - z). z is learned as a real number and rounded for each forward pass.
/// Source: torch's learnable fake quantization (whose slips are in presets/torch_gradients.hpp).
struct learned_zero_point {
  step_size_gradient scaling = step_size_gradient::scaled;

  static constexpr std::size_t learned = 2;
  static constexpr bool uses_quotient = true;
  static constexpr const char* learned_names[] = {"dscale", "dzero_point"};

  template <class Lane, class L>
  XQUANT_INLINE constexpr estimated<L, 2> backward(const Lane& e, L g) const {
    return detail::step_size_and_beyond<Lane, L>(e, g);
  }
  XQUANT_HOST_DEVICE double finish(std::size_t k, const double* sums, const slot_summary& s) const {
    const double sum = k == 0 ? sums[0] : lane_operations<double>::multiply(-s.scale, sums[1]);
    return lane_operations<double>::multiply(detail::step_size_factor(scaling, s), sum);
  }
  friend constexpr bool operator==(const learned_zero_point&, const learned_zero_point&) = default;
};

static_assert(GradientEstimator<learned_zero_point>);

template <>
inline constexpr estimator_id id_of<learned_zero_point>{4, "learned_zero_point"};

}  // namespace xquant
