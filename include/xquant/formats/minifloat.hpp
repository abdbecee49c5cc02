// Floating-point formats of at most 16 bits: a sign or none, exponent bits, mantissa bits, a bias, special values.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/meta.hpp>
#include <xquant/core/policy_id.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/formats/conversion.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {

// One assertion per rule, apart from the format, so that what is wrong is said before anything else of it is compiled.
template <int Exponent, int Mantissa, int Bias, special_values Specials, bool IsSigned>
struct check_minifloat {
  static_assert(Exponent >= 0 && Exponent <= 8, "xquant::minifloat: 0 to 8 exponent bits");
  static_assert(Mantissa >= 0 && Mantissa <= 15, "xquant::minifloat: 0 to 15 mantissa bits");
  static_assert(Exponent + Mantissa >= 1, "xquant::minifloat: at least one bit besides the sign");
  static_assert((IsSigned ? 1 : 0) + Exponent + Mantissa <= 16, "xquant::minifloat: at most 16 bits");
  static_assert(Exponent > 0 || Specials == special_values::none,
                "xquant::minifloat: without exponent bits every code is a number; use special_values::none");
  static_assert(Specials != special_values::ieee || Mantissa >= 1,
                "xquant::minifloat: IEEE's NaN needs a mantissa bit to be told from infinity");
  static_assert(Specials != special_values::fn || Mantissa >= 1,
                "xquant::minifloat: the NaN of all ones needs a mantissa bit, or it costs the highest exponent");
  static_assert(Specials != special_values::fnuz || IsSigned,
                "xquant::minifloat: fnuz keeps its NaN in the code of -0, which needs a sign");
  // What decode gives must be a float, exactly, and a normal one where the format's number is normal.
  static constexpr int highest = (1 << Exponent) - (Specials == special_values::ieee ? 2 : 1) - Bias;
  static_assert(1 - Bias >= -126 && highest <= 127, "xquant::minifloat: the bias leads out of float's range");
  static constexpr bool ok = true;
  friend constexpr bool operator==(const check_minifloat&, const check_minifloat&) = default;
};

template <int Bits>
using minifloat_storage = conditional<(Bits <= 8), std::uint8_t, std::uint16_t>;

}  // namespace detail

/// The numbers of `Exponent` and `Mantissa` bits with bias `Bias`, and a sign bit above them if `IsSigned`. With E the
/// exponent field, M the mantissa field, m the number of mantissa bits:
///   E > 0: 2^(E - Bias) (1 + M / 2^m)        E = 0: 2^(1 - Bias) M / 2^m (subnormal numbers and zero)
/// but for the special values. Codes are sign and magnitude in the low bits of a std::uint8_t, or of a std::uint16_t
/// above 8 bits. `ConversionType` says what becomes of overflow, infinities and NaN: formats/conversion.hpp.
/// docs/arithmetic.md, rule 7; docs/formats.md.
///
/// One grid idea: the step at v is 2^(e - m), e the exponent of v but at least that of the smallest normal. Then
/// |code| = ((e - e_min) << m) + |round(v / step)|: carries into the exponent and subnormals come out right without a
/// branch, under every rounding. Rounding twice cannot happen: v / step is exact, in float and in double. Where a
/// rounding asks for the even neighbour and the format has no mantissa bits, the one of larger magnitude is taken (IEEE
/// 754-2019, 4.3.1, for one digit). Numbers below zero, and -0, become 0 in a format without sign. -0 keeps its sign
/// where there is a code for it. encode, snap and inside take every v: NaN, infinities and subnormal numbers too.
template <int Exponent, int Mantissa, int Bias, special_values Specials, bool IsSigned = true,
          class ConversionType = saturating>
struct minifloat {
  static_assert(detail::check_minifloat<Exponent, Mantissa, Bias, Specials, IsSigned>::ok);
  static_assert(Conversion<ConversionType>, "xquant::minifloat: the conversion lacks overflow, infinity or nan");
  using code_type = detail::minifloat_storage<(IsSigned ? 1 : 0) + Exponent + Mantissa>;
  using conversion = ConversionType;
  /// The same numbers with another conversion.
  template <class Other>
  using with = minifloat<Exponent, Mantissa, Bias, Specials, IsSigned, Other>;

