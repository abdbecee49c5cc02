// The run-time form: every id reaches its type with the values of the description, and every refusal is named.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <xquant/message.hpp>
#include <xquant/parameters.hpp>
#include <xquant/runtime.hpp>
#include <xquant/runtime/wide_integer.hpp>

#include <cmath>
#include <string>

// A format, a rounding and a conversion of a user's own.
namespace {
struct my_rounding : xquant::nearest_even {};
struct my_conversion : xquant::saturating {};
using my_format = xquant::e5m2::with<my_conversion>;
}  // namespace
template <>
struct xquant::runtime_choice<my_rounding> {
  static constexpr bool matches(const quantizer_description& d) noexcept {
    return d.rounding == rounding_id::first_user_rounding;
  }
  static constexpr my_rounding make(const quantizer_description&) noexcept { return {}; }
};

namespace {

using namespace xquant;  // NOLINT: every line names several

using every_format =
    type_list<stored_integer<std::int8_t>, stored_integer<std::uint8_t>, stored_integer<std::int16_t>,
              stored_integer<std::uint16_t>, stored_integer<std::int32_t>, stored_integer<std::uint32_t>, binary,
              e4m3fn, e5m2, e4m3fnuz, e5m2fnuz, e4m3b11fnuz, e4m3, e3m4, ue4m3, e2m3, e3m2, e2m1, e3m0, e1m2, e0m3,
              binary16, bfloat16_format, e5m3, e8m0, e8m0_format<e8m0_scale, e8m0_nearest::logarithm>,
              minifloat<5, 3, 15, special_values::ieee>, e4m3fn::with<overflowing>, binary16::with<saturating>,
              my_format>;
using every_rounding =
    type_list<nearest_even, nearest_away, stochastic, nearest_up, nearest_down, nearest_to_zero, nearest_odd,
              nearest_dpu, to_odd, toward_zero, toward_positive, toward_negative, additive_noise, my_rounding>;
using every_arithmetic = type_list<divide_by_scale, multiply_by_reciprocal>;
using every_scheme =
    type_list<runtime_scheme, zero_point_before_rounding<runtime_scheme>, symmetric_to_signed_extreme<>,
              symmetric_to_signed_extreme<degenerate::refused>, real_zero_point_affine<>, offset_affine<>,
              offset_affine<degenerate::one, offset_code::lowest>>;

using all_formats = runtime_choices<every_format>;
using all_roundings = runtime_choices<type_list<stored_integer<std::int8_t>, e4m3fn>, every_rounding>;
using all_schemes = runtime_choices<type_list<stored_integer<std::int8_t>, stored_integer<std::int32_t>, e4m3fn>,
                                    type_list<nearest_even>, every_arithmetic, every_scheme>;

// What a description led to: addresses stand for types, so that one instantiation serves all.
template <class T>
inline constexpr char key_of = 0;

struct reached {
  status answer;
  const void* format = nullptr;
  const void* rounding = nullptr;
  const void* scheme = nullptr;
  zero_point_rule rule = zero_point_rule::none;
  std::int64_t lower = 0;
  std::int64_t upper = 0;
  std::uint64_t seed = 0;
  std::uint64_t first_index = 0;
  bool multiplies = false;
};

template <class Choices>
reached reach(const quantizer_description& d) {
  reached r;
  r.answer = with_quantizer<Choices>(d, [&](const auto& q) {
    using type = remove_cvref<decltype(q)>;
    r.format = &key_of<typename type::format_type>;
    r.rounding = &key_of<typename type::rounding_type>;
    r.scheme = &key_of<typename type::scheme_type>;
    r.rule = xquant::detail::zero_point_rule_of<typename type::scheme_type>;
    r.lower = q.lower_code();
    r.upper = q.upper_code();
    r.multiplies = q.arithmetic.multiplies_by_reciprocal;
    if constexpr (is_random_rounding<typename type::rounding_type>) {
      r.seed = q.rounding.seed;
      r.first_index = q.rounding.first_index;
    }
    return status{};
  });
  return r;
}

template <class Expected>
bool reaches_format(const quantizer_description& d) {
  const reached r = reach<all_formats>(d);
  return r.answer.ok() && r.format == &key_of<Expected> && r.lower == Expected{}.lower_code() &&
         r.upper == Expected{}.upper_code();
}
template <class Code>
bool reaches_codes(const quantizer_description& d, std::int64_t lower, std::int64_t upper) {
  const reached r = reach<all_formats>(d);
  return r.answer.ok() && r.format == &key_of<stored_integer<Code>> && r.lower == lower && r.upper == upper;
}
template <class Expected>
bool reaches_rounding(rounding_id id) {
  const reached r = reach<all_roundings>({.rounding = id, .seed = 77, .first_index = 5});
  return r.answer.ok() && r.rounding == &key_of<Expected> && r.seed == (is_random_rounding<Expected> ? 77 : 0) &&
         r.first_index == (is_random_rounding<Expected> ? 5 : 0);
}

const range<float> ranges[] = {{-3.0f, 5.0f},
                               {-7.5f, 0.25f},
                               {2.0f, 3.0f},
                               {-3.0f, -1.0f},
                               {0.0f, 0.0f},
                               {0.0f, 1e-42f},
                               // The zero point a tie, -22.5; the scale 1.45, between sqrt(2) and 1.5.
                               {-9.5f, 42.5f},
                               {-30.0f, 45.4f}};

template <class Scheme>
bool gives_parameters(const quantizer_description& d) {
  bool right = true;
  // More codes below zero than above: their middle is not 0, and half of their number ends in 1/2.
  const basic_quantizer<stored_integer<std::int8_t>, per_tensor, Scheme, nearest_even, divide_by_scale> typed(
      {-32, 20});
  quantizer_description described = d;
  described.bits = 6;
  described.lower = -32;
  described.upper = 20;
  for (const range<float>& r : ranges) {
    const auto expected = typed.parameters_for(r);
    auto found = expected;
    found.scale = -1;
    right = right && try_parameters_for<all_schemes>(described, r, found).ok() && found == expected;
  }
  // What kernels know of a scheme: codes in use, and where the zero point enters.
  const reached r = reach<all_schemes>(described);
  const zero_point_rule rule = xquant::detail::zero_point_rule_of<Scheme>;
  const bool is_by_value = r.scheme == &key_of<runtime_scheme>;
  return right && r.answer.ok() && r.lower == typed.lower_code() && r.upper == typed.upper_code() &&
         r.rule == (is_by_value && rule == zero_point_rule::none ? zero_point_rule::after_rounding : rule);
}

bool same_map(const quantizer_description& d, const shape& s, const parameter_map& expected) {
  parameter_map found;
  if (!granularity_of(d).map(s, found).ok()) return false;
  bool same = found.count == expected.count;
  for (std::size_t i = 0; i < max_rank; ++i)
    same = same && found.stride[i] == expected.stride[i] &&
           (expected.stride[i] == 0 || found.block[i] == expected.block[i]);
  return same;
}
template <class Granularity>
bool same_granularity(const quantizer_description& d, const Granularity& typed) {
  const shape s(6, 4, 70);
  parameter_map expected;
  parameter_map expected_experts;
  quantizer_description experts = d;
  experts.by_expert = true;
  const shape e(2, 6, 4, 70);
  return typed.map(s, expected).ok() && same_map(d, s, expected) &&
         per_expert<Granularity>{typed}.map(e, expected_experts).ok() && same_map(experts, e, expected_experts);
}

template <class Choices>
std::string refusal(const quantizer_description& d) {
  char text[256];
  format_message(reach<Choices>(d).answer, text, sizeof text);
  return text;
}

bool has_bounds(const quantizer_description& d, double lower, double upper) {
  code_bounds codes{7, 7, false};
  return try_code_bounds<all_formats>(d, codes).ok() && codes.lower == lower && codes.upper == upper;
}

TEST_CASE("the ends of the described codes: width, codes of one's own, what the scheme leaves out, small floats") {
  constexpr auto integers = format_id::signed_integer;
  constexpr auto naturals = format_id::unsigned_integer;
  for (int bits = 2; bits <= 32; ++bits) {
    CAPTURE(bits);
    const double half = std::ldexp(1.0, bits - 1);
    CHECK(has_bounds({.format = integers, .bits = bits}, -half, half - 1));
    CHECK(has_bounds({.format = integers, .bits = bits, .scheme = scheme_id::symmetric_narrow}, 1 - half, half - 1));
    CHECK(has_bounds({.format = naturals, .bits = bits}, 0, 2 * half - 1));
    CHECK(has_bounds({.format = naturals, .bits = bits, .scheme = scheme_id::symmetric_narrow}, 0, 2 * half - 1));
  }
  CHECK(has_bounds({.format = integers, .lower = -100, .upper = 100}, -100, 100));
  CHECK(has_bounds({.format = integers, .lower = -120, .upper = 50, .scheme = scheme_id::symmetric_narrow}, -50, 50));
  CHECK(has_bounds({.format = naturals, .lower = 3, .upper = 250, .scheme = scheme_id::affine}, 3, 250));
  CHECK(has_bounds({.format = format_id::ternary}, -1, 1));
  CHECK(has_bounds({.format = format_id::float8e4m3fn}, -448, 448));
  CHECK(has_bounds({.format = format_id::float8e5m2}, -57344, 57344));
  CHECK(has_bounds({.format = format_id::float8e4m3fnuz}, -240, 240));
  CHECK(has_bounds({.format = format_id::float4e2m1}, -6, 6));
  CHECK(has_bounds({.format = format_id::float6e3m2}, -28, 28));
  CHECK(has_bounds({.format = format_id::float8e5m2, .rounding = rounding_id::to_odd}, -57344, 57344));

  code_bounds codes{5, 6, false};
  CHECK(try_code_bounds<>({.format = format_id::float8e5m2}, codes).code == errc::not_compiled);
  CHECK(try_code_bounds<>({.bits = 33}, codes).code == errc::bits_out_of_range);
  CHECK(try_code_bounds<>({.lower = -129, .upper = 3}, codes).code == errc::bits_out_of_range);
  CHECK(try_code_bounds<>({.scheme = scheme_id::real_zero_point_affine}, codes).code == errc::not_compiled);
  CHECK(codes.lower == 5);
  CHECK(codes.upper == 6);
}

}  // namespace

