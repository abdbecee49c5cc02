// Casts between formats: every code of one in another, from double without a detour, tensors on the engine.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <formats/oracle.hpp>
#include <xquant/formats/e8m0.hpp>
#include <xquant/formats/float16.hpp>
#include <xquant/formats/float4.hpp>
#include <xquant/formats/float6.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/formats/ternary.hpp>
#include <xquant/formats/wide_integer.hpp>
#include <xquant/gradients/packed_mask.hpp>
#include <xquant/ops/cast.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/rounding/nearest_away.hpp>
#include <xquant/rounding/stochastic.hpp>
#include <xquant/rounding/to_odd.hpp>
#include <xquant/rounding/toward_negative.hpp>
#include <xquant/rounding/toward_positive.hpp>
#include <xquant/rounding/toward_zero.hpp>

#include <array>
#include <limits>
#include <string>

namespace {

using namespace xquant;  // NOLINT: every line names several
using formats_test::grid;
using formats_test::kind;
using formats_test::layout;
using formats_test::rule;

// ---- constant expressions ------------------------------------------------------------------------------------------
static_assert(cast<e4m3fn>(448.0f) == 0x7e && cast<e4m3fn>(-0.0) == 0x80);
static_assert(cast<e2m1>(2.5) == 4 && cast<e2m1>(2.5, nearest_away{}) == 5);
static_assert(cast<binary16>(65519.99) == 0x7bff && cast<binary16>(65520.0) == 0x7c00);
static_assert(cast<bfloat16_format>(0x1p-133f) == 1 && value_of<bfloat16_format, float>(1) == 0x1p-133f);
static_assert(cast<e5m2, e4m3fn>(0x3c) == 0x38 && value_of<e5m2>(0x3c) == 1);
static_assert(cast<int8>(-2.5f) == -2 && cast<uint4>(15.6) == 15 && cast<integer<32, true>>(4e9) == 2147483647);
static_assert(cast<int4>(-100.0) == -8 && cast<uint8>(-3.0) == 0 && cast<ternary>(-9.0) == -1);
static_assert(cast<e4m3fn, int8>(0x7e) == 127 && cast<int8, e4m3fn>(-1) == 0xb8);
static_assert(cast<e8m0>(3.1) == 129 && cast<e8m0, binary16>(127) == 0x3c00);
static_assert(cast<e4m3fn>(float16(1.0f)) == 0x38 && cast<e4m3fn>(bfloat16(-2.0f)) == 0xc0);
// Half way between 1 and 1.125, and a little above: float cannot tell the two apart.
static_assert(cast<e4m3fn>(1.0625) == 0x38 && cast<e4m3fn>(1.0625 + 0x1p-40) == 0x39);
static_assert(cast_through_float<e4m3fn>(1.0625 + 0x1p-40) == 0x38);
static_assert(cast_through_float<e5m2::with<overflowing>>(1e300) == 0x7c && cast_through_float<e5m2>(-1e300) == 0xfb);
static_assert(cast<e4m3fn>(1.03125, stochastic{}, {}, 0) == 0x39 &&
              cast<e4m3fn>(1.03125, stochastic{}, {}, ~0u) == 0x38);
// Up where the upper 31 bits are below 3/4 of 2^31: bits are no signed number.
static_assert(cast<int8>(0.75, stochastic{}, {}, 0x80000000u) == 1 &&
              cast<int8>(0.75, stochastic{}, {}, 0xc0000000u) == 0);
// The NaN of fnuz is the code of -0, and has its sign.
static_assert(cast<e4m3fnuz, e4m3fn>(0x80) == 0xff && cast<e5m2fnuz, e4m3fn>(0x80) == 0xff);
// Without a sign, -infinity is as any number below zero.
using unsigned_ieee = minifloat<4, 3, 7, special_values::ieee, false>;
static_assert(cast<unsigned_ieee::with<saturating_finite>>(-__builtin_inf()) == 0 &&
              cast<unsigned_ieee::with<saturating_finite>>(__builtin_inf()) == 0x78 &&
              cast<unsigned_ieee::with<saturating_finite>>(-1e9) == 0);
static_assert(cast<ue4m3::with<saturating_finite>>(-__builtin_inf()) == 0 &&
              cast<ue4m3::with<overflowing>>(-__builtin_inf()) == 0 &&
              cast<ue4m3::with<saturating_finite>>(__builtin_inf()) == 0x7f &&
              cast<ue4m3::with<saturating_finite>>(1e9) == 0x7e);

// Steps so long that the least numbers over one underflow: they are no zeros for a rounding that asks.
using long_steps = minifloat<4, 3, -100, special_values::fn>;
using unsigned_long_steps = minifloat<5, 3, -90, special_values::none, false>;
static_assert(cast<long_steps>(5e-324, toward_positive{}) == 1 && cast<long_steps>(-5e-324, toward_positive{}) == 0x80);
static_assert(cast<long_steps>(-5e-324, toward_negative{}) == 0x81 && cast<long_steps>(5e-324, to_odd{}) == 1);
static_assert(cast<long_steps>(5e-324) == 0 && cast<long_steps>(-0.0, toward_negative{}) == 0x80);
static_assert(cast<unsigned_long_steps>(5e-324, toward_positive{}) == 1 &&
              cast<unsigned_long_steps>(-5e-324, toward_negative{}) == 0);

// What a code of `from` is in `to`, by search: saturating, NaN as given.
unsigned expected_code(const layout& from, const grid& to, unsigned code, unsigned nan, unsigned infinity, rule how) {
  const double v = from.value(code);
  const unsigned sign = std::signbit(v) ? to.format().sign_bit() : 0u;
  if (std::isnan(v)) return nan;
  if (std::isinf(v)) return infinity | sign;
  const unsigned k = to.round(v, how);
  const unsigned held = k == to.overflow() ? infinity : k;
  return held == 0 && to.format().specials == kind::fnuz ? 0 : held | sign;
}

template <class From, class To>
void every_code(const layout& from, const layout& to, unsigned nan, unsigned infinity) {
  const grid g(to);
  std::size_t wrong = 0;
  for (unsigned code = 0; code < from.codes(); ++code) {
    const auto c = static_cast<typename From::code_type>(code);
    const unsigned mask = std::isnan(from.value(code)) ? ~to.sign_bit() | nan : ~0u;
    const auto check = [&](unsigned found, rule how) {
      wrong += (found & mask) != (expected_code(from, g, code, nan, infinity, how) & mask);
    };
    check(cast<From, To>(c), rule::nearest_even);
    check(cast<From, To>(c, nearest_away{}), rule::nearest_away);
    check(cast<From, To>(c, toward_zero{}), rule::toward_zero);
  }
  CHECK(wrong == 0);
}

constexpr layout l_e4m3fn{1, 4, 3, 7, kind::fn};
constexpr layout l_e5m2{1, 5, 2, 15, kind::ieee};
constexpr layout l_e4m3fnuz{1, 4, 3, 8, kind::fnuz};
constexpr layout l_e2m1{1, 2, 1, 1, kind::none};
constexpr layout l_e3m2{1, 3, 2, 3, kind::none};
constexpr layout l_binary16{1, 5, 10, 15, kind::ieee};
constexpr layout l_bfloat16{1, 8, 7, 127, kind::ieee};

}  // namespace

