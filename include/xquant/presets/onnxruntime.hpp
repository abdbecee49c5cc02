// ONNX Runtime's CPU kernels of QuantizeLinear and DequantizeLinear.
#pragma once

#include <xquant/presets/onnx.hpp>

namespace xquant::inline XQUANT_ABI::presets::onnxruntime {

/// QuantizeLinear and DequantizeLinear with float32 scales, as the text has them: clamped before anything can overflow,
/// NaN to the lowest integer.
template <class FormatType, class... Granularity>
using quantize_linear = onnx::quantize_linear<FormatType, Granularity...>;

/// saturate = 0 of float8e4m3fn: the mantissa is cut before the exponent is looked at, so what lies in [480, 496) is
/// taken for 448.
struct e4m3fn_cut_at_480 : onnx::saturate_0 {
  template <class L>
  XQUANT_INLINE static constexpr L before(L v) {
    const L magnitude = absolute(v);
    const mask_of<L> cut = both<L>(less_equal(broadcast<L>(480), magnitude), less(magnitude, broadcast<L>(496)));
    return select<L>(cut, copy_sign(broadcast<L>(448), v), v);
  }
};

/// float8e4m3fn with saturate = 0: |x / s| in (464, 480) and from 496 on give NaN, [480, 496) gives 448. Run: 1.31.1.
using e4m3fn_or_nan = e4m3fn::with<e4m3fn_cut_at_480>;

}  // namespace xquant::presets::onnxruntime
