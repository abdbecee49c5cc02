// An encoding: what it refuses of itself, by name, and the reals at the ends of its codes, against dequantize.
#include <doctest/doctest.h>

#include <xquant/encoding.hpp>
#include <xquant/message.hpp>
#include <xquant/ops/dequantize.hpp>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several

std::string refusal(const status& s) {
  char text[256];
  format_message(s, text, sizeof text);
  return text;
}
std::string refusal(const encoding& e) { return refusal(e.valid()); }
std::string refusal(const encoding& e, const shape& s) { return refusal(e.valid(s)); }

const std::vector<float> scales = {1.0f, 0.1f, 3e-20f, 7.25e10f};

// Every code of the quantizer, dequantized: the smallest and largest finite result.
template <class Q>
std::vector<range<float>> by_enumeration(const Q& q, const parameters& p) {
  using code = typename Q::code_type;
  std::vector<range<float>> result;
  for (std::size_t slot = 0; slot < p.count(); ++slot) {
    std::vector<code> codes;
    for (std::int64_t c = std::numeric_limits<code>::min(); c <= std::numeric_limits<code>::max(); ++c)
      if (!Q::format_type::is_integer || (c >= q.lower_code() && c <= q.upper_code()))
        codes.push_back(static_cast<code>(c));
    std::vector<float> reals(codes.size());
    const float scale = p.scale()[slot];
    const parameters one = p.real_zero_point().empty()
                               ? parameters(scale, p.view().zero_point == nullptr ? 0 : p.zero_point()[slot])
                               : parameters::with_real_zero_points({scale}, {p.real_zero_point()[slot]});
    dequantize(q, one, tensor_view<const code>(codes.data(), shape(codes.size())),
               tensor_view<float>(reals.data(), shape(codes.size())));
    range<float> ends{std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()};
    for (const float x : reals) {
      if (!std::isfinite(x)) continue;
      ends.minimum = std::fmin(ends.minimum, x);
      ends.maximum = std::fmax(ends.maximum, x);
    }
    result.push_back(ends);
  }
  return result;
}

template <class Q>
void check(const quantizer_description& d, const Q& q, const parameters& p) {
  CHECK(encoding{d, p}.ranges() == by_enumeration(q, p));
}

}  // namespace

TEST_CASE("the ends of an encoding are what dequantize gives for its codes") {
  const granularity_description channels = per_axis<0>{};
  const std::vector<std::int32_t> zeros = {0, -7, 100, 127};
  check({.granularity = channels}, quantizer<int8>{}, parameters(scales));
  check({.granularity = channels, .scheme = id_of<symmetric<code_range::narrow>>},
        quantizer<int8, symmetric<code_range::narrow>>{}, parameters(scales));
  check({.granularity = channels, .scheme = id_of<affine>}, quantizer<int8, affine>{}, parameters(scales, zeros));
  check({.format = unsigned_integer, .bits = 4, .granularity = channels, .scheme = id_of<affine>},
        quantizer<uint4, affine>{}, parameters(scales, {0, 3, 15, 7}));
  check({.bits = 16, .granularity = channels, .scheme = id_of<affine>, .zero_point_before_rounding = true},
        quantizer<int16, zero_point_before_rounding<>>{}, parameters(scales, {0, -7, 3000, -32768}));
  check({.lower = -5, .upper = 90, .granularity = channels}, quantizer<stored_integer<std::int8_t>>{{-5, 90}},
        parameters(scales));
  check({.format = id_of<ternary>, .granularity = channels}, quantizer<ternary>{}, parameters(scales));
  check({.format = id_of<e4m3fn>, .granularity = channels}, quantizer<e4m3fn>{}, parameters(scales));
  check({.format = id_of<e5m2>, .granularity = channels}, quantizer<e5m2>{}, parameters(scales));
  check({.format = id_of<ue4m3>, .granularity = channels}, quantizer<ue4m3>{}, parameters(scales));
  check({.scheme = id_of<symmetric_to_signed_extreme<>>}, quantizer<int8, symmetric_to_signed_extreme<>>{},
        parameters(-0.3f));
  check({.format = unsigned_integer, .granularity = channels, .scheme = id_of<real_zero_point_affine<>>},
        quantizer<uint8, real_zero_point_affine<>>{},
        parameters::with_real_zero_points(scales, {0.1f, 77.7f, -3.3f, 1e6f}));
  check({.format = unsigned_integer, .bits = 4, .granularity = channels, .scheme = id_of<offset_affine<>>},
        quantizer<uint4, offset_affine<>>{}, parameters::with_real_zero_points(scales, {0.1f, 77.7f, -3.3f, 1e9f}));
  check({.bits = 5, .granularity = channels, .scheme = id_of<offset_affine<degenerate::one, offset_code::lowest>>},
        quantizer<integer<5, true>, offset_affine<degenerate::one, offset_code::lowest>>{},
        parameters::with_real_zero_points(scales, {0.1f, 77.7f, -3.3f, 1e9f}));
}

