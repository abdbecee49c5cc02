// What NVIDIA's cvt instructions and CUDA's __nv_cvt functions make of overflow, infinities and NaN.
#pragma once

#include <xquant/formats/conversion.hpp>
#include <xquant/formats/e8m0.hpp>

namespace xquant::inline XQUANT_ABI::presets::nvidia {

/// cvt.rn.satfinite: overflow and infinities become the last number; NaN becomes 0x7F in the 8-bit types, whatever its
/// sign, and the largest number (positive) in those of 6 and 4 bits. Parallel Thread Execution ISA, cvt.
struct satfinite : saturating {
  static constexpr conversion_codes nan(const minifloat_codes& c) noexcept {
    if (c.last_nan == minifloat_codes::absent) return {c.largest, c.largest};
    return {c.last_nan, c.last_nan};
  }
};

/// __NV_NOSAT: overflow and infinities become infinities (e5m2) or NaN (e4m3).
struct no_saturation : overflowing {
  static constexpr conversion_codes nan(const minifloat_codes& c) noexcept { return satfinite::nan(c); }
};

/// cvt.rp.satfinite.ue8m0x2, with the rounding toward_positive: the largest power for overflow and infinity.
struct e8m0_satfinite {
  static constexpr std::int32_t overflow = 0xFE;
  static constexpr std::int32_t infinity = 0xFE;
  static constexpr std::int32_t zero = 0;
  static constexpr bool drops_sign = true;
};

}  // namespace xquant::presets::nvidia
