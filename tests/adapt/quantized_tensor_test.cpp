// quantize<format>(x) and back.
#include <doctest/doctest.h>
#include <xquant/xquant.hpp>

#include <cmath>
#include <cstdint>
#include <vector>

TEST_CASE("a format alone: per tensor, symmetric, the range of the data") {
  const std::vector<float> x = {-2.0f, 0.0f, 0.5f, 1.0f};
  const auto t = xquant::quantize<xquant::int8>(x);
  CHECK(t.shape == xquant::shape{4});
  CHECK(t.parameters.scale() == std::vector<float>{2.0f / 128});  // the lowest code carries the range
  CHECK(t.codes == std::vector<std::int8_t>{-128, 0, 32, 64});
  CHECK(xquant::dequantize(t) == x);
}

TEST_CASE("a quantizer: scales and zero points of each row") {
  const std::vector<float> x = {0, 1, 2, 3, -1, 0, 1, 2};
  using rows = xquant::quantizer<xquant::uint4, xquant::affine, xquant::per_axis<0>>;
  const auto t = xquant::quantize<rows>(xquant::tensor_view(x.data(), xquant::shape{2, 4}));
  CHECK(t.parameters.scale() == std::vector<float>{static_cast<float>(3.0 / 15), static_cast<float>(3.0 / 15)});
  CHECK(t.parameters.zero_point() == std::vector<std::int32_t>{0, 5});
  CHECK(t.codes == std::vector<std::uint8_t>{0, 5, 10, 15, 0, 5, 10, 15});
  const std::vector<float> back = xquant::dequantize(t);
  for (std::size_t i = 0; i < x.size(); ++i) CHECK(std::fabs(back[i] - x[i]) <= 0.1);
  CHECK(t == xquant::quantize<rows>(xquant::tensor_view(x.data(), xquant::shape{2, 4})));
}

TEST_CASE("data without a range are refused") {
  CHECK_THROWS_AS((void)xquant::quantize<xquant::int8>(std::vector<float>{}), xquant::error);
  CHECK_THROWS_AS((void)xquant::quantize<xquant::int8>(std::vector<float>{1.0f, NAN}), xquant::error);
}

// ---- the run-time form --------------------------------------------------------------------------------------------

namespace {

using choices =
    xquant::runtime_choices<xquant::type_list<xquant::stored_integer<std::int8_t>, xquant::stored_integer<std::uint8_t>,
                                              xquant::stored_integer<std::int16_t>, xquant::e4m3fn>,
                            xquant::type_list<xquant::nearest_even, xquant::nearest_away, xquant::stochastic>,
                            xquant::type_list<xquant::divide_by_scale, xquant::multiply_by_reciprocal>>;

std::vector<float> sample() {
  std::vector<float> x;
  for (int i = -300; i <= 300; ++i) x.push_back(static_cast<float>(i) * 0.037f);
  return x;
}

// The fake quantization of a quantizer written as a type.
template <class Quantizer>
std::vector<float> by_type(const Quantizer& q, const xquant::parameters& p) {
  const std::vector<float> x = sample();
  std::vector<float> y(x.size());
  xquant::fake_quantize(q, p, x, y);
  return y;
}

std::vector<float> by_value(const xquant::quantizer_description& d, const xquant::parameters& p) {
  const std::vector<float> x = sample();
  std::vector<float> y(x.size());
  xquant::throw_if(xquant::try_fake_quantize<choices>(d, p, x, y));
  return y;
}

}  // namespace

TEST_CASE("a description runs what its type runs") {
  using namespace xquant;
  const parameters plain(0.1f);
  const parameters shifted(0.1f, 9);
  CHECK(by_value({}, plain) == by_type(quantizer<int8>{}, plain));
  CHECK(by_value({.bits = 4}, plain) == by_type(quantizer<int4>{}, plain));
  CHECK(by_value({.bits = 12}, plain) == by_type(quantizer<integer<12, true>>{}, plain));
  CHECK(by_value({.scheme = id_of<symmetric<code_range::narrow>>}, plain) ==
        by_type(quantizer<int8, symmetric<code_range::narrow>>{}, plain));
  CHECK(by_value({.format = unsigned_integer, .bits = 5, .scheme = id_of<affine>}, shifted) ==
        by_type(quantizer<integer<5, false>, affine>{}, shifted));
  CHECK(by_value({.rounding = id_of<nearest_away>}, plain) == by_type(quantizer<int8, nearest_away>{}, plain));
  CHECK(by_value({.arithmetic = id_of<multiply_by_reciprocal>}, plain) ==
        by_type(quantizer<int8, multiply_by_reciprocal>{}, plain));
  CHECK(by_value({.format = id_of<e4m3fn>}, plain) == by_type(quantizer<e4m3fn>{}, plain));
  quantizer<int8, stochastic> random;
  random.rounding = {77, 5};
  CHECK(by_value({.rounding = id_of<stochastic>, .seed = 77, .first_index = 5}, plain) == by_type(random, plain));
}

TEST_CASE("a description's axis, and codes of its storage") {
  using namespace xquant;
  const std::vector<float> x = {1, 2, 3, 4};
  const parameters p(std::vector<float>{1.0f, 2.0f});
  const tensor_view view(x.data(), shape{2, 2});
  std::vector<std::int8_t> codes(4);
  const tensor_view out(codes.data(), shape{2, 2});
  const quantizer_description by_columns{.granularity = per_axis<>{-1}};
  REQUIRE(try_quantize<choices>(by_columns, p, view, out).ok());
  CHECK(codes == std::vector<std::int8_t>{1, 1, 3, 2});
  std::vector<float> back(4);
  REQUIRE(try_dequantize<choices>(by_columns, p, out, tensor_view(back.data(), shape{2, 2})).ok());
  CHECK(back == std::vector<float>{1, 2, 3, 4});
  // int8 codes are not what 12 bits are stored in.
  CHECK(try_quantize<choices>(quantizer_description{.bits = 12, .granularity = per_axis<>{}}, p, view, out).code ==
        errc::unsupported);
}

TEST_CASE("what a description cannot be is named") {
  using namespace xquant;
  const parameters p(1.0f);
  const std::vector<float> x(2);
  std::vector<float> y(2, 42.0f);
  const auto answer = [&](const quantizer_description& d) { return try_fake_quantize<choices>(d, p, x, y); };
  for (const int bits : {-1, 0, 33}) {
    CHECK(answer({.bits = bits}).code == errc::bits_out_of_range);
    CHECK(answer({.bits = bits}).value == bits);
  }
  CHECK(answer({.format = unsigned_integer, .bits = 16}).code == errc::not_compiled);
  CHECK(answer({.format = id_of<e4m3fn>, .scheme = id_of<affine>}).code == errc::unsupported);
  CHECK(answer({.format = format_id{first_user_id}}).code == errc::not_compiled);
  CHECK(answer({.rounding = rounding_id{first_user_id}}).code == errc::not_compiled);
  CHECK(answer({.arithmetic = arithmetic_id{first_user_id}}).code == errc::not_compiled);
  CHECK(answer({.granularity = per_axis<>{1}}).code == errc::axis_out_of_range);
  scale_and_zero_point<float> out;
  CHECK(try_parameters_for<choices>({}, range<float>{1, -1}, out).code == errc::range_inverted);
  CHECK(try_parameters_for<choices>({}, range<float>{0, INFINITY}, out).code == errc::range_not_finite);
  CHECK(y == std::vector<float>{42.0f, 42.0f});
}
