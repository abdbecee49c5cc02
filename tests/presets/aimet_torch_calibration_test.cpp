// AIMET's torch calibration where hand arithmetic or the peer's own tests say what comes out, and what it refuses. The
// recorded vectors are in tests/conformance.
#include <xquant/presets/aimet_core_calibration.hpp>
#include <xquant/presets/aimet_torch_calibration.hpp>

#include <xquant/adapt/span.hpp>
#include <xquant/calibration/calibrator.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/formats/integer.hpp>
#include <xquant/schemes/symmetric.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace {

using namespace xquant;
namespace peer = presets::aimet_torch;

constexpr float infinity = std::numeric_limits<float>::infinity();
const float not_a_number = std::nanf("");

std::vector<float> counting(int from, int to, float times = 1) {
  std::vector<float> x;
  for (int i = from; i < to; ++i) x.push_back(static_cast<float>(i) * times);
  return x;
}

template <class Analyzer>
range<float> range_after(Analyzer analyzer, const std::vector<std::vector<float>>& batches, peer::grid_settings grid) {
  for (const auto& x : batches) REQUIRE(analyzer.try_observe(x).ok());
  std::vector<range<float>> ranges;
  REQUIRE(analyzer.try_ranges(grid, ranges).ok());
  REQUIRE(ranges.size() == 1);
  return ranges[0];
}

// The input of AIMET's golden values.
std::vector<float> golden_input(double times) {
  std::vector<float> x;
  for (std::uint32_t i = 0; i < 4096; ++i) {
    const double u = static_cast<double>(2654435761U * i) / 4294967296.0;
    x.push_back(
        static_cast<float>(times * static_cast<double>(static_cast<float>((u - 0.3) * 4 * (i % 97 == 0 ? 5 : 1)))));
  }
  return x;
}

}  // namespace

TEST_CASE("presets::aimet_torch: a histogram that grows, as the peer's own tests have it") {
  peer::histogram_observer grows({}, 10);
  REQUIRE(grows.try_observe(counting(-50, 51)).ok());
  REQUIRE(grows.try_observe(counting(-50, 51, 1.5f)).ok());
  CHECK(grows.histograms()[0].counts == std::vector<float>{10, 15, 25, 25, 25, 25, 25, 26, 15, 11});
  CHECK(grows.histograms()[0].edges == std::vector<float>{-75, -60, -45, -30, -15, 0, 15, 30, 45, 60, 75});

  peer::histogram_observer splits({}, 3);
  for (const std::vector<float>& x : {std::vector<float>{2, 3.5f, 4.2f, 5}, {5.3f, 6.4f, 7, 8}, {-4.2f, 0, 2.3f, 4.5f}})
    REQUIRE(splits.try_observe(x).ok());
  CHECK(splits.histograms()[0].counts == std::vector<float>{1, 4, 7});

  // The range grows by half the limit's multiple to each side: [0, 4] to [-4, 8]; what lies beyond is in the end bins.
  peer::histogram_observer limited({}, 4, 2);
  REQUIRE(limited.try_observe(std::vector<float>{0, 1, 2, 4}).ok());
  REQUIRE(limited.try_observe(std::vector<float>{-100, 50, infinity, not_a_number, 1}).ok());
  CHECK(limited.histograms()[0].edges == std::vector<float>{-4, -1, 2, 5, 8});
  CHECK(limited.histograms()[0].counts == std::vector<float>{1, 3, 2, 2});
}

