// torchao 0.18's affine quantization primitives (CPU, torch 2.15), bit for bit: choose_qparams_affine, quantize_affine,
// dequantize_affine and their tinygemm, dont_preserve_zero, fake quantize and float8 kin; casts to fp4 and fp6.
#pragma once

#include <xquant/calls/default_engine.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/core/half.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/formats/float4.hpp>
#include <xquant/formats/float6.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/granularity/per_block.hpp>
#include <xquant/granularity/torchao_convention.hpp>
#include <xquant/presets/conversions/torch.hpp>
#include <xquant/presets/elementwise.hpp>
#include <xquant/quantizer.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::torchao {

/// MappingType.
enum class mapping : std::uint8_t { symmetric, asymmetric, symmetric_no_clipping_error };

/// The codes in use. A range has at most 2^24 codes either side of zero.
struct quant_range {
  std::int32_t quant_min;
  std::int32_t quant_max;

  /// (quant_max + quant_min + 1) / 2, as a real.
  [[nodiscard]] constexpr double middle() const noexcept {
    return (static_cast<double>(quant_max) + quant_min + 1) / 2;
  }
  [[nodiscard]] constexpr double width() const noexcept { return static_cast<double>(quant_max) - quant_min; }
  [[nodiscard]] constexpr status valid() const noexcept {
    constexpr std::int32_t most = 1 << 24;
    if (quant_min < -most) return fault(errc::bits_out_of_range, "quant_min", quant_min, "at least -2^24");
    if (quant_max > most) return fault(errc::bits_out_of_range, "quant_max", quant_max, "at most 2^24");
    if (quant_min >= quant_max) return fault(errc::bits_out_of_range, "quant_min", quant_min, "below quant_max");
    return {};
  }
};

/// The default of `eps`: torch.finfo(dtype).smallest_normal, of float32 and of bfloat16.
inline constexpr double smallest_normal = 0x1p-126;

/// Policy: the type a peer's tensors of one call have. Every operation is computed in float and rounded to it.
template <class Element>
struct arithmetic {
  static constexpr float rounded(float x) noexcept { return static_cast<float>(Element(x)); }
};

/// Scales and zero points of a call: integers, or reals where the domain is float.
struct affine_parameters {
  std::vector<float> scale;
  std::vector<std::int32_t> zero_point;
  std::vector<float> real_zero_point;

  /// With 1 / scale as the peer rounds it.
  template <class Element = float>
  [[nodiscard]] parameters_view<float> view(std::vector<float>& reciprocal) const {
    reciprocal.clear();
    for (const float s : scale) reciprocal.push_back(arithmetic<Element>::rounded(1.0f / s));
    const bool consistent = zero_point.empty() || zero_point.size() == scale.size();
    return {scale.data(), reciprocal.data(), zero_point.empty() ? nullptr : zero_point.data(),
            consistent ? scale.size() : static_cast<std::size_t>(-1)};
  }
};

namespace detail {

// As torch.clamp(scale, min=eps): NaN stays.
inline float at_least(float x, float least) noexcept { return x < least ? least : x; }

template <class Element>
float symmetric_scale(float low, float high, const quant_range& codes) {
  const float magnitude = -low > high ? -low : high;
  return arithmetic<Element>::rounded(magnitude / static_cast<float>(codes.width() / 2));
}
template <class Element>
float symmetric_scale_without_clipping(float low, float high, const quant_range& codes) {
  // quant_min 0 gives -Inf or NaN, which does not compare greater.
  const float of_low = arithmetic<Element>::rounded(low / static_cast<float>(codes.quant_min));
  const float of_high = arithmetic<Element>::rounded(high / static_cast<float>(codes.quant_max));
  return of_low > of_high ? of_low : of_high;
}
template <class Element>
float asymmetric_scale(float low, float high, const quant_range& codes) {
  return arithmetic<Element>::rounded(arithmetic<Element>::rounded(high - low) / static_cast<float>(codes.width()));
}
// quant_min - rne(low / scale), held to the codes.
template <class Element>
std::int32_t zero_point_of(float low, float scale, const quant_range& codes) {
  using type = arithmetic<Element>;
  const float steps = round_even<float>(type::rounded(low / scale));
  const float point = type::rounded(static_cast<float>(codes.quant_min) - steps);
  const float lower = type::rounded(static_cast<float>(codes.quant_min));
  const float upper = type::rounded(static_cast<float>(codes.quant_max));
  return static_cast<std::int32_t>(point > lower ? (point < upper ? point : upper) : lower);
}

template <class Granularity, class T, class PerSlot>
status choose(const tensor_view<T>& x, const Granularity& granularity, const quant_range& codes, double eps,
              const PerSlot& per_slot) {
  if (const status s = codes.valid(); !s.ok()) return s;
  if (!(eps > 0) || !is_finite(eps)) return fault(errc::value_out_of_range, "eps", eps, "a finite number above 0");
  presets::detail::extremes found;
  if (const status s = found.fill(x, "x", granularity); !s.ok()) return s;
  for (std::size_t i = 0; i < found.minimum.size(); ++i) per_slot(found.minimum[i], found.maximum[i]);
  return {};
}

}  // namespace detail

