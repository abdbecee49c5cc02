// ONNX QuantizeLinear and DequantizeLinear: the operators' text, and what onnx.reference computes where it departs from
// it.
#pragma once

#include <xquant/core/meta.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/presets/conversions/onnx.hpp>
#include <xquant/quantizer.hpp>

#include <cstdint>

namespace xquant::inline XQUANT_ABI::presets::onnx {

/// The quantizer of QuantizeLinear and DequantizeLinear for a format, per tensor unless a granularity is given:
/// `quantize_linear<uint8>`, `quantize_linear<int8, per_axis<>>`, `quantize_linear<e4m3fn>`.
///   y = saturate(round_half_to_even(x / y_scale) + y_zero_point)       x = (y - x_zero_point) * x_scale
/// Integers have a zero point, float formats none. Source: ONNX operators, QuantizeLinear-10 to -25, the scale in
/// float32 and the quotient formed in it. A scale that is NaN, infinite, zero or negative is an error of ours, where
/// the peers divide by it.
template <class FormatType, class... Granularity>
using quantize_linear = quantizer<FormatType, Granularity..., conditional<FormatType::is_integer, affine, symmetric<>>,
                                  nearest_even, divide_by_scale>;

/// float8e4m3fn with saturate = 0: |x / s| > 464 and infinities give NaN with the sign of x. onnx.reference (through
/// ml_dtypes) does the same.
using e4m3fn_or_nan = e4m3fn::with<saturate_0>;

/// What onnx.reference does to integers that the text does not: the rounded quotient becomes an int32 before it is
/// clamped, by numpy's `astype`, and the zero point is added in int32. C leaves the conversion of NaN and of values
/// outside int32 undefined; here it is what x86-64's instruction gives, -2^31, on every machine. So x / s >= 2^31, +inf
/// and NaN take the place of -2^31, and what lies so low that a negative zero point carries it below -2^31 comes out at
/// the high end. Data are float. Use it only to reproduce that peer.
template <class IntegerFormat>
struct reference_integer {
  using code_type = typename IntegerFormat::code_type;
  static constexpr bool is_integer = true;
  static constexpr bool keeps_nan = true;  // up to the conversion
  static constexpr int quotient_bits = 31;

  static constexpr std::int32_t lower_code() noexcept { return IntegerFormat::lower_code(); }
  static constexpr std::int32_t upper_code() noexcept { return IntegerFormat::upper_code(); }
  static constexpr code_bounds bounds() noexcept { return IntegerFormat::bounds(); }
  static constexpr status valid() noexcept { return {}; }

  template <class L, class Round>
  XQUANT_INLINE static constexpr integer_of<L> encode(L v, const Round& round) {
    static_assert(sizeof(real_of<L>) == 4, "xquant::presets::onnx::reference_integer: float data only");
    const mask_of<L> fits = less(absolute(v), broadcast<L>(2147483648.0f));
    const L number = select<L>(fits, v, broadcast<L>(0));
    return select_integer<L>(fits, round.to_integer(number), broadcast_integer<L>(INT32_MIN));
  }
  template <class L>
  XQUANT_INLINE static constexpr L decode(integer_of<L> code) {
    return IntegerFormat::template decode<L>(code);
  }
  template <class L, class Round>
  XQUANT_INLINE static constexpr L snap(L v, const Round& round, L lowest, L highest) {
    const integer_of<L> lower = truncate_to_integer(lowest);
    const integer_of<L> upper = truncate_to_integer(highest);
    // The clamped code is lower + zero point when this is called with lower - zero point: the sum wraps, then is held.
    const integer_of<L> zero_point = subtract_integer<L>(broadcast_integer<L>(lower_code()), lower);
    const integer_of<L> code = add_integer<L>(encode<L>(v, round), zero_point);
    const integer_of<L> held = minimum_integer<L>(maximum_integer<L>(code, broadcast_integer<L>(lower_code())),
                                                  add_integer<L>(upper, zero_point));
    return to_real<L>(subtract_integer<L>(held, zero_point));
  }
  friend constexpr bool operator==(const reference_integer&, const reference_integer&) = default;
};

/// onnx.reference's quantizer for a format: quantize_linear, with its integers.
template <class FormatType>
struct reference_format_trait {
  using type = FormatType;
};
template <class FormatType>
requires FormatType::is_integer struct reference_format_trait<FormatType> {
  using type = reference_integer<FormatType>;
};
template <class FormatType, class... Granularity>
using reference_quantize_linear = quantize_linear<typename reference_format_trait<FormatType>::type, Granularity...>;

}  // namespace xquant::presets::onnx
