// Eigen's Tensor, TensorFixedSize, TensorMap and expressions of them, in their own order.
#include <doctest/doctest.h>
#include <xquant/adapt/eigen_tensor.hpp>
#include <xquant/adapt/span.hpp>
#include <xquant/by_value.hpp>

#include <cmath>
#include <cstdint>
#include <vector>

using namespace xquant;  // NOLINT: every line names several

namespace {

using by_row = quantizer<int8, per_axis<0>>;

const parameters two_scales(std::vector<float>{0.5f, 2.0f});

// The code of element x under scale s, in double.
int code_of(double x, double s) { return static_cast<int>(std::nearbyint(x / s)); }

}  // namespace

TEST_CASE("tensors of both orders, maps of memory, expressions") {
  Eigen::Tensor<float, 3> x(2, 3, 4);
  Eigen::Tensor<float, 3, Eigen::RowMajor> rows(2, 3, 4);
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j)
      for (int k = 0; k < 4; ++k) x(i, j, k) = rows(i, j, k) = static_cast<float>(12 * i + 4 * j + k) - 9.3f;
  std::vector<std::int8_t> codes(24);
  const tensor_view out(codes, shape{2, 3, 4});
  const auto right = [&] {
    bool same = true;
    for (int n = 0; n < 24; ++n)
      same = same && codes[static_cast<std::size_t>(n)] ==
                         code_of(static_cast<double>(static_cast<float>(n) - 9.3f), n < 12 ? 0.5 : 2);
    return same;
  };
  quantize(by_row{}, two_scales, x, out);
  CHECK(right());
  codes.assign(24, 0);
  quantize(by_row{}, two_scales, rows, out);
  CHECK(right());
  codes.assign(24, 0);
  quantize(by_row{}, two_scales, Eigen::TensorMap<const Eigen::Tensor<float, 3>>(x.data(), 2, 3, 4), out);
  CHECK(right());
  codes.assign(24, 0);
  quantize(by_row{}, two_scales, x + x - x, out);
  CHECK(right());
  Eigen::TensorFixedSize<float, Eigen::Sizes<2, 3, 4>> fixed;
  dequantize(by_row{}, two_scales, out, fixed);
  CHECK(fixed(1, 2, 3) == 14.0f);
  CHECK(fixed(0, 0, 0) == -9.5f);
  const Eigen::Tensor<std::int8_t, 3> made = quantize(by_row{}, two_scales, x);
  CHECK(made(1, 2, 3) == 7);
  const Eigen::Tensor<float, 3> back = dequantize(quantize<int8>(x));
  CHECK(std::fabs(back(1, 2, 3) - 13.7f) <= 13.7f / 127);
  const Eigen::Tensor<float, 3, Eigen::RowMajor> back_rows = dequantize(quantize<int8>(x));
  CHECK(back_rows(1, 0, 2) == back(1, 0, 2));
}
