// ModelOpt's calibrators beside the recorded vectors: weights, and batches and settings that are refused. Numbers:
// running the package (0.47.0, torch 2.15.0, numpy 2.4.6, CPU).
#include <xquant/adapt/span.hpp>
#include <xquant/presets/modelopt_calibration.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <vector>

namespace {

namespace peer = xquant::presets::modelopt;
using xquant::errc;
using xquant::shape;
using floats = std::vector<float>;
using view = xquant::tensor_view<const float>;

}  // namespace

TEST_CASE("ModelOpt: calibrate_weights") {
  const floats w{1, -2, 3, 9.5f, 0.25f, 12, 0, -8, 4, -20.5f};
  const view matrix(w.data(), shape{2, 5});
  const auto amax = [&](const peer::weight_settings& s) { return peer::calibrate_weights(matrix, s); };
  using array = peer::amax_array<>;
  CHECK(amax({.method = "mse", .num_bins = 200}) == array{{0x1.86a3d8p+2f, 0x1.a57aep+3f}, shape{2, 1}});
  CHECK(amax({.method = "mse", .per_channel = false, .num_bins = 300}) == array{{0x1.18fc98p+3f}, {}});
  CHECK(amax({.percentile = 50, .num_bins = 16}) == array{{0x1.c8p+0f, 0x1.ecp+2f}, shape{2, 1}});
  CHECK(amax({.per_channel = false, .percentile = 50, .num_bins = 16}) == array{{0x1.48p+1f}, {}});
  CHECK(amax({.method = "max"}) == array{{9.5f, 20.5f}, shape{2, 1}});
  CHECK(amax({.method = "max", .per_channel = false}) == array{{20.5f}, {}});
  array out{{-7}, {}};
  CHECK(peer::try_calibrate_weights(matrix, {.method = "entropy"}, out).code == errc::unsupported);
  CHECK(peer::try_calibrate_weights(matrix, {.method = "mse", .num_bins = 64}, out).code == errc::value_out_of_range);
  CHECK(out.value[0] == -7);
}

TEST_CASE("ModelOpt: MseCalibrator of E4M3 (fp8_eager)") {
  floats x;
  floats half;
  for (int i = 0; i < 96; ++i) {
    const float v = static_cast<float>(i * 37 % 193 - 96) / 64;
    x.push_back(v * v * v);
    half.push_back(v * v * v / 2);
  }
  const auto found = [&](const peer::amax_array<>& start, float first_loss, float last_loss) {
    peer::mse_calibrator c(start, {.format = peer::mse_format::e4m3});
    c.collect(view(x.data(), shape{2, 48}));
    c.collect(view(half.data(), shape{2, 48}));
    CHECK(c.losses().front() == first_loss);
    CHECK(c.losses().back() == last_loss);
    return c.compute_amax();
  };
  CHECK(found({{3}, {}}, 0x1.4566cap+6f, 0x1.3e3ff8p-3f) == peer::amax_array<>{{0x1.b50d7cp+1f}, {}});
  CHECK(found({{3, 0.7f}, shape{2, 1}}, 0x1.63036ep+5f, 0x1.a2a85p-2f) ==
        peer::amax_array<>{{0x1.b50d7cp+1f, 0x1.666666p+1f}, shape{2, 1}});
}

TEST_CASE("ModelOpt: what the calibrators refuse, and then have not changed") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  peer::max_calibrator<> most;
  most.collect(floats{1, -2});
  for (const float bad : {infinity, -infinity, std::numeric_limits<float>::quiet_NaN()}) {
    const xquant::status refused = most.try_collect(floats{0, bad, 1});
    CHECK(refused.code == errc::not_finite);
    CHECK(refused.index == 1);
  }
  CHECK(most.try_collect(floats{}).code == errc::no_samples);
  CHECK(most.amax() == peer::amax_array<>{{2}, {}});
  most.reset();
  CHECK(most == peer::max_calibrator<>());

  peer::histogram_calibrator h;
  float amax = -7;
  CHECK(h.try_compute_amax("mse", {}, amax).code == errc::no_samples);
  h.collect(floats{1, 2});
  CHECK(h.try_compute_amax("kl", {}, amax).code == errc::unsupported);
  const std::vector<std::int64_t> counts{1, 1};
  CHECK(peer::try_compute_amax_mse(counts, floats{0, 1, 2}, {8, false, 0, 0}, amax).code == errc::value_out_of_range);
  CHECK(peer::try_compute_amax_mse(counts, floats{0, 1, 2}, {8, false, 1, 2}, amax).code == errc::value_out_of_range);
  CHECK(peer::try_compute_amax_mse(counts, floats{0, 1, 2, 3}, {8, false, 1, 0}, amax).code == errc::shape_mismatch);
  CHECK(peer::try_compute_amax_mse(counts, floats{-3, -1, 2}, {8, false, 1, 0}, amax).code == errc::value_out_of_range);
  CHECK(amax == -7);

  const floats x{1, -2, 3, 4};
  const auto refused = [&x](const peer::amax_array<>& start, const peer::mse_settings& settings) {
    peer::mse_calibrator c(start, settings);
    const errc code = c.try_collect(view(x.data(), shape{2, 2})).code;
    peer::amax_array<> none;
    CHECK(c.try_compute_amax(none).code == errc::no_samples);
    CHECK(c.losses().empty());
    return code;
  };
  const peer::amax_array<> four{{4}, {}};
  CHECK(refused(four, {.step_size = 0}) == errc::value_out_of_range);
  CHECK(refused(four, {.step_size = 1e-9}) == errc::value_out_of_range);
  CHECK(refused(four, {.start_multiplier = static_cast<double>(infinity)}) == errc::value_out_of_range);
  CHECK(refused(four, {.stop_multiplier = 0.1}) == errc::value_out_of_range);
  CHECK(refused({{4, 4}, {}}, {}) == errc::shape_mismatch);
  CHECK(refused({{4, 4, 4}, shape{3, 1}}, {}) == errc::shape_mismatch);
  CHECK(refused({{-4}, {}}, {}) == errc::value_out_of_range);
  CHECK(refused({{4, 4, 4}, shape{3, 1}}, {.format = peer::mse_format::e4m3}) == errc::shape_mismatch);
  CHECK(refused(four, {.quantizer = {8, true, true}}) == errc::value_out_of_range);  // negative x
  peer::mse_calibrator c(four);
  CHECK(c.try_collect(floats{}).code == errc::no_samples);
  CHECK_THROWS_AS((void)c.compute_amax(), xquant::error);
  c.collect(x);
  CHECK(c.candidates().size() == 39);
  CHECK(c.candidates().back() == 4.0f);
}
