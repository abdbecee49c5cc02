// Stochastic rounding is unbiased, by enumeration: of all random words, as many round up as the fraction says.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <support/scale.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/formats/integer.hpp>
#include <xquant/rounding/rounding.hpp>
#include <xquant/rounding/stochastic.hpp>

namespace {

using xquant::stochastic;

template <class Real>
Real snapped(Real v, std::uint32_t word) {
  const xquant::bound_rounding<Real, stochastic> round{stochastic{}, static_cast<xquant::integer_of<Real>>(word)};
  return xquant::e4m3fn::snap<Real>(v, round, Real(0), Real(0));
}

// Words whose upper `bits` bits are k, with different lower ones: the decision must not depend on bits it does not
// need.
std::uint32_t word_of(std::uint32_t k, int bits) { return k << (32 - bits) | (k * 2654435761u >> bits); }

// Of all 2^bits words, how many take `v` to the neighbour farther from zero.
template <class Real>
std::uint64_t away(Real v, Real far, Real near, int bits) {
  std::uint64_t count = 0;
  for (std::uint32_t k = 0; k < 1u << bits; ++k) {
    const Real found = snapped(v, word_of(k, bits));
    if (found == far)
      ++count;
    else
      REQUIRE(found == near);
  }
  return count;
}

}  // namespace

TEST_CASE_TEMPLATE("between all neighbours of e4m3fn, subnormals included, both signs", Real, float, double) {
  constexpr int bits = 6;
  for (unsigned magnitude = 0; magnitude < 0x7e; ++magnitude)
    for (const double sign : {1.0, -1.0}) {
      const double low = oracle::e4m3fn_value(magnitude);
      const double high = oracle::e4m3fn_value(magnitude + 1);
      for (std::uint32_t k = 0; k < 1u << bits; ++k) {
        const auto v = static_cast<Real>(sign * (low + (high - low) * k / (1 << bits)));
        REQUIRE(away(v, static_cast<Real>(sign * high), static_cast<Real>(sign * low), bits) == k);
      }
    }
}

TEST_CASE("with sixteen truncated bits: a normal and a subnormal number") {
  constexpr int bits = 16;
  const auto step = static_cast<std::uint32_t>(4099 / xquant_test::scale());
  for (const unsigned magnitude : {0x3bu, 0x03u, 0x00u}) {
    const double low = oracle::e4m3fn_value(magnitude);
    const double high = oracle::e4m3fn_value(magnitude + 1);
    for (std::uint32_t k = 1; k < 1u << bits; k += step) {
      const auto v = static_cast<float>(low + (high - low) * k / (1 << bits));
      REQUIRE(away(v, static_cast<float>(high), static_cast<float>(low), bits) == k);
    }
  }
}

// The words that round away are those below a threshold, because the formula compares. So the threshold alone says how
// many of all 2^31 there are: f * 2^31, exact for any float whose last bit is at least 2^-31 steps. A float32 of
// magnitude m has its last bit at m * 2^-23, so this covers every value not below 2^-8 steps, and every format.
TEST_CASE("all 31 bits: the threshold is exact where the truncated part has at most 31 bits, rounded down elsewhere") {
  oracle::stream s(1);
  for (std::size_t i = 0; i < xquant_test::scaled(200000); ++i) {
    const unsigned magnitude = s.below(0x7e);
    const double low = oracle::e4m3fn_value(magnitude);
    const double high = oracle::e4m3fn_value(magnitude + 1);
    const int tiny = s.below(4) == 0 ? static_cast<int>(s.below(40)) : 0;
    const auto v = static_cast<float>(low + (high - low) * std::ldexp(std::fabs(s.unit()), -tiny));
    const double fraction = (static_cast<double>(v) - low) / (high - low);  // exact: a power of two below
    if (fraction >= 1) continue;
    const double threshold = std::floor(std::ldexp(fraction, 31));
    if (static_cast<double>(v) >= (high - low) / 256) REQUIRE(threshold == std::ldexp(fraction, 31));
    const auto last = static_cast<std::uint32_t>(threshold);
    if (last > 0) REQUIRE(snapped(v, (last - 1) << 1 | 1u) == static_cast<float>(high));
    REQUIRE(snapped(v, last << 1) == static_cast<float>(low));
    REQUIRE(snapped(-v, last << 1) == -static_cast<float>(low));
  }
}

TEST_CASE("the fault of a random part narrower than the truncated one: small fractions do round up") {
  // 1 + 2^-20 between 1 and 1.125: a bias of 8 bits would never reach the next value.
  CHECK(snapped(1.0f + 0x1p-20f, 0) == 1.125f);
  CHECK(snapped(1.0f + 0x1p-20f, (1u << 14) - 1) == 1.125f);
  CHECK(snapped(1.0f + 0x1p-20f, 1u << 15) == 1.0f);
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
