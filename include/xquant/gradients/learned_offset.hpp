// AIMET's scale and offset, learned.
#pragma once

#include <xquant/core/policy_id.hpp>
#include <xquant/gradients/learned_step_size.hpp>

namespace xquant::inline XQUANT_ABI {

/// The offset is AIMET's, the negative of a zero point: y = s (q + o).
///   dx = g inside the codes, else +0;  ds = sum of g (q + o - v inside, q + o outside);  do = s * sum of g outside
/// Source: aimet_torch's quantize_dequantize (bit for bit: presets/aimet_torch_gradients.hpp).
struct learned_offset {
  static constexpr std::size_t learned = 2;
  static constexpr bool uses_quotient = true;
  static constexpr const char* learned_names[] = {"dscale", "doffset"};

  template <class Lane, class L>
  XQUANT_INLINE constexpr estimated<L, 2> backward(const Lane& e, L g) const {
    return detail::step_size_and_beyond<Lane, L>(e, g);
  }
  XQUANT_HOST_DEVICE double finish(std::size_t k, const double* sums, const slot_summary& s) const {
    return k == 0 ? sums[0] : lane_operations<double>::multiply(s.scale, sums[1]);
  }
  friend constexpr bool operator==(const learned_offset&, const learned_offset&) = default;
};

static_assert(GradientEstimator<learned_offset>);

template <>
inline constexpr estimator_id id_of<learned_offset>{5, "learned_offset"};

}  // namespace xquant
