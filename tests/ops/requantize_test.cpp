// Requantization: each arithmetic against 128-bit integers (or float steps in double) over accumulators from end to
// end; worked examples; refusals; the three presets made of them.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <support/scale.hpp>
#include <xquant/formats/integer.hpp>
#include <xquant/formats/wide_integer.hpp>
#include <xquant/granularity/per_axis.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/ops/requantize.hpp>
#include <xquant/presets/fbgemm.hpp>
#include <xquant/presets/tflite.hpp>
#include <xquant/presets/xnnpack.hpp>

#include <cmath>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several
__extension__ using wide = __int128;

wide floor_divide(wide a, wide b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }
wide nearest_up(wide a, wide b) { return floor_divide(2 * a + b, 2 * b); }
wide nearest_away(wide a, wide b) { return a >= 0 ? nearest_up(a, b) : -nearest_up(-a, b); }

// A multiplier as mantissa * 2^-shift, from the C library.
struct rational {
  wide mantissa;
  int shift;
};
rational from_float(float m) {
  int exponent = 0;
  const double fraction = std::frexp(static_cast<double>(m), &exponent);
  return {static_cast<wide>(std::ldexp(fraction, 24)), 24 - exponent};
}
rational from_double(double m) {
  int exponent = 0;
  const double fraction = std::frexp(m, &exponent);
  auto mantissa = static_cast<std::int64_t>(std::round(std::ldexp(fraction, 31)));
  if (mantissa == std::int64_t{1} << 31) {
    mantissa /= 2;
    ++exponent;
  }
  if (exponent < -31) return {0, 31};
  return {mantissa, 31 - exponent};
}

wide shifted_product(std::int32_t x, const rational& m, bool away) {
  const wide one = 1;
  const wide a = x * m.mantissa * (m.shift < 0 ? one << -m.shift : one);
  const wide b = m.shift > 0 ? one << m.shift : one;
  return away ? nearest_away(a, b) : nearest_up(a, b);
}
wide twice_rounded(std::int32_t x, rational m) {
  const wide one = 1;
  while (m.mantissa != 0 && m.mantissa < (one << 30)) {
    m.mantissa *= 2;
    ++m.shift;
  }
  wide left = x;
  const int exponent = 31 - m.shift;
  if (exponent > 0) left *= one << exponent;
  if (left > INT32_MAX) left = INT32_MAX;
  if (left < INT32_MIN) left = INT32_MIN;
  const wide high = nearest_up(left * m.mantissa, one << 31);
  return exponent < 0 ? nearest_away(high, one << -exponent) : high;
}
wide by_float(std::int32_t x, float m) {
  const auto product = static_cast<float>(static_cast<double>(static_cast<float>(x)) * static_cast<double>(m));
  return static_cast<wide>(oracle::round_to_integer(static_cast<double>(product), oracle::rounding::even, 0));
}

std::vector<std::int32_t> accumulators() {
  std::vector<std::int32_t> all{
      0, 1, -1, 2, -2, 3, -3, 5, -5, 6, -6, 255, -256, 65535, INT32_MIN, INT32_MIN + 1, INT32_MAX, INT32_MAX - 1};
  for (int bit = 1; bit < 31; ++bit)
    for (int beside = -2; beside <= 2; ++beside) {
      all.push_back((1 << bit) + beside);
      all.push_back(-(1 << bit) + beside);
    }
  const std::int64_t step = xquant_test::scale() < 0.5 ? 10473511 : 1047351;
  for (std::int64_t x = INT32_MIN; x <= INT32_MAX; x += step) all.push_back(static_cast<std::int32_t>(x));
  return all;
}

// Multipliers in [2^least, 2^most): ends, ties of every kind, and others.
template <class Real>
std::vector<Real> multipliers(int least, int most) {
  std::vector<Real> all;
  oracle::stream random(3);
  for (int exponent = least; exponent < most; ++exponent)
    for (const double fraction : {1.0, 1.5, 1.25, 1 + 0x1p-23, 2 - 0x1p-23, 1 + std::fabs(random.unit())})
      all.push_back(static_cast<Real>(std::ldexp(fraction, exponent)));
  for (auto& m : all)  // a random fraction may have been rounded up to 2
    if (m >= static_cast<Real>(std::ldexp(1.0, most))) m = static_cast<Real>(std::ldexp(1.0, most - 1));
  return all;
}

