// ml_dtypes (0.6.0), the NumPy extension types: its casts, bit for bit. What they make of overflow, infinities and NaN:
// conversions/ml_dtypes.hpp.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/core/half.hpp>
#include <xquant/formats/e8m0.hpp>
#include <xquant/formats/float16.hpp>
#include <xquant/formats/float4.hpp>
#include <xquant/formats/float6.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/ops/cast.hpp>
#include <xquant/presets/conversions/ml_dtypes.hpp>

#include <cstdint>

namespace xquant::inline XQUANT_ABI::presets::ml_dtypes {

using float8_e3m4 = e3m4::with<conversion>;
using float8_e4m3 = e4m3::with<conversion>;
using float8_e4m3b11fnuz = e4m3b11fnuz::with<conversion>;
using float8_e4m3fn = e4m3fn::with<conversion>;
using float8_e4m3fnuz = e4m3fnuz::with<conversion>;
using float8_e5m2 = e5m2::with<conversion>;
using float8_e5m2fnuz = e5m2fnuz::with<conversion>;
using float8_e8m0fnu = e8m0_format<e8m0_conversion>;
using float6_e2m3fn = e2m3::with<conversion>;
using float6_e3m2fn = e3m2::with<conversion>;
using float4_e2m1fn = e2m1::with<conversion>;
using bfloat16_codes = bfloat16_format::with<conversion>;

/// `x.astype(type)` of a float32, float16 or bfloat16 number: one rounding to nearest even. Of a float64, two: the peer
/// goes by way of float32.
template <class To>
[[nodiscard]] constexpr typename To::code_type astype(float x) noexcept {
  return cast<To>(x);
}
template <class To>
[[nodiscard]] constexpr typename To::code_type astype(double x) noexcept {
  return cast_through_float<To>(x);
}

/// NumPy's float32 to float16: IEEE's rounding; a NaN keeps its sign and the upper bits of its payload, quiet or not,
/// and gets the lowest bit where that would leave an infinity. Bits in, bits out.
[[nodiscard]] constexpr std::uint16_t float32_to_float16(std::uint32_t bits) noexcept {
  const std::uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude <= 0x7f800000) return float16(bit_cast<float>(bits)).bits();
  const std::uint32_t payload = (magnitude & 0x7fffff) >> 13;
  return static_cast<std::uint16_t>((bits >> 16 & 0x8000) | 0x7c00 | (payload == 0 ? 1 : payload));
}

/// NumPy's float16 to float32, bits of NaN as they are.
[[nodiscard]] constexpr std::uint32_t float16_to_float32(std::uint16_t bits) noexcept {
  const std::uint32_t payload = bits & 0x3ff;
  if ((bits & 0x7c00) != 0x7c00 || payload == 0)
    return bit_cast<std::uint32_t>(static_cast<float>(float16::from_bits(bits)));
  return static_cast<std::uint32_t>(bits & 0x8000) << 16 | 0x7f800000 | payload << 13;
}

/// bfloat16 to float32: the upper half of the bits.
[[nodiscard]] constexpr std::uint32_t bfloat16_to_float32(std::uint16_t bits) noexcept {
  return static_cast<std::uint32_t>(bits) << 16;
}

/// An integer type of 1, 2 or 4 bits: the low bits of its byte, and of any integer that is cast to it (it wraps).
template <int Bits, bool IsSigned>
struct small_integer {
  static_assert(Bits == 1 || Bits == 2 || Bits == 4, "xquant::presets::ml_dtypes: integers of 1, 2 or 4 bits");

  [[nodiscard]] static constexpr std::int32_t astype(std::int32_t x) noexcept {
    const auto low = static_cast<std::int32_t>(static_cast<std::uint32_t>(x) & ((1u << Bits) - 1));
    return IsSigned && low >= (1 << (Bits - 1)) ? low - (1 << Bits) : low;
  }
  /// Truncated toward zero, then wrapped; saturates nowhere. NaN and what an int32 does not hold give 0: C leaves the
  /// peer's conversion undefined.
  [[nodiscard]] static constexpr std::int32_t astype(float x) noexcept {
    return x > -2147483648.0f && x < 2147483648.0f ? astype(static_cast<std::int32_t>(x)) : 0;
  }
};

using int1 = small_integer<1, true>;
using uint1 = small_integer<1, false>;
using int2 = small_integer<2, true>;
using uint2 = small_integer<2, false>;
using int4 = small_integer<4, true>;
using uint4 = small_integer<4, false>;

}  // namespace xquant::presets::ml_dtypes
