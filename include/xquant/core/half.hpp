// float16 and bfloat16: two ways to keep a real in 16 bits, as elements of tensors. Arithmetic on them is arithmetic on
// float. The conversions are written over a lane, so that every engine reads and writes the same bits.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/meta.hpp>
#include <xquant/core/scalar_lane.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {

/// An IEEE 754 interchange layout of 16 bits: sign, exponent, `Mantissa` bits, bias `Bias`.
template <int Mantissa, int Bias>
struct half_layout {
  static constexpr std::int32_t infinity = 0x7fff >> Mantissa << Mantissa;

  /// The 16 bits in the low end of each integer to a real: exact, a NaN becomes quiet.
  template <class L>
  XQUANT_INLINE static constexpr L widen(integer_of<L> bits) {
    using traits = real_traits<real_of<L>>;
    constexpr int dropped = traits::mantissa_bits - Mantissa;
    constexpr int to_sign = 8 * static_cast<int>(sizeof(real_of<L>)) - 16;
    const integer_of<L> magnitude = bit_and<L>(bits, broadcast_integer<L>(0x7fff));
    const integer_of<L> sign = shift_left<L, to_sign>(bit_and<L>(bits, broadcast_integer<L>(0x8000)));
    const mask_of<L> is_number = less_integer<L>(magnitude, broadcast_integer<L>(infinity));
    const mask_of<L> is_nan = less_integer<L>(broadcast_integer<L>(infinity), magnitude);
    const integer_of<L> quiet =
        select_integer<L>(is_nan, broadcast_integer<L>(1 << (Mantissa - 1)), broadcast_integer<L>(0));
    if constexpr (Bias == traits::bias) {
      return from_bits<L>(bit_or<L>(shift_left<L, dropped>(bit_or<L>(magnitude, quiet)), sign));
    } else {
      // Steps of 2^(e - Bias - Mantissa): no subnormal of the lane's own type is touched.
      const integer_of<L> one = broadcast_integer<L>(1);
      const integer_of<L> e = maximum_integer<L>(shift_right<L, Mantissa>(magnitude), one);
      const L steps = to_real<L>(subtract_integer<L>(magnitude, shift_left<L, Mantissa>(subtract_integer<L>(e, one))));
      const L step = from_bits<L>(shift_left<L, traits::mantissa_bits>(
          add_integer<L>(e, broadcast_integer<L>(traits::bias - Bias - Mantissa))));
      const integer_of<L> special =
          bit_or<L>(shift_left<L, dropped>(bit_or<L>(magnitude, quiet)),
                    shift_left<L, traits::mantissa_bits>(broadcast_integer<L>(2 * traits::bias + 1)));
      return from_bits<L>(bit_or<L>(select_integer<L>(is_number, to_bits(multiply(steps, step)), special), sign));
    }
  }

  /// The nearest 16-bit float, ties to even, in the low end of each integer: one rounding, subnormals kept, overflow to
  /// infinity, a NaN becomes quiet and keeps its sign and upper bits.
  template <class L>
  XQUANT_INLINE static constexpr integer_of<L> narrow(L x) {
    using traits = real_traits<real_of<L>>;
    constexpr int dropped = traits::mantissa_bits - Mantissa;
    constexpr int to_sign = 8 * static_cast<int>(sizeof(real_of<L>)) - 16;
    const L a = absolute(x);
    const integer_of<L> magnitude = to_bits(a);
    const integer_of<L> sign = bit_and<L>(shift_right<L, to_sign>(to_bits(x)), broadcast_integer<L>(0x8000));
    const integer_of<L> odd = bit_and<L>(shift_right<L, dropped>(magnitude), broadcast_integer<L>(1));
    const integer_of<L> almost_half =
        subtract_integer<L>(shift_left<L, dropped - 1>(broadcast_integer<L>(1)), broadcast_integer<L>(1));
    // Carries run from the mantissa into the exponent, and past the largest number into the code of infinity.
    integer_of<L> code = shift_right<L, dropped>(add_integer<L>(add_integer<L>(magnitude, almost_half), odd));
    if constexpr (Bias != traits::bias) {
      code = subtract_integer<L>(code, broadcast_integer<L>((traits::bias - Bias) << Mantissa));
      code = minimum_integer<L>(code, broadcast_integer<L>(infinity));
      // Below the smallest normal: a sum whose last bit is worth one subnormal step rounds for us.
      const L steps_at = broadcast<L>(power_of_two<real_of<L>>(1 - Bias - Mantissa + traits::mantissa_bits));
      const integer_of<L> steps = subtract_integer<L>(to_bits(add(a, steps_at)), to_bits(steps_at));
      code = select_integer<L>(less(a, broadcast<L>(power_of_two<real_of<L>>(1 - Bias))), steps, code);
    }
    const integer_of<L> nan =
        bit_or<L>(bit_and<L>(shift_right<L, dropped>(magnitude), broadcast_integer<L>((1 << Mantissa) - 1)),
                  broadcast_integer<L>(infinity | 1 << (Mantissa - 1)));
    return bit_or<L>(select_integer<L>(equal(x, x), code, nan), sign);
  }
};

}  // namespace detail

/// A real in the 16 bits of `Layout`. Made of a float or double by one rounding to nearest, ties to even (never by way
/// of float), too large ones to infinity, NaN quiet; becomes a float of itself, which is exact, so that it compares and
/// computes as float. Size and alignment are those of uint16_t.
template <class Layout>
class half_real {
 public:
  using layout = Layout;

  half_real() = default;
  XQUANT_INLINE explicit constexpr half_real(float x) noexcept
      : bits_(static_cast<std::uint16_t>(Layout::template narrow<float>(x))) {}
  XQUANT_INLINE explicit constexpr half_real(double x) noexcept
      : bits_(static_cast<std::uint16_t>(Layout::template narrow<double>(x))) {}
  XQUANT_INLINE constexpr operator float() const noexcept { return Layout::template widen<float>(bits_); }

  XQUANT_INLINE static constexpr half_real from_bits(std::uint16_t bits) noexcept {
    half_real h(0.0f);
    h.bits_ = bits;
    return h;
  }
  [[nodiscard]] XQUANT_INLINE constexpr std::uint16_t bits() const noexcept { return bits_; }

 private:
  std::uint16_t bits_;
};

/// IEEE 754 binary16: 5 exponent bits, 10 of mantissa; largest 65504, smallest normal 2^-14, smallest subnormal 2^-24.
using float16 = half_real<detail::half_layout<10, 15>>;
/// The upper half of a float: 8 exponent bits, 7 of mantissa; largest 3.39e38, smallest subnormal 2^-133.
using bfloat16 = half_real<detail::half_layout<7, 127>>;

namespace detail {
template <class T>
inline constexpr bool is_half = false;
template <class Layout>
inline constexpr bool is_half<half_real<Layout>> = true;

template <class T>
struct lane_real_trait {
  using type = T;
};
template <class Layout>
struct lane_real_trait<half_real<Layout>> {
  using type = float;
};
}  // namespace detail

/// The real that elements of type T are computed in: float for the 16-bit floats, T itself for float and double.
template <class T>
using lane_real = typename detail::lane_real_trait<T>::type;

}  // namespace xquant
