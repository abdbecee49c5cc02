// With parameters made from a range, dequantize, fake_quantize and the dynamic forms give finite numbers
// (docs/arithmetic.md, rule 8): every code, element type, integer scheme and small float, by type and by description.
// finite_codes_test.cpp has the parameters themselves.
#include <doctest/doctest.h>

#include <xquant/calibration/calibrator.hpp>
#include <xquant/calibration/dynamic_quantize.hpp>
#include <xquant/calibration/min_max.hpp>
#include <xquant/formats/e8m0.hpp>
#include <xquant/formats/float16.hpp>
#include <xquant/formats/float4.hpp>
#include <xquant/formats/float6.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/formats/wide_exponent.hpp>
#include <xquant/formats/wide_integer.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/runtime.hpp>
#include <xquant/schemes/affine_rounding_sum.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several

constexpr float float_max = std::numeric_limits<float>::max();

template <class T>
tensor_view<T> view_of(std::vector<T>& v) {
  return {v.data(), shape(v.size())};
}
template <class T>
tensor_view<const T> view_of(const std::vector<T>& v) {
  return {v.data(), shape(v.size())};
}

template <class Element>
double most_of() {
  if (is_same<Element, float16>) return 65504;
  if (is_same<Element, bfloat16>) return 0x1.fep127;
  return static_cast<double>(std::numeric_limits<conditional<is_same<Element, double>, double, float>>::max());
}

template <class Element>
double as_double(Element x) {
  return static_cast<double>(static_cast<lane_real<Element>>(x));
}

template <class Element>
std::size_t infinite_in(const std::vector<Element>& x) {
  std::size_t count = 0;
  for (const Element v : x) count += std::isfinite(as_double(v)) ? 0 : 1;
  return count;
}

// Ends of ranges, in units of the largest number.
struct part {
  double minimum;
  double maximum;
};
constexpr part parts[] = {{-1, 0},     {0, 1},      {-1, 1},   {-1, .5},      {-.5, 1},    {-.94, .94},
                          {-.76, .76}, {-.75, .75}, {-.6, .6}, {.5, 1},       {-1, -.5},   {1, 1},
                          {-1, -1},    {0, 0},      {-.3, .7}, {-.999, .001}, {.25, .251}, {-1e-6, 1e-5}};
template <class Element>
range<lane_real<Element>> range_of_part(part p) {
  using real = lane_real<Element>;
  return {static_cast<real>(static_cast<Element>(p.minimum * most_of<Element>())),
          static_cast<real>(static_cast<Element>(p.maximum * most_of<Element>()))};
}

// All codes of up to 16 bits, else both ends and some between.
template <class Code>
std::vector<Code> codes_of(std::int64_t lower, std::int64_t upper) {
  std::vector<Code> codes;
  const std::int64_t step = upper - lower < 65536 ? 1 : (upper - lower) / 999;
  for (std::int64_t c = lower; c <= upper; c += step) codes.push_back(static_cast<Code>(c));
  codes.push_back(static_cast<Code>(upper));
  return codes;
}

template <class Element, class Quantizer>
void check_dequantize(const Quantizer& q, const std::string& name) {
  using code = typename Quantizer::code_type;
  const std::vector<code> codes = codes_of<code>(q.lower_code(), q.upper_code());
  std::vector<Element> values(codes.size());
  for (const part p : parts) {
    const auto r = range_of_part<Element>(p);
    const auto slot = q.template parameters_for<Element>(r);
    INFO(name, ", ", std::string(__PRETTY_FUNCTION__), ": [", r.minimum, ", ", r.maximum, "], scale ", slot.scale,
         ", zero point ", slot.zero_point);
    dequantize(q, slot, view_of(codes), view_of(values));
    CHECK(infinite_in(values) == 0);
  }
}

