// Eigen's matrices, arrays, maps, blocks and expressions, in their own order and strides.
#include <doctest/doctest.h>
#include <xquant/adapt/eigen.hpp>
#include <xquant/adapt/span.hpp>
#include <xquant/by_value.hpp>
#include <xquant/calibration/min_max.hpp>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

using namespace xquant;  // NOLINT: every line names several

namespace {

using rows_first = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using codes_matrix = Eigen::Matrix<std::int8_t, Eigen::Dynamic, Eigen::Dynamic>;
using by_row = quantizer<int8, per_axis<0>>;

const parameters two_scales(std::vector<float>{0.5f, 2.0f});

// The code of element x under scale s, in double.
int code_of(double x, double s) { return static_cast<int>(std::nearbyint(x / s)); }

Eigen::MatrixXf sample() {
  Eigen::MatrixXf m(2, 3);
  m << 1, 2.3f, -3, 4, -5.5f, 6;
  return m;
}

// Codes of a matrix with a scale for each row.
template <class Codes, class Matrix>
bool are_codes_by_row(const Codes& codes, const Matrix& x) {
  bool right = codes.rows() == x.rows() && codes.cols() == x.cols();
  for (Eigen::Index i = 0; right && i < x.rows(); ++i)
    for (Eigen::Index j = 0; j < x.cols(); ++j)
      right = right && codes(i, j) == code_of(static_cast<double>(x(i, j)), i == 0 ? 0.5 : 2);
  return right;
}

}  // namespace

TEST_CASE("matrices and arrays of both orders, of static and dynamic extents") {
  const Eigen::MatrixXf x = sample();
  codes_matrix codes(2, 3);
  quantize(by_row{}, two_scales, x, codes);
  CHECK(are_codes_by_row(codes, x));
  const rows_first other = x;
  codes.setZero();
  quantize(by_row{}, two_scales, other, codes);
  CHECK(are_codes_by_row(codes, x));
  const Eigen::Array<float, 2, 3> fixed = x.array();
  Eigen::Array<std::int8_t, 2, 3, Eigen::RowMajor> fixed_codes;
  quantize(by_row{}, two_scales, fixed, fixed_codes);
  CHECK(are_codes_by_row(fixed_codes, x));
  Eigen::MatrixXd wide = x.cast<double>();
  fake_quantize(by_row{}, basic_parameters<double>(std::vector<double>{0.5, 2}), wide, wide);
  CHECK(wide(0, 1) == 2.5);
  CHECK(wide(1, 1) == -6);
}

TEST_CASE("vectors have rank 1, and so have rows and columns of a matrix") {
  const Eigen::VectorXf v = Eigen::VectorXf::LinSpaced(5, -2, 2);
  std::vector<std::int8_t> codes(5);
  quantize(quantizer<int8>{}, parameters(0.5f), v, codes);
  CHECK(codes == std::vector<std::int8_t>{-4, -2, 0, 2, 4});
  Eigen::RowVector3f r(1, 2, 3);
  std::vector<std::int8_t> three(3);
  quantize(quantizer<int8>{}, parameters(0.5f), r, three);
  CHECK(three == std::vector<std::int8_t>{2, 4, 6});
  const Eigen::MatrixXf x = sample();
  quantize(quantizer<int8>{}, parameters(0.5f), x.row(1), three);  // a stride of 2 in memory
  CHECK(three == std::vector<std::int8_t>{8, -11, 12});
  std::vector<std::int8_t> two(2);
  quantize(quantizer<int8>{}, parameters(1.0f), x.col(0), two);
  CHECK(two == std::vector<std::int8_t>{1, 4});
}

