// Parameters made from a range let no code stand for an infinity (docs/arithmetic.md, rule 8): every scheme, width and
// element type, with ranges at and around the largest number. Expectations are long double arithmetic.
// finite_values_test.cpp has the operations.
#include <doctest/doctest.h>

#include <xquant/core/half.hpp>
#include <xquant/formats/wide_integer.hpp>
#include <xquant/quantizer.hpp>
#include <xquant/schemes/affine_rounding_sum.hpp>
#include <xquant/schemes/degenerate_policies.hpp>
#include <xquant/schemes/nudged_affine.hpp>
#include <xquant/schemes/power_of_two_scale.hpp>
#include <xquant/schemes/real_zero_point_affine.hpp>
#include <xquant/schemes/symmetric_to_half_range.hpp>
#include <xquant/schemes/symmetric_to_signed_extreme.hpp>
#include <xquant/schemes/symmetric_to_upper_code.hpp>
#include <xquant/schemes/zero_point_before_rounding.hpp>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several

template <class Element>
using real_of_element = conditional<is_same<Element, double>, double, float>;

// The largest number of an element type, and the least magnitude that rounds to infinity.
template <class Element>
constexpr long double most_of() {
  if (is_same<Element, float16>) return 65504;
  if (is_same<Element, bfloat16>) return 0x1.fep127L;
  return static_cast<long double>(std::numeric_limits<real_of_element<Element>>::max());
}
template <class Element>
constexpr long double beyond_of() {
  if (is_same<Element, float16>) return 65520;
  if (is_same<Element, bfloat16>) return 0x1.ffp127L;
  if (is_same<Element, double>) return 0x1.fffffffffffff8p1023L;
  return 0x1.ffffffp127L;
}

// Ranges at and around the largest number.
template <class Element>
std::vector<range<real_of_element<Element>>> ranges_at_the_end() {
  using real = real_of_element<Element>;
  const auto m = static_cast<real>(most_of<Element>());
  const auto below = static_cast<real>(most_of<Element>() * (is_same<Element, float16>    ? 1 - 0x1p-11L
                                                             : is_same<Element, bfloat16> ? 1 - 0x1p-8L
                                                             : sizeof(real) == 4          ? 1 - 0x1p-24L
                                                                                          : 1 - 0x1p-53L));
  const auto part = [&](double f) { return static_cast<real>(static_cast<long double>(m) * f); };
  return {{-m, 0},
          {0, m},
          {-m, m},
          {-below, below},
          {-below, m},
          {-m, part(0.5)},
          {part(-0.5), m},
          {part(-.94), part(.94)},
          {part(-.75), part(.75)},
          {part(-.76), part(.76)},
          {part(-.999), part(.001)},
          {part(-.001), part(.999)},
          {part(-1.0 / 3), part(2.0 / 3)},
          {part(-.6), part(.6)},
          {part(.5), m},
          {-m, part(-.5)},
          {below, m},
          {-m, -below},
          {m, m},
          {-m, -m},
          {0, 0},
          {part(.25), part(.251)},
          {part(-.01), part(.3)},
          {part(-1e-6), part(1e-5)}};
}

// Whether an exact value is finite when rounded to Element; those of 16 bits by way of float.
template <class Element>
bool is_finite_as(long double exact) {
  if constexpr (sizeof(Element) == 2) {
    if (std::fabs(exact) >= beyond_of<float>()) return false;
    exact = static_cast<long double>(static_cast<float>(exact));
  }
  return std::fabs(exact) < beyond_of<Element>();
}

// Rule 6 in long double, whose products of 64 bits only a tie could tell from exact ones.
template <class Element, class Slot>
bool is_code_finite(const Slot& slot, long double code, long double origin, zero_point_rule rule) {
  using real = real_of_element<Element>;
  const auto s = static_cast<long double>(slot.scale);
  const auto z = static_cast<long double>(slot.zero_point);
  if (rule == zero_point_rule::real_offset) {
    if (!is_finite_as<real>((code - origin) * s)) return false;
    const auto product = static_cast<long double>(static_cast<real>((code - origin) * s));
    if (sizeof(Element) == 2) return is_finite_as<Element>(product + z);
    // Not as a sum, which long double may round to the tie it is just below.
    return product < beyond_of<Element>() - z && product > -beyond_of<Element>() - z;
  }
  return is_finite_as<Element>(static_cast<long double>(static_cast<real>(code - z)) * s);
}

// What a scheme promises of the ends of a range.
enum class ends { kept, may_be_clipped };