template <class Arithmetic, class Oracle>
void against(const std::vector<typename Arithmetic::real>& ms, const Oracle& oracle_of) {
  const std::vector<std::int32_t> x = accumulators();
  const shape s(x.size());
  std::vector<std::int8_t> narrow(x.size());
  std::vector<std::int16_t> middle(x.size());
  for (const auto m : ms) {
    CAPTURE(m);
    const std::int32_t zero_point = static_cast<std::int32_t>(x.size() % 100) - 50;
    const requantization_view<typename Arithmetic::real> p{&m, 1, zero_point};
    std::vector<std::int32_t> in_place = x;
    requantize(requantizer<int8, Arithmetic>{}, p, tensor_view<const std::int32_t>(x.data(), s),
               tensor_view<std::int8_t>(narrow.data(), s));
    requantize(requantizer<int16, Arithmetic>{}, p, tensor_view<const std::int32_t>(x.data(), s),
               tensor_view<std::int16_t>(middle.data(), s));
    const tensor_view<std::int32_t> both(in_place.data(), s);
    requantize(requantizer<int32, Arithmetic>{}, p, both, both);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const wide sum = oracle_of(x[i], m) + zero_point;
      const auto held = [&](wide lower, wide upper) { return sum < lower ? lower : sum > upper ? upper : sum; };
      wrong += narrow[i] != held(-128, 127);
      wrong += middle[i] != held(-32768, 32767);
      wrong += in_place[i] != held(INT32_MIN, INT32_MAX);
    }
    REQUIRE(wrong == 0);
  }
}

}  // namespace

TEST_CASE("requantize: one rounding, ties up and away") {
  against<rounding_shift<exact_from_float<-33, 30>>>(
      multipliers<float>(-33, 30), [](std::int32_t x, float m) { return shifted_product(x, from_float(m), false); });
  against<rounding_shift<exact_from_float<-32, 0>, product_ties::away_from_zero>>(
      multipliers<float>(-32, 0), [](std::int32_t x, float m) { return shifted_product(x, from_float(m), true); });
  std::vector<double> doubles = multipliers<double>(-34, 30);
  for (const double m : {0.0, 1 - 0x1p-40, 0.5 - 1e-10, 0x1p-32 - 0x1p-70, 1e-300, 5e-324, 1073741823.4, 0.1, 1.0 / 3})
    doubles.push_back(m);
  against<rounding_shift<rounded_from_double>>(
      doubles, [](std::int32_t x, double m) { return shifted_product(x, from_double(m), false); });
}

TEST_CASE("requantize: two roundings") {
  against<doubling_high_multiply<exact_from_float<-32, 0>>>(
      multipliers<float>(-32, 0), [](std::int32_t x, float m) { return twice_rounded(x, from_float(m)); });
  std::vector<double> doubles = multipliers<double>(-33, 12);
  doubles.push_back(0.0);
  against<doubling_high_multiply<rounded_from_double>>(
      doubles, [](std::int32_t x, double m) { return twice_rounded(x, from_double(m)); });
}

TEST_CASE("requantize: a float product") {
  std::vector<float> floats = multipliers<float>(-36, 12);
  for (const float m : {1e-45f, 1e-38f, 3e38f, 0.1f}) floats.push_back(m);
  against<float_multiplier>(floats, [](std::int32_t x, float m) {
    const wide product = std::fabs(static_cast<double>(x) * static_cast<double>(m)) < 1e18 ? by_float(x, m) : 0;
    if (product == 0 && static_cast<double>(x) * static_cast<double>(m) >= 1e18) return wide{INT64_MAX / 2};
    if (product == 0 && static_cast<double>(x) * static_cast<double>(m) <= -1e18) return wide{INT64_MIN / 2};
    return product;
  });
}