  static constexpr int exponent_bits = Exponent;
  static constexpr int mantissa_bits = Mantissa;
  static constexpr int bias = Bias;
  static constexpr special_values specials = Specials;
  static constexpr bool is_signed = IsSigned;
  static constexpr int bits = (IsSigned ? 1 : 0) + Exponent + Mantissa;
  static constexpr int lowest_exponent = 1 - Bias;  // of a normal number
  static constexpr int highest_exponent = (1 << Exponent) - (Specials == special_values::ieee ? 2 : 1) - Bias;
  static constexpr std::int32_t sign_code = IsSigned ? 1 << (Exponent + Mantissa) : 0;

 private:
  static constexpr std::int32_t all_ones = (1 << (Exponent + Mantissa)) - 1;
  static constexpr minifloat_codes own_codes() noexcept {
    switch (Specials) {
      case special_values::ieee: {
        const std::int32_t infinity = ((1 << Exponent) - 1) << Mantissa;
        return {Specials, sign_code, infinity - 1, infinity, infinity | (1 << Mantissa) / 2, all_ones};
      }
      case special_values::fn: return {Specials, sign_code, all_ones - 1, minifloat_codes::absent, all_ones, all_ones};
      case special_values::fnuz: return {Specials, sign_code, all_ones, minifloat_codes::absent, sign_code, sign_code};
      case special_values::none: break;
    }
    return {Specials, sign_code, all_ones};
  }

 public:
  static constexpr minifloat_codes codes = own_codes();
  static constexpr std::int32_t largest_code = codes.largest;
  static constexpr conversion_codes overflow_codes = ConversionType::overflow(codes);
  static constexpr conversion_codes infinity_codes = ConversionType::infinity(codes);
  static constexpr conversion_codes nan_codes = ConversionType::nan(codes);

  static constexpr bool is_integer = false;
  static constexpr bool keeps_nan = Specials != special_values::none;
  static constexpr bool has_negative_zero = IsSigned && Specials != special_values::fnuz;
  static constexpr bool encodes_any_real = true;
  static constexpr int quotient_bits = highest_exponent + 1;

 private:
  static constexpr bool has_before = requires { ConversionType::template before<float>(1.0f); };
  static constexpr bool fakes_infinity = requires { requires ConversionType::fakes_infinity; };
  static constexpr bool fakes_overflow = requires { requires ConversionType::fakes_overflow; };
  static constexpr bool fakes_nan = requires { requires ConversionType::fakes_nan; };
  // Codes that differ by the sign bit alone are put in place before the sign, others after.
  static constexpr bool overflow_is_by_sign = overflow_codes == codes.with_sign(overflow_codes.positive);
  static constexpr bool infinity_is_by_sign = infinity_codes == codes.with_sign(infinity_codes.positive);
  static constexpr bool nan_is_by_sign = nan_codes == codes.with_sign(nan_codes.positive);
  static constexpr bool infinity_is_overflow = infinity_codes == overflow_codes && fakes_infinity == fakes_overflow;
  static constexpr bool nan_stays =
      fakes_nan ||
      (keeps_nan && (nan_codes == codes.nan_or(codes.quiet_nan, {}) || nan_codes == codes.nan_or(codes.last_nan, {})));

 public:
  /// The grid is coarse enough for the short quotient (docs/exhaustive.md): midpoints (k + 1/2) 2^j with k below 2^10,
  /// none below 2^-10, nothing asked beyond 2^10; and an infinity may be taken for 2^10.
  static constexpr bool allows_short_quotient =
      Mantissa <= 4 && lowest_exponent - Mantissa >= -9 && quotient_bits <= 10 && infinity_is_overflow && !has_before;

