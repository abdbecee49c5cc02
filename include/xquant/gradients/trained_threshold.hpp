// TQT: the logarithm of the threshold is learned, the scale is a power of two.
#pragma once

#include <xquant/core/policy_id.hpp>
#include <xquant/gradients/learned_step_size.hpp>

namespace xquant::inline XQUANT_ABI {

/// For s = 2^ceil(log2 t) / 2^(b-1) (train/initial_parameters.hpp has the scale of a log2 t), straight through the
/// ceiling:
///   dlog2_t = s * ln 2 * sum of g * (q - v inside, q outside);  dx = g inside the codes, else +0
/// The scale is whatever the parameters say. Source: S. Jain et al., "Trained quantization thresholds for accurate and
/// efficient fixed-point inference of deep neural networks", 2020.
struct trained_threshold {
  static constexpr std::size_t learned = 1;
  static constexpr bool uses_quotient = true;
  static constexpr const char* learned_names[] = {"dlog2_threshold"};

  template <class Lane, class L>
  XQUANT_INLINE constexpr estimated<L, 1> backward(const Lane& e, L g) const {
    return detail::step_size<Lane, L>(e, g);
  }
  XQUANT_HOST_DEVICE double finish(std::size_t /*k*/, const double* sums, const slot_summary& s) const {
    constexpr double ln2 = 0.693147180559945309417;
    return lane_operations<double>::multiply(lane_operations<double>::multiply(s.scale, ln2), sums[0]);
  }
  friend constexpr bool operator==(const trained_threshold&, const trained_threshold&) = default;
};

static_assert(GradientEstimator<trained_threshold>);

template <>
inline constexpr estimator_id id_of<trained_threshold>{11, "trained_threshold"};

}  // namespace xquant
