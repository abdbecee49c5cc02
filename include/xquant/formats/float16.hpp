// The 16-bit floating-point formats as number formats with 16-bit codes. docs/formats.md.
#pragma once

#include <xquant/formats/minifloat.hpp>

namespace xquant::inline XQUANT_ABI {

/// IEEE 754 binary16 ("half", fp16): bias 15, largest 65504, smallest normal 2^-14, smallest subnormal 2^-24. What
/// overflows becomes infinity; `binary16::with<saturating>` stops at 65504.
using binary16 = minifloat<5, 10, 15, special_values::ieee, true, overflowing>;
template <>
inline constexpr format_id id_of<binary16>{18, "float16e5m10"};

/// bfloat16: float with the upper 16 of its bits; bias 127, largest 0x1.FEp127, smallest subnormal 2^-133. What
/// overflows becomes infinity.
using bfloat16_format = minifloat<8, 7, 127, special_values::ieee, true, overflowing>;
template <>
inline constexpr format_id id_of<bfloat16_format>{19, "float16e8m7"};

}  // namespace xquant
