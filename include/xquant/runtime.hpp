// The run-time form: a quantizer described by values, dispatched once a call to the types a program asked for. What
// each type answers to is in runtime/, a file a kind.
#pragma once

#include <xquant/exception.hpp>
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

namespace detail {
// Calls f(quantizer) where the described quantizer keeps its codes in `Code`, and says no where it does not.
template <class Choices, class Code, class F>
status with_quantizer_of(const quantizer_description& d, F&& f) {
  return with_quantizer<Choices>(d, [&](const auto& q) -> status {
    if constexpr (is_same<Code, typename remove_cvref<decltype(q)>::code_type>)
      return f(q);
    else
      return fault(errc::unsupported, "codes", sizeof(Code), "the storage type of the described format");
  });
}

// The same where codes are written.
template <class Choices, class Code, class F>
status with_quantizer_to(const quantizer_description& d, F&& f) {
  return with_quantizer_of<Choices, Code>(d, [&](const auto& q) -> status {
    if constexpr (rounding_leaves_grid<typename remove_cvref<decltype(q)>::rounding_type>)
      return fault(errc::unsupported, "rounding", static_cast<double>(d.rounding),
                   "a rounding that stays on the grid, as codes need");
    else
      return f(q);
  });
}
}  // namespace detail

/// What would be wrong with fake_quantize<Choices>(d, p, x, y), a part that was not compiled included.
template <class Choices = runtime_choices<>, class Parameters, TensorLike In, TensorInMemory Out>
[[nodiscard]] status validate_fake_quantize(const quantizer_description& d, const Parameters& p, const In& x, Out&& y) {
  return with_quantizer<Choices>(d, [&](const auto& q) { return validate_fake_quantize(q, p, x, y); });
}

/// fake_quantize by description, without exceptions; see ops/fake_quantize.hpp.
template <class Choices = runtime_choices<>, class Parameters, TensorLike In, TensorInMemory Out,
          class Engine = scalar_engine>
[[nodiscard]] status try_fake_quantize(const quantizer_description& d, const Parameters& p, const In& x, Out&& y,
                                       const Engine& engine = {}) {
  return with_quantizer<Choices>(d, [&](const auto& q) { return try_fake_quantize(q, p, x, y, engine); });
}

/// What would be wrong with quantize<Choices>(d, p, x, codes).
template <class Choices = runtime_choices<>, class Parameters, TensorLike In, TensorInMemory Out>
[[nodiscard]] status validate_quantize(const quantizer_description& d, const Parameters& p, const In& x, Out&& codes) {
  return detail::with_quantizer_to<Choices, element_of<Out>>(
      d, [&](const auto& q) { return validate_quantize(q, p, x, codes); });
}

/// quantize by description, without exceptions. The element type of `codes` must be what the format stores: int8,
/// uint8, int16, uint16, int32, uint32.
template <class Choices = runtime_choices<>, class Parameters, TensorLike In, TensorInMemory Out,
          class Engine = scalar_engine>
[[nodiscard]] status try_quantize(const quantizer_description& d, const Parameters& p, const In& x, Out&& codes,
                                  const Engine& engine = {}) {
  return detail::with_quantizer_to<Choices, element_of<Out>>(
      d, [&](const auto& q) { return try_quantize(q, p, x, codes, engine); });
}

/// What would be wrong with dequantize<Choices>(d, p, codes, x).
template <class Choices = runtime_choices<>, class Parameters, TensorLike In, TensorInMemory Out>
[[nodiscard]] status validate_dequantize(const quantizer_description& d, const Parameters& p, const In& codes,
                                         Out&& x) {
  return detail::with_quantizer_of<Choices, element_of<In>>(
      d, [&](const auto& q) { return validate_dequantize(q, p, codes, x); });
}

/// dequantize by description, likewise.
template <class Choices = runtime_choices<>, class Parameters, TensorLike In, TensorInMemory Out,
          class Engine = scalar_engine>
[[nodiscard]] status try_dequantize(const quantizer_description& d, const Parameters& p, const In& codes, Out&& x,
                                    const Engine& engine = {}) {
  return detail::with_quantizer_of<Choices, element_of<In>>(
      d, [&](const auto& q) { return try_dequantize(q, p, codes, x, engine); });
}

#if XQUANT_HAS_EXCEPTIONS
/// The three with exceptions: `fake_quantize<choices>(description, parameters, x, y)`.
template <class Choices = runtime_choices<>, class Parameters, TensorLike In, TensorInMemory Out,
          class Engine = scalar_engine>
void fake_quantize(const quantizer_description& d, const Parameters& p, const In& x, Out&& y,
                   const Engine& engine = {}) {
  throw_if(try_fake_quantize<Choices>(d, p, x, y, engine));
}
template <class Choices = runtime_choices<>, class Parameters, TensorLike In, TensorInMemory Out,
          class Engine = scalar_engine>
void quantize(const quantizer_description& d, const Parameters& p, const In& x, Out&& codes,
              const Engine& engine = {}) {
  throw_if(try_quantize<Choices>(d, p, x, codes, engine));
}
template <class Choices = runtime_choices<>, class Parameters, TensorLike In, TensorInMemory Out,
          class Engine = scalar_engine>
void dequantize(const quantizer_description& d, const Parameters& p, const In& codes, Out&& x,
                const Engine& engine = {}) {
  throw_if(try_dequantize<Choices>(d, p, codes, x, engine));
}
#endif

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