/// `choose_qparams_affine(x, mapping_type, block_size, target_dtype, quant_min, quant_max, eps)`. With [a, b] the range
/// of a block, widened to contain 0:
///   symmetric: s = max(-a, b) / ((quant_max - quant_min) / 2)
///   symmetric_no_clipping_error: s = the greater of a / quant_min and b / quant_max
///     z = (quant_max + quant_min + 1) / 2, toward zero
///   asymmetric: s = (b - a) / (quant_max - quant_min), z = clamp(quant_min - rne(a / s))
/// s held to eps or above; every step in the type of `x`, float or bfloat16. Scales are given in that type too; the
/// peer's scale_dtype is one more rounding of them. Refuses what is wrong with `x`, ranges, eps that is no finite
/// number above zero, granularities that do not fit. A block with NaN has scale NaN and a zero point of quant_min,
/// which the operations refuse.
template <TensorLike In, class Granularity>
[[nodiscard]] status try_choose_qparams_affine(const In& x, mapping kind, const Granularity& granularity,
                                               const quant_range& codes, double eps, affine_parameters& out) {
  using element = remove_const<element_of<In>>;
  auto&& held_x = evaluated(x);
  affine_parameters result;
  const float least = arithmetic<element>::rounded(static_cast<float>(eps));
  const status s = detail::choose(as_view(held_x), granularity, codes, eps, [&](float minimum, float maximum) {
    const float low = minimum > 0 ? 0.0f : minimum;
    const float high = maximum < 0 ? 0.0f : maximum;
    float scale = 0;
    switch (kind) {
      case mapping::symmetric: scale = detail::symmetric_scale<element>(low, high, codes); break;
      case mapping::symmetric_no_clipping_error:
        scale = detail::symmetric_scale_without_clipping<element>(low, high, codes);
        break;
      case mapping::asymmetric: scale = detail::asymmetric_scale<element>(low, high, codes); break;
    }
    scale = detail::at_least(scale, least);
    result.scale.push_back(scale);
    result.zero_point.push_back(kind == mapping::asymmetric ? detail::zero_point_of<element>(low, scale, codes)
                                                            : static_cast<std::int32_t>(codes.middle()));
  });
  if (s.ok()) out = static_cast<affine_parameters&&>(result);
  return s;
}

/// `_choose_qparams_affine_dont_preserve_zero`, float32 data: the asymmetric rule with [a, b] as it is, so that zero
/// need not have a code. Refuses as try_choose_qparams_affine.
template <TensorLike In, class Granularity>
[[nodiscard]] status try_choose_qparams_affine_dont_preserve_zero(const In& x, const Granularity& granularity,
                                                                  const quant_range& codes, double eps,
                                                                  affine_parameters& out) {
  auto&& held_x = evaluated(x);
  affine_parameters result;
  const status s = detail::choose(as_view(held_x), granularity, codes, eps, [&](float low, float high) {
    const float scale = detail::at_least(detail::asymmetric_scale<float>(low, high, codes), static_cast<float>(eps));
    result.scale.push_back(scale);
    result.zero_point.push_back(detail::zero_point_of<float>(low, scale, codes));
  });
  if (s.ok()) out = static_cast<affine_parameters&&>(result);
  return s;
}

