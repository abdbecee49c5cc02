// Signed and unsigned integers of 17 to 32 bits: biases and accumulators. Neither float nor an int32 lane holds their
// codes less a zero point, so they are compared before they are converted, and add and clamp by themselves.
#pragma once

#include <xquant/formats/integer.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {

// A 33-bit integer in every lane: modulo 2^32 where lanes have 32 bits.
template <class L>
XQUANT_INLINE constexpr integer_of<L> broadcast_wide(std::int64_t x) {
  return add_integer<L>(shift_left<L, 16>(broadcast_integer<L>(static_cast<std::int32_t>(x >> 16))),
                        broadcast_integer<L>(static_cast<std::int32_t>(x & 0xffff)));
}

// The integral v, |v| <= 2^33, as such an integer.
template <class L>
XQUANT_INLINE constexpr integer_of<L> wide_to_integer(L v) {
  const L high = truncate(multiply(v, broadcast<L>(power_of_two<real_of<L>>(-16))));
  const L low = subtract(v, multiply(high, broadcast<L>(65536)));
  return add_integer<L>(shift_left<L, 16>(truncate_to_integer(high)), truncate_to_integer(low));
}

// The halves of a 32-bit lane: x = high * 2^16 + low, 0 <= low < 2^16.
template <bool IsSigned, class L>
XQUANT_INLINE constexpr integer_of<L> high_half(integer_of<L> x) {
  const integer_of<L> high = shift_right<L, 16>(x);
  if constexpr (!IsSigned) return high;
  const integer_of<L> sign = broadcast_integer<L>(0x8000);
  return subtract_integer<L>(bit_and<L>(add_integer<L>(high, sign), broadcast_integer<L>(0xffff)), sign);
}
template <class L>
XQUANT_INLINE constexpr integer_of<L> low_half(integer_of<L> x) {
  return bit_and<L>(x, broadcast_integer<L>(0xffff));
}

// A bound of the codes less the zero point, as reals: the nearest one, and the nearest not below and not above it.
template <class L>
struct wide_step {
  L nearest;
  L not_below;
  L not_above;
};

template <class L>
XQUANT_INLINE constexpr wide_step<L> wide_step_of(std::int64_t bound, integer_of<L> zero_point) {
  if constexpr (sizeof(real_of<L>) == 8) {
    const L exact = to_real<L>(subtract_integer<L>(broadcast_wide<L>(bound), zero_point));
    return {exact, exact, exact};
  } else {
    const auto part = [](std::int64_t x) { return broadcast_integer<L>(static_cast<std::int32_t>(x)); };
    const L high = multiply(to_real<L>(subtract_integer<L>(part(bound >> 16), high_half<true, L>(zero_point))),
                            broadcast<L>(65536));
    const L low = to_real<L>(subtract_integer<L>(part(bound & 0xffff), low_half<L>(zero_point)));
    const L nearest = add(high, low);
    // What the sum lost, exactly, since |high| is 0 or above |low|; a sum that lost something is not 0.
    const L lost = subtract(low, subtract(nearest, high));
    const L zero = broadcast<L>(0);
    const integer_of<L> one = broadcast_integer<L>(1);
    const integer_of<L> minus_one = broadcast_integer<L>(-1);
    const auto is_negative = less(nearest, zero);
    const L above = from_bits<L>(add_integer<L>(to_bits(nearest), select_integer<L>(is_negative, minus_one, one)));
    const L below = from_bits<L>(add_integer<L>(to_bits(nearest), select_integer<L>(is_negative, one, minus_one)));
    return {nearest, select<L>(less(zero, lost), above, nearest), select<L>(less(lost, zero), below, nearest)};
  }
}

}  // namespace detail

/// What the codes in use are, less the zero point of a slot.
template <class L>
struct wide_bounds {
  detail::wide_step<L> lowest;
  detail::wide_step<L> highest;
  integer_of<L> lower;  ///< the codes themselves, modulo 2^32 in lanes of 32 bits
  integer_of<L> upper;
};

/// What all integers kept in 32 bits share; docs/arithmetic.md, rules 3 to 6.
///   code = clamp(round(v) + zero_point, lower, upper), exactly
///   real = fl(fl(code - zero_point) * scale)        the difference is exact; with float data it is rounded once
/// NaN becomes the lowest code, infinities the ends of the range, -0 the code of 0. Zero points are int32, also of
/// unsigned codes.
template <class Code>
struct wide_integer_codes {
  static_assert(sizeof(Code) == 4);
  using code_type = Code;
  static constexpr bool is_integer = true;
  static constexpr bool keeps_nan = false;
  static constexpr bool has_negative_zero = false;
  static constexpr bool is_wide = true;
  static constexpr int quotient_bits = 33;
  static constexpr bool is_signed = Code(-1) < Code(0);
  static constexpr std::int64_t storage_lower = is_signed ? -(std::int64_t{1} << 31) : 0;
  static constexpr std::int64_t storage_upper = storage_lower + (std::int64_t{1} << 32) - 1;

  template <class L>
  XQUANT_INLINE static constexpr wide_bounds<L> bounds_from(std::int64_t lower, std::int64_t upper,
                                                            integer_of<L> zero_point) {
    return {detail::wide_step_of<L>(lower, zero_point), detail::wide_step_of<L>(upper, zero_point),
            detail::broadcast_wide<L>(lower), detail::broadcast_wide<L>(upper)};
  }

