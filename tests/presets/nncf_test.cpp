// NNCF's estimators against what nncf 3.4.0 (numpy 2.4.6) answers for the same samples, and refusals.
#include <xquant/presets/nncf.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <vector>

namespace {

namespace nncf = xquant::presets::nncf;
using xquant::errc;
using xquant::range;
using xquant::shape;
using xquant::tensor_view;

tensor_view<const float> view(const std::vector<float>& x) { return {x.data(), shape(x.size())}; }

// 600 of the numbers -300/64 ... 300/64, wider with every sample, the second one cubed.
std::vector<float> sample(int k) {
  std::vector<float> x;
  for (int i = 0; i < 600; ++i) {
    const float v = static_cast<float>((i * 37 + k * 11) % 601 - 300) / 64;
    x.push_back((k % 2 != 0 ? v * v * v * 0x1p-7f : v) * static_cast<float>(1 + k));
  }
  return x;
}

}  // namespace

TEST_CASE("NNCF's HISTOGRAM: counts that move and the range it finds, after each sample") {
  const range<float> ranges[] = {{-0x1.2cp+2f, 0x1.29a8p+2f}, {-0x1.2cp+2f, 0x1.29a8p+2f}, {-0x1.c2p+3f, 0x1.be7cp+3f}};
  const std::vector<double> middle[] = {{2, 2, 3, 2, 3}, {24, 87, 89, 24, 18}, {41, 131, 134, 41, 32}};
  nncf::histogram_estimator seen(256);
  nncf::mean_quantile_estimator quantiles;
  for (int k = 0; k < 3; ++k) {
    REQUIRE(seen.try_observe(view(sample(k))).ok());
    REQUIRE(quantiles.try_observe(view(sample(k))).ok());
    range<float> r{};
    REQUIRE(seen.try_range(r).ok());
    CHECK(r == ranges[k]);
    CHECK(std::vector<double>(seen.counts().begin() + 126, seen.counts().begin() + 131) == middle[k]);
  }
  CHECK(seen.minimum() == -0x1.c2p+3);
  range<double> mean{};
  REQUIRE(quantiles.try_range(mean).ok());
  CHECK(mean == range<double>{-0x1.b23b5e99c31b3p+2, 0x1.b23b5e99c31b4p+2});

  // One value: its count moves to its bin.
  nncf::histogram_estimator constant(256);
  REQUIRE(constant.try_observe(view(std::vector<float>(5, 1.5f))).ok());
  REQUIRE(constant.try_observe(view({0, 4})).ok());
  CHECK(constant.counts()[0] == 1);
  CHECK(constant.counts()[96] == 5);
  CHECK(constant.counts()[255] == 1);
  range<float> r{};
  REQUIRE(constant.try_range(r).ok());
  CHECK(r == range<float>{0, 0x1.fep+1f});
}

TEST_CASE("NNCF's estimators refuse what they cannot take, and have not changed then") {
  nncf::histogram_estimator seen(16);
  range<float> r{};
  CHECK(seen.try_range(r).code == errc::no_samples);
  REQUIRE(seen.try_observe(view({0, 1})).ok());
  const nncf::histogram_estimator before = seen;
  CHECK(seen.try_observe(view({1, std::numeric_limits<float>::infinity()})).code == errc::not_finite);
  CHECK(seen.try_observe(view({})).code == errc::no_samples);
  CHECK(seen == before);
  CHECK(nncf::histogram_estimator(16).try_observe(view({-3e38f, 3e38f})).code == errc::range_not_finite);
  CHECK(nncf::histogram_estimator(0).try_observe(view({1})).code == errc::value_out_of_range);
  CHECK(nncf::histogram_estimator(16, 0).try_observe(view({1})).code == errc::bits_out_of_range);
  CHECK(nncf::histogram_estimator(256).try_observe(view({1, 1.0000001f})).code == errc::value_out_of_range);
  nncf::mean_quantile_estimator quantiles(1.5);
  CHECK(quantiles.try_observe(view({1})).code == errc::value_out_of_range);
  range<double> mean{};
  CHECK(nncf::mean_quantile_estimator().try_range(mean).code == errc::no_samples);
}
