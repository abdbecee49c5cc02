// Brevitas 0.13's weight quantizers and rounding functions (CPU, torch 2.15), bit for bit: scales from the weights'
// extremes, integers kept as reals, binary and ternary, OCP FP8.
#pragma once

#include <xquant/calls/default_engine.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/core/meta.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/error.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/granularity/per_axis.hpp>
#include <xquant/granularity/per_tensor.hpp>
#include <xquant/presets/elementwise.hpp>
#include <xquant/quantizer.hpp>
#include <xquant/rounding/nearest_dpu.hpp>
#include <xquant/rounding/toward_negative.hpp>
#include <xquant/rounding/toward_positive.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::brevitas {

/// Policy: round_to_zero(x) = sign(x) * floor(|x|): the integer toward zero, and +0 for -0.
struct round_to_zero {
  using policy_category = category::rounding;

  template <class L>
  XQUANT_INLINE static constexpr L round(L v) {
    return select<L>(equal(v, broadcast<L>(0)), broadcast<L>(0), truncate(v));
  }
  friend constexpr bool operator==(const round_to_zero&, const round_to_zero&) = default;
};

/// FloatToIntImplType: ROUND, ROUND_TO_ZERO, DPU, FLOOR, CEIL.
using round_half_even = nearest_even;
using dpu_round = nearest_dpu;
using floor = toward_negative;
using ceil = toward_positive;

/// y = round(x), a real.
template <class RoundingType>
struct round_operation : presets::detail::elementwise_operation<float> {
  using input_0_type = float;
  using output_0_type = float;

  template <class L>
  XQUANT_INLINE constexpr L operator()(L x, none, const lane_parameters<L>&, xquant::detail::no_random_bits) const {
    // Roundings take numbers below 2^31, and from 2^24 on every float is an integer.
    const mask_of<L> has_fraction = less(absolute(x), broadcast<L>(16777216.0f));
    return select<L>(has_fraction, RoundingType::template round<L>(select<L>(has_fraction, x, broadcast<L>(0))), x);
  }
};

/// IntQuant and DecoupledIntQuant, whose integers are reals:
///   q = clamp(rne(x / pre_scale + zero_point), lower, upper)     y = (q - zero_point) * scale
/// with pre_scale = scale unless decoupled. NaN stays NaN and zeros keep their sign. Of its lane parameters `scale` is
/// pre_scale, `reciprocal` the scale, and the bits of the zero point, a real, lie in `zero_point`.
struct int_quant_operation : presets::detail::elementwise_operation<float> {
  using input_0_type = float;
  using output_0_type = float;

  float lower;
  float upper;

  template <class L>
  XQUANT_INLINE constexpr L operator()(L x, none, const lane_parameters<L>& p, xquant::detail::no_random_bits) const {
    const L zero_point = from_bits<L>(p.zero_point);
    const L rounded = nearest_even::round(add(divide(x, p.scale), zero_point));
    const L low = broadcast<L>(lower);
    const L high = broadcast<L>(upper);
    // As tensor_clamp: what compares false, NaN and an equal zero, stays.
    const L below = select<L>(less(high, rounded), high, rounded);
    const L code = select<L>(less(below, low), low, below);
    return multiply(subtract(code, zero_point), p.reciprocal);
  }
};

/// IntQuantTensor.int(): rne(value / scale + zero_point), from the values, as reals.
struct int_repr_operation : presets::detail::elementwise_operation<float> {
  using input_0_type = float;
  using output_0_type = float;

  template <class L>
  XQUANT_INLINE constexpr L operator()(L y, none, const lane_parameters<L>& p, xquant::detail::no_random_bits) const {
    return nearest_even::round(add(divide(y, p.reciprocal), from_bits<L>(p.zero_point)));
  }
};

/// BinaryQuant: y = scale where x >= 0 and for -0, else -scale, NaN included.
struct binary_quant_operation : presets::detail::elementwise_operation<float> {
  using input_0_type = float;
  using output_0_type = float;

