// LSQ: the gradient of the step size (scale), learned with the weights.
#pragma once

#include <xquant/calls/described_call.hpp>
#include <xquant/calls/kernel_of.hpp>
#include <xquant/calls/reduce.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/qualifiers.hpp>
#include <xquant/engines/scalar.hpp>
#include <xquant/exception.hpp>
#include <xquant/quantizer.hpp>

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
  static constexpr bool needs_ordinary_scales = false;  // v itself is used
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
template <class RoundingType>
struct check_step_size {
  static_assert(!is_random_rounding<RoundingType>, "xquant: a learned step size needs a deterministic rounding");
  static constexpr bool ok = true;
};
}  // namespace detail

/// A call of learned_step_size_backward, but for dscale.
template <class Quantizer, class X, class G, class Dx>
struct learned_step_size_call {
  static_assert(detail::check_step_size<typename Quantizer::rounding_type>::ok);
  using operation = learned_step_size_operation<detail::kernel_of<lane_real<X>, Quantizer>, X>;
  static constexpr detail::named_stream streams[] = {{input_0, "x"}, {input_1, "g"}, {output_0, "dx"}};
};

namespace detail {

// Everything that can be wrong with a call; fills `walk` and `map`. `sums` is the view of dscale.
template <memory_space Memory, class Call, class Quantizer, class Real, class Sum>
status lay_out_learned_step_size(Call& c, const Quantizer& q, const parameters_view<Real>& p,
                                 const tensor_view<Sum>& sums, parameter_map& map, reduction_walk& walk) {
  if (const status bad = c.template validate<Memory>(q, p, map); !bad.ok()) return bad;
  if (sums.shape.rank != 1 || sums.shape.extent[0] != map.count)
    return fault(errc::shape_mismatch, "dscale", static_cast<double>(sums.shape.size()),
                 "one element a parameter slot");
  if (const status bad = validate_output(sums, sums.shape, "dscale"); !bad.ok()) return bad;
  c.lay_out(map, walk);
  return {};
}

// The gradient of one scale from the sum over its slot.
template <class Real>
struct finish_step_size {
  Real* scale;
  std::ptrdiff_t stride;
  double upper;
  bool is_scaled;

  XQUANT_HOST_DEVICE void operator()(std::size_t slot, const double* sum, double elements) const {
    double gamma = 1;
    if (is_scaled && elements != 0) gamma = 1 / root(elements * upper);
    scale[static_cast<std::ptrdiff_t>(slot) * stride] =
        static_cast<Real>(lane_operations<double>::multiply(gamma, sum[0]));
  }
  XQUANT_HOST_DEVICE static double root(double x) {
#if defined(__CUDA_ARCH__)
    return __dsqrt_rn(x);
#else
    return __builtin_sqrt(x);
#endif
  }
};

}  // namespace detail

/// What would be wrong with learned_step_size_backward(q, p, x, g, dx, dscale); ok when nothing is.
template <class Quantizer, class Parameters, TensorLike In, TensorLike Gradient, TensorInMemory Out,
          TensorInMemory ScaleOut>
[[nodiscard]] status validate_learned_step_size_backward(const Quantizer& q, const Parameters& p, const In& x,
                                                         const Gradient& g, Out&& dx, ScaleOut&& dscale) {
  return detail::on_tensors<learned_step_size_call, Quantizer>(
      [&](auto& c) {
        const auto sums = as_view(dscale);
        parameter_map map;
        reduction_walk walk;
        c.apart(sums, "dscale");
        return detail::lay_out_learned_step_size<memory_space::host>(c, q, as_parameters(p), sums, map, walk);
      },
      x, g, dx);
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
  return detail::on_tensors<learned_step_size_call, Quantizer>(
      [&](auto& c) -> status {
        using operation = typename learned_step_size_call<Quantizer, element_of<In>, element_of<Gradient>,
                                                          element_of<Out>>::operation;
        const auto sums = as_view(dscale);
        static_assert(is_same<decltype(sums), const tensor_view<typename operation::real>>,
                      "xquant: dscale has the element type of x (float for 16-bit data)");
        const auto given = as_parameters(p);
        parameter_map map;
        reduction_walk walk;
        c.apart(sums, "dscale");
        detail::apart_from_workspace(c, engine);
        if (const status bad =
                detail::lay_out_learned_step_size<detail::memory_of<Engine>>(c, q, given, sums, map, walk);
            !bad.ok())
          return bad;
        const detail::finish_step_size<typename operation::real> finish{
            sums.data, sums.stride[0], q.format.bounds().upper, scaling == step_size_gradient::scaled};
        return detail::reduce_on(engine, detail::make_operation<operation>(q), walk, c.streams_with(given), map.count,
                                 finish);
      },
      x, g, dx);
}

/// Doubles of workspace that learned_step_size_backward needs of an `Engine` on a device, for tensors of this shape.
template <class Engine, class Quantizer>
[[nodiscard]] status learned_step_size_workspace(const Quantizer& q, const shape& s, std::size_t& doubles) noexcept {
  using operation = typename learned_step_size_call<Quantizer, float, float, float>::operation;
  return detail::workspace_of<operation, Engine>(q.granularity, s, doubles);
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
