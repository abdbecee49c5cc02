// What ONNX's Cast and QuantizeLinear make of overflow, infinities and NaN in its small floats.
#pragma once

#include <xquant/formats/conversion.hpp>
#include <xquant/formats/e8m0.hpp>

namespace xquant::inline XQUANT_ABI::presets::onnx {

/// saturate = 1: the last number for overflow and infinities; NaN is kept, and is the largest float4e2m1. Cast-25.
using saturate_1 = saturating;

/// saturate = 1 as "Float stored in 8 bits" has it for the fnuz types, against Cast-25: infinities are NaN.
using saturate_1_infinity_is_nan = saturating_finite;

/// saturate = 0: overflow and infinities give an infinity (float8e5m2) or NaN (the others).
using saturate_0 = overflowing;

/// float8e8m0 with saturate = 1, as its table has it: the largest power for overflow and infinities, the sign ignored.
struct e8m0_saturate_1 {
  static constexpr std::int32_t overflow = 0xFE;
  static constexpr std::int32_t infinity = 0xFE;
  static constexpr std::int32_t zero = 0;
  static constexpr bool drops_sign = true;
};

/// float8e8m0 with saturate = 0, as its table has it: NaN for overflow, infinities and zero, the sign ignored.
struct e8m0_saturate_0 {
  static constexpr std::int32_t overflow = 0xFF;
  static constexpr std::int32_t infinity = 0xFF;
  static constexpr std::int32_t zero = 0xFF;
  static constexpr bool drops_sign = true;
};

}  // namespace xquant::presets::onnx