TEST_CASE("presets::aimet_torch: ranges, as the peer's own tests and golden values have them") {
  const auto same = [](range<float> r, float low, float high) { return r.minimum == low && r.maximum == high; };
  CHECK(same(range_after(peer::min_max_analyzer(), {counting(-2, 10)}, {7, true}), -12, 9));
  CHECK(same(range_after(peer::min_max_analyzer(), {{3, 3}}, {254, true}), -3, 3));
  CHECK(same(range_after(peer::min_max_analyzer(), {{0}}, {255, false}), 0, 255 * 0x1p-23f));
  CHECK(same(range_after(peer::percentile_analyzer({}, 99, 500), {counting(0, 1001)}, {255, false}), 0, 990));

  const auto near = [](range<float> r, double low, double high) {
    return std::fabs(static_cast<double>(r.minimum) / low - 1) < 5e-8 &&
           std::fabs(static_cast<double>(r.maximum) / high - 1) < 5e-8;
  };
  const std::vector<float> x = golden_input(1);
  const std::vector<float> twice = golden_input(2);
  CHECK(near(range_after(peer::sqnr_analyzer(), {x}, {255, false}), -6.03159809, 13.687089));
  CHECK(near(range_after(peer::sqnr_analyzer(), {x}, {15, false}), -2.95780325, 11.831213));
  CHECK(near(range_after(peer::sqnr_analyzer(), {x}, {15, true}), -10.6822844, 9.34699917));
  CHECK(near(range_after(peer::sqnr_analyzer(), {x, twice}, {15, false}), -5.42263889, 21.6905556));
  CHECK(near(range_after(peer::percentile_analyzer({}, 99.9), {x, twice}, {255, false}), -5.56831884, 21.9107513));
}

TEST_CASE("presets::aimet_torch: calibrators give parameters, slot by slot, and do not merge") {
  const std::vector<float> rows{-1, 1, 2, -4, 0.5f, 0.25f};
  peer::min_max_analyzer seen(shape(3, 1));
  REQUIRE(seen.try_observe(tensor_view<const float>(rows.data(), shape(3, 2))).ok());
  const auto p = make_parameters(quantizer<int8, symmetric<>>(), seen);
  CHECK(std::vector<float>(p.scale().begin(), p.scale().end()) ==
        std::vector<float>{1 / 127.0f, 4 / 128.0f, 0.5f / 127});
  CHECK(seen.try_merge(seen).code == errc::not_mergeable);
  std::vector<range<float>> untouched(1);
  CHECK(seen.try_ranges(code_grid(quantizer<e4m3fn>()), untouched).code == errc::unsupported);
  CHECK(untouched.size() == 1);
}

TEST_CASE("presets::aimet_torch: what calibration refuses") {
  std::vector<range<float>> out;
  const std::vector<float> x{1, 2};
  CHECK(peer::min_max_analyzer().try_ranges(peer::grid_settings{}, out).code == errc::no_samples);
  const auto answer = [&](auto analyzer, peer::grid_settings grid) {
    REQUIRE(analyzer.try_observe(x).ok());
    return analyzer.try_ranges(grid, out).code;
  };
  CHECK(answer(peer::min_max_analyzer(), {0, false}) == errc::value_out_of_range);
  CHECK(answer(peer::min_max_analyzer(), {1, true}) == errc::value_out_of_range);
  CHECK(answer(peer::percentile_analyzer({}, 49.9), {}) == errc::value_out_of_range);
  CHECK(answer(peer::percentile_analyzer({}, 100.1), {}) == errc::value_out_of_range);
  CHECK(answer(peer::percentile_analyzer(), {-1, false}) == errc::value_out_of_range);
  CHECK(answer(peer::sqnr_analyzer({}, {1, 101, 21, 3}), {}) == errc::value_out_of_range);
  CHECK(answer(peer::sqnr_analyzer({}, {17, 1, 21, 3}), {255, true}) == errc::value_out_of_range);
  CHECK(answer(peer::sqnr_analyzer({}, {17, 101, 2, 3}), {}) == errc::value_out_of_range);
  CHECK(answer(peer::sqnr_analyzer({}, {17, 101, 21, not_a_number}), {}) == errc::value_out_of_range);
  CHECK(out.empty());

  const auto observed = [](peer::histogram_observer o, const std::vector<float>& data) {
    return o.try_observe(data).code;
  };
  CHECK(observed(peer::histogram_observer({}, 0), x) == errc::value_out_of_range);
  CHECK(observed(peer::histogram_observer({}, 4, 0.5f), x) == errc::value_out_of_range);
  CHECK(observed(peer::histogram_observer({}, 4, not_a_number), x) == errc::value_out_of_range);
  CHECK(observed(peer::histogram_observer(), {}) == errc::no_samples);
  CHECK(observed(peer::histogram_observer(), {infinity, not_a_number}) == errc::not_finite);
  CHECK(observed(peer::histogram_observer(), {1e30f, 1e30f}) == errc::value_out_of_range);
  CHECK(observed(peer::histogram_observer(), {-3e38f, 3e38f}) == errc::value_out_of_range);
  CHECK(observed(peer::histogram_observer(shape(3)), x) == errc::shape_mismatch);

  peer::histogram_observer both;
  REQUIRE(both.try_observe(std::vector<float>{0, 3e38f}).ok());
  const peer::histogram_observer before = both;
  CHECK(both.try_observe(std::vector<float>{-3e38f, 0}).code == errc::value_out_of_range);
  CHECK(both == before);
  peer::histogram_observer by_rows(shape(2));
  REQUIRE(by_rows.try_observe(x).ok());
  peer::min_max_analyzer slots(shape(1, 2));
  const std::vector<float> four{1, 2, 3, 4};
  REQUIRE(slots.try_observe(tensor_view<const float>(four.data(), shape(2, 2))).ok());
  CHECK(slots.try_observe(tensor_view<const float>(four.data(), shape(1, 4))).code == errc::shape_mismatch);
}

