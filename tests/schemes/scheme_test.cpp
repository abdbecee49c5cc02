// Scale rules and what becomes of degenerate ranges; where zero points enter; scales with a sign. Against the formulas
// in double, float steps being computed in double and rounded once (which is exact: 53 >= 2 * 24 + 2 bits).
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <support/scale.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/formats/wide_integer.hpp>
#include <xquant/gradients/packed_mask.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>
#include <xquant/schemes/affine_rounding_sum.hpp>
#include <xquant/schemes/degenerate_policies.hpp>
#include <xquant/schemes/nudged_affine.hpp>
#include <xquant/schemes/power_of_two_scale.hpp>
#include <xquant/schemes/real_zero_point_affine.hpp>
#include <xquant/schemes/scheme.hpp>
#include <xquant/schemes/symmetric_to_half_range.hpp>
#include <xquant/schemes/symmetric_to_signed_extreme.hpp>
#include <xquant/schemes/symmetric_to_upper_code.hpp>
#include <xquant/schemes/zero_point_before_rounding.hpp>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several

constexpr double tiny = 0x1p-126;

float stored(double x) { return static_cast<float>(x); }

range<float> random_range(oracle::stream& s) {
  const double magnitude = std::ldexp(1.0, static_cast<int>(s.below(120)) - 60);
  auto low = static_cast<float>(s.unit() * magnitude);
  auto high = static_cast<float>(s.unit() * magnitude);
  if (low > high) std::swap(low, high);
  return {low, high};
}

template <class Scheme>
auto parameters_of(std::int32_t lower, std::int32_t upper, const range<float>& r) {
  return quantizer<stored_integer<std::int16_t>, Scheme>({lower, upper}).parameters_for(r);
}

struct code_pair {
  std::int32_t lower;
  std::int32_t upper;
};
const code_pair pairs[] = {{-128, 127}, {-8, 7}, {-127, 127}, {-2, 1}, {-32768, 32767}, {-5, 9}};

}  // namespace

TEST_CASE("symmetric rules: torch, AIMET, ggml") {
  oracle::stream s(5);
  for (const code_pair& c : pairs)
    for (int i = 0; i < 2000; ++i) {
      const range<float> r = random_range(s);
      const double magnitude =
          std::fmax(std::fabs(static_cast<double>(r.minimum)), std::fabs(static_cast<double>(r.maximum)));
      const double codes = c.upper - c.lower;
      const auto half = parameters_of<symmetric_to_half_range<>>(c.lower, c.upper, r);
      REQUIRE(half == scale_and_zero_point<float>{stored(magnitude / (codes / 2)), 0});
      const auto upper = parameters_of<symmetric_to_upper_code<>>(c.lower, c.upper, r);
      REQUIRE(upper == scale_and_zero_point<float>{stored(magnitude / std::floor(codes / 2)), 0});
      const auto extreme = parameters_of<symmetric_to_signed_extreme<>>(c.lower, c.upper, r);
      const bool is_minimum = -static_cast<double>(r.minimum) >= static_cast<double>(r.maximum);
      REQUIRE(extreme.scale == stored(static_cast<double>(is_minimum ? r.minimum : r.maximum) / c.lower));
    }
  // Named: the largest magnitude 1 on 8 bits.
  const range<float> one{-0.5f, 1.0f};
  CHECK(quantizer<int8, symmetric_to_half_range<>>{}.parameters_for(one).scale == stored(1 / 127.5));
  CHECK(quantizer<int8, symmetric_to_upper_code<>>{}.parameters_for(one).scale == stored(1 / 127.0));
  CHECK(quantizer<int8, symmetric_to_signed_extreme<>>{}.parameters_for(one).scale == -0x1p-7f);
  CHECK(quantizer<int8, symmetric<>>{}.parameters_for(one).scale == stored(1 / 127.0));
  CHECK(quantizer<int8, symmetric<>>{}.parameters_for(range<float>{-1, 0.5f}).scale == 0x1p-7f);
  // Codes without a sign, zero in their middle: torch and AIMET put it at 128 of 0 .. 255.
  using torch_uint8 = quantizer<uint8, symmetric_to_half_range<degenerate::at_least<degenerate::two_to_the<-23>>,
                                                               symmetric_zero::at_middle_code>>;
  CHECK(torch_uint8{}.parameters_for(one) == scale_and_zero_point<float>{stored(1 / 127.5), 128});
  CHECK(torch_uint8{}.parameters_for(range<float>{0, 0}) == scale_and_zero_point<float>{0x1p-23f, 128});
  using aimet_uint8 = quantizer<uint8, symmetric_to_upper_code<degenerate::one, symmetric_zero::at_middle_code>>;
  CHECK(aimet_uint8{}.parameters_for(one) == scale_and_zero_point<float>{stored(1 / 127.0), 128});
  // Of two ends with one magnitude, the minimum: a positive scale.
  CHECK(quantizer<int4, symmetric_to_signed_extreme<>>{}.parameters_for(range<float>{-2, 2}).scale == 0.25f);
  // The middle of codes mostly below zero, -0.5, is rounded down; that of uint32 is beyond int32.
  using at_middle = symmetric_to_half_range<degenerate::one, symmetric_zero::at_middle_code>;
  CHECK(parameters_of<at_middle>(-8, 6, one).zero_point == -1);
  CHECK(parameters_of<at_middle>(-8, 7, one).zero_point == 0);
  CHECK(quantizer<uint32, at_middle>{}.parameters_for(one).zero_point == INT32_MAX);
  CHECK(quantizer<integer<31, false>, at_middle>{}.parameters_for(one).zero_point == 1 << 30);
  // Narrow, where no code is above zero: all of them.
  CHECK(quantizer<stored_integer<std::int8_t>, symmetric<code_range::narrow>>({-9, -1}).lower_code() == -9);
  CHECK(parameters_of<symmetric<code_range::narrow>>(-9, -1, one).scale == stored(0.5 / 9));
  // No width, codes without a sign.
  CHECK(quantizer<int4, symmetric_to_signed_extreme<>>{}.parameters_for(range<float>{0, 0}).scale == 1.0f);
  CHECK(quantizer<uint4, symmetric_to_signed_extreme<>>{}.parameters_for(range<float>{0, 3}).scale == 1.0f);
}