/// `_choose_qparams_affine_tinygemm`, float32 data: s = (b - a) / (quant_max - quant_min), held to eps or above; the
/// zero point is the value of the middle code, a + s * middle, each step rounded. Refuses as
/// try_choose_qparams_affine.
template <TensorLike In, class Granularity>
[[nodiscard]] status try_choose_qparams_affine_tinygemm(const In& x, const Granularity& granularity,
                                                        const quant_range& codes, double eps, affine_parameters& out) {
  auto&& held_x = evaluated(x);
  affine_parameters result;
  const status s = detail::choose(as_view(held_x), granularity, codes, eps, [&](float low, float high) {
    const float scale = detail::at_least(detail::asymmetric_scale<float>(low, high, codes), static_cast<float>(eps));
    result.scale.push_back(scale);
    result.real_zero_point.push_back(add<float>(low, multiply<float>(scale, static_cast<float>(codes.middle()))));
  });
  if (s.ok()) out = static_cast<affine_parameters&&>(result);
  return s;
}

/// `quantize_affine` of float32 data and `dequantize_affine` to float32, for xquant::quantize and dequantize; the
/// format is {quant_min, quant_max}, the granularity from_torchao(block_size):
///   q = clamp(rne(x * (1 / s)) + z)     x = (q - z) * s
/// The library's own rule with multiply_by_reciprocal. NaN, for which the peer converts a NaN to an integer, gives the
/// low end.
template <class Code>
using quantize_affine = quantizer<stored_integer<Code>, per_block<>, affine, nearest_even, multiply_by_reciprocal>;

/// quantize_affine of bfloat16 data: every step is rounded to bfloat16, the sum with the zero point and the ends of the
/// codes too. So quant_max 32767 lets code 32768 through. Going back is quantize_affine's dequantize, in float.
template <class Code>
struct quantize_affine_bfloat16_operation : presets::detail::elementwise_operation<float> {
  using input_0_type = bfloat16;
  using output_0_type = Code;

  std::int32_t lower;
  std::int32_t upper;

  constexpr std::int32_t lower_code() const noexcept { return lower; }
  constexpr std::int32_t upper_code() const noexcept { return upper; }

  template <class L>
  XQUANT_INLINE constexpr integer_of<L> operator()(L x, none, const lane_parameters<L>& p,
                                                   xquant::detail::no_random_bits) const {
    const L steps = nearest_even::round(rounded(multiply(x, p.reciprocal)));
    const L code = rounded(add(steps, rounded(to_real<L>(p.zero_point))));
    return truncate_to_integer(
        clamp(code, broadcast<L>(static_cast<float>(lower)), broadcast<L>(static_cast<float>(upper))));
  }

 private:
  template <class L>
  XQUANT_INLINE static constexpr L rounded(L v) {
    return bfloat16::layout::widen<L>(bfloat16::layout::narrow<L>(v));
  }
};

/// dequantize_affine to float32 of int32 codes: x = float(q) - float(z), times s. For narrower codes it is what
/// quantize_affine's dequantize computes.
struct dequantize_affine_operation : presets::detail::elementwise_operation<float> {
  using input_0_type = std::int32_t;
  using output_0_type = float;

  template <class L>
  XQUANT_INLINE constexpr L operator()(integer_of<L> q, none, const lane_parameters<L>& p,
                                       xquant::detail::no_random_bits) const {
    return multiply(subtract(to_real<L>(q), to_real<L>(p.zero_point)), p.scale);
  }
};

/// `_quantize_affine_tinygemm`, float32 data: q = clamp(rne((x - (z - s * middle)) / s)), z the value of the middle
/// code. Bits of z lie in `zero_point`.
struct quantize_tinygemm_operation : presets::detail::elementwise_operation<float> {
  using input_0_type = float;
  using output_0_type = std::uint8_t;

  std::int32_t lower;
  std::int32_t upper;
  float middle;

  constexpr std::int32_t lower_code() const noexcept { return lower; }
  constexpr std::int32_t upper_code() const noexcept { return upper; }

  template <class L>
  XQUANT_INLINE constexpr integer_of<L> operator()(L x, none, const lane_parameters<L>& p,
                                                   xquant::detail::no_random_bits) const {
    const L least = subtract(from_bits<L>(p.zero_point), multiply(p.scale, broadcast<L>(middle)));
    const L code = nearest_even::round(divide(subtract(x, least), p.scale));
    return truncate_to_integer(
        clamp(code, broadcast<L>(static_cast<float>(lower)), broadcast<L>(static_cast<float>(upper))));
  }
};

/// `_dequantize_affine_tinygemm`: x = (q - middle) * s + z, the product and the sum rounded each.
struct dequantize_tinygemm_operation : presets::detail::elementwise_operation<float> {
  using input_0_type = std::uint8_t;
  using output_0_type = float;

