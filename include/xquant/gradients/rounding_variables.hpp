// The gradients of AdaRound's and SignRound's variables, a number for each element: from y to what each element brings
// to its rounding, by a packed mask, and from there to the variable that is trained.
#pragma once

#include <xquant/calls/default_engine.hpp>
#include <xquant/calls/described_call.hpp>
#include <xquant/calls/kernel_of.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/validation.hpp>
#include <xquant/exception.hpp>
#include <xquant/ops/learned_rounding.hpp>
#include <xquant/quantizer.hpp>

#include <cmath>

namespace xquant::inline XQUANT_ABI {

/// y as learned_fake_quantize; mask bit = lower - z <= round(x / scale, c) <= upper - z.
template <class Kernel, class Rounding, class Element>
struct learned_fake_quantize_with_mask_operation : learned_fake_quantize_operation<Kernel, Rounding, Element> {
  using output_1_type = bit;

  template <class L>
  XQUANT_INLINE constexpr two_results<L, mask_of<L>> operator()(L x, L c,
                                                                const typename Kernel::template prepared<L>& p,
                                                                detail::no_random_bits) const {
    const L steps = Rounding::template round<L>(Kernel::template scaled<L, true>(x, p), c);
    return {Kernel::template rescaled<L>(clamp(steps, p.lowest_step, p.highest_step), p),
            both<L>(less_equal(p.lowest_step, steps), less_equal(steps, p.highest_step))};
  }
};

/// dchoice = g * scale where the mask's bit is set, else +0.
template <class Kernel, class Element>
struct learned_rounding_backward_operation : detail::operation_on_choices<Kernel, Element, bit> {
  template <class L>
  XQUANT_INLINE constexpr L operator()(L g, mask_of<L> inside, const typename Kernel::template prepared<L>& p,
                                       detail::no_random_bits) const {
    return select<L>(inside, multiply(g, p.scale), broadcast<L>(0));
  }
};

/// A call of learned_fake_quantize_with_mask.
template <class Rounding, class Quantizer, class X, class Choice, class Y, class Mask>
struct learned_fake_quantize_with_mask_call {
  static_assert(detail::check_learned_rounding<Rounding>::ok);
  using operation = learned_fake_quantize_with_mask_operation<kernel_of<lane_real<X>, Quantizer>, Rounding, X>;
  static constexpr call_obstacle obstacle = detail::learned_obstacle<kernel_of<lane_real<X>, Quantizer>>;
  static constexpr named_stream streams[4] = {
      {input_0, "x"}, {input_1, "choice"}, {output_0, "y"}, {output_1, "mask", stream_kind::bits}};
};

/// A call of learned_rounding_backward.
template <class Quantizer, class G, class Mask, class DChoice>
struct learned_rounding_backward_call {
  using operation = learned_rounding_backward_operation<kernel_of<lane_real<G>, Quantizer>, G>;
  static constexpr named_stream streams[3] = {
      {input_0, "g"}, {input_1, "mask", stream_kind::bits}, {output_0, "dchoice"}};
};

/// learned_fake_quantize, and packed as fake_quantize_with_mask does whether each element lies within the codes: the
/// forward pass of training a rounding. Refuses what learned_fake_quantize refuses, and masks of another size.
template <class Rounding, class Quantizer, class Parameters, class In, class Choice, class Out, class Mask,
          class Engine = default_engine>
[[nodiscard]] status try_learned_fake_quantize_with_mask(const Rounding&, const Quantizer& q, const Parameters& p,
                                                         const In& x, const Choice& choice, Out&& y, Mask&& mask,
                                                         const Engine& engine = {}) {
  return try_call<learned_fake_quantize_with_mask_call, Rounding>(engine, q, p, x, choice, y, mask);
}

/// The gradient of y for what each element brings to its rounding, given g = dL/dy and that mask:
///   dchoice = g * scale inside the codes, else +0
/// which is dL/dh of AdaRound's h, and of SignRound's offset with its rounding to nearest passed straight through.
/// (dL/dx is masked_backward(g, mask, dx).) g and dchoice may be the same memory.
template <class Quantizer, class Parameters, class Gradient, class Mask, class Out, class Engine = default_engine>
[[nodiscard]] status try_learned_rounding_backward(const Quantizer& q, const Parameters& p, const Gradient& g,
                                                   const Mask& mask, Out&& dchoice, const Engine& engine = {}) {
  return try_call<learned_rounding_backward_call>(engine, q, p, g, mask, dchoice);
}

namespace detail {

inline double sigmoid(double v) { return 1 / (1 + std::exp(-v)); }

// use(element of a, element of b, element of out): dense tensors of one shape; out may be either.
template <class A, class B, class Out, class Use>
status each_of_three(const tensor_view<A>& a, const char* a_name, const tensor_view<B>& b, const char* b_name,
                     const tensor_view<Out>& out, const char* out_name, const Use& use) {
  if (const status bad = validate_input(a, a_name); !bad.ok()) return bad;
  if (const status bad = validate_input(b, b_name); !bad.ok()) return bad;
  if (const status bad = validate_same_shape(b.shape, a.shape, b_name); !bad.ok()) return bad;
  if (const status bad = validate_output(out, a.shape, out_name); !bad.ok()) return bad;
  if (!a.dense()) return fault(errc::unsupported, a_name, 0, "a dense tensor");
  if (!b.dense()) return fault(errc::unsupported, b_name, 0, "a dense tensor");
  if (!out.dense()) return fault(errc::unsupported, out_name, 0, "a dense tensor");
  for (std::size_t i = 0; i < a.shape.size(); ++i) out.data[i] = static_cast<Out>(use(a.data[i], b.data[i]));
  return {};
}

}  // namespace detail

/// h = clip(1.2 sigmoid(V) - 0.1, 0, 1): what an AdaRound variable V brings to the rounding of its element
/// (rounding/adaround.hpp). In double by std::exp, rounded to the type of h. Dense tensors of one shape; h may be V's
/// memory.
template <TensorLike In, TensorInMemory Out>
[[nodiscard]] status try_adaround_choices(const In& variables, Out&& h) {
  auto&& held = evaluated(variables);
  const auto v = as_view(held);
  return detail::each_of_three(v, "variables", v, "variables", as_view(h), "h", [](auto x, auto) {
    const double stretched = 1.2 * detail::sigmoid(static_cast<double>(x)) - 0.1;
    return stretched < 0 ? 0.0 : stretched > 1 ? 1.0 : stretched;
  });
}

/// dV = dh * 1.2 sigmoid(V) (1 - sigmoid(V)) where h is not clipped, ends included, else 0.
template <TensorLike In, TensorLike Gradient, TensorInMemory Out>
[[nodiscard]] status try_adaround_choices_backward(const In& variables, const Gradient& dh, Out&& dvariables) {
  auto&& held = evaluated(variables);
  auto&& held_dh = evaluated(dh);
  return detail::each_of_three(as_view(held), "variables", as_view(held_dh), "dh", as_view(dvariables), "dvariables",
                               [](auto x, auto g) {
                                 const double s = detail::sigmoid(static_cast<double>(x));
                                 const double stretched = 1.2 * s - 0.1;
                                 const bool inside = stretched >= 0 && stretched <= 1;
                                 return inside ? static_cast<double>(g) * (1.2 * s * (1 - s)) : 0.0;
                               });
}

/// The V at which h is the fraction v - floor(v) of a quotient v, so that the soft weights start as the weights are:
/// V = -ln(1.2 / (fraction + 0.1) - 1). Source: M. Nagel et al., 2020, and AIMET.
template <TensorLike In, TensorInMemory Out>
[[nodiscard]] status try_adaround_variables(const In& quotients, Out&& variables) {
  auto&& held = evaluated(quotients);
  const auto v = as_view(held);
  return detail::each_of_three(v, "quotients", v, "quotients", as_view(variables), "variables", [](auto x, auto) {
    const auto quotient = static_cast<double>(x);
    return -std::log(1.2 / (quotient - std::floor(quotient) + 0.1) - 1);
  });
}

#if XQUANT_HAS_EXCEPTIONS
/// See try_learned_fake_quantize_with_mask. Throws xquant::error.
template <class Rounding, class Quantizer, class Parameters, class In, class Choice, class Out, class Mask,
          class Engine = default_engine>
void learned_fake_quantize_with_mask(const Rounding& rounding, const Quantizer& q, const Parameters& p, const In& x,
                                     const Choice& choice, Out&& y, Mask&& mask, const Engine& engine = {}) {
  throw_if(try_learned_fake_quantize_with_mask(rounding, q, p, x, choice, y, mask, engine));
}
/// See try_learned_rounding_backward. Throws xquant::error.
template <class Quantizer, class Parameters, class Gradient, class Mask, class Out, class Engine = default_engine>
void learned_rounding_backward(const Quantizer& q, const Parameters& p, const Gradient& g, const Mask& mask,
                               Out&& dchoice, const Engine& engine = {}) {
  throw_if(try_learned_rounding_backward(q, p, g, mask, dchoice, engine));
}
#endif

}  // namespace xquant
