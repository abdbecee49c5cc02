// The quantizer type: one canonical form for every spelling; values that are regular and cheap; schemes against the
// formulas of their documentation in long double.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/engines/plan.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>
#include <xquant/quantizer.hpp>
#include <xquant/rounding/stochastic.hpp>
#include <xquant/runtime/description.hpp>

#include <type_traits>

namespace {

using namespace xquant;  // NOLINT: every line names several

// ---- any order, explicit defaults -----------------------------------------------------------------------------------
using plain = quantizer<int8>;
static_assert(std::is_same_v<plain, quantizer<int8, per_tensor>>);
static_assert(std::is_same_v<plain, quantizer<int8, symmetric<>>>);
static_assert(std::is_same_v<plain, quantizer<int8, symmetric<code_range::full>>>);
static_assert(std::is_same_v<plain, quantizer<int8, nearest_even>>);
static_assert(std::is_same_v<plain, quantizer<int8, divide_by_scale>>);
static_assert(std::is_same_v<plain, quantizer<int8, divide_by_scale, nearest_even, symmetric<>, per_tensor>>);
static_assert(std::is_same_v<plain, basic_quantizer<int8, per_tensor, symmetric<>, nearest_even, divide_by_scale>>);
static_assert(std::is_same_v<plain, quantizer<integer<8, true>>>);

using full = quantizer<uint8, per_axis<1>, affine, nearest_away, multiply_by_reciprocal>;
static_assert(std::is_same_v<full, quantizer<uint8, multiply_by_reciprocal, nearest_away, affine, per_axis<1>>>);
static_assert(std::is_same_v<full, quantizer<uint8, affine, per_axis<1>, multiply_by_reciprocal, nearest_away>>);
static_assert(std::is_same_v<full, quantizer<uint8, nearest_away, multiply_by_reciprocal, per_axis<1>, affine>>);
static_assert(!std::is_same_v<plain, quantizer<int8, symmetric<code_range::narrow>>>);
static_assert(!std::is_same_v<quantizer<int8, per_axis<0>>, quantizer<int8, per_axis<>>>);
static_assert(std::is_same_v<full::format_type, uint8> && std::is_same_v<full::granularity_type, per_axis<1>>);
static_assert(std::is_same_v<full::code_type, std::uint8_t> &&
              std::is_same_v<quantizer<int16>::code_type, std::int16_t>);

// ---- values
// -------------------------------------------------------------------------------------------------------------
template <class T>
constexpr bool is_value = std::is_trivially_copyable_v<T>&& std::is_nothrow_default_constructible_v<T>&&
    std::is_copy_assignable_v<T>&& std::is_standard_layout_v<T>;
static_assert(is_value<plain> && is_value<full> && is_value<quantizer<e4m3fn, stochastic>>);
static_assert(is_value<quantizer<stored_integer<std::uint16_t>, per_axis<>>>);
static_assert(is_value<status> && is_value<shape> && is_value<tensor_view<float>> && is_value<parameters_view<float>>);
static_assert(is_value<range<float>> && is_value<scale_and_zero_point<double>> && is_value<parameter_map>);
static_assert(std::is_empty_v<int8> && std::is_empty_v<e4m3fn> && std::is_empty_v<per_axis<0>> &&
              std::is_empty_v<symmetric<>> && std::is_empty_v<nearest_even> && std::is_empty_v<divide_by_scale>);
static_assert(sizeof(stored_integer<std::int8_t>) == 8 && sizeof(stochastic) == 16 &&
              sizeof(per_axis<>) == sizeof(std::ptrdiff_t));
static_assert(sizeof(plain) <= 8);
// What travels through calls, on machines of 64 bits; a plan is kept once per call that is repeated.
using int8_plan = plan<quantize_operation<kernel_of<float, plain>>>;
static_assert(is_value<quantizer_description> && std::is_trivially_copyable_v<int8_plan>);
static_assert(sizeof(void*) != 8 || (sizeof(status) == 48 && sizeof(shape) == 72 && sizeof(parameter_map) == 136 &&
                                     sizeof(tensor_view<float>) == 144 && sizeof(parameters_view<float>) <= 48 &&
                                     sizeof(range<float>) == 8 && sizeof(scale_and_zero_point<float>) == 8));
static_assert(sizeof(quantizer_description) <= 264 && sizeof(int8_plan) <= 4096);
static_assert(std::is_convertible_v<tensor_view<float>, tensor_view<const float>>);
static_assert(!std::is_convertible_v<tensor_view<const float>, tensor_view<float>>);

constexpr quantizer<int8, per_axis<>> axis_1({}, {1});
constexpr quantizer<int8, per_axis<>> axis_2({}, {2});
static_assert(axis_1 == quantizer<int8, per_axis<>>({}, {1}) && axis_1 != axis_2);
static_assert(plain{} == plain{});
static_assert(plain{}.lower_code() == -128 && plain{}.upper_code() == 127);
static_assert(quantizer<int8, symmetric<code_range::narrow>>{}.lower_code() == -127);
static_assert(quantizer<int4, symmetric<code_range::narrow>>{}.lower_code() == -7);
static_assert(quantizer<uint8, symmetric<code_range::narrow>>{}.lower_code() == 0);
static_assert(quantizer<uint4, affine>{}.upper_code() == 15);

// ---- concepts and traits
// ------------------------------------------------------------------------------------------------
static_assert(Format<int8> && Format<e4m3fn> && Format<stored_integer<std::int16_t>> && !Format<float>);
static_assert(Rounding<nearest_even> && Rounding<nearest_away> && Rounding<stochastic> && !Rounding<affine>);
static_assert(is_random_rounding<stochastic> && !is_random_rounding<nearest_even>);
static_assert(QuantizerPolicy<per_tensor> && !QuantizerPolicy<int>);
static_assert(TensorLike<tensor_view<float>> && TensorLike<const tensor_view<const double>&> && !TensorLike<int>);
static_assert(std::is_same_v<element_of<tensor_view<const float>>, float>);

// ---- roundings by name, as constants
// ----------------------------------------------------------------------------------------
static_assert(nearest_even::round(0.5f) == 0 && nearest_even::round(1.5f) == 2 && nearest_even::round(-2.5) == -2);
static_assert(nearest_away::round(0.5f) == 1 && nearest_away::round(2.5f) == 3 && nearest_away::round(-0.5) == -1);
static_assert(nearest_away::round(0.49999997f) == 0 && nearest_away::round(0.49999999999999994) == 0);
static_assert(nearest_even::round(8388609.0f) == 8388609.0f && nearest_away::round(8388609.0f) == 8388609.0f);
static_assert(stochastic::round(2.75f, 0) == 3 && stochastic::round(2.75f, -1) == 2 &&
              stochastic::round(-2.75f, 0) == -3);

// ---- schemes
// -------------------------------------------------------------------------------------------------------------------
template <class Real>
Real rounded_scale(long double exact) {
  const long double smallest = static_cast<long double>(std::numeric_limits<Real>::min());
  const long double largest = static_cast<long double>(std::numeric_limits<Real>::max());
  if (!(exact >= smallest)) return 1;
  return exact >= largest ? std::numeric_limits<Real>::max() : static_cast<Real>(static_cast<double>(exact));
}

template <class Real, class Format>
void schemes(const Format& format) {
  const quantizer<Format, symmetric<>> symmetric_quantizer(format);
  const quantizer<Format, symmetric<code_range::narrow>> narrow_quantizer(format);
  const quantizer<Format, affine> affine_quantizer(format);
  const std::int32_t lower = format.lower_code();
  const std::int32_t upper = format.upper_code();
  oracle::stream s(17);
  for (int i = 0; i < 4000; ++i) {
    const double magnitude = std::ldexp(1.0, static_cast<int>(s.below(200)) - 100);
    auto low = static_cast<Real>(s.unit() * magnitude);
    auto high = static_cast<Real>(s.unit() * magnitude);
    if (low > high) std::swap(low, high);
    if (i % 16 == 0) high = low;
    if (i % 16 == 1) low = high = 0;
    CAPTURE(low);
    CAPTURE(high);
    const range<Real> r{low, high};
    // In double, then once to Real, as documented: the smallest scale that clips nothing.
    const double by_top = std::max(0.0, static_cast<double>(high) / upper);
    const double by_bottom = lower < 0 ? std::max(0.0, static_cast<double>(low) / lower) : 0.0;
    const double by_narrow_bottom = lower < 0 ? std::max(0.0, static_cast<double>(low) / -upper) : 0.0;
    const auto symmetric_parameters = symmetric_quantizer.parameters_for(r);
    REQUIRE(symmetric_parameters.scale == rounded_scale<Real>(std::max(by_top, by_bottom)));
    REQUIRE(symmetric_parameters.zero_point == 0);
    const auto narrow_parameters = narrow_quantizer.parameters_for(r);
    REQUIRE(narrow_parameters.scale == rounded_scale<Real>(std::max(by_top, by_narrow_bottom)));
    REQUIRE(narrow_parameters.zero_point == 0);

    const auto p = affine_quantizer.parameters_for(r);
    const double bottom = std::min(0.0, static_cast<double>(low));
    const double top = std::max(0.0, static_cast<double>(high));
    const double step = (top - bottom) / (upper - lower);
    REQUIRE(p.scale == rounded_scale<Real>(step));
    REQUIRE(p.zero_point >= lower);
    REQUIRE(p.zero_point <= upper);
    if (top == bottom) {
      REQUIRE(p.zero_point == 0);
      continue;
    }
    // The zero point is a nearest integer: within half (and a rounding of the quotient) of the exact one.
    const long double exact = lower - static_cast<long double>(bottom) / static_cast<long double>(step);
    REQUIRE(std::fabs(static_cast<long double>(p.zero_point) - exact) <= 0.5L + 1e-9L);
    // Zero is exact by construction, and both ends of the range are within half a step (and the ends' own clamping).
    const long double bottom_code = std::round(static_cast<long double>(bottom) / p.scale) + p.zero_point;
    const long double top_code = std::round(static_cast<long double>(top) / p.scale) + p.zero_point;
    REQUIRE(bottom_code >= lower - 1);
    REQUIRE(top_code <= upper + 1);
  }
}

}  // namespace

