// LSQ+: scale and offset, both real, learned together.
#pragma once

#include <xquant/core/policy_id.hpp>
#include <xquant/gradients/learned_step_size.hpp>

namespace xquant::inline XQUANT_ABI {

/// For y = s * q + beta, q = round((x - beta) / s) held to the codes: a quantizer of scheme offset_affine<>, whose zero
/// points are beta. (Of other quantizers without a zero point before the rounding beta is taken to be 0.)
///   dx as learned_step_size;  ds as learned_step_size, v = (x - beta) / s;  dbeta = gamma * sum of g outside the codes
/// Source: Y. Bhalgat et al., "LSQ+: improving low-bit quantization through learnable offsets and better
/// initialization", 2020.
struct learned_step_size_plus {
  step_size_gradient scaling = step_size_gradient::scaled;

  static constexpr std::size_t learned = 2;
  static constexpr bool uses_quotient = true;
  static constexpr bool takes_real_offset = true;
  static constexpr const char* learned_names[] = {"dscale", "dbeta"};

  template <class Lane, class L>
  XQUANT_INLINE constexpr estimated<L, 2> backward(const Lane& e, L g) const {
    return detail::step_size_and_beyond<Lane, L>(e, g);
  }
  XQUANT_HOST_DEVICE double finish(std::size_t k, const double* sums, const slot_summary& s) const {
    return lane_operations<double>::multiply(detail::step_size_factor(scaling, s), sums[k]);
  }
  friend constexpr bool operator==(const learned_step_size_plus&, const learned_step_size_plus&) = default;
};

static_assert(GradientEstimator<learned_step_size_plus>);

template <>
inline constexpr estimator_id id_of<learned_step_size_plus>{6, "learned_step_size_plus"};

}  // namespace xquant
