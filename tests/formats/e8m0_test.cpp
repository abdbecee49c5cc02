// E8M0: every code, every boundary, against powers of two in double and comparisons with exact thresholds.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/formats/e8m0.hpp>
#include <xquant/presets/conversions/ml_dtypes.hpp>
#include <xquant/presets/conversions/nvidia.hpp>
#include <xquant/presets/conversions/onnx.hpp>
#include <xquant/presets/conversions/torch.hpp>
#include <xquant/rounding/nearest_away.hpp>
#include <xquant/rounding/nearest_even.hpp>
#include <xquant/rounding/rounding.hpp>
#include <xquant/rounding/toward_positive.hpp>
#include <xquant/rounding/toward_zero.hpp>

namespace {

using xquant::e8m0;

template <class F, class Rounding, class L>
constexpr std::int32_t encode(L v) {
  return static_cast<std::int32_t>(F::template encode<L>(v, xquant::bound_rounding<L, Rounding>{Rounding{}, {}}));
}
template <class F, class Rounding, class L>
L snap(L v) {
  return F::template snap<L>(v, xquant::bound_rounding<L, Rounding>{Rounding{}, {}}, L{}, L{});
}
template <class F, class Rounding, class L>
bool inside(L v) {
  return F::template inside<L>(v, xquant::bound_rounding<L, Rounding>{Rounding{}, {}}, {}, {});
}

enum class way { up, down, value, logarithm };

// The least code c with v <= 2^(c - 127) (up), the greatest with 2^(c - 127) <= v (down), or the one of these two on
// whose side of the half-way point v is. v is positive and finite. 255: beyond the largest.
template <class L>
int nearest_power(L v, way how) {
  const double x = static_cast<double>(v);
  if (x <= 0x1p-127) return 0;
  if (x >= 0x1p128) return 255;
  int c = 0;
  while (std::ldexp(1.0, c + 1 - 127) <= x) ++c;
  const double low = std::ldexp(1.0, c - 127);
  if (x == low || how == way::down) return c;
  if (how == way::up) return c + 1;
  if (how == way::value) return c + (x >= 1.5 * low ? 1 : 0);
  // x >= sqrt(2) low, decided by 2 * low^2 <= x^2 in integers: x = m 2^-52 low.
  const auto m = static_cast<std::uint64_t>(std::ldexp(x / low, 52));
#if defined(__SIZEOF_INT128__)
  __extension__ using wide = unsigned __int128;
#else
  using wide = long double;
#endif
  return c + (static_cast<wide>(m) * static_cast<wide>(m) >=
                      static_cast<wide>(2) * static_cast<wide>(1ull << 52) * static_cast<wide>(1ull << 52)
                  ? 1
                  : 0);
}

template <class F, class Rounding, class L>
std::size_t wrong_at(L v, way how) {
  const int code = nearest_power(v, how);
  const int expected = code > 254 ? F::conversion::overflow : code;
  std::size_t wrong = encode<F, Rounding>(v) != expected;
  const double value = expected == 255 ? std::nan("") : std::ldexp(1.0, expected - 127);
  wrong += !oracle::same(static_cast<double>(snap<F, Rounding>(v)), value);
  wrong += inside<F, Rounding>(v) != (code <= 254 && static_cast<double>(v) >= 0x1p-127);
  return wrong;
}

template <class F, class Rounding, class L>
void boundaries(way how) {
  std::size_t wrong = 0;
  for (int e = std::numeric_limits<L>::min_exponent - std::numeric_limits<L>::digits;
       e < std::numeric_limits<L>::max_exponent; ++e)
    for (const double place : {1.0, 1.25, std::sqrt(2.0), 1.5, 1.75}) {
      L v = static_cast<L>(std::ldexp(place, e));
      for (int k = 0; k < 2; ++k) v = std::nextafter(v, L(0));
      for (int k = 0; k < 5; ++k, v = std::nextafter(v, std::numeric_limits<L>::infinity()))
        if (v > 0 && std::isfinite(v)) wrong += wrong_at<F, Rounding>(v, how);
    }
  CHECK(wrong == 0);
}

static_assert(encode<e8m0, xquant::nearest_even>(1.0f) == 127);
static_assert(encode<e8m0, xquant::toward_positive>(0x1.000002p0f) == 128);
static_assert(encode<e8m0, xquant::nearest_even>(0x1.8p-127f) == 1 &&
              encode<e8m0, xquant::toward_zero>(0x1.8p-127) == 0);
static_assert(encode<e8m0::nearest_logarithm, xquant::nearest_even>(1.42f) == 128);
static_assert(e8m0::decode<float>(0) == 0x1p-127f && e8m0::decode<double>(254) == 0x1p127);

}  // namespace

TEST_CASE_TEMPLATE("e8m0: every code", L, float, double) {
  for (std::int32_t code = 0; code < 255; ++code) {
    CAPTURE(code);
    const double value = std::ldexp(1.0, code - 127);
    const L decoded = e8m0::decode<L>(code);
    CHECK(static_cast<double>(decoded) == value);
    CHECK(encode<e8m0, xquant::nearest_even>(decoded) == code);
    CHECK(encode<e8m0, xquant::toward_positive>(decoded) == code);
    CHECK(encode<e8m0, xquant::toward_zero>(decoded) == code);
    CHECK(encode<e8m0::nearest_logarithm, xquant::nearest_even>(decoded) == code);
  }
  CHECK(std::isnan(e8m0::decode<L>(255)));
  CHECK(e8m0::bounds().upper == 0x1p127);
  CHECK(e8m0::bounds().lower == 0x1p-127);
}

