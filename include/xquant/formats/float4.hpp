// The 4-bit floating-point formats, a code in the low bits of a byte. docs/formats.md.
#pragma once

#include <xquant/formats/minifloat.hpp>

namespace xquant::inline XQUANT_ABI {

/// FP4 E2M1: 0 0.5 1 1.5 2 3 4 6 and their negatives; every code is a number. "OCP Microscaling Formats (MX)
/// Specification", version 1.0; NVFP4; ONNX float4e2m1.
using e2m1 = minifloat<2, 1, 1, special_values::none>;
template <>
inline constexpr format_id id_of<e2m1>{14, "float4e2m1"};

/// Powers of two: 0 0.25 0.5 1 2 4 8 16. ModelOpt's research type; between two of them the half-way point goes up in
/// magnitude (as it does there), between 0 and 0.25 by the rounding.
using e3m0 = minifloat<3, 0, 3, special_values::none>;
template <>
inline constexpr format_id id_of<e3m0>{15, "float4e3m0"};

/// Sign and magnitude in steps of a half: 0 0.5 ... 3.5. ModelOpt's research type.
using e1m2 = minifloat<1, 2, 0, special_values::none>;
template <>
inline constexpr format_id id_of<e1m2>{16, "float4e1m2"};

/// Sign and magnitude integers: 0 1 ... 7. ModelOpt's research type.
using e0m3 = minifloat<0, 3, -2, special_values::none>;
template <>
inline constexpr format_id id_of<e0m3>{17, "float4e0m3"};

}  // namespace xquant
