// Quantizing without naming a policy: codes, shape and parameters in one value, ranges taken from the data.
#pragma once

#include <xquant/calibration/dynamic_quantize.hpp>
#include <xquant/calls/arguments.hpp>
#include <xquant/calls/default_engine.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/dense_tensor.hpp>
#include <xquant/exception.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>
#include <xquant/quantizer.hpp>

#include <vector>

namespace xquant::inline XQUANT_ABI {

/// Codes with everything needed to read them. A regular value; row-major, dense. `Real` is the type of the scales:
/// float, or double for double data.
template <class Quantizer, class Real = float>
struct quantized_tensor {
  using real = Real;
  using code_type = typename Quantizer::code_type;

  Quantizer quantizer{};
  xquant::shape shape{};
  std::vector<code_type> codes;
  basic_parameters<Real> parameters;

  [[nodiscard]] tensor_view<const code_type> view() const noexcept { return {codes.data(), shape}; }
  friend bool operator==(const quantized_tensor&, const quantized_tensor&) = default;
};

namespace detail {
template <class T>
struct as_quantizer_trait {
  using type = quantizer<T>;
};
template <class... Parts>
struct as_quantizer_trait<basic_quantizer<Parts...>> {
  using type = basic_quantizer<Parts...>;
};
}  // namespace detail

/// A format, or a quantizer as it is: as_quantizer<int8> is quantizer<int8>.
template <class FormatOrQuantizer>
using as_quantizer = typename detail::as_quantizer_trait<FormatOrQuantizer>::type;

#if XQUANT_HAS_EXCEPTIONS
/// The codes of x, with scales (and zero points) for the exact range of each parameter slot. `quantize<int8>(x)`,
/// `quantize<quantizer<uint8, affine, per_axis<0>>>(x)`. x holds float, double, float16 or bfloat16. Throws
/// xquant::error: what dynamic_quantize refuses, in particular NaN and infinities, and empty data (errc::no_samples).
template <class FormatOrQuantizer, class In, class Engine = default_engine>
[[nodiscard]] auto quantize(const In& x, const Engine& engine = {}, const as_quantizer<FormatOrQuantizer>& q = {}) {
  static_assert(detail::IsEngine<Engine>,
                "xquant::quantize<format>(x): the second argument, if any, is an engine; the codes are returned");
  if constexpr (detail::IsEngine<Engine> && detail::check_tensor<const In>::ok) {
    if constexpr (detail::check_reals<element_of<In>>::ok) {
      auto&& input = evaluated(x);
      const auto view = as_view(input);
      throw_if(view.shape.valid("x"));
      if (view.shape.size() == 0) throw_if(fault(errc::no_samples, "x", 0, "at least one element"));
      quantized_tensor<as_quantizer<FormatOrQuantizer>, lane_real<element_of<In>>> result{q, view.shape, {}, {}};
      result.codes.resize(view.shape.size());
      result.parameters = dynamic_quantize(q, view, tensor_view(result.codes.data(), result.shape), engine);
      return result;
    }
  }
}

/// The real numbers that the codes stand for, in the shape of t: a tensor that becomes the container it is assigned to,
/// std::vector<float> v = dequantize(t), xt::xarray<float> a = dequantize(t).
template <class Quantizer, class Real, class Engine = default_engine>
requires detail::IsEngine<Engine>
[[nodiscard]] dense_tensor<Real> dequantize(const quantized_tensor<Quantizer, Real>& t, const Engine& engine = {}) {
  dense_tensor<Real> x(t.shape);
  dequantize(t.quantizer, t.parameters, t.view(), x, engine);
  return x;
}

/// The same into `x`, which has the shape of t and elements of the type of its scales, or float16 or bfloat16.
template <class Quantizer, class Real, class Out, class Engine = default_engine>
requires(!detail::IsEngine<remove_cvref<Out>>) void dequantize(const quantized_tensor<Quantizer, Real>& t, Out&& x,
                                                               const Engine& engine = {}) {
  dequantize(t.quantizer, t.parameters, t.view(), x, engine);
}
#endif

}  // namespace xquant
