// NVIDIA ModelOpt 0.47, CPU path: INT8QTensor, FP8QTensor and the eager fake quantizers of integers and of E4M3.
#pragma once

#include <xquant/calls/default_engine.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/lane.hpp>
#include <xquant/error.hpp>
#include <xquant/exception.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/presets/array_granularity.hpp>
#include <xquant/presets/elementwise.hpp>
#include <xquant/presets/pytorch_quantization.hpp>
#include <xquant/rounding/nearest_even.hpp>
#include <xquant/rounding/rounding.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::modelopt {

/// The arguments of `_tensor_quant`.
using tensor_quant_settings = pytorch_quantization::tensor_quant_settings;

/// `_tensor_quant(inputs, amax, num_bits, unsigned, narrow_range)`: pytorch_quantization's fake_tensor_quant, whose
/// code it inherited; float data were run. Source: modelopt/torch/quantization/tensor_quant.py.
using pytorch_quantization::try_fake_tensor_quant;

/// y = e4m3fn(clamp(x * s, -448, 448)) * (1 / s). Of the lane parameters, `scale` is s and `reciprocal` 1 / s. NaN
/// stays NaN.
struct fp8_eager_operation : presets::detail::elementwise_operation<float> {
  using input_0_type = float;
  using output_0_type = float;

  template <class L>
  XQUANT_INLINE constexpr L operator()(L x, none, const lane_parameters<L>& p, xquant::detail::no_random_bits) const {
    const bound_rounding<L, nearest_even> round{nearest_even{}, {}};
    const L snapped =
        e4m3fn{}.template snap<L>(multiply(x, p.scale), round, broadcast<L>(0), broadcast<L>(0));  // saturates
    return multiply(snapped, p.reciprocal);
  }
};

/// `fp8_eager(x, amax)`: s = (1 / amax) * 448, both steps and 1 / s rounded to float (torch divides a number by a
/// tensor so); an amax of at most 2^-24 (negative ones too) counts as 1. amax broadcasts over x: [] per tensor, [C, 1]
/// per row. A NaN amax gives NaN. Refuses shapes that do not fit and memory that overlaps other than in place.
template <TensorLike In, TensorLike Amax, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_fp8_eager(const In& x, const Amax& amax, Out&& y, const Engine& engine = {}) {
  auto&& input = evaluated(x);
  auto&& maxima = evaluated(amax);
  const tensor_view<const float> x_view = as_view(input);
  const tensor_view<const float> amax_view = as_view(maxima);
  const tensor_view<float> y_view = as_view(y);
  if (const status s = xquant::detail::validate_input(amax_view, "amax"); !s.ok()) return s;
  parameter_map map;
  if (const status s =
          presets::detail::validate_call(x_view, y_view, "y", by_shape_of_scales{amax_view.shape, false}, map);
      !s.ok())
    return s;
  std::vector<float> scale;
  std::vector<float> inverse;
  presets::detail::each_element(amax_view, [&](float a) {
    scale.push_back(multiply<float>(1.0f / (a <= 0x1p-24f ? 1.0f : a), 448.0f));
    inverse.push_back(1.0f / scale.back());
  });
  return presets::detail::run_call(fp8_eager_operation{}, x_view, y_view, map,
                                   {scale.data(), inverse.data(), nullptr, map.count}, engine);
}

/// `fp8_eager(x, None)`: y = e4m3fn(x), saturating, infinities too; NaN stays NaN.
template <TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_fp8_eager_without_amax(const In& x, Out&& y, const Engine& engine = {}) {
  auto&& input = evaluated(x);
  const tensor_view<const float> x_view = as_view(input);
  const tensor_view<float> y_view = as_view(y);
  parameter_map map;
  if (const status s = presets::detail::validate_call(x_view, y_view, "y", by_shape_of_scales{}, map); !s.ok())
    return s;
  const float one = 1;
  return presets::detail::run_call(fp8_eager_operation{}, x_view, y_view, map, {&one, &one, nullptr, 1}, engine);
}

/// Policy: the codes of INT8QTensor. code = clamp(rne(x / scale), -128, 127), scale = amax / 127. A quotient that is
/// NaN (a slot of zeros: 0 / 0) is converted to int8 by the peer, which C++ leaves undefined; here it is what x86-64's
/// instructions give, 0, on every machine.
struct int8_codes {
  using code_type = std::int8_t;
  static constexpr float divisor = 127;
  static constexpr std::int32_t lower_code() noexcept { return -128; }
  static constexpr std::int32_t upper_code() noexcept { return 127; }

  template <class L>
  XQUANT_INLINE static constexpr integer_of<L> encode(L, L quotient) {
    const L number = select<L>(equal(quotient, quotient), quotient, broadcast<L>(0));
    return truncate_to_integer(clamp(round_even(number), broadcast<L>(-128), broadcast<L>(127)));
  }
  template <class L>
  XQUANT_INLINE static constexpr L decode(integer_of<L> code) {
    return to_real<L>(code);
  }
};

/// Policy: the codes of FP8QTensor. code = e4m3fn(x / scale), saturating, scale = amax / 448. NaN in x keeps its sign,
/// 0x7F or 0xFF; a NaN that the division makes (a slot of zeros: 0 / 0) is 0xFF, as on x86-64, whose default NaN is
/// negative.
struct fp8_codes {
  using code_type = std::uint8_t;
  static constexpr float divisor = 448;
  static constexpr std::int32_t lower_code() noexcept { return 0; }
  static constexpr std::int32_t upper_code() noexcept { return 255; }

