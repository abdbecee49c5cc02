// The run-time form: a quantizer described by values, dispatched once per call to the types a program asked for. What
// each type answers to stands beside it: its id.
#pragma once

#include <xquant/calls/default_engine.hpp>
#include <xquant/calls/described_call.hpp>
#include <xquant/exception.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/runtime/choice.hpp>
#include <xquant/runtime/choices.hpp>
#include <xquant/runtime/description.hpp>
#include <xquant/runtime/dispatch.hpp>
#include <xquant/runtime/granularity_description.hpp>
#include <xquant/runtime/scheme.hpp>
#include <xquant/runtime/standard_policies.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {

// Whether tensors of these element types hold the codes of a call, where it has codes.
template <class Description, class Code, class... Elements>
constexpr bool holds_codes() noexcept {
  constexpr bool fits[] = {(is_same<Elements, Code> || (is_packed<Elements> && sizeof(Code) == 1))...};
  for (std::size_t i = 0; i < sizeof...(Elements); ++i)
    if (Description::streams[i].kind == stream_kind::codes && !fits[i]) return false;
  return true;
}
template <class Description>
constexpr bool writes_codes() noexcept {
  for (const named_stream& s : Description::streams)
    if (s.role == output_0 && s.kind == stream_kind::codes) return true;
  return false;
}
template <class Description, class... Elements>
constexpr status other_codes() noexcept {
  constexpr std::size_t size[] = {sizeof(Elements)...};
  for (std::size_t i = 0; i < sizeof...(Elements); ++i)
    if (Description::streams[i].kind == stream_kind::codes)
      return fault(errc::unsupported, Description::streams[i].name, static_cast<double>(size[i]),
                   "the storage type of the described format");
  return {};
}

/// Calls f(quantizer) where the described quantizer can be that of a call of these tensors, and says why where not.
template <class Choices, template <class...> class Call, class F, class... Tensors>
status with_quantizer_for(const quantizer_description& d, const F& f, const Tensors&...) {
  return with_quantizer<Choices>(d, [&](const auto& q) -> status {
    using quantizer_type = remove_cvref<decltype(q)>;
    using description = Call<quantizer_type, element_of<Tensors>...>;
    if constexpr (!holds_codes<description, typename quantizer_type::code_type, element_of<Tensors>...>())
      return other_codes<description, element_of<Tensors>...>();
    else if constexpr (writes_codes<description>() && rounding_leaves_grid<typename quantizer_type::rounding_type>)
      return fault(errc::unsupported, "rounding", d.rounding.number,
                   "a rounding that stays on the grid, as codes need");
    else
      return f(q);
  });
}

template <class Choices, template <class...> class Call, class Parameters, class... Tensors>
status validate_described(const quantizer_description& d, const Parameters& p, Tensors&... tensors) {
  return with_quantizer_for<Choices, Call>(
      d, [&](const auto& q) { return validate_call<Call>(q, p, tensors...); }, tensors...);
}
template <class Choices, template <class...> class Call, class Engine, class Parameters, class... Tensors>
status try_described(const Engine& engine, const quantizer_description& d, const Parameters& p, Tensors&... tensors) {
  return with_quantizer_for<Choices, Call>(
      d, [&](const auto& q) { return try_call<Call>(engine, q, p, tensors...); }, tensors...);
}

}  // namespace detail

/// What would be wrong with fake_quantize<Choices>(d, p, x, y), a part that was not compiled included.
template <class Choices = runtime_choices<>, class Parameters, TensorLike In, TensorInMemory Out>
[[nodiscard]] status validate_fake_quantize(const quantizer_description& d, const Parameters& p, const In& x, Out&& y) {
  return detail::validate_described<Choices, fake_quantize_call>(d, p, x, y);
}

/// fake_quantize by description, without exceptions; see ops/fake_quantize.hpp.
template <class Choices = runtime_choices<>, class Parameters, TensorLike In, TensorInMemory Out,
          class Engine = default_engine>
