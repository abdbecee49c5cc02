// PyTorch 2.15's (CPU) learnable fake quantization, forward and backward, with its slips: the backward pass rounds
// x / scale + zero point where the forward pass rounds x / scale, so ties with an odd zero point differ; and per tensor
// it takes another zero point than the forward pass where that is negative or has a fraction.
#pragma once

#include <xquant/granularity/per_axis.hpp>
#include <xquant/granularity/per_tensor.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/presets/torch.hpp>
#include <xquant/presets/torch_sum.hpp>

#include <vector>

namespace xquant::inline XQUANT_ABI::presets::torch {

/// Of one element, q = rne(x * (1 / s) + z) with one rounding before it, inside where quant_min <= q <= quant_max:
///   dx      = dy * inside (0 with the sign of dy outside)
///   of s    = dy ((q - z) s - x) (1 / s) factor inside, the difference rounded once; dy (quant_min - z) factor below,
///             dy (quant_max - z) factor above
///   of z    = -dy s factor outside, else 0     (`OfZeroPoint`)
/// Bits of the zero points lie in `zero_point`. NaN and quotients from 2^63 on are below. Source:
/// aten/src/ATen/native/quantized/cpu/kernels/QuantizedOpKernels.cpp, _fake_quantize_grad_learnable_*.
template <bool OfZeroPoint>
struct learnable_backward_operation : presets::detail::elementwise_operation<float> {
  using input_0_type = float;
  using input_1_type = float;
  using output_0_type = float;
  using output_1_type = conditional<OfZeroPoint, none, float>;

  float lowest = 0;
  float highest = 0;
  float factor = 1;