  float middle;

  template <class L>
  XQUANT_INLINE constexpr L operator()(integer_of<L> q, none, const lane_parameters<L>& p,
                                       xquant::detail::no_random_bits) const {
    const L steps = subtract(to_real<L>(q), broadcast<L>(middle));
    return add(multiply(steps, p.scale), from_bits<L>(p.zero_point));
  }
};

/// `_fake_quantize_affine_cachemask`, float32 data: y = (q - z) * s with the q of quantize_affine, NaN staying NaN; the
/// mask compares the codes after they were clamped, so that it is set everywhere but at NaN (a defect: gradients of
/// clipped values pass).
struct fake_quantize_operation : presets::detail::elementwise_operation<float> {
  using input_0_type = float;
  using output_0_type = float;
  using output_1_type = bit;

  float lower;
  float upper;

  template <class L>
  XQUANT_INLINE constexpr two_results<L, mask_of<L>> operator()(L x, none, const lane_parameters<L>& p,
                                                                xquant::detail::no_random_bits) const {
    const L zero_point = to_real<L>(p.zero_point);
    const L low = broadcast<L>(lower);
    const L high = broadcast<L>(upper);
    const L code = add(nearest_even::round(multiply(x, p.reciprocal)), zero_point);
    const L held = clamp_keep_nan(code, low, high);
    return {multiply(subtract(held, zero_point), p.scale), both<L>(less_equal(low, held), less_equal(held, high))};
  }
};

/// What the float8 primitives make of numbers: clamped to the largest before the cast, whose NaN is torch's.
struct float8_conversion : saturating {
  static constexpr conversion_codes nan(const minifloat_codes& c) noexcept { return torch::conversion::nan(c); }
};
using float8_e4m3fn = e4m3fn::with<float8_conversion>;
using float8_e5m2 = e5m2::with<float8_conversion>;

/// `_quantize_affine_float8` and `_dequantize_affine_float8`: q = cast(clamp(x / s)), x = q * s. A scale of 0, from a
/// block of zeros, is refused, where the peer divides by it.
template <class FormatType>
using quantize_affine_float8 = quantizer<FormatType, per_block<>, symmetric<>, nearest_even, divide_by_scale>;

/// `_choose_scale_float8`: s = max(|x|) / largest. Refuses what is wrong with `x`, and granularities that do not fit.
template <class FormatType, TensorLike In, class Granularity>
[[nodiscard]] status try_choose_scale_float8(const In& x, const Granularity& granularity, std::vector<float>& scale) {
  auto&& held_x = evaluated(x);
  presets::detail::extremes found;
  if (const status s = found.fill(as_view(held_x), "x", granularity); !s.ok()) return s;
  scale.clear();
  for (std::size_t i = 0; i < found.minimum.size(); ++i)
    scale.push_back(found.magnitude(i) / static_cast<float>(FormatType::largest()));
  return {};
}

/// `f32_to_f4_unpacked`, `f32_to_f6_e2m3_unpacked`, `f32_to_f6_e3m2_unpacked`: to nearest even, saturating. NaN takes
/// the branch of normal numbers: its exponent is carried out of the byte, and what is left of its bits is the code,
/// which may be wider than the format.
template <class FormatType>
struct cast_operation : presets::detail::elementwise_operation<float> {
  using input_0_type = float;
  using output_0_type = std::uint8_t;

  static constexpr std::int32_t upper_code() noexcept { return 0xff; }

  template <class L>
  XQUANT_INLINE constexpr integer_of<L> operator()(L x, none, const lane_parameters<L>&,
                                                   xquant::detail::no_random_bits) const {
    const bound_rounding<L, nearest_even> round{nearest_even{}, {}};
    const mask_of<L> is_number = equal(x, x);
    const integer_of<L> code = FormatType::template encode<L>(select<L>(is_number, x, broadcast<L>(0)), round);
    return select_integer<L>(is_number, code, code_of_nan<L>(to_bits(x)));
  }

