// ONNX Runtime's CPU kernels of QuantizeLinear and DequantizeLinear. Its Python tools: onnxruntime_tools.hpp.
#pragma once

#include <xquant/presets/onnx.hpp>

namespace xquant::inline XQUANT_ABI::presets::onnxruntime {

/// QuantizeLinear and DequantizeLinear with float32 scales, as the text has them: clamped before anything can overflow,
/// NaN to the lowest integer.
template <class FormatType, class... Granularity>
using quantize_linear = onnx::quantize_linear<FormatType, Granularity...>;

/// int2 and uint2: here the runtime converts before it clamps, as onnx.reference does for every integer. Run: 1.31.1.
using int2 = onnx::reference_integer<xquant::int2>;
using uint2 = onnx::reference_integer<xquant::uint2>;

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

/// saturate = 0 of float8e5m2: what rounds past 57344 but lies below 65536 is NaN; only what lies beyond is infinite.
struct e5m2_nan_below_65536 : onnx::saturate_0 {
  template <class L>
  XQUANT_INLINE static constexpr L before(L v) {
    const L magnitude = absolute(v);
    const mask_of<L> lost = both<L>(less_equal(broadcast<L>(61440), magnitude), less(magnitude, broadcast<L>(65536)));
    return select<L>(lost, copy_sign(broadcast<L>(__builtin_nanf("")), v), v);
  }
};

/// float8e5m2 with saturate = 0. Run: 1.31.1.
using e5m2_or_infinity = e5m2::with<e5m2_nan_below_65536>;

}  // namespace xquant::presets::onnxruntime
