// The 6-bit floating-point formats of OCP MX, a code in the low bits of a byte. docs/formats.md.
#pragma once

#include <xquant/formats/minifloat.hpp>

namespace xquant::inline XQUANT_ABI {

/// FP6 E2M3: bias 1, largest 7.5, smallest normal 1, smallest subnormal 0.125; every code is a number. "OCP
/// Microscaling Formats (MX) Specification", version 1.0.
using e2m3 = minifloat<2, 3, 1, special_values::none>;
template <>
inline constexpr format_id id_of<e2m3>{12, "float6e2m3"};

/// FP6 E3M2: bias 3, largest 28, smallest normal 0.25, smallest subnormal 0.0625; every code is a number. As e2m3.
using e3m2 = minifloat<3, 2, 3, special_values::none>;
template <>
inline constexpr format_id id_of<e3m2>{13, "float6e3m2"};

}  // namespace xquant