TEST_CASE("requantize: a float product to 16 bits, beyond the zero point's reach") {
  const std::int32_t x[] = {40000, 70000, -40000, -70000, 131070, -131071, INT32_MAX, INT32_MIN};
  std::uint16_t codes[8];
  std::int16_t signed_codes[8];
  const tensor_view<const std::int32_t> in(x, shape(8));
  const float one = 1;
  for (const std::int32_t zero : {0, 1000, 65535}) {
    const requantization_view<float> p{&one, 1, zero};
    requantize(requantizer<uint16, float_multiplier>{}, p, in, tensor_view<std::uint16_t>(codes, shape(8)));
    for (std::size_t i = 0; i < 8; ++i) {
      const std::int64_t sum = std::int64_t{x[i]} + zero;
      CHECK(codes[i] == (sum < 0 ? 0 : sum > 65535 ? 65535 : sum));
    }
  }
  for (const std::int32_t zero : {-32768, 0, 32767}) {
    const requantization_view<float> p{&one, 1, zero};
    requantize(requantizer<int16, float_multiplier>{}, p, in, tensor_view<std::int16_t>(signed_codes, shape(8)));
    for (std::size_t i = 0; i < 8; ++i) {
      const std::int64_t sum = std::int64_t{x[i]} + zero;
      CHECK(signed_codes[i] == (sum < -32768 ? -32768 : sum > 32767 ? 32767 : sum));
    }
  }
}

TEST_CASE("requantize: worked examples") {
  // 0.25: -6 is -1.5. Up: -1. Away: -2. Twice: -3 exactly, then -1.5, away: -2.
  const std::int32_t x[] = {-6, 6, -5, 2, -2, -1};
  const tensor_view<const std::int32_t> in(x, shape(6));
  const float quarter = 0.25f;
  const double quarter_in_double = 0.25;
  const auto codes = [&](const auto& r, const auto& m) {
    std::vector<int> result;
    std::int8_t out[6];
    requantize(r, requantization_view<typename std::remove_cvref_t<decltype(r)>::real>{&m, 1, 0}, in,
               tensor_view<std::int8_t>(out, shape(6)));
    for (const std::int8_t c : out) result.push_back(c);
    return result;
  };
  CHECK(codes(presets::tflite::requantize_single_rounding<>{}, quarter_in_double) ==
        std::vector<int>{-1, 2, -1, 1, 0, 0});
  CHECK(codes(presets::tflite::requantize_double_rounding<>{}, quarter_in_double) ==
        std::vector<int>{-2, 2, -1, 1, -1, 0});
  CHECK(codes(presets::xnnpack::requantize_rndnu<>{}, quarter) == std::vector<int>{-1, 2, -1, 1, 0, 0});
  CHECK(codes(presets::xnnpack::requantize_rndna<>{}, quarter) == std::vector<int>{-2, 2, -1, 1, -1, 0});
  CHECK(codes(presets::xnnpack::requantize_gemmlowp<>{}, quarter) == std::vector<int>{-2, 2, -1, 1, -1, 0});
  CHECK(codes(presets::xnnpack::requantize_fp32<>{}, quarter) == std::vector<int>{-2, 2, -1, 0, 0, 0});
  CHECK(codes(presets::fbgemm::requantize_fixed_point<int8>{}, quarter) == std::vector<int>{-1, 2, -1, 1, 0, 0});
  CHECK(codes(presets::fbgemm::requantize<int8>{}, quarter) == std::vector<int>{-2, 2, -1, 0, 0, 0});
  // TensorFlow Lite's QuantizeMultiplier: 0.5 - 5e-9 is 0.99999999 / 2, of which 2^31 * 0.99999999 = 2147483626.5...
  fixed_point_multiplier m;
  CHECK(rounded_from_double::choose(0.5 - 5e-9, m).ok());
  CHECK(m == fixed_point_multiplier{2147483627, -1});
  CHECK(rounded_from_double::choose(0.5 - 1e-10, m).ok());
  CHECK(m == fixed_point_multiplier{1073741824, 0});
  CHECK(rounded_from_double::choose(1.0, m).ok());
  CHECK(m == fixed_point_multiplier{1073741824, 1});
  // FBGEMM's ChooseRequantizationMultiplier(0.75f): 0.75 * 2^31, right shift 31.
  CHECK(exact_from_float<-33, 30>::choose(0.75f, m).ok());
  CHECK(m == fixed_point_multiplier{1610612736, 0});
  CHECK(presets::tflite::requantization_multiplier(0.5f, 0.25f, 2.0f) == 0.0625);
}

