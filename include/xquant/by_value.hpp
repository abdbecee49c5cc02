// Forms that return what they write: a tensor of the kind, and of the shape, of the one they are given.
#pragma once

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

// What as_parameters makes of a P holds scales of this type.
template <class P>
using scale_of = remove_cvref<decltype(*as_parameters(declared<const P&>()).scale)>;

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
  auto&& input = evaluated(x);
  auto codes = detail::made_like<typename Quantizer::code_type>(x);
  quantize(q, p, input, codes, engine);
  return codes;
}

/// The same of dequantize(q, p, codes, x); the elements of x are of the type of the scales.
template <class Quantizer, class Parameters, class In, class Engine = default_engine>
requires(detail::IsEngine<Engine> && !detail::is_quantized_tensor<Quantizer>)
    [[nodiscard]] auto dequantize(const Quantizer& q, const Parameters& p, const In& codes, const Engine& engine = {}) {
  auto&& input = evaluated(codes);
  auto x = detail::made_like<detail::scale_of<Parameters>>(codes);
  dequantize(q, p, input, x, engine);
  return x;
}

/// The same of fake_quantize(q, p, x, y); y has the element type of x.
template <class Quantizer, class Parameters, class In, class Engine = default_engine>
requires(detail::IsEngine<Engine>)
    [[nodiscard]] auto fake_quantize(const Quantizer& q, const Parameters& p, const In& x, const Engine& engine = {}) {
  auto&& input = evaluated(x);
  auto y = detail::made_like<element_of<In>>(x);
  fake_quantize(q, p, input, y, engine);
  return y;
}

}  // namespace xquant
#endif