TEST_CASE("presets::torch_extremes: sums near the exact ones, extremes with NaN and zeros") {
  std::mt19937 bits(5);
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (const std::size_t n : {1U, 7U, 8U, 31U, 33U, 64U, 100U, 1000U, 5000U}) {
    std::vector<float> x(n);
    double exact = 0;
    for (float& v : x) exact += static_cast<double>(v = uniform(bits));
    CHECK(std::fabs(static_cast<double>(presets::torch::detail::sum_row<float>(x.data(), n)) - exact) < 1e-5);
    CHECK(presets::torch_extremes::extreme_along<true>(x.data(), n) == *std::max_element(x.begin(), x.end()));
    CHECK(presets::torch_extremes::extreme_of_all<false>(x.data(), n) == *std::min_element(x.begin(), x.end()));
    x[n / 2] = not_a_number;
    CHECK(std::isnan(presets::torch_extremes::extreme_along<false>(x.data(), n)));
    CHECK(std::isnan(presets::torch_extremes::extreme_of_all<true>(x.data(), n)));
  }
  // 17 ones between 2^100 and its opposite: those that torch adds to either are lost, the others stay.
  std::vector<float> ones(17, 1.0f);
  ones[0] = 0x1p100f;
  ones[8] = -0x1p100f;
  CHECK(presets::torch::detail::sum_row<float>(ones.data(), 17) == 15);
  ones[8] = 1;
  ones[1] = -0x1p100f;
  CHECK(presets::torch::detail::sum_row<float>(ones.data(), 17) == 12);
}

