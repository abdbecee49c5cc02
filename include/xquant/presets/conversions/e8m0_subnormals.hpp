// What several peers do to subnormal numbers on the way to E8M0.
#pragma once

#include <xquant/core/lane.hpp>

namespace xquant::inline XQUANT_ABI::presets {

/// Between the two lowest powers, 2^-127 and 2^-126, everything goes up, whatever the rounding. ml_dtypes and torch,
/// and through ml_dtypes onnx.reference, in float32. Run.
struct e8m0_subnormals_go_up {
  template <class L>
  XQUANT_INLINE static constexpr L before(L v) {
    const L lowest = broadcast<L>(0x1p-127f);
    const L next = broadcast<L>(0x1p-126f);
    return select<L>(both<L>(less(lowest, absolute(v)), less(absolute(v), next)), copy_sign(next, v), v);
  }
};

}  // namespace xquant::presets
