// Scales stored in a format of their own, on every engine: all codes of e8m0, ue4m3, float16, bfloat16 and of integers
// with a multiplier, against the same scales as floats; values of codes by enumeration. Every layout of slots, with
// zero points and packed codes; bad codes refused by their slot.
#include <doctest/doctest.h>

#include <engines/bit_string.hpp>
#include <engines/chosen_engine.hpp>
#include <xquant/formats/e8m0.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/gradients/clipped_straight_through.hpp>
#include <xquant/gradients/fake_quantize_backward.hpp>
#include <xquant/gradients/packed_mask.hpp>
#include <xquant/granularity/per_axes.hpp>
#include <xquant/granularity/per_block.hpp>
#include <xquant/granularity/per_group.hpp>
#include <xquant/ops/convert.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several
using packed_test::chosen_engine;
using packed_test::engines;

// What codes stand for, by the definitions of their formats.
float value_of_e8m0(std::uint8_t code) { return code == 255 ? NAN : std::ldexp(1.0f, code - 127); }
float value_of_ue4m3(std::uint8_t code) {
  const int exponent = code >> 3;
  const int mantissa = code & 7;
  if (code == 127) return NAN;
  return exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -9)
                       : std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
}

std::vector<float> samples(std::size_t n) {
  std::vector<float> x(n);
  std::uint32_t state = 9;
  for (std::size_t i = 0; i < n; ++i) {
    state = state * 1664525u + 1013904223u;
    x[i] = std::ldexp(static_cast<float>(static_cast<std::int32_t>(state)), static_cast<int>(i % 40) - 40);
  }
  return x;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), 4 * a.size()) == 0);
}

template <class Q, class Coded>
void check(const Q& q, const shape& s, const Coded& coded, const std::vector<float>& scales,
           const std::vector<std::int32_t>& zero_points_of_slots = {}) {
  using code = typename Q::code_type;
  const parameters plain(scales, zero_points_of_slots);
  const std::vector<float> x = samples(s.size());
  const tensor_view<const float> xs(x.data(), s);
  std::vector<code> codes(s.size());
  std::vector<float> y(s.size()), faked(s.size());
  quantize(q, plain, xs, tensor_view<code>(codes.data(), s), scalar_engine{});
  dequantize(q, plain, tensor_view<const code>(codes.data(), s), tensor_view<float>(y.data(), s), scalar_engine{});
  fake_quantize(q, plain, xs, tensor_view<float>(faked.data(), s), scalar_engine{});
  for (const chosen_engine& engine : engines) {
    CAPTURE(engine.name);
    std::vector<code> met(s.size());
    std::vector<float> back(s.size());
    quantize(q, coded, xs, tensor_view<code>(met.data(), s), engine);
    CHECK(met == codes);
    dequantize(q, coded, tensor_view<const code>(codes.data(), s), tensor_view<float>(back.data(), s), engine);
    CHECK(same_bits(back, y));
    fake_quantize(q, coded, xs, tensor_view<float>(back.data(), s), engine);
    CHECK(same_bits(back, faked));

    plan<operation_with<quantize_kernel<Q>, Coded>> laid_out;
    REQUIRE(plan_quantize(q, coded, xs, tensor_view<code>(met.data(), s), laid_out).ok());
    met.assign(s.size(), code(0));
    laid_out.run(engine, x.data(), met.data());
    CHECK(met == codes);
    plan<operation_with<fake_quantize_kernel<Q>, Coded>> fake_plan;
    REQUIRE(plan_fake_quantize(q, coded, xs, tensor_view<float>(back.data(), s), fake_plan).ok());
    back.assign(s.size(), 0.0f);
    fake_plan.run(engine, x.data(), back.data());
    CHECK(same_bits(back, faked));
  }
}

