// Peers' calibrators by name: each answers as its preset does when that is called directly.
#include <xquant/formats/float8.hpp>
#include <xquant/formats/integer.hpp>
#include <xquant/granularity/per_axis.hpp>
#include <xquant/presets/peer_calibrators.hpp>
#include <xquant/quantizer.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several
namespace peers = xquant::presets;
using ranges = std::vector<range<float>>;

named_calibrator named(const std::string& text) { return named_calibrator::parse(text, peers::peer_calibrators); }
tensor_view<const float> view(const std::vector<float>& x) { return {x.data(), shape(x.size())}; }

// Four tensors of normal numbers, the widest not first, with a few far out; magnitudes of them where asked.
std::vector<std::vector<float>> data(bool positive = false) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  std::vector<std::vector<float>> all(4);
  for (std::size_t t = 0; t < 4; ++t) {
    for (int i = 0; i < 4000; ++i) all[t].push_back(normal(random) * (t == 2 ? 1.75f : 1.0f));
    all[t][100] = 9.0f + static_cast<float>(t % 2);
    if (positive)
      for (float& v : all[t]) v = std::fabs(v);
  }
  return all;
}

template <class Quantizer>
range<float> answer(const std::string& text, const Quantizer& q, bool positive = false) {
  any_calibrator c = named(text).make();
  for (const auto& x : data(positive)) c.observe(view(x));
  const ranges found = c.ranges(q);
  REQUIRE(found.size() == 1);
  return found[0];
}

const quantizer<uint8, affine> q8;
const quantizer<uint4, affine> q4;

}  // namespace

TEST_CASE("NNCF's estimators by name, for the bits at hand") {
  peers::nncf::histogram_estimator eight(2048, 8);
  peers::nncf::histogram_estimator four(2048, 4);
  peers::nncf::mean_quantile_estimator quantiles(0.01);
  for (const auto& x : data()) {
    REQUIRE(eight.try_observe(view(x)).ok());
    REQUIRE(four.try_observe(view(x)).ok());
    REQUIRE(quantiles.try_observe(view(x)).ok());
  }
  range<float> expected;
  REQUIRE(eight.try_range(expected).ok());
  CHECK(answer("nncf_histogram", q8) == expected);
  CHECK(answer("nncf_histogram", quantizer<int8>{}) == expected);  // 255 levels are 8 bits too
  REQUIRE(four.try_range(expected).ok());
  CHECK(answer("nncf_histogram", q4) == expected);
  range<float> by_bits;
  REQUIRE(eight.try_range(4, by_bits).ok());
  CHECK(by_bits == expected);
  CHECK(eight.try_range(17, by_bits).code == errc::bits_out_of_range);
  range<double> exact;
  REQUIRE(quantiles.try_range(exact).ok());
  CHECK(answer("nncf_mean_quantile=0.01", q8) ==
        range<float>{static_cast<float>(exact.minimum), static_cast<float>(exact.maximum)});
}

TEST_CASE("torch's observers by name") {
  peers::torch::histogram_observer histogram;
  range<float> average{};
  bool is_first = true;
  for (const auto& x : data()) {
    REQUIRE(histogram.try_observe(view(x)).ok());
    range<float> seen{x[0], x[0]};
    for (const float v : x) seen = {std::fmin(seen.minimum, v), std::fmax(seen.maximum, v)};
    const auto moved = [](float old, float now) { return old + 0.25f * (now - old); };
    average =
        is_first ? seen : range<float>{moved(average.minimum, seen.minimum), moved(average.maximum, seen.maximum)};
    is_first = false;
  }
  range<float> expected;
  REQUIRE(histogram.try_search(expected).ok());
  CHECK(answer("torch_histogram", q8) == expected);
  CHECK(answer("torch_moving_average=0.25", q8) == average);
}

TEST_CASE("AIMET's analyzers by name") {
  const auto check = [](const char* text, auto analyzer) {
    CAPTURE(text);
    for (const auto& x : data()) REQUIRE(analyzer.try_observe(view(x)).ok());
    ranges expected;
    REQUIRE(analyzer.try_ranges(code_grid(q8), expected).ok());
    CHECK(answer(text, q8) == expected[0]);
    REQUIRE(analyzer.try_ranges(code_grid(q4), expected).ok());
    CHECK(answer(text, q4) == expected[0]);
  };
  check("aimet_torch_percentile=99.5", peers::aimet_torch::percentile_analyzer(shape{}, 99.5));
  check("aimet_torch_sqnr", peers::aimet_torch::sqnr_analyzer(shape{}));
  check("aimet_torch_tf_enhanced", peers::aimet_torch::tf_enhanced_analyzer(shape{}));
}