TEST_CASE("every format by its id") {
  using id = format_id;
  CHECK(reaches_format<e4m3fn>({.format = id::float8e4m3fn}));
  CHECK(reaches_format<e5m2>({.format = id::float8e5m2}));
  CHECK(reaches_format<e4m3fnuz>({.format = id::float8e4m3fnuz}));
  CHECK(reaches_format<e5m2fnuz>({.format = id::float8e5m2fnuz}));
  CHECK(reaches_format<e4m3b11fnuz>({.format = id::float8e4m3b11fnuz}));
  CHECK(reaches_format<e4m3>({.format = id::float8e4m3}));
  CHECK(reaches_format<e3m4>({.format = id::float8e3m4}));
  CHECK(reaches_format<ue4m3>({.format = id::float8ue4m3}));
  CHECK(reaches_format<e2m3>({.format = id::float6e2m3}));
  CHECK(reaches_format<e3m2>({.format = id::float6e3m2}));
  CHECK(reaches_format<e2m1>({.format = id::float4e2m1}));
  CHECK(reaches_format<e3m0>({.format = id::float4e3m0}));
  CHECK(reaches_format<e1m2>({.format = id::float4e1m2}));
  CHECK(reaches_format<e0m3>({.format = id::float4e0m3}));
  CHECK(reaches_format<binary16>({.format = id::float16e5m10}));
  CHECK(reaches_format<bfloat16_format>({.format = id::float16e8m7}));
  CHECK(reaches_format<e5m3>({.format = id::float9e5m3}));
  CHECK(reaches_format<e8m0>({.format = id::float8e8m0}));
  CHECK(reaches_format<e8m0_format<e8m0_scale, e8m0_nearest::logarithm>>({.format = id::float8e8m0_logarithm}));
  CHECK(reaches_format<binary>({.format = id::binary}));
  CHECK(reaches_codes<std::int8_t>({.format = id::ternary}, -1, 1));
}

