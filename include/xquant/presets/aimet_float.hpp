// AIMET 2.42's float quantizers: FloatQuantizeDequantize of its torch package and createFloat of its C++ core.
#pragma once

#include <xquant/calibration/extremes.hpp>
#include <xquant/calls/default_engine.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/core/half.hpp>
#include <xquant/core/lane.hpp>
#include <xquant/error.hpp>
#include <xquant/exception.hpp>
#include <xquant/formats/float16.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/parameters.hpp>
#include <xquant/presets/aimet_core.hpp>
#include <xquant/presets/array_granularity.hpp>
#include <xquant/presets/elementwise.hpp>
#include <xquant/quantizer.hpp>

#include <cmath>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::aimet_float {

/// A float format as the peer names one.
struct float_type {
  int exponent_bits = 4;
  int mantissa_bits = 3;
  bool finite = false;         ///< no infinity
  bool unsigned_zero = false;  ///< no -0
  friend constexpr bool operator==(const float_type&, const float_type&) = default;
};

inline constexpr float_type float16_type{5, 10, false, false};
inline constexpr float_type bfloat16_type{8, 7, false, false};
inline constexpr float_type e4m3fn_type{4, 3, true, false};
inline constexpr float_type e4m3fnuz_type{4, 3, true, true};
inline constexpr float_type e5m2_type{5, 2, false, false};
inline constexpr float_type e5m2fnuz_type{5, 2, true, true};
inline constexpr float_type e2m1fn_type{2, 1, true, false};

/// Format: a grid chosen at run time, for fake quantization alone: the peer's "fake cast" never makes a code. Step
/// 2^(e - mantissa_bits), e the exponent of v but at least `lowest_exponent`; what lies beyond the largest number,
/// infinities too, becomes it. NaN stays NaN, the sign of zero is kept.
struct fake_cast {
  using code_type = std::uint16_t;
  static constexpr bool is_integer = false;
  static constexpr bool keeps_nan = true;
  static constexpr bool encodes_any_real = true;
  static constexpr int quotient_bits = 127;

  std::int32_t lowest_exponent = -6;
  std::int32_t mantissa_bits = 3;
  double largest = 448;

  static constexpr std::int32_t lower_code() noexcept { return 0; }
  static constexpr std::int32_t upper_code() noexcept { return UINT16_MAX; }
  constexpr code_bounds bounds() const noexcept { return {-largest, largest, false}; }
  constexpr status valid() const noexcept {
    if (lowest_exponent - mantissa_bits < -126 || lowest_exponent > 127)
      return fault(errc::bits_out_of_range, "format.lowest_exponent", lowest_exponent,
                   "exponents whose smallest step is a normal float");
    return {};
  }

  template <class L, class Round>
  XQUANT_INLINE constexpr L snap(L v, const Round& round, L, L) const {
    using traits = real_traits<real_of<L>>;
    const L most = broadcast<L>(static_cast<real_of<L>>(largest));
    const L held = maximum(minimum(v, most), subtract(broadcast<L>(0), most));  // NaN to -largest
    const integer_of<L> own = shift_right<L, traits::mantissa_bits>(to_bits(absolute(held)));
    const integer_of<L> e = maximum_integer<L>(own, broadcast_integer<L>(lowest_exponent + traits::bias));
    const L step =
        from_bits<L>(shift_left<L, traits::mantissa_bits>(subtract_integer<L>(e, broadcast_integer<L>(mantissa_bits))));
    const L inverse = from_bits<L>(shift_left<L, traits::mantissa_bits>(
        subtract_integer<L>(broadcast_integer<L>(2 * traits::bias + mantissa_bits), e)));
    const L magnitude = minimum(multiply(absolute(round(multiply(held, inverse))), step), most);
    return select<L>(equal(v, v), copy_sign(magnitude, v), v);
  }
  friend constexpr bool operator==(const fake_cast&, const fake_cast&) = default;
};

namespace detail {

constexpr status validate_type(const float_type& type) noexcept {
  if (type.exponent_bits < 2 || type.exponent_bits > 8)
    return fault(errc::bits_out_of_range, "exponent_bits", type.exponent_bits, "2 to 8 bits");
  if (type.mantissa_bits < 1 || type.mantissa_bits > 10)
    return fault(errc::bits_out_of_range, "mantissa_bits", type.mantissa_bits, "1 to 10 bits");
  if (type.exponent_bits == 8 && !(type == bfloat16_type))
    return fault(errc::unsupported, "exponent_bits", type.exponent_bits, "8 only with the 7 mantissa bits of bfloat16");
  return {};
}

constexpr int bias_of(const float_type& type) noexcept { return (1 << (type.exponent_bits - 1)) - 1; }

// (2 - cut / 2^mantissa) * 2^exponent.
constexpr double number(const float_type& type, int cut, int exponent) noexcept {
  return (2 - cut * power_of_two<double>(-type.mantissa_bits)) * power_of_two<double>(exponent);
}
// All exponents but the last.
constexpr double ieee_largest(const float_type& type) noexcept {
  return number(type, 1, (1 << type.exponent_bits) - 2 - bias_of(type));
}

// The C++ core's.
constexpr double core_largest(const float_type& type) noexcept {
  const int last = (1 << type.exponent_bits) - 1 - bias_of(type);
  return type.finite && !type.unsigned_zero ? number(type, 2, last) : number(type, 1, last - 1);
}

template <class FormatType>
using cast_to = quantizer<FormatType, by_shape_of_scales, symmetric<>, nearest_even, divide_by_scale>;

}  // namespace detail