TEST_CASE("degenerate scales, by policy") {
  const range<float> nothing{0, 0};
  const range<float> narrow{-1e-40f, 1e-40f};
  using at_epsilon = degenerate::at_least<degenerate::two_to_the<-23>>;
  CHECK(quantizer<int8, affine_scheme<at_epsilon>>{}.parameters_for(nothing) ==
        scale_and_zero_point<float>{0x1p-23f, -128});  // torch: lower - round(0 / eps)
  CHECK(quantizer<uint8, affine_scheme<at_epsilon>>{}.parameters_for(range<float>{-1e-6f, 1e-6f}) ==
        scale_and_zero_point<float>{0x1p-23f, 8});  // 1e-6 * 2^23 = 8.39
  using at_normal = degenerate::at_least<degenerate::smallest_normal>;
  CHECK(quantizer<int8, symmetric<code_range::narrow, at_normal>>{}.parameters_for(narrow).scale == 0x1p-126f);
  using silent = degenerate::zero_output<>;
  const quantizer<int8, symmetric<code_range::full, silent>> to_zero;
  const scale_and_zero_point<float> p = to_zero.parameters_for(narrow);
  CHECK(p.scale == 0x1p100f);
  const float x[] = {1e-40f, -1e-40f, 1.0f, -3e28f};
  std::int8_t codes[4] = {1, 1, 1, 1};
  quantize(to_zero, p, tensor_view<const float>(x, shape(4)), tensor_view<std::int8_t>(codes, shape(4)));
  for (const std::int8_t code : codes) CHECK(code == 0);
  using threshold = degenerate::zero_output<degenerate::two_to_the<-24>>;
  CHECK(quantizer<int8, symmetric<code_range::full, threshold>>{}.parameters_for(range<float>{0, 0x1p-20f}).scale ==
        0x1p100f);
  CHECK(quantizer<int8, symmetric<code_range::full, threshold>>{}.parameters_for(range<float>{0, 1}).scale != 0x1p100f);
  // At the threshold itself the output is zero, and just above it is not.
  CHECK(parameters_of<symmetric<code_range::full, silent>>(-1, 1, {-0x1p-126f, 0}).scale == 0x1p100f);
  CHECK(parameters_of<symmetric<code_range::full, silent>>(-1, 1, {-0x1.000002p-126f, 0}).scale == 0x1.000002p-126f);
  // Refused: by every operation, naming the slot.
  const quantizer<int8, affine_scheme<degenerate::refused>> strict;
  const scale_and_zero_point<float> none = strict.parameters_for(nothing);
  CHECK(none.scale == 0);
  CHECK(strict.parameters_for(range<float>{0, 0x1p-120f}).scale == 0);  // subnormal
  const status s =
      try_quantize(strict, none, tensor_view<const float>(x, shape(4)), tensor_view<std::int8_t>(codes, shape(4)));
  CHECK(s.code == errc::scale_not_positive);
  CHECK(strict.parameters_for(range<float>{0, 1}).scale == stored(1 / 255.0));
}