TEST_CASE("integers by their width, and codes of the user's own") {
  using id = format_id;
  for (int bits = 1; bits <= 32; ++bits) {
    const std::int64_t codes = std::int64_t{1} << bits;
    const quantizer_description plus{.format = id::unsigned_integer, .bits = bits};
    const quantizer_description both{.format = id::signed_integer, .bits = bits};
    const auto reaches = [&](auto with_sign, auto without) {
      return reaches_codes<decltype(with_sign)>(both, -codes / 2, codes / 2 - 1) &&
             reaches_codes<decltype(without)>(plus, 0, codes - 1);
    };
    CAPTURE(bits);
    CHECK((bits <= 8    ? reaches(std::int8_t{}, std::uint8_t{})
           : bits <= 16 ? reaches(std::int16_t{}, std::uint16_t{})
                        : reaches(std::int32_t{}, std::uint32_t{})));
  }
  CHECK(reaches_codes<std::int8_t>({.lower = -5, .upper = 6}, -5, 6));
  CHECK(reaches_codes<std::uint32_t>({.format = id::unsigned_integer, .bits = 32, .lower = 7, .upper = 4294967295}, 7,
                                     4294967295));
}

TEST_CASE("small floats by the arguments of their type, and their conversions") {
  using id = format_id;
  const minifloat_description custom{5, 3, 15, special_values::ieee, true};
  CHECK(reaches_format<minifloat<5, 3, 15, special_values::ieee>>({.format = id::minifloat, .minifloat = custom}));
  CHECK(reaches_format<e2m1>({.format = format_id::minifloat, .minifloat = {2, 1, 1, special_values::none, true}}));
  CHECK(reaches_format<e4m3fn::with<overflowing>>(
      {.format = id::float8e4m3fn, .conversion = conversion_id::overflowing}));
  CHECK(reaches_format<binary16::with<saturating>>(
      {.format = id::float16e5m10, .conversion = conversion_id::saturating}));
  CHECK(reaches_format<binary16>({.format = id::float16e5m10, .conversion = conversion_id::overflowing}));
  CHECK(reaches_format<my_format>({.format = id::float8e5m2, .conversion = conversion_id::first_user_conversion}));
}