 private:
  template <class L>
  XQUANT_INLINE static constexpr integer_of<L> code_of_nan(integer_of<L> bits) {
    constexpr int dropped = 23 - FormatType::mantissa_bits;
    constexpr std::int32_t rebias = (FormatType::bias - 127) * (1 << 23) + (1 << (dropped - 1)) - 1;
    const integer_of<L> magnitude = bit_and<L>(bits, broadcast_integer<L>(0x7fffffff));
    const integer_of<L> odd = bit_and<L>(shift_right<L, dropped>(magnitude), broadcast_integer<L>(1));
    const integer_of<L> sum = add_integer<L>(add_integer<L>(magnitude, broadcast_integer<L>(rebias)), odd);
    constexpr int to_sign = 31 - (FormatType::exponent_bits + FormatType::mantissa_bits);
    const integer_of<L> sign = bit_and<L>(shift_right<L, to_sign>(bits), broadcast_integer<L>(FormatType::sign_code));
    return bit_or<L>(bit_and<L>(shift_right<L, dropped>(sum), broadcast_integer<L>(0xff)), sign);
  }
};

/// `f4_unpacked_to_f32`, `f6_e2m3_unpacked_to_f32`, `f6_e3m2_unpacked_to_f32`.
template <class FormatType>
struct decode_operation : presets::detail::elementwise_operation<float> {
  using input_0_type = std::uint8_t;
  using output_0_type = float;

  template <class L>
  XQUANT_INLINE constexpr L operator()(integer_of<L> code, none, const lane_parameters<L>&,
                                       xquant::detail::no_random_bits) const {
    return FormatType::template decode<L>(code);
  }
};

namespace detail {

template <class Op, class In, class Out, class Granularity, class Engine>
status run_tinygemm(const In& x, const char* x_name, const Out& y, const char* y_name, const affine_parameters& p,
                    const Granularity& granularity, const Op& operation, const Engine& engine) {
  std::vector<std::int32_t> bits;
  for (const float z : p.real_zero_point) bits.push_back(bit_cast<std::int32_t>(z));
  xquant::detail::call<Op> streams;
  streams.input_0(x, x_name).output_0(y, y_name);
  const std::size_t count = bits.size() == p.scale.size() ? bits.size() : static_cast<std::size_t>(-1);
  return presets::detail::run(streams, granularity,
                              parameters_view<float>{p.scale.data(), p.scale.data(), bits.data(), count}, false,
                              operation, engine);
}

template <class Op, class In, class Out, class Engine>
status run_cast(const In& x, const Out& y, const Engine& engine) {
  xquant::detail::call<Op> streams;
  streams.input_0(x, "x").output_0(y, "y");
  return streams.run_without_parameters(Op{}, engine);
}

}  // namespace detail

/// quantize_affine_bfloat16_operation: `x` bfloat16, `q` codes of one shape. Refuses scales that are not finite and
/// above zero or have no finite reciprocal, a number of parameters that is not the granularity's, shapes that do not
/// fit, codes that `q` cannot hold, memory that overlaps.
template <TensorLike In, class Granularity, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_quantize_affine_bfloat16(const In& x, const affine_parameters& p,
                                                  const Granularity& granularity, const quant_range& codes, Out&& q,
                                                  const Engine& engine = {}) {
  using code = element_of<Out>;
  auto&& held_x = evaluated(x);
  if (const status s = codes.valid(); !s.ok()) return s;
  quantize_affine_bfloat16_operation<code> operation{};
  using type = arithmetic<bfloat16>;
  operation.lower = static_cast<std::int32_t>(type::rounded(static_cast<float>(codes.quant_min)));
  operation.upper = static_cast<std::int32_t>(type::rounded(static_cast<float>(codes.quant_max)));
  constexpr std::int64_t least = code(-1) < code(0) ? -(std::int64_t{1} << (8 * sizeof(code) - 1)) : 0;
  constexpr std::int64_t most = least + (std::int64_t{1} << (8 * sizeof(code))) - 1;
  if (operation.lower < least)
    return fault(errc::bits_out_of_range, "quant_min", operation.lower, "a code that the output can hold");
  if (operation.upper > most)
    return fault(errc::bits_out_of_range, "quant_max", operation.upper, "a code that the output can hold");
  std::vector<float> reciprocal;
  const parameters_view<float> parameters = p.view<bfloat16>(reciprocal);
  xquant::detail::call<quantize_affine_bfloat16_operation<code>> streams;
  streams.input_0(as_view(held_x), "x").output_0(as_view(q), "q");
  return presets::detail::run(streams, granularity, parameters, true, operation, engine);
}

