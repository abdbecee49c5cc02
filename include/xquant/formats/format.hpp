// What a number format is: a code type, the range of its codes, and three lane functions.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/range.hpp>

namespace xquant::inline XQUANT_ABI {

// clang-format off
/// A format F (a regular value; most are empty):
///   using code_type = ...;                       what one code is stored in
///   int32 lower_code(), upper_code()             the integers codes are clamped to before they are stored (int64 where
///                                                is_wide)
///   code_bounds bounds()                         the real values they stand for
///   static constexpr bool is_integer             codes are integers, a zero point may be added to them
///   static constexpr bool keeps_nan              NaN has a code; otherwise it becomes the lowest value
///   static constexpr int quotient_bits           every |v| >= 2^quotient_bits encodes as an infinity would
///   integer_of<L> encode<L>(L v, Round round)    v = x / scale, bounded, to a code before zero point and clamp
///   L decode<L>(integer_of<L> code)              a code (less its zero point) to a real
///   L snap<L>(L v, Round round, L lower, L upper)   decode(encode(v)) without the detour, integer codes held to the
///                                                integral [lower, upper] (codes less the zero point); may give -0
///   status valid()                               refuses a value that is no format (a bit width out of range)
/// and, where it has them,
///   mask_of<L> inside<L>(L v, Round round, integer_of<L> lower, integer_of<L> upper)   whether the rounded v is a code,
///                                                not clamped or saturated to one; NaN is not (clipped and learned
///                                                gradients need it)
///   static constexpr bool has_negative_zero = false   zero has one code, so that fake quantize must give +0
///   static constexpr bool encodes_any_real = true     encode, snap and inside take every v, NaN and infinities too, which
///                                                otherwise are held to +-2^quotient_bits or replaced first
///   static constexpr bool allows_short_quotient = true   (codes of 8 bits) the points where a rounding to nearest changes
///                                                its answer are among those of docs/exhaustive.md, "The short quotient"
///   auto kernel_format()                         a format of the same codes with its bounds as values: kernels are made
///                                                for that one, so that several formats share them
///   static constexpr bool is_plain_integer = true     encode only rounds: engines may saturate in a narrower integer
///   static constexpr bool is_wide = true              codes less a zero point may not fit a lane's integers: zero point
///                                                and clamp are the format's to do (wide_integer.hpp)
/// A format asks `round` and does not know which rounding answers; a rounding does not know which format asks.
// clang-format on
template <class F>
concept Format = requires(const F& f) {
  typename F::code_type;
  {f.lower_code()};
  {f.upper_code()};
  {f.bounds()};
  {f.valid()};
  F::is_integer;
  F::keeps_nan;
  F::quotient_bits;
};

}  // namespace xquant
