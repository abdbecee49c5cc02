// Real numbers to codes.
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
template <class R>
struct check_codes {
  static_assert(!rounding_leaves_grid<R>,
                "xquant::quantize: this rounding leaves the grid, so there are no codes; use stochastic");
  static constexpr bool ok = true;
};
}  // namespace detail

/// code = clamp(round(x / scale) + zero_point, lower, upper), or as its zero_point_rule has it. The clamp is done by
/// the store. `In` is the element type of x: real, or a 16-bit float.
template <class Kernel, class In = typename Kernel::real>
struct quantize_operation : Kernel {
  static_assert(detail::check_codes<typename Kernel::rounding_type>::ok);
  using input_0_type = In;
  using input_1_type = none;
  using output_0_type = typename Kernel::code_type;
  using output_1_type = none;
  template <class L>
  static constexpr bool holds_upper_code = Kernel::template holds_upper_code_of_real<L>;

  /// The same operation for every scale, where needs_ordinary_scales.
  constexpr auto for_any_scale() const noexcept {
    return rebound<quantize_operation<typename any_scale_kernel<Kernel>::type, In>>(*this);
  }

  template <class L>
  XQUANT_INLINE constexpr integer_of<L> operator()(L x, none, const typename Kernel::template prepared<L>& p,
                                                   random_bits_of<L, typename Kernel::rounding_type> random) const {
    const bound_rounding<L, typename Kernel::rounding_type> round{this->rounding_policy, random};
    return this->template code_of_real<L>(x, p, round);
  }
};

/// The kernel behind quantize: what a plan of it is a plan of. `Codes` is packed<Bits> where codes are packed.
template <class Quantizer, class In = float, class Codes = void>
using quantize_kernel =
    typename detail::operation_on<quantize_operation<kernel_of<lane_real<In>, Quantizer>, In>, none, none, Codes>::type;

/// A call of quantize. Everything below follows from it.
template <class Quantizer, class X, class Codes>
struct quantize_call {
  using operation = quantize_kernel<Quantizer, X>;
  static constexpr named_stream streams[2] = {{input_0, "x"}, {output_0, "codes", stream_kind::codes}};
};

/// What would be wrong with quantize(q, p, x, codes); ok when nothing is. Reads no element and writes nothing.
template <class Quantizer, class Parameters, class In, class Out>
[[nodiscard]] status validate_quantize(const Quantizer& q, const Parameters& p, const In& x, Out&& codes) {
  return validate_call<quantize_call>(q, p, x, codes);
}

/// The same without exceptions: does the work and returns ok, or returns what is wrong and has written nothing.
template <class Quantizer, class Parameters, class In, class Out, class Engine = default_engine>
[[nodiscard]] status try_quantize(const Quantizer& q, const Parameters& p, const In& x, Out&& codes,
                                  const Engine& engine = {}) {
  return try_call<quantize_call>(engine, q, p, x, codes);
}

/// Lays the call out once: `out` is then run with the addresses of tensors of the same shapes and strides, as often as
/// wanted. Refuses what quantize refuses.
template <class Quantizer, class Parameters, TensorLike In, TensorInMemory Out>
[[nodiscard]] status plan_quantize(
    const Quantizer& q, const Parameters& p, const In& x, Out&& codes,
    plan<operation_with<quantize_kernel<Quantizer, element_of<In>, element_of<Out>>, Parameters>>& out) {
  return plan_call<quantize_call>(out, q, p, x, codes);
}

#if XQUANT_HAS_EXCEPTIONS
/// codes = clamp(round(x / scale) + zero_point, lower, upper), element by element, with the scale and zero point of the
/// element's parameter slot. `x` and `codes` have one shape; `x` holds float, float16, bfloat16 (any engine; the 16-bit
/// ones are widened, with scales in float) or double (scalar engine), `codes` the quantizer's code_type; scales are in
/// units of x per code. Integers: NaN gives the lowest code, infinities the ends. e4m3fn: NaN stays NaN, what lies
/// beyond the largest value saturates. docs/arithmetic.md, rules 3 to 7. Source: ONNX QuantizeLinear (opset 10 to 21),
/// which this equals with the default policies. Errors: more than 8 dimensions; shapes that differ; an axis the tensor
/// does not have; a number of parameters other than the granularity's; a scale that is NaN, infinite, zero or negative,
/// or (under multiply_by_reciprocal) has no finite reciprocal; a zero point outside the codes, or any where the scheme
/// has none; no memory; memory that overlaps other than in place; an output that visits an element twice. See
/// docs/arithmetic.md, rule 12.
template <class Quantizer, class Parameters, class In, class Out, class Engine = default_engine>
requires(!detail::IsEngine<remove_cvref<Out>>) void quantize(const Quantizer& q, const Parameters& p, const In& x,
                                                             Out&& codes, const Engine& engine = {}) {
  throw_if(try_quantize(q, p, x, codes, engine));
}
#endif

}  // namespace xquant
