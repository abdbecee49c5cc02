// Every code of every format, and the encoder at every place where its answer changes.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/quantizer.hpp>

namespace {

using oracle::rounding;

template <class L, class Rounding, class F>
constexpr auto encode(const F& format, L v, const Rounding& policy = {}) {
  const xquant::bound_rounding<L, Rounding> round{policy, {}};
  return format.template encode<L>(v, round);
}
template <class L, class F>
constexpr L decode(const F& format, xquant::integer_of<L> code) {
  return format.template decode<L>(code);
}

// ---- constant expressions ------------------------------------------------------------------------------------------
static_assert(encode<float, xquant::nearest_even>(xquant::int8{}, 2.5f) == 2);
static_assert(encode<float, xquant::nearest_away>(xquant::int8{}, 2.5f) == 3);
static_assert(encode<double, xquant::nearest_away>(xquant::int8{}, -2.5) == -3);
static_assert(decode<float>(xquant::uint16{}, 65535) == 65535.0f);
static_assert(encode<float, xquant::nearest_even>(xquant::e4m3fn{}, 448.0f) == 0x7e);
static_assert(encode<float, xquant::nearest_even>(xquant::e4m3fn{}, -0.0f) == 0x80);
static_assert(encode<float, xquant::nearest_even>(xquant::e4m3fn{}, __builtin_nanf("")) == 0x7f);
static_assert(encode<double, xquant::nearest_even>(xquant::e4m3fn{}, 0x1p-9) == 1);
static_assert(decode<float>(xquant::e4m3fn{}, 0x7e) == 448.0f && decode<double>(xquant::e4m3fn{}, 0x81) == -0x1p-9);
static_assert(xquant::e4m3fn::snap<float>(465.0f, xquant::bound_rounding<float, xquant::nearest_even>{{}, {}}, 0, 0) ==
              448.0f);

template <class F, class L>
void every_integer_code(std::int32_t lower, std::int32_t upper) {
  const F format{};
  REQUIRE(format.lower_code() == lower);
  REQUIRE(format.upper_code() == upper);
  REQUIRE(format.bounds().lower == lower);
  REQUIRE(format.bounds().upper == upper);
  REQUIRE(format.valid().ok());
  std::size_t wrong = 0;
  for (std::int32_t code = lower; code <= upper; ++code) {
    const L value = decode<L>(format, code);
    wrong += static_cast<double>(value) != code;
    wrong += encode<L, xquant::nearest_even>(format, value) != code;
    wrong += encode<L, xquant::nearest_away>(format, value) != code;
    // The ties above the code, as reals: both values exactly known.
    const L tie = static_cast<L>(code) + static_cast<L>(0.5);
    wrong += encode<L, xquant::nearest_even>(format, tie) != (code % 2 == 0 ? code : code + 1);
    wrong += encode<L, xquant::nearest_away>(format, tie) != (code >= 0 ? code + 1 : code);
    const L under = std::nextafter(tie, static_cast<L>(-1e9));
    const L over = std::nextafter(tie, static_cast<L>(1e9));
    wrong += encode<L, xquant::nearest_even>(format, under) != code;
    wrong += encode<L, xquant::nearest_away>(format, under) != code;
    wrong += encode<L, xquant::nearest_even>(format, over) != code + 1;
    wrong += encode<L, xquant::nearest_away>(format, over) != code + 1;
  }
  CHECK(wrong == 0);
}

template <int Bits>
void every_width() {
  CAPTURE(Bits);
  using signed_format = xquant::integer<Bits, true>;
  using unsigned_format = xquant::integer<Bits, false>;
  static_assert(sizeof(typename signed_format::code_type) == (Bits <= 8 ? 1 : 2));
  static_assert(sizeof(typename unsigned_format::code_type) == (Bits <= 8 ? 1 : 2));
  static_assert(typename signed_format::code_type(-1) < 0 && typename unsigned_format::code_type(-1) > 0);
  const std::int32_t half = 1 << (Bits - 1);
  every_integer_code<signed_format, float>(-half, half - 1);
  every_integer_code<unsigned_format, float>(0, 2 * half - 1);
  every_integer_code<signed_format, double>(-half, half - 1);
  every_integer_code<unsigned_format, double>(0, 2 * half - 1);
  if constexpr (Bits <= 8) {
    CHECK(xquant::integer_of_bits<std::int8_t>(Bits) == signed_format::kernel_format());
    CHECK(xquant::integer_of_bits<std::uint8_t>(Bits) == unsigned_format::kernel_format());
  }
  CHECK(xquant::integer_of_bits<std::int16_t>(Bits) == xquant::stored_integer<std::int16_t>{-half, half - 1});
  CHECK(xquant::integer_of_bits<std::uint16_t>(Bits) == xquant::stored_integer<std::uint16_t>{0, 2 * half - 1});
}

template <class Rounding, class L>
std::size_t compare_e4m3fn(L v, rounding how) {
  const unsigned expected = oracle::e4m3fn_code(static_cast<double>(v), how);
  const auto code = encode<L, Rounding>(xquant::e4m3fn{}, v);
  const L snapped = xquant::e4m3fn::snap<L>(v, xquant::bound_rounding<L, Rounding>{Rounding{}, {}}, {}, {});
  return (code != static_cast<std::int32_t>(expected)) +
         !oracle::same(static_cast<double>(snapped), oracle::e4m3fn_value(expected));
}

template <class L>
void e4m3fn_around(L v) {
  std::size_t wrong = 0;
  for (const L sign : {L(1), L(-1)}) {
    L x = sign * v;
    for (int k = 0; k < 2; ++k) x = std::nextafter(x, -std::numeric_limits<L>::infinity());
    for (int k = 0; k < 5; ++k) {
      wrong += compare_e4m3fn<xquant::nearest_even>(x, rounding::even);
      wrong += compare_e4m3fn<xquant::nearest_away>(x, rounding::away);
      x = std::nextafter(x, std::numeric_limits<L>::infinity());
    }
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("integers of 2 to 16 bits: every code, every tie and its neighbours") {
  every_width<2>();
  every_width<3>();
  every_width<4>();
  every_width<5>();
  every_width<6>();
  every_width<7>();
  every_width<8>();
  every_width<9>();
  every_width<10>();
  every_width<11>();
  every_width<12>();
  every_width<13>();
  every_width<14>();
  every_width<15>();
  every_width<16>();
}

TEST_CASE("e4m3fn: every code decodes to its definition and encodes back") {
  std::size_t finite = 0;
  double largest = 0;
  for (unsigned code = 0; code < 256; ++code) {
    CAPTURE(code);
    const double value = oracle::e4m3fn_value(code);
    CHECK(oracle::same(static_cast<double>(decode<float>(xquant::e4m3fn{}, static_cast<std::int32_t>(code))), value));
    CHECK(oracle::same(decode<double>(xquant::e4m3fn{}, code), value));
    CHECK(std::signbit(decode<float>(xquant::e4m3fn{}, static_cast<std::int32_t>(code))) == (code >= 128));
    if (std::isnan(value)) continue;
    ++finite;
    largest = value > largest ? value : largest;
    CHECK(encode<float, xquant::nearest_even>(xquant::e4m3fn{}, static_cast<float>(value)) == static_cast<int>(code));
    CHECK(encode<double, xquant::nearest_away>(xquant::e4m3fn{}, value) == code);
  }
  // OFP8 revision 1.0, table 1.
  CHECK(finite == 254);
  CHECK(largest == 448);
  CHECK(xquant::e4m3fn::bounds().upper == 448);
  CHECK(xquant::e4m3fn::bounds().lower == -448);
}

TEST_CASE_TEMPLATE("e4m3fn: every value, every midpoint and two neighbours on each side", L, float, double) {
  for (unsigned code = 0; code < 0x7f; ++code) {
    const double value = oracle::e4m3fn_value(code);
    const double next = code == 0x7e ? 480.0 : oracle::e4m3fn_value(code + 1);
    CAPTURE(code);
    e4m3fn_around(static_cast<L>(value));
    e4m3fn_around(static_cast<L>((value + next) / 2));
  }
  for (const double v : {464.0, 480.0, 512.0, 1000.0, 1023.5}) e4m3fn_around(static_cast<L>(v));
  // Far below the smallest step, subnormal numbers of the lane's own type included.
  for (const L v : {std::numeric_limits<L>::denorm_min(), std::numeric_limits<L>::min(), L(1e-20), L(0x1p-11)})
    e4m3fn_around(v);
  CHECK(encode<L, xquant::nearest_even>(xquant::e4m3fn{}, L(464)) == 0x7e);
  CHECK(encode<L, xquant::nearest_even>(xquant::e4m3fn{}, L(1024)) == 0x7e);
  CHECK(encode<L, xquant::nearest_even>(xquant::e4m3fn{}, L(-0.0)) == 0x80);
  CHECK((encode<L, xquant::nearest_even>(xquant::e4m3fn{}, std::numeric_limits<L>::quiet_NaN()) & 0x7f) == 0x7f);
}

TEST_CASE("e4m3fn: every bfloat16-sized pattern below its bound") {
  std::size_t wrong = 0;
  for (std::uint32_t high = 0; high < 0x10000u; ++high)
    for (const std::uint32_t low : {0u, 1u, 0x7fffu, 0xffffu}) {
      const float v = oracle::float_of(high << 16 | low);
      if (!(std::fabs(v) <= 1024.0f) && !std::isnan(v)) continue;
      wrong += compare_e4m3fn<xquant::nearest_even>(v, rounding::even);
      wrong += compare_e4m3fn<xquant::nearest_away>(v, rounding::away);
    }
  CHECK(wrong == 0);
}
