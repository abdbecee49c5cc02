// What becomes of overflow, infinities and NaN when a real is made a code of a small float: the policy of a minifloat.
#pragma once

#include <xquant/config.hpp>
#include <xquant/core/policy_id.hpp>

#include <cstdint>

namespace xquant::inline XQUANT_ABI {

/// Which codes of a small float are no numbers.
enum class special_values : std::uint8_t {
  ieee,  ///< all-ones exponent: infinities (mantissa 0) and NaN, as in IEEE 754
  fn,    ///< finite, NaN: the code of all ones (both signs) is NaN, there is no infinity
  fnuz,  ///< finite, NaN, unsigned zero: the code that would be -0 is the only NaN, there is no infinity
  none,  ///< every code is a number
};

/// The codes that stand for one kind of real, by its sign.
struct conversion_codes {
  std::int32_t positive = 0;
  std::int32_t negative = 0;
  friend constexpr bool operator==(const conversion_codes&, const conversion_codes&) = default;
};

/// What a conversion policy is told about a format: its codes without the sign, `absent` where it has none.
struct minifloat_codes {
  static constexpr std::int32_t absent = -1;
  special_values specials = special_values::none;
  std::int32_t sign = 0;            ///< the sign bit; 0 where the format has no negative numbers
  std::int32_t largest = 0;         ///< the largest finite number
  std::int32_t infinity = absent;   ///< positive infinity
  std::int32_t quiet_nan = absent;  ///< the NaN whose mantissa has the first bit alone (ieee), the only one elsewhere
  std::int32_t last_nan = absent;   ///< the NaN of all ones (ieee), the only one elsewhere

  /// `code` for positive reals and with the sign bit for negative ones; 0 for those in a format without sign.
  [[nodiscard]] constexpr conversion_codes with_sign(std::int32_t code) const noexcept {
    return {code, sign == 0 ? 0 : code | sign};
  }
  /// The last number of each side.
  [[nodiscard]] constexpr conversion_codes largest_number() const noexcept { return with_sign(largest); }
  /// `nan` with the sign of the NaN met, where there are several; `otherwise` in a format without NaN.
  [[nodiscard]] constexpr conversion_codes nan_or(std::int32_t nan, conversion_codes otherwise) const noexcept {
    if (nan == absent) return otherwise;
    return {nan, nan | sign};
  }
  /// Infinity with its sign; NaN in a format without infinities, and the last number in one without either. In a format
  /// without sign, -infinity becomes 0 as every number below zero does.
  [[nodiscard]] constexpr conversion_codes infinity_nan_or_largest() const noexcept {
    return with_sign(infinity != absent ? infinity : quiet_nan != absent ? quiet_nan : largest);
  }
};

// clang-format off
/// A conversion C answers three questions for a format, each with a code for either sign:
///   static constexpr conversion_codes overflow(const minifloat_codes&)   the rounded real is finite and beyond the
///                                                        largest number. Rounded as if there were no largest exponent,
///                                                        by whatever rounding: a directed rounding does not turn
///                                                        overflow into the largest number
///   static constexpr conversion_codes infinity(const minifloat_codes&)
///   static constexpr conversion_codes nan(const minifloat_codes&)
/// and may have
///   template <class L> static constexpr L before(L v)    applied to what is to be rounded, for peers that cut it first
///   static constexpr bool fakes_overflow, fakes_infinity, fakes_nan = true    fake quantize gives an infinity, or keeps
///                                                        NaN, whatever the codes; for peers that never make codes
// clang-format on
template <class C>
concept Conversion = requires(const minifloat_codes& codes) {
  {C::overflow(codes).positive};
  {C::infinity(codes).positive};
  {C::nan(codes).positive};
};

/// Overflow and infinities become the last number of their side; NaN stays NaN (with its sign), and becomes the largest
/// number (positive) in a format without one. The default of formats of 8 bits and fewer. ONNX Cast and QuantizeLinear
/// with saturate = 1; NVIDIA's cvt...satfinite but for the code of NaN.
struct saturating {
  static constexpr conversion_codes overflow(const minifloat_codes& c) noexcept { return c.largest_number(); }
  static constexpr conversion_codes infinity(const minifloat_codes& c) noexcept { return c.largest_number(); }
  static constexpr conversion_codes nan(const minifloat_codes& c) noexcept {
    return c.nan_or(c.quiet_nan, {c.largest, c.largest});
  }
};

/// Finite overflow as in `saturating`, infinities and NaN as in `overflowing`: for peers that look for infinities
/// first.
struct saturating_finite : saturating {
  static constexpr conversion_codes infinity(const minifloat_codes& c) noexcept { return c.infinity_nan_or_largest(); }
};

/// Overflow and infinities become infinities, NaN in a format without them, and the last number of their side in a
/// format without either; NaN as in `saturating`. The default of binary16 and bfloat16_format, where it is what IEEE
/// 754 has for roundings to nearest; ONNX Cast and QuantizeLinear with saturate = 0.
struct overflowing {
  static constexpr conversion_codes overflow(const minifloat_codes& c) noexcept { return c.infinity_nan_or_largest(); }
  static constexpr conversion_codes infinity(const minifloat_codes& c) noexcept { return c.infinity_nan_or_largest(); }
  static constexpr conversion_codes nan(const minifloat_codes& c) noexcept { return saturating::nan(c); }
};

template <>
inline constexpr conversion_id id_of<saturating>{1, "saturating"};
template <>
inline constexpr conversion_id id_of<saturating_finite>{2, "saturating_finite"};
template <>
inline constexpr conversion_id id_of<overflowing>{3, "overflowing"};

}  // namespace xquant
