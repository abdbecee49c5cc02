// NNCF's statistics and parameters against what nncf 3.4.0 (numpy 2.4.6) answers for the same samples, and refusals.
#include <xquant/presets/nncf_parameters.hpp>
#include <xquant/presets/nncf_statistics.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <vector>

namespace {

namespace nncf = xquant::presets::nncf;
using xquant::errc;
using xquant::range;
using xquant::shape;
using xquant::tensor_view;
using ranges = std::vector<range<float>>;

// 600 of the numbers -300/64 ... 300/64, wider with every sample, the odd ones cubed.
std::vector<float> sample(int k) {
  std::vector<float> x;
  for (int i = 0; i < 600; ++i) {
    const float v = static_cast<float>((i * 37 + k * 11) % 601 - 300) / 64;
    x.push_back((k % 2 != 0 ? v * v * v * 0x1p-7f : v) * static_cast<float>(1 + k) / 3);
  }
  return x;
}

tensor_view<const float> image(const std::vector<float>& x) { return {x.data(), shape(1, 2, x.size() / 2, 1)}; }

}  // namespace

TEST_CASE("NNCF's statistics of nine samples, per tensor and per channel") {
  const shape per_tensor;
  const shape per_channel(1, 2, 1, 1);
  using nncf::aggregator;
  using nncf::statistic;
  const nncf::range_estimator largest{{statistic::minimum, aggregator::minimum},
                                      {statistic::magnitude_quantile, aggregator::mean}};
  struct answer {
    nncf::range_estimator estimator;
    shape slots;
    ranges expected;
  };
  const answer answers[] = {
      {nncf::mean_minmax, per_tensor, {{-0x1.3becbcp+2f, 0x1.3becbcp+2f}}},
      {nncf::mean_minmax, per_channel, {{-0x1.3a48a4p+2f, 0x1.3a18dep+2f}, {-0x1.3a364p+2f, 0x1.39eb8p+2f}}},
      {nncf::symmetric_form(nncf::mean_minmax), per_tensor, {{-0x1.3becbcp+2f, 0x1.3becbcp+2f}}},
      {nncf::symmetric_form(nncf::mean_minmax),
       per_channel,
       {{-0x1.3a48a4p+2f, 0x1.3b1138p+2f}, {-0x1.3a364p+2f, 0x1.3b252p+2f}}},
      {nncf::median_minmax, per_tensor, {{-0x1.12a88p+1f, 0x1.12a88p+1f}}},
      {nncf::median_minmax, per_channel, {{-0x1.07d156p+1f, 0x1.0febb8p+1f}, {-0x1.12a88p+1f, 0x1.12a88p+1f}}},
      {nncf::symmetric_form(nncf::median_minmax), per_tensor, {{-0x1.12a88p+1f, 0x1.12a88p+1f}}},
      {nncf::symmetric_form(nncf::median_minmax),
       per_channel,
       {{-0x1.07d156p+1f, 0x1.0febb8p+1f}, {-0x1.12a88p+1f, 0x1.12a88p+1f}}},
      {nncf::mean_no_outliers_minmax, per_tensor, {{-0x1.10b682p+2f, 0x1.10b682p+2f}}},
      {nncf::mean_no_outliers_minmax,
       per_channel,
       {{-0x1.0eb354p+2f, 0x1.0e75e6p+2f}, {-0x1.0ef074p+2f, 0x1.0fd97ep+2f}}},
      {nncf::symmetric_form(nncf::mean_no_outliers_minmax), per_tensor, {{-0x1.10b682p+2f, 0x1.10b682p+2f}}},
      {nncf::symmetric_form(nncf::mean_no_outliers_minmax),
       per_channel,
       {{-0x1.0eb354p+2f, 0x1.0fb536p+2f}, {-0x1.0ef074p+2f, 0x1.102394p+2f}}},
      {nncf::mean_quantile, per_tensor, {{-0x1.3bd8b6p+2f, 0x1.3bd8b6p+2f}}},
      {nncf::mean_quantile, per_channel, {{-0x1.3a319ep+2f, 0x1.3a0ee8p+2f}, {-0x1.3a2c4ap+2f, 0x1.39d86ap+2f}}},
      {nncf::minmax, per_tensor, {{-0x1.c2p+3f, 0x1.c2p+3f}}},
      {nncf::minmax, per_channel, {{-0x1.c2p+3f, 0x1.c2p+3f}, {-0x1.c08p+3f, 0x1.bcp+3f}}},
      {nncf::symmetric_form(nncf::minmax), per_tensor, {{-0x1.c2p+3f, 0x1.c2p+3f}}},
      {nncf::symmetric_form(nncf::minmax), per_channel, {{-0x1.c2p+3f, 0x1.c2p+3f}, {-0x1.c08p+3f, 0x1.c08p+3f}}},
      {largest, per_tensor, {{-0x1.c2p+3f, 0x1.3becbcp+2f}}},
      {largest, per_channel, {{-0x1.c2p+3f, 0x1.3b0c12p+2f}, {-0x1.c08p+3f, 0x1.3b1f6ap+2f}}},
  };
  for (const answer& a : answers) {
    nncf::statistic_collector seen(a.estimator, a.slots);
    for (int k = 0; k < 9; ++k) REQUIRE(seen.try_observe(image(sample(k))).ok());
    ranges out;
    REQUIRE(seen.try_ranges(out).ok());
    INFO("row ", &a - answers);
    CHECK(out == a.expected);
  }
  // Of two samples that differ both are outliers: the peer answers 0.
  nncf::statistic_collector two(nncf::mean_no_outliers_minmax);
  REQUIRE(two.try_observe(image({1, 2})).ok());
  REQUIRE(two.try_observe(image({3, 2})).ok());
  ranges out;
  REQUIRE(two.try_ranges(out).ok());
  CHECK(out == ranges{{0, 0}});
}