TEST_CASE("maps with strides, blocks and transposes, in and out") {
  std::vector<float> memory(40, 9.0f);
  // Element (i, j) at 1 + 12 i + 3 j.
  using strides = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;
  Eigen::Map<rows_first, 0, strides> map(memory.data() + 1, 2, 3, strides(12, 3));
  map = sample();
  codes_matrix codes(2, 3);
  quantize(by_row{}, two_scales, map, codes);
  CHECK(are_codes_by_row(codes, sample()));
  const Eigen::Map<const rows_first, 0, strides> constant(memory.data() + 1, 2, 3, strides(12, 3));
  codes.setZero();
  quantize(by_row{}, two_scales, constant, codes);
  CHECK(are_codes_by_row(codes, sample()));
  fake_quantize(by_row{}, two_scales, sample(), map);
  for (std::size_t i = 0; i < memory.size(); ++i) {
    const std::size_t at = i - 1;
    const bool inside = i > 0 && at / 12 < 2 && at % 12 % 3 == 0 && at % 12 / 3 < 3;
    if (!inside) CHECK(memory[i] == 9.0f);
  }
  CHECK(map(0, 1) == 2.5f);
  CHECK(map(1, 1) == -6.0f);

  Eigen::MatrixXf big = Eigen::MatrixXf::Constant(4, 5, -1.0f);
  fake_quantize(by_row{}, two_scales, sample(), big.block(1, 1, 2, 3));
  CHECK(big(1, 2) == 2.5f);
  CHECK(big(2, 2) == -6.0f);
  CHECK(big.sum() == doctest::Approx(-14 + 1 + 2.5 - 3 + 4 - 6 + 6));
  Eigen::Matrix<std::int8_t, 3, 2> turned;
  quantize(quantizer<int8, per_axis<1>>{}, two_scales, sample().transpose(), turned);
  CHECK(are_codes_by_row(turned.transpose().eval(), sample()));
}

TEST_CASE("expressions are inputs") {
  const Eigen::MatrixXf x = sample();
  codes_matrix codes(2, 3);
  quantize(by_row{}, two_scales, x * 2.0f + Eigen::MatrixXf::Ones(2, 3), codes);
  CHECK(are_codes_by_row(codes, (x * 2.0f + Eigen::MatrixXf::Ones(2, 3)).eval()));
  quantize(by_row{}, two_scales, x.array().abs(), codes);
  CHECK(are_codes_by_row(codes, x.cwiseAbs().eval()));
  min_max<per_axis<0>> observer;
  observer.observe(x.cwiseProduct(x));
  CHECK(observer.ranges()[1].maximum == 36.0f);
}

TEST_CASE("forms that return give matrices, arrays and vectors") {
  const Eigen::MatrixXf x = sample();
  const codes_matrix codes = quantize(by_row{}, two_scales, x);
  CHECK(are_codes_by_row(codes, x));
  const Eigen::MatrixXf back = dequantize(by_row{}, two_scales, codes);
  const Eigen::MatrixXf fake = fake_quantize(by_row{}, two_scales, x);
  CHECK(back == fake);
  CHECK(back(0, 1) == 2.5f);
  CHECK(fake_quantize(by_row{}, two_scales, x.transpose().eval().transpose()) == fake);
  const Eigen::Array2f pair = fake_quantize(quantizer<int8>{}, parameters(1.0f), Eigen::Array2f(0.6f, -2.2f));
  CHECK(pair(0) == 1.0f);
  CHECK(pair(1) == -2.0f);
  const auto t = quantize<int8>(x);
  CHECK(t.shape == shape{2, 3});
  const Eigen::MatrixXf m = dequantize(t);
  const rows_first r = dequantize(t);
  CHECK(m == r);
  CHECK((m - x).cwiseAbs().maxCoeff() <= 6.0f / 127);
  Eigen::MatrixXf into(2, 3);
  dequantize(t, into);
  CHECK(into == m);
}

TEST_CASE("shapes that do not fit are refused") {
  const auto refused = [](const auto& make) {
    try {
      make();
    } catch (const error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  const auto t = quantize<int8>(sample());
  CHECK(refused([&] { (void)Eigen::VectorXf(dequantize(t)); }) ==
        "xquant: result: rank = 2: shapes differ; expected 1, as a vector has");
  CHECK(refused([&] { (void)Eigen::Matrix2f(dequantize(t)); }) ==
        "xquant: result: dimension 1 = 3: shapes differ; expected 2, as the matrix has");
  CHECK(refused([&] {
          (void)Eigen::MatrixXf(dequantize(quantize<int8>(std::vector<float>{1, 2})));
        }) == "xquant: result: rank = 1: shapes differ; expected 2, as a matrix has");
  Eigen::MatrixXf small = Eigen::MatrixXf::Constant(2, 2, 7.0f);
  CHECK(refused([&] { dequantize(t, small); }) ==
        "xquant: x: dimension 1 = 2: shapes differ; expected 3, as in the first input");
  CHECK(small == Eigen::MatrixXf::Constant(2, 2, 7.0f));
}