TEST_CASE("affine with zero left out, and nudged") {
  using as_given = affine_scheme<degenerate::one, range_of_zero::as_given>;
  CHECK(quantizer<uint8, as_given>{}.parameters_for(range<float>{2, 5}) ==
        scale_and_zero_point<float>{stored(3 / 255.0), 0});  // -170 is no code
  CHECK(quantizer<uint8, as_given>{}.parameters_for(range<float>{-1, 2}) ==
        quantizer<uint8, affine>{}.parameters_for(range<float>{-1, 2}));
  oracle::stream s(6);
  for (const code_pair& c : pairs)
    for (int i = 0; i < 2000; ++i) {
      const range<float> r = random_range(s);
      const double low = std::fmin(static_cast<double>(r.minimum), 0.0);
      const double high = std::fmax(static_cast<double>(r.maximum), 0.0);
      const double scale = (high - low) / (c.upper - c.lower);
      const double from_low = c.lower - low / scale;
      const double from_high = c.upper - high / scale;
      const double error_low = std::fabs(c.lower) + std::fabs(low / scale);
      const double error_high = std::fabs(c.upper) + std::fabs(high / scale);
      const double zero = error_low < error_high ? from_low : from_high;
      const double even = std::fmin(std::fmax(std::nearbyint(zero), c.lower), c.upper);
      const double away = std::fmin(std::fmax(std::round(zero), c.lower), c.upper);
      REQUIRE(parameters_of<nudged_affine<>>(c.lower, c.upper, r) ==
              scale_and_zero_point<float>{stored(scale), static_cast<std::int32_t>(even)});
      using gemmlowp = nudged_affine<degenerate::one, zero_point_rounding::nearest_away>;
      REQUIRE(parameters_of<gemmlowp>(c.lower, c.upper, r) ==
              scale_and_zero_point<float>{stored(scale), static_cast<std::int32_t>(away)});
    }
  // A tie, zero = 2.5 from either end.
  CHECK(parameters_of<nudged_affine<>>(0, 4, {-1.25f, 0.75f}) == scale_and_zero_point<float>{0.5f, 2});  // 2.5
  using away = nudged_affine<degenerate::one, zero_point_rounding::nearest_away>;
  CHECK(parameters_of<away>(0, 4, {-1.25f, 0.75f}) == scale_and_zero_point<float>{0.5f, 3});
  // Just below a tie, where adding 0.5 and cutting would round up.
  const double below = std::nextafter(0.5, 0.0);
  CHECK(quantizer<stored_integer<std::int8_t>, away>({0, 4}).parameters_for(range<double>{-below, 3.5}) ==
        scale_and_zero_point<double>{1, 0});
}

TEST_CASE("affine, and zero points that are reals: with the scale in double, whatever the stored one is") {
  oracle::stream s(9);
  const auto real = [](double scale, double zero) {
    return scale_and_real_zero_point<float>{stored(scale), stored(zero)};
  };
  for (const code_pair& c : pairs)
    for (int i = 0; i < 2000; ++i) {
      const range<float> r = random_range(s);
      const auto low = static_cast<double>(r.minimum);
      const double scale = (static_cast<double>(r.maximum) - low) / (c.upper - c.lower);
      REQUIRE(parameters_of<real_zero_point_affine<>>(c.lower, c.upper, r) == real(scale, c.lower - low / scale));
      const double middle = std::floor((c.lower + c.upper + 1) / 2.0);
      REQUIRE(parameters_of<offset_affine<>>(c.lower, c.upper, r) == real(scale, low + (middle - c.lower) * scale));
      const double below = std::fmin(low, 0.0);
      const double step = (std::fmax(static_cast<double>(r.maximum), 0.0) - below) / (c.upper - c.lower);
      const double zero = std::fmin(std::fmax(c.lower - std::nearbyint(below / step), c.lower), c.upper);
      REQUIRE(parameters_of<affine>(c.lower, c.upper, r) ==
              scale_and_zero_point<float>{stored(step), static_cast<std::int32_t>(zero)});
    }
  // Zero points are int32: of codes beyond, the nearest; where all are, none, which is refused when it is used.
  CHECK(quantizer<uint32, affine>{}.parameters_for(range<float>{-1, 0}).zero_point == INT32_MAX);
  const quantizer<stored_integer<std::uint32_t>, affine> beyond({3000000000, 4000000000});
  const scale_and_zero_point<float> p = beyond.parameters_for(range<float>{0, 1});
  CHECK(p == scale_and_zero_point<float>{stored(1e-9), INT32_MAX});
  const float x = 1;
  std::uint32_t code = 7;
  CHECK(try_quantize(beyond, p, tensor_view<const float>(&x, shape(1)), tensor_view<std::uint32_t>(&code, shape(1)))
            .code == errc::zero_point_range);
  CHECK(code == 7);
}