  template <class L>
  XQUANT_INLINE static constexpr integer_of<L> encode(L x, L quotient) {
    const bound_rounding<L, nearest_even> round{nearest_even{}, {}};
    const integer_of<L> code = e4m3fn{}.template encode<L>(select<L>(equal(x, x), quotient, x), round);
    const mask_of<L> is_expected = equal(quotient, quotient);
    const integer_of<L> made = select_integer<L>(equal(x, x), broadcast_integer<L>(0xFF), code);
    return select_integer<L>(is_expected, code, made);
  }
  template <class L>
  XQUANT_INLINE static constexpr L decode(integer_of<L> code) {
    return e4m3fn{}.template decode<L>(code);
  }
};

/// code = Codes(x / scale). Codes is int8_codes or fp8_codes.
template <class Codes>
struct quantize_operation : presets::detail::elementwise_operation<float> {
  using input_0_type = float;
  using output_0_type = typename Codes::code_type;
  static constexpr std::int32_t lower_code() noexcept { return Codes::lower_code(); }
  static constexpr std::int32_t upper_code() noexcept { return Codes::upper_code(); }

  template <class L>
  XQUANT_INLINE constexpr integer_of<L> operator()(L x, none, const lane_parameters<L>& p,
                                                   xquant::detail::no_random_bits) const {
    return Codes::template encode<L>(x, divide(x, p.scale));
  }
};

/// x = value of the code * scale.
template <class Codes>
struct dequantize_operation : presets::detail::elementwise_operation<float> {
  using input_0_type = typename Codes::code_type;
  using output_0_type = float;

  template <class L>
  XQUANT_INLINE constexpr L operator()(integer_of<L> code, none, const lane_parameters<L>& p,
                                       xquant::detail::no_random_bits) const {
    return multiply(Codes::template decode<L>(code), p.scale);
  }
};

/// `INT8QTensor.quantize(x, axis, block_sizes)` with int8_codes, `FP8QTensor.quantize` with fp8_codes: a scale per slot
/// of the granularity, amax / 127 or amax / 448 in float, and codes. The peer's axis None, k, {-1: B}, {-1: B, -2: A}
/// of a matrix are per_tensor{}, per_axis<>{k}, per_block<>{1, B}, per_block<>{A, B}; scales come row-major over its
/// slots. A slot of zeros has scale 0, and codes as the policy says. x is float. Short last blocks are what the peer
/// pads with zeros (FP8QTensor; INT8QTensor's padding is a defect and stays there). Refuses an x without elements, what
/// the granularity refuses, memory that overlaps.
template <class Codes, class Granularity, TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_quantize(const In& x, const Granularity& granularity, Out&& codes, std::vector<float>& scales,
                                  const Engine& engine = {}) {
  auto&& input = evaluated(x);
  const tensor_view<const float> x_view = as_view(input);
  const tensor_view<typename Codes::code_type> code_view = as_view(codes);
  parameter_map map;
  if (const status s = presets::detail::validate_call(x_view, code_view, "codes", granularity, map); !s.ok()) return s;
  presets::detail::extremes ends;
  if (const status s = ends.fill(x_view, "x", granularity); !s.ok()) return s;
  std::vector<float> found(map.count);
  for (std::size_t slot = 0; slot < map.count; ++slot) found[slot] = absolute(ends.magnitude(slot)) / Codes::divisor;
  const status s = presets::detail::run_call(quantize_operation<Codes>{}, x_view, code_view, map,
                                             {found.data(), found.data(), nullptr, map.count}, engine);
  if (s.ok()) scales = static_cast<std::vector<float>&&>(found);
  return s;
}

/// Their `dequantize`: x = value of the code * scale, with any scales. Refuses a number of scales other than the
/// granularity's slots, what the granularity refuses, memory that overlaps.
template <class Codes, class Granularity, TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_dequantize(const In& codes, const Granularity& granularity, const std::vector<float>& scales,
                                    Out&& x, const Engine& engine = {}) {
  auto&& input = evaluated(codes);
  const tensor_view<const typename Codes::code_type> code_view = as_view(input);
  const tensor_view<float> x_view = as_view(x);
  parameter_map map;
  if (const status s = presets::detail::validate_call(code_view, x_view, "x", granularity, map); !s.ok()) return s;
  if (scales.size() != map.count)
    return fault(errc::parameter_count, "scales", static_cast<double>(scales.size()), "one for each slot");
  return presets::detail::run_call(dequantize_operation<Codes>{}, code_view, x_view, map,
                                   {scales.data(), scales.data(), nullptr, map.count}, engine);
}

#if XQUANT_HAS_EXCEPTIONS
using pytorch_quantization::fake_tensor_quant;
/// try_quantize that returns the scales and throws xquant::error.
template <class Codes, class Granularity, TensorLike In, TensorInMemory Out, class Engine = default_engine>
std::vector<float> quantize(const In& x, const Granularity& granularity, Out&& codes, const Engine& engine = {}) {
  std::vector<float> scales;
  throw_if(try_quantize<Codes>(x, granularity, codes, scales, engine));
  return scales;
}
/// try_dequantize that throws xquant::error.
template <class Codes, class Granularity, TensorLike In, TensorInMemory Out, class Engine = default_engine>
void dequantize(const In& codes, const Granularity& granularity, const std::vector<float>& scales, Out&& x,
                const Engine& engine = {}) {
  throw_if(try_dequantize<Codes>(codes, granularity, scales, x, engine));
}
#endif

}  // namespace xquant::presets::modelopt
