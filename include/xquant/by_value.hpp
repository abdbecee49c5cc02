// Forms that return what they write: a tensor of the kind, and of the shape, of the one they are given.
#pragma once

#include <xquant/calls/arguments.hpp>
#include <xquant/calls/default_engine.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/dense_tensor.hpp>
#include <xquant/exception.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/quantized_tensor.hpp>

#if XQUANT_HAS_EXCEPTIONS
namespace xquant::inline XQUANT_ABI {

namespace detail {

template <class T>
inline constexpr bool is_quantized_tensor = false;
template <class Quantizer, class Real>
inline constexpr bool is_quantized_tensor<quantized_tensor<Quantizer, Real>> = true;

// The type of the scales of a P.
template <class P>
using scale_of = real_type_of<P>;

// A tensor of Elements of the kind and shape of `like`.
template <class Element, class T>
tensor_like<T, Element> made_like(const T& like) {
  auto&& input = evaluated(like);
  const shape s = as_view(input).shape;
  tensor_like<T, Element> made;
  throw_if(s.valid());
  throw_if(tensor_adaptor<tensor_like<T, Element>>::resize(made, s));
  return made;
}

}  // namespace detail

/// quantize(q, p, x, codes) with new codes: of the library, order and shape of x where its adaptor can make such (a
/// std::vector for ranges), else a dense_tensor. Allocates; throws xquant::error where quantize does.
template <class Quantizer, class Parameters, class In, class Engine = default_engine>
requires(detail::IsEngine<Engine>)
    [[nodiscard]] auto quantize(const Quantizer& q, const Parameters& p, const In& x, const Engine& engine = {}) {
  if constexpr (detail::check_arguments<Quantizer, Parameters, const In>()) {
    auto&& input = evaluated(x);
    auto codes = detail::made_like<typename Quantizer::code_type>(x);
    quantize(q, p, input, codes, engine);
    return codes;
  }
}

/// The same of dequantize(q, p, codes, x); the elements of x are of the type of the scales.
template <class Quantizer, class Parameters, class In, class Engine = default_engine>
requires(detail::IsEngine<Engine> && !detail::is_quantized_tensor<Quantizer>)
    [[nodiscard]] auto dequantize(const Quantizer& q, const Parameters& p, const In& codes, const Engine& engine = {}) {
  if constexpr (detail::check_arguments<Quantizer, Parameters, const In>()) {
    auto&& input = evaluated(codes);
    auto x = detail::made_like<detail::scale_of<Parameters>>(codes);
    dequantize(q, p, input, x, engine);
    return x;
  }
}

/// The same of fake_quantize(q, p, x, y); y has the element type of x.
template <class Quantizer, class Parameters, class In, class Engine = default_engine>
requires(detail::IsEngine<Engine>)
    [[nodiscard]] auto fake_quantize(const Quantizer& q, const Parameters& p, const In& x, const Engine& engine = {}) {
  if constexpr (detail::check_arguments<Quantizer, Parameters, const In>()) {
    auto&& input = evaluated(x);
    auto y = detail::made_like<element_of<In>>(x);
    fake_quantize(q, p, input, y, engine);
    return y;
  }
}

// Calls that lack something, for the sake of what the compiler says.
template <class In>
void quantize(const In&) {
  static_assert(!is_same<In, In>, "xquant::quantize: name a format: quantize<xquant::int8>(x)");
}
template <class Quantizer, class In>
void quantize(const Quantizer&, const In&) {
  static_assert(!is_same<In, In>,
                "xquant::quantize: parameters are missing: quantize(q, parameters(scale), x); dynamic_quantize(q, x, "
                "codes) takes them from the data");
}
template <class Quantizer, class In>
void fake_quantize(const Quantizer&, const In&) {
  static_assert(!is_same<In, In>,
                "xquant::fake_quantize: parameters are missing: fake_quantize(q, parameters(scale), x); "
                "dynamic_fake_quantize(q, x, y) takes them from the data");
}
template <class Quantizer, class In>
requires(!detail::is_quantized_tensor<Quantizer>) void dequantize(const Quantizer&, const In&) {
  static_assert(!is_same<In, In>,
                "xquant::dequantize: parameters are missing: dequantize(q, parameters(scale), codes), or dequantize(t) "
                "of t = quantize<int8>(x)");
}

}  // namespace xquant
#endif