TEST_CASE("casts: every code of one format in another") {
  every_code<e4m3fn, e5m2>(l_e4m3fn, l_e5m2, 0x7e, 0x7b);
  every_code<e5m2, e4m3fn>(l_e5m2, l_e4m3fn, 0x7f, 0x7e);
  every_code<e4m3fn, e4m3fnuz>(l_e4m3fn, l_e4m3fnuz, 0x80, 0x7f);
  every_code<e4m3fnuz, e2m1>(l_e4m3fnuz, l_e2m1, 7, 7);
  every_code<e3m2, e2m1>(l_e3m2, l_e2m1, 7, 7);
  every_code<e2m1, e3m2>(l_e2m1, l_e3m2, 0x1f, 0x1f);
  every_code<binary16, e4m3fn>(l_binary16, l_e4m3fn, 0x7f, 0x7e);
  every_code<bfloat16_format, e5m2>(l_bfloat16, l_e5m2, 0x7e, 0x7b);
  every_code<binary16, bfloat16_format>(l_binary16, l_bfloat16, 0x7fc0, 0x7f80);
  every_code<bfloat16_format, binary16>(l_bfloat16, l_binary16, 0x7e00, 0x7c00);
  every_code<e5m2, binary16>(l_e5m2, l_binary16, 0x7e00, 0x7c00);
}