TEST_CASE("ranges whose width overflows") {
  constexpr float most = std::numeric_limits<float>::max();
  constexpr double large = std::numeric_limits<double>::max();
  // One step from code to code, longer than any float: the largest.
  CHECK(quantizer<int1, affine>{}.parameters_for(range<float>{-most, most}).scale == most);
  CHECK(quantizer<uint1, real_zero_point_affine<>>{}.parameters_for(range<float>{-most, most}).scale == most);
  CHECK(quantizer<int1, affine>{}.parameters_for(range<double>{-large, large}).scale == large);
  CHECK(quantizer<uint1, offset_affine<degenerate::one, offset_code::lowest>>{}.parameters_for(
            range<double>{-large, large}) == scale_and_real_zero_point<double>{large, -large});
  // 2.5 * 2^1023 wide, in five steps.
  const auto each = [](auto scheme) {
    return quantizer<stored_integer<std::uint8_t>, decltype(scheme)>({0, 5}).parameters_for(
        range<double>{-0x1p1023, 0x1.8p1023});
  };
  CHECK(each(affine{}) == scale_and_zero_point<double>{0x1p1022, 2});
  CHECK(each(nudged_affine<>{}) == scale_and_zero_point<double>{0x1p1022, 2});
  CHECK(each(affine_rounding_sum<>{}) == scale_and_zero_point<double>{0x1p1022, 2});
  CHECK(each(real_zero_point_affine<>{}) == scale_and_real_zero_point<double>{0x1p1022, 2});
  CHECK(each(offset_affine<>{}) == scale_and_real_zero_point<double>{0x1p1022, 0x1p1022});
}

TEST_CASE("affine with the zero point rounded as a sum") {
  oracle::stream s(8);
  using rounded = affine_rounding_sum<degenerate::one, range_width::rounded>;
  for (const code_pair& c : pairs)
    for (int i = 0; i < 2000; ++i) {
      const range<float> r = random_range(s);
      const float low = std::fmin(r.minimum, 0.0f);
      const float high = std::fmax(r.maximum, 0.0f);
      for (const double width :
           {static_cast<double>(high) - static_cast<double>(low), static_cast<double>(high - low)}) {
        const double scale = width / (c.upper - c.lower);
        const double zero = std::nearbyint(c.lower - static_cast<double>(low) / scale);
        const scale_and_zero_point<float> expected{
            stored(scale), static_cast<std::int32_t>(std::fmin(std::fmax(zero, c.lower), c.upper))};
        if (width == static_cast<double>(high) - static_cast<double>(low))
          REQUIRE(parameters_of<affine_rounding_sum<>>(c.lower, c.upper, r) == expected);
        if (width == static_cast<double>(high - low)) REQUIRE(parameters_of<rounded>(c.lower, c.upper, r) == expected);
      }
    }
  // A tie above an odd lowest code: -127 + 2.5 is -124.5, to even -124; and 2.5 to even is 2: -125.
  CHECK(parameters_of<affine_rounding_sum<>>(-127, -121, {-2.5f, 3.5f}).zero_point == -124);
  CHECK(parameters_of<affine>(-127, -121, {-2.5f, 3.5f}).zero_point == -125);
  CHECK(parameters_of<affine_rounding_sum<>>(-128, 127, {0, 0}) == scale_and_zero_point<float>{1, 0});
}

