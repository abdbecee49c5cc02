// microxcaling's (Microsoft, 2024-08, PyTorch path) elementwise quantization: values are rounded to a small format and
// stay reals, by the peer's own float arithmetic. What it makes of overflow in the library's formats:
// conversions/microxcaling.hpp.
#pragma once

#include <xquant/calls/default_engine.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/core/lane.hpp>
#include <xquant/error.hpp>
#include <xquant/exception.hpp>
#include <xquant/presets/array_granularity.hpp>
#include <xquant/presets/elementwise.hpp>

#include <cstdint>

namespace xquant::inline XQUANT_ABI::presets::microxcaling {

/// `round`: half away from zero, half to even, toward zero.
enum class rounding_mode : std::uint8_t { nearest, even, floor };

/// `_get_format_params`: mantissa bits with the sign and the implicit one, exponent bits (0: integers in steps of
/// 2^(2 - mantissa_bits)), the largest number.
struct element_format {
  int mantissa_bits = 5;
  int exponent_bits = 4;
  double largest = 448;
  friend constexpr bool operator==(const element_format&, const element_format&) = default;
};

inline constexpr element_format fp8_e5m2{4, 5, 57344};
inline constexpr element_format fp8_e4m3{5, 4, 448};
inline constexpr element_format fp6_e3m2{4, 3, 28};
inline constexpr element_format fp6_e2m3{5, 2, 7.5};
inline constexpr element_format fp4_e2m1{3, 2, 6};
inline constexpr element_format int8{8, 0, 127.0 / 64};
inline constexpr element_format int4{4, 0, 7.0 / 4};
inline constexpr element_format int2{2, 0, 1};
inline constexpr element_format float16{12, 5, 65504};
inline constexpr element_format bfloat16{9, 8, 0x1.FEp127};

/// The arguments of `_quantize_elemwise` besides the format, with its defaults.
struct elemwise_settings {
  rounding_mode round = rounding_mode::nearest;
  bool saturate_normals = false;  ///< what is beyond the largest number becomes it; an infinity otherwise
  bool allow_denorm = true;       ///< else what is below the smallest normal number becomes 0
  friend constexpr bool operator==(const elemwise_settings&, const elemwise_settings&) = default;
};

/// floor(log2(x)) as float arithmetic has it, for a positive normal x: one too high where log2(x), rounded to float,
/// is an integer n that x does not reach. These are the last floor(2^k ln 2) floats below 2^n, 2^k the power of two at
/// or below |n| (for n = 2^k the one before): 44 of them below 2^127, five below 2^9, two below 2^8, none below 2^n for
/// |n| < 2. Equal to torch.floor(torch.log2(x)) for the last 129 floats below every power of two. As a float.
template <class L>
XQUANT_INLINE constexpr L floor_of_float_log2(L x) {
  static_assert(sizeof(real_of<L>) == 4, "xquant::presets::microxcaling: float data");
  const integer_of<L> bits = to_bits(x);
  const integer_of<L> above = add_integer<L>(shift_right<L, 23>(bits), broadcast_integer<L>(1 - 127));
  const integer_of<L> ulps = subtract_integer<L>(
      broadcast_integer<L>(1 << 23), bit_and<L>(bits, broadcast_integer<L>((1 << 23) - 1)));  // from x up to 2^above
  const L n = to_real<L>(above);
  const integer_of<L> n_bits = to_bits(n);
  const L power = from_bits<L>(bit_and<L>(n_bits, broadcast_integer<L>(0x7f800000)));  // at or below |n|
  const L reach = multiply(power, broadcast<L>(0.693147182f));
  const L held = select<L>(equal(n, power), multiply(reach, broadcast<L>(0.5f)), reach);
  return select<L>(less(to_real<L>(ulps), held), n, subtract(n, broadcast<L>(1)));
}

/// Policy: the peer's `_quantize_elemwise_core`, step for step in float.
///   e = max(floor(log2 |x|), 2 - 2^(E-1)), the logarithm in float; not for integers, where e = 0
///   v = x / 2^e * 2^(m-2);  r = sign(v) floor(|v| + 1/2), less 1 at even ties, or floor |v|;  y = r / 2^(m-2) * 2^e
/// with |v| + 1/2 rounded to float (so 0.49999997 goes up to 1). Zeros become +0. The largest finite float has e = 128
/// and gives NaN. Infinities stay; NaN stays NaN.
struct elemwise_operation : presets::detail::elementwise_operation<float> {
  using input_0_type = float;
  using output_0_type = float;