  /// The code of v, |v| <= 2^33, with the zero point added and held to the codes in use.
  template <class L, class Round>
  XQUANT_INLINE static constexpr integer_of<L> encode_from(L v, const Round& round, integer_of<L> zero_point,
                                                           const wide_bounds<L>& b) {
    const L steps = round(v);
    integer_of<L> code = add_integer<L>(detail::wide_to_integer(steps), zero_point);
    code = select_integer<L>(less(steps, b.lowest.not_below), b.lower, code);
    return select_integer<L>(less(b.highest.not_above, steps), b.upper, code);
  }
  /// code - zero_point, rounded once where the reals have fewer bits.
  template <class L>
  XQUANT_INLINE static constexpr L decode_from(integer_of<L> code, integer_of<L> zero_point) {
    if constexpr (sizeof(real_of<L>) == 8) {
      return to_real<L>(subtract_integer<L>(code, zero_point));
    } else {
      const L high = to_real<L>(
          subtract_integer<L>(detail::high_half<is_signed, L>(code), detail::high_half<true, L>(zero_point)));
      const L low = to_real<L>(subtract_integer<L>(detail::low_half<L>(code), detail::low_half<L>(zero_point)));
      return add(multiply(high, broadcast<L>(65536)), low);
    }
  }
  template <class L, class Round>
  XQUANT_INLINE static constexpr mask_of<L> inside_of(L v, const Round& round, const wide_bounds<L>& b) {
    const L steps = round(v);
    return both<L>(less_equal(b.lowest.not_below, steps), less_equal(steps, b.highest.not_above));
  }

  // What every format has: without zero point, held to what `Code` stores.
  template <class L, class Round>
  XQUANT_INLINE static constexpr integer_of<L> encode(L v, const Round& round) {
    const L most = broadcast<L>(power_of_two<real_of<L>>(quotient_bits));
    const integer_of<L> zero = broadcast_integer<L>(0);
    return encode_from<L>(clamp(v, subtract(broadcast<L>(0), most), most), round, zero,
                          bounds_from<L>(storage_lower, storage_upper, zero));
  }
  template <class L>
  XQUANT_INLINE static constexpr L decode(integer_of<L> code) {
    return decode_from<L>(code, broadcast_integer<L>(0));
  }
  // The nearest reals do for bounds: an integral real beyond a bound is not below the real nearest to it.
  template <class L, class Round>
  XQUANT_INLINE static constexpr L snap(L v, const Round& round, L lowest, L highest) {
    return minimum(maximum(round(v), lowest), highest);
  }
  friend constexpr bool operator==(const wide_integer_codes&, const wide_integer_codes&) = default;
};

/// Integers of 32 bits held to [lower, upper].
template <class Code>
requires(sizeof(Code) == 4) struct stored_integer<Code> : wide_integer_codes<Code> {
  std::int64_t lower = wide_integer_codes<Code>::storage_lower;
  std::int64_t upper = wide_integer_codes<Code>::storage_upper;

  constexpr stored_integer() noexcept = default;
  constexpr stored_integer(std::int64_t lowest, std::int64_t highest) noexcept : lower(lowest), upper(highest) {}

  constexpr std::int64_t lower_code() const noexcept { return lower; }
  constexpr std::int64_t upper_code() const noexcept { return upper; }
  constexpr code_bounds bounds() const noexcept {
    return {static_cast<double>(lower), static_cast<double>(upper), true};
  }
  constexpr status valid() const noexcept {
    if (lower < this->storage_lower)
      return fault(errc::bits_out_of_range, "format.lower", static_cast<double>(lower),
                   "a bound the storage type can hold");
    if (upper > this->storage_upper)
      return fault(errc::bits_out_of_range, "format.upper", static_cast<double>(upper),
                   "a bound the storage type can hold");
    if (lower >= upper)
      return fault(errc::bits_out_of_range, "format.lower", static_cast<double>(lower), "a bound below the upper one");
    return {};
  }
  friend constexpr bool operator==(const stored_integer&, const stored_integer&) = default;
};

/// The integers of 17 to 32 bits.
template <int Bits, bool IsSigned>
requires(Bits > 16 && Bits <= 32) struct integer<Bits, IsSigned>
    : wide_integer_codes<conditional<IsSigned, std::int32_t, std::uint32_t>> {
  static constexpr std::int64_t lower_code() noexcept { return IsSigned ? -(std::int64_t{1} << (Bits - 1)) : 0; }
  static constexpr std::int64_t upper_code() noexcept { return lower_code() + (std::int64_t{1} << Bits) - 1; }
  static constexpr code_bounds bounds() noexcept { return kernel_format().bounds(); }
  static constexpr status valid() noexcept { return {}; }
  static constexpr stored_integer<conditional<IsSigned, std::int32_t, std::uint32_t>> kernel_format() noexcept {
    return {lower_code(), upper_code()};
  }
  friend constexpr bool operator==(const integer&, const integer&) = default;
};

using int32 = integer<32, true>;
using uint32 = integer<32, false>;

}  // namespace xquant
