// E8M0: the powers of two from 2^-127 to 2^127, the scales of OCP MX. By integer rules, exact for every real.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/policy_id.hpp>
#include <xquant/core/range.hpp>

namespace xquant::inline XQUANT_ABI {

/// What becomes of reals that have no power of two, as codes; a further rule is a struct like this one.
///   overflow      the power rounded to is above 2^127
///   infinity, zero (of either sign)
///   drops_sign    negative numbers are taken for their magnitudes; otherwise they become `negative`
///   template <class L> static constexpr L before(L v)   where it has one: applied first, for peers that change numbers
/// NaN is always 0xFF.
///
/// This one: scales of OCP MX. The largest power on overflow, NaN for infinities and negative numbers, 2^-127 for zero.
struct e8m0_scale {
  static constexpr std::int32_t overflow = 0xFE;
  static constexpr std::int32_t infinity = 0xFF;
  static constexpr std::int32_t zero = 0;
  static constexpr bool drops_sign = false;
  static constexpr std::int32_t negative = 0xFF;
};

/// Where the half-way point between two powers lies for roundings to nearest.
enum class e8m0_nearest : std::uint8_t {
  value,      ///< 1.5 * 2^e: the nearer value; the tie itself is rounded up
  logarithm,  ///< sqrt(2) * 2^e: the nearer exponent
};

/// Eight exponent bits, bias 127, nothing else: code c is 2^(c - 127), 0xFF is NaN; there is no zero and no sign. Code
/// 0, 2^-127, is a subnormal float. What is positive and below 2^-127 becomes code 0 under every rounding.
///
/// The rounding decides between the powers on both sides of v = m * 2^e, 1 <= m < 2, and is asked for m:
/// toward_positive goes up ("ceil", cvt.rp.ue8m0x2), toward_negative and toward_zero go down (the exponent of v, OCP's
/// rule), the roundings to nearest compare with the half-way point of `Nearest`. The mantissa is compared as an
/// integer: no logarithm, no division. `Nearest == logarithm` is for roundings that are to nearest, up or down. "OCP
/// Microscaling Formats (MX) Specification", version 1.0, 5.4.1; docs/formats.md.
template <class ConversionType = e8m0_scale, e8m0_nearest Nearest = e8m0_nearest::value>
struct e8m0_format {
  using code_type = std::uint8_t;
  using conversion = ConversionType;
  template <class Other>
  using with = e8m0_format<Other, Nearest>;
  using nearest_logarithm = e8m0_format<ConversionType, e8m0_nearest::logarithm>;

  static constexpr int exponent_bits = 8;
  static constexpr int mantissa_bits = 0;
  static constexpr int bias = 127;
  static constexpr int bits = 8;
  static constexpr bool is_signed = false;
  static constexpr std::int32_t largest_code = 0xFE;
  static constexpr std::int32_t nan_code = 0xFF;

  static constexpr bool is_integer = false;
  static constexpr bool keeps_nan = true;
  static constexpr bool has_negative_zero = false;
  static constexpr bool encodes_any_real = true;
  static constexpr int quotient_bits = 128;

  static constexpr std::int32_t lower_code() noexcept { return 0; }
  static constexpr std::int32_t upper_code() noexcept { return 0xFF; }
  static constexpr code_bounds bounds() noexcept {
    return {power_of_two<double>(-127), power_of_two<double>(127), false};
  }
  static constexpr status valid() noexcept { return {}; }

  template <class L, class Round>
  XQUANT_INLINE static constexpr integer_of<L> encode(L x, const Round& round) {
    const L v = prepared<L>(x);
    integer_of<L> code = minimum_integer<L>(unheld<L>(v, round), broadcast_integer<L>(ConversionType::overflow));
    if constexpr (ConversionType::infinity != ConversionType::overflow)
      code = select_integer<L>(less(broadcast<L>(traits<L>::max), v), broadcast_integer<L>(ConversionType::infinity),
                               code);
    if constexpr (ConversionType::drops_sign && ConversionType::infinity != ConversionType::overflow)
      code = select_integer<L>(less(v, broadcast<L>(-traits<L>::max)), broadcast_integer<L>(ConversionType::infinity),
                               code);
    if constexpr (!ConversionType::drops_sign)
      code = select_integer<L>(less(v, broadcast<L>(0)), broadcast_integer<L>(ConversionType::negative), code);
    if constexpr (ConversionType::zero != 0)
      code = select_integer<L>(equal(v, broadcast<L>(0)), broadcast_integer<L>(ConversionType::zero), code);
    return select_integer<L>(equal(v, v), code, broadcast_integer<L>(nan_code));
  }

