// float and double as lanes: the scalar engine's, a CUDA thread's, and the definition of every lane operation.
#pragma once

#include <xquant/core/lane.hpp>

namespace xquant::inline XQUANT_ABI {

/// The operations of core/lane.hpp on one value: plain C++, and so their definition.
template <class Real>
struct scalar_lane {
  using real = Real;
  using integer = typename real_traits<Real>::integer;
  using mask = bool;
  static constexpr std::size_t count = 1;

 private:
  using traits = real_traits<Real>;
  // Keeps a value from being seen through: the compiler may not fuse the product behind it into a later sum.
  XQUANT_INLINE static constexpr Real rounded(Real x) {
#if !defined(__CUDA_ARCH__)
    if (!__builtin_is_constant_evaluated()) {
#if defined(__x86_64__)
      asm("" : "+x"(x));
#elif defined(__aarch64__)
      asm("" : "+w"(x));
#endif
    }
#endif
    return x;
  }

 public:
  // clang-format off
  XQUANT_INLINE static constexpr Real broadcast(Real x) { return x; }
  XQUANT_INLINE static constexpr integer broadcast_integer(std::int32_t x) { return x; }
  XQUANT_INLINE static constexpr Real add(Real a, Real b) { return a + b; }
  XQUANT_INLINE static constexpr Real subtract(Real a, Real b) { return a - b; }
  XQUANT_INLINE static constexpr Real multiply(Real a, Real b) {
#if defined(__CUDA_ARCH__)
    if constexpr (sizeof(Real) == 4) return __fmul_rn(a, b); else return __dmul_rn(a, b);
#else
    return rounded(a * b);
#endif
  }
  XQUANT_INLINE static constexpr Real divide(Real a, Real b) {
#if defined(__CUDA_ARCH__)
    if constexpr (sizeof(Real) == 4) return __fdiv_rn(a, b); else return __ddiv_rn(a, b);
#else
    return a / b;
#endif
  }
  XQUANT_INLINE static constexpr Real short_quotient(Real a, Real b, Real) { return divide(a, b); }
  XQUANT_INLINE static constexpr Real multiply_without_sign_of_zero(Real a, Real b) { return multiply(a, b) + Real(0); }
  XQUANT_INLINE static constexpr Real minimum(Real a, Real b) { return a < b ? a : b; }
  XQUANT_INLINE static constexpr Real maximum(Real a, Real b) { return a > b ? a : b; }
  XQUANT_INLINE static constexpr Real absolute(Real a) { return from_bits(to_bits(a) & ~sign_bit); }
  XQUANT_INLINE static constexpr Real copy_sign(Real a, Real s) { return from_bits((to_bits(a) & ~sign_bit) | (to_bits(s) & sign_bit)); }
  XQUANT_INLINE static constexpr Real round_even(Real a) {
#if defined(__CUDA_ARCH__)
    if constexpr (sizeof(Real) == 4) return ::rintf(a); else return ::rint(a);
#else
    const Real magnitude = absolute(a);
    if (!(magnitude < shifted)) return a;
    return copy_sign(rounded(magnitude + shifted) - shifted, a);
#endif
  }
  XQUANT_INLINE static constexpr Real truncate(Real a) {
#if defined(__CUDA_ARCH__)
    if constexpr (sizeof(Real) == 4) return ::truncf(a); else return ::trunc(a);
#else
    if (!(absolute(a) < shifted)) return a;
    return copy_sign(static_cast<Real>(static_cast<std::int64_t>(a)), a);
#endif
  }
  XQUANT_INLINE static constexpr integer round_even_to_integer(Real a) {
#if defined(__CUDA_ARCH__)
    if constexpr (sizeof(Real) == 4) return __float2int_rn(a); else return __double2ll_rn(a);
#else
    return static_cast<integer>(round_even(a));
#endif
  }
  XQUANT_INLINE static constexpr integer truncate_to_integer(Real a) { return static_cast<integer>(a); }
  XQUANT_INLINE static constexpr Real to_real(integer a) { return static_cast<Real>(a); }
  XQUANT_INLINE static constexpr bool less(Real a, Real b) { return a < b; }
  XQUANT_INLINE static constexpr bool less_equal(Real a, Real b) { return a <= b; }
  XQUANT_INLINE static constexpr bool equal(Real a, Real b) { return a == b; }
  XQUANT_INLINE static constexpr bool both(bool a, bool b) { return a && b; }
  XQUANT_INLINE static constexpr Real select(bool m, Real a, Real b) { return m ? a : b; }
  XQUANT_INLINE static constexpr integer select_integer(bool m, integer a, integer b) { return m ? a : b; }
  XQUANT_INLINE static constexpr integer add_integer(integer a, integer b) { return static_cast<integer>(bits(a) + bits(b)); }
  XQUANT_INLINE static constexpr integer subtract_integer(integer a, integer b) { return static_cast<integer>(bits(a) - bits(b)); }
  XQUANT_INLINE static constexpr integer minimum_integer(integer a, integer b) { return a < b ? a : b; }
  XQUANT_INLINE static constexpr integer maximum_integer(integer a, integer b) { return a > b ? a : b; }
  XQUANT_INLINE static constexpr bool less_integer(integer a, integer b) { return a < b; }
  XQUANT_INLINE static constexpr integer bit_and(integer a, integer b) { return a & b; }
  XQUANT_INLINE static constexpr integer bit_or(integer a, integer b) { return a | b; }
  template <int Count> XQUANT_INLINE static constexpr integer shift_left(integer a) { return static_cast<integer>(bits(a) << Count); }
  template <int Count> XQUANT_INLINE static constexpr integer shift_right(integer a) { return static_cast<integer>(bits(a) >> Count); }
  XQUANT_INLINE static constexpr integer to_bits(Real a) { return bit_cast<integer>(a); }
  XQUANT_INLINE static constexpr Real from_bits(integer a) { return bit_cast<Real>(a); }
  // clang-format on

 private:
  // Added to and taken from a smaller magnitude, it leaves the nearest integer, ties to even.
  static constexpr Real shifted = static_cast<Real>(integer(1) << traits::mantissa_bits);
  static constexpr integer sign_bit =
      -(integer(1) << (sizeof(integer) * 8 - 2)) - (integer(1) << (sizeof(integer) * 8 - 2));
  XQUANT_INLINE static constexpr auto bits(integer a) {
    if constexpr (sizeof(integer) == 4)
      return static_cast<std::uint32_t>(a);
    else
      return static_cast<std::uint64_t>(a);
  }
};

template <>
struct lane_operations<float> : scalar_lane<float> {};
template <>
struct lane_operations<double> : scalar_lane<double> {};

}  // namespace xquant