TEST_CASE("every code of e8m0 and ue4m3") {
  std::vector<std::uint8_t> codes;
  std::vector<float> scales;
  for (int c = 0; c < 255; ++c) {
    codes.push_back(static_cast<std::uint8_t>(c));
    scales.push_back(value_of_e8m0(codes.back()));
  }
  check(quantizer<int8, per_group<32>>(), shape(255, 32), coded_parameters<e8m0>(codes), scales);
  check(quantizer<int8, per_axis<1>>(), shape(3, 255), coded_parameters<e8m0>(codes), scales);
  codes.clear();
  scales.clear();
  const float multiplier = 0.3f;
  for (int c = 1; c < 127; ++c) {
    codes.push_back(static_cast<std::uint8_t>(c));
    scales.push_back(
        static_cast<float>(static_cast<double>(value_of_ue4m3(codes.back())) * static_cast<double>(multiplier)));
  }
  check(quantizer<e4m3fn, per_group<16>>(), shape(126, 16), coded_parameters<ue4m3>(codes, multiplier), scales);
}

TEST_CASE("numbers of 16 bits, and integers with a scale of their own") {
  std::vector<float16> halves;
  std::vector<float> scales;
  for (unsigned bits = 1; bits < 0x7c00; bits += 13) {
    const unsigned exponent = bits >> 10;
    const unsigned mantissa = bits & 0x3ff;
    halves.push_back(float16::from_bits(static_cast<std::uint16_t>(bits)));
    scales.push_back(exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -24)
                                   : std::ldexp(static_cast<float>(1024 + mantissa), static_cast<int>(exponent) - 25));
  }
  check(quantizer<int8, per_axis<0>>(), shape(halves.size(), 3), coded_parameters<float16>(halves), scales);
  std::vector<bfloat16> brains;
  scales.clear();
  for (unsigned bits = 0x80; bits < 0x7f80; bits += 57) {
    const std::uint32_t wide = bits << 16;
    brains.push_back(bfloat16::from_bits(static_cast<std::uint16_t>(bits)));
    float value;
    std::memcpy(&value, &wide, 4);
    scales.push_back(value);
  }
  check(quantizer<int8, per_axis<0>>(), shape(brains.size(), 5), coded_parameters<bfloat16>(brains), scales);
  std::vector<std::uint8_t> integers;
  scales.clear();
  for (int i = 1; i < 64; ++i) {
    integers.push_back(static_cast<std::uint8_t>(i));
    scales.push_back(static_cast<float>(static_cast<double>(i) * static_cast<double>(0.017f)));
  }
  check(quantizer<int4, per_group<32>>(), shape(7, 9, 32), coded_parameters<integer<6, false>>(integers, 0.017f),
        scales);
}

TEST_CASE("layouts of slots, zero points") {
  std::vector<std::uint8_t> codes(4096);
  std::vector<float> scales(4096);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    codes[i] = static_cast<std::uint8_t>(120 + i % 11);
    scales[i] = value_of_e8m0(codes[i]);
  }
  const auto run = [&](const auto& q, const shape& s, std::size_t n) {
    const std::vector<std::uint8_t> c(codes.begin(), codes.begin() + static_cast<std::ptrdiff_t>(n));
    check(q, s, coded_parameters<e8m0>(c),
          std::vector<float>(scales.begin(), scales.begin() + static_cast<std::ptrdiff_t>(n)));
  };
  run(quantizer<int8>(), shape(5000), 1);
  run(quantizer<int8>(), shape(0), 1);
  run(quantizer<int8, per_axis<0>>(), shape(3, 2500), 3);
  run(quantizer<int8, per_axis<1>>(), shape(5, 7, 300), 7);
  run(quantizer<int8, per_axis<1>>(), shape(2, 4096), 4096);
  run(quantizer<int8, per_axis<0>>(), shape(4096, 1), 4096);
  run(quantizer<int8, per_group<32>>(), shape(9, 77), 27);
  run(quantizer<int8, per_block<3, 32>>(), shape(10, 70), 12);
  run(quantizer<int8, per_axes<0, 2>>(), shape(5, 6, 9), 45);
  const std::vector<std::int32_t> zeros{3, 0, 255};
  const std::vector<std::uint8_t> three(codes.begin(), codes.begin() + 3);
  check(quantizer<uint8, affine, per_axis<0>>(), shape(3, 100), coded_parameters<e8m0>(three, 1.0f, zeros),
        {scales[0], scales[1], scales[2]}, zeros);
}

