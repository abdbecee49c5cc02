// NVIDIA pytorch-quantization's fake_tensor_quant as its CUDA kernels compute it, on any engine. After the source, not
// run.
#pragma once

#include <xquant/calls/default_engine.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/half.hpp>
#include <xquant/core/validation.hpp>
#include <xquant/error.hpp>
#include <xquant/exception.hpp>
#include <xquant/presets/array_granularity.hpp>
#include <xquant/presets/elementwise.hpp>
#include <xquant/presets/pytorch_quantization.hpp>

#include <cstddef>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::pytorch_quantization {

/// y = clamp(rne(x * s), -upper, upper) / s with s = upper / amax, each step in float; +0 where amax < 2^-24, whatever
/// x is, which a multiplier below zero marks. NaN stays NaN, -0 stays -0.
template <class Data>
struct cuda_fake_tensor_quant_operation : tensor_quant_operation<Data> {
  static_assert(is_same<lane_real<Data>, float>,
                "xquant::presets::pytorch_quantization: the kernels compute in float; convert double data to it first");
  static constexpr bool gives_scale = false;

  template <class L>
  XQUANT_INLINE constexpr L operator()(L x, none, const lane_parameters<L>& p,
                                       xquant::detail::no_random_bits random) const {
    const L code = tensor_quant_operation<Data>::operator()(x, none{}, p, random);
    return select<L>(less(p.reciprocal, broadcast<L>(0)), broadcast<L>(0), divide(code, p.scale));
  }
};

/// fake_tensor_quant of data on a CUDA device. It differs from the CPU path (try_fake_tensor_quant): codes are always
/// [-upper, upper], as the launchers forget narrow_range; amax of exactly 2^-24 counts; nothing but the result is
/// rounded to 16 bits; NaN does not switch guards off. `x` and `y` are float, float16 or bfloat16, of one type, and may
/// be the same memory; `amax` is float, one for the tensor or of a shape that broadcasts along one axis (with more the
/// peer falls back to its CPU path). Refuses what the kernels assert against: amax that is negative or NaN, x that is
/// negative or NaN when unsigned; widths outside [1, 24]; shapes that do not fit, memory that overlaps.
template <TensorLike In, TensorLike Amax, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_cuda_fake_tensor_quant(const In& x, const Amax& amax, const tensor_quant_settings& settings,
                                                Out&& y, const Engine& engine = {}) {
  using data = element_of<In>;
  static_assert(is_same<data, element_of<Out>>, "xquant::presets::pytorch_quantization: x and y have one element type");
  auto&& held_x = evaluated(x);
  auto&& held_amax = evaluated(amax);
  const tensor_view<const data> input = as_view(held_x);
  const tensor_view<const float> limits = as_view(held_amax);
  if (settings.num_bits < 1) return fault(errc::bits_out_of_range, "num_bits", settings.num_bits, "1 to 24 bits");
  tensor_quant_settings narrow = settings;
  narrow.narrow_range = true;
  cuda_fake_tensor_quant_operation<data> operation{};
  parameter_map map;
  if (const status s = code_limits<float>::of(narrow, operation.limits); !s.ok()) return s;
  operation.limits.lower = -operation.limits.upper;
  if (const status s = xquant::detail::validate_input(limits, "amax"); !s.ok()) return s;
  if (const status s = presets::detail::validate_call(input, as_view(y), "y", by_shape_of_amax{{limits.shape}}, map);
      !s.ok())
    return s;
  std::size_t axes = 0;
  for (std::size_t d = 0; d < limits.shape.rank; ++d) axes += limits.shape[d] > 1 ? 1u : 0u;
  if (axes > 1)
    return fault(errc::unsupported, "amax", static_cast<double>(axes), "one amax, or one for each index of one axis");
  std::vector<float> multiplier;
  std::vector<float> divisor;
  status bad;
  presets::detail::each_element(limits, [&](float a) {
    if (bad.ok() && !(a >= 0))
      bad = fault(errc::value_out_of_range, "amax", static_cast<double>(a), "no negative amax and no NaN",
                  multiplier.size());
    const bool is_dead = a < scales<float>::least_amax;
    const float s = operation.limits.upper / a;
    multiplier.push_back(is_dead ? -1.0f : s);
    divisor.push_back(is_dead ? 1.0f : s);
  });
  if (settings.is_unsigned) {
    std::size_t index = 0;
    presets::detail::each_element(input, [&](float v) {
      if (bad.ok() && !(v >= 0))
        bad = fault(errc::value_out_of_range, "x", static_cast<double>(v),
                    "no negative value and no NaN, when unsigned", index);
      ++index;
    });
  }
  if (!bad.ok()) return bad;
  return presets::detail::run_call(operation, input, as_view(y), map,
                                   {divisor.data(), multiplier.data(), nullptr, map.count}, engine);
}

#if XQUANT_HAS_EXCEPTIONS
/// try_cuda_fake_tensor_quant that throws xquant::error.
template <TensorLike In, TensorLike Amax, TensorInMemory Out, class Engine = default_engine>
void cuda_fake_tensor_quant(const In& x, const Amax& amax, const tensor_quant_settings& settings, Out&& y,
                            const Engine& engine = {}) {
  throw_if(try_cuda_fake_tensor_quant(x, amax, settings, y, engine));
}
#endif

}  // namespace xquant::presets::pytorch_quantization
