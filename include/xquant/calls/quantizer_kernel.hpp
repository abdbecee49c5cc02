// What the operations of one quantizer share: from a real to steps of the grid and back, over any lane.
// docs/arithmetic.md, rules 3 to 7.
#pragma once

#include <xquant/calls/kernel_format.hpp>
#include <xquant/calls/short_quotient.hpp>
#include <xquant/engines/operation.hpp>
#include <xquant/formats/format.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {

// The code that stands for the zero point, where that is a value of the data.
template <zero_point_rule Rule>
struct kernel_origin {};
template <>
struct kernel_origin<zero_point_rule::real_offset> {
  std::int32_t origin = 0;
};

}  // namespace detail

/// What the operations of one quantizer share. Made of kernel types only, so that quantizers which differ in
/// granularity, scheme or bit width run the same code; of the scheme a kernel knows where zero points enter, and
/// whether scales may be negative.
template <class Real, class FormatType, class RoundingType, class ArithmeticType, zero_point_rule Rule,
          bool HasSignedScale = false>
struct quantizer_kernel : detail::kernel_origin<Rule> {
  using real = Real;
  using code_type = typename FormatType::code_type;
  using format_type = FormatType;
  using rounding_type = RoundingType;
  static constexpr zero_point_rule zero_point_use = Rule;
  static constexpr bool has_zero_point = Rule == zero_point_rule::after_rounding;
  static constexpr bool has_real_zero_point = is_real(Rule);
  /// Whether zero points are no part of v = scaled(x), nor of what it is rounded to.
  static constexpr bool zero_point_is_apart = Rule == zero_point_rule::none || has_zero_point;
  // Rounding to nearest on an 8-bit grid cannot tell the short quotient from the exact one.
  static constexpr bool has_short_quotient =
      zero_point_is_apart && !HasSignedScale && detail::has_short_quotient<ArithmeticType> && sizeof(code_type) == 1 &&
      FormatType::quotient_bits <= 10 && detail::allows_short_quotient<FormatType> &&
      rounding_sees_only_halves<RoundingType>;
  /// Whether that quotient is right for ordinary scales alone (ArithmeticType::is_ordinary).
  static constexpr bool has_quotient_of_ordinary_scales =
      has_short_quotient && is_same<typename detail::move_of<ArithmeticType, Real>::type, none>;
  /// So does each operation of this kernel, and has a for_any_scale(); one without v, or with the exact one, says
  /// false.
  static constexpr bool needs_ordinary_scales = has_quotient_of_ordinary_scales;

  /// Whether quotients need the reciprocals of scales and not the scales.
  static constexpr bool multiplies_by_reciprocal = ArithmeticType::multiplies_by_reciprocal;

  static constexpr bool is_wide = detail::is_wide_format<FormatType>;
  static_assert(!is_wide || zero_point_is_apart,
                "xquant::quantizer: integers of more than 16 bits take their zero point after the rounding only");
  using bound_type = conditional<is_wide, std::int64_t, std::int32_t>;

  FormatType format;
  RoundingType rounding_policy;
  bound_type lower;
  bound_type upper;

  /// What the operation for any scale takes as the reciprocal: that of the scale it divides by.
  template <class L>
  XQUANT_INLINE static constexpr L reciprocal_for(L scale) {
    return divide(broadcast<L>(1), multiply(scale, ArithmeticType::power(scale)));
  }
  /// Whether the operation may run with this scale as it is; else its for_any_scale() does.
  XQUANT_INLINE static constexpr bool is_ordinary(Real scale) noexcept {
    if constexpr (has_quotient_of_ordinary_scales)
      return ArithmeticType::is_ordinary(scale);
    else
      return true;
  }

  XQUANT_INLINE constexpr const RoundingType& rounding() const noexcept { return rounding_policy; }
  XQUANT_INLINE constexpr bound_type lower_code() const noexcept { return lower; }
  XQUANT_INLINE constexpr bound_type upper_code() const noexcept { return upper; }

