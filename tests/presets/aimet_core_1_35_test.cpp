// AIMET 1.35's C++ calibration against what its package answers (aimet-torch 1.35.0, its libpymo, x86-64) for the same
// batches, and refusals.
#include <xquant/presets/aimet_core_1_35_calibration.hpp>

#include <xquant/adapt/span.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

namespace {

using namespace xquant;
namespace core = presets::aimet_core;
using modes = core::calibration_mode_1_35;
using batches = std::vector<std::vector<float>>;

// The input of AIMET's golden values, times a number.
std::vector<float> hashed(double times, std::uint32_t count = 4096) {
  std::vector<float> x;
  for (std::uint32_t i = 0; i < count; ++i) {
    const double u = static_cast<double>(2654435761U * i) / 4294967296.0;
    x.push_back(
        static_cast<float>(times * static_cast<double>(static_cast<float>((u - 0.3) * 4 * (i % 97 == 0 ? 5 : 1)))));
  }
  return x;
}

std::vector<float> mapped(std::vector<float> x, float (*f)(float)) {
  std::transform(x.begin(), x.end(), x.begin(), f);
  return x;
}

struct answer {
  modes mode;
  float percentile;
  const batches& data;
  core::encoding_settings settings;
  core::encoding encoding;
};

}  // namespace

