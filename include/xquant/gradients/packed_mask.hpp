// fake_quantize that saves, a bit per element, where its gradient passes, and the backward pass from those bits: the
// clipped straight-through estimator without x.
#pragma once

#include <xquant/calls/any_scale.hpp>
#include <xquant/calls/default_engine.hpp>
#include <xquant/calls/described_call.hpp>
#include <xquant/calls/kernel_of.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/engines/plan.hpp>
#include <xquant/exception.hpp>
#include <xquant/quantizer.hpp>

namespace xquant::inline XQUANT_ABI {

/// y = fake_quantize(x); mask bit = lower <= round(x / scale) + zero_point <= upper. `In` and `Out` are the element
/// types of x and y.
template <class Kernel, class In = typename Kernel::real, class Out = In>
struct fake_quantize_with_mask_operation : Kernel {
  using input_0_type = In;
  using input_1_type = none;
  using output_0_type = Out;
  using output_1_type = bit;

  /// The same operation for every scale, where needs_ordinary_scales.
  constexpr auto for_any_scale() const noexcept {
    return rebound<fake_quantize_with_mask_operation<typename any_scale_kernel<Kernel>::type, In, Out>>(*this);
  }

  template <class L>
  XQUANT_INLINE constexpr two_results<L, mask_of<L>> operator()(
      L x, none, const typename Kernel::template prepared<L>& p,
      random_bits_of<L, typename Kernel::rounding_type> random) const {
    const bound_rounding<L, typename Kernel::rounding_type> round{this->rounding_policy, random};
    const L v = Kernel::template scaled<L>(x, p);
    return {Kernel::template rescaled<L>(this->format.template snap<L>(v, round, p.lowest_step, p.highest_step), p),
            this->template is_inside<L>(v, p, round)};
  }
};

/// dx = g where the mask's bit is set, else +0. `Element` is the type of both.
template <class Element>
struct masked_gradient_operation {
  using real = lane_real<Element>;
  using input_0_type = Element;
  using input_1_type = bit;
  using output_0_type = Element;
  using output_1_type = none;
  using rounding_type = none;

  template <class L>
  XQUANT_INLINE static constexpr none prepare(const lane_parameters<L>&) {
    return {};
  }
  template <class L>
  XQUANT_INLINE constexpr L operator()(L g, mask_of<L> inside, none, detail::no_random_bits) const {
    return select<L>(inside, g, broadcast<L>(0));
  }
};

/// A call of fake_quantize_with_mask.
template <class Quantizer, class X, class Y, class Mask>
struct fake_quantize_with_mask_call {
  using operation =
      fake_quantize_with_mask_operation<kernel_of<lane_real<X>, Quantizer>, X, stream_of<Y, lane_real<X>>>;
  static constexpr named_stream streams[3] = {{input_0, "x"}, {output_0, "y"}, {output_1, "mask", stream_kind::bits}};
};

/// A call of masked_backward.
template <class G, class Mask, class Dx>
struct masked_backward_call {
  using operation = masked_gradient_operation<G>;
  static constexpr named_stream streams[3] = {{input_0, "g"}, {input_1, "mask", stream_kind::bits}, {output_0, "dx"}};
};

/// What would be wrong with fake_quantize_with_mask(q, p, x, y, mask); ok when nothing is.
template <class Quantizer, class Parameters, class In, class Out, class Mask>
[[nodiscard]] status validate_fake_quantize_with_mask(const Quantizer& q, const Parameters& p, const In& x, Out&& y,
                                                      Mask&& mask) {
  return validate_call<fake_quantize_with_mask_call>(q, p, x, y, mask);
}

/// y = fake_quantize(x) and, packed, whether each element's gradient passes: bit i % 8 of byte i / 8 of `mask` is set
/// where the rounded element i (row-major) is one of the codes in use. `mask` has (n + 7) / 8 bytes; bits past the last
/// element are left as they are. NaN is not inside. Refuses what fake_quantize refuses, a mask of another size,
/// overlap. Source: torch's fake_quantize "cachemask" kernels.
template <class Quantizer, class Parameters, class In, class Out, class Mask, class Engine = default_engine>
[[nodiscard]] status try_fake_quantize_with_mask(const Quantizer& q, const Parameters& p, const In& x, Out&& y,
                                                 Mask&& mask, const Engine& engine = {}) {
  return try_call<fake_quantize_with_mask_call>(engine, q, p, x, y, mask);
}

/// Lays the call out once (engines/plan.hpp).
template <class Quantizer, class Parameters, TensorLike In, TensorInMemory Out, TensorInMemory Mask>
[[nodiscard]] status plan_fake_quantize_with_mask(
    const Quantizer& q, const Parameters& p, const In& x, Out&& y, Mask&& mask,
    plan<typename fake_quantize_with_mask_call<Quantizer, element_of<In>, element_of<Out>, std::uint8_t>::operation>&
        out) {
  return plan_call<fake_quantize_with_mask_call>(out, q, p, x, y, mask);
}

/// What would be wrong with masked_backward(g, mask, dx); ok when nothing is.
template <class Gradient, class Mask, class Out>
[[nodiscard]] status validate_masked_backward(const Gradient& g, const Mask& mask, Out&& dx) {
  return validate_plain_call<masked_backward_call>(g, mask, dx);
}

/// dx = g where the packed mask is set, else +0. g and dx have one shape and may be the same memory.
template <class Gradient, class Mask, class Out, class Engine = default_engine>
[[nodiscard]] status try_masked_backward(const Gradient& g, const Mask& mask, Out&& dx, const Engine& engine = {}) {
  return try_plain_call<masked_backward_call>(engine, g, mask, dx);
}

/// Lays the call out once: run(engine, g, mask, dx) (engines/plan.hpp).
template <TensorLike Gradient, TensorLike Mask, TensorInMemory Out>
[[nodiscard]] status plan_masked_backward(const Gradient& g, const Mask& mask, Out&& dx,
                                          plan<masked_gradient_operation<element_of<Gradient>>>& out) {
  return plan_plain_call<masked_backward_call>(out, g, mask, dx);
}

#if XQUANT_HAS_EXCEPTIONS
/// See try_fake_quantize_with_mask. Throws xquant::error.
template <class Quantizer, class Parameters, class In, class Out, class Mask, class Engine = default_engine>
void fake_quantize_with_mask(const Quantizer& q, const Parameters& p, const In& x, Out&& y, Mask&& mask,
                             const Engine& engine = {}) {
  throw_if(try_fake_quantize_with_mask(q, p, x, y, mask, engine));
}
/// See try_masked_backward. Throws xquant::error.
template <class Gradient, class Mask, class Out, class Engine = default_engine>
void masked_backward(const Gradient& g, const Mask& mask, Out&& dx, const Engine& engine = {}) {
  throw_if(try_masked_backward(g, mask, dx, engine));
}
#endif

}  // namespace xquant
