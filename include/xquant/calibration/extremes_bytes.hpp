// Extremes as bytes, of which those of other states are made.
#pragma once

#include <xquant/calibration/extremes.hpp>
#include <xquant/calibration/state_bytes.hpp>
#include <xquant/core/bits.hpp>

#include <cstddef>
#include <cstdint>

namespace xquant::inline XQUANT_ABI {

/// Two reals: minimum and maximum; plus and minus infinity where there was no element.
template <>
struct state_bytes<extremes> {
  static constexpr std::size_t least = 16;

  static void write(const extremes& s, byte_writer& to) {
    to.put_real(s.minimum());
    to.put_real(s.maximum());
  }
  static status try_read(byte_reader& from, extremes& out) noexcept {
    const double minimum = from.get_real();
    const double maximum = from.get_real();
    if (!from.ok()) return from.malformed("", 0, "");
    const extremes read(minimum, maximum);
    const bool none = read == extremes();
    if (!none && !(is_finite(minimum) && is_finite(maximum) && minimum <= maximum))
      return from.malformed("extremes.minimum", minimum, "finite extremes in order");
    if (is_negative_zero(minimum) || is_negative_zero(maximum))
      return from.malformed("extremes.minimum", minimum, "+0 where an extreme is zero");
    out = read;
    return {};
  }

 private:
  static bool is_negative_zero(double x) noexcept { return bit_cast<std::uint64_t>(x) == std::uint64_t{1} << 63; }
};

}  // namespace xquant
