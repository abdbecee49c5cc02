// Parameters as values: what a view of them gives an operation, and which are told apart.
#include <doctest/doctest.h>

#include <xquant/parameters.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

using xquant::parameters;

TEST_CASE("a view has scales, and zero points where one is not 0") {
  const parameters p(std::vector<float>{0.1f, 3.0f, 0.0f}, {0, -7, 5});
  const auto v = p.view();
  REQUIRE(v.count == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(v.scale[i] == p.scale()[i]);
  REQUIRE(v.zero_point != nullptr);
  CHECK(v.zero_point[1] == -7);
  CHECK(v.real_zero_point == nullptr);
  CHECK(parameters(std::vector<float>{1, 2}).view().zero_point == nullptr);
  CHECK(parameters(std::vector<float>{1, 2}, {0, 0}).view().zero_point == nullptr);
  CHECK(parameters(0.5f, 3).view().zero_point[0] == 3);
  CHECK(parameters().view().count == 0);
}

TEST_CASE("zero points are a range of one per scale, kept or not") {
  for (const std::int32_t last : {0, 4}) {
    const std::vector<std::int32_t> wanted{0, 0, last};
    const parameters p(std::vector<float>{1, 2, 3}, wanted);
    CHECK(p.zero_point().size() == 3);
    CHECK(!p.zero_point().empty());
    CHECK(p.zero_point() == wanted);
    CHECK(p.zero_point()[2] == last);
    std::vector<std::int32_t> copied;
    for (const std::int32_t z : p.zero_point()) copied.push_back(z);
    CHECK(copied == wanted);
    CHECK(std::vector<std::int32_t>(p.zero_point()) == wanted);
    CHECK(p.zero_point() != std::vector<std::int32_t>{0, 0});
    CHECK(p.zero_point() != std::vector<std::int32_t>{0, 1, last});
  }
  CHECK(parameters().zero_point().empty());
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
