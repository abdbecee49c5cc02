// Forms that return: quantize<format>(x) of every element type and back, and quantize, dequantize and fake_quantize
// without an output.
#include <doctest/doctest.h>
#include <xquant/xquant.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <list>
#include <span>
#include <string>
#include <vector>

using namespace xquant;  // NOLINT: every line names several

namespace {

template <class T>
std::vector<T> sample() {
  std::vector<T> x;
  for (int i = 0; i < 60; ++i) x.push_back(static_cast<T>(static_cast<float>((i * 37) % 61) * 0.13f - 3.0f));
  return x;
}

template <class F>
std::string message_of(const F& f) {
  try {
    f();
  } catch (const error& e) {
    return e.what();
  }
  return "";
}

// Symmetric, for 8 bits: one scale, by which the lowest or the highest code has the extreme; codes by double
// arithmetic.
template <class T, class Tensor>
void check_symmetric(const std::vector<T>& x, const Tensor& t) {
  using real = typename Tensor::real;
  double low = 0;
  double high = 0;
  for (const T& v : x) {
    low = std::fmin(low, static_cast<double>(static_cast<real>(v)));
    high = std::fmax(high, static_cast<double>(static_cast<real>(v)));
  }
  const auto scale = static_cast<real>(std::fmax(-low / 128, high / 127));
  REQUIRE(t.parameters.count() == 1);
  CHECK(t.parameters.scale()[0] == doctest::Approx(static_cast<double>(scale)).epsilon(1e-6));
  const auto used = static_cast<double>(t.parameters.scale()[0]);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double quotient = static_cast<double>(static_cast<real>(x[i])) / used;
    CHECK(std::fabs(quotient - t.codes[i]) <= 0.5001);
  }
}

}  // namespace

TEST_CASE("float, double, float16 and bfloat16 become codes, with scales in float or double") {
  const auto single = quantize<int8>(sample<float>());
  check_symmetric(sample<float>(), single);
  const auto wide = quantize<int8>(sample<double>());
  static_assert(is_same<decltype(wide)::real, double>);
  check_symmetric(sample<double>(), wide);
  const auto half = quantize<int8>(sample<float16>());
  static_assert(is_same<decltype(half)::real, float>);
  check_symmetric(sample<float16>(), half);
  check_symmetric(sample<bfloat16>(), quantize<int8>(sample<bfloat16>()));
  // Where reals are exact in each type, so are the codes: multiples of 1/4 up to 31.75 with the lowest at -32.
  const std::vector<double> exact = {-32, 31.75, 0.25, -0.25, 7, 0};
  const std::vector<std::int8_t> codes = {-128, 127, 1, -1, 28, 0};
  CHECK(quantize<int8>(exact).codes == codes);
  CHECK(quantize<int8>(std::vector<float>(exact.begin(), exact.end())).codes == codes);
  std::vector<float16> halves;
  for (const double v : exact) halves.push_back(float16(static_cast<float>(v)));
  CHECK(quantize<int8>(halves).codes == codes);
  CHECK(dequantize(quantize<int8>(exact)) == exact);
}

TEST_CASE("a scale for each row of doubles, zero points included") {
  const std::vector<double> x = {0, 1, 2, 3, -1, 0, 1, 2};
  using rows = quantizer<uint4, affine, per_axis<0>>;
  const auto t = quantize<rows>(tensor_view(x, shape{2, 4}));
  CHECK(t.parameters.scale() == std::vector<double>{3.0 / 15, 3.0 / 15});
  CHECK(t.parameters.zero_point() == std::vector<std::int32_t>{0, 5});
  CHECK(t.codes == std::vector<std::uint8_t>{0, 5, 10, 15, 0, 5, 10, 15});
}

TEST_CASE("dequantize keeps the shape") {
  const std::vector<float> x = sample<float>();
  const auto t = quantize<int8>(tensor_view(x, shape{3, 4, 5}));
  const auto y = dequantize(t);
  CHECK(y.shape() == shape{3, 4, 5});
  REQUIRE(y.size() == 60);
  for (std::size_t i = 0; i < 60; ++i) CHECK(y[i] == static_cast<float>(t.codes[i]) * t.parameters.scale()[0]);
  const std::vector<float> flat = dequantize(t);
  CHECK(y == flat);
  std::vector<float> assigned;
  assigned = dequantize(t);
  CHECK(assigned == flat);
  CHECK(dequantize(t, scalar_engine{}) == y);
  // What is returned is a tensor like others.
  dense_tensor<float> z(shape{3, 4, 5});
  fake_quantize(t.quantizer, t.parameters, y, z);
  CHECK(z == y);
  const std::array<float, 2> two = dequantize(quantize<int8>(std::array<float, 2>{-1.28f, 1.0f}));
  CHECK(two[0] == doctest::Approx(-1.28));
  CHECK(message_of([&] { (void)static_cast<std::array<float, 3>>(dequantize(quantize<int8>(two))); }) ==
        "xquant: result: dimension 0 = 2: shapes differ; expected 3, as the array has");
}

