// quantize, dequantize and fake quantize on the scalar engine against the oracle of oracle.hpp, for one quantizer; and
// for all formats of one rounding and arithmetic.
#pragma once

#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <support/scale.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>
#include <xquant/rounding/stochastic.hpp>

namespace against {

using oracle::arithmetic;
using oracle::rounding;

template <class Policy>
constexpr rounding rounding_of = xquant::is_same<Policy, xquant::nearest_even>   ? rounding::even
                                 : xquant::is_same<Policy, xquant::nearest_away> ? rounding::away
                                                                                 : rounding::random;

template <class Real>
Real interesting(oracle::stream& s, Real scale, double reach) {
  if constexpr (sizeof(Real) == 4) {
    return oracle::interesting(s, scale, reach);
  } else {
    if (s.below(2) != 0) return static_cast<double>(oracle::interesting(s, static_cast<float>(scale), reach));
    double x = (std::floor(s.unit() * reach) + 0.5) * scale;
    for (std::uint32_t k = s.below(3); k > 0; --k) x = std::nextafter(x, s.below(2) != 0 ? 1e300 : -1e300);
    return x;
  }
}

// Scales in, around and far outside the interval [2^-100, 2^100], subnormal ones, and those of real networks.
const double scales[] = {
    0.1,     1.0,          0.007874016,  3.0517578125e-5, 1.7,      1e-3,     0x1p-100, 0x1.fffffep-101,
    0x1p100, 0x1.8p100,    1e-38,        0x1p-126,        0x1p-130, 0x1p-148, 1e38,     0x1.fffffep127,
    0.5,     0x1.fffffep0, 0x1.000002p0, 0x1.555556p-4};

template <class Real, class Quantizer>
void against_oracle(const Quantizer& q, bool zero_points, std::size_t elements) {
  using code_type = typename Quantizer::code_type;
  constexpr bool is_integer = Quantizer::format_type::is_integer;
  constexpr rounding how = rounding_of<typename Quantizer::rounding_type>;
  constexpr arithmetic a =
      Quantizer::arithmetic_type::multiplies_by_reciprocal ? arithmetic::reciprocal : arithmetic::divide;
  const std::int32_t lower = q.lower_code();
  const std::int32_t upper = q.upper_code();
  oracle::stream s(static_cast<std::uint64_t>(upper) * 7 + static_cast<std::uint64_t>(how));
  std::size_t wrong_code = 0;
  std::size_t wrong_value = 0;
  std::size_t wrong_fake = 0;
  std::size_t wrong_in_place = 0;
  for (const double wanted : scales) {
    const auto scale = static_cast<Real>(wanted);
    if (a == arithmetic::reciprocal && !std::isfinite(Real(1) / scale)) continue;
    std::int32_t zero_point = 0;
    if (zero_points)
      zero_point = lower + static_cast<std::int32_t>(s.below(static_cast<std::uint32_t>(upper - lower + 1)));
    std::vector<Real> x(elements);
    for (auto& v : x) v = interesting<Real>(s, scale, is_integer ? 1.3 * (upper - lower + 2) : 500.0);
    std::vector<code_type> codes(elements);
    std::vector<Real> back(elements);
    std::vector<Real> fake(elements);
    std::vector<Real> in_place = x;
    const xquant::shape shape(elements);
    const xquant::scale_and_zero_point<Real> p{scale, zero_point};
    const xquant::tensor_view<const Real> input(x.data(), shape);
    xquant::quantize(q, p, input, xquant::tensor_view<code_type>(codes.data(), shape), xquant::scalar_engine{});
    xquant::dequantize(q, p, xquant::tensor_view<code_type>(codes.data(), shape),
                       xquant::tensor_view<Real>(back.data(), shape), xquant::scalar_engine{});
    xquant::fake_quantize(q, p, input, xquant::tensor_view<Real>(fake.data(), shape), xquant::scalar_engine{});
    const xquant::tensor_view<Real> both(in_place.data(), shape);
    xquant::fake_quantize(q, p, both, both, xquant::scalar_engine{});
    for (std::size_t i = 0; i < elements; ++i) {
      std::uint32_t bits = 0;
      if constexpr (how == rounding::random)
        bits = xquant::random_bits(q.rounding.seed, i);  // proved in random_test.cpp
      if constexpr (is_integer) {
        const std::int32_t code = oracle::integer_code(x[i], scale, zero_point, {lower, upper}, how, a, bits);
        wrong_code += codes[i] != static_cast<code_type>(code);
        wrong_value += !oracle::same(back[i], oracle::integer_value(code, scale, zero_point));
      } else {
        const unsigned code = oracle::e4m3fn_code_of(x[i], scale, how, a, bits);
        if (std::isnan(x[i]))
          wrong_code += (codes[i] & 0x7fu) != 0x7fu;
        else
          wrong_code += codes[i] != code;
        wrong_value += !oracle::same(back[i], oracle::e4m3fn_value_of(code, scale));
      }
      wrong_fake += !oracle::same(fake[i], back[i]);
      wrong_in_place += !oracle::same(in_place[i], back[i]);
    }
    CAPTURE(wanted);
    CAPTURE(zero_point);
    CAPTURE(upper);
    REQUIRE(wrong_code == 0);
    REQUIRE(wrong_value == 0);
    REQUIRE(wrong_fake == 0);
    REQUIRE(wrong_in_place == 0);
  }
}

template <class Real, class Rounding, class Arithmetic, class Code>
void every_width_of() {
  using namespace xquant;
  const std::size_t n = xquant_test::scaled(2000, 200);
  for (int bits = 2; bits <= static_cast<int>(8 * sizeof(Code)); ++bits) {
    const auto format = integer_of_bits<Code>(bits);
    against_oracle<Real>(quantizer<stored_integer<Code>, Rounding, Arithmetic>(format), false, n);
    against_oracle<Real>(quantizer<stored_integer<Code>, Rounding, Arithmetic, affine>(format), true, n);
    if (sizeof(Code) == 2 && bits >= 9) bits += 2;
  }
}

template <class Real, class Rounding, class Arithmetic>
void every_format() {
  using namespace xquant;
  every_width_of<Real, Rounding, Arithmetic, std::int8_t>();
  every_width_of<Real, Rounding, Arithmetic, std::uint8_t>();
  every_width_of<Real, Rounding, Arithmetic, std::int16_t>();
  every_width_of<Real, Rounding, Arithmetic, std::uint16_t>();
  const std::size_t n = xquant_test::scaled(8000, 400);
  against_oracle<Real>(quantizer<int8, symmetric<code_range::narrow>, Rounding, Arithmetic>{}, false, n);
  against_oracle<Real>(quantizer<e4m3fn, Rounding, Arithmetic>{}, false, n);
}

}  // namespace against