  static constexpr std::int32_t lower_code() noexcept { return 0; }
  static constexpr std::int32_t upper_code() noexcept { return sign_code + all_ones; }
  XQUANT_INLINE static constexpr double largest() noexcept { return finite_value(largest_code); }
  static constexpr code_bounds bounds() noexcept { return {IsSigned ? -largest() : 0.0, largest(), false}; }
  static constexpr status valid() noexcept { return {}; }

 private:
  template <class L>
  using traits = real_traits<real_of<L>>;
  /// 2^(m - e_min) or 2^(e_min - m) is no normal number of the lane's type: bfloat16 in float. Then steps are applied
  /// in two factors, both exact.
  template <class L>
  static constexpr bool takes_two_factors =
      Mantissa - lowest_exponent > traits<L>::bias - 1 || highest_exponent + 1 > traits<L>::bias - 1 + Mantissa;
  /// No power of two beyond the largest number exists in the lane's type.
  template <class L>
  static constexpr bool fills_the_lane = highest_exponent + 1 > traits<L>::bias;

  XQUANT_INLINE static constexpr double finite_value(std::int32_t magnitude) noexcept {
    const std::int32_t field = magnitude >> Mantissa;
    const std::int32_t e = field > 1 ? field : 1;
    return (magnitude - ((e - 1) << Mantissa)) * power_of_two<double>(e - Bias - Mantissa);
  }
  // What a code of a conversion is as a real; NaN where it stands for no number.
  XQUANT_INLINE static constexpr double real_of_code(std::int32_t code) noexcept {
    if (Specials == special_values::fnuz && code == sign_code) return __builtin_nan("");
    const std::int32_t magnitude = code & all_ones;
    const double sign = code != magnitude ? -1.0 : 1.0;
    if (magnitude == codes.infinity) return sign * __builtin_huge_val();
    return magnitude > codes.largest ? __builtin_nan("") : sign * finite_value(magnitude);
  }

  template <class L>
  XQUANT_INLINE static constexpr integer_of<L> biased(int exponent) {
    return broadcast_integer<L>(exponent + traits<L>::bias);
  }
  template <class L>
  XQUANT_INLINE static constexpr integer_of<L> at_exponent(std::int32_t field) {
    return shift_left<L, traits<L>::mantissa_bits>(broadcast_integer<L>(field));
  }
  template <class L>
  XQUANT_INLINE static constexpr L from_exponent(integer_of<L> biased_exponent) {
    return from_bits<L>(shift_left<L, traits<L>::mantissa_bits>(biased_exponent));
  }