TEST_CASE("NNCF's scales and zero points from collected ranges") {
  struct answer {
    ranges collected;
    nncf::quantizer_settings settings;
    bool of_weights;
    std::int64_t levels;
    std::int32_t lower;
    ranges expected;
    std::vector<xquant::scale_and_zero_point<float>> parameters;
  };
  const answer answers[] = {
      {{{-0x1.4p+0f, 0x1.4p+0f}, {-0x1.333334p-2f, 0x1.666666p-1f}, {0x1.0624dep-10f, 0x1.0624dep-9f}},
       {8, true, false, false, false},
       false,
       256,
       -128,
       {{-0x1.42850ap+0f, 0x1.4p+0f}, {-0x1.6938d8p-1f, 0x1.666666p-1f}, {-0x1.9cd33ep-7f, 0x1.999998p-7f}},
       {{0x1.42850ap-7f, 0}, {0x1.6938d8p-8f, 0}, {0x1.9cd34p-14f, 0}}},
      {{{-0x1.4p+0f, 0x1.4p+0f}, {-0x1.333334p-2f, 0x1.666666p-1f}, {0x1.0624dep-10f, 0x1.0624dep-9f}},
       {8, false, false, false, false},
       false,
       256,
       -128,
       {{-0x1.42850ap+0f, 0x1.4p+0f}, {-0x1.333334p-2f, 0x1.69c4b8p-1f}, {0, 0x1.0624dep-9f}},
       {{0x1.42850ap-7f, 0}, {0x1.02b1dap-8f, -52}, {0x1.072c0ap-17f, -128}}},
      {{{0x1.99999ap-4f, 0x1.ccccccp-1f}, {0, 0x1.d9999ap+1f}},
       {8, true, false, false, false},
       false,
       256,
       0,
       {{0, 0x1.ccccccp-1f}, {0, 0x1.d9999ap+1f}},
       {{0x1.ce9b68p-9f, 0}, {0x1.db751p-7f, 0}}},
      {{{0x1.99999ap-4f, 0x1.ccccccp-1f}, {0, 0x1.d9999ap+1f}},
       {8, false, false, false, false},
       false,
       256,
       0,
       {{0, 0x1.ccccccp-1f}, {0, 0x1.d9999ap+1f}},
       {{0x1.ce9b68p-9f, 0}, {0x1.db751p-7f, 0}}},
      {{{0, 0}, {-0x1.4f8b58p-17f, 0x1.4f8b58p-17f}},
       {8, true, false, false, false},
       false,
       256,
       -128,
       {{-0x1.522fb8p-14f, 0x1.4f8b58p-14f}, {-0x1.522fb8p-14f, 0x1.4f8b58p-14f}},
       {{0x1.522fb8p-21f, 0}, {0x1.522fb8p-21f, 0}}},
      {{{0, 0}, {-0x1.4f8b58p-17f, 0x1.4f8b58p-17f}},
       {8, false, false, false, false},
       false,
       256,
       -128,
       {{-0x1.a6bba6p-11f, 0x1.a36e2ep-11f}, {-0x1.ac0464p-11f, 0x1.a8ac5cp-11f}},
       {{0x1.a6bba6p-18f, 0}, {0x1.ac0464p-18f, 0}}},
      {{{-0x1.4p+0f, 0x1.4p+0f}, {-0x1.333334p-2f, 0x1.666666p-1f}, {0x1.0624dep-10f, 0x1.0624dep-9f}},
       {8, true, true, false, false},
       true,
       255,
       -128,
       {{-0x1.4p+0f, 0x1.4p+0f}, {-0x1.666666p-1f, 0x1.666666p-1f}, {-0x1.999998p-7f, 0x1.999998p-7f}},
       {{0x1.42850ap-7f, 0}, {0x1.6938d8p-8f, 0}, {0x1.9cd33ep-14f, 0}}},
      {{{-0x1.4p+0f, 0x1.4p+0f}, {-0x1.333334p-2f, 0x1.666666p-1f}, {0x1.0624dep-10f, 0x1.0624dep-9f}},
       {8, true, true, true, true},
       true,
       255,
       -128,
       {{-0x1.4p+1f, 0x1.4p+1f}, {-0x1.666666p+0f, 0x1.666666p+0f}, {-0x1.999998p-6f, 0x1.999998p-6f}},
       {{0x1.42850ap-6f, 0}, {0x1.6938d8p-7f, 0}, {0x1.9cd33ep-13f, 0}}},
      {{{0x1.99999ap-4f, 0x1.ccccccp-1f}, {0, 0x1.d9999ap+1f}},
       {8, true, false, true, false},
       false,
       256,
       -128,
       {{-0x1.d06da8p-1f, 0x1.ccccccp-1f}, {-0x1.dd5442p+1f, 0x1.d9999ap+1f}},
       {{0x1.d06da8p-8f, 0}, {0x1.dd5442p-6f, 0}}},
      {{{-0x1.4p+0f, 0x1.4p+0f}, {-0x1.333334p-2f, 0x1.666666p-1f}, {0x1.0624dep-10f, 0x1.0624dep-9f}},
       {8, true, false, false, true},
       true,
       256,
       -128,
       {{-0x1.465bf6p+1f, 0x1.414284p+1f}, {-0x1.6d85b6p+0f, 0x1.67cf9ep+0f}, {-0x1.a1bd62p-6f, 0x1.9b366cp-6f}},
       {{0x1.45145p-6f, 1}, {0x1.6c16cp-7f, 1}, {0x1.a01a02p-13f, 1}}},
      {{{-0x1.4p+0f, 0x1.4p+0f}, {-0x1.333334p-2f, 0x1.666666p-1f}, {0x1.0624dep-10f, 0x1.0624dep-9f}},
       {4, false, true, false, false},
       false,
       15,
       -8,
       {{-0x1.6db6dcp+0f, 0x1.4p+0f}, {-0x1.333334p-2f, 0x1.a66668p-1f}, {0, 0x1.0624dep-9f}},
       {{0x1.87d634p-3f, 0}, {0x1.492492p-4f, -3}, {0x1.2b97dap-13f, -7}}},
      {{{0x1.99999ap-4f, 0x1.ccccccp-1f}, {0, 0x1.d9999ap+1f}},
       {16, false, false, false, false},
       false,
       65536,
       0,
       {{0, 0x1.ccccccp-1f}, {0, 0x1.d9999ap+1f}},
       {{0x1.ccce98p-17f, 0}, {0x1.d99b74p-15f, 0}}},
      {{{-0x1.8p+1f, -0x1p+0f}, {-0x1p+1f, 0x1.4p+2f}},
       {8, false, false, false, false},
       false,
       256,
       -128,
       {{-0x1.8p+1f, 0}, {-0x1.00b40cp+1f, 0x1.4p+2f}},
       {{0x1.818182p-7f, 127}, {0x1.c21c22p-6f, -55}}},
      {{{0, 0}, {0, 0}},
       {16, true, false, false, false},
       false,
       65536,
       0,
       {{0, 0x1.4f8b58p-14f}, {0, 0x1.4f8b58p-14f}},
       {{0x1p-23f, 0}, {0x1p-23f, 0}}},
  };
  for (const answer& a : answers) {
    INFO("row ", &a - answers);
    nncf::fake_quantize_ranges fake;
    REQUIRE(nncf::try_fake_quantize_ranges(a.collected, a.settings, fake).ok());
    CHECK(fake.levels == a.levels);
    CHECK(fake.slots == a.expected);
    nncf::integer_parameters p;
    REQUIRE(nncf::try_integer_parameters(fake, a.settings.bits, a.of_weights, p).ok());
    CHECK(p.lower == a.lower);
    CHECK(p.upper == a.lower + (1 << a.settings.bits) - 1);
    CHECK(p.slots == a.parameters);
  }
}