  template <class L>
  XQUANT_INLINE constexpr L operator()(L x, none, const lane_parameters<L>& p, xquant::detail::no_random_bits) const {
    const L sign = select<L>(less_equal(broadcast<L>(0), x), broadcast<L>(1), broadcast<L>(-1));
    return multiply(sign, p.reciprocal);
  }
};

/// Policy: the integers of a width, min_int and max_int.
struct int_range {
  float lower;
  float upper;

  static constexpr int_range of(int bits, bool is_signed, bool narrow_range) noexcept {
    if (!is_signed) return {0, power_of_two<float>(bits) - (narrow_range ? 2.0f : 1.0f)};
    const float half = power_of_two<float>(bits - 1);
    return {narrow_range ? 1 - half : -half, half - 1};
  }
};

/// What a weight quantizer computes with, one per slot.
struct weight_parameters {
  std::vector<float> scale;
  std::vector<float> pre_scale;   ///< what weights are divided by
  std::vector<float> zero_point;  ///< integers, as reals
};

/// Policies: what the extremes make of scales and zero points. Statistics are held above 1e-10 (scaling_min_val).
namespace scaling {

/// MaxStatsScaling, AbsMax: scale = max(|w|) / threshold; the threshold is -lower of signed integers, the largest
/// number of a float format.
struct max_stats {
  static float scale_of(float magnitude, float threshold) { return held(magnitude) / threshold; }
  static float held(float statistic) { return statistic < 1e-10f ? 1e-10f : statistic; }
};

/// The same restricted to powers of two: scale = 2^ceil(log2 max(|w|)) / 2^(bits - 1), the logarithm rounded to float:
/// what lies less than its last place above a power of two is taken for the power.
struct power_of_two_stats {
  static float scale_of(float magnitude, int bits) {
    const float statistic = max_stats::held(magnitude);
    if (!is_finite(statistic)) return statistic;
    const auto logarithm = static_cast<float>(std::log2(static_cast<double>(statistic)));
    return std::ldexp(std::ldexp(1.0f, static_cast<int>(std::ceil(logarithm))), 1 - bits);
  }
};

/// AbsMaxL2: the root mean square of the channels' max(|w|), one scale for all of them. The peer adds the squares in
/// float, four at a time and the rest by fused steps, which this reproduces below 16 channels; beyond, its order
/// depends on the processor's vectors and this one adds in double.
struct root_mean_square_of_max {
  static float scale_of(const std::vector<float>& magnitude, float threshold) {
    const std::size_t n = magnitude.size();
    float sum = 0;
    if (n < 16) {
      std::size_t i = 0;
      for (; i + 4 <= n; i += 4)
        for (std::size_t k = i; k < i + 4; ++k) sum = add<float>(sum, multiply<float>(magnitude[k], magnitude[k]));
      for (; i < n; ++i) sum = presets::detail::fused_multiply_add<float>(magnitude[i], magnitude[i], sum);
    } else {
      double exact = 0;
      for (const float m : magnitude) exact += static_cast<double>(m) * static_cast<double>(m);
      sum = static_cast<float>(exact);
    }
    const float norm = std::sqrt(sum);
    return norm / static_cast<float>(std::sqrt(static_cast<double>(n))) / threshold;
  }
};

}  // namespace scaling

/// A weight quantizer by its policies.
enum class scale_rule : std::uint8_t { max, power_of_two, decoupled_l2, shifted_min_max, constant };

struct int_weight_quantizer {
  int bits = 8;
  scale_rule rule = scale_rule::max;
  float constant = 0;  ///< the scale, for scale_rule::constant

  [[nodiscard]] constexpr int_range range() const noexcept {
    return int_range::of(bits, rule != scale_rule::shifted_min_max, rule != scale_rule::shifted_min_max);
  }
  friend constexpr bool operator==(const int_weight_quantizer&, const int_weight_quantizer&) = default;
};