  // Held to where everything is overflow; NaN becomes a number.
  template <class L>
  XQUANT_INLINE static constexpr L held(L v) {
    using real = real_of<L>;
    real limit{};
    if constexpr (fills_the_lane<L>)
      limit = traits<L>::max;
    else
      limit = power_of_two<real>(highest_exponent + 1);
    return maximum(minimum(v, broadcast<L>(limit)), broadcast<L>(IsSigned ? -limit : real(0)));
  }
  // The biased exponent of a held v, at least that of the smallest normal.
  template <class L>
  XQUANT_INLINE static constexpr integer_of<L> exponent_of(L v) {
    return maximum_integer<L>(shift_right<L, traits<L>::mantissa_bits>(to_bits(absolute(v))),
                              biased<L>(lowest_exponent));
  }
  // Where steps are longer than 1, what is far below one could underflow on the way: of that only sign and being no
  // zero matter.
  template <class L>
  XQUANT_INLINE static constexpr L off_zero(L v) {
    if constexpr (lowest_exponent > Mantissa) {
      const L least = broadcast<L>(power_of_two<real_of<L>>(lowest_exponent - Mantissa - 40));
      return select<L>(less(broadcast<L>(0), absolute(v)), copy_sign(maximum(absolute(v), least), v), v);
    } else {
      return v;
    }
  }
  // v / step, exact.
  template <class L>
  XQUANT_INLINE static constexpr L in_steps(L given, integer_of<L> e) {
    const L v = off_zero<L>(given);
    if constexpr (takes_two_factors<L>) {
      const L first =
          multiply(v, from_exponent<L>(subtract_integer<L>(broadcast_integer<L>(2 * traits<L>::bias + 1), e)));
      return multiply(first, broadcast<L>(power_of_two<real_of<L>>(Mantissa - 1)));
    } else {
      return multiply(v,
                      from_exponent<L>(subtract_integer<L>(broadcast_integer<L>(2 * traits<L>::bias + Mantissa), e)));
    }
  }
  // steps * step, exact; infinity beyond the lane's largest number.
  template <class L>
  XQUANT_INLINE static constexpr L from_steps(L steps, integer_of<L> e) {
    if constexpr (takes_two_factors<L>)
      return multiply(multiply(steps, broadcast<L>(power_of_two<real_of<L>>(-Mantissa))), from_exponent<L>(e));
    else
      return multiply(steps, from_exponent<L>(subtract_integer<L>(e, broadcast_integer<L>(Mantissa))));
  }
  // Whether |v| + 2^(e - m + digits of the lane) rounds to steps as `Round` does: nearest even is how sums are rounded,
  // and the sum's last bit is worth one step. Its power of two must be one of the lane.
  template <class Round>
  static constexpr bool rounds_as_sums = requires {
    requires Round::rounds_as_sums;
  };
  template <class L, class Round>
  static constexpr bool sum_rounds = [] {
    constexpr int from_step = traits<L>::mantissa_bits - Mantissa;
    return rounds_as_sums<Round> && lowest_exponent + from_step > -traits<L>::bias &&
           highest_exponent + 1 + from_step <= traits<L>::bias;
  }();
  template <class L>
  XQUANT_INLINE static constexpr L step_in_last_bit(integer_of<L> e) {
    return from_exponent<L>(add_integer<L>(e, broadcast_integer<L>(traits<L>::mantissa_bits - Mantissa)));
  }
  // Codes of magnitudes in few steps, where rounding is that of sums: see encode_magnitude. What overflows is held to
  // the number of the code it gets, NaN to the number that its code would be.
  template <class L, class Round>
  static constexpr bool makes_codes_of_sums = [] {
    constexpr int below_steps = traits<L>::mantissa_bits - Mantissa;
    return IsSigned && Mantissa >= 1 && infinity_is_overflow && overflow_is_by_sign &&
           (overflow_codes.positive == largest_code || overflow_codes.positive == largest_code + 1) && nan_is_by_sign &&
           nan_codes.positive <= all_ones && has_negative_zero && Exponent + Mantissa + 1 < below_steps &&
           sum_rounds<L, Round>;
  }();
  // The rounded magnitude in steps, as an integer.
  template <class L, class Round>
  XQUANT_INLINE static constexpr integer_of<L> rounded_steps(L number, integer_of<L> e, const Round& round) {
    if constexpr (sum_rounds<L, Round>) {
      const L last = step_in_last_bit<L>(e);
      return subtract_integer<L>(to_bits(add(absolute(number), last)), to_bits(last));
    } else {
      return truncate_to_integer(absolute(round(in_steps<L>(number, e))));
    }
  }
  // The rounded magnitude.
  template <class L, class Round>
  XQUANT_INLINE static constexpr L rounded_magnitude(L number, integer_of<L> e, const Round& round) {
    if constexpr (sum_rounds<L, Round>) {
      const L last = step_in_last_bit<L>(e);
      return subtract(add(absolute(number), last), last);
    } else {
      return from_steps<L>(absolute(round(in_steps<L>(number, e))), e);
    }
  }
  template <class L>
  XQUANT_INLINE static constexpr L prepared(L v) {
    if constexpr (has_before)
      return ConversionType::template before<L>(v);
    else
      return v;
  }
  // Infinities of the signs the format has; the other one is held to 0 like any number of its sign.
  template <class L>
  XQUANT_INLINE static constexpr mask_of<L> is_infinite(L v) {
    return less(broadcast<L>(traits<L>::max), infinity_is_by_sign && !IsSigned ? v : absolute(v));
  }
  // Whether they need a look of their own: their codes differ from those of overflow, or what they are held to may be
  // rounded to a number.
  template <class L>
  static constexpr bool sees_infinity =
      !infinity_is_overflow || (fills_the_lane<L> && overflow_codes != codes.largest_number());