TEST_CASE("requantize: a multiplier per channel, strides, a fused activation's bounds") {
  const std::int32_t x[2][3] = {{100, 100, 100}, {-100, 1000, 40}};
  const float m[] = {0.1f, 0.5f, 2.0f};
  std::uint8_t codes[2][3] = {};
  const requantizer<uint8, float_multiplier, per_axis<1>> r;
  requantize(r, requantization_view<float>{m, 3, 20}, tensor_view<const std::int32_t>(&x[0][0], shape(2, 3)),
             tensor_view<std::uint8_t>(&codes[0][0], shape(2, 3)));
  const int expected[2][3] = {{30, 70, 220}, {10, 255, 100}};
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j) CHECK(codes[i][j] == expected[i][j]);
  // The same, transposed, channels first.
  std::uint8_t transposed[3][2] = {};
  const std::ptrdiff_t in_stride[] = {1, 3};
  const requantizer<uint8, per_axis<>, float_multiplier> dynamic({}, {-2});
  requantize(dynamic, requantization_view<float>{m, 3, 20},
             tensor_view<const std::int32_t>(&x[0][0], shape(3, 2), in_stride),
             tensor_view<std::uint8_t>(&transposed[0][0], shape(3, 2)));
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j) CHECK(transposed[j][i] == expected[i][j]);
  // ReLU6 with zero point 20: codes 20 .. 80.
  const requantizer<stored_integer<std::uint8_t>, float_multiplier, per_axis<1>> relu({20, 80});
  requantize(relu, requantization_view<float>{m, 3, 20}, tensor_view<const std::int32_t>(&x[0][0], shape(2, 3)),
             tensor_view<std::uint8_t>(&codes[0][0], shape(2, 3)));
  CHECK(codes[0][2] == 80);
  CHECK(codes[1][0] == 20);
  CHECK(codes[0][1] == 70);
  // Nothing to do.
  requantize(r, requantization_view<float>{m, 3, 20}, tensor_view<const std::int32_t>(nullptr, shape(0, 3)),
             tensor_view<std::uint8_t>(nullptr, shape(0, 3)));
}