  /// What depends on the parameters alone: once for a run of elements that share a slot.
  template <class L>
  struct prepared {
    L scale;
    L reciprocal;
    L lowest;  // beyond these two all values have one code: of x where the quotient is short, else of v
    L highest;
    L lowest_step;  // codes less the zero point
    L highest_step;
    integer_of<L> zero_point;                                    // the bits of a real, where it enters as one
    typename detail::format_bounds<FormatType, L>::type bounds;  // of a wide format
    typename detail::move_of<ArithmeticType, L>::type moved;     // of a short quotient for any scale
  };

  template <class L, bool Exact = false>
  XQUANT_INLINE constexpr prepared<L> prepare(const lane_parameters<L>& p) const {
    L highest = broadcast<L>(power_of_two<Real>(FormatType::quotient_bits));
    if constexpr (moves_scale<L, Exact>) {
      const L power = ArithmeticType::power(p.scale);
      const L divisor = multiply(p.scale, power);
      auto result = prepare_narrow<L>(p, multiply(divisor, highest));
      result.moved = {power, divisor};
      return result;
    }
    if constexpr (!Exact && takes_short_quotient<L>) highest = multiply(p.scale, highest);
    if constexpr (is_wide) {
      const integer_of<L> zero_point = has_zero_point ? p.zero_point : broadcast_integer<L>(0);
      const auto bounds = FormatType::template bounds_from<L>(lower, upper, zero_point);
      return {p.scale,
              p.reciprocal,
              subtract(broadcast<L>(0), highest),
              highest,
              bounds.lowest.nearest,
              bounds.highest.nearest,
              zero_point,
              bounds,
              {}};
    } else {
      return prepare_narrow<L>(p, highest);
    }
  }

 private:
  template <class L>
  XQUANT_INLINE constexpr prepared<L> prepare_narrow(const lane_parameters<L>& p, L highest) const {
    integer_of<L> lowest_step = broadcast_integer<L>(lower);
    integer_of<L> highest_step = broadcast_integer<L>(upper);
    integer_of<L> zero_point = p.zero_point;
    if constexpr (has_zero_point) {
      lowest_step = subtract_integer<L>(lowest_step, p.zero_point);
      highest_step = subtract_integer<L>(highest_step, p.zero_point);
    } else if constexpr (Rule == zero_point_rule::real_offset) {
      lowest_step = subtract_integer<L>(lowest_step, broadcast_integer<L>(this->origin));
      highest_step = subtract_integer<L>(highest_step, broadcast_integer<L>(this->origin));
    } else if constexpr (Rule == zero_point_rule::before_rounding) {
      zero_point = to_bits<L>(to_real<L>(zero_point));
    }
    return {p.scale,
            p.reciprocal,
            subtract(broadcast<L>(0), highest),
            highest,
            to_real<L>(lowest_step),
            to_real<L>(highest_step),
            zero_point,
            {},
            {}};
  }

 public:
  /// v = x / scale (with the zero point, where the rule has it there), held to the interval beyond which every code is
  /// the last one. The short quotient must not meet an infinity, so there x is held (its scales leave room for that);
  /// elsewhere v is, which is right for every scale. `Exact` forbids the short quotient, for operations that use v
  /// itself (its prepared parameters come from prepare<L, true>).
  template <class L, bool Exact = false>
  XQUANT_INLINE static constexpr L scaled(L x, const prepared<L>& p) {
    if constexpr (moves_scale<L, Exact>)
      return ArithmeticType::template quotient<true>(held<low_converts_right<L>>(multiply(x, p.moved.power), p),
                                                     p.moved.divisor, p.reciprocal);
    else if constexpr (!Exact && takes_short_quotient<L>)
      return ArithmeticType::template quotient<true>(held<low_converts_right<L>>(x, p), p.scale, p.reciprocal);
    else if constexpr (takes_any)
      return unheld<L>(x, p);
    else
      return held<low_converts_right<L>>(unheld<L>(x, p), p);
  }

  /// v for what snap makes of it: an integer format's rounding takes any v and is held after it, so v need not be.
  template <class L, bool Exact = false>
  XQUANT_INLINE static constexpr L scaled_to_snap(L x, const prepared<L>& p) {
    if constexpr (is_plain && rounding_sees_only_halves<RoundingType> && (Exact || !takes_short_quotient<L>))
      return unheld<L>(x, p);
    else
      return scaled<L, Exact>(x, p);
  }

