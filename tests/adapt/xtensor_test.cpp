// xtensor's containers, layouts, views, adaptors and expressions.
#include <doctest/doctest.h>
#include <xquant/adapt/xtensor.hpp>
#include <xquant/by_value.hpp>
#include <xquant/calibration/min_max.hpp>
#include <xquant/encoded_tensor.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>

#include <cmath>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

using by_column = xquant::quantizer<xquant::int8, xquant::per_axis<1>>;

namespace {

const xquant::parameters two_scales(std::vector<float>{0.5f, 2.0f});

template <class Tensor>
std::vector<int> listed(const Tensor& t) {
  std::vector<int> out;
  for (std::size_t i = 0; i < t.shape()[0]; ++i)
    for (std::size_t j = 0; j < t.shape()[1]; ++j) out.push_back(static_cast<int>(t(i, j)));
  return out;
}

}  // namespace

TEST_CASE("containers of static and dynamic rank, in both layouts") {
  const xt::xarray<float> a = {{1, 2}, {3, 4}};
  const xt::xtensor<float, 2> b = a;
  const xt::xarray<float, xt::layout_type::column_major> c = a;
  const std::vector<int> expected = {2, 1, 6, 2};
  xt::xtensor<std::int8_t, 2> rows({2, 2});
  xt::xarray<std::int8_t, xt::layout_type::column_major> columns(std::vector<std::size_t>{2, 2});
  xquant::quantize(by_column{}, two_scales, a, rows);
  CHECK(listed(rows) == expected);
  xquant::quantize(by_column{}, two_scales, b, columns);
  CHECK(listed(columns) == expected);
  rows.fill(0);
  xquant::quantize(by_column{}, two_scales, c, rows);
  CHECK(listed(rows) == expected);
  xt::xarray<float> back = xt::zeros<float>({2, 2});
  xquant::dequantize(by_column{}, two_scales, columns, back);
  CHECK(listed(back) == std::vector<int>{1, 2, 3, 4});
}

TEST_CASE("strided views in and out leave their surroundings alone") {
  xt::xarray<float> big = xt::arange<float>(0, 24);
  big.reshape({4, 6});
  xt::xarray<float> out = xt::ones<float>({5, 5}) * -7.0f;
  // Rows 3 and 1, columns 1 and 4.
  const auto in = xt::view(big, xt::range(3, 0, -2), xt::range(1, 6, 3));
  auto target = xt::view(out, xt::range(0, 5, 4), xt::range(1, 3));
  xquant::fake_quantize(by_column{}, two_scales, in, target);
  CHECK(out(0, 1) == 19.0f);
  CHECK(out(0, 2) == 22.0f);
  CHECK(out(4, 1) == 7.0f);
  CHECK(out(4, 2) == 10.0f);
  CHECK(xt::sum(out)() == doctest::Approx(-7.0 * 21 + 19 + 22 + 7 + 10));
}

TEST_CASE("transposed tensors and adapted memory") {
  std::vector<float> memory = {1, 2, 3, 4, 5, 6};
  const std::vector<std::size_t> extents = {3, 2};
  auto adapted = xt::adapt(memory, extents);
  xt::xtensor<std::int8_t, 2> codes({2, 3});
  // Row 0 of the transposed tensor is column 0 of the other.
  xquant::quantize(xquant::quantizer<xquant::int8, xquant::per_axis<0>>{}, two_scales, xt::transpose(adapted), codes);
  CHECK(listed(codes) == std::vector<int>{2, 6, 10, 1, 2, 3});
  xquant::fake_quantize(xquant::quantizer<xquant::int8>{}, xquant::parameters(4.0f), adapted, adapted);
  CHECK(memory == std::vector<float>{0, 0, 4, 4, 4, 8});  // 0.5, 1.5: ties to even
}

TEST_CASE("lazy expressions are inputs") {
  const xt::xarray<float> a = {{1, 2}, {3, 4}};
  xt::xtensor<std::int8_t, 2> codes({2, 2});
  xquant::quantize(by_column{}, two_scales, a * 2.0f + 1.0f, codes);
  CHECK(listed(codes) == std::vector<int>{6, 2, 14, 4});  // 3 5 7 9: 2.5 and 4.5 are ties
  CHECK(xquant::validate_quantize(by_column{}, two_scales, a + 1.0f, codes).ok());
  xquant::min_max<xquant::per_axis<1>> observer;
  observer.observe(a - 2.5f);
  CHECK(observer.ranges() == std::vector<xquant::range<float>>{{-1.5f, 0.5f}, {-0.5f, 1.5f}});
}