/// The largest number of a type in the torch package. 448, 240, 57344, 57344, 6 for e4m3fn, e4m3fnuz, e5m2, e5m2fnuz,
/// e2m1fn; without `finite` and `unsigned_zero` that of IEEE 754's layout, so 14 and 3.75 for e3m2 and e2m3 (not the 28
/// and 7.5 of MX). Refuses, as the peer does, other types with either, and widths outside 2 to 8 and 1 to 10 bits.
[[nodiscard]] constexpr status try_largest(const float_type& type, double& out) noexcept {
  if (const status s = detail::validate_type(type); !s.ok()) return s;
  if (type == e4m3fn_type)
    out = e4m3fn::bounds().upper;
  else if (type == e4m3fnuz_type)
    out = e4m3fnuz::bounds().upper;
  else if (type == e5m2fnuz_type)
    out = e5m2fnuz::bounds().upper;
  else if (type == e2m1fn_type)
    out = 6;
  else if (!type.finite && !type.unsigned_zero)
    out = detail::ieee_largest(type);
  else
    return fault(errc::unsupported, "finite", type.exponent_bits,
                 "e4m3fn, e4m3fnuz, e5m2fnuz or e2m1fn, the types without infinity or -0 that are known");
  return {};
}

/// `get_scale()`: 2^(log2(maxval) - log2(largest)), the logarithms, their difference and the power each rounded to
/// float; with `power_of_two` (the MXFP4 quantizer) the difference is rounded to an integer, ties to even. The C
/// library's double log2 and exp2 are rounded here, torch's own functions may differ in the last bit.
[[nodiscard]] inline float scale_of(float maxval, double largest, bool is_power_of_two = false) noexcept {
  const auto logarithm = static_cast<float>(std::log2(static_cast<double>(absolute(maxval))));
  const float difference = logarithm - static_cast<float>(std::log2(largest));
  const float exponent = is_power_of_two ? round_even(difference) : difference;
  return static_cast<float>(std::exp2(static_cast<double>(exponent)));
}

/// What calibration with MinMaxEncodingAnalyzer makes of the data of each slot: the larger magnitude of the least and
/// greatest number, zero included. Where these are closer than N * least, with N = 2^width - 1 and least = min(2^-23,
/// 0.01 / N), the upper one is raised by that first. Refuses NaN, infinities, no elements, shapes that do not fit.
template <TensorLike In>
[[nodiscard]] status try_min_max_maxval(const In& x, const shape& slots, const float_type& type,
                                        std::vector<float>& out) {
  if (const status s = detail::validate_type(type); !s.ok()) return s;
  auto&& input = evaluated(x);
  const tensor_view<const float> view = as_view(input);
  xquant::detail::call<extremes_and_nan_operation<float>> call;
  parameter_map map;
  if (const status s = call.input_0(view, "x").mapped(by_shape_of_scales{slots, true}, map); !s.ok()) return s;
  if (view.shape.size() == 0) return fault(errc::no_samples, "x", 0, "at least one element");
  const double steps = power_of_two<double>(type.exponent_bits + type.mantissa_bits + 1) - 1;
  const auto least = static_cast<float>(0.01 / steps < 0x1p-23 ? 0.01 / steps : 0x1p-23);
  std::vector<float> maxval(map.count);
  const auto put = [&](std::size_t slot, float smallest, float largest) {
    const float low = smallest < 0 ? smallest : 0;
    float high = largest > 0 ? largest : 0;
    if ((high - low) / static_cast<float>(steps) < least) high += static_cast<float>(steps) * least;
    maxval[slot] = -low > high ? -low : high;
  };
  if (const status s = xquant::detail::find_finite_extremes(call, view, map, default_engine{}, put); !s.ok()) return s;
  out = static_cast<std::vector<float>&&>(maxval);
  return {};
}