TEST_CASE("32-bit codes") {
  const encoding e{{.format = unsigned_integer, .bits = 32, .scheme = id_of<affine>}, parameters(0.5f, 1)};
  // 4294967294 is no float: the difference is rounded, then the product.
  CHECK(e.ranges() == std::vector<range<float>>{{-0.5f, static_cast<float>(4294967294.0) * 0.5f}});
}

TEST_CASE("an encoding is a regular value, without parameters at first") {
  encoding e;
  CHECK_FALSE(e.ready());
  CHECK(e.quantizer == quantizer_description{});
  CHECK(e.valid().code == errc::parameter_count);
  e.parameters = parameters(0.5f);
  CHECK(e.ready());
  CHECK(e.valid().ok());
  const encoding copy = e;
  CHECK(copy == e);
  e.quantizer.bits = 4;
  CHECK_FALSE(copy == e);
}

TEST_CASE("what is wrong with an encoding is named by its field") {
  const std::string prefix = "xquant: ";
  const parameters one(0.5f);
  CHECK(refusal(encoding{{.bits = 33}, one}) == prefix + "bits = 33: bit width out of range; expected 1 to 32 bits");
  CHECK(refusal(encoding{{.lower = -200, .upper = 3}, one}) ==
        prefix + "lower = -200: bit width out of range; expected a code of the described width");
  CHECK(refusal(encoding{{.format = {4000, "mine"}}, one}) ==
        prefix +
            "format = 4000: combination not compiled into this program; expected mine among the runtime_choices of "
            "this program");
  CHECK(refusal(encoding{{.rounding = {77}}, one}) ==
        prefix +
            "rounding = 77: combination not compiled into this program; expected what has this number among the "
            "runtime_choices of this program");
  CHECK(encoding{{.arithmetic = {77}}, one}.valid().code == errc::not_compiled);
  CHECK(std::string(encoding{{.scheme = {77}}, one}.valid().argument) == "scheme");
  CHECK(std::string(encoding{{.degenerate = {77}}, one}.valid().argument) == "degenerate");
  CHECK(encoding{{.format = id_of<e4m3fn>, .scheme = id_of<affine>}, one}.valid().code == errc::unsupported);
  CHECK(encoding{{.format = id_of<e4m3fn>, .rounding = id_of<additive_noise>}, one}.valid().code == errc::unsupported);
  CHECK(encoding{{.rounding = id_of<additive_noise>}, one}.valid().ok());
  CHECK(refusal(encoding{{}, parameters(0.0f)}) ==
        prefix + "scale = 0: scale is not positive; expected a finite number above 0");
  CHECK(encoding{{.scheme = id_of<symmetric_to_signed_extreme<>>}, parameters(-1.0f)}.valid().ok());
  CHECK(encoding{{}, parameters(-1.0f)}.valid().code == errc::scale_not_positive);
  CHECK(encoding{{}, parameters(1e-42f)}.valid().ok());
  CHECK(encoding{{.arithmetic = id_of<multiply_by_reciprocal>}, parameters(1e-42f)}.valid().code ==
        errc::scale_out_of_range);
  CHECK(encoding{{}, parameters(1.0f, 3)}.valid().ok());  // the run-time form's kernels have a zero point
  CHECK(encoding{{.scheme = id_of<affine>}, parameters(1.0f, 300)}.valid().code == errc::zero_point_range);
  CHECK(encoding{{}, parameters(std::vector<float>{1, 2})}.valid().code == errc::parameter_count);
  CHECK(encoding{{.granularity = per_axis<>{}}, parameters(std::vector<float>{1, 2})}.valid().ok());
  CHECK(encoding{{.granularity = per_axis<>{}}, parameters(std::vector<float>{1, 2}, {1})}.valid().code ==
        errc::parameter_count);
  std::vector<range<float>> untouched{{7, 8}};
  CHECK(encoding{{.bits = 33}, one}.try_ranges(untouched).code == errc::bits_out_of_range);
  CHECK(untouched == std::vector<range<float>>{{7, 8}});
#if XQUANT_HAS_EXCEPTIONS
  CHECK_THROWS_AS((void)encoding().ranges(), xquant::error);
#endif
}

TEST_CASE("an encoding against the shape of a tensor") {
  const encoding e{{.granularity = per_group<>{4, -1}}, parameters(std::vector<float>(6, 1.0f))};
  CHECK(e.valid(shape(2, 12)).ok());
  CHECK(refusal(e, shape(3, 12)) ==
        "xquant: parameters = 6: wrong number of parameters; expected one scale for each slot that shape and "
        "granularity give: 9");
  CHECK(encoding{{.granularity = per_axis<>{2}}, parameters(1.0f)}.valid(shape(2, 3)).code == errc::axis_out_of_range);
}

TEST_CASE("a program's own list knows less") {
  const encoding e{{.format = id_of<e5m2>}, parameters(1.0f)};
  CHECK(e.valid().ok());
  CHECK(e.valid<runtime_choices<>>().code == errc::not_compiled);
  std::vector<range<float>> ends;
  CHECK(e.try_ranges<runtime_choices<>>(ends).code == errc::not_compiled);
}