  static constexpr bool overflow_is_largest = overflow_codes == codes.largest_number();
  template <class L>
  XQUANT_INLINE static constexpr integer_of<L> one_of(conversion_codes c, L v) {
    if (c.positive == c.negative) return broadcast_integer<L>(c.positive);
    return select_integer<L>(less_integer<L>(to_bits(v), broadcast_integer<L>(0)), broadcast_integer<L>(c.negative),
                             broadcast_integer<L>(c.positive));
  }
  template <class L>
  XQUANT_INLINE static constexpr L one_of_reals(conversion_codes c, L v) {
    return select<L>(less_integer<L>(to_bits(v), broadcast_integer<L>(0)), real_constant<L>(real_of_code(c.negative)),
                     real_constant<L>(real_of_code(c.positive)));
  }
  template <class L>
  XQUANT_INLINE static constexpr L real_constant(double value) {
    return broadcast<L>(static_cast<real_of<L>>(value));
  }

 public:
  template <class L, class Round>
  XQUANT_INLINE static constexpr integer_of<L> encode(L v, const Round& round) {
    const L x = prepared<L>(v);
    if constexpr (makes_codes_of_sums<L, Round>)
      return encode_magnitude<L>(
          held_magnitude<L>(absolute(x), real_constant<L>(overflow_number), real_constant<L>(nan_number)), x);
    else
      return encode_number<L>(x, held<L>(x), round);
  }
  /// Whether encode_magnitude is there for this rounding.
  template <class L, class Round>
  static constexpr bool has_encode_magnitude = makes_codes_of_sums<L, Round>;
  /// The numbers that overflow and NaN are held to for it.
  static constexpr double overflow_number = finite_value(overflow_codes.positive & all_ones);
  static constexpr double nan_number = finite_value(nan_codes.positive & all_ones);
  /// A magnitude held to them.
  template <class L>
  XQUANT_INLINE static constexpr L held_magnitude(L magnitude, L overflow, L nan) {
    // One minimum where both are one number: clang 16 takes the second one for needless, and NaN would pass.
    if constexpr (overflow_number == nan_number) return minimum(magnitude, overflow);
    return minimum(minimum(overflow, magnitude), nan);
  }
  /// The code of a magnitude that was held so, with the sign of x. To add 2^(e - m + digits of the lane) rounds it to
  /// steps, and leaves them in the lowest bits of the sum, below an exponent that is e and a constant. Code is e and
  /// steps: the sum and its exponent, moved to where codes have theirs, added. The constant is taken away in the number
  /// that was added, as an even number of steps, which leaves ties what they are; what lies above the code is cut off.
  template <class L>
  XQUANT_INLINE static constexpr integer_of<L> encode_magnitude(L magnitude, L x) {
    constexpr int digits = traits<L>::mantissa_bits;
    constexpr int below_steps = digits - Mantissa;
    constexpr std::int32_t too_much = -((lowest_exponent + traits<L>::bias + below_steps) << Mantissa) & all_ones;
    const integer_of<L> e = maximum_integer<L>(bit_and<L>(to_bits(magnitude), at_exponent<L>(2 * traits<L>::bias + 1)),
                                               at_exponent<L>(lowest_exponent + traits<L>::bias));
    const integer_of<L> above = add_integer<L>(at_exponent<L>(below_steps), broadcast_integer<L>(too_much));
    const integer_of<L> sum = to_bits(add(magnitude, from_bits<L>(add_integer<L>(e, above))));
    const integer_of<L> code = add_integer<L>(sum, shift_right<L, below_steps>(sum));
    constexpr int to_code_sign = 8 * static_cast<int>(sizeof(real_of<L>)) - 1 - (Exponent + Mantissa);
    return bit_or<L>(bit_and<L>(code, broadcast_integer<L>(all_ones)),
                     bit_and<L>(shift_right<L, to_code_sign>(to_bits(x)), broadcast_integer<L>(sign_code)));
  }
  /// The same where |v| is at most about 2^quotient_bits, or v is NaN. Sums take those as they are; what is converted
  /// to an integer must be a number.
  template <class L, class Round>
  XQUANT_INLINE static constexpr integer_of<L> encode_held(L v, const Round& round) {
    if constexpr (IsSigned && sum_rounds<L, Round>)
      return encode_number<L>(v, v, round);
    else
      return encode_number<L>(v, held<L>(v), round);
  }

