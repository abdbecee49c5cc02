// The square root is the nearest double: decided by exact squares in integers of 128 bits.
#include <doctest/doctest.h>

#include <xquant/core/square_root.hpp>

#include <cmath>
#include <cstdint>
#include <limits>

TEST_CASE("square roots are correctly rounded") {
  __extension__ using wide = unsigned __int128;
  std::uint64_t state = 1;
  for (int i = 0; i < 100000; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    // x = n of 53 bits, an integer; its root r = m 2^-26 of 53 bits at most: |r - sqrt x| <= half a step of r
    const std::uint64_t n = (state >> 11) | (std::uint64_t{1} << 52);
    const double r = xquant::square_root(static_cast<double>(n));
    REQUIRE(r >= 0x1p26);
    REQUIRE(r < 0x1p27);
    const auto twice = static_cast<std::uint64_t>(std::ldexp(r, 27));  // 2 m, exact
    const wide square = static_cast<wide>(n) << 54;                    // (2 m)^2 of the exact root
    const wide below = static_cast<wide>(twice - 1) * (twice - 1);
    const wide above = static_cast<wide>(twice + 1) * (twice + 1);
    CHECK((below <= square && square <= above));
  }
  CHECK(xquant::square_root(0) == 0);
  CHECK(std::signbit(xquant::square_root(-0.0)));
  CHECK(xquant::square_root(std::numeric_limits<double>::infinity()) == std::numeric_limits<double>::infinity());
  CHECK(std::isnan(xquant::square_root(-1)));
  CHECK(xquant::square_root(std::numeric_limits<double>::denorm_min()) == 0x1p-537);
}
