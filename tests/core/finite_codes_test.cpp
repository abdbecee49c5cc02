// Parameters made from a range let no code stand for an infinity
// (docs/arithmetic.md, rule 8): every scheme, width and element type, with
// ranges at and around the largest number. Expectations are long double
// arithmetic.
#include <doctest/doctest.h>

#include <xquant/calibration/dynamic_quantize.hpp>
#include <xquant/formats/wide_integer.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/schemes/affine_rounding_sum.hpp>
#include <xquant/schemes/degenerate_policies.hpp>
#include <xquant/schemes/nudged_affine.hpp>
#include <xquant/schemes/power_of_two_scale.hpp>
#include <xquant/schemes/real_zero_point_affine.hpp>
#include <xquant/schemes/symmetric_to_half_range.hpp>
#include <xquant/schemes/symmetric_to_signed_extreme.hpp>
#include <xquant/schemes/symmetric_to_upper_code.hpp>
#include <xquant/schemes/zero_point_before_rounding.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several

template <class Element>
using real_of_element = conditional<is_same<Element, double>, double, float>;

// The largest number of an element type, and the least magnitude that rounds to
// infinity.
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
          {part(.25), part(.251)}};
}

// Codes from lower to upper: all of them up to 16 bits, else both ends and
// samples between.
template <class Code>
std::vector<Code> codes_between(std::int64_t lower, std::int64_t upper) {
  std::vector<Code> codes;
  if (upper - lower < 65536) {
    for (std::int64_t c = lower; c <= upper; ++c) codes.push_back(static_cast<Code>(c));
    return codes;
  }
  for (std::int64_t k = 0; k <= 300; ++k)
    for (const std::int64_t c : {lower + k, upper - k, lower + (upper - lower) / 301 * k})
      codes.push_back(static_cast<Code>(c));
  return codes;
}

// The same numbers by an expectation of its own: the formulas of rule 6 in long
// double, whose products of 64 bits only a tie could tell from exact ones.
// Elements of 16 bits are rounded to float first.
template <class Element>
bool is_finite_value(long double exact) {
  if constexpr (sizeof(Element) == 2) {
    if (std::fabs(exact) >= beyond_of<float>()) return false;
    exact = static_cast<long double>(static_cast<float>(exact));
  }
  return std::fabs(exact) < beyond_of<Element>();
}
template <class Element, class Slot>
bool end_is_finite(const Slot& slot, long double code, long double origin, zero_point_rule rule) {
  using real = real_of_element<Element>;
  const auto s = static_cast<long double>(slot.scale);
  const auto z = static_cast<long double>(slot.zero_point);
  if (rule == zero_point_rule::real_offset) {
    if (!is_finite_value<real>((code - origin) * s)) return false;
    return is_finite_value<Element>(static_cast<long double>(static_cast<real>((code - origin) * s)) + z);
  }
  return is_finite_value<Element>(static_cast<long double>(static_cast<real>(code - z)) * s);
}

// What a scheme promises of the ends of a range.
enum class ends { kept, may_be_clipped };

template <class Scheme>
constexpr bool is_power_of_two = requires(const Scheme& s) {
  s.inner();
};

