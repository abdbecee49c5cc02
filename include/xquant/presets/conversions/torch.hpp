// What torch makes of overflow, infinities and NaN in its small floats.
#pragma once

#include <xquant/formats/conversion.hpp>
#include <xquant/formats/e8m0.hpp>
#include <xquant/presets/conversions/e8m0_subnormals.hpp>

namespace xquant::inline XQUANT_ABI::presets::torch {

/// Tensor.to(float8_...) on a CPU, torch 2.13 and later: e4m3fn saturates, infinities included; e5m2 has infinities for
/// overflow, the fnuz types NaN. The NaN of e5m2 is 0x7F. Run: 2.15.0.
struct conversion {
  static constexpr conversion_codes overflow(const minifloat_codes& c) noexcept {
    return c.specials == special_values::fn ? c.largest_number() : c.infinity_nan_or_largest();
  }
  static constexpr conversion_codes infinity(const minifloat_codes& c) noexcept { return overflow(c); }
  static constexpr conversion_codes nan(const minifloat_codes& c) noexcept {
    return c.nan_or(c.last_nan, {c.largest, c.largest});
  }
};

/// The same before 2.13: overflow and infinities of e4m3fn are NaN. Read in the source, not run.
struct conversion_before_2_13 : overflowing {
  static constexpr conversion_codes nan(const minifloat_codes& c) noexcept { return conversion::nan(c); }
};

/// To float8_e8m0fnu: the sign is dropped, zero becomes code 0, overflow and infinities are NaN. Rounds to nearest in
/// the value domain. Run: 2.15.0.
struct e8m0_conversion : e8m0_subnormals_go_up {
  static constexpr std::int32_t overflow = 0xFF;
  static constexpr std::int32_t infinity = 0xFF;
  static constexpr std::int32_t zero = 0;
  static constexpr bool drops_sign = true;
};

}  // namespace xquant::presets::torch