TEST_CASE("dequantize into a tensor that is there, of any float type") {
  const std::vector<float> x = sample<float>();
  const auto t = quantize<int8>(x);
  std::vector<float> y(60);
  dequantize(t, y);
  CHECK(dequantize(t) == y);
  std::vector<float> again(60);
  dequantize(t, again, scalar_engine{});
  CHECK(again == y);
  std::vector<float16> halves(60);
  dequantize(t, halves);
  for (std::size_t i = 0; i < 60; ++i) CHECK(halves[i].bits() == float16(y[i]).bits());
  std::vector<float> shorter(59, 7.0f);
  CHECK(message_of([&] { dequantize(t, shorter); }) ==
        "xquant: x: dimension 0 = 59: shapes differ; expected 60, as in the first input");
  CHECK(shorter == std::vector<float>(59, 7.0f));
}

TEST_CASE("forms without an output give a container of the input's kind") {
  const std::vector<float> x = {-1.0f, 0.75f, 100.0f};
  const quantizer<int8> q;
  const parameters p(0.5f);
  const auto codes = quantize(q, p, x);
  static_assert(is_same<decltype(codes), const std::vector<std::int8_t>>);
  CHECK(codes == std::vector<std::int8_t>{-2, 2, 127});
  const auto back = dequantize(q, p, codes);
  static_assert(is_same<decltype(back), const std::vector<float>>);
  CHECK(back == std::vector<float>{-1.0f, 1.0f, 63.5f});
  CHECK(fake_quantize(q, p, x) == back);
  CHECK(fake_quantize(q, p, x, scalar_engine{}) == back);
  CHECK(quantize(q, scale_and_zero_point<float>{0.5f, 0}, x) == codes);
  const std::array<float16, 2> pair = {float16(0.7f), float16(-9.0f)};
  const auto fake = fake_quantize(q, p, pair);
  static_assert(is_same<decltype(fake), const std::array<float16, 2>>);
  CHECK(static_cast<float>(fake[0]) == 0.5f);
  CHECK(fake_quantize(q, p, std::span<const float>(x)) == back);
  CHECK(dequantize(quantizer<int8>{}, basic_parameters<double>(0.5), codes) == std::vector<double>{-1, 1, 63.5});
  const dense_tensor<float> shaped = fake_quantize(q, p, tensor_view(x, shape{3, 1}));
  CHECK(shaped.shape() == shape{3, 1});
  CHECK(shaped == back);
  CHECK(message_of([&] { (void)fake_quantize(q, parameters(0.0f), x); }) ==
        "xquant: scale = 0: scale is not positive; expected a finite number above 0");
}

TEST_CASE("a view of a range counts the elements") {
  std::vector<float> x(6);
  const std::vector<float> constant(6);
  static_assert(is_same<decltype(tensor_view(x, shape{2, 3})), tensor_view<float>>);
  static_assert(is_same<decltype(tensor_view(constant, shape{2, 3})), tensor_view<const float>>);
  static_assert(is_same<decltype(tensor_view(std::span<float>(x), shape{6})), tensor_view<float>>);
  CHECK(tensor_view(x, shape{2, 3}).data == x.data());
  CHECK(tensor_view(x, shape{2, 3}).stride[0] == 3);
  CHECK(message_of([&] {
          (void)tensor_view(x, shape{2, 4});
        }) == "xquant: size = 6: shapes differ; expected as many elements as the shape has: 8");
  CHECK(message_of([&] { (void)tensor_view(x, shape{5}); }) ==
        "xquant: size = 6: shapes differ; expected as many elements as the shape has: 5");
  CHECK(message_of([&] { (void)tensor_view(x, shape{-1, 3}); }).find("xquant: shape: dimension 0 = 1.8") == 0);
  CHECK(tensor_view(std::span<const float>(x).first(0), shape{0, 3}).shape.size() == 0);
}