template <class Element, class Quantizer>
void check_fake_quantize(const Quantizer& q, const std::string& name) {
  using code = typename Quantizer::code_type;
  for (const part p : parts) {
    const auto r = range_of_part<Element>(p);
    INFO(name, ", ", std::string(__PRETTY_FUNCTION__), ": [", r.minimum, ", ", r.maximum, "]");
    std::vector<Element> x;
    for (int i = 0; i <= 64; ++i) {
      const double t = i / 64.0;
      const double between = static_cast<double>(r.minimum) * (1 - t) + static_cast<double>(r.maximum) * t;
      x.push_back(static_cast<Element>(
          std::fmin(std::fmax(between, static_cast<double>(r.minimum)), static_cast<double>(r.maximum))));
    }
    // The parameters know the range of x, which then meets what is beyond it.
    std::vector<Element> y(x.size());
    basic_parameters<lane_real<Element>> used;
    REQUIRE(try_dynamic_fake_quantize(q, view_of(x), view_of(y), used).ok());
    CHECK(infinite_in(y) == 0);
    CHECK(used.scale()[0] == q.template parameters_for<Element>(r).scale);
    std::vector<code> codes(x.size());
    REQUIRE(try_dynamic_quantize(q, view_of(x), view_of(codes), used).ok());
    dequantize(q, used, view_of(codes), view_of(y));
    CHECK(infinite_in(y) == 0);
    const auto infinity = static_cast<Element>(std::numeric_limits<double>::infinity());
    for (const double v : {1.0, -1.0}) x.push_back(static_cast<Element>(v * most_of<Element>()));
    x.push_back(infinity);
    x.push_back(static_cast<Element>(-as_double(infinity)));
    y.resize(x.size());
    fake_quantize(q, used, view_of(x), view_of(y));
    CHECK(infinite_in(y) == 0);
  }
}

template <class F>
void for_each_scheme_value(F&& f) {
  for (std::uint16_t id = 0; id < standard_schemes::size; ++id)
    for (int power = 0; power <= 4 && xquant::detail::is_scheme_value({id}); ++power)
      for (const degenerate_id degenerate : {id_of<degenerate::one>, id_of<degenerate::zero_output<>>})
        f(runtime_scheme{scheme_id{id}, degenerate, static_cast<power_of_two_id>(power)},
          "scheme " + std::to_string(id) + ", power of two " + std::to_string(power) + ", degenerate " +
              degenerate.name);
}

template <class Element, class Code>
void check_stored(std::int64_t lower, std::int64_t upper) {
  using format = stored_integer<Code>;
  using bound = decltype(format{}.lower_code());
  const format codes{static_cast<bound>(lower), static_cast<bound>(upper)};
  const std::string name = "codes " + std::to_string(lower) + " to " + std::to_string(upper);
  for_each_scheme_value([&](const runtime_scheme& scheme, const std::string& scheme_name) {
    const quantizer<format, runtime_scheme> q(codes, {}, scheme);
    check_dequantize<Element>(q, name + ", " + scheme_name);
    if constexpr (sizeof(Code) == 1) check_fake_quantize<Element>(q, name + ", " + scheme_name);
  });
  if constexpr (sizeof(Code) <= 2) {
    check_dequantize<Element>(quantizer<format, real_zero_point_affine<>>(codes), name);
    check_dequantize<Element>(quantizer<format, offset_affine<>>(codes), name);
    check_dequantize<Element>(quantizer<format, offset_affine<degenerate::one, offset_code::lowest>>(codes), name);
    if (lower < 0) check_dequantize<Element>(quantizer<format, symmetric_to_signed_extreme<>>(codes), name);
  }
  if constexpr (is_same<Code, std::int8_t>) {
    check_fake_quantize<Element>(quantizer<format, real_zero_point_affine<>>(codes), name);
    check_fake_quantize<Element>(quantizer<format, offset_affine<>>(codes), name);
    check_fake_quantize<Element>(quantizer<format, symmetric_to_signed_extreme<>>(codes), name);
  }
}

template <class Element>
void check_every_storage() {
  check_stored<Element, std::int8_t>(-128, 127);
  check_stored<Element, std::int8_t>(-8, 7);
  check_stored<Element, std::int8_t>(-2, 1);
  check_stored<Element, std::int8_t>(-1, 1);
  check_stored<Element, std::int8_t>(-100, 27);
  check_stored<Element, std::uint8_t>(0, 255);
  check_stored<Element, std::uint8_t>(0, 15);
  check_stored<Element, std::uint8_t>(0, 3);
  check_stored<Element, std::uint8_t>(17, 250);
  check_stored<Element, std::int32_t>(-2147483647 - 1, 2147483647);
  check_stored<Element, std::uint32_t>(0, 4294967295);
}