  float to_steps;               // 2^(m-2)
  float half;                   // what is added before the floor
  float takes_even;             // 1 where even ties lose 1
  std::int32_t least_exponent;  // biased, of 2^e
  float smallest;               // magnitudes below become 0
  float largest;
  float beyond;  // what takes the place of larger magnitudes
  bool has_exponents;

  template <class L>
  XQUANT_INLINE constexpr L operator()(L x, none, const lane_parameters<L>&, xquant::detail::no_random_bits) const {
    const L zero = broadcast<L>(0);
    const L infinity = broadcast<L>(__builtin_huge_valf());
    const L magnitude = absolute(x);
    const L kept = select<L>(less(magnitude, broadcast<L>(smallest)), zero, x);

    const mask_of<L> is_normal =
        both<L>(less_equal(broadcast<L>(real_traits<float>::min_normal), magnitude), less(magnitude, infinity));
    const L normal = select<L>(is_normal, magnitude, broadcast<L>(real_traits<float>::min_normal));
    const integer_of<L> own =
        add_integer<L>(truncate_to_integer(floor_of_float_log2<L>(normal)), broadcast_integer<L>(127));
    const integer_of<L> biased = maximum_integer<L>(own, broadcast_integer<L>(least_exponent));
    const L power = has_exponents ? from_bits<L>(shift_left<L, 23>(biased)) : broadcast<L>(1);

    const L v = multiply(divide(kept, power), broadcast<L>(to_steps));
    const L size = absolute(v);
    const L ties = multiply(subtract(size, broadcast<L>(0.5f)), broadcast<L>(0.5f));
    const L less_one = select<L>(equal(ties, truncate(ties)), broadcast<L>(takes_even), zero);
    const L rounded = subtract(truncate(add(size, broadcast<L>(half))), less_one);
    const L steps = select<L>(equal(v, zero), zero, copy_sign(rounded, v));

    const L y = multiply(divide(steps, broadcast<L>(to_steps)), power);
    const L held = select<L>(less(broadcast<L>(largest), absolute(y)), copy_sign(broadcast<L>(beyond), y), y);
    return select<L>(less(magnitude, infinity), held, x);
  }
};

namespace detail {

constexpr status operation_for(const element_format& format, const elemwise_settings& settings,
                               elemwise_operation& out) noexcept {
  if (format.mantissa_bits < 2 || format.mantissa_bits > 25)
    return fault(errc::bits_out_of_range, "mantissa_bits", format.mantissa_bits, "2 to 25 bits");
  if (format.exponent_bits != 0 && (format.exponent_bits < 2 || format.exponent_bits > 8))
    return fault(errc::bits_out_of_range, "exponent_bits", format.exponent_bits, "0, or 2 to 8 bits");
  if (!(format.largest > 0) || format.largest > static_cast<double>(real_traits<float>::max))
    return fault(errc::value_out_of_range, "largest", format.largest, "a float above 0");
  const bool has_exponents = format.exponent_bits != 0;
  const int least = has_exponents ? 2 - (1 << (format.exponent_bits - 1)) : 0;
  out.to_steps = power_of_two<float>(format.mantissa_bits - 2);
  out.half = settings.round == rounding_mode::floor ? 0.0f : 0.5f;
  out.takes_even = settings.round == rounding_mode::even ? 1.0f : 0.0f;
  out.least_exponent = least + 127;
  out.smallest = has_exponents && !settings.allow_denorm ? power_of_two<float>(least) : 0.0f;
  out.largest = static_cast<float>(format.largest);
  out.beyond = settings.saturate_normals || !has_exponents ? out.largest : __builtin_huge_valf();
  out.has_exponents = has_exponents;
  return {};
}

// (2 - 2^(2 - m)) * 2^(2^(E-1) - 1): the largest number of a format whose last exponent is special.
constexpr double ieee_largest(int exponent_bits, int mantissa_bits) noexcept {
  return (2 - power_of_two<double>(2 - mantissa_bits)) * power_of_two<double>((1 << (exponent_bits - 1)) - 1);
}

}  // namespace detail

/// `_quantize_elemwise(A, elem_format, round, saturate_normals, allow_denorm)` of float data: elemwise_operation.
/// Integers saturate whatever the settings. The rounding "dither" is not covered. Refuses formats that float cannot
/// hold, shapes that do not fit, memory that overlaps other than in place.
template <TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_quantize_elemwise(const In& x, const element_format& format, const elemwise_settings& settings,
                                           Out&& y, const Engine& engine = {}) {
  auto&& input = evaluated(x);
  const tensor_view<const float> x_view = as_view(input);
  const tensor_view<float> y_view = as_view(y);
  elemwise_operation operation{};
  parameter_map map;
  if (const status s = detail::operation_for(format, settings, operation); !s.ok()) return s;
  if (const status s = presets::detail::validate_call(x_view, y_view, "y", by_shape_of_scales{}, map); !s.ok())
    return s;
  const float unused = 1;
  return presets::detail::run_call(operation, x_view, y_view, map, {&unused, &unused, nullptr, 1}, engine);
}

/// `_quantize_bfloat(A, bfloat, round, allow_denorm)`: 8 exponent bits and `bits` in all, 10 to 31; beyond the largest
/// number, infinities. Refuses other widths (the peer passes 0 and 32 through).
template <TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_quantize_bfloat(const In& x, int bits, rounding_mode round, bool allow_denorm, Out&& y,
                                         const Engine& engine = {}) {
  if (bits < 10 || bits > 31) return fault(errc::bits_out_of_range, "bfloat", bits, "10 to 31 bits");
  const element_format format{bits - 7, 8, detail::ieee_largest(8, bits - 7)};
  return try_quantize_elemwise(x, format, {round, false, allow_denorm}, y, engine);
}

/// `_quantize_fp(A, exp_bits, mantissa_bits, round, allow_denorm)`: 5 to 8 exponent bits, mantissa bits without sign
/// and implicit one; beyond the largest number, infinities. Refuses other widths, as the peer does below 5.
template <TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_quantize_fp(const In& x, int exponent_bits, int mantissa_bits, rounding_mode round,
                                     bool allow_denorm, Out&& y, const Engine& engine = {}) {
  if (exponent_bits < 5 || exponent_bits > 8)
    return fault(errc::bits_out_of_range, "exp_bits", exponent_bits, "5 to 8 bits");
  if (mantissa_bits < 1 || mantissa_bits > 23)
    return fault(errc::bits_out_of_range, "mantissa_bits", mantissa_bits, "1 to 23 bits");
  const element_format format{mantissa_bits + 2, exponent_bits, detail::ieee_largest(exponent_bits, mantissa_bits + 2)};
  return try_quantize_elemwise(x, format, {round, false, allow_denorm}, y, engine);
}

#if XQUANT_HAS_EXCEPTIONS
/// try_quantize_elemwise that throws xquant::error.
template <TensorLike In, TensorInMemory Out, class Engine = default_engine>
void quantize_elemwise(const In& x, const element_format& format, const elemwise_settings& settings, Out&& y,
                       const Engine& engine = {}) {
  throw_if(try_quantize_elemwise(x, format, settings, y, engine));
}
/// try_quantize_bfloat that throws xquant::error.
template <TensorLike In, TensorInMemory Out, class Engine = default_engine>
void quantize_bfloat(const In& x, int bits, rounding_mode round, bool allow_denorm, Out&& y,
                     const Engine& engine = {}) {
  throw_if(try_quantize_bfloat(x, bits, round, allow_denorm, y, engine));
}
/// try_quantize_fp that throws xquant::error.
template <TensorLike In, TensorInMemory Out, class Engine = default_engine>
void quantize_fp(const In& x, int exponent_bits, int mantissa_bits, rounding_mode round, bool allow_denorm, Out&& y,
                 const Engine& engine = {}) {
  throw_if(try_quantize_fp(x, exponent_bits, mantissa_bits, round, allow_denorm, y, engine));
}
#endif

}  // namespace xquant::presets::microxcaling
