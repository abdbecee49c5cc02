// A learned amax: one number for both ends of a symmetric range.
#pragma once

#include <xquant/core/policy_id.hpp>
#include <xquant/gradients/estimator.hpp>

namespace xquant::inline XQUANT_ABI {

/// amax is what the largest code stands for (symmetric quantizers: narrow, or small floats):
///   dx = g where |x| < amax, else +0;  damax = sum of g where x >= amax, less the sum of g where x <= -amax
/// NaN gives nothing. It is learned_clip with low = -amax and high = amax tied. Source: pytorch-quantization's
/// learn_amax (which leaves its two ends untied: learned_clip).
struct learned_amax {
  static constexpr std::size_t learned = 1;
  static constexpr bool uses_quotient = false;
  static constexpr const char* learned_names[] = {"damax"};

  template <class Lane, class L>
  XQUANT_INLINE constexpr estimated<L, 1> backward(const Lane& e, L g) const {
    const L zero = broadcast<L>(0);
    const L amax = e.high_end();
    const L magnitude = absolute(e.x);
    const L outward = multiply(g, copy_sign(broadcast<L>(1), e.x));
    return {select<L>(less(magnitude, amax), g, zero), {select<L>(less_equal(amax, magnitude), outward, zero)}};
  }
  XQUANT_HOST_DEVICE double finish(std::size_t /*k*/, const double* sums, const slot_summary&) const { return sums[0]; }
  friend constexpr bool operator==(const learned_amax&, const learned_amax&) = default;
};

static_assert(GradientEstimator<learned_amax>);

template <>
inline constexpr estimator_id id_of<learned_amax>{10, "learned_amax"};

}  // namespace xquant