// The codes of a small float, less those that stand for no finite number.
template <class Element, class Format>
void check_small_float(const std::string& name) {
  using code = typename Format::code_type;
  const quantizer<Format> q;
  constexpr bool has_sign = Format::bounds().lower < 0;
  std::vector<code> codes;
  {
    const std::vector<code> all = codes_of<code>(0, Format::bits == 16 ? 65535 : (1 << Format::bits) - 1);
    std::vector<double> values(all.size());
    dequantize(q, scale_and_zero_point<double>{1, 0}, view_of(all), view_of(values));
    for (std::size_t i = 0; i < all.size(); ++i)
      if (std::isfinite(values[i])) codes.push_back(all[i]);
  }
  std::vector<Element> values(codes.size());
  for (const part p : parts) {
    const auto r = range_of_part<Element>(p);
    const auto slot = q.template parameters_for<Element>(r);
    INFO(name, ", ", std::string(__PRETTY_FUNCTION__), ": [", r.minimum, ", ", r.maximum, "], scale ", slot.scale);
    dequantize(q, slot, view_of(codes), view_of(values));
    CHECK(infinite_in(values) == 0);
    // The end that gave the scale comes back within half of the coarsest step, which is a fourth of the largest number
    // of formats with a bit of mantissa.
    const auto end = has_sign && -r.minimum > r.maximum ? r.minimum : r.maximum;
    if (Format::mantissa_bits == 0 || (end < 0 && !has_sign)) continue;
    const std::vector<Element> x{static_cast<Element>(end)};
    std::vector<Element> y(1);
    fake_quantize(q, slot, view_of(x), view_of(y));
    CHECK(std::isfinite(as_double(y[0])));
    CHECK(std::fabs(as_double(y[0]) / 4 - static_cast<double>(end) / 4) <= std::fabs(static_cast<double>(end)) / 16);
  }
}

template <class Element>
void check_small_floats() {
  check_small_float<Element, e4m3fn>("e4m3fn");
  check_small_float<Element, e5m2>("e5m2");
  check_small_float<Element, e4m3fnuz>("e4m3fnuz");
  check_small_float<Element, e5m2fnuz>("e5m2fnuz");
  check_small_float<Element, e3m4>("e3m4");
  check_small_float<Element, ue4m3>("ue4m3");
  check_small_float<Element, e2m3>("e2m3");
  check_small_float<Element, e3m2>("e3m2");
  check_small_float<Element, e2m1>("e2m1");
  check_small_float<Element, e3m0>("e3m0");
  check_small_float<Element, e5m3>("e5m3");
  check_small_float<Element, binary16>("binary16");
  check_small_float<Element, bfloat16_format>("bfloat16");
}

}  // namespace

