// What ml_dtypes makes of overflow, infinities and NaN in its small floats.
#pragma once

#include <xquant/formats/conversion.hpp>
#include <xquant/formats/e8m0.hpp>
#include <xquant/presets/conversions/e8m0_subnormals.hpp>

namespace xquant::inline XQUANT_ABI::presets::ml_dtypes {

/// ConvertTo, NumPy's astype: `overflowing`, but that NaN becomes -0 in formats without NaN, and +0 if its sign bit is
/// set. Run: 0.6.0.
struct conversion : overflowing {
  static constexpr conversion_codes nan(const minifloat_codes& c) noexcept {
    return c.nan_or(c.quiet_nan, {c.sign, 0});
  }
};

/// ConvertTo with kSaturate: finite overflow becomes the last number, infinities as in `conversion`, since they are
/// looked for first. Read in the source, not run.
struct saturating_conversion : conversion {
  static constexpr conversion_codes overflow(const minifloat_codes& c) noexcept { return c.largest_number(); }
};

/// To float8_e8m0fnu: overflow, infinities, zero of either sign and negative numbers are NaN. Rounds to nearest in the
/// value domain. Run: 0.6.0.
struct e8m0_conversion : e8m0_subnormals_go_up {
  static constexpr std::int32_t overflow = 0xFF;
  static constexpr std::int32_t infinity = 0xFF;
  static constexpr std::int32_t zero = 0xFF;
  static constexpr bool drops_sign = false;
  static constexpr std::int32_t negative = 0xFF;
};

}  // namespace xquant::presets::ml_dtypes