  /// The value x becomes, in units of the scale: snap of v.
  template <class L>
  XQUANT_INLINE constexpr L snapped(L x, const prepared<L>& p, const bound_rounding<L, RoundingType>& round) const {
    return format.template snap<L>(scaled_to_snap<L>(x, p), round, p.lowest_step, p.highest_step);
  }

  /// The code of v = scaled(x), with its zero point unless the store adds it; the store clamps it.
  template <class L>
  XQUANT_INLINE constexpr integer_of<L> code_of(L v, const prepared<L>& p,
                                                const bound_rounding<L, RoundingType>& round) const {
    if constexpr (is_wide) {
      return format.template encode_from<L>(v, round, p.zero_point, p.bounds);
    } else {
      const integer_of<L> code = encoded<L>(v, round);
      if constexpr (has_zero_point && !adds_zero_point_in_store<L>)
        return add_integer<L>(code, p.zero_point);
      else if constexpr (Rule == zero_point_rule::real_offset)
        return add_integer<L>(code, broadcast_integer<L>(this->origin));
      else
        return code;
    }
  }

  /// The code of x, the same.
  template <class L>
  XQUANT_INLINE constexpr integer_of<L> code_of_real(L x, const prepared<L>& p,
                                                     const bound_rounding<L, RoundingType>& round) const {
    if constexpr (encodes_magnitudes<L>) {
      L magnitude = absolute(x);
      L divisor = p.scale;
      if constexpr (moves_scale<L, false>) {
        magnitude = multiply(magnitude, p.moved.power);
        divisor = p.moved.divisor;
      }
      const L overflow = multiply(divisor, broadcast<L>(static_cast<Real>(FormatType::overflow_number)));
      const L nan = multiply(divisor, broadcast<L>(static_cast<Real>(FormatType::nan_number)));
      magnitude = FormatType::template held_magnitude<L>(magnitude, overflow, nan);
      return FormatType::template encode_magnitude<L>(
          ArithmeticType::template quotient<true>(magnitude, divisor, p.reciprocal), x);
    } else if constexpr (holds_upper_code_of_real<L>) {
      // Roundings keep order and integers. From above v is held in any case: here, so that the store need not clamp.
      return code_of<L>(minimum(p.highest_step, unheld<L>(x, p)), p, round);
    } else {
      return code_of<L>(scaled<L>(x, p), p, round);
    }
  }

  /// code - zero point (or the code that stands for it), as a real.
  template <class L>
  XQUANT_INLINE constexpr L value_of(integer_of<L> code, integer_of<L> zero_point) const {
    if constexpr (is_wide) {
      return format.template decode_from<L>(code, has_zero_point ? zero_point : broadcast_integer<L>(0));
    } else if constexpr (Rule == zero_point_rule::real_before_rounding) {
      return subtract(format.template decode<L>(code), from_bits<L>(zero_point));
    } else {
      if constexpr (has_zero_point || Rule == zero_point_rule::before_rounding)
        code = subtract_integer<L>(code, zero_point);
      else if constexpr (Rule == zero_point_rule::real_offset)
        code = subtract_integer<L>(code, broadcast_integer<L>(this->origin));
      return format.template decode<L>(code);
    }
  }

  /// Whether v = scaled(x), rounded, is one of the codes in use.
  template <class L>
  XQUANT_INLINE constexpr mask_of<L> is_inside(L v, const prepared<L>& p,
                                               const bound_rounding<L, RoundingType>& round) const {
    if constexpr (is_wide)
      return format.template inside_of<L>(v, round, p.bounds);
    else
      return format.template inside<L>(v, round, truncate_to_integer(p.lowest_step),
                                       truncate_to_integer(p.highest_step));
  }

  /// What a value of snapped stands for: value * scale, with the zero point where it is part of the value.
  template <class L>
  XQUANT_INLINE static constexpr L rescaled(L value, const prepared<L>& p) {
    if constexpr (Rule == zero_point_rule::before_rounding || Rule == zero_point_rule::real_before_rounding)
      value = subtract(value, from_bits<L>(p.zero_point));
    return offset<L>(times_scale<L>(value, p.scale), p.zero_point);
  }