TEST_CASE("presets::aimet_core: encodings from data, golden values and refusals") {
  namespace core = presets::aimet_core;
  const auto encoding = [](core::encoding_analyzer a, const std::vector<std::vector<float>>& batches,
                           core::encoding_settings settings) {
    for (const auto& x : batches) REQUIRE(a.try_observe(x).ok());
    std::vector<core::encoding> out;
    REQUIRE(a.try_encodings(settings, out).ok());
    return out[0];
  };
  const auto near = [](const core::encoding& e, double low, double high, double offset) {
    return std::fabs(e.minimum / low - 1) < 1e-8 && std::fabs(e.maximum / high - 1) < 1e-8 && e.offset == offset;
  };
  const auto percentile = [](float p) { return core::encoding_analyzer(core::calibration_mode::percentile, {}, p); };
  const std::vector<float> x = golden_input(1);
  const std::vector<float> twice = golden_input(2);
  CHECK(near(encoding(percentile(99.9f), {x}, {}), -4.25078451, 12.4253701, -65));
  CHECK(near(encoding(percentile(99.9f), {x}, {4, true, false, false, 0}), -14.1728058, 12.4012051, -8));
  CHECK(near(encoding(percentile(100), {x}, {}), -6.03159825, 13.6870883, -78));
  CHECK(near(encoding(percentile(99.9f), {x, twice}, {}), -5.60750145, 21.8908229, -52));
  CHECK(encoding(core::encoding_analyzer(), {x}, {}) == core::min_max_encodings(x, {}, {})[0]);
  const core::encoding_analyzer tf_enhanced(core::calibration_mode::tf_enhanced);
  CHECK(near(encoding(tf_enhanced, {x}, {}), -6.01681519, 13.6535416, -78));
  CHECK(near(encoding(tf_enhanced, {x}, {8, true, false, false, 0}), -13.6267633, 13.5203047, -128));
  CHECK(near(encoding(tf_enhanced, {x}, {8, true, true, false, 0}), -13.573534, 13.573534, -127));
  CHECK(near(encoding(tf_enhanced, {x}, {4, false, false, false, 0}), -2.95780325, 11.831213, -3));
  CHECK(near(encoding(tf_enhanced, {x}, {4, true, true, false, 0}), -8.77481079, 8.77481079, -7));
  CHECK(near(encoding(tf_enhanced, {x, twice}, {}), -12.0336304, 27.3070831, -78));
  CHECK(encoding(tf_enhanced, {{not_a_number}}, {}) == core::encoding{1, -254, -1, -1});
  // A strict grid of zeros has all its steps.
  CHECK(encoding(tf_enhanced, {{0, 0}}, {8, true, true, false, 0}).delta == 2 / 255.0);
  CHECK(encoding(percentile(100), {{0, 0}}, {8, true, true, false, 0}).delta == 2 / 254.0);
  const core::encoding zeros = encoding(percentile(99.9f), {{0, 0}}, {});
  CHECK(zeros.delta == 2 / 255.0);
  CHECK(zeros.offset == -128);
  CHECK(std::isnan(encoding(percentile(100), {{not_a_number}}, {}).delta));
  CHECK(std::isnan(encoding(percentile(100), {{1e6f}}, {}).offset));
  CHECK(encoding(percentile(100), {{1e6f}}, {8, true, true, false, 0}).offset == -127);
  // Infinities are counted nowhere: the range stays that of the bins.
  CHECK(encoding(percentile(99.5f), {{infinity}}, {4, false, false, false, 0}).offset == -8);
  // 0.99 of the largest float, 128 steps below zero.
  CHECK(encoding(core::encoding_analyzer(), {{infinity, -infinity}}, {}).minimum ==
        -0.99 * static_cast<double>(std::numeric_limits<float>::max()));

  // Bins of 2^-16 and 1.96e-5 beside numbers whose floats are coarser: the first is counted nowhere (its bin is beyond
  // int32), the second in the bin of rounded distances. Both ends of a range that overflows are the last numbers.
  const auto bin_of = [&](float only) {
    core::encoding_analyzer a = tf_enhanced;
    REQUIRE(a.try_observe(std::vector<float>{only}).ok());
    const std::vector<double>& f = a.densities()[0].frequency;
    return std::find(f.begin(), f.end(), 1.0) - f.begin();
  };
  CHECK(bin_of(85707.3359375f) == 1536);
  CHECK(bin_of(-385.0220031738281f) == 514);
  CHECK(bin_of(3e38f) == 1451);
  CHECK(bin_of(-3e38f) == 84);

  std::vector<core::encoding> out;
  CHECK(core::encoding_analyzer().try_encodings({}, out).code == errc::no_samples);
  CHECK(tf_enhanced.try_encodings({25, false, false, false, 0}, out).code == errc::unsupported);
  CHECK(tf_enhanced.try_encodings({2, true, false, false, 0.5}, out).code == errc::unsupported);
  core::encoding_analyzer narrow = percentile(49);
  CHECK(narrow.try_observe(x).code == errc::value_out_of_range);
  core::encoding_analyzer seen;
  CHECK(seen.try_observe(std::vector<float>{}).code == errc::no_samples);
  CHECK(core::encoding_analyzer(core::calibration_mode::min_max, shape(5)).try_observe(x).code == errc::shape_mismatch);
  REQUIRE(seen.try_observe(x).ok());
  CHECK(seen.try_encodings({1, false, false, false, 0}, out).code == errc::bits_out_of_range);
  CHECK(out.empty());
}
