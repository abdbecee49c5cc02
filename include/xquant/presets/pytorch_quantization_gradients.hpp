// NVIDIA pytorch-quantization's (2.1 to 2.2.1) and ModelOpt's (0.47) gradients: the range mask of every quantization
// function, and the learned clip.
#pragma once

#include <xquant/gradients/clip.hpp>
#include <xquant/granularity/per_tensor.hpp>
#include <xquant/presets/array_granularity.hpp>
#include <xquant/presets/elementwise.hpp>
#include <xquant/presets/pytorch_quantization.hpp>

#include <vector>

namespace xquant::inline XQUANT_ABI::presets::pytorch_quantization {

namespace detail {

// dx = g where low <= x <= high; ends that are NaN let nothing through, as in the peers.
template <class In, class Gradient, class Granularity, class Real, class Out, class Engine>
status run_range_mask(const In& x, const Gradient& g, const Granularity& granularity, const std::vector<Real>& low,
                      const std::vector<Real>& high, Out& dx, const Engine& engine) {
  using operation = range_masked_operation<element_of<In>>;
  auto&& xs = evaluated(x);
  auto&& gs = evaluated(g);
  xquant::detail::call<operation> streams;
  streams.input_0(as_view(xs), "x").input_1(as_view(gs), "g").output_0(as_view(dx), "dx");
  parameter_map map;
  nest_list nests;
  if (const status s = streams.lay_out(granularity, map, nests); !s.ok()) return s;
  return xquant::detail::run_on(engine, operation{}, nests,
                                streams.streams_with({low.data(), high.data(), nullptr, map.count}));
}

}  // namespace detail

/// The backward pass of tensor_quant, fake_tensor_quant, legacy_fake_tensor_quant and scaled_e4m3, and of ModelOpt's
/// fake quantizations (`_fake_tensor_quant_backward`): dx = g where |x| <= amax, else +0; NaN in x or amax gives +0.
/// amax gets no gradient. `amax` is float and broadcasts over x (shape [] per tensor, [C, 1, 1] per axis).
template <TensorLike In, TensorLike Gradient, TensorLike Amax, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_tensor_quant_backward(const In& x, const Gradient& g, const Amax& amax, Out&& dx,
                                               const Engine& engine = {}) {
  using real = lane_real<element_of<In>>;
  auto&& limits = evaluated(amax);
  const auto limit = as_view(limits);
  if (const status s = xquant::detail::validate_input(limit, "amax"); !s.ok()) return s;
  std::vector<real> low;
  std::vector<real> high;
  presets::detail::each_element(limit, [&](float a) {
    high.push_back(static_cast<real>(a));
    low.push_back(-static_cast<real>(a));
  });
  return detail::run_range_mask(x, g, by_shape_of_amax{{limit.shape}}, low, high, dx, engine);
}

/// The backward pass of fake_affine_tensor_quant: dx = g where min <= x <= max, else +0.
template <TensorLike In, TensorLike Gradient, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_fake_affine_tensor_quant_backward(const In& x, const Gradient& g,
                                                           lane_real<element_of<In>> minimum,
                                                           lane_real<element_of<In>> maximum, Out&& dx,
                                                           const Engine& engine = {}) {
  using real = lane_real<element_of<In>>;
  return detail::run_range_mask(x, g, per_tensor{}, std::vector<real>{minimum}, std::vector<real>{maximum}, dx, engine);
}

/// `nn.functional.clip(x, min, max)`: xquant::clip with ends that broadcast over x, which are one shape.
template <TensorLike In, TensorLike Minimum, TensorLike Maximum, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_clip(const In& x, const Minimum& minimum, const Maximum& maximum, Out&& y,
                              const Engine& engine = {}) {
  auto&& low = evaluated(minimum);
  const auto shape_of_low = as_view(low).shape;
  return xquant::try_clip(by_shape_of_scales{shape_of_low}, low, maximum, x, y, engine);
}

/// dx = g times 0 or 1, so 0 has the sign of g where the clip stops it, and infinities become NaN there.
template <class Element>
struct clip_backward_operation : xquant::clip_backward_operation<Element> {
  template <class L, class Prepared>
  XQUANT_INLINE constexpr reduced_result<L, L, 2> operator()(L x, L g, const Prepared& p,
                                                             xquant::detail::no_random_bits random) const {
    auto result = xquant::clip_backward_operation<Element>::operator()(x, g, p, random);
    const L zero = broadcast<L>(0);
    const mask_of<L> inside = both<L>(less(p.low, x), less(x, p.high));
    result.output = multiply(g, select<L>(inside, broadcast<L>(1), zero));
    return result;
  }
};

/// Its backward pass: dx, and the gradients of min and max, one number each. Refuses ends of more than one number, as
/// the peer does, even where they are not learned. Sums by docs/arithmetic.md, rule 10.
template <TensorLike In, TensorLike Gradient, TensorLike Minimum, TensorLike Maximum, TensorInMemory Out,
          TensorInMemory DMinimum, TensorInMemory DMaximum, class Engine = default_engine>
[[nodiscard]] status try_clip_backward(const In& x, const Gradient& g, const Minimum& minimum, const Maximum& maximum,
                                       Out&& dx, DMinimum&& dminimum, DMaximum&& dmaximum, const Engine& engine = {}) {
  auto&& low = evaluated(minimum);
  auto&& high = evaluated(maximum);
  if (as_view(low).shape.size() != 1)
    return fault(errc::shape_mismatch, "min", static_cast<double>(as_view(low).shape.size()), "one number, to learn");
  if (as_view(high).shape.size() != 1)
    return fault(errc::shape_mismatch, "max", static_cast<double>(as_view(high).shape.size()), "one number, to learn");
  auto&& xs = evaluated(x);
  auto&& gs = evaluated(g);
  return xquant::detail::clip_backward_with<clip_backward_operation<element_of<In>>>(
      per_tensor{}, as_view(low), as_view(high), as_view(xs), as_view(gs), as_view(dx), as_view(dminimum),
      as_view(dmaximum), engine);
}

/// `nn.Clip(min, max, learn_min, learn_max)` given numbers: clip with one range. Refuses numbers that are not learned,
/// as the peer does (its fixed ends must be tensors).
template <TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_clip_module(const In& x, lane_real<element_of<In>> minimum, lane_real<element_of<In>> maximum,
                                     bool learn_minimum, bool learn_maximum, Out&& y, const Engine& engine = {}) {
  if (!learn_minimum) return fault(errc::unsupported, "learn_min", 0, "true, where min is a number");
  if (!learn_maximum) return fault(errc::unsupported, "learn_max", 0, "true, where max is a number");
  using real = lane_real<element_of<In>>;
  return xquant::try_clip(per_tensor{}, tensor_view<const real>(&minimum, shape(1)),
                          tensor_view<const real>(&maximum, shape(1)), x, y, engine);
}

}  // namespace xquant::presets::pytorch_quantization