TEST_CASE("requantize: refusals, with nothing written") {
  const std::int32_t x[] = {1, 2};
  std::int8_t codes[] = {7, 7};
  const tensor_view<const std::int32_t> in(x, shape(2));
  const tensor_view<std::int8_t> out(codes, shape(2));
  const auto refusal = [&](const auto& r, auto m0, auto m1, std::int32_t zero_point = 0) {
    const decltype(m0) m[] = {m0, m1};
    const requantization_view<decltype(m0)> p{m, 2, zero_point};
    const status s = try_requantize(r, p, in, out);
    CHECK(codes[0] == 7);
    CHECK(validate_requantize(r, p, in, out).code == s.code);
    return s;
  };
  const requantizer<int8, float_multiplier, per_axis<0>> by_product;
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const float bad : {0.0f, -1.0f, infinity, nan}) {
    const status s = refusal(by_product, 1.0f, bad);
    CHECK(s.code == errc::value_out_of_range);
    CHECK(std::string(s.argument) == "multiplier");
    CHECK(s.index == 1);
  }
  using namespace presets;  // NOLINT
  const auto code_of = [&](const auto& r, auto m) { return refusal(r, m, m).code; };
  constexpr errc bad = errc::value_out_of_range;
  CHECK(code_of(fbgemm::requantize_fixed_point<int8, per_axis<0>>{}, 0x1p-34f) == bad);
  CHECK(code_of(fbgemm::requantize_fixed_point<int8, per_axis<0>>{}, 0x1p30f) == bad);
  CHECK(code_of(fbgemm::requantize_fixed_point<int8, per_axis<0>>{}, nan) == bad);
  CHECK(code_of(xnnpack::requantize_rndnu<int8, per_axis<0>>{}, 256.0f) == bad);
  CHECK(code_of(xnnpack::requantize_rndnu<int8, per_axis<0>>{}, 0x1.fffffep-33f) == bad);
  CHECK(code_of(xnnpack::requantize_rndna<int8, per_axis<0>>{}, 1.0f) == bad);
  CHECK(code_of(xnnpack::requantize_gemmlowp<int8, per_axis<0>>{}, 1.0f) == bad);
  const auto expected_by = [&](const auto& r) { return std::string(refusal(r, -1.0f, 0.5f).expected); };
  CHECK(expected_by(fbgemm::requantize_fixed_point<int8, per_axis<0>>{}) == "a multiplier in [2^-33, 2^30)");
  CHECK(expected_by(xnnpack::requantize_rndnu<int8, per_axis<0>>{}) == "a multiplier in [2^-32, 2^8)");
  CHECK(expected_by(xnnpack::requantize_gemmlowp<int8, per_axis<0>>{}) == "a multiplier in [2^-32, 2^0)");
  CHECK(code_of(tflite::requantize_single_rounding<int8, per_axis<0>>{}, -0.5) == bad);
  CHECK(code_of(tflite::requantize_single_rounding<int8, per_axis<0>>{}, 0x1p30) == bad);
  CHECK(code_of(tflite::requantize_double_rounding<int8, per_axis<0>>{}, std::nan("")) == bad);
  // 2^-33 has a shift of 32 after the doubled product: more than an int32 has bits.
  using two_roundings = requantizer<int8, doubling_high_multiply<exact_from_float<-33, 30>>, per_axis<0>>;
  CHECK(code_of(two_roundings{}, 0x1.fffffep-33f) == bad);
  CHECK(refusal(by_product, 1.0f, 1.0f, 128).code == errc::zero_point_range);
  CHECK(refusal(requantizer<int8, float_multiplier>{}, 1.0f, 1.0f).code == errc::parameter_count);
  CHECK(refusal(requantizer<int8, float_multiplier, per_axis<1>>{}, 1.0f, 1.0f).code == errc::axis_out_of_range);
  const float one = 1;
  const requantization_view<float> p{&one, 1, 0};
  const requantizer<int8, float_multiplier> r;
  CHECK(try_requantize(r, requantization_view<float>{nullptr, 1, 0}, in, out).code == errc::null_pointer);
  CHECK(try_requantize(r, p, in, tensor_view<std::int8_t>(codes, shape(1))).code == errc::shape_mismatch);
  CHECK(try_requantize(r, p, tensor_view<const std::int32_t>(nullptr, shape(2)), out).code == errc::null_pointer);
  std::int32_t shared[2] = {};
  CHECK(try_requantize(r, p, tensor_view<const std::int32_t>(shared, shape(2)),
                       tensor_view<std::int8_t>(reinterpret_cast<std::int8_t*>(shared), shape(2)))
            .code == errc::overlap);
  CHECK_THROWS_AS(requantize(r, requantization_view<float>{&nan, 1, 0}, in, out), error);
  CHECK(try_requantize(requantizer<stored_integer<std::int8_t>, float_multiplier>({5, 5}), p, in, out).code ==
        errc::bits_out_of_range);
}

