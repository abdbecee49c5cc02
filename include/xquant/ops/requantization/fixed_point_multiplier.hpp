// Real multipliers as 31-bit fixed-point numbers: the forms that integer runtimes keep them in.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/error.hpp>

namespace xquant::inline XQUANT_ABI {

/// The real number multiplier * 2^(exponent - 31); multiplier in [2^30, 2^31), or 0.
struct fixed_point_multiplier {
  std::int32_t multiplier = 0;
  std::int32_t exponent = 0;
  friend constexpr bool operator==(const fixed_point_multiplier&, const fixed_point_multiplier&) = default;
};

namespace detail {

// "a multiplier in [2^Least, 2^Most)".
template <int Least, int Most>
struct multiplier_interval {
  char text[40] = {};

  constexpr multiplier_interval() noexcept {
    char* end = append(text, "a multiplier in [2^");
    end = append(end, Least);
    end = append(end, ", 2^");
    end = append(end, Most);
    append(end, ")");
  }

 private:
  static constexpr char* append(char* to, const char* from) noexcept {
    while (*from != 0) *to++ = *from++;
    return to;
  }
  static constexpr char* append(char* to, int number) noexcept {  // of at most two digits
    if (number < 0) {
      *to++ = '-';
      number = -number;
    }
    if (number >= 10) *to++ = static_cast<char>('0' + number / 10);
    *to++ = static_cast<char>('0' + number % 10);
    return to;
  }
};
template <int Least, int Most>
inline constexpr multiplier_interval<Least, Most> multiplier_interval_text{};

}  // namespace detail

/// How a real multiplier becomes one C:
///   using real = float or double
///   static status choose(real m, fixed_point_multiplier& out, size_t index)   refuses what the peer does not take
///
/// exact_from_float: the 24 significant bits of a float, which 31 bits hold exactly. Takes normal m in
/// [2^Least, 2^Most). Source: FBGEMM ChooseRequantizationMultiplier (its right shift is 31 - exponent), XNNPACK (its 24
/// bits are these without their 7 last zeros), gemmlowp QuantizeMultiplierSmallerThanOne.
template <int Least, int Most>
struct exact_from_float {
  static_assert(Least >= -33 && Most <= 30 && Least < Most, "xquant::exact_from_float: multipliers in [2^-33, 2^30)");
  using real = float;

  static constexpr status choose(float m, fixed_point_multiplier& out, std::size_t index = 0) noexcept {
    if (!(m >= power_of_two<float>(Least) && m < power_of_two<float>(Most)))
      return fault(errc::value_out_of_range, "multiplier", static_cast<double>(m),
                   detail::multiplier_interval_text<Least, Most>.text, index);
    const auto bits = bit_cast<std::int32_t>(m);
    out.multiplier = ((bits & 0x7fffff) | 0x800000) << 7;
    out.exponent = (bits >> 23) - 126;
    return {};
  }
};

/// rounded_from_double: 31 bits of a double, rounded to nearest with ties away from zero; 0 where m < 2^-32 (exponents
/// below -31). Takes finite m in [0, 2^30 - 1/2): TensorFlow Lite lets larger ones saturate, and negative ones
/// overflow. Source: TensorFlow Lite QuantizeMultiplier.
struct rounded_from_double {
  using real = double;

  static constexpr status choose(double m, fixed_point_multiplier& out, std::size_t index = 0) noexcept {
    if (!(m >= 0 && m < 1073741823.5))
      return fault(errc::value_out_of_range, "multiplier", m, "a multiplier in [0, 2^30 - 1/2)", index);
    out = {};
    if (m < power_of_two<double>(-34)) return {};  // also keeps subnormal numbers from what follows
    const auto bits = bit_cast<std::int64_t>(m);
    const std::int64_t mantissa = (bits & 0xfffffffffffff) | 0x10000000000000;  // 53 bits; the 22 last are rounded off
    std::int64_t fixed = (mantissa + 0x200000) >> 22;
    int exponent = static_cast<int>(bits >> 52) - 1022;
    if (fixed == std::int64_t{1} << 31) {
      fixed >>= 1;
      ++exponent;
    }
    if (exponent < -31) return {};
    out.multiplier = static_cast<std::int32_t>(fixed);
    out.exponent = exponent;
    return {};
  }
};

}  // namespace xquant