// The codes of a format are values here: parameters_for asks a format for nothing else.
template <class Element, class Scheme>
void check(std::int64_t least, std::int64_t upper, const Scheme& scheme, ends promise, const char* name) {
  using real = real_of_element<Element>;
  constexpr zero_point_rule rule = detail::zero_point_rule_of<Scheme>;
  const code_bounds of_format{static_cast<double>(least), static_cast<double>(upper), true};
  code_bounds codes = of_format;
  if (least < 0) codes.lower = scheme.lowest_code(static_cast<std::int32_t>(least), static_cast<std::int32_t>(upper));
  const auto lower = static_cast<std::int64_t>(codes.lower);
  long double origin = 0;
  if constexpr (rule == zero_point_rule::real_offset)
    origin = scheme.origin_code(static_cast<std::int32_t>(lower), static_cast<std::int32_t>(upper));
  std::vector<Element> values;
  for (const range<real>& r : ranges_at_the_end<Element>()) {
    const auto slot = finite_parameters<Element>(scheme, r, of_format, codes);
    INFO(std::string(name), ", ", std::string(__PRETTY_FUNCTION__), " [", r.minimum, ", ", r.maximum, "]: scale ",
         slot.scale, ", zero point ", slot.zero_point);
    for (const std::int64_t code : {lower, upper})
      CHECK(end_is_finite<Element>(slot, static_cast<long double>(code), origin, rule));
    // What was finite before is the scheme's own; what was not has the largest
    // scale that is (power of two).
    const auto own = scheme.parameters(r, of_format);
    const auto all_finite = [&](const auto& parameters) {
      return end_is_finite<Element>(parameters, static_cast<long double>(lower), origin, rule) &&
             end_is_finite<Element>(parameters, static_cast<long double>(upper), origin, rule);
    };
    if (all_finite(own)) CHECK(slot == own);
    if constexpr (!is_real(rule)) {
      auto above = slot;
      above.scale = is_power_of_two<Scheme>
                        ? 2 * slot.scale
                        : std::nextafter(slot.scale, slot.scale < 0 ? real(-INFINITY) : real(INFINITY));
      const bool may_be_larger = std::isfinite(above.scale) && std::fabs(above.scale) <= std::fabs(own.scale);
      if (!all_finite(own) && may_be_larger) CHECK_FALSE(all_finite(above));
    }
    // All codes lie between the ends; rule 6's formula, for each.
    std::size_t infinite = 0;
    for (const std::int64_t code : codes_between<std::int64_t>(lower, upper))
      infinite += end_is_finite<Element>(slot, static_cast<long double>(code), origin, rule) ? 0 : 1;
    CHECK(infinite == 0);
    // An end of the range is at most a step beyond the end code's value.
    if (promise == ends::may_be_clipped) continue;
    const auto s = static_cast<long double>(slot.scale);
    const auto z = static_cast<long double>(slot.zero_point);
    const long double unit = 4 * (sizeof(real) == 4 ? 0x1p-24L : 0x1p-53L);
    const auto low = static_cast<long double>(r.minimum);
    const auto high = static_cast<long double>(r.maximum);
    if (Scheme::has_zero_point || lower < 0)
      CHECK(low >= (static_cast<long double>(lower) - z) * s - s - unit * std::fabs(low));
    if (Scheme::has_zero_point || high > 0)
      CHECK(high <= (static_cast<long double>(upper) - z) * s + s + unit * std::fabs(high));
  }
}

template <class Element>
void check_schemes(std::int64_t lower, std::int64_t upper, const char* name) {
  const auto one = [&](auto scheme, ends promise) { check<Element>(lower, upper, scheme, promise, name); };
  one(symmetric<>{}, ends::kept);
  one(symmetric<code_range::narrow>{}, ends::kept);
  one(affine{}, ends::kept);
  one(affine_scheme<degenerate::one, range_of_zero::as_given>{}, ends::may_be_clipped);
  one(affine_rounding_sum<>{}, ends::kept);
  one(affine_rounding_sum<degenerate::one, range_width::rounded>{}, ends::may_be_clipped);
  one(nudged_affine<>{}, ends::kept);
  one(nudged_affine<degenerate::one, zero_point_rounding::nearest_away>{}, ends::kept);
  one(symmetric_to_half_range<>{}, ends::may_be_clipped);
  one(symmetric_to_half_range<degenerate::one, symmetric_zero::at_middle_code>{}, ends::may_be_clipped);
  one(symmetric_to_upper_code<>{}, ends::may_be_clipped);
  one(symmetric_to_upper_code<degenerate::one, symmetric_zero::at_middle_code>{}, ends::may_be_clipped);
  one(symmetric_to_signed_extreme<>{}, ends::may_be_clipped);
  one(power_of_two_scale<>{}, ends::may_be_clipped);
  one(power_of_two_scale<affine>{}, ends::may_be_clipped);
  one(power_of_two_scale<nudged_affine<>, exponent_rounding::nearest>{}, ends::may_be_clipped);
  one(power_of_two_scale<symmetric<code_range::narrow>, exponent_rounding::down>{}, ends::may_be_clipped);
  one(affine_scheme<degenerate::zero_output<>>{}, ends::may_be_clipped);
  one(symmetric<code_range::full, degenerate::zero_output<>>{}, ends::may_be_clipped);
  one(power_of_two_scale<affine_scheme<degenerate::zero_output<>>>{}, ends::may_be_clipped);
  if (upper - lower < 65536) {
    one(real_zero_point_affine<>{}, ends::kept);
    one(real_zero_point_affine<degenerate::zero_output<>>{}, ends::may_be_clipped);
    one(offset_affine<>{}, ends::may_be_clipped);
    one(offset_affine<degenerate::one, offset_code::lowest>{}, ends::may_be_clipped);
  }
}