TEST_CASE("AIMET's C++ analyzers by name, of both versions") {
  namespace core = peers::aimet_core;
  const auto check = [](const char* text, auto analyzer, const auto& q, const core::encoding_settings& settings) {
    CAPTURE(text);
    for (const auto& x : data()) REQUIRE(analyzer.try_observe(view(x)).ok());
    std::vector<core::encoding> expected;
    REQUIRE(analyzer.try_encodings(settings, expected).ok());
    CHECK(answer(text, q) ==
          range<float>{static_cast<float>(expected[0].minimum), static_cast<float>(expected[0].maximum)});
  };
  const core::encoding_settings eight{};
  const core::encoding_settings four{.bits = 4};
  const core::encoding_settings symmetric{.symmetric = true};
  using mode = core::calibration_mode;
  using old_mode = core::calibration_mode_1_35;
  const auto now = [](mode m, float percent = 100) { return core::encoding_analyzer(m, shape{}, percent); };
  const auto old = [](old_mode m, float percent = 100) { return core::encoding_analyzer_1_35(m, shape{}, percent); };
  check("aimet_core_percentile=99.5", now(mode::percentile, 99.5f), q8, eight);
  check("aimet_core_percentile=99.5", now(mode::percentile, 99.5f), quantizer<int8>{}, symmetric);
  check("aimet_core_tf_enhanced", now(mode::tf_enhanced), q4, four);
  check("aimet_1_35_percentile=99.5", old(old_mode::percentile, 99.5f), q8, eight);
  check("aimet_1_35_tf_enhanced", old(old_mode::tf_enhanced), q4, four);
  check("aimet_1_35_mse", old(old_mode::squared_error), q8, eight);
  check("aimet_1_35_entropy", old(old_mode::entropy), q8, eight);
  CHECK(named_calibrator::parse("aimet_1_35_mse", peers::peer_calibrators).make().slots() == 0);
  named_calibrator wrong;
  CHECK(named_calibrator::try_parse("aimet_core_percentile=49", wrong, peers::peer_calibrators).code ==
        errc::value_out_of_range);
}

TEST_CASE("ONNX Runtime's histograms by name, each tensor a collection") {
  peers::onnxruntime::histogram_collector collector;
  for (const auto& x : data()) {
    REQUIRE(collector.try_observe(view(x)).ok());
    REQUIRE(collector.try_end_collection().ok());
  }
  range<float> expected;
  REQUIRE(collector.try_percentile(99, expected).ok());
  CHECK(answer("onnxruntime_percentile=99", q8) == expected);
  REQUIRE(collector.try_entropy(128, expected).ok());
  CHECK(answer("onnxruntime_entropy", q8) == expected);
}

TEST_CASE("pytorch-quantization's histogram by name: [0, amax] of data without negative numbers, else [-amax, amax]") {
  for (const bool positive : {false, true}) {
    peers::pytorch_quantization::histogram_settings settings;
    settings.is_unsigned = positive;
    for (const char* const method : {"entropy", "mse", "percentile"}) {
      CAPTURE(method);
      peers::pytorch_quantization::histogram_calibrator peer(settings);
      for (const auto& x : data(positive)) peer.collect(view(x));
      const float amax = peer.compute_amax(method, {.percentile = 99.5});
      const std::string text =
          std::string("pytorch_quantization_") + method + (method == std::string("percentile") ? "=99.5" : "");
      CHECK(answer(text, q8, positive) == range<float>{positive ? 0.0f : -amax, amax});
    }
  }
}

TEST_CASE("every peer: a name and a text of its own, what it refuses, and no merging of two orders") {
  std::set<std::string> names;
  for (const known_rule& rule : standard_rules) names.insert(rule.name);
  for (const known_calibrator& line : standard_calibrators) names.insert(line.name);
  const auto all = data();
  for (const known_calibrator& line : peers::peer_calibrators) {
    CAPTURE(line.name);
    CHECK(names.insert(line.name).second);
    const named_calibrator standard = named(line.name);
    CHECK(standard.text() == line.name);
    CHECK(standard.own() == &line);
    CHECK(!line.is_order_free);
    any_calibrator c = standard.make();
    CHECK(!standard.try_make(per_axis<>{0}, c).ok());
    ranges out{{1, 2}};
    CHECK(c.try_ranges(q8, out).code == errc::no_samples);
    CHECK(c.try_observe({nullptr, shape(2)}).code == errc::null_pointer);
    CHECK(c.try_observe(view({})).ok());
    CHECK(c.slots() == 0);
    any_calibrator other = c;
    c.observe(view(all[0]));
    const any_calibrator before = c;
    const std::vector<float> bad{1, std::nanf("")};
    if (std::string(line.name).find("torch") == std::string::npos) {  // torch and AIMET take NaN in as they come
      CHECK(c.try_observe(view(bad)).code == errc::not_finite);
      CHECK(c == before);
    }
    CHECK(c.try_ranges(quantizer<e4m3fn>{}, out).code == errc::unsupported);
    CHECK(out == ranges{{1, 2}});
    CHECK(other.try_merge(c).ok());
    CHECK(other == c);
    other.observe(view(all[1]));
    CHECK(c.try_merge(other).code == errc::not_mergeable);
    CHECK(c == before);
  }
  for (const char* const text :
       {"nncf_mean_quantile=0.5", "torch_moving_average=2", "aimet_torch_percentile=101", "onnxruntime_percentile=nan",
        "onnxruntime_entropy=1.5", "nncf_histogram=1", "pytorch_quantization_percentile=-1", "nncf"}) {
    named_calibrator found;
    CHECK(named_calibrator::try_parse(text, found, peers::peer_calibrators).code == errc::value_out_of_range);
  }
}