TEST_CASE("AIMET 1.35's encodings from data, bit for bit") {
  const batches once{hashed(1)};
  const batches both{hashed(1), hashed(2)};
  const batches positive{mapped(hashed(1), [](float v) { return v > 0 ? v : 0; })};
  const batches falling{hashed(3), hashed(-1, 300), hashed(0.125, 50)};
  const batches far{mapped(hashed(0x1p-5), [](float v) { return 3 + v; })};
  const batches few{{-1.5f, 2, 0.25f}};
  const batches nan{{1, std::numeric_limits<float>::quiet_NaN(), -3}};
  const batches large{hashed(0x1p120)};
  const batches four{std::vector<float>(5, 4.0f)};
  const batches tiny{std::vector<float>(5, 1e-6f)};
  const batches small{hashed(0x1p-140)};
  const answer answers[] = {
      {modes::min_max,
       100,
       once,
       {8, false, false, false, 0},
       {-0x1.8205b54545455p+2, 0x1.b5fca15d5d5d6p+3, 0x1.3cbc7a7a7a7a8p-4, -78}},
      {modes::min_max,
       100,
       once,
       {8, true, true, false, 0},
       {-0x1.b6ff7cp+3, 0x1.b6ff7cp+3, 0x1.ba7464c993265p-4, -127}},
      {modes::min_max,
       100,
       both,
       {4, true, false, false, 0},
       {-0x1.f5b6449249249p+4, 0x1.b6ff7cp+4, 0x1.f5b6449249249p+1, -8}},
      {modes::min_max, 100, positive, {8, true, false, true, 0}, {0, 0x1.b6ff7cp+3, 0x1.b8b8343434343p-5, 0}},
      {modes::min_max,
       100,
       falling,
       {8, false, false, false, 0},
       {-0x1.2184475757575p+4, 0x1.487d785454546p+5, 0x1.db1ab6b6b6b6bp-3, -78}},
      {modes::min_max, 100, far, {8, false, false, false, 0}, {0, 0x1.b6dffp+1, 0x1.b898888888889p-7, 0}},
      {modes::min_max,
       100,
       few,
       {8, false, false, false, 0},
       {-0x1.7efefefefeffp+0, 0x1.0080808080808p+1, 0x1.c1c1c1c1c1c1cp-7, -109}},
      {modes::min_max,
       100,
       nan,
       {8, false, false, false, 0},
       {-0x1.7f7f7f7f7f7f8p+1, 0x1.010101010101p+0, 0x1.010101010101p-6, -191}},
      {modes::min_max,
       100,
       large,
       {4, false, false, false, 0},
       {-0x1.a4aa52aaaaaaap+122, 0x1.a4aa52aaaaaabp+123, 0x1.5088422222222p+120, -5}},
      {modes::min_max, 100, four, {8, false, false, false, 0}, {0, 4, 0x1.010101010101p-6, 0}},
      {modes::min_max, 100, tiny, {6, false, false, false, 0}, {0, 0x1.47ae147ae147bp-7, 0x1.4ce19ae67b348p-13, 0}},
      {modes::min_max, 100, small, {8, false, false, false, 0}, {0, 0x1.47ae147ae147bp-7, 0x1.48f70b8667af6p-15, 0}},
      {modes::percentile,
       99.9f,
       once,
       {8, false, false, false, 0},
       {-0x1.0f6c02a0a0a0ap+2, 0x1.8cb18dafafafbp+3, 0x1.0b3f068686868p-4, -65}},
      {modes::percentile,
       99.9f,
       once,
       {8, true, true, false, 0},
       {-0x1.8d1886p+3, 0x1.8d1886p+3, 0x1.9038f7efdfbf8p-4, -127}},
      {modes::percentile,
       99.9f,
       both,
       {4, true, false, false, 0},
       {-0x1.902796db6db6ep+4, 0x1.5e22a4p+4, 0x1.902796db6db6ep+1, -8}},
      {modes::percentile, 99.9f, positive, {8, true, false, true, 0}, {0, 0x1.8cfc0ap+3, 0x1.8e8a949494949p-5, 0}},
      {modes::percentile,
       90.0f,
       falling,
       {8, false, false, false, 0},
       {-0x1.ee20872323233p+0, 0x1.40237f3737373p+2, 0x1.bd690a0a0a0a1p-6, -71}},
      {modes::percentile, 99.9f, far, {8, false, false, false, 0}, {0, 0x1.b1a312p+1, 0x1.b356686868687p-7, 0}},
      {modes::percentile, 99.9f, few, {8, false, false, false, 0}, {-0x1.7d8p+0, 0x1.ffp+0, 0x1.cp-7, -109}},
      {modes::percentile, 100, nan, {8, false, false, false, 0}, {-3, 0x1.f8p-1, 0x1p-6, -192}},
      {modes::percentile,
       100,
       large,
       {4, false, false, false, 0},
       {-0x1.a305a8p+122, 0x1.a305a8p+123, 0x1.4f37b9999999ap+120, -5}},
      {modes::percentile, 100, four, {8, false, false, false, 0}, {0, 0x1.000052p+2, 0x1.0101535353535p-6, 0}},
      {modes::percentile, 100, tiny, {6, false, false, false, 0}, {0, 0x1.47ae14p-7, 0x1.4ce19a69a69a7p-13, 0}},
      {modes::percentile, 100, small, {8, false, false, false, 0}, {0, 0x1.47ae14p-7, 0x1.48f70b0b0b0b1p-15, 0}},
      {modes::tf_enhanced, 100, once, {8, false, false, false, 0}, {-0x1.7b95bp+2, 0x1.b6bda4p+3, 0x1.3b7fbep-4, -77}},
      {modes::tf_enhanced, 100, once, {8, true, true, false, 0}, {-0x1.ad029p+3, 0x1.ad029p+3, 0x1.b06356p-4, -127}},
      {modes::tf_enhanced, 100, both, {4, true, false, false, 0}, {-0x1.39a52ap+4, 0x1.127084p+4, 0x1.39a52ap+1, -8}},
      {modes::tf_enhanced, 100, positive, {8, true, false, true, 0}, {0, 0x1.b623eap+3, 0x1.b7dbc6p-5, 0}},
      {modes::tf_enhanced,
       100,
       falling,
       {8, false, false, false, 0},
       {-0x1.1cb044p+4, 0x1.490e3ap+5, 0x1.d93f9cp-3, -77}},
      {modes::tf_enhanced, 100, far, {8, false, false, false, 0}, {0, 0x1.b6b88p+1, 0x1.b870fp-7, 0}},
      {modes::tf_enhanced, 100, few, {8, false, false, false, 0}, {-0x1.7d8p+0, 0x1.ffp+0, 0x1.cp-7, -109}},
      {modes::tf_enhanced, 100, nan, {8, false, false, false, 0}, {-3, 0x1.f8p-1, 0x1p-6, -192}},
      {modes::tf_enhanced,
       100,
       large,
       {4, false, false, false, 0},
       {-0x1.791eb2p+121, 0x1.791eb2p+123, 0x1.f6d398p+119, -3}},
      {modes::tf_enhanced, 100, four, {8, false, false, false, 0}, {0, 0x1.000052p+2, 0x1.010154p-6, 0}},
      {modes::tf_enhanced, 100, tiny, {6, false, false, false, 0}, {0, 0x1.4ce19ap-15, 0x1.522a44p-21, 0}},
      {modes::tf_enhanced, 100, small, {8, false, false, false, 0}, {0, 0x1.0b48bap-15, 0x1.0c551p-23, 0}},
      {modes::squared_error,
       100,
       once,
       {8, false, false, false, 0},
       {-0x1.7b96026a6a6a6p+2, 0x1.b6be02cacacadp+3, 0x1.3b8002020202p-4, -77}},
      {modes::squared_error,
       100,
       once,
       {8, true, true, false, 0},
       {-0x1.ae5f86p+3, 0x1.ae5f86p+3, 0x1.b1c30c183060cp-4, -127}},
      {modes::squared_error,
       100,
       both,
       {4, true, false, false, 0},
       {-0x1.bd6006db6db6ep+3, 0x1.85b406p+3, 0x1.bd6006db6db6ep+0, -8}},
      {modes::squared_error, 100, positive, {8, true, false, true, 0}, {0, 0x1.b6244cp+3, 0x1.b7dc282828283p-5, 0}},
      {modes::squared_error,
       100,
       falling,
       {8, false, false, false, 0},
       {-0x1.1cb067d7d7d7dp+4, 0x1.490e641414142p+5, 0x1.d93fd7d7d7d7dp-3, -77}},
      {modes::squared_error, 100, far, {8, false, false, false, 0}, {0, 0x1.19201p+1, 0x1.1a3a4a4a4a4a5p-7, 0}},
      {modes::squared_error,
       100,
       few,
       {8, false, false, false, 0},
       {-0x1.7fbe7e7e7e7e8p+0, 0x1.0100c0c0c0c0cp+1, 0x1.c2a2a2a2a2a2ap-7, -109}},
      {modes::squared_error, 100, nan, {8, false, false, false, 0}, {-3, 0x1.f8p-1, 0x1p-6, -192}},
      {modes::squared_error,
       100,
       large,
       {4, false, false, false, 0},
       {-0x1.a57ca8p+122, 0x1.a57ca8p+123, 0x1.5130866666666p+120, -5}},
      {modes::squared_error, 100, four, {8, false, false, false, 0}, {0, 0x1.feb85p+1, 0x1.005c848484848p-6, 0}},
      {modes::squared_error, 100, tiny, {6, false, false, false, 0}, {0, 0x1.e18b4cp-10, 0x1.e9300c30c30c3p-16, 0}},
      {modes::squared_error,
       100,
       small,
       {8, false, false, false, 0},
       {-0x1.7d6bebebebebep-138, 0x1.850505050508p-144, 0x1.850505050505p-146, -251}},
      {modes::entropy,
       100,
       once,
       {8, false, false, false, 0},
       {-0x1.8205b54545455p+2, 0x1.b5fca15d5d5d6p+3, 0x1.3cbc7a7a7a7a8p-4, -78}},
      {modes::entropy,
       100,
       once,
       {8, true, true, false, 0},
       {-0x1.8dd788p+3, 0x1.8dd788p+3, 0x1.90f97af5ebd7bp-4, -127}},
      {modes::entropy,
       100,
       both,
       {8, true, false, false, 0},
       {-0x1.ba7464c993265p+4, 0x1.b6ff7cp+4, 0x1.ba7464c993265p-3, -128}},
      {modes::entropy, 100, positive, {8, true, false, true, 0}, {0, 0x1.b6ff7cp+3, 0x1.b8b8343434343p-5, 0}},
      {modes::entropy,
       100,
       falling,
       {8, false, false, false, 0},
       {-0x1.2184475757575p+4, 0x1.487d785454546p+5, 0x1.db1ab6b6b6b6bp-3, -78}},
      {modes::entropy, 100, far, {8, false, false, false, 0}, {0, 0x1.b6dffp+1, 0x1.b898888888889p-7, 0}},
      {modes::entropy,
       100,
       few,
       {8, false, false, false, 0},
       {-0x1.7efefefefeffp+0, 0x1.0080808080808p+1, 0x1.c1c1c1c1c1c1cp-7, -109}},
      {modes::entropy,
       100,
       nan,
       {8, false, false, false, 0},
       {-0x1.7f7f7f7f7f7f8p+1, 0x1.010101010101p+0, 0x1.010101010101p-6, -191}},
      {modes::entropy,
       100,
       large,
       {4, false, false, false, 0},
       {-0x1.a4aa52aaaaaaap+122, 0x1.a4aa52aaaaaabp+123, 0x1.5088422222222p+120, -5}},
      {modes::entropy,
       100,
       falling,
       {8, true, false, false, 0},
       {-0x1.2cbb1c3870e1cp+5, 0x1.2a61a6p+5, 0x1.2cbb1c3870e1cp-2, -128}},
      {modes::entropy,
       100,
       falling,
       {4, true, true, false, 0},
       {-0x1.493f9cp+5, 0x1.493f9cp+5, 0x1.7848b24924925p+2, -7}},
      {modes::percentile,
       100,
       once,
       {8, false, false, false, 0},
       {-0x1.7b95b04848485p+2, 0x1.b6bda3dbdbdbep+3, 0x1.3b7fbdbdbdbdcp-4, -77}},
      {modes::tf_enhanced,
       100,
       falling,
       {16, false, false, false, 0},
       {-0x1.1e2778p+4, 0x1.459036p+5, 0x1.d4a5c6p-11, -20008}},
  };
  for (const answer& a : answers) {
    core::encoding_analyzer_1_35 analyzer(a.mode, {}, a.percentile);
    for (const std::vector<float>& x : a.data) REQUIRE(analyzer.try_observe(x).ok());
    std::vector<core::encoding> out;
    REQUIRE(analyzer.try_encodings(a.settings, out).ok());
    INFO("row ", &a - answers);
    CHECK(out == std::vector<core::encoding>{a.encoding});
  }
}

