// The run-time form: every id reaches its type with the values of the description, and every refusal is named.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <xquant/message.hpp>
#include <xquant/parameters.hpp>
#include <xquant/runtime.hpp>

#include <cmath>
#include <string>

// A format, a rounding and a conversion of a user's own.
namespace {
struct my_rounding : xquant::nearest_even {};
struct my_conversion : xquant::saturating {};
using my_format = xquant::e5m2::with<my_conversion>;
}  // namespace
template <>
inline constexpr xquant::rounding_id xquant::id_of<my_rounding>{xquant::first_user_id, "my_rounding"};
template <>
inline constexpr xquant::conversion_id xquant::id_of<my_conversion>{xquant::first_user_id, "my_conversion"};

// A scheme and a granularity of the user's own: an id, and nothing else that the library has to know.
namespace {
struct widest_scale {
  using policy_category = xquant::category::scheme;
  static constexpr bool has_zero_point = false;
  static constexpr std::int32_t lowest_code(std::int32_t lower, std::int32_t) noexcept { return lower; }
  template <class Real>
  static constexpr xquant::scale_and_zero_point<Real> parameters(const xquant::range<Real>& r,
                                                                 const xquant::code_bounds&) noexcept {
    return {r.maximum, 0};
  }
};
struct rows_of_rows {
  using policy_category = xquant::category::granularity;
  std::size_t rows = 1;
  constexpr xquant::status map(const xquant::shape& s, xquant::parameter_map& out) const noexcept {
    return xquant::per_block<>{rows, xquant::whole_axis}.map(s, out);
  }
};
}  // namespace
template <>
inline constexpr xquant::scheme_id xquant::id_of<widest_scale>{xquant::first_user_id + 1, "widest_scale"};
template <>
inline constexpr xquant::granularity_id xquant::id_of<rows_of_rows>{xquant::first_user_id, "rows_of_rows"};

namespace {

using namespace xquant;  // NOLINT: every line names several

using every_format = joined_types<standard_choices::formats,
                                  type_list<minifloat<4, 3, 9, special_values::ieee>, e4m3fn::with<overflowing>,
                                            binary16::with<saturating>, my_format>>;
using every_rounding = joined_types<standard_choices::roundings, type_list<my_rounding>>;
using every_arithmetic = standard_choices::arithmetics;
using every_scheme =
    joined_types<standard_choices::schemes, type_list<symmetric_to_signed_extreme<degenerate::refused>, widest_scale>>;

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
  if (!d.granularity.map(s, found).ok()) return false;
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
  experts.granularity = per_expert<granularity_description>{d.granularity};
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
  constexpr auto integers = signed_integer;
  constexpr auto naturals = unsigned_integer;
  for (int bits = 2; bits <= 32; ++bits) {
    CAPTURE(bits);
    const double half = std::ldexp(1.0, bits - 1);
    CHECK(has_bounds({.format = integers, .bits = bits}, -half, half - 1));
    CHECK(has_bounds({.format = integers, .bits = bits, .scheme = id_of<symmetric<code_range::narrow>>}, 1 - half,
                     half - 1));
    CHECK(has_bounds({.format = naturals, .bits = bits}, 0, 2 * half - 1));
    CHECK(has_bounds({.format = naturals, .bits = bits, .scheme = id_of<symmetric<code_range::narrow>>}, 0,
                     2 * half - 1));
  }
  CHECK(has_bounds({.format = integers, .lower = -100, .upper = 100}, -100, 100));
  CHECK(has_bounds({.format = integers, .lower = -120, .upper = 50, .scheme = id_of<symmetric<code_range::narrow>>},
                   -50, 50));
  CHECK(has_bounds({.format = naturals, .lower = 3, .upper = 250, .scheme = id_of<affine>}, 3, 250));
  CHECK(has_bounds({.format = id_of<ternary>}, -1, 1));
  CHECK(has_bounds({.format = id_of<e4m3fn>}, -448, 448));
  CHECK(has_bounds({.format = id_of<e5m2>}, -57344, 57344));
  CHECK(has_bounds({.format = id_of<e4m3fnuz>}, -240, 240));
  CHECK(has_bounds({.format = id_of<e2m1>}, -6, 6));
  CHECK(has_bounds({.format = id_of<e3m2>}, -28, 28));
  CHECK(has_bounds({.format = id_of<e5m2>, .rounding = id_of<to_odd>}, -57344, 57344));

