// The run-time form: a quantizer described by values, dispatched once a call to the types a program asked for. What
// each type answers to is in runtime/, a file a kind.
#pragma once

#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/runtime/arithmetic.hpp>
#include <xquant/runtime/description.hpp>
#include <xquant/runtime/dispatch.hpp>
#include <xquant/runtime/granularity.hpp>
#include <xquant/runtime/integer.hpp>
#include <xquant/runtime/minifloat.hpp>
#include <xquant/runtime/names.hpp>
#include <xquant/runtime/rounding.hpp>
#include <xquant/runtime/scheme.hpp>

namespace xquant::inline XQUANT_ABI {

/// fake_quantize by description; see ops/fake_quantize.hpp.
template <class Choices = runtime_choices<>, class Parameters, TensorLike In, TensorInMemory Out,
          class Engine = scalar_engine>
[[nodiscard]] status try_fake_quantize(const quantizer_description& d, const Parameters& p, const In& x, Out&& y,
                                       const Engine& engine = {}) {
  return with_quantizer<Choices>(d, [&](const auto& q) { return try_fake_quantize(q, p, x, y, engine); });
}

/// quantize by description. The element type of `codes` must be what the format stores: int8, uint8, int16, uint16,
/// int32, uint32.
template <class Choices = runtime_choices<>, class Parameters, TensorLike In, TensorInMemory Out,
          class Engine = scalar_engine>
[[nodiscard]] status try_quantize(const quantizer_description& d, const Parameters& p, const In& x, Out&& codes,
                                  const Engine& engine = {}) {
  return with_quantizer<Choices>(d, [&](const auto& q) {
    using quantizer_type = remove_cvref<decltype(q)>;
    if constexpr (rounding_leaves_grid<typename quantizer_type::rounding_type>)
      return fault(errc::unsupported, "rounding", static_cast<double>(d.rounding),
                   "a rounding that stays on the grid, as codes need");
    else if constexpr (is_same<element_of<Out>, typename quantizer_type::code_type>)
      return try_quantize(q, p, x, codes, engine);
    else
      return fault(errc::unsupported, "codes", sizeof(element_of<Out>), "the storage type of the described format");
  });
}

/// dequantize by description, likewise.
template <class Choices = runtime_choices<>, class Parameters, TensorLike In, TensorInMemory Out,
          class Engine = scalar_engine>
[[nodiscard]] status try_dequantize(const quantizer_description& d, const Parameters& p, const In& codes, Out&& x,
                                    const Engine& engine = {}) {
  return with_quantizer<Choices>(d, [&](const auto& q) {
    if constexpr (is_same<element_of<In>, typename remove_cvref<decltype(q)>::code_type>)
      return try_dequantize(q, p, codes, x, engine);
    else
      return fault(errc::unsupported, "codes", sizeof(element_of<In>), "the storage type of the described format");
  });
}

/// Scale and zero point that the described quantizer gives data of range r: a scale_and_zero_point, or a
/// scale_and_real_zero_point for the schemes whose zero points are reals.
template <class Choices = runtime_choices<>, class Real, class Slot>
[[nodiscard]] status try_parameters_for(const quantizer_description& d, const range<Real>& r, Slot& out) {
  if (const status s = r.valid(); !s.ok()) return s;
  return with_quantizer<Choices>(d, [&](const auto& q) {
    if constexpr (is_same<decltype(q.parameters_for(r)), Slot>) {
      out = q.parameters_for(r);
      return status{};
    } else {
      return fault(errc::unsupported, "scheme", static_cast<double>(d.scheme),
                   "a scheme whose zero points are of the kind asked for");
    }
  });
}

}  // namespace xquant