TEST_CASE("AIMET 1.35's encodings: zeros, slots, and what is refused") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const auto encodings = [](const core::encoding_analyzer_1_35& a, const core::encoding_settings& settings) {
    std::vector<core::encoding> out;
    REQUIRE(a.try_encodings(settings, out).ok());
    return out;
  };
  const core::encoding_settings strict{8, true, true, false, 0};
  for (const modes mode : {modes::percentile, modes::tf_enhanced, modes::squared_error, modes::entropy}) {
    core::encoding_analyzer_1_35 zeros(mode);
    REQUIRE(zeros.try_observe(std::vector<float>{0, -0.0f}).ok());
    CHECK(encodings(zeros, strict)[0].delta == (mode == modes::tf_enhanced ? 2 / 255.0 : 2 / 254.0));
    // Each slot is a tensor of its own.
    core::encoding_analyzer_1_35 rows(mode, shape(2, 1));
    core::encoding_analyzer_1_35 second(mode);
    const std::vector<float> x{1, 2, 3, -5, 0.5f, 4};
    REQUIRE(rows.try_observe(tensor_view<const float>(x.data(), shape(2, 3))).ok());
    REQUIRE(second.try_observe(std::vector<float>{-5, 0.5f, 4}).ok());
    CHECK(encodings(rows, {})[1] == encodings(second, {})[0]);
    CHECK(rows.try_observe(x).code == errc::shape_mismatch);
  }

  std::vector<core::encoding> out;
  const std::vector<float> x{1, 2};
  CHECK(core::encoding_analyzer_1_35().try_encodings({}, out).code == errc::no_samples);
  CHECK(core::encoding_analyzer_1_35().try_observe(std::vector<float>{}).code == errc::no_samples);
  CHECK(core::encoding_analyzer_1_35(modes::percentile, {}, 49).try_observe(x).code == errc::value_out_of_range);
  const auto refused = [&](modes mode, const std::vector<float>& data, const core::encoding_settings& settings) {
    core::encoding_analyzer_1_35 a(mode);
    REQUIRE(a.try_observe(data).ok());
    return a.try_encodings(settings, out).code;
  };
  CHECK(refused(modes::min_max, x, {1, false, false, false, 0}) == errc::bits_out_of_range);
  CHECK(refused(modes::min_max, x, {2, true, false, false, 0.5}) == errc::unsupported);
  CHECK(refused(modes::min_max, x, {8, true, true, true, 0}) == errc::unsupported);
  CHECK(refused(modes::tf_enhanced, x, {25, false, false, false, 0}) == errc::unsupported);
  CHECK(refused(modes::squared_error, x, {25, false, false, false, 0}) == errc::unsupported);
  // Edges that adding a bin's width does not change.
  CHECK(refused(modes::squared_error, {1e6f, 1e6f + 1}, {}) == errc::value_out_of_range);
  CHECK(refused(modes::squared_error, {1e6f}, {}) == errc::value_out_of_range);

  core::encoding_analyzer_1_35 counts(modes::entropy);
  REQUIRE(counts.try_observe(x).ok());
  const core::encoding_analyzer_1_35 before = counts;
  CHECK(counts.try_observe(std::vector<float>{0, infinity}).code == errc::not_finite);
  CHECK(counts.try_observe(std::vector<float>{-infinity, 0}).code == errc::not_finite);
  CHECK(counts.try_observe(std::vector<float>{std::numeric_limits<float>::quiet_NaN()}).code == errc::not_finite);
  CHECK(counts == before);
  CHECK(out.empty());
}