TEST_CASE("numbers that came back infinite") {
  const auto back = [](const auto& q, const std::vector<float>& x) {
    using code = typename std::remove_cvref_t<decltype(q)>::code_type;
    std::vector<range<float>> ranges(1);
    for (const float v : x) ranges[0] = {std::fmin(ranges[0].minimum, v), std::fmax(ranges[0].maximum, v)};
    const parameters p = make_parameters(q, ranges);
    std::vector<code> codes(x.size());
    std::vector<float> y(x.size());
    std::vector<float> fake(x.size());
    quantize(q, p, view_of(x), view_of(codes));
    dequantize(q, p, view_of(codes), view_of(y));
    fake_quantize(q, p, view_of(x), view_of(fake));
    CHECK(y == fake);
    return y;
  };
  // Finite, and at most a step away.
  const auto near = [](float y, double x, double step) {
    CHECK(std::isfinite(y));
    CHECK(std::fabs(static_cast<double>(y) - x) <= step * 1.000001);
  };
  constexpr double m = float_max;
  SUBCASE("an attention mask") {
    const auto y = back(quantizer<uint16, affine>{}, {-float_max, 0});
    near(y[0], -m, m / 65535);
    CHECK(y[1] == 0);
  }
  SUBCASE("both ends") {
    const auto y = back(quantizer<uint8, affine>{}, {-float_max, float_max});
    near(y[0], -m, m * 2 / 255);
    near(y[1], m, m * 2 / 255);
  }
  SUBCASE("a scale that is rounded up") {
    near(back(quantizer<int8>{}, {0, float_max})[1], m, m / 127);
    near(back(quantizer<int8, symmetric<code_range::narrow>>{}, {0, float_max})[1], m, m * 0x1p-22);
    near(back(quantizer<int16>{}, {0, float_max})[1], m, m / 32767);
    near(back(quantizer<int16, symmetric<code_range::narrow>>{}, {0, float_max})[1], m, m * 0x1p-22);
  }
  SUBCASE("few bits") {
    for (const double share : {.75, .8, .94, .95, .99, 1.0}) {
      const auto end = static_cast<float>(share * m);
      const auto four = back(quantizer<int4, affine>{}, {-end, end});
      near(four[0], -share * m, share * m * 2 / 15);
      near(four[1], share * m, share * m * 2 / 15);
      const auto two = back(quantizer<uint2, affine>{}, {-end, end});
      near(two[0], -share * m, share * m * 2 / 3);
      near(two[1], share * m, share * m * 2 / 3);
    }
  }
  SUBCASE("a dynamic form of 16-bit data") {
    const std::vector<float16> x{float16(-65504.0f), float16(65504.0f), float16(1.0f)};
    std::vector<float16> y(3);
    const auto p = dynamic_fake_quantize(quantizer<uint8, affine>{}, view_of(x), view_of(y));
    near(static_cast<float>(y[0]), -65504, 2 * 65504 / 255.0);
    near(static_cast<float>(y[1]), 65504, 2 * 65504 / 255.0);
    CHECK(static_cast<float>(y[2]) == 0);
    CHECK(p.zero_point()[0] == 128);
  }
}

TEST_CASE("every code comes back finite: float") { check_every_storage<float>(); }
TEST_CASE("every code comes back finite: double") { check_every_storage<double>(); }
TEST_CASE("every code comes back finite: float16") { check_every_storage<float16>(); }
TEST_CASE("every code comes back finite: bfloat16") { check_every_storage<bfloat16>(); }
TEST_CASE("every code of 16 bits comes back finite") {
  check_dequantize<float>(quantizer<uint16, affine>{}, "uint16");
  check_dequantize<float>(quantizer<int16>{}, "int16");
  check_dequantize<double>(quantizer<uint16, affine>{}, "uint16");
  check_dequantize<double>(quantizer<int16, symmetric<code_range::narrow>>{}, "int16");
  check_dequantize<float16>(quantizer<uint16, affine>{}, "uint16");
  check_dequantize<float16>(quantizer<int16>{}, "int16");
  check_dequantize<float16>(quantizer<uint16, offset_affine<>>{}, "uint16");
  check_dequantize<bfloat16>(quantizer<uint16, affine>{}, "uint16");
  check_dequantize<bfloat16>(quantizer<int16>{}, "int16");
  check_dequantize<float>(quantizer<uint16, real_zero_point_affine<>>{}, "uint16");
}
TEST_CASE("every code of small floats comes back finite") {
  check_small_floats<float>();
  check_small_floats<double>();
  check_small_floats<float16>();
  check_small_floats<bfloat16>();
}
TEST_CASE("scales of exponents come back finite") {
  std::vector<std::uint8_t> codes;
  for (int c = 0; c < 255; ++c) codes.push_back(static_cast<std::uint8_t>(c));
  const quantizer<e8m0> q;
  std::vector<float> values(codes.size());
  std::vector<float16> halves(codes.size());
  for (const part p : parts) {
    dequantize(q, q.parameters_for(range_of_part<float>(p)), view_of(codes), view_of(values));
    CHECK(infinite_in(values) == 0);
    dequantize(q, q.parameters_for<float16>(range_of_part<float16>(p)), view_of(codes), view_of(halves));
    CHECK(infinite_in(halves) == 0);
  }
}