  template <class L>
  XQUANT_INLINE constexpr auto operator()(L x, L dy, const lane_parameters<L>& p,
                                          xquant::detail::no_random_bits) const {
    const L zero = broadcast<L>(0);
    const L limit = broadcast<L>(power_of_two<float>(63));
    const L zero_point = from_bits<L>(p.zero_point);
    const L v = presets::detail::fused_multiply_add(x, p.reciprocal, zero_point);
    const L q = nearest_even::round(select<L>(less(absolute(v), limit), v, subtract(zero, limit)));
    const L low = broadcast<L>(lowest);
    const L high = broadcast<L>(highest);
    const mask_of<L> inside = both<L>(less_equal(low, q), less_equal(q, high));
    if constexpr (OfZeroPoint) {
      return select<L>(inside, zero, multiply(multiply(multiply(dy, broadcast<L>(-1)), p.scale), broadcast<L>(factor)));
    } else {
      const L steps = subtract(minimum(maximum(q, low), high), zero_point);
      const L error = presets::detail::fused_multiply_add(steps, p.scale, subtract(zero, x));
      const L within = multiply(multiply(dy, error), p.reciprocal);
      const L beyond = multiply(dy, steps);
      return two_results<L, L>{multiply(dy, select<L>(inside, broadcast<L>(1), zero)),
                               multiply(select<L>(inside, within, beyond), broadcast<L>(factor))};
    }
  }
};

namespace detail {

constexpr status validate_codes(quant_range codes) noexcept {
  if (codes.quant_min < INT16_MIN)
    return fault(errc::bits_out_of_range, "quant_min", codes.quant_min, "at least -2^15");
  if (codes.quant_max > UINT16_MAX) return fault(errc::bits_out_of_range, "quant_max", codes.quant_max, "below 2^16");
  if (codes.quant_min > codes.quant_max)
    return fault(errc::bits_out_of_range, "quant_min", codes.quant_min, "at most quant_max");
  if (codes.quant_min < 0 && codes.quant_max > INT16_MAX)
    return fault(errc::bits_out_of_range, "quant_max", codes.quant_max, "below 2^15 where quant_min is negative");
  return {};
}

// The zero point of the forward pass, and of the backward pass along an axis.
inline float rounded_zero_point(float z, quant_range codes) noexcept {
  const auto low = static_cast<float>(codes.quant_min);
  const auto high = static_cast<float>(codes.quant_max);
  const float rounded = round_even<float>(z);
  return rounded < low ? low : rounded > high ? high : rounded;
}
// That of the backward pass per tensor.
inline float shifted_zero_point(float z, quant_range codes) noexcept {
  const auto low = static_cast<float>(codes.quant_min);
  const auto high = static_cast<float>(codes.quant_max);
  const float shifted = add<float>(z, 0.5f);
  return truncate<float>(shifted < low ? low : shifted > high ? high : shifted);
}

// Scales and zero points, one for each slot.
template <class Scale, class ZeroPoint>
status read_learnable(const tensor_view<Scale>& scale, const tensor_view<ZeroPoint>& zero_point,
                      std::vector<float>& scales, std::vector<float>& zero_points) {
  if (const status s = xquant::detail::validate_input(scale, "scale"); !s.ok()) return s;
  if (const status s = xquant::detail::validate_input(zero_point, "zero_point"); !s.ok()) return s;
  if (!(scale.shape == zero_point.shape))
    return fault(errc::shape_mismatch, "zero_point", static_cast<double>(zero_point.shape.size()),
                 "one zero point a scale");
  presets::detail::each_element(scale, [&](float s) { scales.push_back(s); });
  presets::detail::each_element(zero_point, [&](float z) { zero_points.push_back(z); });
  for (std::size_t i = 0; i < zero_points.size(); ++i)
    if (!is_finite(zero_points[i]))
      return fault(errc::value_out_of_range, "zero_point", static_cast<double>(zero_points[i]), "a finite number", i);
  return {};
}

template <class Quantizer, class In, class Out, class Engine>
status learnable_forward(const Quantizer& q, const std::vector<float>& scales, const std::vector<float>& zero_points,
                         quant_range codes, const In& x, Out& y, const Engine& engine) {
  std::vector<std::int32_t> integers;
  for (const float z : zero_points) integers.push_back(static_cast<std::int32_t>(rounded_zero_point(z, codes)));
  return xquant::try_fake_quantize(
      q, affine_parameters<float>(std::vector<double>(scales.begin(), scales.end()), integers).view(), x, y, engine);
}

template <class Granularity, class X, class Dy, class Sum, class Engine>
status learnable_backward(const tensor_view<X>& x, const tensor_view<Dy>& dy, const std::vector<float>& scales,
                          const std::vector<float>& zero_points, const Granularity& granularity, const shape& slots,
                          quant_range codes, double grad_factor, const tensor_view<float>& dx,
                          const tensor_view<Sum>& dscale, const tensor_view<Sum>& dzero_point, const Engine& engine) {
  if (const status s = validate_codes(codes); !s.ok()) return s;
  std::vector<std::int32_t> bits;
  std::vector<float> reciprocals;
  for (std::size_t i = 0; i < scales.size(); ++i) {
    reciprocals.push_back(1.0f / scales[i]);
    bits.push_back(bit_cast<std::int32_t>(zero_points[i]));
  }
  const parameters_view<float> p{scales.data(), reciprocals.data(), bits.data(), scales.size()};
  const auto set = [&](auto operation) {
    operation.lowest = static_cast<float>(codes.quant_min);
    operation.highest = static_cast<float>(codes.quant_max);
    operation.factor = static_cast<float>(grad_factor);
    return operation;
  };
  std::vector<float> of_scale(x.shape.size());
  std::vector<float> of_zero_point(x.shape.size());
  xquant::detail::call<learnable_backward_operation<true>> zero_point_streams;
  xquant::detail::call<learnable_backward_operation<false>> streams;
  zero_point_streams.input_0(x, "x").input_1(dy, "dy").output_0(tensor_view<float>(of_zero_point.data(), x.shape),
                                                                "terms");
  streams.input_0(x, "x")
      .input_1(dy, "dy")
      .output_0(dx, "dx")
      .output_1(tensor_view<float>(of_scale.data(), x.shape), "terms")
      .check(xquant::detail::validate_output(dscale, dscale.shape, "dscale"))
      .check(xquant::detail::validate_output(dzero_point, dzero_point.shape, "dzero_point"))
      .apart(dscale, "dscale")
      .apart(dzero_point, "dzero_point");
  parameter_map map;
  if (const status s = streams.mapped(granularity, map); !s.ok()) return s;
  const auto fits = [&](const tensor_view<Sum>& sums, const char* name) -> status {
    if (sums.shape.size() == map.count) return {};
    return fault(errc::shape_mismatch, name, static_cast<double>(sums.shape.size()), "one element per scale", 0,
                 map.count);
  };
  if (const status s = fits(dscale, "dscale"); !s.ok()) return s;
  if (const status s = fits(dzero_point, "dzero_point"); !s.ok()) return s;
  // The zero point's terms first: dx may lie in the place of x or dy.
  if (const status s = presets::detail::run(zero_point_streams, granularity, p, true,
                                            set(learnable_backward_operation<true>{}), engine);
      !s.ok())
    return s;
  if (const status s =
          presets::detail::run(streams, granularity, p, true, set(learnable_backward_operation<false>{}), engine);
      !s.ok())
    return s;
  const auto store = [&](const std::vector<float>& terms, const tensor_view<Sum>& to) {
    const std::vector<float> sums = sum_to_size(terms, x.shape, slots);
    std::size_t i = 0;
    presets::detail::each_element(to, [&](float& v) { v = sums[i++]; });
  };
  store(of_scale, dscale);
  store(of_zero_point, dzero_point);
  return {};
}

// use(a Code that holds the range).
template <class Use>
status with_code(quant_range codes, const Use& use) {
  if (const status s = validate_codes(codes); !s.ok()) return s;
  return codes.quant_max > INT16_MAX ? use(std::uint16_t{}) : use(std::int16_t{});
}

// The shape whose one dimension that is not 1 is the axis.
inline shape slots_along(const shape& s, std::ptrdiff_t axis) {
  shape slots = s;
  const std::size_t kept = normalized_axis(axis, s.rank);
  for (std::size_t d = 0; d < s.rank; ++d)
    if (d != kept) slots[d] = 1;
  return slots;
}

}  // namespace detail

/// `_fake_quantize_learnable_per_tensor_affine(x, scale, zero_point, quant_min, quant_max, grad_factor)`:
/// fake_quantize_per_tensor with z = rne(zero_point) held to the codes. Codes fit int16 or uint16. Refuses what
/// fake_quantize refuses, and zero points that are not finite.
template <TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_fake_quantize_learnable_per_tensor(const In& x, float scale, float zero_point,
                                                            quant_range codes, Out&& y, const Engine& engine = {}) {
  if (!is_finite(zero_point))
    return fault(errc::value_out_of_range, "zero_point", static_cast<double>(zero_point), "a finite number");
  return detail::with_code(codes, [&]<class Code>(Code) {
    fake_quantize_per_tensor<Code> q;
    q.format = {codes.quant_min, codes.quant_max};
    return detail::learnable_forward(q, {scale}, {zero_point}, codes, x, y, engine);
  });
}

/// Its backward pass, with z = trunc(zero_point + 0.5) held to the codes before it is truncated: dx, and the gradients
/// of scale and zero point, each one element, times grad_factor (learnable_backward_operation). The sums are torch's
/// own (presets/torch_sum.hpp). dx may be the memory of x or dy.
template <TensorLike In, TensorLike Gradient, TensorInMemory Out, TensorInMemory DScale, TensorInMemory DZeroPoint,
          class Engine = default_engine>
[[nodiscard]] status try_fake_quantize_learnable_per_tensor_backward(const In& x, const Gradient& dy, float scale,
                                                                     float zero_point, quant_range codes,
                                                                     double grad_factor, Out&& dx, DScale&& dscale,
                                                                     DZeroPoint&& dzero_point,
                                                                     const Engine& engine = {}) {
  if (!is_finite(zero_point))
    return fault(errc::value_out_of_range, "zero_point", static_cast<double>(zero_point), "a finite number");
  auto&& xs = evaluated(x);
  auto&& gs = evaluated(dy);
  return detail::learnable_backward(as_view(xs), as_view(gs), {scale}, {detail::shifted_zero_point(zero_point, codes)},
                                    per_tensor{}, shape{}, codes, grad_factor, as_view(dx), as_view(dscale),
                                    as_view(dzero_point), engine);
}

/// `_fake_quantize_learnable_per_channel_affine(x, scale, zero_point, axis, quant_min, quant_max, grad_factor)`:
/// fake_quantize_per_channel with z = rne(zero_point) held to the codes. `scale` and `zero_point` are float, one for
/// each index of the axis.
template <TensorLike In, TensorLike Scale, TensorLike ZeroPoint, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_fake_quantize_learnable_per_channel(const In& x, const Scale& scale,
                                                             const ZeroPoint& zero_point, std::ptrdiff_t axis,
                                                             quant_range codes, Out&& y, const Engine& engine = {}) {
  auto&& held_scale = evaluated(scale);
  auto&& held_zero_point = evaluated(zero_point);
  std::vector<float> scales;
  std::vector<float> zero_points;
  if (const status s = detail::read_learnable(as_view(held_scale), as_view(held_zero_point), scales, zero_points);
      !s.ok())
    return s;
  return detail::with_code(codes, [&]<class Code>(Code) {
    fake_quantize_per_channel<Code> q;
    q.format = {codes.quant_min, codes.quant_max};
    q.granularity.axis = axis;
    return detail::learnable_forward(q, scales, zero_points, codes, x, y, engine);
  });
}

/// Its backward pass, with the zero points of the forward pass; the gradients of scale and zero point have one element
/// for each index of the axis. (The peer's own raises for tensors of one dimension.)
template <TensorLike In, TensorLike Gradient, TensorLike Scale, TensorLike ZeroPoint, TensorInMemory Out,
          TensorInMemory DScale, TensorInMemory DZeroPoint, class Engine = default_engine>
[[nodiscard]] status try_fake_quantize_learnable_per_channel_backward(const In& x, const Gradient& dy,
                                                                      const Scale& scale, const ZeroPoint& zero_point,
                                                                      std::ptrdiff_t axis, quant_range codes,
                                                                      double grad_factor, Out&& dx, DScale&& dscale,
                                                                      DZeroPoint&& dzero_point,
                                                                      const Engine& engine = {}) {
  auto&& held_scale = evaluated(scale);
  auto&& held_zero_point = evaluated(zero_point);
  auto&& xs = evaluated(x);
  auto&& gs = evaluated(dy);
  std::vector<float> scales;
  std::vector<float> zero_points;
  if (const status s = detail::read_learnable(as_view(held_scale), as_view(held_zero_point), scales, zero_points);
      !s.ok())
    return s;
  const per_axis<> granularity{axis};
  const auto from = as_view(xs);
  parameter_map map;
  if (const status s = granularity.map(from.shape, map); !s.ok()) return s;
  for (float& z : zero_points) z = detail::rounded_zero_point(z, codes);
  return detail::learnable_backward(from, as_view(gs), scales, zero_points, granularity,
                                    detail::slots_along(from.shape, axis), codes, grad_factor, as_view(dx),
                                    as_view(dscale), as_view(dzero_point), engine);
}

}  // namespace xquant::presets::torch
