// ONNX QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear: the operators' text, and what onnx.reference
// computes where it departs from it.
#pragma once

#include <xquant/core/half.hpp>
#include <xquant/core/meta.hpp>
#include <xquant/core/packed_view.hpp>
#include <xquant/formats/float4.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/presets/conversions/ml_dtypes.hpp>
#include <xquant/presets/conversions/onnx.hpp>
#include <xquant/quantizer.hpp>

#include <cstddef>
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

/// A float format with saturate = 0: beyond the largest number NaN with the sign of x, or an infinity where the format
/// has one. onnx.reference (through ml_dtypes) does the same.
template <class FormatType>
using unsaturated = typename FormatType::template with<saturate_0>;

/// float8e4m3fn with saturate = 0: |x / s| > 464 and infinities give NaN.
using e4m3fn_or_nan = unsaturated<e4m3fn>;

/// x / y_scale rounded to float16 before anything else: the quotient where x and the scale are float16 (or `precision`
/// says so). onnx.reference has it, ONNX Runtime divides in float.
struct divide_in_float16 {
  using policy_category = category::arithmetic;
  static constexpr bool multiplies_by_reciprocal = false;

  template <bool Short, class L>
  XQUANT_INLINE static constexpr L quotient(L x, L scale, L /*reciprocal*/) {
    return float16::layout::widen<L>(float16::layout::narrow<L>(divide(x, scale)));
  }
  friend constexpr bool operator==(const divide_in_float16&, const divide_in_float16&) = default;
};

/// quantize_linear for float16 data and scales.
template <class FormatType, class... Granularity>
using quantize_linear_in_float16 =
    quantizer<FormatType, Granularity..., conditional<FormatType::is_integer, affine, symmetric<>>, nearest_even,
              divide_in_float16>;

/// DynamicQuantizeLinear-11, a scheme for calibration/dynamic_quantize.hpp: with the range widened to zero,
///   scale = (max - min) / (upper - lower), zero point = rne(clamp(lower - min / scale, lower, upper)),
/// each step in the type of the data: saturated first, then rounded. The text has no guard for max == min; `Degenerate`
/// is the range it then has in place of 0: 255, so that the scale is 1 (ONNX Runtime), or 1 (onnx.reference).
template <int Degenerate = 255>
struct dynamic_range {
  using policy_category = category::scheme;
  static constexpr bool has_zero_point = true;
  static constexpr std::int32_t lowest_code(std::int32_t lower, std::int32_t) noexcept { return lower; }

  template <class Real>
  static constexpr scale_and_zero_point<Real> parameters(const range<Real>& r, const code_bounds& codes) noexcept {
    const Real low = r.minimum < 0 ? r.minimum : Real(0);
    const Real high = r.maximum > 0 ? r.maximum : Real(0);
    const auto lower = static_cast<Real>(codes.lower);
    const auto upper = static_cast<Real>(codes.upper);
    const Real scale = divide<Real>(high == low ? Real(Degenerate) : high - low, upper - lower);
    const Real zero = lower - divide<Real>(low, scale);
    return {scale, round_even_to_integer<Real>(zero < lower ? lower : zero > upper ? upper : zero)};
  }
  friend constexpr bool operator==(const dynamic_range&, const dynamic_range&) = default;
};

using dynamic_quantize_linear = quantizer<uint8, per_tensor, dynamic_range<>>;
using reference_dynamic_quantize_linear = quantizer<uint8, per_tensor, dynamic_range<1>>;

/// What onnx.reference does to integers that the text does not: the rounded quotient becomes an int32 before it is
/// clamped, by numpy's `astype`, and the zero point is added in int32. C leaves the conversion of NaN and of values
/// outside int32 undefined; here it is what x86-64's instruction gives, -2^31, on every machine. So x / s >= 2^31, +inf
/// and NaN take the place of -2^31, and what lies so low that a negative zero point carries it below -2^31 comes out at
/// the high end. Data are float. Use it only to reproduce that peer.
template <class IntegerFormat>
struct reference_integer {
  IntegerFormat format{};

  using code_type = typename IntegerFormat::code_type;
  static constexpr bool is_integer = true;
  static constexpr bool keeps_nan = true;  // up to the conversion
  static constexpr int quotient_bits = 31;

  constexpr std::int32_t lower_code() const noexcept { return format.lower_code(); }
  constexpr std::int32_t upper_code() const noexcept { return format.upper_code(); }
  constexpr code_bounds bounds() const noexcept { return format.bounds(); }
  constexpr status valid() const noexcept { return format.valid(); }
  constexpr auto kernel_format() const noexcept {
    return reference_integer<stored_integer<code_type>>{{format.lower_code(), format.upper_code()}};
  }

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
  XQUANT_INLINE constexpr L snap(L v, const Round& round, L lowest, L highest) const {
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

/// onnx.reference's float4e2m1: ml_dtypes' conversion of the quotient plus a zero point of +0, which leaves no -0. NaN
/// becomes -0, or +0 if its sign bit is set, where the text has +6.
struct reference_float4_conversion : ml_dtypes::conversion {
  template <class L>
  XQUANT_INLINE static constexpr L before(L v) {
    return add(v, broadcast<L>(0));
  }
};
using reference_float4 = e2m1::with<reference_float4_conversion>;

/// onnx.reference's format for one of ours, and its quantizer: quantize_linear, with its integers.
template <class FormatType>
struct reference_format_trait {
  using type = FormatType;
};
template <class FormatType>
requires FormatType::is_integer struct reference_format_trait<FormatType> {
  using type = reference_integer<FormatType>;
};
template <>
struct reference_format_trait<e2m1> {
  using type = reference_float4;
};
template <class FormatType>
using reference_format = typename reference_format_trait<FormatType>::type;
template <class FormatType, class... Granularity>
using reference_quantize_linear = quantize_linear<reference_format<FormatType>, Granularity...>;

/// How ONNX keeps codes of `bits` = 2 or 4 bits in bytes: the first in the low end, the last byte filled with zeros,
/// over the whole tensor in row-major order. Writes ceil(count / (8 / bits)) bytes.
template <class Code>
constexpr void pack(const Code* codes, std::size_t count, int bits, std::uint8_t* bytes) noexcept {
  const std::size_t used = packed_view<1>::bytes(shape(count * static_cast<std::size_t>(bits)));
  for (std::size_t i = 0; i < used; ++i) bytes[i] = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto at = static_cast<std::ptrdiff_t>(i) * bits;
    const auto code = static_cast<unsigned>(codes[i]);
    if (bits == 4)
      xquant::detail::write_packed<packed<4>>(bytes, at, code);
    else
      xquant::detail::write_packed<packed<2>>(bytes, at, code);
  }
}

}  // namespace xquant::presets::onnx
