// Real numbers to the nearest representable ones: quantize and dequantize in one pass.
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

namespace detail {
template <class R, class F>
struct check_noise {
  static_assert(!rounding_leaves_grid<R> || F::is_integer,
                "xquant::fake_quantize: a rounding that leaves the grid needs a format of integers");
  static constexpr bool ok = true;
};
}  // namespace detail

/// dequantize(quantize(x)), bit for bit, without the codes. `In` and `Out` are the element types of x and y.
template <class Kernel, class In = typename Kernel::real, class Out = In>
struct fake_quantize_operation : Kernel {
  static_assert(detail::check_noise<typename Kernel::rounding_type, typename Kernel::format_type>::ok);
  using input_0_type = In;
  using input_1_type = none;
  using output_0_type = Out;
  using output_1_type = none;

  /// The same operation for every scale, where needs_ordinary_scales.
  constexpr auto for_any_scale() const noexcept {
    return rebound<fake_quantize_operation<typename any_scale_kernel<Kernel>::type, In, Out>>(*this);
  }

  template <class L>
  XQUANT_INLINE constexpr L operator()(L x, none, const typename Kernel::template prepared<L>& p,
                                       random_bits_of<L, typename Kernel::rounding_type> random) const {
    const bound_rounding<L, typename Kernel::rounding_type> round{this->rounding_policy, random};
    return Kernel::template rescaled<L>(this->template snapped<L>(x, p, round), p);
  }
};

/// The kernel behind fake_quantize: what a plan of it is a plan of.
template <class Quantizer, class In = float, class Out = In>
using fake_quantize_kernel = fake_quantize_operation<kernel_of<lane_real<In>, Quantizer>, In, Out>;

/// A call of fake_quantize. Everything below follows from it.
template <class Quantizer, class X, class Y>
struct fake_quantize_call {
  using operation = fake_quantize_kernel<Quantizer, X, stream_of<Y, lane_real<X>>>;
  static constexpr named_stream streams[2] = {{input_0, "x"}, {output_0, "y"}};
};

/// What would be wrong with fake_quantize(q, p, x, y); ok when nothing is. Reads no element and writes nothing.
template <class Quantizer, class Parameters, class In, class Out>
[[nodiscard]] status validate_fake_quantize(const Quantizer& q, const Parameters& p, const In& x, Out&& y) {
  return validate_call<fake_quantize_call>(q, p, x, y);
}

/// The same without exceptions: does the work and returns ok, or returns what is wrong and has written nothing.
template <class Quantizer, class Parameters, class In, class Out, class Engine = default_engine>
[[nodiscard]] status try_fake_quantize(const Quantizer& q, const Parameters& p, const In& x, Out&& y,
                                       const Engine& engine = {}) {
  return try_call<fake_quantize_call>(engine, q, p, x, y);
}

/// Lays the call out once: `out` is then run with the addresses of tensors of the same shapes and strides, as often as
/// wanted. Refuses what fake_quantize refuses.
template <class Quantizer, class Parameters, TensorLike In, TensorInMemory Out>
[[nodiscard]] status plan_fake_quantize(
    const Quantizer& q, const Parameters& p, const In& x, Out&& y,
    plan<operation_with<
        fake_quantize_kernel<Quantizer, element_of<In>, stream_of<element_of<Out>, lane_real<element_of<In>>>>,
        Parameters>>& out) {
  return plan_call<fake_quantize_call>(out, q, p, x, y);
}

#if XQUANT_HAS_EXCEPTIONS
/// y = dequantize(quantize(x)), bit for bit, without the codes. `x` and `y` are float, float16 or bfloat16 in any
/// pairing, or both double, of one shape, and may be the same memory where their elements have one size. Integers: -0
/// gives +0, NaN the lowest value. docs/arithmetic.md, rules 3 to 7. Errors: more than 8 dimensions; shapes that
/// differ; an axis the tensor does not have; a number of parameters other than the granularity's; a scale that is NaN,
/// infinite, zero or negative, or (under multiply_by_reciprocal) has no finite reciprocal; a zero point outside the
/// codes, or any where the scheme has none; no memory; memory that overlaps other than in place; an output that visits
/// an element twice. See docs/arithmetic.md, rule 12.
template <class Quantizer, class Parameters, class In, class Out, class Engine = default_engine>
requires(!detail::IsEngine<remove_cvref<Out>>) void fake_quantize(const Quantizer& q, const Parameters& p, const In& x,
                                                                  Out&& y, const Engine& engine = {}) {
  throw_if(try_fake_quantize(q, p, x, y, engine));
}
#endif

}  // namespace xquant