TEST_CASE("schemes: scale and zero point from a range") {
  SUBCASE("int8") { schemes<float>(int8{}); }
  SUBCASE("uint8") { schemes<float>(uint8{}); }
  SUBCASE("int4") { schemes<float>(int4{}); }
  SUBCASE("int16") { schemes<float>(int16{}); }
  SUBCASE("uint16, double") { schemes<double>(uint16{}); }
  SUBCASE("5 bits at run time") { schemes<float>(integer_of_bits<std::uint8_t>(5)); }
}

TEST_CASE("schemes: named cases") {
  // ONNX: x in [-1, 2] to uint8: scale 3 / 255, zero point round(255 / 3).
  const auto p = quantizer<uint8, affine>{}.parameters_for(range<float>{-1, 2});
  CHECK(p.scale == static_cast<float>(3.0 / 255.0));
  CHECK(p.zero_point == 85);
  // A range that does not hold zero is widened to it.
  CHECK(quantizer<uint8, affine>{}.parameters_for(range<float>{3, 5}) ==
        scale_and_zero_point<float>{static_cast<float>(5.0 / 255.0), 0});
  CHECK(quantizer<int8, affine>{}.parameters_for(range<float>{-5, -3}) ==
        scale_and_zero_point<float>{static_cast<float>(5.0 / 255.0), 127});
  // No width.
  CHECK(quantizer<int8, affine>{}.parameters_for(range<float>{0, 0}) == scale_and_zero_point<float>{1, 0});
  CHECK(quantizer<int8>{}.parameters_for(range<float>{0, 0}) == scale_and_zero_point<float>{1, 0});
  CHECK(quantizer<int8>{}.parameters_for(range<float>{-1e-44f, 0}) == scale_and_zero_point<float>{1, 0});
  // e4m3fn: the largest magnitude becomes 448.
  CHECK(quantizer<e4m3fn>{}.parameters_for(range<float>{-896, 100}) == scale_and_zero_point<float>{2, 0});
  // The whole range of float: with 2 most / 255 code -128 would stand for an infinity.
  const float most = std::numeric_limits<float>::max();
  const auto wide = quantizer<int8, affine>{}.parameters_for(range<float>{-most, most});
  CHECK(wide.scale == most / 128);
  CHECK(wide.zero_point == 0);  // -128 + 127.5, tie to even
}