TEST_CASE("every rounding by its id") {
  CHECK(reaches_rounding<nearest_even>(rounding_id::nearest_even));
  CHECK(reaches_rounding<nearest_away>(rounding_id::nearest_away));
  CHECK(reaches_rounding<stochastic>(rounding_id::stochastic));
  CHECK(reaches_rounding<nearest_up>(rounding_id::nearest_up));
  CHECK(reaches_rounding<nearest_down>(rounding_id::nearest_down));
  CHECK(reaches_rounding<nearest_to_zero>(rounding_id::nearest_to_zero));
  CHECK(reaches_rounding<nearest_odd>(rounding_id::nearest_odd));
  CHECK(reaches_rounding<nearest_dpu>(rounding_id::nearest_dpu));
  CHECK(reaches_rounding<to_odd>(rounding_id::to_odd));
  CHECK(reaches_rounding<toward_zero>(rounding_id::toward_zero));
  CHECK(reaches_rounding<toward_positive>(rounding_id::toward_positive));
  CHECK(reaches_rounding<toward_negative>(rounding_id::toward_negative));
  CHECK(reaches_rounding<additive_noise>(rounding_id::additive_noise));
  CHECK(reaches_rounding<my_rounding>(rounding_id::first_user_rounding));
}

TEST_CASE("every scheme by its id gives the parameters of its type") {
  using id = scheme_id;
  constexpr symmetric_zero middle = symmetric_zero::at_middle_code;
  CHECK(gives_parameters<symmetric<>>({.scheme = id::symmetric}));
  CHECK(gives_parameters<symmetric<code_range::narrow>>({.scheme = id::symmetric_narrow}));
  CHECK(gives_parameters<affine>({.scheme = id::affine}));
  CHECK(gives_parameters<affine_scheme<degenerate::one, range_of_zero::as_given>>({.scheme = id::affine_as_given}));
  CHECK(gives_parameters<nudged_affine<>>({.scheme = id::nudged_affine}));
  CHECK(gives_parameters<nudged_affine<degenerate::one, zero_point_rounding::nearest_away>>(
      {.scheme = id::nudged_affine_away}));
  CHECK(gives_parameters<symmetric_to_half_range<>>({.scheme = id::symmetric_to_half_range}));
  CHECK(gives_parameters<symmetric_to_half_range<degenerate::one, middle>>(
      {.scheme = id::symmetric_to_half_range_at_middle}));
  CHECK(gives_parameters<symmetric_to_upper_code<>>({.scheme = id::symmetric_to_upper_code}));
  CHECK(gives_parameters<symmetric_to_upper_code<degenerate::one, middle>>(
      {.scheme = id::symmetric_to_upper_code_at_middle}));
  CHECK(gives_parameters<symmetric_to_signed_extreme<>>({.scheme = id::symmetric_to_signed_extreme}));
  CHECK(gives_parameters<real_zero_point_affine<>>({.scheme = id::real_zero_point_affine}));
  CHECK(gives_parameters<offset_affine<>>({.scheme = id::offset_affine}));
  CHECK(gives_parameters<offset_affine<degenerate::one, offset_code::lowest>>({.scheme = id::offset_affine_lowest}));
  CHECK(gives_parameters<zero_point_before_rounding<>>({.scheme = id::affine, .zero_point_before_rounding = true}));
}