/// dequantize_affine_operation: `q` std::int32_t, `x` float of one shape. Refuses as try_quantize_affine_bfloat16.
template <TensorLike In, class Granularity, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_dequantize_affine(const In& q, const affine_parameters& p, const Granularity& granularity,
                                           Out&& x, const Engine& engine = {}) {
  auto&& held_q = evaluated(q);
  std::vector<float> reciprocal;
  const parameters_view<float> parameters = p.view(reciprocal);
  xquant::detail::call<dequantize_affine_operation> streams;
  streams.input_0(as_view(held_q), "q").output_0(as_view(x), "x");
  return presets::detail::run(streams, granularity, parameters, false, dequantize_affine_operation{}, engine);
}

/// quantize_tinygemm_operation: `x` float, `q` std::uint8_t of one shape, `p` of try_choose_qparams_affine_tinygemm.
/// Refuses scales that are not finite and above zero, a number of parameters that is not the granularity's, codes
/// outside 0 to 255, shapes that do not fit, memory that overlaps.
template <TensorLike In, class Granularity, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_quantize_affine_tinygemm(const In& x, const affine_parameters& p,
                                                  const Granularity& granularity, const quant_range& codes, Out&& q,
                                                  const Engine& engine = {}) {
  auto&& held_x = evaluated(x);
  if (const status s = codes.valid(); !s.ok()) return s;
  if (codes.quant_min < 0) return fault(errc::bits_out_of_range, "quant_min", codes.quant_min, "0 to 255");
  if (codes.quant_max > 255) return fault(errc::bits_out_of_range, "quant_max", codes.quant_max, "0 to 255");
  quantize_tinygemm_operation operation{};
  operation.lower = codes.quant_min;
  operation.upper = codes.quant_max;
  operation.middle = static_cast<float>(codes.middle());
  return detail::run_tinygemm(as_view(held_x), "x", as_view(q), "q", p, granularity, operation, engine);
}

/// dequantize_tinygemm_operation. Refuses as try_quantize_affine_tinygemm.
template <TensorLike In, class Granularity, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_dequantize_affine_tinygemm(const In& q, const affine_parameters& p,
                                                    const Granularity& granularity, const quant_range& codes, Out&& x,
                                                    const Engine& engine = {}) {
  auto&& held_q = evaluated(q);
  if (const status s = codes.valid(); !s.ok()) return s;
  dequantize_tinygemm_operation operation{};
  operation.middle = static_cast<float>(codes.middle());
  return detail::run_tinygemm(as_view(held_q), "q", as_view(x), "x", p, granularity, operation, engine);
}

/// fake_quantize_operation: `x` and `y` float of one shape, `mask` packed as fake_quantize_with_mask's. Refuses scales
/// that are not finite and above zero or have no finite reciprocal, a number of parameters that is not the
/// granularity's, ranges, shapes that do not fit, memory that overlaps.
template <TensorLike In, class Granularity, TensorInMemory Out, TensorInMemory Mask, class Engine = default_engine>
[[nodiscard]] status try_fake_quantize_affine_cachemask(const In& x, const affine_parameters& p,
                                                        const Granularity& granularity, const quant_range& codes,
                                                        Out&& y, Mask&& mask, const Engine& engine = {}) {
  auto&& held_x = evaluated(x);
  if (const status s = codes.valid(); !s.ok()) return s;
  fake_quantize_operation operation{};
  operation.lower = static_cast<float>(codes.quant_min);
  operation.upper = static_cast<float>(codes.quant_max);
  std::vector<float> reciprocal;
  const parameters_view<float> parameters = p.view(reciprocal);
  xquant::detail::call<fake_quantize_operation> streams;
  streams.input_0(as_view(held_x), "x").output_0(as_view(y), "y").output_1(as_view(mask), "mask");
  return presets::detail::run(streams, granularity, parameters, true, operation, engine);
}

/// cast_operation of e2m1, e2m3 or e3m2: `x` float, `y` std::uint8_t of one shape. Refuses shapes that do not fit and
/// memory that overlaps.
template <class FormatType, TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_cast(const In& x, Out&& y, const Engine& engine = {}) {
  auto&& held_x = evaluated(x);
  return detail::run_cast<cast_operation<FormatType>>(as_view(held_x), as_view(y), engine);
}

/// decode_operation: `x` std::uint8_t, `y` float of one shape. Refuses as try_cast.
template <class FormatType, TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_decode(const In& x, Out&& y, const Engine& engine = {}) {
  auto&& held_x = evaluated(x);
  return detail::run_cast<decode_operation<FormatType>>(as_view(held_x), as_view(y), engine);
}

}  // namespace xquant::presets::torchao
