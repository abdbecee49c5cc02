// Parameters as values: what a view of them gives an operation, and which are told apart.
#include <doctest/doctest.h>

#include <xquant/parameters.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

using xquant::parameters;

TEST_CASE("a view has scales, their rounded reciprocals, and zero points where one is not 0") {
  const parameters p(std::vector<float>{0.1f, 3.0f, 0.0f}, {0, -7, 5});
  const auto v = p.view();
  REQUIRE(v.count == 3);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(v.scale[i] == p.scale()[i]);
    CHECK(v.reciprocal[i] == static_cast<float>(1.0 / static_cast<double>(p.scale()[i])));
  }
  CHECK(v.reciprocal[2] == 0);  // of a scale that operations refuse
  REQUIRE(v.zero_point != nullptr);
  CHECK(v.zero_point[1] == -7);
  CHECK(v.real_zero_point == nullptr);
  CHECK(parameters(std::vector<float>{1, 2}).view().zero_point == nullptr);
  CHECK(parameters(0.5f, 3).view().zero_point[0] == 3);
  CHECK(parameters().view().count == 0);
}

TEST_CASE("arrays of different lengths have a count that nothing accepts") {
  CHECK(parameters(std::vector<float>{1, 2}, {1}).view().count == static_cast<std::size_t>(-1));
  CHECK(parameters::with_real_zero_points({1, 2}, {0.5f}).view().count == static_cast<std::size_t>(-1));
}

TEST_CASE("real zero points, slots, and equality by value") {
  const auto real = parameters::with_real_zero_points({1, 2}, {0.5f, -1});
  CHECK(real.view().real_zero_point[1] == -1);
  CHECK(real == parameters(std::vector<xquant::scale_and_real_zero_point<float>>{{1, 0.5f}, {2, -1}}));
  const parameters a(std::vector<float>{1, 2}, {3, 4});
  CHECK(a == parameters(std::vector<xquant::scale_and_zero_point<float>>{{1, 3}, {2, 4}}));
  CHECK(a != parameters(std::vector<float>{1, 2}, {3, 5}));
  CHECK(a != parameters(std::vector<float>{1, 2}));
  CHECK(parameters(std::vector<float>{1}) == parameters(std::vector<float>{1}, {0}));
}