TEST_CASE("degenerate scales and powers of two by value") {
  using floor_23 = degenerate::at_least<degenerate::two_to_the<-23>>;
  CHECK(gives_parameters<affine_scheme<floor_23>>(
      {.scheme = scheme_id::affine, .degenerate = degenerate_id::at_least_two_to_the_minus_23}));
  CHECK(gives_parameters<symmetric<code_range::full, degenerate::at_least<degenerate::smallest_normal>>>(
      {.degenerate = degenerate_id::at_least_smallest_normal}));
  CHECK(gives_parameters<symmetric<code_range::full, degenerate::zero_output<>>>(
      {.degenerate = degenerate_id::zero_output}));
  CHECK(gives_parameters<affine_scheme<degenerate::refused>>(
      {.scheme = scheme_id::affine, .degenerate = degenerate_id::refused}));
  CHECK(gives_parameters<symmetric_to_signed_extreme<degenerate::refused>>(
      {.scheme = scheme_id::symmetric_to_signed_extreme, .degenerate = degenerate_id::refused}));
  CHECK(gives_parameters<power_of_two_scale<>>({.power_of_two = power_of_two_id::up}));
  CHECK(gives_parameters<power_of_two_scale<affine, exponent_rounding::down>>(
      {.scheme = scheme_id::affine, .power_of_two = power_of_two_id::down}));
  CHECK(gives_parameters<power_of_two_scale<affine, exponent_rounding::nearest>>(
      {.scheme = scheme_id::affine, .power_of_two = power_of_two_id::nearest}));
  CHECK(gives_parameters<power_of_two_scale<nudged_affine<>, exponent_rounding::nearest_in_log2>>(
      {.scheme = scheme_id::nudged_affine, .power_of_two = power_of_two_id::nearest_in_log2}));
}

TEST_CASE("every granularity by value has the slots of its type, for an expert too") {
  CHECK(same_granularity({}, per_tensor{}));
  CHECK(same_granularity({.per_axis = true, .axis = -2}, per_axis<1>{}));
  CHECK(same_granularity({.granularity = granularity_id::axes, .axes = per_axes<>{0, -1}}, per_axes<0, 2>{}));
  CHECK(same_granularity({.granularity = granularity_id::group, .group = {32, 2}}, per_group<32>{}));
  CHECK(same_granularity({.granularity = granularity_id::block, .block = per_block<>{3, 32}}, per_block<3, 32>{}));
  CHECK(same_granularity({.granularity = granularity_id::token}, per_token{}));
  parameter_map map;
  const auto refused = [&](const quantizer_description& d) { return granularity_of(d).map(shape(2, 3), map).code; };
  CHECK(refused({.per_axis = true, .axis = 2}) == errc::axis_out_of_range);
  CHECK(refused({.granularity = granularity_id::group, .group = {0, 0}}) == errc::value_out_of_range);
  CHECK(refused({.granularity = static_cast<granularity_id>(99)}) == errc::unsupported);
}