TEST_CASE("long steps: float data far below one") {
  const float least = std::numeric_limits<float>::denorm_min();
  const float x[] = {least, -least, 0.0f, -0.0f, 0x1p97f, 0x1p98f};  // a step is 2^98
  const shape s(6);
  const auto codes_of = [&](const auto& q) {
    std::array<std::uint8_t, 6> codes{};
    quantize(q, scale_and_zero_point<float>{1, 0}, tensor_view<const float>(x, s),
             tensor_view<std::uint8_t>(codes.data(), s));
    return codes;
  };
  CHECK(codes_of(quantizer<long_steps, toward_positive>{}) == std::array<std::uint8_t, 6>{1, 0x80, 0, 0x80, 1, 1});
  CHECK(codes_of(quantizer<long_steps, toward_negative>{}) == std::array<std::uint8_t, 6>{0, 0x81, 0, 0x80, 0, 1});
  CHECK(codes_of(quantizer<long_steps, to_odd>{}) == std::array<std::uint8_t, 6>{1, 0x81, 0, 0x80, 1, 1});
  CHECK(codes_of(quantizer<long_steps>{}) == std::array<std::uint8_t, 6>{0, 0x80, 0, 0x80, 0, 1});
  CHECK(codes_of(quantizer<unsigned_long_steps, toward_positive>{})[0] == 1);
  // Below zero, where a format without sign has no codes: rounded to 0, or to none.
  float y[6];
  std::uint8_t mask = 0;
  fake_quantize_with_mask(quantizer<unsigned_long_steps, toward_negative>{}, scale_and_zero_point<float>{1, 0},
                          tensor_view<const float>(x, s), tensor_view<float>(y, s),
                          tensor_view<std::uint8_t>(&mask, shape(1)));
  CHECK(mask == 0x3d);
}

TEST_CASE("casts: 16-bit formats and 16-bit elements agree") {
  std::size_t wrong = 0;
  oracle::stream random(5);
  for (int i = 0; i < 200000; ++i) {
    const double x = std::ldexp(random.unit(), static_cast<int>(random.below(300)) - 150);
    wrong += cast<binary16>(x) != float16(x).bits();
    wrong += cast<bfloat16_format>(x) != bfloat16(x).bits();
  }
  CHECK(wrong == 0);
}

TEST_CASE("casts from double: one rounding beside every half-way point, two by way of float") {
  const grid g(l_e4m3fn);
  std::size_t wrong = 0;
  std::size_t differ = 0;
  for (unsigned k = 0; k + 1 < g.count(); ++k) {
    const double middle = (g.magnitude(k) + g.magnitude(k + 1)) / 2;
    for (const double tiny : {-0x1p-40, 0x1p-40}) {
      const double x = middle * (1 + tiny);
      wrong += cast<e4m3fn>(x) != (tiny < 0 ? k : k + 1);
      const unsigned twice = k % 2 == 0 ? k : k + 1;  // float sees the half-way point itself
      wrong += cast_through_float<e4m3fn>(x) != twice;
      differ += cast<e4m3fn>(x) != cast_through_float<e4m3fn>(x);
    }
  }
  CHECK(wrong == 0);
  CHECK(differ == g.count() - 1);
}

TEST_CASE("casts of tensors: the codes of single casts, in place where codes have one size") {
  std::uint8_t in[256];
  std::uint16_t out[256];
  for (unsigned i = 0; i < 256; ++i) in[i] = static_cast<std::uint8_t>(i);
  const tensor_view<const std::uint8_t> from(in, shape(16, 16));
  cast(e4m3fn{}, binary16{}, from, tensor_view<std::uint16_t>(out, shape(16, 16)));
  std::size_t wrong = 0;
  for (unsigned i = 0; i < 256; ++i) wrong += out[i] != cast<e4m3fn, binary16>(in[i]);
  CHECK(wrong == 0);
  const tensor_view<std::uint8_t> place(in, shape(16, 16));
  cast(e4m3fn{}, e5m2{}, place, place, scalar_engine{}, nearest_away{});
  for (unsigned i = 0; i < 256; ++i) wrong += in[i] != cast<e4m3fn, e5m2>(static_cast<std::uint8_t>(i), nearest_away{});
  CHECK(wrong == 0);
}

TEST_CASE("casts of tensors: what is refused") {
  std::uint8_t in[4] = {1, 2, 3, 4};
  std::uint16_t out[4] = {9, 9, 9, 9};
  const tensor_view<const std::uint8_t> from(in, shape(4));
  CHECK(try_cast(e4m3fn{}, binary16{}, from, tensor_view<std::uint16_t>(out, shape(3))).code == errc::shape_mismatch);
  CHECK(
      try_cast(stored_integer<std::uint8_t>{5, 3}, binary16{}, from, tensor_view<std::uint16_t>(out, shape(4))).code ==
      errc::bits_out_of_range);
  const tensor_view<std::uint16_t> to(out, shape(4));
  CHECK(validate_cast(e4m3fn{}, binary16{}, from, tensor_view<std::uint16_t>(out, shape(3))).code ==
        errc::shape_mismatch);
  CHECK(validate_cast(stored_integer<std::uint8_t>{5, 3}, binary16{}, from, to).code == errc::bits_out_of_range);
  CHECK(validate_cast(e4m3fn{}, binary16{}, from, to).ok());
  CHECK(out[0] == 9);
  CHECK(out[3] == 9);
}
