// Both ends of a clip before the quantizer, learned on their own.
#pragma once

#include <xquant/core/policy_id.hpp>
#include <xquant/gradients/estimator.hpp>

namespace xquant::inline XQUANT_ABI {

/// low and high are what the end codes stand for:
///   dx = g where low < x < high, else +0;  dlow = sum of g where x <= low;  dhigh = sum of g where x >= high
/// The rounding between the ends teaches them nothing, other than learned_range. NaN gives nothing. Source:
/// pytorch-quantization's Clip before its TensorQuantizer. Ends that are not to be rounded by a scale:
/// gradients/clip.hpp.
struct learned_clip {
  static constexpr std::size_t learned = 2;
  static constexpr bool uses_quotient = false;
  static constexpr const char* learned_names[] = {"dlow", "dhigh"};

  template <class Lane, class L>
  XQUANT_INLINE constexpr estimated<L, 2> backward(const Lane& e, L g) const {
    const L zero = broadcast<L>(0);
    const L low = e.low_end();
    const L high = e.high_end();
    const mask_of<L> inside = both<L>(less(low, e.x), less(e.x, high));
    return {select<L>(inside, g, zero),
            {select<L>(less_equal(e.x, low), g, zero), select<L>(less_equal(high, e.x), g, zero)}};
  }
  XQUANT_HOST_DEVICE double finish(std::size_t k, const double* sums, const slot_summary&) const { return sums[k]; }
  friend constexpr bool operator==(const learned_clip&, const learned_clip&) = default;
};

static_assert(GradientEstimator<learned_clip>);

template <>
inline constexpr estimator_id id_of<learned_clip>{9, "learned_clip"};

}  // namespace xquant
