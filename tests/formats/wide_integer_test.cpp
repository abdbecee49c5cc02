// Integers of every width, binary and ternary: bounds, codes at every place where 32 bits or a float's 24 run out, and
// biases. The oracle is double arithmetic, in which all these sums are exact.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <xquant/formats/binary.hpp>
#include <xquant/formats/ternary.hpp>
#include <xquant/formats/wide_integer.hpp>
#include <xquant/gradients/packed_mask.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>

namespace {

using namespace xquant;  // NOLINT: every line names several

// ---- constant expressions ------------------------------------------------------------------------------------------
constexpr bound_rounding<float, nearest_even> even{{}, {}};
constexpr bound_rounding<double, nearest_even> even_double{{}, {}};
static_assert(int32::encode<float>(2147483648.0f, even) == INT32_MAX);
static_assert(int32::encode<float>(2147483520.0f, even) == 2147483520);
static_assert(int32::encode<float>(-2147483648.0f, even) == INT32_MIN);
static_assert(int32::encode<double>(2147483646.5, even_double) == 2147483646);
static_assert(static_cast<std::uint32_t>(uint32::encode<float>(4294967040.0f, even)) == 4294967040u);
static_assert(static_cast<std::uint32_t>(uint32::encode<float>(1e30f, even)) == 4294967295u);
static_assert(uint32::encode<double>(4294967294.5, even_double) == 4294967294);
static_assert(uint32::encode<float>(__builtin_nanf(""), even) == 0 && uint32::encode<float>(-0.0f, even) == 0);
static_assert(uint32::decode<float>(-1) == 4294967296.0f && int32::decode<float>(INT32_MIN) == -2147483648.0f);
static_assert(int32::decode<float>(16777217) == 16777216.0f && int32::decode<double>(16777217) == 16777217.0);
static_assert(int1::lower_code() == -1 && int1::upper_code() == 0 && uint1::upper_code() == 1);
static_assert(ternary::lower_code() == -1 && ternary::upper_code() == 1);
static_assert(binary::encode<float>(-0.0f, even) == 1 && binary::encode<float>(__builtin_nanf(""), even) == -1);
static_assert(int32{} == int32{} && quantizer<int32>{}.upper_code() == INT32_MAX);
static_assert(quantizer<int32, symmetric<code_range::narrow>>{}.lower_code() == -INT32_MAX);
static_assert(quantizer<integer<17, false>, affine>{}.upper_code() == 131071);
static_assert(integer_of_bits<std::int32_t>(32).lower_code() == INT32_MIN);
static_assert(integer_of_bits<std::uint32_t>(32).upper_code() == 4294967295);
static_assert(!integer_of_bits<std::int32_t>(33).valid().ok() && !integer_of_bits<std::int32_t>(0).valid().ok());

template <int Bits>
void bounds_of_width() {
  const double codes = std::ldexp(1.0, Bits);
  const auto check = [&](const auto& format, double lower) {
    CHECK(static_cast<double>(format.lower_code()) == lower);
    CHECK(static_cast<double>(format.upper_code()) == lower + codes - 1);
    CHECK(format.bounds().lower == lower);
    CHECK(format.bounds().upper == lower + codes - 1);
    CHECK(format.valid().ok());
    CHECK(format.kernel_format().valid().ok());
    using code = typename remove_cvref<decltype(format)>::code_type;
    CHECK(sizeof(code) == (Bits <= 8 ? 1 : Bits <= 16 ? 2 : 4));
    CHECK((integer_of_bits<code>(Bits) == format.kernel_format()));
  };
  check(integer<Bits, true>{}, -codes / 2);
  check(integer<Bits, false>{}, 0);
}
template <int... Below32>
void bounds_of_every_width() {
  (bounds_of_width<Below32>(), ...);
}

// What a call must give, in double.
template <class Real>
struct expected {
  double code;
  bool inside;
  Real value;
};
template <class Real>
expected<Real> expect(Real x, Real scale, double zero, double lower, double upper) {
  double v = oracle::quotient(x, scale, oracle::arithmetic::divide);
  const double far = 17179869184.0;  // 2^34
  v = v > far ? far : v < -far ? -far : v;
  const double sum = std::isnan(x) ? lower - 1 : oracle::round_to_integer(v, oracle::rounding::even, 0) + zero;
  const double code = sum < lower ? lower : sum > upper ? upper : sum;
  // The difference is exact in double; a float keeps 24 bits of it, and the product is rounded again.
  const Real steps = static_cast<Real>(code - zero);
  return {code, sum == code, static_cast<Real>(steps * scale + Real(0))};
}

template <class Real, class Code>
void check_codes(std::int64_t lower, std::int64_t upper) {
  const stored_integer<Code> format{lower, upper};
  const quantizer<stored_integer<Code>, affine> q(format);
  std::vector<std::int32_t> zeros = {0, 1, 77, 16777217, INT32_MAX, -1, -12345677, INT32_MIN};
  for (const std::int32_t zero : zeros) {
    if (zero < lower || zero > upper) continue;
    for (const Real scale : {Real(1), Real(0.37), Real(0x1p-40), Real(1e9)}) {
      std::vector<Real> x = {Real(0), Real(-0.0), Real(INFINITY), Real(-INFINITY), Real(NAN), Real(0.5), Real(-2.5)};
      // Around each place where an answer changes: the ends of the codes and of the int32s, and a float's last integer.
      for (const double edge : {static_cast<double>(lower), static_cast<double>(upper), 2147483647.0, -2147483648.0,
                                4294967295.0, 16777216.0, -16777216.0, 0.0})
        for (const double moved : {edge, edge - zero}) {
          for (double step : {-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0})
            x.push_back(static_cast<Real>((moved + step) * static_cast<double>(scale)));
          Real up = static_cast<Real>(moved * static_cast<double>(scale));
          Real down = up;
          for (int ulp = 0; ulp < 4; ++ulp) {
            x.push_back(up = std::nextafter(up, Real(INFINITY)));
            x.push_back(down = std::nextafter(down, Real(-INFINITY)));
          }
        }
      oracle::stream random(static_cast<std::uint64_t>(zero) + sizeof(Real));
      for (int i = 0; i < 100; ++i) x.push_back(static_cast<Real>(random.unit() * 6e9 * static_cast<double>(scale)));
      const shape s(x.size());
      const basic_parameters<Real> p(scale, zero);
      std::vector<Code> codes(x.size());
      std::vector<Real> back(x.size());
      std::vector<Real> faked(x.size());
      std::vector<std::uint8_t> mask((x.size() + 7) / 8);
      const tensor_view<const Real> in(x.data(), s);
      quantize(q, p, in, tensor_view<Code>(codes.data(), s));
      dequantize(q, p, tensor_view<const Code>(codes.data(), s), tensor_view<Real>(back.data(), s));
      fake_quantize(q, p, in, tensor_view<Real>(faked.data(), s));
      fake_quantize_with_mask(q, p, in, tensor_view<Real>(faked.data(), s),
                              tensor_view<std::uint8_t>(mask.data(), shape(mask.size())));
      for (std::size_t i = 0; i < x.size(); ++i) {
        const expected<Real> e = expect(x[i], scale, zero, static_cast<double>(lower), static_cast<double>(upper));
        INFO("x ", static_cast<double>(x[i]), ", scale ", static_cast<double>(scale), ", zero point ", zero, ", codes ",
             lower, " to ", upper);
        REQUIRE(static_cast<double>(codes[i]) == e.code);
        REQUIRE(oracle::same(back[i], e.value));
        REQUIRE(oracle::same(faked[i], e.value));
        REQUIRE((mask[i / 8] >> (i % 8) & 1) == (e.inside ? 1 : 0));
      }
    }
  }
}

}  // namespace

