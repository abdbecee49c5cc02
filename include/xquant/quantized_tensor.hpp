// Quantizing without naming a policy: codes, shape and parameters in one value, ranges taken from the data.
#pragma once

#include <xquant/calibration/min_max.hpp>
#include <xquant/calls/default_engine.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/exception.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>
#include <xquant/quantizer.hpp>

#include <vector>

namespace xquant::inline XQUANT_ABI {

/// Codes with everything needed to read them. A regular value; row-major, dense.
template <class Quantizer>
struct quantized_tensor {
  using code_type = typename Quantizer::code_type;

  Quantizer quantizer{};
  xquant::shape shape{};
  std::vector<code_type> codes;
  xquant::parameters parameters;

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
/// `quantize<quantizer<uint8, affine, per_axis<0>>>(x)`. x holds float. Throws xquant::error: what quantize and min_max
/// refuse, in particular NaN, infinities and empty data.
template <class FormatOrQuantizer, TensorLike In, class Engine = default_engine>
[[nodiscard]] quantized_tensor<as_quantizer<FormatOrQuantizer>> quantize(
    const In& x, const Engine& engine = {}, const as_quantizer<FormatOrQuantizer>& q = {}) {
  auto&& input = evaluated(x);
  const auto view = as_view(input);
  throw_if(view.shape.valid("x"));
  min_max<typename as_quantizer<FormatOrQuantizer>::granularity_type> seen(q.granularity);
  seen.observe(view, engine);
  quantized_tensor<as_quantizer<FormatOrQuantizer>> result{q, view.shape, {}, make_parameters(q, seen)};
  result.codes.resize(view.shape.size());
  quantize(q, result.parameters, view, tensor_view(result.codes.data(), result.shape), engine);
  return result;
}

/// The real numbers that the codes stand for, row-major.
template <class Quantizer, class Engine = default_engine>
[[nodiscard]] std::vector<float> dequantize(const quantized_tensor<Quantizer>& t, const Engine& engine = {}) {
  std::vector<float> x(t.codes.size());
  dequantize(t.quantizer, t.parameters, t.view(), tensor_view(x.data(), t.shape), engine);
  return x;
}
#endif

}  // namespace xquant