[[nodiscard]] status try_fake_quantize(const quantizer_description& d, const Parameters& p, const In& x, Out&& y,
                                       const Engine& engine = {}) {
  return detail::try_described<Choices, fake_quantize_call>(engine, d, p, x, y);
}

/// What would be wrong with quantize<Choices>(d, p, x, codes).
template <class Choices = runtime_choices<>, class Parameters, TensorLike In, TensorInMemory Out>
[[nodiscard]] status validate_quantize(const quantizer_description& d, const Parameters& p, const In& x, Out&& codes) {
  return detail::validate_described<Choices, quantize_call>(d, p, x, codes);
}

/// quantize by description, without exceptions. The element type of `codes` must be what the format stores: int8,
/// uint8, int16, uint16, int32, uint32; or packed<Bits> of a format that is stored in a byte.
template <class Choices = runtime_choices<>, class Parameters, TensorLike In, TensorInMemory Out,
          class Engine = default_engine>
[[nodiscard]] status try_quantize(const quantizer_description& d, const Parameters& p, const In& x, Out&& codes,
                                  const Engine& engine = {}) {
  return detail::try_described<Choices, quantize_call>(engine, d, p, x, codes);
}

/// What would be wrong with dequantize<Choices>(d, p, codes, x).
template <class Choices = runtime_choices<>, class Parameters, TensorLike In, TensorInMemory Out>
[[nodiscard]] status validate_dequantize(const quantizer_description& d, const Parameters& p, const In& codes,
                                         Out&& x) {
  return detail::validate_described<Choices, dequantize_call>(d, p, codes, x);
}

/// dequantize by description, without exceptions. The element type of `codes` must be what the format stores.
template <class Choices = runtime_choices<>, class Parameters, TensorLike In, TensorInMemory Out,
          class Engine = default_engine>
[[nodiscard]] status try_dequantize(const quantizer_description& d, const Parameters& p, const In& codes, Out&& x,
                                    const Engine& engine = {}) {
  return detail::try_described<Choices, dequantize_call>(engine, d, p, codes, x);
}

#if XQUANT_HAS_EXCEPTIONS
/// The three with exceptions: `fake_quantize<choices>(description, parameters, x, y)`.
template <class Choices = runtime_choices<>, class Parameters, TensorLike In, TensorInMemory Out,
          class Engine = default_engine>
void fake_quantize(const quantizer_description& d, const Parameters& p, const In& x, Out&& y,
                   const Engine& engine = {}) {
  throw_if(try_fake_quantize<Choices>(d, p, x, y, engine));
}
template <class Choices = runtime_choices<>, class Parameters, TensorLike In, TensorInMemory Out,
          class Engine = default_engine>
void quantize(const quantizer_description& d, const Parameters& p, const In& x, Out&& codes,
              const Engine& engine = {}) {
  throw_if(try_quantize<Choices>(d, p, x, codes, engine));
}
template <class Choices = runtime_choices<>, class Parameters, TensorLike In, TensorInMemory Out,
          class Engine = default_engine>
void dequantize(const quantizer_description& d, const Parameters& p, const In& codes, Out&& x,
                const Engine& engine = {}) {
  throw_if(try_dequantize<Choices>(d, p, codes, x, engine));
}
#endif

/// Scale and zero point that the described quantizer gives data of range r: a scale_and_zero_point, or a
/// scale_and_real_zero_point for the schemes whose zero points are reals. `Element` is the element type of the data
/// where that is not Real: float16 or bfloat16.
template <class Choices = runtime_choices<>, class Element = void, class Real, class Slot>
[[nodiscard]] status try_parameters_for(const quantizer_description& d, const range<Real>& r, Slot& out) {
  if (const status s = r.valid(); !s.ok()) return s;
  return with_quantizer<Choices>(d, [&](const auto& q) {
    if constexpr (is_same<decltype(q.parameters_for(r)), Slot>) {
      out = q.template parameters_for<Element>(r);
      return status{};
    } else {
      return fault(errc::unsupported, "scheme", d.scheme.number,
                   "a scheme whose zero points are of the kind asked for");
    }
  });
}

}  // namespace xquant