TEST_CASE("bounds of 1 to 32 bits") {
  bounds_of_every_width<1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
                        27, 28, 29, 30, 31, 32>();
}

TEST_CASE("wide integers: codes, values and masks where 24 and 32 bits run out, float data") {
  check_codes<float, std::int32_t>(INT32_MIN, INT32_MAX);
  check_codes<float, std::int32_t>(-INT32_MAX, INT32_MAX);
  check_codes<float, std::int32_t>(-(1 << 23), (1 << 23) - 1);
  check_codes<float, std::int32_t>(-100000007, 16777219);
  check_codes<float, std::uint32_t>(0, 4294967295);
  check_codes<float, std::uint32_t>(1, 131071);
}
TEST_CASE("wide integers: codes, values and masks where 24 and 32 bits run out, double data") {
  check_codes<double, std::int32_t>(INT32_MIN, INT32_MAX);
  check_codes<double, std::int32_t>(-100000007, 16777219);
  check_codes<double, std::uint32_t>(0, 4294967295);
}

TEST_CASE(
    "a bias in int32 has the scale of the sums it is added to, and is clamped without a conversion that overflows") {
  const float input_scale = 0.0037f;
  const std::vector<float> weight_scale = {0.01f, 1e-7f, 2e-9f};
  const std::vector<float> bias = {1.5f, -0.25f, 3.0f};
  std::vector<float> scale;
  for (const float w : weight_scale) scale.push_back(input_scale * w);
  std::vector<std::int32_t> codes(3);
  quantize(quantizer<int32, per_axis<0>>{}, parameters(scale), tensor_view<const float>(bias.data(), shape(3)),
           tensor_view<std::int32_t>(codes.data(), shape(3)));
  for (std::size_t i = 0; i < 3; ++i) {
    const double steps = std::nearbyint(oracle::quotient(bias[i], scale[i], oracle::arithmetic::divide));
    CHECK(codes[i] == static_cast<std::int32_t>(steps > 2147483647.0 ? 2147483647.0 : steps));
  }
  CHECK(codes[2] == INT32_MAX);  // 4.05e11 steps
}

