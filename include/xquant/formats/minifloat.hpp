// Small floating-point formats kept in one byte: a sign, a few exponent bits, a few mantissa bits.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/range.hpp>

namespace xquant::inline XQUANT_ABI {

/// Sign, `Exponent` and `Mantissa` bits with bias `Bias`; the code of all ones is NaN and there is no infinity ("fn":
/// finite, NaN). docs/arithmetic.md, rule 7.
///
/// One grid idea: the step at v is 2^(e - Mantissa), e the exponent of v but at least that of the smallest normal. Then
/// |code| = ((e - e_min) << Mantissa) + |round(v / step)|: carries into the exponent and subnormals come out right
/// without a branch, under every rounding. Finite values beyond the largest, and infinities, saturate; NaN stays NaN;
/// the sign of zero is kept. No subnormal of the lane's own type is touched.
template <int Exponent, int Mantissa, int Bias>
struct finite_minifloat {
  static_assert(Exponent >= 2 && Exponent <= 5 && Mantissa >= 1 && 1 + Exponent + Mantissa <= 8);
  using code_type = std::uint8_t;
  static constexpr bool is_integer = false;
  static constexpr bool keeps_nan = true;
  static constexpr int lowest_exponent = 1 - Bias;                     // of a normal number
  static constexpr int highest_exponent = (1 << Exponent) - 1 - Bias;  // the all-ones exponent is a number
  static constexpr int quotient_bits = highest_exponent + 2;
  static constexpr std::int32_t sign_code = 1 << (Exponent + Mantissa);
  static constexpr std::int32_t nan_code = sign_code - 1;
  static constexpr std::int32_t largest_code = nan_code - 1;

  static constexpr std::int32_t lower_code() noexcept { return 0; }
  static constexpr std::int32_t upper_code() noexcept { return 2 * sign_code - 1; }
  XQUANT_INLINE static constexpr double largest() noexcept {
    return (2.0 - 2.0 / (1 << Mantissa)) * power_of_two<double>(highest_exponent);
  }
  static constexpr code_bounds bounds() noexcept { return {-largest(), largest(), false}; }
  static constexpr status valid() noexcept { return {}; }

 private:
  template <class L>
  struct grid {
    integer_of<L> exponent;  // biased as in the lane's type, at least that of the smallest normal
    L inverse_step;
    L step;
  };

  template <class L>
  XQUANT_INLINE static constexpr integer_of<L> biased(int exponent) {
    return broadcast_integer<L>(exponent + real_traits<real_of<L>>::bias);
  }

  // v is finite and below 2^quotient_bits.
  template <class L>
  XQUANT_INLINE static constexpr grid<L> grid_at(L v) {
    constexpr int mantissa = real_traits<real_of<L>>::mantissa_bits;
    constexpr int bias = real_traits<real_of<L>>::bias;
    const integer_of<L> own = shift_right<L, mantissa>(to_bits(absolute(v)));
    const integer_of<L> e = maximum_integer<L>(own, biased<L>(lowest_exponent));
    const integer_of<L> step = shift_left<L, mantissa>(subtract_integer<L>(e, broadcast_integer<L>(Mantissa)));
    const integer_of<L> inverse =
        shift_left<L, mantissa>(subtract_integer<L>(broadcast_integer<L>(2 * bias + Mantissa), e));
    return {e, from_bits<L>(inverse), from_bits<L>(step)};
  }

 public:
  template <class L, class Round>
  XQUANT_INLINE static constexpr integer_of<L> encode(L v, const Round& round) {
    const auto is_number = equal(v, v);
    const L number = select<L>(is_number, v, broadcast<L>(0));
    const grid<L> g = grid_at(number);
    const integer_of<L> steps = truncate_to_integer(absolute(round(multiply(number, g.inverse_step))));
    integer_of<L> code =
        add_integer<L>(shift_left<L, Mantissa>(subtract_integer<L>(g.exponent, biased<L>(lowest_exponent))), steps);
    code = minimum_integer<L>(code, broadcast_integer<L>(largest_code));
    code = select_integer<L>(is_number, code, broadcast_integer<L>(nan_code));
    constexpr int to_code_sign = 8 * static_cast<int>(sizeof(real_of<L>)) - 1 - (Exponent + Mantissa);
    return bit_or<L>(code, bit_and<L>(shift_right<L, to_code_sign>(to_bits(v)), broadcast_integer<L>(sign_code)));
  }

  template <class L>
  XQUANT_INLINE static constexpr L decode(integer_of<L> code) {
    constexpr int mantissa = real_traits<real_of<L>>::mantissa_bits;
    const integer_of<L> magnitude = bit_and<L>(code, broadcast_integer<L>(nan_code));
    const integer_of<L> e = maximum_integer<L>(shift_right<L, Mantissa>(magnitude), broadcast_integer<L>(1));
    const integer_of<L> below = shift_left<L, Mantissa>(subtract_integer<L>(e, broadcast_integer<L>(1)));
    const L steps = to_real<L>(subtract_integer<L>(magnitude, below));
    const L step = from_bits<L>(shift_left<L, mantissa>(add_integer<L>(e, biased<L>(lowest_exponent - 1 - Mantissa))));
    const L value = multiply(steps, step);
    const auto is_number = less_integer<L>(magnitude, broadcast_integer<L>(nan_code));
    const L result = select<L>(is_number, value, broadcast<L>(__builtin_nanf("")));
    constexpr int to_real_sign = 8 * static_cast<int>(sizeof(real_of<L>)) - 1 - (Exponent + Mantissa);
    return copy_sign(result, from_bits<L>(shift_left<L, to_real_sign>(code)));
  }

  template <class L, class Round>
  XQUANT_INLINE static constexpr L snap(L v, const Round& round, L, L) {
    const auto is_number = equal(v, v);
    const L number = select<L>(is_number, v, broadcast<L>(0));
    const grid<L> g = grid_at(number);
    const L magnitude = multiply(absolute(round(multiply(number, g.inverse_step))), g.step);
    const L held = minimum(magnitude, broadcast<L>(static_cast<real_of<L>>(largest())));
    return select<L>(is_number, copy_sign(held, number), v);
  }
  template <class L, class Round>
  XQUANT_INLINE static constexpr mask_of<L> inside(L v, const Round& round, integer_of<L>, integer_of<L>) {
    const L number = select<L>(equal(v, v), v, broadcast<L>(real_traits<real_of<L>>::max));
    const L held = minimum(absolute(number), broadcast<L>(power_of_two<real_of<L>>(quotient_bits)));
    const grid<L> g = grid_at(held);
    const L magnitude = multiply(absolute(round(multiply(copy_sign(held, number), g.inverse_step))), g.step);
    return less_equal(magnitude, broadcast<L>(static_cast<real_of<L>>(largest())));
  }
  friend constexpr bool operator==(const finite_minifloat&, const finite_minifloat&) = default;
};

/// OFP8 E4M3: bias 7, largest 448, smallest normal 2^-6, smallest subnormal 2^-9, NaN S.1111.111, no infinity.
/// "OCP 8-bit Floating Point Specification (OFP8)", revision 1.0; ONNX float8e4m3fn with saturate = 1.
using e4m3fn = finite_minifloat<4, 3, 7>;

}  // namespace xquant