TEST_CASE("codes of 32 bits and elements of 16 by description, and arithmetics") {
  const std::vector<float> wide = {1.5f, -2.5f, 1e9f, -70000.0f};
  std::vector<bfloat16> x;
  for (const float v : wide) x.push_back(bfloat16(v));
  const shape s(4);
  std::vector<std::int32_t> codes(4);
  std::vector<std::int32_t> expected(4);
  const tensor_view<const bfloat16> in(x.data(), s);
  REQUIRE(try_quantize<all_formats>({.bits = 20, .scheme = scheme_id::affine}, parameters(1.0f, 3), in,
                                    tensor_view<std::int32_t>(codes.data(), s))
              .ok());
  quantize(quantizer<integer<20, true>, affine>{}, parameters(1.0f, 3), in,
           tensor_view<std::int32_t>(expected.data(), s));
  CHECK(codes == expected);
  std::vector<bfloat16> back(4);
  REQUIRE(try_dequantize<all_formats>({.bits = 20}, parameters(1.0f), tensor_view<const std::int32_t>(codes.data(), s),
                                      tensor_view<bfloat16>(back.data(), s))
              .ok());
  CHECK(back[0] == 5.0f);
  for (const auto id : {arithmetic_id::divide_by_scale, arithmetic_id::multiply_by_reciprocal}) {
    const reached r = reach<all_schemes>({.arithmetic = id});
    CHECK(r.answer.ok());
    CHECK(r.multiplies == (id == arithmetic_id::multiply_by_reciprocal));
  }
}

TEST_CASE("a rule for degenerate scales, or powers of two, that there is not") {
  const reached degenerate = reach<all_schemes>({.degenerate = static_cast<degenerate_id>(9)});
  CHECK(degenerate.answer.code == errc::not_compiled);
  CHECK(std::string(degenerate.answer.argument) == "degenerate");
  CHECK(degenerate.answer.value == 9);
  const reached power = reach<all_schemes>({.scheme = scheme_id::affine,
                                            .power_of_two = static_cast<power_of_two_id>(5),
                                            .zero_point_before_rounding = true});
  CHECK(power.answer.code == errc::not_compiled);
  CHECK(std::string(power.answer.argument) == "power_of_two");
  CHECK(power.answer.value == 5);
  // Schemes of one type have no powers of two but of their own.
  const quantizer_description extreme{.scheme = scheme_id::symmetric_to_signed_extreme,
                                      .power_of_two = power_of_two_id::up};
  CHECK(reach<all_schemes>(extreme).answer.code == errc::not_compiled);
}

TEST_CASE("what was not compiled is named") {
  using few = runtime_choices<>;
  const std::string tail = "combination not compiled into this program; expected ";
  const std::string end = " among the runtime_choices of this program";
  CHECK(refusal<few>({.format = format_id::float8e5m2}) == "xquant: format = 5: " + tail + "float8e5m2" + end);
  CHECK(refusal<few>({.format = format_id::first_user_format}) ==
        "xquant: format = 1024: " + tail + "a format of the user's own" + end);
  CHECK(refusal<few>({.bits = 12}) == "xquant: bits = 12: " + tail + "signed integers of this width" + end);
  CHECK(refusal<few>({.format = format_id::unsigned_integer, .bits = 31}) ==
        "xquant: bits = 31: " + tail + "unsigned integers of this width" + end);
  CHECK(refusal<all_formats>({.format = format_id::float8e5m2, .conversion = conversion_id::saturating_finite}) ==
        "xquant: conversion = 2: " + tail + "this format with this conversion" + end);
  CHECK(refusal<all_formats>({.format = format_id::minifloat, .minifloat = {3, 3, 1, special_values::fn, true}}) ==
        "xquant: minifloat.exponent_bits = 3: " + tail + "a minifloat of these arguments" + end);
  CHECK(refusal<few>({.scheme = scheme_id::offset_affine}) == "xquant: scheme = 12: " + tail + "offset_affine" + end);
  CHECK(refusal<few>({.scheme = scheme_id::affine, .zero_point_before_rounding = true}) ==
        "xquant: zero_point_before_rounding = 1: " + tail + "zero_point_before_rounding<runtime_scheme>" + end);
  CHECK(refusal<few>({.rounding = rounding_id::nearest_dpu}) == "xquant: rounding = 7: " + tail + "nearest_dpu" + end);
  CHECK(refusal<few>({.arithmetic = arithmetic_id::multiply_by_reciprocal}) ==
        "xquant: arithmetic = 1: " + tail + "multiply_by_reciprocal" + end);
  // One type of this scheme is compiled, with two of the degenerate policies.
  CHECK(refusal<all_schemes>(
            {.scheme = scheme_id::symmetric_to_signed_extreme, .degenerate = degenerate_id::zero_output}) ==
        "xquant: scheme = 10: " + tail + "symmetric_to_signed_extreme" + end);
  CHECK(std::string(name_of(rounding_id::toward_zero)) == "toward_zero");
  CHECK(std::string(name_of(arithmetic_id::first_user_arithmetic)) == "an arithmetic of the user's own");
}