  code_bounds codes{5, 6, false};
  CHECK(try_code_bounds<>({.format = id_of<e5m2>}, codes).code == errc::not_compiled);
  CHECK(try_code_bounds<>({.bits = 33}, codes).code == errc::bits_out_of_range);
  CHECK(try_code_bounds<>({.lower = -129, .upper = 3}, codes).code == errc::bits_out_of_range);
  CHECK(try_code_bounds<>({.scheme = id_of<real_zero_point_affine<>>}, codes).code == errc::not_compiled);
  CHECK(codes.lower == 5);
  CHECK(codes.upper == 6);
}

}  // namespace

TEST_CASE("ids keep their numbers and names") {
  const struct {
    format_id id;
    std::uint16_t number;
    const char* name;
  } formats[] = {{signed_integer, 0, "signed_integer"},
                 {unsigned_integer, 1, "unsigned_integer"},
                 {id_of<e4m3fn>, 2, "float8e4m3fn"},
                 {id_of<binary>, 3, "binary"},
                 {id_of<ternary>, 4, "ternary"},
                 {id_of<e5m2>, 5, "float8e5m2"},
                 {id_of<e4m3fnuz>, 6, "float8e4m3fnuz"},
                 {id_of<e5m2fnuz>, 7, "float8e5m2fnuz"},
                 {id_of<e4m3b11fnuz>, 8, "float8e4m3b11fnuz"},
                 {id_of<e4m3>, 9, "float8e4m3"},
                 {id_of<e3m4>, 10, "float8e3m4"},
                 {id_of<ue4m3>, 11, "float8ue4m3"},
                 {id_of<e2m3>, 12, "float6e2m3"},
                 {id_of<e3m2>, 13, "float6e3m2"},
                 {id_of<e2m1>, 14, "float4e2m1"},
                 {id_of<e3m0>, 15, "float4e3m0"},
                 {id_of<e1m2>, 16, "float4e1m2"},
                 {id_of<e0m3>, 17, "float4e0m3"},
                 {id_of<binary16>, 18, "float16e5m10"},
                 {id_of<bfloat16_format>, 19, "float16e8m7"},
                 {id_of<e8m0>, 20, "float8e8m0"},
                 {id_of<e8m0::nearest_logarithm>, 21, "float8e8m0_logarithm"},
                 {minifloat_of_arguments, 22, "minifloat"},
                 {id_of<e5m3>, 23, "float9e5m3"}};
  for (const auto& f : formats) {
    CAPTURE(f.name);
    CHECK(f.id.number == f.number);
    CHECK(std::string(f.id.name) == f.name);
  }
  const char* const schemes[] = {"symmetric",
                                 "symmetric_narrow",
                                 "affine",
                                 "affine_as_given",
                                 "nudged_affine",
                                 "nudged_affine_away",
                                 "symmetric_to_half_range",
                                 "symmetric_to_half_range_at_middle",
                                 "symmetric_to_upper_code",
                                 "symmetric_to_upper_code_at_middle",
                                 "symmetric_to_signed_extreme",
                                 "real_zero_point_affine",
                                 "offset_affine",
                                 "offset_affine_lowest",
                                 "affine_rounding_sum",
                                 "affine_rounding_sum_of_rounded_width"};
  const char* const roundings[] = {"nearest_even",    "nearest_away",    "stochastic",    "nearest_up", "nearest_down",
                                   "nearest_to_zero", "nearest_odd",     "nearest_dpu",   "to_odd",     "toward_zero",
                                   "toward_positive", "toward_negative", "additive_noise"};
  const char* const arithmetics[] = {"divide_by_scale", "multiply_by_reciprocal"};
  const char* const degenerate[] = {"one", "at_least_two_to_the_minus_23", "at_least_smallest_normal", "zero_output",
                                    "refused"};
  // Each is found in the list of its kind by its number alone.
  const auto finds_all = []<class List, std::size_t N>(List, auto id, const char* const(&names)[N]) {
    for (std::size_t i = 0; i < N; ++i) {
      id.number = static_cast<std::uint16_t>(i);
      std::string found;
      xquant::detail::type_by_id<List>::visit(id, [&]<class T>(xquant::detail::type_of<T>) { found = id_of<T>.name; });
      CAPTURE(names[i]);
      CHECK(found == names[i]);
    }
    CHECK(List::size == N);
  };
  finds_all(standard_schemes{}, scheme_id{}, schemes);
  finds_all(standard_roundings{}, rounding_id{}, roundings);
  finds_all(standard_arithmetics{}, arithmetic_id{}, arithmetics);
  finds_all(standard_degenerate_scales{}, degenerate_id{}, degenerate);
  // An id is not inherited.
  struct derived : nearest_away {};
  static_assert(!HasId<derived> && HasId<nearest_away> && !HasId<power_of_two_scale<symmetric<>>>);
}

