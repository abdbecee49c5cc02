// What a range rule sees of a quantizer, against the definitions of formats and schemes; and rules asked for described
// quantizers, of which each is answered for its own codes.
#include <xquant/calibration/code_grid.hpp>
#include <xquant/calibration/entropy.hpp>
#include <xquant/calibration/histogram_calibrator.hpp>
#include <xquant/calibration/min_max.hpp>
#include <xquant/calibration/runtime.hpp>
#include <xquant/formats/float4.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/formats/wide_integer.hpp>
#include <xquant/schemes/nudged_affine.hpp>
#include <xquant/schemes/power_of_two_scale.hpp>
#include <xquant/schemes/real_zero_point_affine.hpp>
#include <xquant/schemes/symmetric_to_half_range.hpp>

#include "calibration/samples.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several

void check_integers(const code_grid& g, double lower, double upper, bool symmetric_scheme) {
  CHECK(g.valid().ok());
  CHECK(g.is_integer());
  CHECK(g.bounds().lower == lower);
  CHECK(g.bounds().upper == upper);
  CHECK(static_cast<double>(g.levels()) == upper - lower + 1);
  CHECK(g.is_symmetric() == symmetric_scheme);
  CHECK(g.values().empty());
}

// The values of sign, exponent and mantissa bits without infinities, by the definition of such floats.
std::vector<double> small_floats(int exponent_bits, int mantissa_bits, int bias, int left_out_at_the_top) {
  std::set<double> values;
  const int codes = 1 << (exponent_bits + mantissa_bits);
  for (int code = 0; code < codes - left_out_at_the_top; ++code) {
    const int e = code >> mantissa_bits;
    const int m = code & ((1 << mantissa_bits) - 1);
    const double v = e == 0 ? std::ldexp(m, 1 - bias - mantissa_bits)
                            : std::ldexp(m + (1 << mantissa_bits), e - bias - mantissa_bits);
    values.insert(v);
    values.insert(0 - v);
  }
  return {values.begin(), values.end()};
}

}  // namespace

TEST_CASE("codes, levels and symmetry") {
  check_integers(quantizer<int8>(), -128, 127, true);
  check_integers(quantizer<int8, symmetric<code_range::narrow>>(), -127, 127, true);
  check_integers(quantizer<uint8>(), 0, 255, true);
  check_integers(quantizer<int4, affine>(), -8, 7, false);
  check_integers(quantizer<uint16, affine>(), 0, 65535, false);
  check_integers(quantizer<uint8, nudged_affine<>>(), 0, 255, false);
  check_integers(quantizer<uint8, symmetric_to_half_range<degenerate::one, symmetric_zero::at_middle_code>>(), 0, 255,
                 true);
  check_integers(quantizer<stored_integer<std::int8_t>>(stored_integer<std::int8_t>(-3, 100)), -3, 100, true);
  check_integers(quantizer<integer<32, true>, affine>(), -2147483648.0, 2147483647.0, false);
  check_integers(quantizer<integer<32, false>, affine>(), 0, 4294967295.0, false);
  CHECK(code_grid(quantizer<stored_integer<std::int8_t>>(stored_integer<std::int8_t>(5, 5))).valid().code ==
        errc::bits_out_of_range);
}

TEST_CASE("values of small floats") {
  const auto check = [](const code_grid& g, const std::vector<double>& values) {
    CHECK(!g.is_integer());
    CHECK(g.is_symmetric());
    CHECK(g.values() == values);
    CHECK(g.levels() == values.size());
    CHECK(g.bounds().lower == values.front());
    CHECK(g.bounds().upper == values.back());
  };
  check(quantizer<e4m3fn>(), small_floats(4, 3, 7, 1));  // the top code is NaN
  check(quantizer<e5m2>(), small_floats(5, 2, 15, 4));   // the top exponent: infinity and NaN
  check(quantizer<e2m1>(), small_floats(2, 1, 1, 0));
  CHECK(code_grid(quantizer<e4m3fn>()).bounds().upper == 448);
  CHECK(code_grid(quantizer<e5m2>()).bounds().upper == 57344);
}