TEST_CASE("packed codes with coded scales") {
  const shape s(13, 96);
  const quantizer<int4, per_group<32>> q;
  std::vector<std::uint8_t> codes(39);
  std::vector<float> scales(39);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    codes[i] = static_cast<std::uint8_t>(118 + i % 14);
    scales[i] = value_of_e8m0(codes[i]);
  }
  const std::vector<float> x = samples(s.size());
  std::vector<std::int8_t> plain(s.size());
  quantize(q, parameters(scales), tensor_view<const float>(x.data(), s), tensor_view<std::int8_t>(plain.data(), s),
           scalar_engine{});
  for (const packed_test::layout& l : packed_test::layouts_of(s, 4)) {
    CAPTURE(l.name);
    packed_test::bit_string expected(l.bytes, false);
    expected.write(l, s, 4, plain);
    for (const chosen_engine& engine : engines) {
      CAPTURE(engine.name);
      packed_test::bit_string met(l.bytes, false);
      quantize(q, coded_parameters<e8m0>(codes), tensor_view<const float>(x.data(), s),
               packed_view<4>(met.first(), s, l.stride, l.first_bit), engine);
      CHECK(met.bytes == expected.bytes);
    }
  }
}

TEST_CASE("conversions and gradients") {
  const shape s(6, 640);
  const quantizer<int8, per_group<32>> q;
  const quantizer<int8, per_axis<0>> rows;
  std::vector<std::uint8_t> codes(120), row_codes(6);
  std::vector<float> scales(120), row_scales(6);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    codes[i] = static_cast<std::uint8_t>(118 + i % 14);
    scales[i] = value_of_e8m0(codes[i]);
  }
  for (std::size_t i = 0; i < 6; ++i) {
    row_codes[i] = static_cast<std::uint8_t>(60 + 3 * i);
    row_scales[i] = value_of_ue4m3(row_codes[i]);
  }
  std::vector<std::int8_t> given(s.size()), expected(s.size());
  for (std::size_t i = 0; i < given.size(); ++i) given[i] = static_cast<std::int8_t>(i * 7);
  const tensor_view<const std::int8_t> from(given.data(), s);
  const std::vector<float> x = samples(s.size());
  const tensor_view<const float> xs(x.data(), s);
  std::vector<float> dx(s.size());
  std::vector<std::uint8_t> mask(s.size() / 8);
  fake_quantize_backward(clipped_straight_through{}, q, parameters(scales), xs, xs, tensor_view<float>(dx.data(), s),
                         scalar_engine{});
  const parameters plain(scales), plain_rows(row_scales);
  const coded_parameters<e8m0> coded(codes);
  const coded_parameters<ue4m3> coded_rows(row_codes);
  convert(q, plain, from, rows, plain_rows, tensor_view<std::int8_t>(expected.data(), s), scalar_engine{});
  for (const chosen_engine& engine : engines) {
    CAPTURE(engine.name);
    const auto converted = [&](const auto& p, const auto& target) {
      std::vector<std::int8_t> met(s.size());
      convert(q, p, from, rows, target, tensor_view<std::int8_t>(met.data(), s), engine);
      return met;
    };
    CHECK(converted(coded, plain_rows) == expected);
    CHECK(converted(plain, coded_rows) == expected);
    CHECK(converted(coded, coded_rows) == expected);
    std::vector<float> met(s.size());
    fake_quantize_backward(clipped_straight_through{}, q, coded, xs, xs, tensor_view<float>(met.data(), s), engine);
    CHECK(same_bits(met, dx));
    fake_quantize_with_mask(q, coded, xs, tensor_view<float>(met.data(), s),
                            tensor_view<std::uint8_t>(mask.data(), shape(mask.size())), engine);
    for (std::size_t i = 0; i < s.size(); ++i) CHECK((mask[i / 8] >> i % 8 & 1) == (dx[i] == x[i] ? 1 : 0));
  }
  row_codes[4] = 127;
  const status bad = validate_convert(q, coded, from, rows, coded_parameters<ue4m3>(row_codes),
                                      tensor_view<std::int8_t>(expected.data(), s));
  CHECK(bad.code == errc::scale_not_finite);
  CHECK(bad.index == 4);
  CHECK(std::strcmp(bad.argument, "target scale") == 0);
}

