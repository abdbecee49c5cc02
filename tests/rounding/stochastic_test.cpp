// Stochastic rounding is unbiased, by enumeration: of all random words, as many round up as the fraction says. For
// every float format, between all neighbours, subnormals included.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <formats/oracle.hpp>
#include <support/scale.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/formats/float16.hpp>
#include <xquant/formats/float4.hpp>
#include <xquant/formats/float6.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/formats/integer.hpp>
#include <xquant/formats/wide_exponent.hpp>
#include <xquant/rounding/rounding.hpp>
#include <xquant/rounding/stochastic.hpp>

#include <string>
#include <type_traits>
#include <vector>

namespace {

using formats_test::kind;
using formats_test::layout;
using xquant::stochastic;

template <class Format, class Real>
Real snapped(Real v, std::uint32_t word) {
  const xquant::bound_rounding<Real, stochastic> round{stochastic{}, static_cast<xquant::integer_of<Real>>(word)};
  return Format::template snap<Real>(v, round, Real(0), Real(0));
}

template <class Format>
struct subject {
  using type = Format;
  const char* name;
  layout codes;
};

// Sign bit, exponent bits, mantissa bits, bias, special codes: written out again, not asked of the library.
template <class Visit>
void for_each_format(const Visit& visit) {
  using namespace xquant;  // NOLINT: every line names one
  visit(subject<e4m3fn>{"e4m3fn", {1, 4, 3, 7, kind::fn}});
  visit(subject<e5m2>{"e5m2", {1, 5, 2, 15, kind::ieee}});
  visit(subject<e4m3fnuz>{"e4m3fnuz", {1, 4, 3, 8, kind::fnuz}});
  visit(subject<e5m2fnuz>{"e5m2fnuz", {1, 5, 2, 16, kind::fnuz}});
  visit(subject<e4m3b11fnuz>{"e4m3b11fnuz", {1, 4, 3, 11, kind::fnuz}});
  visit(subject<e4m3>{"e4m3", {1, 4, 3, 7, kind::ieee}});
  visit(subject<e3m4>{"e3m4", {1, 3, 4, 3, kind::ieee}});
  visit(subject<ue4m3>{"ue4m3", {0, 4, 3, 7, kind::fn}});
  visit(subject<e2m3>{"e2m3", {1, 2, 3, 1, kind::none}});
  visit(subject<e3m2>{"e3m2", {1, 3, 2, 3, kind::none}});
  visit(subject<e2m1>{"e2m1", {1, 2, 1, 1, kind::none}});
  visit(subject<e3m0>{"e3m0", {1, 3, 0, 3, kind::none}});
  visit(subject<e1m2>{"e1m2", {1, 1, 2, 0, kind::none}});
  visit(subject<e0m3>{"e0m3", {1, 0, 3, -2, kind::none}});
  visit(subject<e5m3>{"e5m3", {1, 5, 3, 15, kind::ieee}});
  visit(subject<binary16>{"binary16", {1, 5, 10, 15, kind::ieee}});
  visit(subject<bfloat16_format>{"bfloat16", {1, 8, 7, 127, kind::ieee}});
}

std::vector<double> magnitudes(const layout& l) {
  const formats_test::grid g(l);
  std::vector<double> all;
  for (unsigned k = 0; k < g.count(); ++k) all.push_back(g.magnitude(k));
  return all;
}

// Words whose upper `bits` bits are k, with different lower ones: the decision must not depend on bits it does not
// need.
std::uint32_t word_of(std::uint32_t k, int bits) { return k << (32 - bits) | (k * 2654435761u >> bits); }

// Of all 2^bits words, how many take `v` to the neighbour farther from zero.
template <class Format, class Real>
std::uint64_t away(Real v, Real far, Real near, int bits) {
  std::uint64_t count = 0;
  for (std::uint32_t k = 0; k < 1u << bits; ++k) {
    const Real found = snapped<Format>(v, word_of(k, bits));
    if (found == far)
      ++count;
    else
      REQUIRE(found == near);
  }
  return count;
}

template <class Format, class Real>
void check_neighbours(const layout& l, const std::vector<double>& values) {
  constexpr int bits = 6;
  for (std::size_t i = 0; i + 1 < values.size(); ++i) {
    // Of a 16-bit format the ends, and one in 97 between.
    if (values.size() > 256 && i > 20 && i + 20 < values.size() && i % 97 != 0) continue;
    for (const double sign : {1.0, -1.0}) {
      if (l.sign == 0 && sign < 0) continue;
      const double low = values[i];
      const double high = values[i + 1];
      for (std::uint32_t k = 0; k < 1u << bits; ++k) {
        const auto v = static_cast<Real>(sign * (low + (high - low) * k / (1 << bits)));
        REQUIRE(away<Format>(v, static_cast<Real>(sign * high), static_cast<Real>(sign * low), bits) == k);
      }
    }
  }
}

}  // namespace

TEST_CASE("between neighbours of every float format, subnormals included, both signs") {
  for_each_format([](const auto& s) {
    CAPTURE(std::string(s.name));
    check_neighbours<typename std::remove_cvref_t<decltype(s)>::type, float>(s.codes, magnitudes(s.codes));
  });
  const layout e4m3fn{1, 4, 3, 7, kind::fn};
  check_neighbours<xquant::e4m3fn, double>(e4m3fn, magnitudes(e4m3fn));
}