TEST_CASE("scales that are powers of two, at every exponent") {
  // Codes -1 .. 1: the scale is the magnitude itself.
  const stored_integer<std::int8_t> sign{-1, 1};
  const auto up = quantizer<stored_integer<std::int8_t>, power_of_two_scale<>>(sign);
  const auto down =
      quantizer<stored_integer<std::int8_t>, power_of_two_scale<symmetric<>, exponent_rounding::down>>(sign);
  const auto nearest =
      quantizer<stored_integer<std::int8_t>, power_of_two_scale<symmetric<>, exponent_rounding::nearest>>(sign);
  const auto in_log2 =
      quantizer<stored_integer<std::int8_t>, power_of_two_scale<symmetric<>, exponent_rounding::nearest_in_log2>>(sign);
  const auto held = [](double power) { return power < tiny ? 1.0 : power > 0x1p127 ? 0x1p127 : power; };
  for (int exponent = 1; exponent < 255; ++exponent)
    for (const std::uint32_t mantissa :
         {0u, 1u, 0x3504f2u, 0x3504f3u, 0x3504f4u, 0x3fffffu, 0x400000u, 0x400001u, 0x7fffffu}) {
      const float x = oracle::float_of(static_cast<std::uint32_t>(exponent) << 23 | mantissa);
      const auto wide = static_cast<double>(x);
      const double low = std::ldexp(1.0, std::ilogb(x));
      const double high = wide == low ? low : 2 * low;
      const range<float> r{-x, x};
      REQUIRE(static_cast<double>(up.parameters_for(r).scale) == held(high));
      REQUIRE(static_cast<double>(down.parameters_for(r).scale) == held(low));
      REQUIRE(static_cast<double>(nearest.parameters_for(r).scale) == held(wide >= 1.5 * low ? 2 * low : low));
      // x * x is exact in double: log2 x >= e + 1/2 where x^2 >= 2 * 4^e.
      const bool above = (wide / low) * (wide / low) >= 2;
      REQUIRE(static_cast<double>(in_log2.parameters_for(r).scale) == held(above ? 2 * low : low));
    }
  // In double, on either side of sqrt(2), which is no double.
  CHECK(in_log2.parameters_for(range<double>{0, 0x1.6a09e667f3bccp+0}).scale == 1);
  CHECK(in_log2.parameters_for(range<double>{0, 0x1.6a09e667f3bcdp+0}).scale == 2);
  // Too small to be normal, unless it is rounded up to the smallest normal number.
  CHECK(down.parameters_for(range<float>{0, 0x1p-130f}).scale == 1.0f);
  CHECK(up.parameters_for(range<float>{0, 0x1.8p-127f}).scale == 0x1p-126f);
  CHECK(up.parameters_for(range<float>{0, 0}).scale == 1.0f);
  // Over the other schemes.
  const range<float> r{-1, 2};
  CHECK(quantizer<uint8, power_of_two_scale<affine>>{}.parameters_for(r) == scale_and_zero_point<float>{0x1p-6f, 64});
  CHECK(quantizer<uint8, power_of_two_scale<affine>>{}.parameters_for(range<float>{0, 0}) ==
        scale_and_zero_point<float>{1, 0});
  CHECK(quantizer<int8, power_of_two_scale<affine>>{}.parameters_for(range<float>{0, 1e-42f}) ==
        scale_and_zero_point<float>{1, 0});
  CHECK(quantizer<int8, power_of_two_scale<symmetric_to_signed_extreme<>>>{}.parameters_for(r).scale == -0x1p-6f);
  CHECK(quantizer<int8, power_of_two_scale<symmetric<code_range::narrow>>>{}.lower_code() == -127);
  CHECK(quantizer<e4m3fn, power_of_two_scale<>>{}.parameters_for(range<float>{-500, 3}).scale == 2.0f);
}

TEST_CASE("schemes are constants") {
  static_assert(Scheme<symmetric<>> && Scheme<affine> && Scheme<nudged_affine<>> && Scheme<affine_rounding_sum<>> &&
                Scheme<symmetric_to_half_range<>> && Scheme<symmetric_to_upper_code<>> &&
                Scheme<symmetric_to_signed_extreme<>> && Scheme<power_of_two_scale<>> && Scheme<offset_affine<>> &&
                Scheme<real_zero_point_affine<>> && Scheme<zero_point_before_rounding<>> && !Scheme<nearest_even> &&
                !Scheme<int>);
  static_assert(quantizer<int8, power_of_two_scale<>>{}.parameters_for(range<float>{-1, 1}).scale == 0x1p-6f);
  static_assert(quantizer<uint4, offset_affine<>>{}.parameters_for(range<float>{1, 16}) ==
                scale_and_real_zero_point<float>{1, 9});
  static_assert(quantizer<uint4, offset_affine<degenerate::one, offset_code::lowest>>{}.parameters_for(
                    range<float>{1, 16}) == scale_and_real_zero_point<float>{1, 1});
  static_assert(quantizer<uint4, real_zero_point_affine<>>{}.parameters_for(range<float>{1, 16}) ==
                scale_and_real_zero_point<float>{1, -1});
  static_assert(quantizer<int8, symmetric_to_signed_extreme<>>{}.parameters_for(range<float>{0, 128}).scale == -1);
}