TEST_CASE("FBGEMM: parameters and both orders of the zero point") {
  using namespace presets;  // NOLINT
  const auto chosen = [](float low, float high) {
    return fbgemm::quantize<>{}.parameters_for(range<float>{low, high});
  };
  CHECK(chosen(-1, 2) == scale_and_zero_point<float>{static_cast<float>(3.0 / 255), 85});
  CHECK(chosen(0, 0) == scale_and_zero_point<float>{0.1f, 0});
  CHECK(chosen(1, 2) == scale_and_zero_point<float>{static_cast<float>(2.0 / 255), 0});
  // Below 6.1e-5 the scale is raised, and with it both ends: the zero point stays.
  CHECK(chosen(-1e-3f, 2e-3f) == scale_and_zero_point<float>{6.1e-5f, 85});
  CHECK(chosen(-1e-3f, 0) == scale_and_zero_point<float>{6.1e-5f, 255});
  using even = quantizer<uint8, fbgemm::choose_quantization_params<true>>;
  // [-1, 2] becomes 2 / 127 * [-128, 127]; the middle of 0 .. 255 is 127.5, to even 128.
  const double step = static_cast<double>(2.0f / 127.0f);
  const double width =
      static_cast<double>(static_cast<float>(step * 127)) - static_cast<double>(static_cast<float>(step * -128));
  CHECK(even{}.parameters_for(range<float>{-1, 2}) ==
        scale_and_zero_point<float>{static_cast<float>(width / 255), 128});
  CHECK(even{}.parameters_for(range<float>{0, 2}) == scale_and_zero_point<float>{static_cast<float>(2.0 / 255), 0});
  using powers = quantizer<uint8, fbgemm::choose_quantization_params<false, true>>;
  CHECK(powers{}.parameters_for(range<float>{-1, 2}) == scale_and_zero_point<float>{0x1p-6f, 64});
  CHECK(powers{}.parameters_for(range<float>{0, 600}) == scale_and_zero_point<float>{4, 0});
  // FBGEMM's own example: 127.5 by the reciprocal, 127.49999 by division.
  const float x[] = {0.273939937f, 0.5f};
  std::uint8_t codes[2];
  const tensor_view<const float> in(x, shape(2));
  const tensor_view<std::uint8_t> out(codes, shape(2));
  quantize(fbgemm::quantize<>{}, scale_and_zero_point<float>{0.00214854861f, 0}, in, out);
  CHECK(codes[0] == 128);
  quantize(fbgemm::quantize<>{}, scale_and_zero_point<float>{1, 3}, in, out);
  CHECK(codes[1] == 3);
  quantize(fbgemm::legacy_quantize<>{}, scale_and_zero_point<float>{1, 3}, in, out);
  CHECK(codes[1] == 4);
}

TEST_CASE("XNNPACK and TensorFlow Lite: parameters") {
  using namespace presets;  // NOLINT
  xnnpack::dynamic_parameters p;
  REQUIRE(xnnpack::try_dynamic_parameters({-1, 3}, p).ok());
  CHECK(p == xnnpack::dynamic_parameters{static_cast<float>(1 / 63.75), 63.75f, -64});  // -128 + 63.75, to even
  REQUIRE(xnnpack::try_dynamic_parameters({-3, 1}, p).ok());
  CHECK(p.zero_point == 63);  // 127 - 63.75 = 63.25
  REQUIRE(xnnpack::try_dynamic_parameters({0, 0}, p).ok());
  CHECK(p == xnnpack::dynamic_parameters{1, 1, 127});  // -128 + 127 is not above 0
  CHECK(xnnpack::try_dynamic_parameters({0, 1e-42f}, p).code == errc::scale_out_of_range);
  CHECK(xnnpack::try_dynamic_parameters({-3e38f, 3e38f}, p).code == errc::scale_out_of_range);
  CHECK(xnnpack::try_dynamic_parameters({2, 1}, p).code == errc::range_inverted);
  REQUIRE(xnnpack::try_dynamic_parameters({-1, 3}, p).ok());
  const float x[] = {-1, 3, 0};
  std::int8_t codes[3];
  quantize(xnnpack::convert<>{}, p, tensor_view<const float>(x, shape(3)), tensor_view<std::int8_t>(codes, shape(3)));
  CHECK(codes[0] == -128);
  CHECK(codes[1] == 127);
  CHECK(codes[2] == -64);
  quantize(xnnpack::reference_quantize<>{}, scale_and_zero_point<float>{2, 3}, tensor_view<const float>(x, shape(3)),
           tensor_view<std::int8_t>(codes, shape(3)));
  CHECK(codes[0] == 2);  // rne(-0.5 + 3)
  CHECK(codes[1] == 4);  // rne(4.5)
  quantize(tflite::quantize<>{}, scale_and_zero_point<float>{2, 3}, tensor_view<const float>(x, shape(3)),
           tensor_view<std::int8_t>(codes, shape(3)));
  CHECK(codes[0] == 2);  // -1 + 3
  CHECK(codes[1] == 5);  // 2 + 3
  CHECK(tflite::quantize<uint8>{}.parameters_for(range<float>{-1, 2}) ==
        scale_and_zero_point<float>{static_cast<float>(3.0 / 255), 85});
  // 6.375 to 8.925: the end with the smaller error, 0 + 106.25 against 255 + 148.75.
  CHECK(tflite::quantize<uint8>{}.parameters_for(range<float>{-1.0625f, 1.4875f}).zero_point == 106);
}
