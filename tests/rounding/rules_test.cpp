// Every deterministic rounding against its definition: by comparison with integers and half-integers, which are exact.
#include <doctest/doctest.h>

#include <rounding/rules.hpp>

#include <core/oracle.hpp>
#include <support/scale.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/formats/float8.hpp>

#include <string>
#include <type_traits>

namespace {

using namespace rounding_test;  // NOLINT: every line names several

// Where v lies between the integers; double holds every comparison exactly for |v| < 2^31.
place place_of(double v, double& lower) {
  lower = std::floor(v);
  const place::side where = v == lower         ? place::on_lower
                            : v < lower + 0.5  ? place::below_middle
                            : v == lower + 0.5 ? place::on_middle
                                               : place::above_middle;
  return {where, (static_cast<std::int64_t>(lower) & 1) == 0, std::signbit(v)};
}

template <class Real>
struct values {
  std::vector<Real> v;
  std::vector<place> at;
  std::vector<double> lower;

  void add(Real x) {
    double low = 0;
    at.push_back(place_of(static_cast<double>(x), low));
    v.push_back(x);
    lower.push_back(low);
  }
  void add_both(Real x) {
    add(x);
    add(-x);
  }
};

template <class Real>
void check(const values<Real>& all) {
  for_each_rounding([&](const auto& policy, rule r, const char* name) {
    CAPTURE(std::string(name));
    std::size_t wrong = 0;
    Real first = 0;
    for (std::size_t i = 0; i < all.v.size(); ++i) {
      const Real found = policy.template round<Real>(all.v[i]);
      const double wanted = all.lower[i] + (takes_upper(r, all.at[i]) ? 1 : 0);
      if (static_cast<double>(found) != wanted || std::signbit(found) != std::signbit(all.v[i])) {
        if (wrong++ == 0) first = all.v[i];
      }
    }
    CAPTURE(first);
    CHECK(wrong == 0);
  });
}

template <class Real>
void around(values<Real>& all, Real x) {
  Real below = x;
  Real above = x;
  all.add(x);
  for (int k = 0; k < 3; ++k) {
    all.add(below = std::nextafter(below, Real(-1e30)));
    all.add(above = std::nextafter(above, Real(1e30)));
  }
}

}  // namespace

TEST_CASE_TEMPLATE("every quarter with its neighbours", Real, float, double) {
  values<Real> all;
  for (int k = -4 * 1030; k <= 4 * 1030; ++k) around(all, static_cast<Real>(k) / 4);
  for (const int e : {11, 15, 16, 20, 21, 22, 23, 24, 29})
    for (int k = -9; k <= 9; ++k) {
      around(all, std::ldexp(Real(1), e) + static_cast<Real>(k) / 4);
      around(all, -std::ldexp(Real(1), e) + static_cast<Real>(k) / 4);
    }
  for (const float x : {0.49999997f, 0.50000006f, 1e-45f, 1.17549435e-38f, 8388607.5f, 8388609.0f, 16777217.0f})
    all.add_both(static_cast<Real>(x));
  all.add_both(0);
  check(all);
}

TEST_CASE("all floats of binades: [0.5, 1), where ties start, and [2^21, 2^22), where every float is a quarter") {
  const auto step = static_cast<std::uint32_t>(1 / xquant_test::scale());
  for (const std::uint32_t exponent : {126u, 127u + 21u})
    for (std::uint32_t start = 0; start < 1u << 23; start += 1u << 20) {
      values<float> all;
      for (std::uint32_t m = start; m < start + (1u << 20); m += step)
        all.add(oracle::float_of((m % 7 < 3 ? 0x80000000u : 0u) | exponent << 23 | m));
      check(all);
    }
}

TEST_CASE("NaN and infinities stay what they are where they may come") {
  for_each_rounding([&](const auto& policy, rule r, const char* name) {
    CAPTURE(std::string(name));
    using policy_type = std::remove_cvref_t<decltype(policy)>;
    static_assert(xquant::Rounding<policy_type> && !xquant::is_random_rounding<policy_type>);
    CHECK(xquant::rounding_sees_only_halves<policy_type> == is_nearest(r));
    const double infinity = std::numeric_limits<double>::infinity();
    CHECK(policy.template round<double>(infinity) == infinity);
    CHECK(policy.template round<double>(-infinity) == -infinity);
    CHECK(policy.template round<float>(static_cast<float>(infinity)) == static_cast<float>(infinity));
    CHECK(policy.template round<float>(-static_cast<float>(infinity)) == -static_cast<float>(infinity));
    CHECK(std::isnan(policy.template round<float>(std::numeric_limits<float>::quiet_NaN())));
    CHECK(std::isnan(policy.template round<double>(std::numeric_limits<double>::quiet_NaN())));
    CHECK(policy.template round<float>(3e38f) == 3e38f);
    CHECK(policy.template round<float>(-3e38f) == -3e38f);
  });
}

