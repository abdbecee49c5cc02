// Ranges, and the arithmetic on them that schemes share, against <cmath> and integers.
#include <doctest/doctest.h>

#include <xquant/core/range.hpp>
#include <xquant/core/range_arithmetic.hpp>

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>

using xquant::code_bounds;
using xquant::errc;
using xquant::range;

namespace {
constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
}  // namespace

TEST_CASE("ranges that are refused, and by which end") {
  CHECK(range<float>{-1, 1}.valid().ok());
  CHECK(range<float>{2, 2}.valid().ok());
  CHECK(range<float>{1, -1}.valid().code == errc::range_inverted);
  for (const float bad : {infinity, -infinity, not_a_number}) {
    CHECK(range<float>{bad, 1}.valid().code == errc::range_not_finite);
    CHECK(range<float>{-1, bad}.valid("r", 3).code == errc::range_not_finite);
    CHECK(range<float>{-1, bad}.valid("r", 3).index == 3);
  }
}

TEST_CASE("nearest integers, by both rules for ties") {
  for (int i = -4000; i <= 4000; ++i) {
    const double x = i / 8.0;
    CHECK(xquant::detail::nearest_integer(x) == std::nearbyint(x));
    CHECK(xquant::detail::nearest_integer_away(x) == std::round(x));
  }
  const double below_half = std::nextafter(0.5, 0.0);
  CHECK(xquant::detail::nearest_integer_away(below_half) == 0);
  CHECK(xquant::detail::nearest_integer(-below_half) == 0);
}

TEST_CASE("the step of a range does not overflow where its width does") {
  const code_bounds codes{-128, 127, true};
  CHECK(xquant::detail::step_of(-1, 1, codes) == 2.0 / 255);
  const double most = std::numeric_limits<double>::max();
  const double step = xquant::detail::step_of(-most, most, codes);
  CHECK(std::isfinite(step));
  CHECK(std::abs(step / (most / 255) - 2) < 1e-15);
}

TEST_CASE("middle codes and zero points held to int32") {
  CHECK(xquant::detail::middle_code({0, 255, true}) == 128);
  CHECK(xquant::detail::middle_code({-128, 127, true}) == 0);
  CHECK(xquant::detail::middle_code({-7, 7, true}) == 0);
  CHECK(xquant::detail::middle_code({-8, -5, true}) == -6);
  CHECK(xquant::detail::middle_code({0, 4294967295.0, true}) == std::numeric_limits<std::int32_t>::max());
  const code_bounds wide{0, 4294967295.0, true};
  CHECK(xquant::detail::held_zero_point(-5, {-128, 127, true}) == -5);
  CHECK(xquant::detail::held_zero_point(-500, {-128, 127, true}) == -128);
  CHECK(xquant::detail::held_zero_point(500, {-128, 127, true}) == 127);
  CHECK(xquant::detail::held_zero_point(4e9, wide) == std::numeric_limits<std::int32_t>::max());
  CHECK(xquant::detail::largest_magnitude(-3, 2) == 3);
  CHECK(xquant::detail::largest_magnitude(-1, 2) == 2);
  CHECK(xquant::detail::stored_real<float>(1e300) == std::numeric_limits<float>::max());
  CHECK(xquant::detail::stored_real<float>(0.1) == 0.1f);
}