TEST_CASE("parameters are regular values") {
  const parameters empty;
  CHECK(empty.count() == 0);
  const parameters one(0.5f, 3);
  CHECK(one.count() == 1);
  CHECK(one.view().count == 1);
  CHECK(one.view().scale[0] == 0.5f);
  CHECK(one.view().zero_point[0] == 3);
  const parameters several(std::vector<float>{0.5f, 3.0f});
  CHECK(several.zero_point() == std::vector<std::int32_t>{0, 0});
  CHECK(several.view().zero_point == nullptr);  // all zero
  CHECK(several.view().reciprocal == nullptr);
  CHECK(several.zero_point()[1] == 0);
  CHECK(parameters({0.5f, 3.0f}, {0, 0}) == several);
  const parameters with_zero_points({0.5f, 3.0f}, {0, 7});
  CHECK(with_zero_points.zero_point() == std::vector<std::int32_t>{0, 7});
  CHECK(std::vector<std::int32_t>(with_zero_points.zero_point()) == std::vector<std::int32_t>{0, 7});
  std::int32_t sum = 0;
  for (const std::int32_t z : with_zero_points.zero_point()) sum += z;
  for (const std::int32_t z : several.zero_point()) sum += z + 1;
  CHECK(sum == 9);
  CHECK_FALSE(with_zero_points == several);
  // A wrong number of zero points is refused by what uses them, also where all are zero.
  CHECK(parameters({0.5f, 3.0f}, {0}).view().count == static_cast<std::size_t>(-1));
  CHECK(parameters(std::vector<scale_and_zero_point<float>>{{0.5f, 0}, {3.0f, 0}}) == several);
  parameters copy = several;
  CHECK(copy == several);
  copy = one;
  CHECK(copy == one);
  CHECK_FALSE(copy == several);
}
