// AIMET's range learning: both ends of the range are learned.
#pragma once

#include <xquant/core/policy_id.hpp>
#include <xquant/gradients/learned_step_size.hpp>

namespace xquant::inline XQUANT_ABI {

/// The gradients of min and max of a slot, s = (max - min) / N, N the steps between the end codes, and, where the
/// scheme has a zero point, z = lower - round(min / s), straight through the rounding:
///   A = sum of g (q - v inside, q outside), B = sum of g outside
///   dmax = (A - B (lower - z)) / N     dmin = B - dmax          without a zero point: dmax = A / N, dmin = -dmax
/// which is dmax = A / N - min B / (N s) with min as the codes have it. dx = g inside the codes, else +0. Source:
/// AIMET's quantizers of (min, max), bit for bit in presets/aimet_torch_gradients.hpp.
struct learned_range {
  static constexpr std::size_t learned = 2;
  static constexpr bool uses_quotient = true;
  static constexpr const char* learned_names[] = {"dmin", "dmax"};

  template <class Lane, class L>
  XQUANT_INLINE constexpr estimated<L, 2> backward(const Lane& e, L g) const {
    return detail::step_size_and_beyond<Lane, L>(e, g);
  }
  XQUANT_HOST_DEVICE double finish(std::size_t k, const double* sums, const slot_summary& s) const {
    const double beyond = s.has_zero_point ? sums[1] : 0.0;
    const double moved = lane_operations<double>::multiply(beyond, s.lower - s.zero_point);
    const double dmax = (sums[0] - moved) / (s.upper - s.lower);
    return k == 0 ? beyond - dmax : dmax;
  }
  friend constexpr bool operator==(const learned_range&, const learned_range&) = default;
};

static_assert(GradientEstimator<learned_range>);

template <>
inline constexpr estimator_id id_of<learned_range>{7, "learned_range"};

}  // namespace xquant