/// Int8WeightPerTensorFloat and, with per_axis<0>, Int8WeightPerChannelFloat: narrow signed integers of max(|w|).
inline constexpr int_weight_quantizer int8_weight_float{8, scale_rule::max};
/// Int8WeightPerTensorFixedPoint: the same with scales that are powers of two.
inline constexpr int_weight_quantizer int8_weight_fixed_point{8, scale_rule::power_of_two};
/// Int4WeightPerTensorFloatDecoupled, at initialisation: per tensor, from the rows of the first axis.
inline constexpr int_weight_quantizer int4_weight_decoupled{4, scale_rule::decoupled_l2};
/// ShiftedUint8WeightPerTensorFloat and PerChannelFloat: scale = (max - min) / 255 with min held to 0 or below,
/// zero_point = clamp(rne(-min / scale), 0, 255).
inline constexpr int_weight_quantizer shifted_uint8_weight{8, scale_rule::shifted_min_max};
/// SignedTernaryWeightPerTensorConst: {-1, 0, 1} and a given scale.
inline constexpr int_weight_quantizer ternary_weight{2, scale_rule::constant, 0.1f};

/// Scales and zero points of `w` under a quantizer. Refuses widths outside [2, 24], tensors without elements, memory
/// that is not there, granularities that do not fit; decoupled scales other than per tensor.
template <TensorLike In, class Granularity>
[[nodiscard]] status try_weight_parameters(const In& w, const int_weight_quantizer& q, const Granularity& granularity,
                                           weight_parameters& out) {
  auto&& held_w = evaluated(w);
  if (q.bits < 2 || q.bits > 24) return fault(errc::bits_out_of_range, "bits", q.bits, "2 to 24 bits");
  const tensor_view<const float> view = as_view(held_w);
  presets::detail::extremes found;
  weight_parameters result;
  const float threshold = -q.range().lower;
  if (q.rule == scale_rule::decoupled_l2) {
    if (!is_same<Granularity, per_tensor>)
      return fault(errc::unsupported, "granularity", 0, "per_tensor, for decoupled scales");
    if (const status s = found.fill(view, "w", per_axis<>{0}); !s.ok()) return s;
    std::vector<float> magnitude;
    for (std::size_t i = 0; i < found.minimum.size(); ++i) magnitude.push_back(found.magnitude(i));
    result.scale = {scaling::root_mean_square_of_max::scale_of(magnitude, threshold)};
  } else {
    if (const status s = found.fill(view, "w", granularity); !s.ok()) return s;
    for (std::size_t i = 0; i < found.minimum.size(); ++i) {
      const float low = found.minimum[i] < 0 ? found.minimum[i] : 0.0f;
      switch (q.rule) {
        case scale_rule::power_of_two:
          result.scale.push_back(scaling::power_of_two_stats::scale_of(found.magnitude(i), q.bits));
          break;
        case scale_rule::shifted_min_max: {
          const float width = found.maximum[i] - low;
          result.scale.push_back(scaling::max_stats::scale_of(width < 0 ? -width : width, q.range().upper));
          const float steps = nearest_even::round(add<float>(-low / result.scale.back(), 0));  // never -0
          result.zero_point.push_back(steps < q.range().upper ? steps : q.range().upper);
          break;
        }
        case scale_rule::constant: result.scale.push_back(q.constant); break;
        default: result.scale.push_back(scaling::max_stats::scale_of(found.magnitude(i), threshold)); break;
      }
    }
  }
  result.pre_scale = result.scale;
  result.zero_point.resize(result.scale.size(), 0.0f);
  out = static_cast<weight_parameters&&>(result);
  return {};
}