template <class Element>
void check_formats() {
  check_schemes<Element>(-128, 127, "int8");
  check_schemes<Element>(0, 255, "uint8");
  check_schemes<Element>(-8, 7, "int4");
  check_schemes<Element>(0, 3, "uint2");
  check_schemes<Element>(-32768, 32767, "int16");
  check_schemes<Element>(0, 65535, "uint16");
  check_schemes<Element>(-100, 27, "codes -100 to 27");
  check_schemes<Element>(17, 250, "codes 17 to 250");
  check_schemes<Element>(-8388608, 8388607, "int24");
  check_schemes<Element>(0, 4294967295, "uint32");
  check_schemes<Element>(-2147483647 - 1, 2147483647, "int32");
}

}  // namespace

TEST_CASE("quantize and dequantize ranges that reach the largest number") {
  const auto back = [](const auto& q, std::vector<float> x) {
    using code = typename std::remove_cvref_t<decltype(q)>::code_type;
    const auto slot =
        q.parameters_for(range<float>{*std::min_element(x.begin(), x.end()), *std::max_element(x.begin(), x.end())});
    std::vector<code> codes(x.size());
    quantize(q, slot, tensor_view<const float>(x.data(), shape(x.size())),
             tensor_view<code>(codes.data(), shape(x.size())));
    dequantize(q, slot, tensor_view<const code>(codes.data(), shape(x.size())),
               tensor_view<float>(x.data(), shape(x.size())));
    return x;
  };
  constexpr float m = std::numeric_limits<float>::max();
  // An attention mask; both ends; a scale that rounds up.
  const std::vector<float> mask = back(quantizer<uint16, affine>{}, {-m, 0});
  CHECK(mask[0] >= -m);
  CHECK(mask[0] <= -m * (1 - 0x1p-22f));
  CHECK(mask[1] == 0);
  const std::vector<float> both = back(quantizer<uint8, affine>{}, {-m, m});
  CHECK(both[0] >= -m);
  CHECK(both[0] < -0.99f * m);
  CHECK(both[1] <= m);
  CHECK(both[1] > 0.99f * m);
  const std::vector<float> up = back(quantizer<int8, symmetric<code_range::narrow>>{}, {0, m});
  CHECK(up[1] <= m);
  CHECK(up[1] > 0.999f * m);
}

TEST_CASE("dynamic forms of 16-bit data stay finite") {
  const float16 x[] = {float16(-65504.0f), float16(65504.0f), float16(1.0f)};
  float16 y[3] = {x[0], x[0], x[0]};
  dynamic_fake_quantize(quantizer<uint8, affine>{}, tensor_view<const float16>(x, shape(3)),
                        tensor_view<float16>(y, shape(3)));
  CHECK(static_cast<float>(y[0]) >= -65504.0f);
  CHECK(static_cast<float>(y[0]) < -65000.0f);
  CHECK(static_cast<float>(y[1]) <= 65504.0f);
  CHECK(static_cast<float>(y[1]) > 64900.0f);
}

TEST_CASE("every code of every integer scheme is finite: float") { check_formats<float>(); }
TEST_CASE("every code of every integer scheme is finite: double") { check_formats<double>(); }
TEST_CASE("every code of every integer scheme is finite: float16") { check_formats<float16>(); }
TEST_CASE("every code of every integer scheme is finite: bfloat16") { check_formats<bfloat16>(); }