namespace {

// One float32 step: computed in double, rounded once.
float step(double x) { return static_cast<float>(x); }

enum class rule { before, real_before, offset };

// Quantize, dequantize, fake quantize of one rule, step by step.
template <class Scheme, class Arithmetic>
void against_steps(rule which, std::int32_t lower, std::int32_t upper, std::int32_t origin) {
  oracle::stream random(static_cast<std::uint64_t>(upper) + 99);
  const quantizer<stored_integer<std::int16_t>, Scheme, Arithmetic> q({lower, upper});
  constexpr auto how =
      Arithmetic::multiplies_by_reciprocal ? oracle::arithmetic::reciprocal : oracle::arithmetic::divide;
  const std::size_t n = xquant_test::scaled(2000, 200);
  for (const float scale : {0.1f, 1.0f, 0.0078125f, 3.7e-20f, 1e30f, 1e-38f}) {
    const auto s = static_cast<double>(scale);
    float zero = which == rule::before ? static_cast<float>(lower + static_cast<std::int32_t>(random.below(
                                                                        static_cast<std::uint32_t>(upper - lower + 1))))
                                       : static_cast<float>(random.unit() * (upper - lower));
    if (which == rule::offset) zero = step(static_cast<double>(zero) * s);
    std::vector<float> x(n);
    for (auto& v : x) {
      v = oracle::interesting(random, scale, 1.3 * (upper - lower + 2));
      if (which == rule::offset && random.below(2) != 0) v = step(static_cast<double>(v) + static_cast<double>(zero));
    }
    const auto integer_zero = which == rule::before ? static_cast<std::int32_t>(zero) : 0;
    parameters_view<float> p{&scale, nullptr, nullptr, 1};
    (which == rule::before ? p.zero_point = &integer_zero : nullptr);
    (which != rule::before ? p.real_zero_point = &zero : nullptr);
    std::vector<std::int16_t> codes(n);
    std::vector<float> back(n);
    std::vector<float> fake(n);
    const shape all(n);
    quantize(q, p, tensor_view<const float>(x.data(), all), tensor_view<std::int16_t>(codes.data(), all));
    dequantize(q, p, tensor_view<const std::int16_t>(codes.data(), all), tensor_view<float>(back.data(), all));
    fake_quantize(q, p, tensor_view<const float>(x.data(), all), tensor_view<float>(fake.data(), all));
    for (std::size_t i = 0; i < n; ++i) {
      const auto z = static_cast<double>(zero);
      double code = lower;
      if (!std::isnan(x[i])) {
        const float shifted = which == rule::offset ? step(static_cast<double>(x[i]) - z) : x[i];
        double v = oracle::quotient(shifted, scale, how);
        if (which != rule::offset) v = static_cast<double>(step(v + z));
        v = std::fmin(std::fmax(v, -1e6), 1e6);
        code = oracle::round_to_integer(v, oracle::rounding::even, 0) + (which == rule::offset ? origin : 0);
        code = std::fmin(std::fmax(code, lower), upper);
      }
      float value;
      if (which == rule::offset)
        value = step(static_cast<double>(step((code - origin) * s)) + z);
      else
        value = step(static_cast<double>(step(code - z)) * s);
      if (value == 0) value = 0;  // integers have one zero
      CAPTURE(x[i]);
      CAPTURE(scale);
      CAPTURE(zero);
      REQUIRE(codes[i] == code);
      REQUIRE(oracle::same(back[i], value));
      REQUIRE(oracle::same(fake[i], value));
    }
  }
}

}  // namespace

TEST_CASE("zero points before the rounding, as reals, as offsets: against each step") {
  for (const code_pair& c : {code_pair{0, 255}, code_pair{-128, 127}, code_pair{0, 15}, code_pair{0, 65535 / 2}}) {
    against_steps<zero_point_before_rounding<>, divide_by_scale>(rule::before, c.lower, c.upper, 0);
    against_steps<zero_point_before_rounding<>, multiply_by_reciprocal>(rule::before, c.lower, c.upper, 0);
    against_steps<real_zero_point_affine<>, divide_by_scale>(rule::real_before, c.lower, c.upper, 0);
    against_steps<real_zero_point_affine<>, multiply_by_reciprocal>(rule::real_before, c.lower, c.upper, 0);
    against_steps<offset_affine<>, divide_by_scale>(rule::offset, c.lower, c.upper, (c.lower + c.upper + 1) / 2);
    against_steps<offset_affine<degenerate::one, offset_code::lowest>, divide_by_scale>(rule::offset, c.lower, c.upper,
                                                                                        c.lower);
  }
}

