// LSQ: the gradient of the step size (scale), learned with the weights. Includes <vector> for the sums.
#pragma once

#include <xquant/calls/call.hpp>
#include <xquant/calls/kernel_of.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/qualifiers.hpp>
#include <xquant/engines/scalar.hpp>
#include <xquant/exception.hpp>
#include <xquant/quantizer.hpp>

#include <vector>

namespace xquant::inline XQUANT_ABI {

/// dx = g inside, else +0; term = g * (q - v) inside, g * q outside, with v = x / scale and q = code - zero_point (for
/// small floats the decoded code). `Element` is the type of x, g and dx.
template <class Kernel, class Element = typename Kernel::real>
struct learned_step_size_operation : Kernel {
  static_assert(Kernel::zero_point_is_apart,
                "xquant: a learned step size needs a scheme whose zero point is an integer added after the rounding");
  using input_0_type = Element;
  using input_1_type = Element;
  using output_0_type = Element;
  using output_1_type = none;
  static constexpr bool needs_small_quotient = false;  // v itself is used
  static constexpr std::size_t accumulators = 1;

  template <class L>
  XQUANT_INLINE static constexpr L initial(std::size_t) {
    return broadcast<L>(0);
  }
  template <class L>
  XQUANT_INLINE static constexpr L combine(std::size_t, L a, L b) {
    return add(a, b);
  }
  template <class L>
  XQUANT_INLINE constexpr typename Kernel::template prepared<L> prepare(const lane_parameters<L>& p) const {
    return Kernel::template prepare<L, true>(p);
  }
  template <class L>
  XQUANT_INLINE constexpr reduced_result<L, L, 1> operator()(L x, L g, const typename Kernel::template prepared<L>& p,
                                                             detail::no_random_bits) const {
    const bound_rounding<L, typename Kernel::rounding_type> round{this->rounding_policy, {}};
    const L v = Kernel::template scaled<L, true>(x, p);
    const auto inside = this->template is_inside<L>(v, p, round);
    const L q = this->format.template snap<L>(v, round, p.lowest_step, p.highest_step);
    const L zero = broadcast<L>(0);
    return {select<L>(inside, g, zero), {multiply(g, subtract(q, select<L>(inside, v, zero)))}};
  }
};

/// By what the sum over a slot is multiplied.
enum class step_size_gradient : std::uint8_t {
  scaled,  ///< 1 / sqrt(N * upper), N the elements that share the scale: the paper's gradient scale
  plain,   ///< 1
};

namespace detail {

// Everything that can be wrong with a call; fills `walk` and `map`. `sums` is the view of dscale.
template <class Operation, class Quantizer, class Real, class X, class G, class Out, class Sums>
status lay_out_learned_step_size(const Quantizer& q, const parameters_view<Real>& p, const X& x, const G& g,
                                 const Out& dx, const Sums& sums, call<Operation>& s, parameter_map& map,
                                 reduction_walk& walk) {
  static_assert(is_same<remove_cvref<decltype(*sums.data)>, Real>,
                "xquant: dscale has the element type of x (float for 16-bit data)");
  s.input_0(x, "x").input_1(g, "g").output_0(dx, "dx").apart(sums, "dscale");
  if (const status bad = s.prepare_reduction(q, p, map, walk); !bad.ok()) return bad;
  if (sums.shape.rank != 1 || sums.shape.extent[0] != map.count)
    return fault(errc::shape_mismatch, "dscale", static_cast<double>(sums.shape.size()),
                 "one element a parameter slot");
  return validate_output(sums, sums.shape, "dscale");
}

}  // namespace detail

/// What would be wrong with learned_step_size_backward(q, p, x, g, dx, dscale); ok when nothing is.
template <class Quantizer, class Parameters, TensorLike In, TensorLike Gradient, TensorInMemory Out,
          TensorInMemory ScaleOut>
[[nodiscard]] status validate_learned_step_size_backward(const Quantizer& q, const Parameters& p, const In& x,
                                                         const Gradient& g, Out&& dx, ScaleOut&& dscale) {
  auto&& held_x = evaluated(x);
  auto&& held_g = evaluated(g);
  detail::call<learned_step_size_operation<detail::kernel_of<lane_real<element_of<In>>, Quantizer>, element_of<In>>> s;
  parameter_map map;
  reduction_walk walk;
  return detail::lay_out_learned_step_size(q, as_parameters(p), as_view(held_x), as_view(held_g), as_view(dx),
                                           as_view(dscale), s, map, walk);
}

/// Gradients of y = fake_quantize(x) with respect to x and to the scales, given g = dL/dy:
///   dx     = g where round(x / s) + z is one of the codes, else +0
///   ds_k   = gamma * sum over the elements of slot k of g * (q - v inside, q outside)
/// with v = x / s, q = clamp(round(v) + z, lower, upper) - z, gamma by `step_size_gradient`. x, g and dx have one shape
/// (dx may be the memory of x or g); `dscale` has one element a parameter slot. Sums by docs/arithmetic.md, rule 10.
/// NaN in x counts as the lowest code of an integer format, and makes dscale NaN for a small float; NaN in g
/// propagates. Deterministic roundings only. Refuses what fake_quantize refuses, and a dscale of another size or
/// overlapping. Source: S. Esser et al., "Learned step size quantization", ICLR 2020. torch and torchao take N of the
/// whole tensor also per channel, which makes their gradient smaller by the root of the number of channels.
template <class Quantizer, class Parameters, TensorLike In, TensorLike Gradient, TensorInMemory Out,
          TensorInMemory ScaleOut, class Engine = scalar_engine>
[[nodiscard]] status try_learned_step_size_backward(const Quantizer& q, const Parameters& p, const In& x,
                                                    const Gradient& g, Out&& dx, ScaleOut&& dscale,
                                                    const Engine& engine = {},
                                                    step_size_gradient scaling = step_size_gradient::scaled) {
  using real = lane_real<element_of<In>>;
  using operation = learned_step_size_operation<detail::kernel_of<real, Quantizer>, element_of<In>>;
  static_assert(!is_random_rounding<typename Quantizer::rounding_type>,
                "xquant: a learned step size needs a deterministic rounding");
  static_assert(EngineFor<Engine, operation>, "xquant: this engine does not support this operation");
  auto&& held_x = evaluated(x);
  auto&& held_g = evaluated(g);
  const auto sums = as_view(dscale);
  const auto given = as_parameters(p);
  detail::call<operation> s;
  parameter_map map;
  reduction_walk walk;
  if (const status bad = detail::lay_out_learned_step_size(q, given, as_view(held_x), as_view(held_g), as_view(dx),
                                                           sums, s, map, walk);
      !bad.ok())
    return bad;
  std::vector<double> results(map.count * 2);
  engine.reduce(detail::make_operation<operation>(q), walk, s.streams_with(given), results.data());
  const double upper = q.format.bounds().upper;
  for (std::size_t k = 0; k < map.count; ++k) {
    const double gamma = scaling == step_size_gradient::plain || results[2 * k + 1] == 0
                             ? 1.0
                             : 1.0 / __builtin_sqrt(results[2 * k + 1] * upper);
    sums.data[static_cast<std::ptrdiff_t>(k) * sums.stride[0]] = static_cast<real>(gamma * results[2 * k]);
  }
  return {};
}

#if XQUANT_HAS_EXCEPTIONS
/// See try_learned_step_size_backward. Throws xquant::error.
template <class Quantizer, class Parameters, TensorLike In, TensorLike Gradient, TensorInMemory Out,
          TensorInMemory ScaleOut, class Engine = scalar_engine>
void learned_step_size_backward(const Quantizer& q, const Parameters& p, const In& x, const Gradient& g, Out&& dx,
                                ScaleOut&& dscale, const Engine& engine = {},
                                step_size_gradient scaling = step_size_gradient::scaled) {
  throw_if(try_learned_step_size_backward(q, p, x, g, dx, dscale, engine, scaling));
}
#endif

}  // namespace xquant