TEST_CASE("with sixteen truncated bits: a normal number and two subnormal places") {
  constexpr int bits = 16;
  const auto step = static_cast<std::uint32_t>(32749 / xquant_test::scale());
  for_each_format([&](const auto& s) {
    using format = typename std::remove_cvref_t<decltype(s)>::type;
    CAPTURE(std::string(s.name));
    const std::vector<double> values = magnitudes(s.codes);
    for (const std::size_t i : {values.size() - 3, std::size_t{1}, std::size_t{0}}) {
      const double low = values[i];
      const double high = values[i + 1];
      for (std::uint32_t k = 1; k < 1u << bits; k += step) {
        const auto v = static_cast<float>(low + (high - low) * k / (1 << bits));
        if (static_cast<double>(v) != low + (high - low) * k / (1 << bits)) continue;  // more bits than float has
        REQUIRE(away<format>(v, static_cast<float>(high), static_cast<float>(low), bits) == k);
      }
    }
  });
}

// The words that round away are those below a threshold, because the formula compares. So the threshold alone says how
// many of all 2^31 there are: f * 2^31, exact for any float whose last bit is at least 2^-31 steps. A float32 of
// magnitude m has its last bit at m * 2^-23, so this covers every value not below 2^-8 steps, and every format.
TEST_CASE("all 31 bits: the threshold is exact where the truncated part has at most 31 bits, rounded down elsewhere") {
  for_each_format([&](const auto& s) {
    using format = typename std::remove_cvref_t<decltype(s)>::type;
    CAPTURE(std::string(s.name));
    const std::vector<double> values = magnitudes(s.codes);
    oracle::stream random(values.size());
    for (std::size_t i = 0; i < xquant_test::scaled(20000); ++i) {
      const std::size_t at = random.below(static_cast<std::uint32_t>(values.size() - 1));
      const double low = values[at];
      const double high = values[at + 1];
      const int tiny = random.below(4) == 0 ? static_cast<int>(random.below(40)) : 0;
      const auto v = static_cast<float>(low + (high - low) * std::ldexp(std::fabs(random.unit()), -tiny));
      const double fraction = (static_cast<double>(v) - low) / (high - low);  // exact: a power of two below
      if (fraction >= 1) continue;
      const double threshold = std::floor(std::ldexp(fraction, 31));
      if (static_cast<double>(v) >= (high - low) / 256) REQUIRE(threshold == std::ldexp(fraction, 31));
      const auto last = static_cast<std::uint32_t>(threshold);
      if (last > 0) REQUIRE(snapped<format>(v, (last - 1) << 1 | 1u) == static_cast<float>(high));
      REQUIRE(snapped<format>(v, last << 1) == static_cast<float>(low));
      if (s.codes.sign != 0) REQUIRE(snapped<format>(-v, last << 1) == -static_cast<float>(low));
    }
  });
}

TEST_CASE("the fault of a random part narrower than the truncated one: small fractions do round up") {
  // 1 + 2^-20 between 1 and 1.125: a bias of 8 bits would never reach the next value.
  CHECK(snapped<xquant::e4m3fn>(1.0f + 0x1p-20f, 0) == 1.125f);
  CHECK(snapped<xquant::e4m3fn>(1.0f + 0x1p-20f, (1u << 14) - 1) == 1.125f);
  CHECK(snapped<xquant::e4m3fn>(1.0f + 0x1p-20f, 1u << 15) == 1.0f);
  CHECK(snapped<xquant::bfloat16_format>(1.0f + 0x1p-15f, 0) == 1.0f + 0x1p-7f);
  CHECK(snapped<xquant::bfloat16_format>(1.0f + 0x1p-15f, (1u << 24) - 1) == 1.0f + 0x1p-7f);
  CHECK(snapped<xquant::bfloat16_format>(1.0f + 0x1p-15f, 1u << 24) == 1.0f);
}

TEST_CASE("integers: fractions of sixteen bits") {
  for (const std::uint32_t k : {1u, 2u, 255u, 32768u, 65535u})
    for (const int whole : {0, 1, -1, 100, -128}) {
      const double v = whole + (whole < 0 ? -1.0 : 1.0) * k / 65536.0;
      std::uint64_t count = 0;
      for (std::uint32_t w = 0; w < 65536; ++w) {
        const xquant::bound_rounding<float, stochastic> round{stochastic{}, static_cast<std::int32_t>(word_of(w, 16))};
        count += xquant::int16::encode<float>(static_cast<float>(v), round) != whole;
      }
      CHECK(count == k);
    }
}

TEST_CASE("stochastic: a zero has the sign of what was rounded") {
  for (const float v : {0.25f, 0.0f}) {
    CHECK(!std::signbit(stochastic::round<float>(v, -1)));
    CHECK(std::signbit(stochastic::round<float>(-v, -1)));
    CHECK(std::signbit(stochastic::round<double>(static_cast<double>(-v), 0xffffffff)));
  }
}