TEST_CASE("where a scheme puts the codes") {
  const auto ends = [](const code_grid& g, const range<double>& r) {
    const placed_codes p = g.over(r);
    return std::pair(p.scale * p.lowest + p.offset, p.scale * p.highest + p.offset);
  };
  {
    const placed_codes p = code_grid(quantizer<int8>()).over({-1, 2});
    CHECK(p.scale == static_cast<double>(static_cast<float>(2.0 / 127)));
    CHECK(p.lowest == -128);
    CHECK(p.highest == 127);
    CHECK(p.offset == 0);
  }
  {
    const placed_codes p = code_grid(quantizer<uint8, affine>()).over({-1, 3});
    CHECK(p.scale == static_cast<double>(static_cast<float>(4.0 / 255)));
    CHECK(p.lowest == -64);  // rne(255 / 4) = 64
    CHECK(p.highest == 191);
  }
  {
    const placed_codes p = code_grid(quantizer<int8, power_of_two_scale<symmetric<>>>()).over({-1, 3});
    CHECK(p.scale == 0.03125);  // up from 3 / 127
  }
  {
    const placed_codes p = code_grid(quantizer<e4m3fn>()).over({-1, 3});
    CHECK(p.scale == static_cast<double>(static_cast<float>(3.0 / 448)));
    CHECK(p.lowest == -448);
    CHECK(p.highest == 448);
  }
  {
    // Parameters of double data have double scales.
    const quantizer<int8> q;
    CHECK(code_grid::of<double>(q).over({-1, 2}).scale == 2.0 / 127);
    CHECK(code_grid::of<float16>(q).over({-1, 2}).scale == static_cast<double>(static_cast<float>(2.0 / 127)));
  }
  // Zero points that are reals: the ends of the codes are the ends of the range.
  const auto [low, high] = ends(quantizer<uint8, real_zero_point_affine<>>(), {-1.3, 3.1});
  CHECK(low == doctest::Approx(-1.3).epsilon(1e-6));
  CHECK(high == doctest::Approx(3.1).epsilon(1e-6));
}

TEST_CASE("make_parameters asks the rule for the quantizer at hand") {
  std::mt19937 generator(5);
  std::normal_distribution<float> normal;
  std::vector<float> x(20000);
  for (float& v : x) v = normal(generator);
  x[77] = 30;
  histogram_calibrator<entropy> seen;
  seen.observe(xquant_test::view_of(x));
  // Four bits clip the outlier, eight keep it or clip it by little.
  const float wide = seen.ranges(quantizer<int8>())[0].maximum;
  const float narrow = seen.ranges(quantizer<int4>())[0].maximum;
  CHECK(narrow < 6);
  CHECK(wide > 8);
  CHECK(make_parameters(quantizer<int8>(), seen).scale()[0] ==
        quantizer<int8>().parameters_for(seen.ranges(quantizer<int8>())[0]).scale);
  CHECK(make_parameters(quantizer<int4>(), seen).scale()[0] ==
        quantizer<int4>().parameters_for(seen.ranges(quantizer<int4>())[0]).scale);

  // The same for descriptions, each by its own codes and scheme.
  const auto described = [&](const quantizer_description& d) {
    std::vector<range<float>> out;
    REQUIRE(try_ranges_of<standard_choices>(seen, entropy{}, d, out).ok());
    return out[0];
  };
  for (const int bits : {3, 4, 8}) {
    CAPTURE(bits);
    quantizer_description d;
    d.bits = bits;
    const stored_integer<std::int8_t> format = integer_of_bits<std::int8_t>(bits);
    CHECK(described(d) == seen.ranges(quantizer<stored_integer<std::int8_t>>(format))[0]);
    d.scheme = id_of<affine>;
    CHECK(described(d) == seen.ranges(quantizer<stored_integer<std::int8_t>, affine>(format))[0]);
  }
  quantizer_description small;
  small.format = id_of<e4m3fn>;
  std::vector<range<float>> out;
  REQUIRE(try_ranges_of<standard_choices>(seen, entropy{}, small, out).ok());
  CHECK(out == seen.ranges(quantizer<e4m3fn>()));
  REQUIRE(try_ranges_of<standard_choices>(seen, full_range{}, small, out).ok());
  CHECK(out[0].maximum == 30);
  quantizer_description wrong;
  wrong.bits = 40;
  CHECK(try_ranges_of<standard_choices>(seen, full_range{}, wrong, out).code == errc::bits_out_of_range);
}