TEST_CASE("a scheme and a granularity of the user's own by value") {
  const quantizer_description d{.granularity = rows_of_rows{2}, .scheme = id_of<widest_scale>};
  scale_and_zero_point<float> slot{};
  REQUIRE(try_parameters_for<all_schemes>(d, range<float>{-1, 3}, slot).ok());
  CHECK(slot == scale_and_zero_point<float>{3, 0});
  CHECK(reach<all_schemes>(d).scheme == &key_of<widest_scale>);
  CHECK(same_granularity(d, per_block<3, 2, whole_axis>{}) == false);  // other blocks
  CHECK(same_granularity(d, rows_of_rows{2}));
  static_assert(granularity_description(rows_of_rows{2}) == granularity_description(rows_of_rows{2}) &&
                granularity_description(rows_of_rows{2}) != granularity_description(rows_of_rows{3}));
  static_assert(granularity_description(rows_of_rows{2}).as<rows_of_rows>().rows == 2);
  CHECK(std::string(d.granularity.id().name) == "rows_of_rows");
}

TEST_CASE("a granularity in a type and the same by value are one value") {
  using g = granularity_description;
  static_assert(g() == g(per_tensor{}) && g().is<per_tensor>() && !g().is<per_axis<>>());
  static_assert(g(per_axis<1>{}) == g(per_axis<>{1}) && g(per_axis<1>{}) != g(per_axis<>{0}));
  static_assert(g(per_axes<0, 2>{}) == g(per_axes<>{0, 2}) && g(per_axes<0, 2>{}) != g(per_axes<>{0}));
  static_assert(g(per_group<32>{}) == g(per_group<>{32, -1}) && g(per_group<32, 0>{}).as<per_group<>>().axis == 0);
  static_assert(g(per_block<2, 3>{}) == g(per_block<>{2, 3}) && g(per_block<2, 3>{}) != g(per_block<>{3, 2}));
  static_assert(g(per_token{}) != g(per_tensor{}));
  static_assert(g(per_expert<per_axis<1>>{}) == g(per_expert<per_axis<>>{{1}}) &&
                g(per_expert<per_axis<1>>{}) != g(per_axis<1>{}) && !g(per_expert<per_axis<1>>{}).is<per_axis<>>() &&
                g(per_expert<per_expert<>>{}).experts() == 2);
  static_assert(is_per_tensor_or_axis(per_axis<0>{}) && !is_per_tensor_or_axis(per_expert<>{}) &&
                axis_of(per_axis<>{-1}, 3) == 2 && axis_of(per_axis<>{1}, 3) == 1);
  static_assert(Granularity<g>);
}

