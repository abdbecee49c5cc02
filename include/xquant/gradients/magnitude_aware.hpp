// MAD: beyond the range a gradient fades with the distance and does not stop.
#pragma once

#include <xquant/core/policy_id.hpp>
#include <xquant/gradients/estimator.hpp>

namespace xquant::inline XQUANT_ABI {

/// dx = g where low <= x <= high, g * high / x above, g * low / x below, the quotient rounded first; +0 for NaN. low
/// and high are what the end codes stand for. Source: C. Sakr et al., "Optimal clipping and magnitude-aware
/// differentiation for improved quantization-aware training" (OCTAV), 2022: g * min(1, clip / |x|).
struct magnitude_aware {
  static constexpr std::size_t learned = 0;
  static constexpr bool uses_quotient = false;
  static constexpr bool rounds = false;

  template <class Lane, class L>
  XQUANT_INLINE constexpr estimated<L, 0> backward(const Lane& e, L g) const {
    const L low = e.low_end();
    const L high = e.high_end();
    const L beyond = multiply(g, divide(select<L>(less(high, e.x), high, low), e.x));
    const mask_of<L> inside = both<L>(less_equal(low, e.x), less_equal(e.x, high));
    return {select<L>(inside, g, select<L>(equal(e.x, e.x), beyond, broadcast<L>(0)))};
  }
  friend constexpr bool operator==(const magnitude_aware&, const magnitude_aware&) = default;
};

static_assert(GradientEstimator<magnitude_aware>);

template <>
inline constexpr estimator_id id_of<magnitude_aware>{13, "magnitude_aware"};

}  // namespace xquant
