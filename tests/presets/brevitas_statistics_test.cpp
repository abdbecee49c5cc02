// Brevitas' statistics on numbers one can count by hand, and what they refuse. Recorded ones are in tests/conformance.
#include <xquant/presets/brevitas_statistics.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace {

using namespace xquant;
namespace peer = presets::brevitas;

tensor_view<const float> matrix(const std::vector<float>& x, std::size_t rows) {
  return {x.data(), shape(rows, x.size() / rows)};
}

}  // namespace

TEST_CASE("presets::brevitas: statistics by hand") {
  const std::vector<float> x{3, -1, 4, -1.5f, 5, -9, 2, 6};
  float value = 0;
  REQUIRE(peer::try_abs_max(matrix(x, 2), value).ok());
  CHECK(value == 9);
  REQUIRE(peer::try_abs_min_max(matrix(x, 2), value).ok());
  CHECK(value == 15);
  REQUIRE(peer::try_abs_percentile(matrix(x, 2), 80, value).ok());  // k = floor(6.9)
  CHECK(value == 5);
  REQUIRE(peer::try_negative_percentile_or_zero(matrix(x, 2), 20, value).ok());  // k = ceil(1.6)
  CHECK(value == -1.5f);
  REQUIRE(peer::try_negative_percentile_or_zero(matrix(x, 2), 90, value).ok());
  CHECK(value == 0);
  REQUIRE(peer::try_percentile_interval(matrix(x, 2), 20, 80, value).ok());
  CHECK(value == 5.5f);
  REQUIRE(peer::try_abs_ave(matrix(x, 2), value).ok());
  CHECK(value == 31.5f / 8);
  REQUIRE(peer::try_abs_max_ave(matrix(x, 2), value).ok());
  CHECK(value == 6.5f);
  REQUIRE(peer::try_mean_sigma_std(matrix({1, -3}, 1), 2, value).ok());  // 2 + 2 sqrt(2)
  CHECK(std::fabs(value - 4.8284271f) < 1e-6f);
}

TEST_CASE("presets::brevitas: what statistics refuse") {
  float value = 7;
  const std::vector<float> x{1, 2};
  const std::vector<float> bad{1, std::nanf("")};
  CHECK(peer::try_abs_max(matrix(bad, 1), value).code == errc::not_finite);
  CHECK(peer::try_abs_max(tensor_view<const float>(x.data(), shape(std::size_t(0))), value).code == errc::no_samples);
  CHECK(peer::try_abs_percentile(matrix(x, 1), 10, value).code == errc::value_out_of_range);
  CHECK(peer::try_negative_percentile_or_zero(matrix(x, 1), 0, value).code == errc::value_out_of_range);
  CHECK(peer::try_percentile_interval(matrix(x, 1), 0.5, 150, value).code == errc::value_out_of_range);
  CHECK(peer::try_mean_sigma_std(matrix({1}, 1), 3, value).code == errc::no_samples);
  CHECK(peer::try_abs_max_ave(tensor_view<const float>(x.data(), shape(std::size_t(2))), value).code ==
        errc::rank_out_of_range);
  CHECK(value == 7);
}
