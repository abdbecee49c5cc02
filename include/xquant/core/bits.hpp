// Bit patterns of floats and exact powers of two, usable in constant expressions and on a device.
#pragma once

#include <xquant/config.hpp>

#include <cstdint>

namespace xquant::inline XQUANT_ABI {

template <class To, class From>
XQUANT_INLINE constexpr To bit_cast(From from) noexcept {
  static_assert(sizeof(To) == sizeof(From));
  return __builtin_bit_cast(To, from);
}

/// A word read from memory, or to be written there, whose first byte is to be its lowest: on big-endian machines the
/// bytes change places.
XQUANT_INLINE constexpr std::uint64_t first_byte_lowest(std::uint64_t word) noexcept {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  return __builtin_bswap64(word);
#else
  return word;
#endif
}

/// The layout of a binary interchange format.
template <class Real>
struct real_traits;

template <>
struct real_traits<float> {
  using integer = std::int32_t;
  static constexpr int mantissa_bits = 23;
  static constexpr int bias = 127;
  static constexpr float max = 3.40282346638528859812e38f;
  static constexpr float min_normal = 1.17549435082228750797e-38f;
};

template <>
struct real_traits<double> {
  using integer = std::int64_t;
  static constexpr int mantissa_bits = 52;
  static constexpr int bias = 1023;
  static constexpr double max = 1.79769313486231570815e308;
  static constexpr double min_normal = 2.22507385850720138309e-308;
};

/// 2^exponent, exact; the exponent must be that of a normal number.
template <class Real>
XQUANT_INLINE constexpr Real power_of_two(int exponent) noexcept {
  using traits = real_traits<Real>;
  using integer = typename traits::integer;
  return bit_cast<Real>(static_cast<integer>(static_cast<integer>(exponent + traits::bias) << traits::mantissa_bits));
}

/// Whether x is neither NaN nor infinite.
template <class Real>
XQUANT_INLINE constexpr bool is_finite(Real x) noexcept {
  return x - x == 0;
}

}  // namespace xquant