/// OCP FP8 weights, Fp8e4m3OCPWeight... and Fp8e5m2OCPWeight... (saturating): the library's fake quantization,
/// y = fp8(w / scale) * scale, with scales of max_stats and the format's largest number.
template <class FormatType, class Granularity>
using ocp_weight = quantizer<FormatType, Granularity, symmetric<>, nearest_even, divide_by_scale>;

/// The scales of ocp_weight: max(|w|) / largest. Refuses what presets::detail::extremes refuses.
template <class FormatType, TensorLike In, class Granularity>
[[nodiscard]] status try_ocp_scales(const In& w, const Granularity& granularity, std::vector<float>& scale) {
  auto&& held_w = evaluated(w);
  presets::detail::extremes found;
  if (const status s = found.fill(as_view(held_w), "w", granularity); !s.ok()) return s;
  scale.clear();
  for (std::size_t i = 0; i < found.minimum.size(); ++i)
    scale.push_back(scaling::max_stats::scale_of(found.magnitude(i), static_cast<float>(FormatType::largest())));
  return {};
}

namespace detail {
template <class Op, class In, class Out, class Granularity, class Engine>
status run(const In& x, const char* x_name, const Out& y, const weight_parameters& p, const Granularity& granularity,
           const Op& operation, const Engine& engine) {
  std::vector<std::int32_t> zero_point;
  for (const float z : p.zero_point) zero_point.push_back(bit_cast<std::int32_t>(z));
  xquant::detail::call<Op> streams;
  streams.input_0(x, x_name).output_0(y, "y");
  const bool is_consistent = p.pre_scale.size() == p.scale.size() && zero_point.size() == p.scale.size();
  const std::size_t count = is_consistent ? p.scale.size() : static_cast<std::size_t>(-1);
  return presets::detail::run(streams, granularity,
                              parameters_view<float>{p.pre_scale.data(), p.scale.data(), zero_point.data(), count},
                              false, operation, engine);
}
}  // namespace detail

/// int_quant_operation with the integers of `q`: the quantized weights, dequantized. Refuses scales that are not finite
/// and above zero, a number of parameters that is not the granularity's, shapes that do not fit, memory that overlaps.
template <TensorLike In, class Granularity, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_quantize_weight(const In& w, const int_weight_quantizer& q, const weight_parameters& p,
                                         const Granularity& granularity, Out&& y, const Engine& engine = {}) {
  auto&& held_w = evaluated(w);
  int_quant_operation operation{};
  operation.lower = q.range().lower;
  operation.upper = q.range().upper;
  return detail::run(as_view(held_w), "w", as_view(y), p, granularity, operation, engine);
}

/// int_repr_operation: the integers of quantized weights. Refuses as try_quantize_weight.
template <TensorLike In, class Granularity, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_int_repr(const In& value, const weight_parameters& p, const Granularity& granularity, Out&& y,
                                  const Engine& engine = {}) {
  auto&& held = evaluated(value);
  return detail::run(as_view(held), "value", as_view(y), p, granularity, int_repr_operation{}, engine);
}

/// SignedBinaryWeightPerTensorConst: binary_quant_operation with a given scale. Refuses as try_quantize_weight.
template <TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_quantize_binary_weight(const In& w, float scale, Out&& y, const Engine& engine = {}) {
  auto&& held_w = evaluated(w);
  return detail::run(as_view(held_w), "w", as_view(y), weight_parameters{{scale}, {scale}, {0.0f}}, per_tensor{},
                     binary_quant_operation{}, engine);
}

/// round_operation. Refuses shapes that do not fit and memory that overlaps.
template <class RoundingType, TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_round(const In& x, Out&& y, const Engine& engine = {}) {
  auto&& held_x = evaluated(x);
  xquant::detail::call<round_operation<RoundingType>> streams;
  streams.input_0(as_view(held_x), "x").output_0(as_view(y), "y");
  return streams.run_without_parameters(round_operation<RoundingType>{}, engine);
}

}  // namespace xquant::presets::brevitas
