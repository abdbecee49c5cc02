// float16 and bfloat16: every pattern widened, and narrowing at every place where its answer changes, against their
// definition in double and integers; then as elements of quantize, dequantize and fake quantize.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <xquant/adapt/span.hpp>
#include <xquant/calibration/range_of.hpp>
#include <xquant/core/half.hpp>
#include <xquant/gradients/clipped_straight_through.hpp>
#include <xquant/gradients/fake_quantize_backward.hpp>
#include <xquant/gradients/packed_mask.hpp>
#include <xquant/gradients/straight_through.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>

namespace {

using namespace xquant;  // NOLINT: every line names several

static_assert(sizeof(float16) == 2 && alignof(float16) == alignof(std::uint16_t));
static_assert(float16(65504.0f).bits() == 0x7bff && float16(65519.99).bits() == 0x7bff);
static_assert(float16(65520.0).bits() == 0x7c00 && float16(-1e300).bits() == 0xfc00);
static_assert(float16(-0.0).bits() == 0x8000 && bfloat16(-0.0f).bits() == 0x8000);
static_assert(static_cast<float>(float16::from_bits(1)) == 0x1p-24f && bfloat16::from_bits(1) == 0x1p-133f);
// Rounded by way of float these two would be ties, and go the other way.
static_assert(float16(1.0 + 0x1p-11 + 0x1p-40).bits() == 0x3c01 && bfloat16(1.0 + 0x1p-8 + 0x1p-50).bits() == 0x3f81);
static_assert(float16(1.5f) + float16(0.25f) == 1.75f && float16(1.0f) < float16(2.0f));

struct definition {
  int mantissa;
  int bias;
};

// (-1)^S 2^(E - bias) (1 + M / 2^m), subnormals without the 1; infinities and NaN where E is all ones.
double value_of(definition d, unsigned bits) {
  const unsigned exponent = (bits & 0x7fffu) >> d.mantissa;
  const unsigned fraction = bits & ((1u << d.mantissa) - 1);
  const double sign = (bits & 0x8000u) != 0 ? -1 : 1;
  if (exponent == 0x7fffu >> d.mantissa) return fraction == 0 ? sign * INFINITY : NAN;
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - d.bias - d.mantissa);
  return sign * std::ldexp((1u << d.mantissa) + fraction, static_cast<int>(exponent) - d.bias - d.mantissa);
}

// Nearest, ties to even: x lies between the values of `below` and `below` + 1 (the one after the largest is infinity,
// which stands where the next power of two would).
unsigned nearest_of(definition d, double x, unsigned below) {
  const unsigned infinity = 0x7fffu >> d.mantissa << d.mantissa;
  const double low = value_of(d, below);
  const double high =
      below + 1 == infinity ? std::ldexp(1.0, (1 << (15 - d.mantissa)) - 1 - d.bias) : value_of(d, below + 1);
  const double middle = low + (high - low) / 2;  // exact
  return x < middle || (x == middle && below % 2 == 0) ? below : below + 1;
}

template <class Half>
void every_pattern(definition d) {
  std::size_t wrong = 0;
  for (unsigned bits = 0; bits < 65536; ++bits) {
    const Half h = Half::from_bits(static_cast<std::uint16_t>(bits));
    const double value = value_of(d, bits);
    const auto widened = static_cast<float>(h);
    wrong += h.bits() != bits;
    wrong += !oracle::same(static_cast<double>(widened), value);
    wrong += std::signbit(widened) != ((bits & 0x8000u) != 0);
    if (std::isnan(value)) {
      wrong += (Half(widened).bits() & 0x7fffu) <= 0x7fffu >> d.mantissa << d.mantissa;
      continue;
    }
    wrong += Half(widened).bits() != bits;
    wrong += Half(value).bits() != bits;
  }
  CHECK(wrong == 0);
}

