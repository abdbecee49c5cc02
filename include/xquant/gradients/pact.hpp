// PACT: the upper end of an activation's range is learned.
#pragma once

#include <xquant/core/policy_id.hpp>
#include <xquant/gradients/estimator.hpp>

namespace xquant::inline XQUANT_ABI {

/// alpha is what the largest code stands for, and the smallest stands for 0 (codes without a sign, no zero point):
///   dx = g where low < x < alpha, else +0;  dalpha = sum of g where x >= alpha
/// NaN gives nothing. The decay that the paper adds, lambda * alpha, is the caller's. Source: J. Choi et al., "PACT:
/// parameterized clipping activation for quantized neural networks", 2018. Ends that are not to be rounded by a scale:
/// gradients/clip.hpp.
struct pact {
  static constexpr std::size_t learned = 1;
  static constexpr bool uses_quotient = false;
  static constexpr const char* learned_names[] = {"dalpha"};

  template <class Lane, class L>
  XQUANT_INLINE constexpr estimated<L, 1> backward(const Lane& e, L g) const {
    const L zero = broadcast<L>(0);
    const L alpha = e.high_end();
    const mask_of<L> inside = both<L>(less(e.low_end(), e.x), less(e.x, alpha));
    return {select<L>(inside, g, zero), {select<L>(less_equal(alpha, e.x), g, zero)}};
  }
  XQUANT_HOST_DEVICE double finish(std::size_t /*k*/, const double* sums, const slot_summary&) const { return sums[0]; }
  friend constexpr bool operator==(const pact&, const pact&) = default;
};

static_assert(GradientEstimator<pact>);

template <>
inline constexpr estimator_id id_of<pact>{8, "pact"};

}  // namespace xquant