  /// What value_of(code) stands for, the same.
  template <class L>
  XQUANT_INLINE static constexpr L dequantized(L value, const lane_parameters<L>& p) {
    if constexpr (zero_point_is_apart && !HasSignedScale)
      return multiply(value, p.scale);  // +0 stays +0
    else
      return offset<L>(times_scale<L>(value, p.scale), p.zero_point);
  }

 private:
  template <class L>
  XQUANT_INLINE static constexpr L times_scale(L value, L scale) {
    if constexpr (Rule == zero_point_rule::real_before_rounding)
      return add(multiply(value, scale), broadcast<L>(0));  // the product may underflow, to +0 too
    else if constexpr (requires { requires !FormatType::has_negative_zero; })
      return multiply_without_sign_of_zero(value, scale);
    else
      return multiply(value, scale);
  }
  template <class L>
  XQUANT_INLINE static constexpr L offset(L x, integer_of<L> zero_point) {
    if constexpr (Rule == zero_point_rule::real_offset)
      return add(x, from_bits<L>(zero_point));
    else
      return x;
  }
  template <class L>
  XQUANT_INLINE static constexpr L unheld(L x, const prepared<L>& p) {
    if constexpr (Rule == zero_point_rule::real_offset) x = subtract(x, from_bits<L>(p.zero_point));
    const L v = ArithmeticType::template quotient<false>(x, p.scale, p.reciprocal);
    if constexpr (Rule == zero_point_rule::before_rounding || Rule == zero_point_rule::real_before_rounding)
      return add(v, from_bits<L>(p.zero_point));
    else
      return v;
  }

  // v of scaled, which a short quotient leaves held.
  template <class L>
  XQUANT_INLINE constexpr integer_of<L> encoded(L v, const bound_rounding<L, RoundingType>& round) const {
    if constexpr (takes_short_quotient<L> && requires { format.template encode_held<L>(v, round); })
      return format.template encode_held<L>(v, round);
    else
      return format.template encode<L>(v, round);
  }

  static constexpr bool is_plain = requires { requires FormatType::is_plain_integer; };
  static constexpr bool takes_any = requires { requires FormatType::encodes_any_real; };
  template <class L>
  static constexpr bool takes_short_quotient = has_short_quotient&& lane_count<L> != 1;
  // Of short quotients, which are symmetric, the magnitudes are enough.
  template <class L>
  static constexpr bool encodes_magnitudes = takes_short_quotient<L>&& Rule == zero_point_rule::none&& requires {
    requires FormatType::template has_encode_magnitude<L, bound_rounding<L, RoundingType>>;
  };
  template <class L, bool Exact>
  static constexpr bool moves_scale =
      !Exact && takes_short_quotient<L> && !is_same<typename detail::move_of<ArithmeticType, L>::type, none>;
  // Nothing is held from below where what is too low, or NaN, converts to an integer that saturates to the lowest code.
  template <class L>
  static constexpr bool low_converts_right =
      converts_low_to_least<L>&& is_plain &&
      sizeof(code_type) == 1 && rounding_sees_only_halves<RoundingType>&& Rule != zero_point_rule::real_offset;

 public:
  /// Whether the store adds the zero point, saturating, so that codes come to it without.
  template <class L>
  static constexpr bool adds_zero_point_in_store = has_zero_point&& low_converts_right<L>;
  /// Whether code_of_real leaves codes, with the zero point that the store adds, at most the upper one.
  template <class L>
  static constexpr bool holds_upper_code_of_real = adds_zero_point_in_store<L> && !takes_short_quotient<L>;

 private:
  template <bool OnlyFromAbove, class L>
  XQUANT_INLINE static constexpr L held(L value, const prepared<L>& p) {
    if constexpr (OnlyFromAbove)
      return minimum(p.highest, value);
    else
      return FormatType::keeps_nan || takes_any ? clamp_keep_nan(value, p.lowest, p.highest)
                                                : clamp(value, p.lowest, p.highest);
  }
};

}  // namespace xquant
