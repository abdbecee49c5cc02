// Contiguous ranges, pointers with shapes, and a tensor type of one's own.
#include <doctest/doctest.h>
#include <xquant/adapt/span.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace {

// A tensor library of six lines: its columns come first in memory.
struct column_major {
  std::vector<float> data;
  std::size_t rows;
  std::size_t columns;
  int shape() const { return 2; }
};

}  // namespace

template <>
struct xquant::tensor_adaptor<const column_major> {
  static xquant::tensor_view<const float> view(const column_major& m) {
    const std::ptrdiff_t strides[2] = {1, static_cast<std::ptrdiff_t>(m.rows)};
    return {m.data.data(), xquant::shape{m.rows, m.columns}, strides};
  }
};

using xquant::quantizer;

TEST_CASE("vectors, arrays, spans and built-in arrays are tensors of rank 1") {
  const quantizer<xquant::int8> q;
  const xquant::parameters p(0.5f);
  const std::vector<float> x = {-1.0f, 0.75f, 100.0f};
  const std::array<std::int8_t, 3> expected = {-2, 2, 127};  // 1.5 is a tie and goes to even
  std::array<std::int8_t, 3> a{};
  xquant::quantize(q, p, x, a);
  CHECK(a == expected);
  std::vector<std::int8_t> b(3);
  xquant::quantize(q, p, std::span<const float>(x), b);
  CHECK(std::equal(b.begin(), b.end(), expected.begin()));
  std::int8_t c[3] = {};
  xquant::quantize(q, p, xquant::tensor_view(x.data(), xquant::shape{3}), std::span<std::int8_t>(c));
  CHECK(std::equal(c, c + 3, expected.begin()));
  std::vector<float> back(3);
  xquant::dequantize(q, p, a, back);
  CHECK(back == std::vector<float>{-1.0f, 1.0f, 63.5f});
}

TEST_CASE("ranges of different lengths are refused") {
  std::vector<std::int8_t> codes(2, 42);
  const auto s =
      xquant::try_quantize(quantizer<xquant::int8>{}, xquant::parameters(1.0f), std::vector<float>(3), codes);
  CHECK(s.code == xquant::errc::shape_mismatch);
  CHECK(s.value == 2);
  CHECK(codes == std::vector<std::int8_t>{42, 42});
}

TEST_CASE("a tensor of another library, by one specialisation") {
  const column_major m{{1, 2, 3, 4, 5, 6}, 2, 3};  // rows 1 3 5 and 2 4 6
  std::vector<std::int8_t> codes(6);
  const xquant::parameters p(std::vector<float>{1.0f, 2.0f});
  xquant::quantize(quantizer<xquant::int8, xquant::per_axis<0>>{}, p, m,
                   xquant::tensor_view(codes.data(), xquant::shape{2, 3}));
  CHECK(codes == std::vector<std::int8_t>{1, 3, 5, 1, 2, 3});
}