  template <class L>
  XQUANT_INLINE static constexpr L decode(integer_of<L> code) {
    const integer_of<L> exponent = add_integer<L>(code, broadcast_integer<L>(traits<L>::bias - bias));
    integer_of<L> power = shift_left<L, traits<L>::mantissa_bits>(exponent);
    if constexpr (traits<L>::bias == bias)  // 2^-127 is no normal number
      power = select_integer<L>(less_integer<L>(broadcast_integer<L>(0), code), power,
                                shift_left<L, traits<L>::mantissa_bits - 1>(broadcast_integer<L>(1)));
    return select<L>(less_integer<L>(code, broadcast_integer<L>(nan_code)), from_bits<L>(power),
                     broadcast<L>(__builtin_nanf("")));
  }

  template <class L, class Round>
  XQUANT_INLINE static constexpr L snap(L v, const Round& round, L, L) {
    return decode<L>(encode<L>(v, round));
  }
  template <class L, class Round>
  XQUANT_INLINE static constexpr mask_of<L> inside(L x, const Round& round, integer_of<L>, integer_of<L>) {
    const L v = prepared<L>(x);
    const mask_of<L> held =
        both<L>(less_equal(from_bits<L>(lowest_bits<L>()), v), less_equal(v, broadcast<L>(traits<L>::max)));
    return both<L>(held, less_integer<L>(unheld<L>(v, round), broadcast_integer<L>(nan_code)));
  }
  friend constexpr bool operator==(const e8m0_format&, const e8m0_format&) = default;

 private:
  static_assert(ConversionType::overflow == 0xFE || ConversionType::overflow == 0xFF,
                "xquant::e8m0_format: overflow becomes 0xFE, the largest power, or 0xFF, NaN");
  template <class L>
  using traits = real_traits<real_of<L>>;

  template <class L>
  XQUANT_INLINE static constexpr L prepared(L v) {
    if constexpr (requires { ConversionType::template before<L>(v); })
      return ConversionType::template before<L>(v);
    else
      return v;
  }

  // 2^-127.
  template <class L>
  XQUANT_INLINE static constexpr integer_of<L> lowest_bits() {
    if constexpr (traits<L>::bias == bias)
      return shift_left<L, traits<L>::mantissa_bits - 1>(broadcast_integer<L>(1));
    else
      return shift_left<L, traits<L>::mantissa_bits>(broadcast_integer<L>(traits<L>::bias - bias));
  }

  // The code of |v| (below 2^-127: code 0), which may be larger than any.
  template <class L, class Round>
  XQUANT_INLINE static constexpr integer_of<L> unheld(L v, const Round& round) {
    constexpr int mantissa = traits<L>::mantissa_bits;
    integer_of<L> magnitude = maximum_integer<L>(to_bits(absolute(v)), lowest_bits<L>());
    if constexpr (traits<L>::bias == bias) {
      // Of subnormal numbers only [2^-127, 2^-126) is left: one shift, and their exponent field is 0 as it should be.
      const integer_of<L> one = shift_left<L, mantissa>(broadcast_integer<L>(1));
      magnitude = select_integer<L>(less_integer<L>(magnitude, one),
                                    subtract_integer<L>(shift_left<L, 1>(magnitude), one), magnitude);
    }
    const integer_of<L> exponent = shift_right<L, mantissa>(magnitude);
    const integer_of<L> fraction = subtract_integer<L>(magnitude, shift_left<L, mantissa>(exponent));
    const integer_of<L> unit = shift_left<L, mantissa>(broadcast_integer<L>(traits<L>::bias));
    L m = from_bits<L>(add_integer<L>(unit, fraction));
    if constexpr (Nearest == e8m0_nearest::logarithm) {
      // The least m above sqrt(2), which is no float. What lies between 1 and 2 stays on its side, as a quarter would.
      constexpr real_of<L> root =
          sizeof(real_of<L>) == 4 ? real_of<L>(0x1.6a09e8p+0f) : static_cast<real_of<L>>(0x1.6a09e667f3bcdp+0);
      const L part = select<L>(less(m, broadcast<L>(root)), broadcast<L>(1.25f), broadcast<L>(1.75f));
      m = select<L>(less(broadcast<L>(1), m), part, m);
    }
    const integer_of<L> steps = truncate_to_integer(round(m));  // 1 or 2
    return add_integer<L>(subtract_integer<L>(exponent, broadcast_integer<L>(traits<L>::bias - bias + 1)), steps);
  }
};

/// The scale format of OCP MX.
using e8m0 = e8m0_format<>;

template <e8m0_nearest Nearest>
inline constexpr format_id id_of<e8m0_format<e8m0_scale, Nearest>> =
    Nearest == e8m0_nearest::value ? format_id{20, "float8e8m0"} : format_id{21, "float8e8m0_logarithm"};

}  // namespace xquant
