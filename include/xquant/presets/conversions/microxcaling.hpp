// What microxcaling makes of overflow, infinities and NaN: it has no codes, its results are reals.
#pragma once

#include <xquant/formats/conversion.hpp>

namespace xquant::inline XQUANT_ABI::presets::microxcaling {

/// Infinities and NaN come out of fake quantize as they went in. Overflow becomes the last number with saturate_normals
/// (all MX element types), an infinity without. Codes, which the peer has not, are those of `overflowing`.
template <bool SaturateNormals>
struct conversion : overflowing {
  static constexpr bool fakes_infinity = true;
  static constexpr bool fakes_nan = true;
  static constexpr bool fakes_overflow = !SaturateNormals;
  static constexpr conversion_codes overflow(const minifloat_codes& c) noexcept {
    return SaturateNormals ? c.largest_number() : c.infinity_nan_or_largest();
  }
};

}  // namespace xquant::presets::microxcaling