template <class Half>
void every_boundary(definition d) {
  const unsigned infinity = 0x7fffu >> d.mantissa << d.mantissa;
  std::size_t wrong = 0;
  const auto check = [&](auto x, unsigned below) {
    const unsigned expected = nearest_of(d, static_cast<double>(x), below);
    wrong += Half(x).bits() != expected;
    wrong += Half(-x).bits() != (expected | 0x8000u);
  };
  for (unsigned code = 0; code < infinity; ++code) {
    const double low = value_of(d, code);
    const double high =
        code + 1 == infinity ? 2 * value_of(d, infinity - 1) - value_of(d, infinity - 2) : value_of(d, code + 1);
    const double middle = low + (high - low) / 2;
    check(low, code);
    check(middle, code);
    check(std::nextafter(middle, 0.0), code);
    check(std::nextafter(middle, INFINITY), code);
    check(std::nextafter(low, INFINITY), code);
    check(std::nextafter(high, 0.0), code);
    const auto as_float = static_cast<float>(middle);  // exact: one bit more than Half has
    check(as_float, code);
    check(std::nextafter(as_float, 0.0f), code);
    check(std::nextafter(as_float, INFINITY), code);
    check(std::nextafter(static_cast<float>(high), 0.0f), code);
  }
  CHECK(wrong == 0);
  for (const double huge : {2 * value_of(d, infinity - 1), 1e300, static_cast<double>(INFINITY)}) {
    CHECK(Half(huge).bits() == infinity);
    CHECK(Half(-huge).bits() == (infinity | 0x8000u));
  }
  for (const double tiny : {5e-324, 1e-310, value_of(d, 1) / 2}) {
    CHECK(Half(tiny).bits() == 0);
    CHECK(Half(-tiny).bits() == 0x8000);
  }
  CHECK(Half(std::numeric_limits<float>::denorm_min()).bits() == 0);
  // The least NaNs of a double and a float: their bits end below those a Half keeps.
  const double quiet = __builtin_bit_cast(double, 0x7ff0000000000001u);
  CHECK(Half(quiet).bits() == (infinity | 1u << (d.mantissa - 1)));
  CHECK(Half(oracle::float_of(0xff800001u)).bits() == (0x8000u | infinity | 1u << (d.mantissa - 1)));
  // Widened, a NaN becomes quiet and keeps its other bits and its sign.
  const auto widened = static_cast<float>(Half::from_bits(static_cast<std::uint16_t>(0x8000u | infinity | 1u)));
  const unsigned kept = 0x8000u | infinity | 1u << (d.mantissa - 1) | 1u;
  const unsigned payload = (kept & ((1u << d.mantissa) - 1)) << (23 - d.mantissa);
  CHECK(__builtin_bit_cast(std::uint32_t, widened) == (0xff800000u | payload));
}

// 16-bit data are their floats: the operation on floats is what the others are compared with, rounded once.
template <class Half>
void as_elements() {
  constexpr std::size_t n = 65536;
  std::vector<Half> x(n);
  std::vector<float> wide(n);
  for (std::size_t i = 0; i < n; ++i) {
    x[i] = Half::from_bits(static_cast<std::uint16_t>(i));
    wide[i] = x[i];
  }
  const quantizer<int8, affine> q;
  const parameters p(0.37f, 5);
  std::vector<std::int8_t> codes(n);
  std::vector<std::int8_t> expected_codes(n);
  quantize(q, p, x, codes);
  quantize(q, p, wide, expected_codes);
  CHECK(codes == expected_codes);
  std::vector<float> expected(n);
  fake_quantize(q, p, wide, expected);
  std::vector<Half> y(n);
  std::vector<Half> back(n);
  std::vector<float> y_wide(n);
  std::vector<Half> from_wide(n);
  fake_quantize(q, p, x, y);
  fake_quantize(q, p, x, y_wide);
  fake_quantize(q, p, wide, from_wide);
  dequantize(q, p, codes, back);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const Half rounded(expected[i]);
    wrong += y[i].bits() != rounded.bits() || back[i].bits() != rounded.bits() || from_wide[i].bits() != rounded.bits();
    wrong += !oracle::same(y_wide[i], expected[i]);
  }
  CHECK(wrong == 0);
  fake_quantize(q, p, x, x);  // in place
  for (std::size_t i = 0; i < n; ++i) wrong += x[i].bits() != y[i].bits();
  CHECK(wrong == 0);
  // A plan, and a float output over the memory of the input, whose elements are smaller.
  plan<fake_quantize_kernel<quantizer<int8, affine>, Half, float>> laid_out;
  REQUIRE(plan_fake_quantize(q, p, x, y_wide, laid_out).ok());
  laid_out.run(scalar_engine{}, x.data(), y_wide.data());
  CHECK(Half(y_wide[n - 1]).bits() == y[n - 1].bits());
  alignas(4) Half shared[8] = {};
  const tensor_view<const Half> in(shared, shape(4));
  CHECK(try_fake_quantize(q, p, in, tensor_view<float>(reinterpret_cast<float*>(shared), shape(4))).code ==
        errc::overlap);
}

}  // namespace