TEST_CASE("by description: refused before the work, with exceptions, and done") {
  using few = runtime_choices<>;
  const std::vector<float> x = {0.6f, -7.0f};
  const tensor_view<const float> in(x.data(), shape(2));
  std::vector<std::int8_t> codes(2, 7);
  std::vector<std::int16_t> wider(2);
  std::vector<float> y(2, 7.0f);
  const tensor_view<std::int8_t> out(codes.data(), shape(2));
  const tensor_view<float> reals(y.data(), shape(2));
  const quantizer_description d{.bits = 3};
  const quantizer_description small_float{.format = format_id::float8e4m3fn};
  const parameters p(0.5f);
  const parameters two(std::vector<float>{1.0f, 2.0f});

  CHECK(validate_quantize<few>(d, p, in, out).ok());
  CHECK(validate_dequantize<few>(d, p, out, reals).ok());
  CHECK(validate_fake_quantize<few>(d, p, in, reals).ok());
  CHECK(validate_quantize<few>(d, two, in, out).code == errc::parameter_count);
  CHECK(validate_dequantize<few>(d, two, out, reals).code == errc::parameter_count);
  CHECK(validate_fake_quantize<few>(d, two, in, reals).code == errc::parameter_count);
  CHECK(validate_quantize<few>(d, p, in, tensor_view<std::int16_t>(wider.data(), shape(2))).code == errc::unsupported);
  CHECK(validate_fake_quantize(small_float, p, in, reals).code == errc::not_compiled);
  CHECK_THROWS_AS(quantize<few>(small_float, p, in, out), error);
  CHECK_THROWS_AS(dequantize<few>(d, two, out, reals), error);
  CHECK_THROWS_AS(fake_quantize<few>(d, two, in, reals), error);
  CHECK(codes == std::vector<std::int8_t>{7, 7});
  CHECK(y == std::vector<float>{7.0f, 7.0f});

  quantize<few>(d, p, in, out);
  CHECK(codes == std::vector<std::int8_t>{1, -4});
  dequantize<few>(d, p, out, reals);
  CHECK(y == std::vector<float>{0.5f, -2.0f});
  y = {7.0f, 7.0f};
  fake_quantize(d, p, in, reals);
  CHECK(y == std::vector<float>{0.5f, -2.0f});
}

TEST_CASE("what no program can compile is refused") {
  using all = all_schemes;
  for (const int bits : {-1, 0, 33, 1000}) {
    CHECK(refusal<all>({.bits = bits}).find("bit width out of range; expected 1 to 32 bits") != std::string::npos);
  }
  CHECK(refusal<all>({.bits = 4, .lower = -9, .upper = 3}).find("lower = -9:") != std::string::npos);
  CHECK(refusal<all>({.bits = 4, .lower = -8, .upper = 8}).find("upper = 8:") != std::string::npos);
  const std::string no_zero_point = "scheme = 2: unsupported; expected a symmetric scheme for this format";
  CHECK(refusal<all>({.format = format_id::float8e4m3fn, .scheme = scheme_id::affine}) == "xquant: " + no_zero_point);
  CHECK(refusal<all>({.bits = 32, .scheme = scheme_id::real_zero_point_affine}).find("scheme = 11: unsupported") !=
        std::string::npos);
  CHECK(refusal<all>({.bits = 32, .scheme = scheme_id::affine, .zero_point_before_rounding = true})
            .find("scheme = 2: unsupported") != std::string::npos);
  CHECK(refusal<all_roundings>({.format = format_id::float8e4m3fn, .rounding = rounding_id::additive_noise})
            .find("rounding = 12: unsupported") != std::string::npos);
  const std::vector<float> x(2);
  std::vector<std::int8_t> codes(2, 7);
  const tensor_view<const float> in(x.data(), shape(2));
  CHECK(try_quantize<all_roundings>({.rounding = rounding_id::additive_noise}, parameters(1.0f), in,
                                    tensor_view<std::int8_t>(codes.data(), shape(2)))
            .code == errc::unsupported);
  scale_and_zero_point<float> out;
  CHECK(try_parameters_for<all>({.scheme = scheme_id::offset_affine}, ranges[0], out).code == errc::unsupported);
  CHECK(codes[0] == 7);
}