TEST_CASE("the order of zero point and rounding shows at ties with an odd zero point") {
  const float x[] = {0.5f, 1.5f, -0.5f};
  std::int8_t after[3];
  std::int8_t before[3];
  const scale_and_zero_point<float> p{1, 3};
  const tensor_view<const float> in(x, shape(3));
  quantize(quantizer<int8, affine>{}, p, in, tensor_view<std::int8_t>(after, shape(3)));
  quantize(quantizer<int8, zero_point_before_rounding<>>{}, p, in, tensor_view<std::int8_t>(before, shape(3)));
  CHECK(after[0] == 3);   // rne(0.5) + 3
  CHECK(before[0] == 4);  // rne(3.5)
  CHECK(after[1] == 5);
  CHECK(before[1] == 4);
  CHECK(after[2] == 3);
  CHECK(before[2] == 2);
}

TEST_CASE("gradients pass where the rounded value is a code, wherever the zero point enters") {
  // Codes 0 .. 15. Offset: code 8 stands for 10, step 1, so 2 .. 17. Real: x + 2.25, so -2.25 .. 12.75. Before: x + 3.
  const float x[] = {1.4f, 1.6f, 17.4f, 17.6f, -2.7f, -2.8f, 13.2f, 13.3f, -3.4f, -3.6f, 12.4f, 12.6f};
  const shape s(12);
  const auto mask_of = [&](const auto& q, const auto& p) {
    float y[12];
    float again[12];
    std::uint8_t mask[2] = {};
    fake_quantize_with_mask(q, p, tensor_view<const float>(x, s), tensor_view<float>(y, s),
                            tensor_view<std::uint8_t>(mask, shape(2)));
    fake_quantize(q, p, tensor_view<const float>(x, s), tensor_view<float>(again, s));
    for (std::size_t i = 0; i < 12; ++i) CHECK(oracle::same(y[i], again[i]));
    return mask[0] | mask[1] << 8;
  };
  const auto real = [](float zero) { return scale_and_real_zero_point<float>{1, zero}; };
  const auto expected = [&](double zero, double lower, double upper) {
    int bits = 0;
    for (int i = 0; i < 12; ++i) {
      const double rounded = std::nearbyint(static_cast<double>(x[i]) + zero);
      bits |= (rounded >= lower && rounded <= upper) ? 1 << i : 0;
    }
    return bits;
  };
  CHECK(mask_of(quantizer<uint4, offset_affine<>>{}, real(10)) == expected(-10, -8, 7));
  CHECK(mask_of(quantizer<uint4, real_zero_point_affine<>>{}, real(2.25f)) == expected(2.25, 0, 15));
  CHECK(mask_of(quantizer<uint4, zero_point_before_rounding<>>{}, scale_and_zero_point<float>{1, 3}) ==
        expected(3, 0, 15));
}

TEST_CASE("int4 in groups of 32 of a normal sample: the noise of each symmetric rule") {
  // Normalized mean squared errors of 4 million samples, computed independently: 0.00942, 0.00899, 0.00738, 0.00652.
  const std::size_t groups = 8192;
  const shape s(groups, 32);
  std::vector<float> x(s.size());
  oracle::stream random(11);
  for (std::size_t i = 0; i < x.size(); i += 2) {
    const double radius = std::sqrt(-2 * std::log(std::fabs(random.unit()) + 1e-300));
    const double angle = 3.14159265358979 * random.unit();
    x[i] = static_cast<float>(radius * std::cos(angle));
    x[i + 1] = static_cast<float>(radius * std::sin(angle));
  }
  const auto noise = [&](const auto& q) {
    std::vector<scale_and_zero_point<float>> slots;
    for (std::size_t g = 0; g < groups; ++g) {
      range<float> r{x[g * 32], x[g * 32]};
      for (std::size_t i = 0; i < 32; ++i) {
        r.minimum = std::fmin(r.minimum, x[g * 32 + i]);
        r.maximum = std::fmax(r.maximum, x[g * 32 + i]);
      }
      slots.push_back(q.parameters_for(r));
    }
    std::vector<float> y(x.size());
    fake_quantize(q, parameters(slots), tensor_view<const float>(x.data(), s), tensor_view<float>(y.data(), s));
    double error = 0;
    double power = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      error += std::pow(static_cast<double>(x[i]) - static_cast<double>(y[i]), 2);
      power += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    }
    return error / power;
  };
  CHECK(noise(quantizer<int4, per_axis<0>, symmetric<code_range::narrow>>{}) == doctest::Approx(0.00942).epsilon(0.01));
  CHECK(noise(quantizer<int4, per_axis<0>, symmetric_to_half_range<>>{}) == doctest::Approx(0.00899).epsilon(0.01));
  CHECK(noise(quantizer<int4, per_axis<0>, symmetric_to_signed_extreme<>>{}) == doctest::Approx(0.00738).epsilon(0.01));
  CHECK(noise(quantizer<int4, per_axis<0>, affine>{}) == doctest::Approx(0.00652).epsilon(0.01));
}

