// Views: the place of every element of a dense one, which views are dense, and const.
#include <doctest/doctest.h>

#include <xquant/core/view.hpp>

#include <cstddef>
#include <type_traits>

using xquant::shape;
using xquant::tensor_view;

static_assert(std::is_trivially_copyable_v<tensor_view<float>>);
static_assert(std::is_convertible_v<tensor_view<float>, tensor_view<const float>>);
static_assert(!std::is_convertible_v<tensor_view<const float>, tensor_view<float>>);
static_assert(!std::is_convertible_v<tensor_view<float>, tensor_view<double>>);

TEST_CASE("a dense view counts its last dimension fastest") {
  float data[24] = {};
  const tensor_view<float> v(data, shape(2, 3, 4));
  std::ptrdiff_t next = 0;
  for (std::ptrdiff_t i = 0; i < 2; ++i)
    for (std::ptrdiff_t j = 0; j < 3; ++j)
      for (std::ptrdiff_t k = 0; k < 4; ++k, ++next) CHECK(i * v.stride[0] + j * v.stride[1] + k * v.stride[2] == next);
  CHECK(v.dense());
  CHECK(tensor_view<float>(data, shape()).dense());
}

TEST_CASE("which strides are dense") {
  float data[24] = {};
  const auto dense = [&](const shape& s, std::ptrdiff_t a, std::ptrdiff_t b) {
    const std::ptrdiff_t strides[] = {a, b};
    return tensor_view<float>(data, s, strides).dense();
  };
  CHECK(dense(shape(2, 3), 3, 1));
  CHECK(!dense(shape(2, 3), 1, 2));   // transposed
  CHECK(!dense(shape(2, 3), 4, 1));   // a gap
  CHECK(!dense(shape(2, 3), -3, 1));  // backwards
  CHECK(!dense(shape(2, 3), 0, 1));   // repeated
  CHECK(dense(shape(1, 3), 99, 1));   // the stride of a dimension of one element does not matter
  CHECK(dense(shape(3, 1), 1, 99));
}
