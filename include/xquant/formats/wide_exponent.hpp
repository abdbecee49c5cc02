// Floats whose every exponent code is a number and whose bias is one more than IEEE 754's, and E5M3 with IEEE's.
#pragma once

#include <xquant/formats/minifloat.hpp>

namespace xquant::inline XQUANT_ABI {

/// Bias 2^(Exponent - 1) and no special codes: the maximum of the IEEE format of the same widths, and one binade more
/// at the bottom. What AIMET's float quantizer simulates for formats that are not declared finite: E4M3 to 240 in steps
/// of 2^-10, E5M2 to 57344, E3M4 to 15.5, E5M3 to 61440, E3M2 to 14, E2M3 to 3.75.
template <int Exponent, int Mantissa>
using wide_exponent = minifloat<Exponent, Mantissa, 1 << (Exponent - 1), special_values::none>;

/// Nine bits: bias 15, largest 61440, infinities and NaN as in IEEE 754.
using e5m3 = minifloat<5, 3, 15, special_values::ieee>;
template <>
inline constexpr format_id id_of<e5m3>{23, "float9e5m3"};

}  // namespace xquant