TEST_CASE("shapes that do not fit are refused, and an expression's too") {
  const xt::xarray<float> a = {{1, 2}, {3, 4}};
  xt::xtensor<std::int8_t, 2> codes({2, 3});
  codes.fill(42);
  CHECK(xquant::try_quantize(by_column{}, two_scales, a, codes).code == xquant::errc::shape_mismatch);
  CHECK(xquant::try_quantize(by_column{}, two_scales, a + 1.0f, codes).code == xquant::errc::shape_mismatch);
  const xt::xarray<float> nine = xt::zeros<float>({1, 1, 1, 1, 1, 1, 1, 1, 2});
  CHECK(xquant::try_quantize(by_column{}, two_scales, nine, codes).code == xquant::errc::rank_out_of_range);
  CHECK(listed(codes) == std::vector<int>(6, 42));
}

TEST_CASE("xtensor containers and views of 16-bit floats") {
  xt::xarray<xquant::float16> x = xt::xarray<xquant::float16>::from_shape({3, 4});
  for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] = xquant::float16(static_cast<float>(i) * 0.26f);
  xt::xtensor<xquant::bfloat16, 2> y = xt::xtensor<xquant::bfloat16, 2>::from_shape({2, 2});
  const auto part = xt::view(x, xt::range(1, 3), xt::range(0, 4, 2));
  xquant::fake_quantize(xquant::quantizer<xquant::int8>{}, xquant::parameters(0.5f), part, y);
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t j = 0; j < 2; ++j) {
      const float v = x(i + 1, 2 * j);
      CHECK(static_cast<float>(y(i, j)) == std::nearbyint(v / 0.5f) * 0.5f);  // few bits: exact in bfloat16
    }
}

TEST_CASE("forms that return give xtensor's containers") {
  const xt::xarray<float> a = {{1, 2}, {3, 4.4f}};
  const xt::xarray<float> y = xquant::fake_quantize(by_column{}, two_scales, a);
  CHECK(y(0, 0) == 1.0f);
  CHECK(y(1, 1) == 4.0f);
  const auto fixed = xquant::quantize(by_column{}, two_scales, xt::xtensor<float, 2>(a));
  static_assert(std::is_same_v<decltype(fixed), const xt::xtensor<std::int8_t, 2>>);
  CHECK(listed(fixed) == std::vector<int>{2, 1, 6, 2});
  const auto columns =
      xquant::fake_quantize(by_column{}, two_scales, xt::xarray<float, xt::layout_type::column_major>(a));
  static_assert(std::is_same_v<decltype(columns), const xt::xarray<float, xt::layout_type::column_major>>);
  CHECK(columns == y);
  CHECK(xquant::fake_quantize(by_column{}, two_scales, a + 0.0f) == y);
  CHECK(xquant::fake_quantize(by_column{}, two_scales, xt::view(a, xt::all(), xt::range(0, 2))) == y);
  const auto t = xquant::quantize<xquant::int8>(a);
  const xt::xarray<float> back = xquant::dequantize(t);
  CHECK(back.dimension() == 2);
  CHECK(std::fabs(back(1, 1) - 4.4f) <= 4.4f / 127);
  xt::xtensor<float, 2> into({2, 2});
  xquant::dequantize(t, into);
  CHECK(into == back);
  into = xquant::dequantize(t);
  CHECK(into == back);
  using cube = xt::xtensor<float, 3>;
  CHECK_THROWS_AS((void)cube(xquant::dequantize(t)), xquant::error);
  xt::xarray<float> small = xt::zeros<float>({2, 1});
  try {
    xquant::dequantize(t, small);
    CHECK(false);
  } catch (const xquant::error& e) {
    CHECK(std::string(e.what()) == "xquant: x: dimension 1 = 1: shapes differ; expected 2, as in the first input");
  }
}

TEST_CASE("a tensor with an encoding goes out of xtensor and into it") {
  xquant::encoding e;
  e.parameters = xquant::parameters(std::vector<float>{0.5f});
  const xt::xarray<float> x{{1.0f, -2.6f}, {0.2f, 500.0f}};
  const xquant::encoded_tensor t = xquant::encoded_tensor::quantize(e, x);
  const xt::xarray<float> y = t.dequantize();
  const xt::xarray<float> expected{{1.0f, -2.5f}, {0.0f, 63.5f}};
  CHECK(y == expected);
  xt::xtensor<float, 2> into({2, 2});
  t.dequantize(into);
  CHECK(into == expected);
}
