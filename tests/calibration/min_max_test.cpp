// Min-max: exact, order-free, per tensor and per axis, and the way from its ranges to parameters.
#include <xquant/calibration/min_max.hpp>
#include <xquant/granularity/per_axis.hpp>
#include <xquant/quantizer.hpp>

#include "calibration/samples.hpp"
#include "support/scale.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

using xquant_test::samples;
using xquant_test::view_of;

TEST_CASE("min_max: the extremes, whatever the length") {
  std::mt19937 generator(1);
  for (std::size_t n = 1; n < 600; n += n < 40 ? 1 : 37) {
    CAPTURE(n);
    const std::vector<float> x = samples(generator, static_cast<unsigned>(n), n);
    xquant::min_max<> m;
    m.observe(view_of(x));
    const xquant::range<float> r = m.ranges().at(0);
    CHECK(r.minimum == *std::min_element(x.begin(), x.end()));
    CHECK(r.maximum == *std::max_element(x.begin(), x.end()));
    CHECK((r.minimum != 0 || !std::signbit(r.minimum)));
    CHECK((r.maximum != 0 || !std::signbit(r.maximum)));
  }
}

TEST_CASE("min_max: any order, split and merge gives the same state") {
  std::mt19937 generator(2);
  for (std::size_t round = 0; round < xquant_test::scaled(1000, 50); ++round) {
    std::vector<float> x = samples(generator, static_cast<unsigned>(round), 1 + generator() % 300);
    xquant::min_max<> whole;
    whole.observe(view_of(x));
    std::shuffle(x.begin(), x.end(), generator);
    const auto cut = x.begin() + static_cast<std::ptrdiff_t>(generator() % x.size());
    xquant::min_max<> left;
    xquant::min_max<> right;
    left.observe(view_of(std::vector<float>(x.begin(), cut)));
    right.observe(view_of(std::vector<float>(cut, x.end())));
    xquant::min_max<> other = right;
    other.merge(left);
    left.merge(right);
    CHECK(left == whole);
    CHECK(other == whole);
  }
}

TEST_CASE("min_max: every axis of a tensor, dense and strided") {
  std::mt19937 generator(3);
  const std::size_t extent[3] = {4, 3, 70};
  const std::vector<float> x = samples(generator, 0, 4 * 3 * 70);
  for (std::ptrdiff_t axis = -3; axis < 3; ++axis) {
    CAPTURE(axis);
    const std::size_t d = static_cast<std::size_t>(axis < 0 ? axis + 3 : axis);
    std::vector<float> low(extent[d], HUGE_VALF);
    std::vector<float> high(extent[d], -HUGE_VALF);
    for (std::size_t i = 0; i < 4; ++i)
      for (std::size_t j = 0; j < 3; ++j)
        for (std::size_t k = 0; k < 70; ++k) {
          const std::size_t slot = d == 0 ? i : d == 1 ? j : k;
          const float v = x[(i * 3 + j) * 70 + k];
          low[slot] = std::min(low[slot], v);
          high[slot] = std::max(high[slot], v);
        }
    xquant::min_max<xquant::per_axis<>> dense(xquant::per_axis<>{axis});
    dense.observe(xquant::tensor_view<const float>(x.data(), xquant::shape(4, 3, 70)));
    const auto ranges = dense.ranges();
    REQUIRE(ranges.size() == extent[d]);
    for (std::size_t slot = 0; slot < ranges.size(); ++slot) {
      CHECK(ranges[slot].minimum == low[slot]);
      CHECK(ranges[slot].maximum == high[slot]);
    }
    std::vector<float> gaps(x.size() * 2, 1e30f);
    for (std::size_t i = 0; i < x.size(); ++i) gaps[2 * i] = x[i];
    const std::ptrdiff_t strides[3] = {420, 140, 2};
    xquant::min_max<xquant::per_axis<>> strided(xquant::per_axis<>{axis});
    strided.observe(xquant::tensor_view<const float>(gaps.data(), xquant::shape(4, 3, 70), strides));
    CHECK(strided == dense);
  }
}

TEST_CASE("min_max: batches of other shapes, and parameters for a quantizer") {
  const std::vector<float> first = {1.0f, -2.0f, 3.0f, 0.5f, 0.25f, -0.125f};
  const std::vector<float> second = {0.0f, 5.0f};
  xquant::min_max<xquant::per_axis<0>> m;
  m.observe(xquant::tensor_view<const float>(first.data(), xquant::shape(2, 3)));
  m.observe(xquant::tensor_view<const float>(second.data(), xquant::shape(2, 1)));
  const auto ranges = m.ranges();
  REQUIRE(ranges.size() == 2);
  CHECK(ranges[0] == xquant::range<float>{-2.0f, 3.0f});
  CHECK(ranges[1] == xquant::range<float>{-0.125f, 5.0f});

  const xquant::parameters symmetric =
      xquant::make_parameters(xquant::quantizer<xquant::int8, xquant::per_axis<0>>{}, m);
  REQUIRE(symmetric.count() == 2);
  CHECK(symmetric.scale()[0] == static_cast<float>(3.0 / 127));
  CHECK(symmetric.scale()[1] == static_cast<float>(5.0 / 127));
  const xquant::parameters affine =
      xquant::make_parameters(xquant::quantizer<xquant::uint8, xquant::per_axis<0>, xquant::affine>{}, ranges);
  CHECK(affine.scale()[0] == static_cast<float>(5.0 / 255));
  CHECK(affine.zero_point()[0] == 102);  // 2 / (5 / 255)
  CHECK(affine.zero_point()[1] == 6);    // 0.125 / (5.125 / 255) = 6.2
}