TEST_CASE("double data") {
  const shape s(3, 5);
  std::vector<double> x(15), y(15), z(15);
  for (std::size_t i = 0; i < 15; ++i) x[i] = static_cast<double>(i) * 0.7 - 5;
  const quantizer<int8, per_axis<0>> q;
  const double multiplier = 0.1;
  const basic_parameters<double> plain(std::vector<double>{0.25 * multiplier, 0.5 * multiplier, 1024 * multiplier});
  fake_quantize(q, plain, tensor_view<const double>(x.data(), s), tensor_view<double>(y.data(), s));
  fake_quantize(q, coded_parameters<e8m0, double>({125, 126, 137}, multiplier), tensor_view<const double>(x.data(), s),
                tensor_view<double>(z.data(), s));
  CHECK(y == z);
}

TEST_CASE("bad codes are refused by their slot, before anything is written") {
  const shape s(4, 2);
  const std::vector<float> x(8, 1.0f);
  std::vector<std::int8_t> codes(8, 99);
  const quantizer<int8, per_axis<0>> q;
  const auto refused = [&](const auto& p) {
    const status r =
        try_quantize(q, p, tensor_view<const float>(x.data(), s), tensor_view<std::int8_t>(codes.data(), s));
    CHECK(codes == std::vector<std::int8_t>(8, 99));
    CHECK(validate_quantize(q, p, tensor_view<const float>(x.data(), s), tensor_view<std::int8_t>(codes.data(), s))
              .code == r.code);
    return r;
  };
  status r = refused(coded_parameters<e8m0>({127, 127, 255, 127}));
  CHECK(r.code == errc::scale_not_finite);
  CHECK(r.index == 2);
  CHECK(std::strcmp(r.argument, "scale") == 0);
  r = refused(coded_parameters<ue4m3>({8, 0, 8, 8}));
  CHECK(r.code == errc::scale_not_positive);
  CHECK(r.index == 1);
  r = refused(coded_parameters<e4m3fn>({8, 8, 8, 0x88}));
  CHECK(r.code == errc::scale_not_positive);
  CHECK(r.index == 3);
  CHECK(r.value < 0);
  r = refused(coded_parameters<ue4m3>({8, 8, 8, 8}, 0.0f));
  CHECK(r.code == errc::scale_not_positive);
  CHECK(refused(coded_parameters<ue4m3>({8, 8, 8, 8}, std::numeric_limits<float>::quiet_NaN())).code ==
        errc::scale_not_finite);
  CHECK(refused(coded_parameters<e8m0>({127, 254, 127, 127}, 4.0f)).index == 1);  // infinite as a float
  CHECK(refused(coded_parameters<e8m0>({127, 127, 127})).code == errc::parameter_count);
  CHECK(refused(coded_parameters<e8m0>({127, 127, 127, 127}, 1.0f, {0, 0})).code == errc::parameter_count);
  CHECK(refused(coded_parameters<e8m0>({127, 127, 127, 127}, 1.0f, {0, 1, 0, 0})).code == errc::zero_point_not_zero);
  CHECK(refused(coded_parameters_view<e8m0>{nullptr, 4}).code == errc::null_pointer);
  const quantizer<int8, per_axis<0>, multiply_by_reciprocal> by_reciprocal;
  const status tiny =
      validate_quantize(by_reciprocal, coded_parameters<e8m0>({127, 0, 127, 127}, 0x1p-10f),
                        tensor_view<const float>(x.data(), s), tensor_view<std::int8_t>(codes.data(), s));
  CHECK(tiny.code == errc::scale_out_of_range);
  CHECK(tiny.index == 1);
}

TEST_CASE("regular values") {
  const coded_parameters<e8m0> a({1, 2}, 2.0f);
  CHECK(a == coded_parameters<e8m0>({1, 2}, 2.0f));
  CHECK_FALSE(a == coded_parameters<e8m0>({1, 2}));
  CHECK(a.count() == 2);
  CHECK(a.multiplier() == 2.0f);
  CHECK(a.scale() == std::vector<std::uint8_t>{1, 2});
  CHECK(a.zero_point().empty());
}

}  // namespace