TEST_CASE("every format by its id") {
  CHECK(reaches_format<e4m3fn>({.format = id_of<e4m3fn>}));
  CHECK(reaches_format<e5m2>({.format = id_of<e5m2>}));
  CHECK(reaches_format<e4m3fnuz>({.format = id_of<e4m3fnuz>}));
  CHECK(reaches_format<e5m2fnuz>({.format = id_of<e5m2fnuz>}));
  CHECK(reaches_format<e4m3b11fnuz>({.format = id_of<e4m3b11fnuz>}));
  CHECK(reaches_format<e4m3>({.format = id_of<e4m3>}));
  CHECK(reaches_format<e3m4>({.format = id_of<e3m4>}));
  CHECK(reaches_format<ue4m3>({.format = id_of<ue4m3>}));
  CHECK(reaches_format<e2m3>({.format = id_of<e2m3>}));
  CHECK(reaches_format<e3m2>({.format = id_of<e3m2>}));
  CHECK(reaches_format<e2m1>({.format = id_of<e2m1>}));
  CHECK(reaches_format<e3m0>({.format = id_of<e3m0>}));
  CHECK(reaches_format<e1m2>({.format = id_of<e1m2>}));
  CHECK(reaches_format<e0m3>({.format = id_of<e0m3>}));
  CHECK(reaches_format<binary16>({.format = id_of<binary16>}));
  CHECK(reaches_format<bfloat16_format>({.format = id_of<bfloat16_format>}));
  CHECK(reaches_format<e5m3>({.format = id_of<e5m3>}));
  CHECK(reaches_format<e8m0>({.format = id_of<e8m0>}));
  CHECK(reaches_format<e8m0_format<e8m0_scale, e8m0_nearest::logarithm>>({.format = id_of<e8m0::nearest_logarithm>}));
  CHECK(reaches_format<binary>({.format = id_of<binary>}));
  CHECK(reaches_codes<std::int8_t>({.format = id_of<ternary>}, -1, 1));
}

