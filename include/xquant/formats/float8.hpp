// The 8-bit floating-point formats. docs/formats.md has their constants and who uses them.
#pragma once

#include <xquant/formats/minifloat.hpp>

namespace xquant::inline XQUANT_ABI {

/// OFP8 E4M3: bias 7, largest 448, smallest normal 2^-6, smallest subnormal 2^-9, NaN S.1111.111, no infinity.
/// "OCP 8-bit Floating Point Specification (OFP8)", revision 1.0; ONNX float8e4m3fn, torch.float8_e4m3fn.
using e4m3fn = minifloat<4, 3, 7, special_values::fn>;
template <>
inline constexpr format_id id_of<e4m3fn>{2, "float8e4m3fn"};

/// OFP8 E5M2: bias 15, largest 57344, smallest normal 2^-14, smallest subnormal 2^-16, infinities and NaN as in IEEE
/// 754. ONNX float8e5m2, torch.float8_e5m2.
using e5m2 = minifloat<5, 2, 15, special_values::ieee>;
template <>
inline constexpr format_id id_of<e5m2>{5, "float8e5m2"};

/// Bias 8, largest 240, smallest subnormal 2^-10, NaN 0x80, no -0. Noune et al., "8-bit numerical formats for deep
/// neural networks", 2022; AMD MI300, Graphcore; ONNX float8e4m3fnuz.
using e4m3fnuz = minifloat<4, 3, 8, special_values::fnuz>;
template <>
inline constexpr format_id id_of<e4m3fnuz>{6, "float8e4m3fnuz"};

/// Bias 16, largest 57344, smallest subnormal 2^-17, NaN 0x80, no -0. As e4m3fnuz; ONNX float8e5m2fnuz.
using e5m2fnuz = minifloat<5, 2, 16, special_values::fnuz>;
template <>
inline constexpr format_id id_of<e5m2fnuz>{7, "float8e5m2fnuz"};

/// Bias 11, largest 30, smallest subnormal 2^-13, NaN 0x80, no -0. ml_dtypes.
using e4m3b11fnuz = minifloat<4, 3, 11, special_values::fnuz>;
template <>
inline constexpr format_id id_of<e4m3b11fnuz>{8, "float8e4m3b11fnuz"};

/// Bias 7, largest 240, smallest subnormal 2^-9, infinities and NaN as in IEEE 754. ml_dtypes float8_e4m3. Not what
/// OFP8, hardware and frameworks call E4M3: that is e4m3fn.
using e4m3 = minifloat<4, 3, 7, special_values::ieee>;
template <>
inline constexpr format_id id_of<e4m3>{9, "float8e4m3"};

/// Bias 3, largest 15.5, smallest subnormal 2^-6, infinities and NaN as in IEEE 754. ml_dtypes float8_e3m4.
using e3m4 = minifloat<3, 4, 3, special_values::ieee>;
template <>
inline constexpr format_id id_of<e3m4>{10, "float8e3m4"};

/// e4m3fn without sign, 7 bits in a byte: the block scales of NVFP4. Largest 448, NaN 0x7F; what is below zero becomes
/// 0.
using ue4m3 = minifloat<4, 3, 7, special_values::fn, false>;
template <>
inline constexpr format_id id_of<ue4m3>{11, "float8ue4m3"};

}  // namespace xquant