TEST_CASE("in constant expressions") {
  static_assert(xquant::nearest_up::round<float>(-2.5f) == -2 && xquant::nearest_down::round<double>(2.5) == 2);
  static_assert(xquant::nearest_to_zero::round<float>(-2.5f) == -2 && xquant::nearest_odd::round<float>(2.5f) == 3);
  static_assert(xquant::nearest_dpu::round<float>(-1.5f) == -1 && xquant::nearest_dpu::round<float>(1.5f) == 2);
  static_assert(xquant::toward_negative::round<float>(-0.1f) == -1 && xquant::toward_positive::round<float>(0.1f) == 1);
  static_assert(xquant::toward_zero::round<double>(-1.9) == -1 && xquant::to_odd::round<float>(-2.5f) == -3);
}

TEST_CASE("to odd on a grid four times finer, then any rounding, is that rounding at once") {
  values<float> all;
  for (int k = -4 * 300; k <= 4 * 300; ++k) around(all, static_cast<float>(k) / 16);
  for_each_rounding([&](const auto& policy, rule, const char* name) {
    CAPTURE(std::string(name));
    std::size_t wrong = 0;
    for (const float v : all.v) {
      const float finer = xquant::to_odd::round<float>(v * 4) / 4;
      wrong += policy.template round<float>(finer) != policy.template round<float>(v);
    }
    CHECK(wrong == 0);
  });
}

namespace {

// All values of e4m3fn from its definition, each with the parity of its place on the grid (of its last mantissa bit).
struct point {
  double value;
  unsigned code;
};
std::vector<point> e4m3fn_points() {
  std::vector<point> all;
  for (unsigned magnitude = 0x7e; magnitude > 0; --magnitude)
    all.push_back({-oracle::e4m3fn_value(magnitude), 0x80u | magnitude});
  for (unsigned magnitude = 0; magnitude <= 0x7e; ++magnitude)
    all.push_back({oracle::e4m3fn_value(magnitude), magnitude});
  return all;
}

template <class Real>
void check_minifloat() {
  const std::vector<point> points = e4m3fn_points();
  for_each_rounding([&](const auto& policy, rule r, const char* name) {
    CAPTURE(std::string(name));
    const xquant::bound_rounding<Real, std::remove_cvref_t<decltype(policy)>> round{policy, {}};
    std::size_t wrong = 0;
    for (std::size_t i = 0; i + 1 < points.size(); ++i) {
      const double low = points[i].value;
      const double high = points[i + 1].value;
      const double middle = (low + high) / 2;
      const auto ulp = [](double x, double to) { return std::nextafter(static_cast<Real>(x), static_cast<Real>(to)); };
      for (const Real v : {static_cast<Real>(low), ulp(low, high), static_cast<Real>(low + (high - low) / 4),
                           ulp(middle, low), static_cast<Real>(middle), ulp(middle, high), ulp(high, low)}) {
        const auto x = static_cast<double>(v);
        const place at{x == low      ? place::on_lower
                       : x < middle  ? place::below_middle
                       : x == middle ? place::on_middle
                                     : place::above_middle,
                       points[i].code % 2 == 0, std::signbit(v)};
        const bool upper = takes_upper(r, at);
        // Zero keeps the sign of v.
        unsigned code = points[upper ? i + 1 : i].code;
        if ((code & 0x7fu) == 0) code = std::signbit(v) ? 0x80u : 0u;
        const auto found = xquant::e4m3fn::encode<Real>(v, round);
        wrong += static_cast<unsigned>(found) != code;
        const Real snapped = xquant::e4m3fn::snap<Real>(v, round, Real(0), Real(0));
        wrong += !oracle::same(snapped, static_cast<Real>(oracle::e4m3fn_value(code)));
      }
    }
    CHECK(wrong == 0);
  });
}

}  // namespace

TEST_CASE("through a format with a sign bit: up is up and down is down on both sides of zero") {
  check_minifloat<float>();
  check_minifloat<double>();
}