TEST_CASE("integers by their width, and codes of the user's own") {
  for (int bits = 1; bits <= 32; ++bits) {
    const std::int64_t codes = std::int64_t{1} << bits;
    const quantizer_description plus{.format = unsigned_integer, .bits = bits};
    const quantizer_description both{.format = signed_integer, .bits = bits};
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
  CHECK(reaches_codes<std::uint32_t>({.format = unsigned_integer, .bits = 32, .lower = 7, .upper = 4294967295}, 7,
                                     4294967295));
}

TEST_CASE("small floats by the arguments of their type, and their conversions") {
  const minifloat_description custom{4, 3, 9, special_values::ieee, true};
  CHECK(reaches_format<minifloat<4, 3, 9, special_values::ieee>>(
      {.format = minifloat_of_arguments, .minifloat = custom}));
  CHECK(reaches_format<e2m1>({.format = minifloat_of_arguments, .minifloat = {2, 1, 1, special_values::none, true}}));
  CHECK(reaches_format<e4m3fn::with<overflowing>>({.format = id_of<e4m3fn>, .conversion = id_of<overflowing>}));
  CHECK(reaches_format<binary16::with<saturating>>({.format = id_of<binary16>, .conversion = id_of<saturating>}));
  CHECK(reaches_format<binary16>({.format = id_of<binary16>, .conversion = id_of<overflowing>}));
  CHECK(reaches_format<my_format>({.format = id_of<e5m2>, .conversion = id_of<my_conversion>}));
}

TEST_CASE("every rounding by its id") {
  CHECK(reaches_rounding<nearest_even>(id_of<nearest_even>));
  CHECK(reaches_rounding<nearest_away>(id_of<nearest_away>));
  CHECK(reaches_rounding<stochastic>(id_of<stochastic>));
  CHECK(reaches_rounding<nearest_up>(id_of<nearest_up>));
  CHECK(reaches_rounding<nearest_down>(id_of<nearest_down>));
  CHECK(reaches_rounding<nearest_to_zero>(id_of<nearest_to_zero>));
  CHECK(reaches_rounding<nearest_odd>(id_of<nearest_odd>));
  CHECK(reaches_rounding<nearest_dpu>(id_of<nearest_dpu>));
  CHECK(reaches_rounding<to_odd>(id_of<to_odd>));
  CHECK(reaches_rounding<toward_zero>(id_of<toward_zero>));
  CHECK(reaches_rounding<toward_positive>(id_of<toward_positive>));
  CHECK(reaches_rounding<toward_negative>(id_of<toward_negative>));
  CHECK(reaches_rounding<additive_noise>(id_of<additive_noise>));
  CHECK(reaches_rounding<my_rounding>(id_of<my_rounding>));
}

TEST_CASE("every scheme by its id gives the parameters of its type") {
  constexpr symmetric_zero middle = symmetric_zero::at_middle_code;
  CHECK(gives_parameters<symmetric<>>({.scheme = id_of<symmetric<>>}));
  CHECK(gives_parameters<symmetric<code_range::narrow>>({.scheme = id_of<symmetric<code_range::narrow>>}));
  CHECK(gives_parameters<affine>({.scheme = id_of<affine>}));
  CHECK(gives_parameters<affine_scheme<degenerate::one, range_of_zero::as_given>>(
      {.scheme = id_of<affine_scheme<degenerate::one, range_of_zero::as_given>>}));
  CHECK(gives_parameters<nudged_affine<>>({.scheme = id_of<nudged_affine<>>}));
  CHECK(gives_parameters<nudged_affine<degenerate::one, zero_point_rounding::nearest_away>>(
      {.scheme = id_of<nudged_affine<degenerate::one, zero_point_rounding::nearest_away>>}));
  CHECK(gives_parameters<symmetric_to_half_range<>>({.scheme = id_of<symmetric_to_half_range<>>}));
  CHECK(gives_parameters<symmetric_to_half_range<degenerate::one, middle>>(
      {.scheme = id_of<symmetric_to_half_range<degenerate::one, symmetric_zero::at_middle_code>>}));
  CHECK(gives_parameters<symmetric_to_upper_code<>>({.scheme = id_of<symmetric_to_upper_code<>>}));
  CHECK(gives_parameters<symmetric_to_upper_code<degenerate::one, middle>>(
      {.scheme = id_of<symmetric_to_upper_code<degenerate::one, symmetric_zero::at_middle_code>>}));
  CHECK(gives_parameters<symmetric_to_signed_extreme<>>({.scheme = id_of<symmetric_to_signed_extreme<>>}));
  CHECK(gives_parameters<real_zero_point_affine<>>({.scheme = id_of<real_zero_point_affine<>>}));
  CHECK(gives_parameters<offset_affine<>>({.scheme = id_of<offset_affine<>>}));
  CHECK(gives_parameters<offset_affine<degenerate::one, offset_code::lowest>>(
      {.scheme = id_of<offset_affine<degenerate::one, offset_code::lowest>>}));
  CHECK(gives_parameters<zero_point_before_rounding<>>({.scheme = id_of<affine>, .zero_point_before_rounding = true}));
}

TEST_CASE("degenerate scales and powers of two by value") {
  using floor_23 = degenerate::at_least<degenerate::two_to_the<-23>>;
  CHECK(gives_parameters<affine_scheme<floor_23>>(
      {.scheme = id_of<affine>, .degenerate = id_of<degenerate::at_least<degenerate::two_to_the<-23>>>}));
  CHECK(gives_parameters<symmetric<code_range::full, degenerate::at_least<degenerate::smallest_normal>>>(
      {.degenerate = id_of<degenerate::at_least<degenerate::smallest_normal>>}));
  CHECK(gives_parameters<symmetric<code_range::full, degenerate::zero_output<>>>(
      {.degenerate = id_of<degenerate::zero_output<>>}));
  CHECK(gives_parameters<affine_scheme<degenerate::refused>>(
      {.scheme = id_of<affine>, .degenerate = id_of<degenerate::refused>}));
  CHECK(gives_parameters<symmetric_to_signed_extreme<degenerate::refused>>(
      {.scheme = id_of<symmetric_to_signed_extreme<>>, .degenerate = id_of<degenerate::refused>}));
  CHECK(gives_parameters<power_of_two_scale<>>({.power_of_two = power_of_two_id::up}));
  CHECK(gives_parameters<power_of_two_scale<affine, exponent_rounding::down>>(
      {.scheme = id_of<affine>, .power_of_two = power_of_two_id::down}));
  CHECK(gives_parameters<power_of_two_scale<affine, exponent_rounding::nearest>>(
      {.scheme = id_of<affine>, .power_of_two = power_of_two_id::nearest}));
  CHECK(gives_parameters<power_of_two_scale<nudged_affine<>, exponent_rounding::nearest_in_log2>>(
      {.scheme = id_of<nudged_affine<>>, .power_of_two = power_of_two_id::nearest_in_log2}));
}

TEST_CASE("every granularity by value has the slots of its type, for an expert too") {
  CHECK(same_granularity({}, per_tensor{}));
  CHECK(same_granularity({.granularity = per_axis<>{-2}}, per_axis<1>{}));
  CHECK(same_granularity({.granularity = per_axes<>{0, -1}}, per_axes<0, 2>{}));
  CHECK(same_granularity({.granularity = per_group<>{32, 2}}, per_group<32>{}));
  CHECK(same_granularity({.granularity = per_block<>{3, 32}}, per_block<3, 32>{}));
  CHECK(same_granularity({.granularity = per_token{}}, per_token{}));
  parameter_map map;
  const auto refused = [&](const quantizer_description& d) { return d.granularity.map(shape(2, 3), map).code; };
  CHECK(refused({.granularity = per_axis<>{2}}) == errc::axis_out_of_range);
  CHECK(refused({.granularity = per_group<>{0, 0}}) == errc::value_out_of_range);
  CHECK(refused({.granularity = per_expert<per_axis<>>{{1}}}) == errc::axis_out_of_range);
}

TEST_CASE("codes of 32 bits and elements of 16 by description, and arithmetics") {
  const std::vector<float> wide = {1.5f, -2.5f, 1e9f, -70000.0f};
  std::vector<bfloat16> x;
  for (const float v : wide) x.push_back(bfloat16(v));
  const shape s(4);
  std::vector<std::int32_t> codes(4);
  std::vector<std::int32_t> expected(4);
  const tensor_view<const bfloat16> in(x.data(), s);
  REQUIRE(try_quantize<all_formats>(quantizer_description{.bits = 20, .scheme = id_of<affine>}, parameters(1.0f, 3), in,
                                    tensor_view<std::int32_t>(codes.data(), s))
              .ok());
  quantize(quantizer<integer<20, true>, affine>{}, parameters(1.0f, 3), in,
           tensor_view<std::int32_t>(expected.data(), s));
  CHECK(codes == expected);
  std::vector<bfloat16> back(4);
  REQUIRE(try_dequantize<all_formats>(quantizer_description{.bits = 20}, parameters(1.0f),
                                      tensor_view<const std::int32_t>(codes.data(), s),
                                      tensor_view<bfloat16>(back.data(), s))
              .ok());
  CHECK(back[0] == 5.0f);
  for (const auto id : {id_of<divide_by_scale>, id_of<multiply_by_reciprocal>}) {
    const reached r = reach<all_schemes>({.arithmetic = id});
    CHECK(r.answer.ok());
    CHECK(r.multiplies == (id == id_of<multiply_by_reciprocal>));
  }
}

TEST_CASE("a rule for degenerate scales, or powers of two, that there is not") {
  const reached degenerate = reach<all_schemes>({.degenerate = degenerate_id{9}});
  CHECK(degenerate.answer.code == errc::not_compiled);
  CHECK(std::string(degenerate.answer.argument) == "degenerate");
  CHECK(degenerate.answer.value == 9);
  const reached power = reach<all_schemes>(
      {.scheme = id_of<affine>, .power_of_two = static_cast<power_of_two_id>(5), .zero_point_before_rounding = true});
  CHECK(power.answer.code == errc::not_compiled);
  CHECK(std::string(power.answer.argument) == "power_of_two");
  CHECK(power.answer.value == 5);
  // Schemes of one type have no powers of two but of their own.
  const quantizer_description extreme{.scheme = id_of<symmetric_to_signed_extreme<>>,
                                      .power_of_two = power_of_two_id::up};
  CHECK(reach<all_schemes>(extreme).answer.code == errc::not_compiled);
}

TEST_CASE("what was not compiled is named") {
  using few = runtime_choices<>;
  const std::string tail = "combination not compiled into this program; expected ";
  const std::string end = " among the runtime_choices of this program";
  CHECK(refusal<few>({.format = id_of<e5m2>}) == "xquant: format = 5: " + tail + "float8e5m2" + end);
  CHECK(refusal<few>({.format = format_id{first_user_id}}) ==
        "xquant: format = 1024: " + tail + "what has this number" + end);
  CHECK(refusal<few>({.bits = 12}) == "xquant: bits = 12: " + tail + "signed integers of this width" + end);
  CHECK(refusal<few>({.format = unsigned_integer, .bits = 31}) ==
        "xquant: bits = 31: " + tail + "unsigned integers of this width" + end);
  CHECK(refusal<all_formats>({.format = id_of<e5m2>, .conversion = id_of<saturating_finite>}) ==
        "xquant: conversion = 2: " + tail + "this format with this conversion" + end);
  CHECK(refusal<all_formats>({.format = minifloat_of_arguments, .minifloat = {3, 3, 1, special_values::fn, true}}) ==
        "xquant: minifloat.exponent_bits = 3: " + tail + "a minifloat of these arguments" + end);
  CHECK(refusal<few>({.scheme = id_of<offset_affine<>>}) == "xquant: scheme = 12: " + tail + "offset_affine" + end);
  CHECK(refusal<few>({.scheme = id_of<affine>, .zero_point_before_rounding = true}) ==
        "xquant: zero_point_before_rounding = 1: " + tail + "zero_point_before_rounding<runtime_scheme>" + end);
  CHECK(refusal<few>({.rounding = id_of<nearest_dpu>}) == "xquant: rounding = 7: " + tail + "nearest_dpu" + end);
  CHECK(refusal<few>({.arithmetic = id_of<multiply_by_reciprocal>}) ==
        "xquant: arithmetic = 1: " + tail + "multiply_by_reciprocal" + end);
  // One type of this scheme is compiled, with two of the degenerate policies.
  CHECK(refusal<all_schemes>(
            {.scheme = id_of<symmetric_to_signed_extreme<>>, .degenerate = id_of<degenerate::zero_output<>>}) ==
        "xquant: scheme = 10: " + tail + "symmetric_to_signed_extreme" + end);
  CHECK(refusal<few>({.rounding = id_of<my_rounding>}) == "xquant: rounding = 1024: " + tail + "my_rounding" + end);
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
  const quantizer_description small_float{.format = id_of<e4m3fn>};
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
  CHECK(refusal<all>({.format = id_of<e4m3fn>, .scheme = id_of<affine>}) == "xquant: " + no_zero_point);
  CHECK(refusal<all>({.bits = 32, .scheme = id_of<real_zero_point_affine<>>}).find("scheme = 11: unsupported") !=
        std::string::npos);
  CHECK(refusal<all>({.bits = 32, .scheme = id_of<affine>, .zero_point_before_rounding = true})
            .find("scheme = 2: unsupported") != std::string::npos);
  CHECK(refusal<all_roundings>({.format = id_of<e4m3fn>, .rounding = id_of<additive_noise>})
            .find("rounding = 12: unsupported") != std::string::npos);
  const std::vector<float> x(2);
  std::vector<std::int8_t> codes(2, 7);
  const tensor_view<const float> in(x.data(), shape(2));
  CHECK(try_quantize<all_roundings>(quantizer_description{.rounding = id_of<additive_noise>}, parameters(1.0f), in,
                                    tensor_view<std::int8_t>(codes.data(), shape(2)))
            .code == errc::unsupported);
  scale_and_zero_point<float> out;
  CHECK(try_parameters_for<all>({.scheme = id_of<offset_affine<>>}, ranges[0], out).code == errc::unsupported);
  CHECK(codes[0] == 7);
}
