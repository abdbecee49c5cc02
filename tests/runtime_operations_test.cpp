// Every operation of the core takes a quantizer by value where it takes one by type: the same results, bit for bit, and
// refusals by name.
#include <doctest/doctest.h>

#include <xquant/message.hpp>
#include <xquant/ops/learned_rounding.hpp>
#include <xquant/parameters.hpp>
#include <xquant/runtime.hpp>
#include <xquant/runtime/conversions.hpp>
#include <xquant/runtime/requantizer.hpp>

#include <cmath>
#include <string>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several

using choices = narrowed_choices<standard_choices, keep_any<keep_integers<16>, keep_only<e4m3fn, e5m2>>,
                                 keep_only<nearest_even, additive_noise>>;

std::string refusal(const status& s) {
  char text[256];
  format_message(s, text, sizeof text);
  return text;
}

const std::vector<float> reals = [] {
  std::vector<float> x;
  for (int i = -150; i < 150; ++i) x.push_back(static_cast<float>(i) * 0.37f);
  x.push_back(NAN);
  x.push_back(-0.0f);
  return x;
}();
const shape all(reals.size());
template <class T>
tensor_view<const T> in(const std::vector<T>& v) {
  return {v.data(), shape(v.size())};
}
template <class T>
tensor_view<T> out(std::vector<T>& v) {
  return {v.data(), shape(v.size())};
}

const quantizer_description signed4{.bits = 4, .scheme = id_of<affine>};
const quantizer_description unsigned8{.format = unsigned_integer, .scheme = id_of<affine>};
const quantizer_description float8{.format = id_of<e4m3fn>};
const parameters coarse(2.5f, 1);
const parameters fine(0.5f, 100);

}  // namespace

TEST_CASE("learned roundings by description") {
  std::vector<float> choice(reals.size());
  for (std::size_t i = 0; i < choice.size(); ++i) choice[i] = i % 3 == 0 ? -2.0f : i % 3 == 1 ? 0.1f : 3.0f;
  std::vector<std::int8_t> expected(reals.size());
  std::vector<std::int8_t> codes(reals.size(), 77);
  learned_quantize(adaround{}, quantizer<int4, affine>{}, coarse, in(reals), in(choice), out(expected));
  CHECK(validate_learned_quantize(adaround{}, choices(signed4), coarse, in(reals), in(choice), out(codes)).ok());
  REQUIRE(try_learned_quantize(adaround{}, choices(signed4), coarse, in(reals), in(choice), out(codes)).ok());
  CHECK(codes == expected);
  std::vector<float> wanted(reals.size());
  std::vector<float> y(reals.size());
  learned_fake_quantize(sign_round{}, quantizer<int4, affine>{}, coarse, in(reals), in(choice), out(wanted));
  learned_fake_quantize(sign_round{}, signed4, coarse, in(reals), in(choice), out(y));  // the default choices
  CHECK(y == wanted);
  const status no_integers =
      try_learned_fake_quantize(adaround{}, choices(float8), fine, in(reals), in(choice), out(y));
  CHECK(
      refusal(no_integers) ==
      "xquant: format = 2: unsupported; expected a format of integers of at most 16 bits, as a learned rounding needs");
  CHECK(y == wanted);
  CHECK(validate_learned_quantize(adaround{}, choices(unsigned8), fine, in(reals), in(choice), out(codes)).code ==
        errc::unsupported);  // int8 codes
  CHECK_THROWS_AS(learned_quantize(adaround{}, runtime_choices<>(float8), fine, in(reals), in(choice), out(codes)),
                  xquant::error);
}

TEST_CASE("convert by descriptions of both quantizers") {
  std::vector<std::int8_t> codes(reals.size());
  quantize(quantizer<int4, affine>{}, coarse, in(reals), out(codes));
  std::vector<std::uint8_t> expected(reals.size());
  std::vector<std::uint8_t> converted(reals.size());
  convert(quantizer<int4, affine>{}, coarse, in(codes), quantizer<uint8, affine>{}, fine, out(expected));
  CHECK(validate_convert(choices(signed4), coarse, in(codes), choices(unsigned8), fine, out(converted)).ok());
  convert(choices(signed4), coarse, in(codes), choices(unsigned8), fine, out(converted));
  CHECK(converted == expected);
  // To a small float, with the default engine named.
  convert(quantizer<int4, affine>{}, coarse, in(codes), quantizer<e4m3fn>{}, parameters(0.5f), out(expected));
  REQUIRE(try_convert(choices(signed4), coarse, in(codes), choices(float8), parameters(0.5f), out(converted),
                      scalar_engine{})
              .ok());
  CHECK(converted == expected);
  std::vector<std::int16_t> wide(reals.size());
  CHECK(std::string(try_convert(choices(signed4), coarse, in(codes), choices(unsigned8), fine, out(wide)).argument) ==
        "converted");
  quantizer_description noise = unsigned8;
  noise.rounding = id_of<additive_noise>;
  CHECK(try_convert(choices(signed4), coarse, in(codes), choices(noise), fine, out(converted)).code ==
        errc::unsupported);
  CHECK(try_convert(choices(signed4), parameters(-1.0f), in(codes), choices(unsigned8), fine, out(converted)).code ==
        errc::scale_not_positive);
  CHECK(converted == expected);
}

