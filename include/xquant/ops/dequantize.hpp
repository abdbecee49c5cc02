// Codes to real numbers.
#pragma once

#include <xquant/calls/default_engine.hpp>
#include <xquant/calls/described_call.hpp>
#include <xquant/calls/kernel_of.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/engines/plan.hpp>
#include <xquant/exception.hpp>
#include <xquant/quantizer.hpp>

namespace xquant::inline XQUANT_ABI {

/// x = (code - zero_point) * scale: for integers exact but for the product's one rounding. For a format without zero
/// points, decode(code) * scale. Other zero_point_rules likewise. `Out` is the element type of x.
template <class Kernel, class Out = typename Kernel::real>
struct dequantize_operation : Kernel {
  using input_0_type = typename Kernel::code_type;
  using input_1_type = none;
  using output_0_type = Out;
  using output_1_type = none;
  static constexpr bool multiplies_by_reciprocal = false;
  using rounding_type = none;
  static constexpr bool needs_ordinary_scales = false;

  template <class L>
  XQUANT_INLINE static constexpr lane_parameters<L> prepare(const lane_parameters<L>& p) {
    return p;
  }
  template <class L>
  XQUANT_INLINE constexpr L operator()(integer_of<L> code, none, const lane_parameters<L>& p,
                                       detail::no_random_bits) const {
    return Kernel::template dequantized<L>(this->template value_of<L>(code, p.zero_point), p);
  }
};

/// The kernel behind dequantize: what a plan of it is a plan of. `Codes` is packed<Bits> where codes are packed.
template <class Quantizer, class Out = float, class Codes = void>
using dequantize_kernel = typename detail::operation_on<dequantize_operation<kernel_of<lane_real<Out>, Quantizer>, Out>,
                                                        Codes, none, none>::type;

/// A call of dequantize. Everything below follows from it.
template <class Quantizer, class Codes, class X>
struct dequantize_call {
  using operation = dequantize_kernel<Quantizer, X>;
  static constexpr named_stream streams[2] = {{input_0, "codes", stream_kind::codes}, {output_0, "x"}};
};

/// What would be wrong with dequantize(q, p, codes, x); ok when nothing is. Reads no element and writes nothing.
template <class Quantizer, class Parameters, class In, class Out>
[[nodiscard]] status validate_dequantize(const Quantizer& q, const Parameters& p, const In& codes, Out&& x) {
  return validate_call<dequantize_call>(q, p, codes, x);
}

/// The same without exceptions: does the work and returns ok, or returns what is wrong and has written nothing.
template <class Quantizer, class Parameters, class In, class Out, class Engine = default_engine>
[[nodiscard]] status try_dequantize(const Quantizer& q, const Parameters& p, const In& codes, Out&& x,
                                    const Engine& engine = {}) {
  return try_call<dequantize_call>(engine, q, p, codes, x);
}

/// Lays the call out once: `out` is then run with the addresses of tensors of the same shapes and strides, as often as
/// wanted. Refuses what dequantize refuses.
template <class Quantizer, class Parameters, TensorLike In, TensorInMemory Out>
[[nodiscard]] status plan_dequantize(
    const Quantizer& q, const Parameters& p, const In& codes, Out&& x,
    plan<operation_with<dequantize_kernel<Quantizer, element_of<Out>, element_of<In>>, Parameters>>& out) {
  return plan_call<dequantize_call>(out, q, p, codes, x);
}

#if XQUANT_HAS_EXCEPTIONS
/// x = (code - zero_point) * scale, element by element: exact but for the one rounding of the product. `codes` holds
/// the quantizer's code_type, `x` float, double, float16 or bfloat16 (the product in float is then rounded to the
/// nearest one, ties to even), of one shape. A code of more than 24 bits less its zero point is rounded to float before
/// the product. e4m3fn: the NaN codes give NaN. docs/arithmetic.md,
/// rule 6. Codes outside the quantizer's range are decoded like the others. Source: ONNX DequantizeLinear. Errors: more
/// than 8 dimensions; shapes that differ; an axis the tensor does not have; a number of parameters other than the
/// granularity's; a scale that is NaN, infinite, zero or negative, or (under multiply_by_reciprocal) has no finite
/// reciprocal; a zero point outside the codes, or any where the scheme has none; no memory; memory that overlaps other
/// than in place; an output that visits an element twice. See docs/arithmetic.md, rule 12.
template <class Quantizer, class Parameters, class In, class Out, class Engine = default_engine>
requires(!detail::IsEngine<remove_cvref<Out>>) void dequantize(const Quantizer& q, const Parameters& p, const In& codes,
                                                               Out&& x, const Engine& engine = {}) {
  throw_if(try_dequantize(q, p, codes, x, engine));
}
#endif

}  // namespace xquant
