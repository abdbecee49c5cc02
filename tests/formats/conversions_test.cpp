// Conversions that are more than codes: what fake quantize gives where a peer has no codes, and what is cut before it
// is rounded. The codes of the others are in formats.cpp.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/formats/float4.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/presets/conversions/microxcaling.hpp>
#include <xquant/presets/onnxruntime.hpp>

namespace {

using namespace xquant;  // NOLINT: every line names several

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

template <class F>
float faked(float x, float scale = 1) {
  float y = 0;
  fake_quantize(quantizer<F>{}, scale_and_zero_point<float>{scale, 0}, tensor_view<const float>(&x, shape(1)),
                tensor_view<float>(&y, shape(1)));
  return y;
}
template <class F>
int coded(float x, float scale = 1) {
  typename F::code_type c = 0;
  quantize(quantizer<F>{}, scale_and_zero_point<float>{scale, 0}, tensor_view<const float>(&x, shape(1)),
           tensor_view<typename F::code_type>(&c, shape(1)));
  return c;
}

// A conversion of a user's own: zero for everything that is no number of the format.
struct to_zero {
  static constexpr conversion_codes overflow(const minifloat_codes&) noexcept { return {0, 0}; }
  static constexpr conversion_codes infinity(const minifloat_codes&) noexcept { return {0, 0}; }
  static constexpr conversion_codes nan(const minifloat_codes&) noexcept { return {0, 0}; }
};

}  // namespace

TEST_CASE("microxcaling: infinities and NaN come out of fake quantize, overflow as saturate_normals says") {
  using kept = e2m1::with<presets::microxcaling::conversion<true>>;
  using open = e2m1::with<presets::microxcaling::conversion<false>>;
  CHECK(faked<kept>(1e9f) == 6);
  CHECK(faked<kept>(-7.5f) == -6);
  CHECK(faked<open>(7.5f) == inf);
  CHECK(faked<open>(-1e9f) == -inf);
  CHECK(faked<open>(6.5f) == 6);
  CHECK(faked<kept>(inf) == inf);
  CHECK(faked<kept>(-inf) == -inf);
  CHECK(faked<open>(-inf) == -inf);
  CHECK(std::isnan(faked<kept>(not_a_number)));
  CHECK(std::isnan(faked<open>(not_a_number)));
  using e4m3_kept = e4m3fn::with<presets::microxcaling::conversion<true>>;
  CHECK(faked<e4m3_kept>(1000.0f) == 448);
  CHECK(faked<e4m3_kept>(inf, 0.5f) == inf);
  CHECK(coded<e4m3_kept>(inf) == 0x7f);
}

TEST_CASE("onnxruntime: the mantissa of e4m3fn is cut before the exponent is looked at") {
  using format = presets::onnxruntime::e4m3fn_or_nan;
  CHECK(coded<format>(464.0f) == 0x7e);
  CHECK(coded<format>(465.0f) == 0x7f);
  CHECK(coded<format>(std::nextafter(480.0f, 0.0f)) == 0x7f);
  CHECK(coded<format>(480.0f) == 0x7e);
  CHECK(coded<format>(-495.9f) == 0xfe);
  CHECK(coded<format>(496.0f) == 0x7f);
  CHECK(coded<format>(-inf) == 0xff);
  CHECK(faked<format>(490.0f) == 448);
  CHECK(std::isnan(faked<format>(470.0f)));
}

TEST_CASE("infinities are told from overflow under any scale") {
  using format = e5m2::with<saturating_finite>;
  for (const float scale : {1.0f, 1e-30f, 1e-38f, 0x1p-126f, 1e30f}) {
    CAPTURE(scale);
    CHECK(coded<format>(inf, scale) == 0x7c);
    CHECK(coded<format>(-inf, scale) == 0xfc);
    // 3e38 / 1e-30 overflows float: the quotient of rule 4 is an infinity already.
    if (scale <= 1) CHECK(coded<format>(3e38f, scale) == (scale == 1.0f ? 0x7b : 0x7c));
  }
  CHECK(coded<e4m3fn>(inf, 1e-30f) == 0x7e);
}

TEST_CASE("NaN keeps its sign where it stays NaN") {
  for (const bool is_negative : {false, true}) {
    const float x = std::copysign(not_a_number, is_negative ? -1.0f : 1.0f);
    CHECK(std::isnan(faked<e4m3fn>(x)));
    CHECK(std::signbit(faked<e4m3fn>(x)) == is_negative);
    CHECK(std::signbit(faked<e5m2>(x)) == is_negative);
    CHECK(coded<e4m3fn>(x) == (is_negative ? 0xff : 0x7f));
    CHECK(coded<e5m2>(x) == (is_negative ? 0xfe : 0x7e));
  }
}

TEST_CASE("a conversion of one's own") {
  using format = e4m3fn::with<to_zero>;
  CHECK(coded<format>(1e9f) == 0);
  CHECK(coded<format>(-inf) == 0);
  CHECK(coded<format>(not_a_number) == 0);
  CHECK(coded<format>(-448.0f) == 0xfe);
  CHECK(oracle::same(faked<format>(-1e9f), 0.0f));
  CHECK(oracle::same(faked<format>(not_a_number), 0.0f));
  CHECK(faked<format>(-448.0f) == -448);
}