/// FloatQuantizeDequantize with the scales of its slots, row-major over `slots`: y = cast(clamp(x / scale, -largest,
/// largest)) * scale, of float data. The types of torch (float16, bfloat16, e4m3fn, e4m3fnuz, e5m2, e5m2fnuz) are the
/// library's formats; the rest, e2m1fn and the IEEE layouts, fake_cast with the largest number pinned to IEEE's but
/// all 2^E - 1 exponents in use, so that the smallest step is half of IEEE's (0.001 becomes 2^-10 in e4m3). NaN stays
/// NaN. Refuses the types that try_largest refuses, what fake_quantize refuses of scales and memory.
template <TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_quantize_dequantize(const In& x, const std::vector<float>& scales, const shape& slots,
                                             const float_type& type, Out&& y, const Engine& engine = {}) {
  double largest = 0;
  if (const status s = try_largest(type, largest); !s.ok()) return s;
  const parameters p(scales);
  const by_shape_of_scales granularity{slots, true};
  const auto run = [&](auto format) {
    return xquant::try_fake_quantize(detail::cast_to<decltype(format)>(format, granularity), p, x, y, engine);
  };
  if (type == float16_type) return run(binary16::with<saturating>{});
  if (type == bfloat16_type) return run(bfloat16_format::with<saturating>{});
  if (type == e4m3fn_type) return run(e4m3fn{});
  if (type == e4m3fnuz_type) return run(e4m3fnuz{});
  if (type == e5m2_type) return run(e5m2{});
  if (type == e5m2fnuz_type) return run(e5m2fnuz{});
  return run(fake_cast{1 - (type == e2m1fn_type ? 1 : detail::bias_of(type) + 1), type.mantissa_bits, largest});
}

/// `BlockTensorQuantizer.createFloat`, min-max calibrated: of maxval, the largest magnitude in the slot, the encoding
/// [-m, m, delta, 0] with delta = maxval / largest and m = delta * largest, in double. largest is that of all codes
/// (unsigned_zero, with a bias of 2^(E-1)), of all but one (finite), of all exponents but the last (neither; the bias
/// of both is 2^(E-1) - 1). Refuses, as the peer does, widths other than 8 bits; and a maxval that is 0 or not finite.
[[nodiscard]] constexpr status try_core_encoding(double maxval, const float_type& type,
                                                 aimet_core::encoding& out) noexcept {
  if (const status s = detail::validate_type(type); !s.ok()) return s;
  if (type.exponent_bits + type.mantissa_bits != 7)
    return fault(errc::bits_out_of_range, "mantissa_bits", type.exponent_bits + type.mantissa_bits + 1,
                 "a type of 8 bits");
  if (!is_finite(maxval) || !(maxval > 0))
    return fault(errc::range_not_finite, "maxval", maxval, "a finite number above 0");
  const double largest = detail::core_largest(type);
  const double delta = maxval / largest;
  out = {-(delta * largest), delta * largest, delta, 0};
  return {};
}

/// Its quantizeDequantize: y = cast(x / delta) * delta with delta rounded to float, saturating (fake_cast): NaN stays
/// NaN, the sign of zero is kept in every type. One encoding per slot, row-major over `slots`. Refuses the types that
/// try_core_encoding refuses, and what fake_quantize refuses of scales and memory.
template <TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_core_quantize_dequantize(const In& x, const std::vector<aimet_core::encoding>& encodings,
                                                  const shape& slots, const float_type& type, Out&& y,
                                                  const Engine& engine = {}) {
  aimet_core::encoding unit;
  if (const status s = try_core_encoding(1, type, unit); !s.ok()) return s;
  std::vector<float> scales;
  for (const aimet_core::encoding& e : encodings) scales.push_back(static_cast<float>(e.delta));
  const int bias = detail::bias_of(type) + (type.unsigned_zero ? 1 : 0);
  const fake_cast format{1 - bias, type.mantissa_bits, detail::core_largest(type)};
  return xquant::try_fake_quantize(detail::cast_to<fake_cast>(format, by_shape_of_scales{slots, true}),
                                   parameters(scales), x, y, engine);
}

#if XQUANT_HAS_EXCEPTIONS
/// try_min_max_maxval that returns the maxima and throws xquant::error.
template <TensorLike In>
[[nodiscard]] std::vector<float> min_max_maxval(const In& x, const shape& slots, const float_type& type) {
  std::vector<float> out;
  throw_if(try_min_max_maxval(x, slots, type, out));
  return out;
}
/// try_quantize_dequantize that throws xquant::error.
template <TensorLike In, TensorInMemory Out, class Engine = default_engine>
void quantize_dequantize(const In& x, const std::vector<float>& scales, const shape& slots, const float_type& type,
                         Out&& y, const Engine& engine = {}) {
  throw_if(try_quantize_dequantize(x, scales, slots, type, y, engine));
}
/// try_core_quantize_dequantize that throws xquant::error.
template <TensorLike In, TensorInMemory Out, class Engine = default_engine>
void core_quantize_dequantize(const In& x, const std::vector<aimet_core::encoding>& encodings, const shape& slots,
                              const float_type& type, Out&& y, const Engine& engine = {}) {
  throw_if(try_core_quantize_dequantize(x, encodings, slots, type, y, engine));
}
#endif

}  // namespace xquant::presets::aimet_float