TEST_CASE("cast by descriptions of both formats") {
  std::vector<std::uint8_t> codes(256);
  for (std::size_t i = 0; i < 256; ++i) codes[i] = static_cast<std::uint8_t>(i);
  std::vector<std::uint8_t> expected(256);
  std::vector<std::uint8_t> found(256);
  const quantizer_description wider{.format = id_of<e5m2>};
  cast(e4m3fn{}, e5m2{}, in(codes), out(expected));
  CHECK(validate_cast(choices(float8), choices(wider), in(codes), out(found)).ok());
  cast(choices(float8), choices(wider), in(codes), out(found));
  CHECK(found == expected);
  std::vector<std::int8_t> integers(256);
  std::vector<std::int8_t> expected_integers(256);
  cast(e4m3fn{}, int4{}, in(codes), out(expected_integers));
  REQUIRE(try_cast(choices(float8), choices(signed4), in(codes), out(integers)).ok());
  CHECK(integers == expected_integers);
  CHECK(try_cast(choices(float8), choices(quantizer_description{.format = id_of<e2m1>}), in(codes), out(found)).code ==
        errc::not_compiled);
  CHECK_THROWS_AS(cast(choices(float8), choices(quantizer_description{.bits = 40}), in(codes), out(found)),
                  xquant::error);
}

TEST_CASE("requantize by description") {
  std::vector<std::int32_t> sums;
  for (int i = -500; i < 500; ++i) sums.push_back(i * 4321 + i % 7);
  const std::vector<float> multipliers = {1e-4f, 3e-5f};
  const shape rows(2, 500);
  const tensor_view<const std::int32_t> accumulators(sums.data(), rows);
  const requantization_view<float> p{multipliers.data(), 2, 3};
  const requantizer_description d{{.bits = 6, .granularity = per_axis<0>{}}};
  using float_choices = requantizer_choices<standard_choices::formats, float_requantizations>;
  std::vector<std::int8_t> expected(1000);
  std::vector<std::int8_t> codes(1000);
  const tensor_view<std::int8_t> to(codes.data(), rows);
  const auto agrees = [&](const requantization_id& id, const auto& typed) {
    requantizer_description other = d;
    other.arithmetic = id;
    requantize(typed, p, accumulators, tensor_view<std::int8_t>(expected.data(), rows));
    CHECK(validate_requantize(float_choices(other), p, accumulators, to).ok());
    requantize(float_choices(other), p, accumulators, to);
    CHECK(codes == expected);
  };
  using six = integer<6, true>;
  agrees(id_of<float_multiplier>, requantizer<six, float_multiplier, per_axis<0>>{});
  agrees({3}, requantizer<six, rounding_shift<exact_from_float<-33, 30>>, per_axis<0>>{});
  agrees({4}, requantizer<six, rounding_shift<exact_from_float<-32, 8>>, per_axis<0>>{});
  agrees({5}, requantizer<six, rounding_shift<exact_from_float<-32, 0>, product_ties::away_from_zero>, per_axis<0>>{});
  agrees({6}, requantizer<six, doubling_high_multiply<exact_from_float<-32, 0>>, per_axis<0>>{});

  const std::vector<double> exact = {1e-4, 3e-5};
  const requantization_view<double> in_double{exact.data(), 2, 3};
  using double_choices = requantizer_choices<standard_choices::formats, double_requantizations>;
  requantizer_description tflite = d;
  tflite.arithmetic = id_of<rounding_shift<rounded_from_double>>;
  requantize(requantizer<six, rounding_shift<rounded_from_double>, per_axis<0>>{}, in_double, accumulators,
             tensor_view<std::int8_t>(expected.data(), rows));
  requantize(double_choices(tflite), in_double, accumulators, to);
  CHECK(codes == expected);

  CHECK(refusal(try_requantize(float_choices(tflite), p, accumulators, to)) ==
        "xquant: arithmetic = 1: combination not compiled into this program; expected rounding_shift among the "
        "runtime_choices of this program");
  CHECK(try_requantize(double_choices(tflite), p, accumulators, to).code == errc::unsupported);  // float multipliers
  std::vector<std::uint8_t> natural(1000);
  CHECK(try_requantize(float_choices(d), p, accumulators, tensor_view<std::uint8_t>(natural.data(), rows)).code ==
        errc::unsupported);
  CHECK(try_requantize(float_choices(requantizer_description{{.format = id_of<binary>}}), p, accumulators, to).code ==
        errc::unsupported);
  CHECK(try_requantize(float_choices(requantizer_description{{.bits = 0}}), p, accumulators, to).code ==
        errc::bits_out_of_range);
  CHECK(codes == expected);
}