// The codes of a format are values here: parameters_for asks a format for nothing else.
template <class Element, class Scheme>
void check(std::int64_t least, std::int64_t upper, const Scheme& scheme, ends promise, const std::string& name) {
  using real = real_of_element<Element>;
  constexpr zero_point_rule rule = detail::zero_point_rule_of<Scheme>;
  constexpr bool is_power_of_two = requires { scheme.has_power_of_two(); };
  const code_bounds of_format{static_cast<double>(least), static_cast<double>(upper), true};
  code_bounds codes = of_format;
  if (least < 0) codes.lower = scheme.lowest_code(static_cast<std::int32_t>(least), static_cast<std::int32_t>(upper));
  const auto lower = static_cast<std::int64_t>(codes.lower);
  long double origin = 0;
  if constexpr (rule == zero_point_rule::real_offset)
    origin = scheme.origin_code(static_cast<std::int32_t>(lower), static_cast<std::int32_t>(upper));
  for (const range<real>& r : ranges_at_the_end<Element>()) {
    const auto slot = finite_parameters<Element>(scheme, r, of_format, codes);
    const auto own = scheme.parameters(r, of_format);
    INFO(name, ", ", std::string(__PRETTY_FUNCTION__), " [", r.minimum, ", ", r.maximum, "]: scale ", slot.scale,
         ", zero point ", slot.zero_point, "; own ", own.scale, ", ", own.zero_point);
    const auto all_finite = [&](const auto& parameters) {
      return is_code_finite<Element>(parameters, static_cast<long double>(lower), origin, rule) &&
             is_code_finite<Element>(parameters, static_cast<long double>(upper), origin, rule);
    };
    CHECK(std::isfinite(slot.scale));
    CHECK(slot.scale != 0);
    CHECK(all_finite(slot));
    // Codes between the ends, whose values lie between theirs.
    for (std::int64_t k = 1; k < 8; ++k)
      CHECK(is_code_finite<Element>(slot, static_cast<long double>(lower + (upper - lower) / 8 * k), origin, rule));
    // What was finite is the scheme's own; the others have the largest scale that is.
    if (all_finite(own)) CHECK(slot == own);
    if (is_power_of_two) {
      int exponent = 0;
      CHECK(std::fabs(std::frexp(slot.scale, &exponent)) == real(0.5));
    } else if (rule != zero_point_rule::real_offset && !all_finite(own)) {
      auto above = slot;
      above.scale = std::nextafter(slot.scale, slot.scale < 0 ? real(-INFINITY) : real(INFINITY));
      CHECK_FALSE(all_finite(above));
      CHECK(slot.zero_point == own.zero_point);
    }
    // An end of the range is at most a step beyond the end code's value. Zero points are int32, so a range below zero
    // of uint32 codes is clipped anyway.
    if (promise == ends::may_be_clipped || slot.zero_point == decltype(slot.zero_point)(2147483647)) continue;
    const auto s = static_cast<long double>(slot.scale);
    const auto z = static_cast<long double>(slot.zero_point);
    const auto value = [&](std::int64_t code) {
      return rule == zero_point_rule::real_offset ? (static_cast<long double>(code) - origin) * s + z
                                                  : (static_cast<long double>(code) - z) * s;
    };
    const long double unit = 4 * (sizeof(real) == 4 ? 0x1p-24L : 0x1p-53L);
    const auto low = static_cast<long double>(r.minimum);
    const auto high = static_cast<long double>(r.maximum);
    if (Scheme::has_zero_point || lower < 0) CHECK(low >= value(lower) - s - unit * std::fabs(low));
    if (Scheme::has_zero_point || upper > 0) CHECK(high <= value(upper) + s + unit * std::fabs(high));
  }
}

template <class Element>
void check_schemes(std::int64_t lower, std::int64_t upper, const char* name) {
  const auto one = [&](auto scheme, ends promise) { check<Element>(lower, upper, scheme, promise, name); };
  // The scale of symmetric codes must let both ends be finite: with many more codes below zero than above, as no
  // integer of so many bits has, a range above zero is clipped.
  one(symmetric<>{}, lower < 0 && -lower > upper + 1 ? ends::may_be_clipped : ends::kept);
  one(symmetric<code_range::narrow>{}, ends::kept);
  one(affine{}, ends::kept);
  one(affine_scheme<degenerate::one, range_of_zero::as_given>{}, ends::may_be_clipped);
  one(affine_rounding_sum<>{}, ends::kept);
  one(affine_rounding_sum<degenerate::one, range_width::rounded>{}, ends::may_be_clipped);
  one(nudged_affine<>{}, ends::kept);
  one(nudged_affine<degenerate::one, zero_point_rounding::nearest_away>{}, ends::kept);
  one(zero_point_before_rounding<affine>{}, ends::kept);
  one(symmetric_to_half_range<>{}, ends::may_be_clipped);
  one(symmetric_to_half_range<degenerate::one, symmetric_zero::at_middle_code>{}, ends::may_be_clipped);
  one(symmetric_to_upper_code<>{}, ends::may_be_clipped);
  one(symmetric_to_upper_code<degenerate::one, symmetric_zero::at_middle_code>{}, ends::may_be_clipped);
  one(symmetric_to_signed_extreme<>{}, ends::may_be_clipped);
  one(power_of_two_scale<>{}, ends::may_be_clipped);
  one(power_of_two_scale<affine>{}, ends::may_be_clipped);
  one(power_of_two_scale<nudged_affine<>, exponent_rounding::nearest>{}, ends::may_be_clipped);
  one(power_of_two_scale<symmetric<code_range::narrow>, exponent_rounding::down>{}, ends::may_be_clipped);
  one(power_of_two_scale<symmetric_to_signed_extreme<>, exponent_rounding::nearest_in_log2>{}, ends::may_be_clipped);
  one(affine_scheme<degenerate::zero_output<>>{}, ends::may_be_clipped);
  one(symmetric<code_range::full, degenerate::zero_output<>>{}, ends::may_be_clipped);
  one(power_of_two_scale<affine_scheme<degenerate::zero_output<>>>{}, ends::may_be_clipped);
  if (upper - lower < 65536) {
    one(real_zero_point_affine<>{}, ends::kept);
    one(real_zero_point_affine<degenerate::zero_output<>>{}, ends::may_be_clipped);
    one(offset_affine<>{}, ends::kept);
    // Its products are as wide as the range, which may be twice the largest number.
    one(offset_affine<degenerate::one, offset_code::lowest>{},
        is_same<Element, float16> ? ends::kept : ends::may_be_clipped);
  }
}