 private:
  // Of x, whose magnitude `number` has.
  template <class L, class Round>
  XQUANT_INLINE static constexpr integer_of<L> encode_number(L x, L number, const Round& round) {
    const integer_of<L> e = exponent_of<L>(number);
    const integer_of<L> steps = rounded_steps<L>(number, e, round);
    const integer_of<L> magnitude =
        add_integer<L>(shift_left<L, Mantissa>(subtract_integer<L>(e, biased<L>(lowest_exponent))), steps);

    integer_of<L> code = magnitude;
    if constexpr (overflow_is_by_sign) {
      if constexpr (overflow_codes.positive == largest_code || overflow_codes.positive == largest_code + 1)
        code = minimum_integer<L>(code, broadcast_integer<L>(overflow_codes.positive));
      else
        code = select_integer<L>(less_integer<L>(broadcast_integer<L>(largest_code), magnitude),
                                 broadcast_integer<L>(overflow_codes.positive), code);
    }
    if constexpr (sees_infinity<L> && infinity_is_by_sign)
      code = select_integer<L>(is_infinite<L>(x), broadcast_integer<L>(infinity_codes.positive), code);
    if constexpr (nan_is_by_sign) code = select_integer<L>(equal(x, x), code, broadcast_integer<L>(nan_codes.positive));

    if constexpr (IsSigned) {
      constexpr int to_code_sign = 8 * static_cast<int>(sizeof(real_of<L>)) - 1 - (Exponent + Mantissa);
      const integer_of<L> sign = bit_and<L>(shift_right<L, to_code_sign>(to_bits(x)), broadcast_integer<L>(sign_code));
      if constexpr (has_negative_zero)
        code = bit_or<L>(code, sign);
      else
        code = select_integer<L>(less_integer<L>(broadcast_integer<L>(0), code), bit_or<L>(code, sign), code);
    }

    if constexpr (!overflow_is_by_sign)
      code = select_integer<L>(less_integer<L>(broadcast_integer<L>(largest_code), magnitude),
                               one_of<L>(overflow_codes, x), code);
    if constexpr (sees_infinity<L> && !infinity_is_by_sign)
      code = select_integer<L>(is_infinite<L>(x), one_of<L>(infinity_codes, x), code);
    if constexpr (!nan_is_by_sign) code = select_integer<L>(equal(x, x), code, one_of<L>(nan_codes, x));
    return code;
  }

 public:
  template <class L>
  XQUANT_INLINE static constexpr L decode(integer_of<L> code) {
    const integer_of<L> magnitude = bit_and<L>(code, broadcast_integer<L>(all_ones));
    const integer_of<L> field = maximum_integer<L>(shift_right<L, Mantissa>(magnitude), broadcast_integer<L>(1));
    const integer_of<L> below = shift_left<L, Mantissa>(subtract_integer<L>(field, broadcast_integer<L>(1)));
    const L steps = to_real<L>(subtract_integer<L>(magnitude, below));
    L value = from_steps<L>(steps, add_integer<L>(field, biased<L>(-Bias)));
    if constexpr (Specials == special_values::ieee) {
      value = select<L>(less_integer<L>(magnitude, broadcast_integer<L>(codes.infinity)), value,
                        real_constant<L>(__builtin_huge_val()));
      value = select<L>(less_integer<L>(broadcast_integer<L>(codes.infinity), magnitude),
                        real_constant<L>(__builtin_nan("")), value);
    } else if constexpr (Specials == special_values::fn) {
      value = select<L>(less_integer<L>(magnitude, broadcast_integer<L>(all_ones)), value,
                        real_constant<L>(__builtin_nan("")));
    }
    if constexpr (IsSigned) {
      constexpr int to_real_sign = 8 * static_cast<int>(sizeof(real_of<L>)) - 1 - (Exponent + Mantissa);
      const integer_of<L> sign = shift_left<L, to_real_sign>(code);
      value = copy_sign(value, from_bits<L>(sign));
      if constexpr (Specials == special_values::fnuz) {
        const mask_of<L> is_minus_zero = both<L>(less_integer<L>(magnitude, broadcast_integer<L>(1)),
                                                 less_integer<L>(sign, broadcast_integer<L>(0)));
        value = select<L>(is_minus_zero, real_constant<L>(-__builtin_nan("")), value);
      }
    }
    return value;
  }