TEST_CASE("a negative scale: the extreme is the lowest code, and nothing is clipped") {
  const float x[] = {0.0f, -0.0f, 8.0f, -7.0f, 3.5f};
  const quantizer<int4, symmetric_to_signed_extreme<>> q;
  const scale_and_zero_point<float> p = q.parameters_for(range<float>{-7, 8});
  CHECK(p.scale == -1.0f);
  std::int8_t codes[5];
  float y[5];
  float fake[5];
  quantize(q, p, tensor_view<const float>(x, shape(5)), tensor_view<std::int8_t>(codes, shape(5)));
  dequantize(q, p, tensor_view<const std::int8_t>(codes, shape(5)), tensor_view<float>(y, shape(5)));
  fake_quantize(q, p, tensor_view<const float>(x, shape(5)), tensor_view<float>(fake, shape(5)));
  const int expected[] = {0, 0, -8, 7, -4};
  const float values[] = {0, 0, 8, -7, 4};
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(codes[i] == expected[i]);
    CHECK(oracle::same(y[i], values[i]));
    CHECK(oracle::same(fake[i], values[i]));
  }
}

TEST_CASE("parameters whose zero points do not fit the scheme are refused") {
  const float x[] = {1, 2};
  std::uint8_t codes[] = {7, 7};
  const tensor_view<const float> in(x, shape(2));
  const tensor_view<std::uint8_t> out(codes, shape(2));
  const auto refusal = [&](const auto& q, const auto& p) {
    const status s = try_quantize(q, p, in, out);
    CHECK(codes[0] == 7);
    CHECK(s.code == validate_quantize(q, p, in, out).code);
    return s;
  };
  const quantizer<uint8, affine> integers;
  const quantizer<uint8, offset_affine<>> offsets;
  const quantizer<uint8, real_zero_point_affine<>> reals;
  const auto real = [](float scale, float zero) { return parameters::with_real_zero_points({scale}, {zero}); };
  CHECK(refusal(integers, real(1, 2)).code == errc::zero_point_not_zero);
  CHECK(refusal(quantizer<uint8>{}, real(1, 0)).code == errc::zero_point_not_zero);
  CHECK(refusal(offsets, parameters(1.0f, 3)).code == errc::zero_point_not_zero);
  CHECK(refusal(reals, parameters(1.0f, 3)).code == errc::zero_point_not_zero);
  const status infinite = refusal(reals, real(1, std::numeric_limits<float>::infinity()));
  CHECK(infinite.code == errc::zero_point_range);
  CHECK(std::string(infinite.argument) == "real_zero_point");
  CHECK(refusal(offsets, real(1, std::numeric_limits<float>::quiet_NaN())).code == errc::zero_point_range);
  CHECK(refusal(offsets, parameters::with_real_zero_points({1.0f}, {1.0f, 2.0f})).code == errc::parameter_count);
  CHECK(refusal(integers, parameters(-1.0f)).code == errc::scale_not_positive);
  CHECK(refusal(quantizer<uint8, zero_point_before_rounding<>>{}, parameters(1.0f, 256)).code ==
        errc::zero_point_range);
  std::int8_t signed_codes[2];
  const quantizer<int8, symmetric_to_signed_extreme<>> extreme;
  const tensor_view<std::int8_t> signed_out(signed_codes, shape(2));
  CHECK(try_quantize(extreme, parameters(0.0f), in, signed_out).code == errc::scale_not_positive);
  CHECK(try_quantize(extreme, parameters(-1.0f), in, signed_out).ok());
  CHECK(try_quantize(extreme, parameters(-std::numeric_limits<float>::infinity()), in, signed_out).code ==
        errc::scale_not_finite);
  CHECK(try_quantize(offsets, parameters(1.0f), in, out).ok());  // real zero points left out are 0
  const parameters p = parameters::with_real_zero_points({1.0f}, {2.5f});
  CHECK(p.real_zero_point() == std::vector<float>{2.5f});
  CHECK_FALSE(p == parameters(1.0f));
}