template <class Element>
void check_formats() {
  check_schemes<Element>(-128, 127, "int8");
  check_schemes<Element>(0, 255, "uint8");
  check_schemes<Element>(-8, 7, "int4");
  check_schemes<Element>(0, 15, "uint4");
  check_schemes<Element>(-2, 1, "int2");
  check_schemes<Element>(0, 3, "uint2");
  check_schemes<Element>(-1, 0, "int1");
  check_schemes<Element>(0, 1, "uint1");
  check_schemes<Element>(-1, 1, "ternary");
  check_schemes<Element>(-32768, 32767, "int16");
  check_schemes<Element>(0, 65535, "uint16");
  check_schemes<Element>(-100, 27, "codes -100 to 27");
  check_schemes<Element>(17, 250, "codes 17 to 250");
  check_schemes<Element>(-8388608, 8388607, "int24");
  check_schemes<Element>(0, 4294967295, "uint32");
  check_schemes<Element>(-2147483647 - 1, 2147483647, "int32");
}

}  // namespace

TEST_CASE("every code of every integer scheme is finite: float") { check_formats<float>(); }
TEST_CASE("every code of every integer scheme is finite: double") { check_formats<double>(); }
TEST_CASE("every code of every integer scheme is finite: float16") { check_formats<float16>(); }
TEST_CASE("every code of every integer scheme is finite: bfloat16") { check_formats<bfloat16>(); }

TEST_CASE("ranges away from the largest number keep their bits") {
  std::mt19937 generator(7);
  std::uniform_real_distribution<double> exponent(-20, 14);
  std::uniform_real_distribution<double> mantissa(-1, 1);
  for (int i = 0; i < 20000; ++i) {
    const double x = mantissa(generator) * std::exp2(exponent(generator));
    const double y = mantissa(generator) * std::exp2(exponent(generator));
    const range<float> r{static_cast<float>(std::fmin(x, y)), static_cast<float>(std::fmax(x, y))};
    const double low = std::fmin(static_cast<double>(r.minimum), 0.0);
    const double high = std::fmax(static_cast<double>(r.maximum), 0.0);
    const double step = (high - low) / 255;
    const scale_and_zero_point<float> affine_slot{static_cast<float>(step),
                                                  static_cast<std::int32_t>(0 - std::nearbyint(low / step))};
    const quantizer<uint8, affine> a;
    REQUIRE(a.parameters_for(r) == affine_slot);
    REQUIRE(a.parameters_for<float16>(r) == affine_slot);
    REQUIRE(a.parameters_for<bfloat16>(r) == affine_slot);
    const scale_and_zero_point<float> symmetric_slot{static_cast<float>(std::fmax(high / 127, low / -128)), 0};
    REQUIRE(quantizer<int8>{}.parameters_for(r) == symmetric_slot);
    REQUIRE(quantizer<int8>{}.parameters_for<float16>(r) == symmetric_slot);
  }
}

TEST_CASE("constants of ranges that reach the largest number") {
  constexpr float m = std::numeric_limits<float>::max();
  constexpr auto both = quantizer<uint8, affine>{}.parameters_for(range<float>{-m, m});
  static_assert(both.zero_point == 128 && both.scale == m / 128);
  constexpr double d = std::numeric_limits<double>::max();
  constexpr auto wide = quantizer<int8>{}.parameters_for(range<double>{0, d});
  static_assert(wide.scale == d / 128);
  constexpr auto half = quantizer<uint8, affine>{}.parameters_for<float16>(range<float>{-65504, 65504});
  static_assert(half.zero_point == 128 && half.scale * 128 < 65520 && half.scale * 128 >= 65504);
}
