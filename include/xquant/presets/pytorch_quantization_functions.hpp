// NVIDIA pytorch-quantization's (2.1 to 2.2.1) other two functions, CPU path: fake_affine_tensor_quant and scaled_e4m3.
#pragma once

#include <xquant/calls/default_engine.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/error.hpp>
#include <xquant/exception.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/granularity/per_tensor.hpp>
#include <xquant/presets/array_granularity.hpp>
#include <xquant/presets/elementwise.hpp>
#include <xquant/presets/pytorch_quantization.hpp>
#include <xquant/rounding/nearest_even.hpp>

#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::pytorch_quantization {

/// Policy: y = (q + z) * step with q = clamp(rne(x / step) - z, lower, upper), every step in the type of the data. Of
/// its lane parameters, `scale` is the step and `reciprocal` z.
template <class Real>
struct fake_affine_operation : presets::detail::elementwise_operation<Real> {
  using input_0_type = Real;
  using output_0_type = Real;

  code_limits<Real> limits;

  template <class L>
  XQUANT_INLINE constexpr L operator()(L x, none, const lane_parameters<L>& p, xquant::detail::no_random_bits) const {
    // round_even takes any real: beyond its codes NaN and infinities stay what they are, as in the peer.
    const L q = clamp_keep_nan(subtract(round_even(divide(x, p.scale)), p.reciprocal), broadcast<L>(limits.lower),
                               broadcast<L>(limits.upper));
    return multiply(add(q, p.reciprocal), p.scale);
  }
};

/// `fake_affine_tensor_quant(inputs, min_range, max_range, num_bits)`: y = (q + z) * step, with
///   step = (max - min) / (2^bits - 1), lower = -2^(bits-1), upper = 2^(bits-1) - 1,
///   z = rne(min / step) - lower, q = clamp(rne(x / step) - z, lower, upper),
/// each operation rounded to the type of the data. Zero need not be representable. There is no guard: min == max has
/// step 0 and gives NaN everywhere. `x` and `y` are float or double, of one shape, and may be the same memory. Refuses
/// widths outside [1, 24] and shapes or memory that do not fit.
template <TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_fake_affine_tensor_quant(const In& x, element_of<In> minimum, element_of<In> maximum,
                                                  int num_bits, Out&& y, const Engine& engine = {}) {
  using real = element_of<In>;
  if (num_bits < 1 || num_bits > 24) return fault(errc::bits_out_of_range, "num_bits", num_bits, "1 to 24 bits");
  auto&& input = evaluated(x);
  const tensor_view<const real> in = as_view(input);
  const tensor_view<real> out = as_view(y);
  parameter_map map;
  if (const status s = presets::detail::validate_call(in, out, "y", per_tensor{}, map); !s.ok()) return s;
  fake_affine_operation<real> operation;
  operation.limits.upper = power_of_two<real>(num_bits - 1) - 1;
  operation.limits.lower = -power_of_two<real>(num_bits - 1);
  const real step = divide<real>(maximum - minimum, power_of_two<real>(num_bits) - 1);
  const real zero = round_even<real>(divide<real>(minimum, step)) - operation.limits.lower;
  return presets::detail::run_call(operation, in, out, map, {&step, &zero, nullptr, 1}, engine);
}

/// Policy: y = e4m3fn(x * s) / s, and +0 where |x| < 2^-24, whatever s. Of its lane parameters, `scale` is s. What
/// overflows saturates, infinities too.
template <class Real>
struct scaled_e4m3_operation : presets::detail::elementwise_operation<Real> {
  using input_0_type = Real;
  using output_0_type = Real;

  template <class L>
  XQUANT_INLINE constexpr L operator()(L x, none, const lane_parameters<L>& p, xquant::detail::no_random_bits) const {
    // Held first, because a rounding takes numbers below 2^31.
    constexpr Real most = power_of_two<Real>(e4m3fn::quotient_bits);
    const L v = clamp_keep_nan(multiply(x, p.scale), broadcast<L>(-most), broadcast<L>(most));
    const bound_rounding<L, nearest_even> round{nearest_even{}, {}};
    const L y = divide(e4m3fn{}.template snap<L>(v, round, broadcast<L>(0), broadcast<L>(0)), p.scale);
    return select<L>(less(absolute(x), broadcast<L>(power_of_two<Real>(-24))), broadcast<L>(0), y);
  }
};

/// `scaled_e4m3(inputs, amax, 4, 3)`: y = e4m3fn(x * s) / s with s = (1 / amax) * 448 in float, which is how torch
/// divides a number by a tensor; no amax at all means s = 1. Rounding to nearest even, saturating; NaN stays NaN;
/// magnitudes below 2^-24 become +0. amax = 0 has an infinite s and gives 0 for every number. `amax` broadcasts over x
/// (shape [] per tensor, [C, 1, 1] per axis). Refuses another format than exponent 4 and mantissa 3, as the peer does,
/// and shapes or memory that do not fit.
template <TensorLike In, TensorLike Amax, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_scaled_e4m3(const In& x, const Amax& amax, int exponent_bits, int mantissa_bits, Out&& y,
                                     const Engine& engine = {}) {
  using real = element_of<In>;
  if (exponent_bits != 4 || mantissa_bits != 3)
    return fault(errc::unsupported, exponent_bits != 4 ? "exponent_bits" : "mantissa_bits",
                 exponent_bits != 4 ? exponent_bits : mantissa_bits, "4 exponent bits and 3 mantissa bits");
  auto&& input = evaluated(x);
  auto&& limits = evaluated(amax);
  const tensor_view<const real> in = as_view(input);
  const tensor_view<const float> limit = as_view(limits);
  const tensor_view<real> out = as_view(y);
  parameter_map map;
  if (const status s = xquant::detail::validate_input(limit, "amax"); !s.ok()) return s;
  if (const status s = presets::detail::validate_call(in, out, "y", by_shape_of_amax{{limit.shape}}, map); !s.ok())
    return s;
  std::vector<real> scale;
  presets::detail::each_element(
      limit, [&](float a) { scale.push_back(static_cast<real>(multiply<float>(divide<float>(1.0f, a), 448.0f))); });
  return presets::detail::run_call(scaled_e4m3_operation<real>{}, in, out, map,
                                   {scale.data(), scale.data(), nullptr, map.count}, engine);
}

#if XQUANT_HAS_EXCEPTIONS
/// try_fake_affine_tensor_quant that throws xquant::error.
template <TensorLike In, TensorInMemory Out, class Engine = default_engine>
void fake_affine_tensor_quant(const In& x, element_of<In> minimum, element_of<In> maximum, int num_bits, Out&& y,
                              const Engine& engine = {}) {
  throw_if(try_fake_affine_tensor_quant(x, minimum, maximum, num_bits, y, engine));
}

/// try_scaled_e4m3 that throws xquant::error.
template <TensorLike In, TensorLike Amax, TensorInMemory Out, class Engine = default_engine>
void scaled_e4m3(const In& x, const Amax& amax, int exponent_bits, int mantissa_bits, Out&& y,
                 const Engine& engine = {}) {
  throw_if(try_scaled_e4m3(x, amax, exponent_bits, mantissa_bits, y, engine));
}
#endif

}  // namespace xquant::presets::pytorch_quantization