TEST_CASE_TEMPLATE("e8m0: up, down, nearest by value and by logarithm at every boundary", L, float, double) {
  boundaries<e8m0, xquant::toward_positive, L>(way::up);
  boundaries<e8m0, xquant::toward_zero, L>(way::down);
  boundaries<e8m0, xquant::nearest_even, L>(way::value);
  boundaries<e8m0, xquant::nearest_away, L>(way::value);
  boundaries<e8m0::nearest_logarithm, xquant::nearest_even, L>(way::logarithm);
  boundaries<e8m0::nearest_logarithm, xquant::toward_positive, L>(way::up);
  boundaries<e8m0::nearest_logarithm, xquant::toward_zero, L>(way::down);
  boundaries<e8m0::with<xquant::presets::onnx::e8m0_saturate_0>, xquant::toward_positive, L>(way::up);
}

TEST_CASE("e8m0: every mantissa of one binade, and every subnormal float with a top bit") {
  std::size_t wrong = 0;
  for (std::uint32_t m = 0; m < (1u << 23); m += 3) {
    const float v = oracle::float_of(0x3f800000u | m);
    // sqrt(2) lies between the mantissas 0x3504f3 and 0x3504f4.
    wrong += encode<e8m0, xquant::toward_positive>(v) != 127 + (m != 0 ? 1 : 0);
    wrong += encode<e8m0, xquant::toward_zero>(v) != 127;
    wrong += encode<e8m0, xquant::nearest_even>(v) != 127 + (m >= 0x400000u ? 1 : 0);
    wrong += encode<e8m0::nearest_logarithm, xquant::nearest_even>(v) != 127 + (m >= 0x3504f4u ? 1 : 0);
    const float w = oracle::float_of(m);
    wrong += encode<e8m0, xquant::toward_positive>(w) != (m > 0x400000u ? 1 : 0);
    wrong += encode<e8m0, xquant::toward_zero>(w) != 0;
    wrong += encode<e8m0, xquant::nearest_even>(w) != (m >= 0x600000u ? 1 : 0);
  }
  CHECK(wrong == 0);
}

namespace {

struct special_codes {
  int zero;
  int negative;  // of -1, nearest even
  int overflow;  // of 1.75 * 2^127
  int infinity;
  int negative_infinity;
};

template <class Conversion, class L>
void check_specials(const special_codes& s) {
  using format = xquant::e8m0_format<Conversion>;
  const L inf = std::numeric_limits<L>::infinity();
  CHECK(encode<format, xquant::nearest_even>(L(0)) == s.zero);
  CHECK(encode<format, xquant::nearest_even>(-L(0)) == s.zero);
  CHECK(encode<format, xquant::nearest_even>(L(-1)) == s.negative);
  CHECK(encode<format, xquant::nearest_even>(static_cast<L>(0x1.cp127)) == s.overflow);
  CHECK(encode<format, xquant::nearest_even>(inf) == s.infinity);
  CHECK(encode<format, xquant::nearest_even>(-inf) == s.negative_infinity);
  CHECK(encode<format, xquant::nearest_even>(std::numeric_limits<L>::quiet_NaN()) == 255);
  CHECK(encode<format, xquant::nearest_even>(-std::numeric_limits<L>::quiet_NaN()) == 255);
  CHECK(encode<format, xquant::nearest_even>(static_cast<L>(0x1p-140)) == 0);
}

}  // namespace

TEST_CASE_TEMPLATE("e8m0: zero, negative numbers, overflow, infinities, NaN by conversion", L, float, double) {
  namespace presets = xquant::presets;
  check_specials<xquant::e8m0_scale, L>({0, 255, 254, 255, 255});
  check_specials<presets::torch::e8m0_conversion, L>({0, 127, 255, 255, 255});
  check_specials<presets::ml_dtypes::e8m0_conversion, L>({255, 255, 255, 255, 255});
  check_specials<presets::onnx::e8m0_saturate_1, L>({0, 127, 254, 254, 254});
  check_specials<presets::onnx::e8m0_saturate_0, L>({255, 127, 255, 255, 255});
  check_specials<presets::nvidia::e8m0_satfinite, L>({0, 127, 254, 254, 254});
  // Recorded of ml_dtypes 0.6.0 and torch 2.15.0: between the two lowest powers they go up.
  CHECK(encode<xquant::e8m0_format<presets::torch::e8m0_conversion>, xquant::nearest_even>(0x1.000004p-127f) == 1);
  CHECK(encode<xquant::e8m0_format<presets::ml_dtypes::e8m0_conversion>, xquant::nearest_even>(0x1.4p-127f) == 1);
  CHECK(encode<xquant::e8m0_format<presets::torch::e8m0_conversion>, xquant::nearest_even>(0x1p-127f) == 0);
}