TEST_CASE("scales of wide and one-bit formats are usable, and zero points stay int32") {
  const range<float> r{-3.0f, 5.0f};
  const auto check = [&](const auto& q) {
    const auto p = q.parameters_for(r);
    CHECK(std::isfinite(p.scale));
    CHECK(p.scale > 0);
    CHECK(static_cast<double>(p.zero_point) >= static_cast<double>(q.lower_code()));
    CHECK(static_cast<double>(p.zero_point) <= static_cast<double>(q.upper_code()));
  };
  check(quantizer<int32>{});
  check(quantizer<int32, affine>{});
  check(quantizer<uint32>{});
  check(quantizer<uint32, affine>{});
  check(quantizer<integer<24, false>, affine>{});
  check(quantizer<int1, affine>{});
  check(quantizer<uint1, affine>{});
  check(quantizer<int1>{});
  check(quantizer<uint1>{});
  check(quantizer<ternary>{});
  CHECK(quantizer<ternary>{}.parameters_for(r).scale == 5.0f);
  CHECK(quantizer<binary>{}.parameters_for(r).scale == 5.0f);
}

TEST_CASE("ternary and binary") {
  const std::vector<float> x = {-9.0f, -0.76f, -0.75f, -0.2f, -0.0f, 0.0f, 0.75f, 0.7500001f, 4.0f, NAN, -1e-45f};
  const shape s(x.size());
  std::vector<std::int8_t> codes(x.size());
  std::vector<float> y(x.size());
  const tensor_view<const float> in(x.data(), s);
  quantize(quantizer<ternary>{}, parameters(1.5f), in, tensor_view<std::int8_t>(codes.data(), s));
  CHECK(codes == std::vector<std::int8_t>{-1, -1, 0, 0, 0, 0, 0, 1, 1, -1, 0});
  quantize(quantizer<binary>{}, parameters(1.5f), in, tensor_view<std::int8_t>(codes.data(), s));
  CHECK(codes == std::vector<std::int8_t>{-1, -1, -1, -1, 1, 1, 1, 1, 1, -1, -1});
  fake_quantize(quantizer<binary, nearest_away>{}, parameters(1.5f), in, tensor_view<float>(y.data(), s));
  for (std::size_t i = 0; i < x.size(); ++i) CHECK(y[i] == (codes[i] < 0 ? -1.5f : 1.5f));
  std::vector<std::uint8_t> mask(2);
  const std::vector<float> around = {-1.6f, -1.5f, 0.0f, 1.5f, 1.5000002f, NAN, INFINITY, -2.9f, 0.1f};
  fake_quantize_with_mask(quantizer<binary>{}, parameters(1.5f), tensor_view<const float>(around.data(), shape(9)),
                          tensor_view<float>(y.data(), shape(9)), tensor_view<std::uint8_t>(mask.data(), shape(2)));
  CHECK(mask == std::vector<std::uint8_t>{0x0e, 0x01});
}

TEST_CASE("what wide formats refuse") {
  float x[2] = {1, 2};
  std::uint32_t codes[2] = {7, 7};
  const tensor_view<float> in(x, shape(2));
  const tensor_view<std::uint32_t> out(codes, shape(2));
  const auto refused = [&](const stored_integer<std::uint32_t>& format, std::int32_t zero, errc code, double value) {
    const status s =
        try_quantize(quantizer<stored_integer<std::uint32_t>, affine>(format), parameters(1.0f, zero), in, out);
    CHECK(s.code == code);
    CHECK(s.value == value);
    CHECK(codes[0] == 7);
  };
  refused({0, 4294967295}, -1, errc::zero_point_range, -1);
  refused({0, 100000}, 100001, errc::zero_point_range, 100001);
  refused({-1, 4294967295}, 0, errc::bits_out_of_range, -1);
  refused({0, 4294967296}, 0, errc::bits_out_of_range, 4294967296.0);
  refused({5, 5}, 5, errc::bits_out_of_range, 5);
}
