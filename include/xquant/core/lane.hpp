// The lane vocabulary: the operations in which every formula of the library is written once.
// A lane is `float` or `double` (scalar engine, CUDA thread) or a SIMD batch (engines/simd). docs/arithmetic.md,
// rule 2.
#pragma once

#include <xquant/core/bits.hpp>

#include <cstddef>

namespace xquant::inline XQUANT_ABI {

/// Specialised for each lane type; the free functions below forward to it, so that a formula means the same whatever
/// was included first. Every operation is correctly rounded or exact (rule 1), which makes all lanes agree in bits.
template <class L>
struct lane_operations;

template <class L>
using real_of = typename lane_operations<L>::real;  ///< float or double
template <class L>
using integer_of = typename lane_operations<L>::integer;  ///< lane of integers as wide as the reals
template <class L>
using mask_of = typename lane_operations<L>::mask;  ///< lane of truth values
template <class L>
inline constexpr std::size_t lane_count = lane_operations<L>::count;  ///< elements in one lane value

// clang-format off
/// One value in every element.
template <class L> XQUANT_INLINE constexpr L broadcast(real_of<L> x) { return lane_operations<L>::broadcast(x); }
template <class L> XQUANT_INLINE constexpr integer_of<L> broadcast_integer(std::int32_t x) { return lane_operations<L>::broadcast_integer(x); }

/// a + b, a - b, a * b, a / b, each rounded to nearest even on its own: a product is never fused into a sum.
template <class L> XQUANT_INLINE constexpr L add(L a, L b) { return lane_operations<L>::add(a, b); }
template <class L> XQUANT_INLINE constexpr L subtract(L a, L b) { return lane_operations<L>::subtract(a, b); }
template <class L> XQUANT_INLINE constexpr L multiply(L a, L b) { return lane_operations<L>::multiply(a, b); }
template <class L> XQUANT_INLINE constexpr L divide(L a, L b) { return lane_operations<L>::divide(a, b); }
/// a / b, where 1/b rounded is at hand, |a/b| is at most 2^10 and b lies in [2^-90, 2^100]. What a rounding to the
/// nearest point of an 8-bit grid makes of the result is what it makes of the correctly rounded quotient (rule 4).
template <class L> XQUANT_INLINE constexpr L short_quotient(L a, L b, L reciprocal) { return lane_operations<L>::short_quotient(a, b, reciprocal); }
/// a < b ? a : b and a > b ? a : b; hence b when either is NaN.
template <class L> XQUANT_INLINE constexpr L minimum(L a, L b) { return lane_operations<L>::minimum(a, b); }
template <class L> XQUANT_INLINE constexpr L maximum(L a, L b) { return lane_operations<L>::maximum(a, b); }
/// a * b as multiply, with +0 in place of -0.
template <class L> XQUANT_INLINE constexpr L multiply_without_sign_of_zero(L a, L b) { return lane_operations<L>::multiply_without_sign_of_zero(a, b); }
/// |a|, and |magnitude| with the sign bit of `sign`.
template <class L> XQUANT_INLINE constexpr L absolute(L a) { return lane_operations<L>::absolute(a); }
template <class L> XQUANT_INLINE constexpr L copy_sign(L magnitude, L sign) { return lane_operations<L>::copy_sign(magnitude, sign); }
/// Nearest integer, ties to even, and the integer toward zero. The sign of a zero result is that of a; NaN and infinities
/// stay what they are.
template <class L> XQUANT_INLINE constexpr L round_even(L a) { return lane_operations<L>::round_even(a); }
template <class L> XQUANT_INLINE constexpr L truncate(L a) { return lane_operations<L>::truncate(a); }
/// round_even as an integer in one step; an integral a to an integer; an integer to a real. |a| below 2^31.
template <class L> XQUANT_INLINE constexpr integer_of<L> round_even_to_integer(L a) { return lane_operations<L>::round_even_to_integer(a); }
template <class L> XQUANT_INLINE constexpr integer_of<L> truncate_to_integer(L a) { return lane_operations<L>::truncate_to_integer(a); }
template <class L> XQUANT_INLINE constexpr L to_real(integer_of<L> a) { return lane_operations<L>::to_real(a); }
/// Comparisons, false when unordered, and choice by their result.
template <class L> XQUANT_INLINE constexpr mask_of<L> less(L a, L b) { return lane_operations<L>::less(a, b); }
template <class L> XQUANT_INLINE constexpr mask_of<L> less_equal(L a, L b) { return lane_operations<L>::less_equal(a, b); }
template <class L> XQUANT_INLINE constexpr mask_of<L> equal(L a, L b) { return lane_operations<L>::equal(a, b); }
template <class L> XQUANT_INLINE constexpr mask_of<L> both(mask_of<L> a, mask_of<L> b) { return lane_operations<L>::both(a, b); }
template <class L> XQUANT_INLINE constexpr L select(mask_of<L> m, L a, L b) { return lane_operations<L>::select(m, a, b); }
template <class L> XQUANT_INLINE constexpr integer_of<L> select_integer(mask_of<L> m, integer_of<L> a, integer_of<L> b) { return lane_operations<L>::select_integer(m, a, b); }
/// Integer arithmetic modulo 2^bits, signed minimum and maximum, bitwise operations, shifts by a constant.
template <class L> XQUANT_INLINE constexpr integer_of<L> add_integer(integer_of<L> a, integer_of<L> b) { return lane_operations<L>::add_integer(a, b); }
template <class L> XQUANT_INLINE constexpr integer_of<L> subtract_integer(integer_of<L> a, integer_of<L> b) { return lane_operations<L>::subtract_integer(a, b); }
template <class L> XQUANT_INLINE constexpr integer_of<L> minimum_integer(integer_of<L> a, integer_of<L> b) { return lane_operations<L>::minimum_integer(a, b); }
template <class L> XQUANT_INLINE constexpr integer_of<L> maximum_integer(integer_of<L> a, integer_of<L> b) { return lane_operations<L>::maximum_integer(a, b); }
template <class L> XQUANT_INLINE constexpr mask_of<L> less_integer(integer_of<L> a, integer_of<L> b) { return lane_operations<L>::less_integer(a, b); }
template <class L> XQUANT_INLINE constexpr integer_of<L> bit_and(integer_of<L> a, integer_of<L> b) { return lane_operations<L>::bit_and(a, b); }
template <class L> XQUANT_INLINE constexpr integer_of<L> bit_or(integer_of<L> a, integer_of<L> b) { return lane_operations<L>::bit_or(a, b); }
template <class L, int Count> XQUANT_INLINE constexpr integer_of<L> shift_left(integer_of<L> a) { return lane_operations<L>::template shift_left<Count>(a); }
template <class L, int Count> XQUANT_INLINE constexpr integer_of<L> shift_right(integer_of<L> a) { return lane_operations<L>::template shift_right<Count>(a); }  ///< zeros enter
/// The bits of a real as an integer and back.
template <class L> XQUANT_INLINE constexpr integer_of<L> to_bits(L a) { return lane_operations<L>::to_bits(a); }
template <class L> XQUANT_INLINE constexpr L from_bits(integer_of<L> a) { return lane_operations<L>::from_bits(a); }
// clang-format on

/// max(lower, min(x, upper)), NaN to lower.
template <class L>
XQUANT_INLINE constexpr L clamp(L x, L lower, L upper) {
  return minimum(maximum(x, lower), upper);
}
/// Whether a lane's conversions send NaN, and all that is too low for an integer, to the least integer, and its stores
/// of 8-bit codes add a zero point with saturation. Then nothing needs to be held from below before a conversion.
template <class L>
inline constexpr bool converts_low_to_least = requires {
  requires lane_operations<L>::converts_low_to_least;
};

/// max(lower, min(x, upper)), NaN stays NaN.
template <class L>
XQUANT_INLINE constexpr L clamp_keep_nan(L x, L lower, L upper) {
  return maximum(lower, minimum(upper, x));
}

}  // namespace xquant
