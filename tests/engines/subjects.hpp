// Quantizers as subjects of harness.hpp, on the engine of engine.hpp.
#pragma once

#include <doctest/doctest.h>

#include <engines/engine.hpp>
#include <engines/harness.hpp>
#include <xquant/engines/scalar.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/rounding/stochastic.hpp>

namespace engines_test {

template <class Format, class Scheme, class Rounding, class Arithmetic>
auto quantizer_of(const call& c) {
  using quantizer = xquant::quantizer<Format, xquant::per_axis<>, Scheme, Rounding, Arithmetic>;
  Format format{};
  if constexpr (Format::is_integer) format = Format{c.lower, c.upper};
  Rounding rounding{};
  if constexpr (xquant::is_random_rounding<Rounding>) rounding.seed = c.seed;
  return quantizer(format, {c.axis}, {}, rounding, {});
}

template <class T>
xquant::tensor_view<T> view_of(T* data, const xquant::shape& shape, const std::ptrdiff_t* stride) {
  return stride != nullptr ? xquant::tensor_view<T>(data, shape, stride) : xquant::tensor_view<T>(data, shape);
}

enum class operation { quantize, dequantize, fake_quantize };

template <operation Operation, class Format, class Scheme, class Rounding, class Arithmetic>
xquant::status run(const call& c) {
  using code = typename Format::code_type;
  using input_type = xquant::conditional<Operation == operation::dequantize, code, float>;
  using output_type = xquant::conditional<Operation == operation::quantize, code, float>;
  const auto q = quantizer_of<Format, Scheme, Rounding, Arithmetic>(c);
  const auto in = view_of(static_cast<const input_type*>(c.input), c.shape, c.input_stride);
  const auto out = view_of(static_cast<output_type*>(c.output), c.shape, c.output_stride);
  const auto both = [&](const auto& e) {
    if constexpr (Operation == operation::quantize)
      return xquant::try_quantize(q, c.parameters, in, out, e);
    else if constexpr (Operation == operation::dequantize)
      return xquant::try_dequantize(q, c.parameters, in, out, e);
    else
      return xquant::try_fake_quantize(q, c.parameters, in, out, e);
  };
  return c.vector ? both(engine{}) : both(xquant::scalar_engine{});
}

template <operation Operation, class Format, class Scheme, class Rounding, class Arithmetic>
subject make_subject(const char* name) {
  const Format format{};
  return {name,
          &run<Operation, Format, Scheme, Rounding, Arithmetic>,
          Operation == operation::dequantize ? sizeof(typename Format::code_type) : 4,
          Operation == operation::quantize ? sizeof(typename Format::code_type) : 4,
          Format::is_integer,
          Scheme::has_zero_point,
          static_cast<std::int32_t>(format.lower_code()),
          static_cast<std::int32_t>(format.upper_code()),
          is_real(xquant::detail::zero_point_rule_of<Scheme>),
          xquant::detail::has_signed_scale<Scheme>,
          !Arithmetic::multiplies_by_reciprocal};
}

template <operation Operation, class Rounding, class Arithmetic, class Format, class Scheme = xquant::symmetric<>>
void check(const char* name) {
  const subject s = make_subject<Operation, Format, Scheme, Rounding, Arithmetic>(name);
  check_tails(s);
  check_strides(s);
  check_odd_scales(s);
}

/// All formats, with zero points; those without share all but one subtraction, so they are asked for apart.
template <operation Operation, class Rounding, class Arithmetic>
void check_with_zero_points() {
  using xquant::affine;
  check<Operation, Rounding, Arithmetic, xquant::stored_integer<std::int8_t>, affine>("int8, affine");
  check<Operation, Rounding, Arithmetic, xquant::stored_integer<std::uint8_t>, affine>("uint8, affine");
  check<Operation, Rounding, Arithmetic, xquant::stored_integer<std::int16_t>, affine>("int16, affine");
  check<Operation, Rounding, Arithmetic, xquant::stored_integer<std::uint16_t>, affine>("uint16, affine");
  check<Operation, Rounding, Arithmetic, xquant::e4m3fn>("e4m3fn");
}
template <operation Operation, class Rounding, class Arithmetic>
void check_without_zero_points() {
  check<Operation, Rounding, Arithmetic, xquant::stored_integer<std::int8_t>>("int8");
  check<Operation, Rounding, Arithmetic, xquant::stored_integer<std::uint8_t>>("uint8");
  check<Operation, Rounding, Arithmetic, xquant::stored_integer<std::int16_t>>("int16");
  check<Operation, Rounding, Arithmetic, xquant::stored_integer<std::uint16_t>>("uint16");
}

}  // namespace engines_test