TEST_CASE("parameters of a description are those of its type") {
  using choices = runtime_choices<
      type_list<stored_integer<std::int8_t>, stored_integer<std::uint8_t>>, type_list<nearest_even>,
      type_list<divide_by_scale>,
      type_list<runtime_scheme, symmetric_to_signed_extreme<>, real_zero_point_affine<>, offset_affine<>>>;
  const auto check = [](scheme_id scheme, power_of_two_id power, auto type, auto slot, auto element) {
    using element_type = decltype(element);
    quantizer_description d;
    d.scheme = scheme;
    d.power_of_two = power;
    for (const part p : parts) {
      const auto r = range_of_part<element_type>(p);
      REQUIRE(try_parameters_for<choices, element_type>(d, r, slot).ok());
      CHECK(slot == type.template parameters_for<element_type>(r));
    }
  };
  const auto of_elements = [&](auto element) {
    using real = lane_real<decltype(element)>;
    const scale_and_zero_point<real> slot{};
    const scale_and_real_zero_point<real> real_slot{};
    using up = power_of_two_id;
    check(id_of<symmetric<>>, up::none, quantizer<int8>{}, slot, element);
    check(id_of<symmetric<code_range::narrow>>, up::none, quantizer<int8, symmetric<code_range::narrow>>{}, slot,
          element);
    check(id_of<affine>, up::none, quantizer<int8, affine>{}, slot, element);
    check(id_of<affine>, up::up, quantizer<int8, power_of_two_scale<affine>>{}, slot, element);
    check(id_of<symmetric<>>, up::down, quantizer<int8, power_of_two_scale<symmetric<>, exponent_rounding::down>>{},
          slot, element);
    check(id_of<nudged_affine<>>, up::nearest,
          quantizer<int8, power_of_two_scale<nudged_affine<>, exponent_rounding::nearest>>{}, slot, element);
    check(id_of<symmetric_to_signed_extreme<>>, up::none, quantizer<int8, symmetric_to_signed_extreme<>>{}, slot,
          element);
    check(id_of<real_zero_point_affine<>>, up::none, quantizer<int8, real_zero_point_affine<>>{}, real_slot, element);
    check(id_of<offset_affine<>>, up::none, quantizer<int8, offset_affine<>>{}, real_slot, element);
  };
  of_elements(0.0f);
  of_elements(0.0);
  of_elements(float16(0.0f));
  of_elements(bfloat16(0.0f));
}

TEST_CASE("16-bit elements are named where parameters come from ranges or a calibrator") {
  const quantizer<uint8, affine> q;
  const std::vector<range<float>> ranges{{-65504, 65504}, {-1, 3}};
  const parameters plain = make_parameters(q, ranges);
  const parameters halves = make_parameters<float16>(q, ranges);
  CHECK(plain.scale()[0] == static_cast<float>(131008.0 / 255));
  CHECK(halves.scale()[0] * 128 < 65520);
  CHECK(std::nextafter(halves.scale()[0], 1e9f) * 128 >= 65520);
  CHECK(halves.scale()[1] == static_cast<float>(4.0 / 255));
  CHECK(plain.scale()[1] == halves.scale()[1]);
  min_max<> calibrator;
  const std::vector<float> x{-65504, 65504};
  calibrator.observe(view_of(x));
  CHECK(make_parameters<float16>(q, calibrator).scale()[0] == halves.scale()[0]);
  parameters out;
  REQUIRE(try_make_parameters<float16>(q, calibrator, out).ok());
  CHECK(out.scale()[0] == halves.scale()[0]);
  // What is no range is refused as before, and nothing is written.
  CHECK(try_make_parameters<float16>(q, std::vector<range<float>>{{3, 1}}, out).code == errc::range_inverted);
  CHECK(out.scale()[0] == halves.scale()[0]);
}

TEST_CASE("a scale from elsewhere is used as it is") {
  // ONNX DequantizeLinear: the product, infinite where it overflows.
  const std::vector<std::uint8_t> codes{0, 255};
  std::vector<float> y(2);
  dequantize(quantizer<uint8, affine>{}, scale_and_zero_point<float>{float_max / 100, 0}, view_of(codes), view_of(y));
  CHECK(y[0] == 0);
  CHECK(std::isinf(y[1]));
}
