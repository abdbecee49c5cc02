// The sign of a NaN goes through the quotient, however little the compiler optimizes: it is the sign of the code of a
// small float. (docs/arithmetic.md, rule 5)
#include <xquant/engines/scalar.hpp>
#include <xquant/engines/simd.hpp>
#include <xquant/engines/vector.hpp>
#include <xquant/formats/float4.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several

// What NaN of either sign becomes, among zeros of either sign and numbers.
template <class Format, class Engine>
void check(std::uint8_t positive, std::uint8_t negative, const Engine& engine) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const std::size_t n : {1u, 63u, 64u, 65u, 200u}) {
    std::vector<float> x(n);
    std::vector<std::uint8_t> wanted(n);
    for (std::size_t i = 0; i < n; ++i) {
      constexpr auto sign = static_cast<std::uint8_t>(1u << (Format::bits - 1));
      const bool is_negative = i % 2 != 0;
      x[i] = i % 3 == 0 ? __builtin_copysignf(nan, is_negative ? -1.0f : 1.0f) : is_negative ? -0.0f : 0.0f;
      wanted[i] = i % 3 == 0 ? is_negative ? negative : positive : is_negative ? sign : std::uint8_t{0};
    }
    std::vector<std::uint8_t> codes(n, 77);
    for (const float scale : {1.0f, 0.37f, 0x1p-120f}) {
      quantize(quantizer<Format>{}, parameters(scale), tensor_view<const float>(x.data(), shape(n)),
               tensor_view<std::uint8_t>(codes.data(), shape(n)), engine);
      REQUIRE(codes == wanted);
    }
  }
}

template <class Engine>
void check_formats(const Engine& engine) {
  check<e4m3fn>(0x7f, 0xff, engine);
  check<e5m2>(0x7e, 0xfe, engine);
}

}  // namespace

TEST_CASE("the sign of a NaN is kept by every engine") {
  check_formats(scalar_engine{});
  check_formats(vector_engine<>{});
  check_formats(vector_engine<4>{});
  check_formats(simd_engine<>{});
}