TEST_CASE("float16: every pattern, every boundary") {
  every_pattern<float16>({10, 15});
  every_boundary<float16>({10, 15});
}
TEST_CASE("bfloat16: every pattern, every boundary") {
  every_pattern<bfloat16>({7, 127});
  every_boundary<bfloat16>({7, 127});
}
TEST_CASE("float16 as elements") { as_elements<float16>(); }
TEST_CASE("bfloat16 as elements") { as_elements<bfloat16>(); }

TEST_CASE("dequantize to float16 rounds the float product, which near ties is not what the exact one gives") {
  const quantizer<int16> q;
  std::size_t differ = 0;
  for (int code = 1; code < 32768; ++code) {
    const std::int16_t stored = static_cast<std::int16_t>(code);
    const float scale = 1.0f / 3;
    float16 x;
    dequantize(q, parameters(scale), tensor_view<const std::int16_t>(&stored, shape(1)),
               tensor_view<float16>(&x, shape(1)));
    const double exact = code * static_cast<double>(scale);
    REQUIRE(x.bits() == float16(static_cast<float>(exact)).bits());
    differ += x.bits() != float16(exact).bits();
  }
  CHECK(differ > 0);
}

TEST_CASE("gradients and extremes of 16-bit data are those of their floats") {
  const std::vector<float> wide = {-40.0f, -3.0f, 0.25f, 12.6f, 13.0f, 100.0f, INFINITY, NAN, 12.5f};
  std::vector<float16> x;
  std::vector<float16> g;
  for (const float v : wide) {
    x.push_back(float16(v));
    g.push_back(float16(0.1f * static_cast<float>(x.size())));
  }
  const std::vector<range<float>> extremes = range_of(per_tensor{}, x);
  CHECK(extremes[0] == range<float>{-40.0f, INFINITY});
  const parameters p(0.1f);
  const quantizer<int8> q;
  std::vector<float16> y(9);
  std::vector<float16> clipped(9);
  std::vector<float16> masked(9);
  std::vector<float16> straight(9);
  std::vector<std::uint8_t> mask(2);
  CHECK(try_fake_quantize_with_mask(q, p, x, y, mask).ok());
  CHECK(try_fake_quantize_backward(clipped_straight_through{}, q, p, x, g, clipped).ok());
  CHECK(try_masked_backward(g, mask, masked).ok());
  CHECK(try_fake_quantize_backward(straight_through{}, q, p, x, g, straight).ok());
  for (std::size_t i = 0; i < 9; ++i) {
    const double v = static_cast<double>(wide[i]) * 10;
    const bool inside = std::nearbyint(v) >= -128 && std::nearbyint(v) <= 127;
    CHECK(clipped[i].bits() == (inside ? g[i].bits() : 0));
    CHECK(masked[i].bits() == clipped[i].bits());
    CHECK(straight[i].bits() == g[i].bits());
  }
}
