// Bit patterns and powers of two against the standard library's.
#include <doctest/doctest.h>

#include <xquant/core/bits.hpp>

#include <cmath>

#include <cstdint>
#include <initializer_list>
#include <limits>

namespace {

template <class Real>
void check_constants() {
  using traits = xquant::real_traits<Real>;
  using limits = std::numeric_limits<Real>;
  CHECK(sizeof(typename traits::integer) == sizeof(Real));
  CHECK(traits::mantissa_bits == limits::digits - 1);
  CHECK(traits::bias == limits::max_exponent - 1);
  CHECK(traits::max == limits::max());
  CHECK(traits::min_normal == limits::min());
  bool same = true;
  for (int e = limits::min_exponent - 1; e < limits::max_exponent; ++e)
    same = same && xquant::power_of_two<Real>(e) == std::ldexp(Real(1), e);
  CHECK(same);
  for (const Real x : {Real(0), Real(-1), limits::max(), limits::lowest(), limits::denorm_min()})
    CHECK(xquant::is_finite(x));
  for (const Real x : {limits::infinity(), -limits::infinity(), limits::quiet_NaN()}) CHECK(!xquant::is_finite(x));
}

}  // namespace

TEST_CASE("the layouts of float and double, and all their powers of two") {
  check_constants<float>();
  check_constants<double>();
  static_assert(xquant::bit_cast<std::uint32_t>(1.0f) == 0x3f800000u && xquant::bit_cast<float>(0x40490fdbu) > 3.14f);
  static_assert(xquant::bit_cast<std::uint64_t>(-2.0) == 0xc000000000000000u);
}