TEST_CASE("NNCF's statistics and parameters: what is refused, and has changed nothing then") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  nncf::statistic_collector seen(nncf::mean_minmax, shape(1, 2, 1, 1));
  ranges out;
  CHECK(seen.try_ranges(out).code == errc::no_samples);
  REQUIRE(seen.try_observe(image({1, 2, 3, 4})).ok());
  const nncf::statistic_collector before = seen;
  CHECK(seen.try_observe(image({1, infinity})).code == errc::not_finite);
  CHECK(seen.try_observe(image({std::numeric_limits<float>::quiet_NaN(), 1})).code == errc::not_finite);
  CHECK(seen.try_observe(image({})).code == errc::no_samples);
  const std::vector<float> three{1, 2, 3};
  CHECK(seen.try_observe(tensor_view<const float>(three.data(), shape(1, 3, 1, 1))).code == errc::shape_mismatch);
  CHECK(seen == before);
  nncf::range_estimator odd = nncf::mean_quantile;
  odd.maximum.outliers = 1.5;
  CHECK(nncf::statistic_collector(odd).try_observe(image({1, 2})).code == errc::value_out_of_range);

  nncf::fake_quantize_ranges fake;
  const auto refused = [&fake](const ranges& collected, const nncf::quantizer_settings& settings) {
    return nncf::try_fake_quantize_ranges(collected, settings, fake).code;
  };
  CHECK(refused({{-1, 1}}, {1, true, false, false, false}) == errc::bits_out_of_range);
  CHECK(refused({{-1, 1}}, {2, true, false, false, true}) == errc::bits_out_of_range);
  CHECK(refused({{-1, 1}}, {17, true, false, false, false}) == errc::bits_out_of_range);
  CHECK(refused({{-1, 1}}, {8, false, false, false, true}) == errc::unsupported);
  CHECK(refused({}, {}) == errc::no_samples);
  CHECK(refused({{-1, infinity}}, {}) == errc::range_not_finite);
  CHECK(refused({{1, -1}}, {}) == errc::range_inverted);
  CHECK(refused({{-3e38f, 3e38f}}, {8, false, false, false, false}) == errc::range_not_finite);
  CHECK(fake.slots.empty());
  nncf::integer_parameters p;
  const auto no_parameters = [&p](const nncf::fake_quantize_ranges& r, int bits) {
    return nncf::try_integer_parameters(r, bits, false, p).code;
  };
  CHECK(no_parameters({{{-1, 1}}, 256}, 17) == errc::bits_out_of_range);
  CHECK(no_parameters({{{-1, 1}}, 254}, 8) == errc::value_out_of_range);
  CHECK(no_parameters({{}, 256}, 8) == errc::no_samples);
  CHECK(no_parameters({{{-infinity, 1}}, 256}, 8) == errc::range_not_finite);
  CHECK(no_parameters({{{1, 0}}, 256}, 8) == errc::range_inverted);
  CHECK(p.slots.empty());
}