  template <class L, class Round>
  XQUANT_INLINE static constexpr L snap(L v, const Round& round, L, L) {
    const L x = prepared<L>(v);
    const L number = held<L>(x);
    const integer_of<L> e = exponent_of<L>(number);
    const L magnitude = rounded_magnitude<L>(number, e, round);
    const L last = real_constant<L>(largest());

    L value = magnitude;
    if constexpr (fakes_overflow)
      value = select<L>(less(last, magnitude), real_constant<L>(__builtin_huge_val()), value);
    else if constexpr (overflow_is_largest)
      value = minimum(value, last);
    else if constexpr (overflow_is_by_sign)
      value = select<L>(less(last, magnitude), real_constant<L>(real_of_code(overflow_codes.positive)), value);
    if constexpr (sees_infinity<L> && (fakes_infinity || infinity_is_by_sign))
      value = select<L>(is_infinite<L>(x),
                        real_constant<L>(fakes_infinity ? __builtin_huge_val() : real_of_code(infinity_codes.positive)),
                        value);
    if constexpr (nan_is_by_sign && !nan_stays)
      value = select<L>(equal(x, x), value, real_constant<L>(real_of_code(nan_codes.positive)));

    if constexpr (IsSigned) value = copy_sign(value, x);

    if constexpr (!fakes_overflow && !overflow_is_by_sign)
      value = select<L>(less(last, magnitude), one_of_reals<L>(overflow_codes, x), value);
    if constexpr (sees_infinity<L> && !fakes_infinity && !infinity_is_by_sign)
      value = select<L>(is_infinite<L>(x), one_of_reals<L>(infinity_codes, x), value);
    if constexpr (nan_stays)
      value = select<L>(equal(x, x), value, x);
    else if constexpr (!nan_is_by_sign)
      value = select<L>(equal(x, x), value, one_of_reals<L>(nan_codes, x));
    return value;
  }

  template <class L, class Round>
  XQUANT_INLINE static constexpr mask_of<L> inside(L v, const Round& round, integer_of<L>, integer_of<L>) {
    const L x = prepared<L>(v);
    L number = held<L>(x);
    // Rounded from either side of zero, where only one has codes.
    if constexpr (!IsSigned)
      number = select<L>(less(x, broadcast<L>(0)), maximum(x, real_constant<L>(-largest())), number);
    const integer_of<L> e = exponent_of<L>(number);
    const L rounded = round(in_steps<L>(number, e));
    mask_of<L> result = less_equal(from_steps<L>(absolute(rounded), e), real_constant<L>(largest()));
    if constexpr (!IsSigned) result = both<L>(result, less_equal(broadcast<L>(0), rounded));
    if constexpr (fills_the_lane<L>) result = both<L>(result, less_equal(absolute(x), broadcast<L>(traits<L>::max)));
    return result;
  }
  friend constexpr bool operator==(const minifloat&, const minifloat&) = default;
};

/// The id of those that have none of their own: the arguments tell them apart.
inline constexpr format_id minifloat_of_arguments{22, "minifloat"};
template <int Exponent, int Mantissa, int Bias, special_values Specials, bool IsSigned, class ConversionType>
inline constexpr format_id id_of<minifloat<Exponent, Mantissa, Bias, Specials, IsSigned, ConversionType>> =
    minifloat_of_arguments;

}  // namespace xquant
