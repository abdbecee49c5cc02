// quantize, dequantize and fake quantize on the scalar engine: special values by name, parameter slots, plans.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>

using oracle::arithmetic;
using oracle::rounding;

TEST_CASE("special values, by name") {
  using namespace xquant;
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  float x[] = {nan, -nan, infinity, -infinity, -0.0f, 0.0f, 1e-45f, -1e-45f, 3.4e38f, -3.4e38f};
  constexpr std::size_t n = sizeof x / sizeof *x;
  float y[n];
  const tensor_view<float> input(x, shape(n));
  const tensor_view<float> output(y, shape(n));
  const scale_and_zero_point<float> affine_parameters{0.5f, 3};

  std::int8_t codes[n];
  const tensor_view<std::int8_t> code_view(codes, shape(n));
  quantize(quantizer<int8, affine>{}, affine_parameters, input, code_view);
  const int expected[n] = {-128, -128, 127, -128, 3, 3, 3, 3, 127, -128};
  for (std::size_t i = 0; i < n; ++i) CHECK(codes[i] == expected[i]);
  fake_quantize(quantizer<int8, affine>{}, affine_parameters, input, output);
  CHECK(y[0] == -65.5f);
  CHECK(y[2] == 62.0f);
  CHECK(y[4] == 0.0f);
  CHECK_FALSE(std::signbit(y[4]));  // integers have one zero
  CHECK_FALSE(std::signbit(y[7]));

  using narrow = symmetric<code_range::narrow>;
  quantize(quantizer<int8, narrow>{}, scale_and_zero_point<float>{0.5f, 0}, input, code_view);
  CHECK(codes[0] == -127);
  CHECK(codes[3] == -127);

  std::uint8_t small[n];
  quantize(quantizer<e4m3fn>{}, scale_and_zero_point<float>{0.5f, 0}, input,
           tensor_view<std::uint8_t>(small, shape(n)));
  CHECK((small[0] & 0x7f) == 0x7f);
  CHECK((small[1] & 0x7f) == 0x7f);
  CHECK(small[2] == 0x7e);
  CHECK(small[3] == 0xfe);
  CHECK(small[4] == 0x80);
  CHECK(small[5] == 0x00);
  CHECK(small[6] == 0x00);
  CHECK(small[7] == 0x80);
  CHECK(small[8] == 0x7e);
  fake_quantize(quantizer<e4m3fn>{}, scale_and_zero_point<float>{0.5f, 0}, input, output);
  CHECK(std::isnan(y[0]));
  CHECK(y[2] == 224.0f);
  CHECK(std::signbit(y[4]));  // -0 is a value of e4m3fn
  CHECK_FALSE(std::signbit(y[5]));
}

namespace {

// The parameter slot of a multi-index, from the documentation of the granularities alone.
template <class Granularity>
void slots(const Granularity& g, int axis_or_none) {
  using namespace xquant;
  const std::size_t extent[3] = {3, 4, 5};
  const std::size_t count = axis_or_none < 0 ? 1 : extent[axis_or_none];
  std::vector<float> scale(count);
  std::vector<std::int32_t> zero(count);
  for (std::size_t i = 0; i < count; ++i) {
    scale[i] = 0.1f * static_cast<float>(i + 1);
    zero[i] = static_cast<std::int32_t>(i) * 5 - 7;
  }
  std::vector<float> x(60);
  for (std::size_t i = 0; i < 60; ++i) x[i] = static_cast<float>(i) * 0.37f - 11.0f;
  std::vector<std::int8_t> codes(60);
  std::vector<float> y(60);
  std::vector<float> fake(60);
  const basic_quantizer<int8, Granularity, affine, nearest_even, divide_by_scale> q(int8{}, g);
  const parameters p(scale, zero);
  const shape s(3, 4, 5);
  quantize(q, p, tensor_view<float>(x.data(), s), tensor_view<std::int8_t>(codes.data(), s));
  dequantize(q, p, tensor_view<std::int8_t>(codes.data(), s), tensor_view<float>(y.data(), s));
  fake_quantize(q, p, tensor_view<float>(x.data(), s), tensor_view<float>(fake.data(), s));
  for (std::size_t a = 0; a < 3; ++a)
    for (std::size_t b = 0; b < 4; ++b)
      for (std::size_t c = 0; c < 5; ++c) {
        const std::size_t index[3] = {a, b, c};
        const std::size_t i = (a * 4 + b) * 5 + c;
        const std::size_t slot = axis_or_none < 0 ? 0 : index[axis_or_none];
        const std::int32_t code =
            oracle::integer_code(x[i], scale[slot], zero[slot], {-128, 127}, rounding::even, arithmetic::divide);
        REQUIRE(codes[i] == code);
        REQUIRE(y[i] == oracle::integer_value(code, scale[slot], zero[slot]));
        REQUIRE(fake[i] == y[i]);
      }
}

}  // namespace

TEST_CASE("each element takes the parameters of its slot") {
  using namespace xquant;
  slots(per_tensor{}, -1);
  slots(per_axis<0>{}, 0);
  slots(per_axis<1>{}, 1);
  slots(per_axis<2>{}, 2);
  slots(per_axis<-1>{}, 2);
  slots(per_axis<-3>{}, 0);
  for (int axis = -3; axis < 3; ++axis) slots(per_axis<>{axis}, axis < 0 ? axis + 3 : axis);
}

TEST_CASE("a plan is run again with other addresses") {
  using namespace xquant;
  const quantizer<int8> q;
  const parameters p(0.25f);
  std::vector<float> x{1.0f, -2.0f, 0.3f};
  std::vector<std::int8_t> first(3);
  std::vector<std::int8_t> second(3);
  plan<quantize_kernel<quantizer<int8>>> laid_out;
  REQUIRE(plan_quantize(q, p, tensor_view<float>(x.data(), shape(3)), tensor_view<std::int8_t>(first.data(), shape(3)),
                        laid_out)
              .ok());
  laid_out.run(scalar_engine{}, x.data(), first.data());
  x[0] = 10.0f;
  laid_out.run(scalar_engine{}, x.data(), second.data());
  CHECK(first[0] == 4);
  CHECK(first[1] == -8);
  CHECK(first[2] == 1);
  CHECK(second[0] == 40);
  plan<dequantize_kernel<quantizer<int8>>> back;
  std::vector<float> y(3);
  REQUIRE(plan_dequantize(q, p, tensor_view<std::int8_t>(first.data(), shape(3)),
                          tensor_view<float>(y.data(), shape(3)), back)
              .ok());
  back.run(scalar_engine{}, second.data(), y.data());
  CHECK(y[0] == 10.0f);
  plan<fake_quantize_kernel<quantizer<int8>>> fake;
  REQUIRE(plan_fake_quantize(q, p, tensor_view<float>(x.data(), shape(3)), tensor_view<float>(x.data(), shape(3)), fake)
              .ok());
  fake.run(scalar_engine{}, x.data(), x.data());
  CHECK(x[2] == 0.25f);
}
