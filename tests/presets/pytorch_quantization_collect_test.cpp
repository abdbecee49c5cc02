// pytorch-quantization's calibrators at the edges of what they take, against what running the package (2.2.1, torch
// 2.15.0, numpy 2.4.6, one thread) answered; ordinary data: the recorded vectors of the conformance program.
#include <xquant/adapt/span.hpp>
#include <xquant/presets/pytorch_quantization_histogram.hpp>
#include <xquant/presets/pytorch_quantization_max.hpp>
#include <xquant/presets/pytorch_quantization_weights.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace {

namespace peer = xquant::presets::pytorch_quantization;
namespace torch = xquant::presets::torch::detail;
using xquant::errc;
using floats = std::vector<float>;

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

peer::histogram_calibrator calibrator_of(std::size_t bins, bool torch_hist, bool skip_zeros = false) {
  peer::histogram_settings settings;
  settings.num_bins = bins;
  settings.torch_hist = torch_hist;
  settings.skip_zeros = skip_zeros;
  return peer::histogram_calibrator(settings);
}

}  // namespace

TEST_CASE("pytorch-quantization: histograms of unusual batches") {
  struct expectation {
    std::vector<floats> batches;
    bool torch_hist;
    std::vector<std::int64_t> counts;
    double edge[3];  // the first, the second and the last
    std::size_t edges;
    std::size_t bins = 4;
  };
  const expectation cases[] = {
      {{{1, 2, 3}, {not_a_number, -1, 2, 5}}, true, {0, 1, 2, 1}, {0, 0.75, 3}, 5},
      {{{0, 0}, {0, -0.0f}}, true, {0, 0, 4, 0}, {0, 0, 0}, 5},
      {{{2, 2}, {2, 2}}, true, {0, 0, 0, 4}, {0, 0.5, 2}, 5},
      {{{0x1p-149f, 0x1p-148f}}, true, {0, 0, 1, 1}, {0, 0, 0x1p-148}, 5},
      {{{7 * 0x1p-149f, 0x1p-148f}, {7 * 0x1p-148f}}, true, {0, 1, 0, 1, 0, 0, 1}, {0, 0x1p-148, 7 * 0x1p-148}, 8},
      {{{3.4e38f, 1}}, true, {2, 0, 0, 0}, {0, 8.499999880360911e+37, 3.3999999521443642e+38}, 5},
      {{{1, 2}, {5}}, true, {2, 0, 1}, {0, 2, 6}, 4, 1},
      {{{1, 2, 3}, {not_a_number, -1, 2, 5}}, false, {1, 0, 2, 1}, {1, 1.5, 3}, 5},
      {{{0, 0}, {0, -0.0f}}, false, {0, 0, 4, 0}, {-0.5, -0.25, 0.5}, 5},
      {{{0, 0}, {-1}}, false, {0, 0, 2, 0, 0, 1}, {-0.5, -0.25, 1}, 7},
      {{{0, 0}, {not_a_number, -1, 0}}, false, {0, 0, 3, 0}, {-0.5, -0.25, 0.5}, 5},
      {{{2, 2}, {2, 2}}, false, {0, 0, 4, 0}, {1.5, 1.75, 2.5}, 5},
      {{{7 * 0x1p-149f, 0x1p-148f}, {7 * 0x1p-148f}},
       false,
       {1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1},
       {0x1p-148, 0x1.8p-148, 7 * 0x1p-148},
       12},
      {{{3.4e38f, 1}}, false, {1, 0, 0, 1}, {1, 8.499999880360911e+37, 3.3999999521443642e+38}, 5},
      {{{1, 2}, {5}}, false, {2, 0, 0, 1}, {1, 2, 5}, 5, 1},
  };
  for (const expectation& e : cases) {
    CAPTURE(&e - cases);
    peer::histogram_calibrator h = calibrator_of(e.bins, e.torch_hist);
    for (const floats& batch : e.batches) h.collect(batch);
    CHECK(h.counts() == e.counts);
    REQUIRE(h.edges().size() == e.edges);
    CHECK(h.edges()[0] == e.edge[0]);
    CHECK(h.edges()[1] == e.edge[1]);
    CHECK(h.edges().back() == e.edge[2]);
  }
}

TEST_CASE("pytorch-quantization: what a histogram refuses, and then has not changed") {
  const auto refused = [](peer::histogram_calibrator h, const floats& batch) {
    const peer::histogram_calibrator before = h;
    const errc code = h.try_collect(batch).code;
    CHECK(h == before);
    return code;
  };
  for (const bool torch_hist : {true, false}) {
    const peer::histogram_calibrator none = calibrator_of(4, torch_hist);
    CHECK(refused(none, {}) == errc::no_samples);
    CHECK(refused(none, {not_a_number, -1}) == errc::value_out_of_range);
    CHECK(refused(none, {infinity}) == errc::value_out_of_range);
    CHECK(refused(calibrator_of(0, torch_hist), {1}) == errc::value_out_of_range);
    peer::histogram_calibrator some = none;
    some.collect(floats{1, 2, 3});
    CHECK(refused(some, {infinity, 1}) == errc::size_overflow);
    CHECK(refused(some, {-infinity, 1}) == errc::size_overflow);
    CHECK(refused(some, {3.4e38f}) == errc::size_overflow);
    peer::histogram_calibrator large = none;
    large.collect(floats{3.3e38f, 1});
    CHECK(!large.try_collect(floats{3.4e38f}).ok());
    peer::histogram_calibrator skipping = calibrator_of(4, torch_hist, true);
    if (torch_hist) CHECK(refused(skipping, {0, 0}) == errc::no_samples);  // numpy's has [0, 1] of nothing
    skipping.collect(floats{1, 2});
    CHECK(refused(skipping, {0, 0}) == errc::no_samples);
  }
  peer::histogram_calibrator zeros = calibrator_of(4, true);
  zeros.collect(floats{0, 0});
  CHECK(refused(zeros, {-1}) == errc::size_overflow);
  CHECK(refused(zeros, {not_a_number, 0}) == errc::value_out_of_range);
  CHECK(refused(calibrator_of(4, false), {0x1p-149f, 0x1p-148f}) == errc::value_out_of_range);  // too narrow
  peer::histogram_settings per_channel;
  per_channel.axis = 0;
  CHECK(refused(peer::histogram_calibrator(per_channel), {1}) == errc::unsupported);

  peer::histogram_calibrator h = calibrator_of(4, true);
  float amax = -7;
  CHECK(h.try_compute_amax("kl", {}, amax).code == errc::unsupported);
  CHECK(h.try_compute_amax("percentile", {1, 128, 200}, amax).code == errc::value_out_of_range);
  CHECK(h.try_compute_amax("percentile", {}, amax).code == errc::no_samples);
  h.collect(floats{1, 2});
  h.reset();
  CHECK(h == calibrator_of(4, true));
  CHECK(amax == -7);
  CHECK_THROWS_AS((void)h.compute_amax("mse"), xquant::error);
  CHECK_THROWS_AS(h.collect(floats{}), xquant::error);
}

TEST_CASE("pytorch-quantization: a batch counts to 2^24 in a bin") {
  // Counts are torch's floats: one batch of 2^24 + 3 equal numbers counts 2^24.
  const floats x((std::size_t(1) << 24) + 3, 1.0f);
  peer::histogram_calibrator h = calibrator_of(2, true);
  h.collect(x);
  CHECK(h.counts() == std::vector<std::int64_t>{0, 1 << 24});
}

TEST_CASE("torch: sum, linspace and arange in its order") {
  struct expectation {
    std::size_t n;
    float sum;
  };
  const expectation recorded[] = {{0, 0},
                                  {1, 0},
                                  {7, 0x1.e657fap+0f},
                                  {8, 0x1.00cb88p+1f},
                                  {9, 0x1.72ed18p+1f},
                                  {33, 0x1.5cd572p+3f},
                                  {100, 0x1.057fc0p+5f},
                                  {511, 0x1.53aa66p+7f},
                                  {512, 0x1.54fecap+7f},
                                  {2048, 0x1.550ef4p+9f},
                                  {3071, 0x1.ff8f5ap+9f},
                                  {70001, 0x1.6c93c6p+14f}};
  floats x(70001);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto u = static_cast<float>((i * 2654435761u % 4294967296u) >> 8) * 0x1p-24f;
    x[i] = u * u;
  }
  for (const expectation& e : recorded) {
    CAPTURE(e.n);
    CHECK(torch::sum_of(floats(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(e.n))) == e.sum);
  }
  const torch::linspace line(0, 2.7f, 101);
  CHECK(line[3] == 0x1.4bc6a8p-4f);
  CHECK(line[49] == 0x1.52b022p+0f);
  CHECK(line[51] == 0x1.608312p+0f);
  CHECK(line[77] == 0x1.0a1cacp+1f);
  CHECK(line[100] == 0x1.59999ap+1f);
  const floats steps = torch::arange(2.7f, 0.0271f);
  REQUIRE(steps.size() == 100);
  CHECK(steps[15] == 0x1.a0418ap-2f);
  CHECK(steps[31] == 0x1.ae2198p-1f);
  CHECK(steps[95] == 0x1.498936p+1f);
  CHECK(steps[97] == 0x1.50793ep+1f);
  CHECK(steps[99] == 0x1.576944p+1f);
}

TEST_CASE("pytorch-quantization: the running maximum, its shapes and what it refuses") {
  using view = xquant::tensor_view<const float>;
  const floats x{1, -2, 3, -4, 5, 6};
  const view matrix(x.data(), xquant::shape{2, 3});
  CHECK(peer::reduce_amax(matrix) == peer::amax_array<>{{6}, {}});
  CHECK(peer::reduce_amax(matrix, 0) == peer::amax_array<>{{4, 5, 6}, xquant::shape{1, 3}});
  CHECK(peer::reduce_amax(matrix, std::ptrdiff_t{-1}, false) == peer::amax_array<>{{3, 6}, xquant::shape{2}});
  CHECK(peer::reduce_amax(matrix, peer::axis_list{0, 1}) == peer::amax_array<>{{6}, {}});
  CHECK(peer::reduce_amax(view(x.data(), xquant::shape{1, 2, 3}), peer::axis_list{2}, false) ==
        peer::amax_array<>{{3, 6}, xquant::shape{2}});  // squeeze takes the first dimension too
  const std::vector<double> wide{-1e300, 1};
  CHECK(peer::reduce_amax(wide).value[0] == 1e300);
  CHECK(std::isnan(peer::reduce_amax(floats{1, not_a_number, infinity}).value[0]));
  CHECK(std::isnan(peer::reduce_amax(floats{not_a_number}).value[0]));
  CHECK(peer::reduce_amax(floats{1, -infinity}).value[0] == infinity);

  peer::amax_array<> out{{-7}, {}};
  CHECK(peer::try_reduce_amax(floats{}, out).code == errc::no_samples);
  CHECK(peer::try_reduce_amax(matrix, std::ptrdiff_t{2}, true, out).code == errc::axis_out_of_range);
  CHECK(peer::try_reduce_amax(matrix, peer::axis_list{0, 1, 1}, true, out).code == errc::axis_out_of_range);
  CHECK(out.value[0] == -7);

  peer::max_calibrator<> c(peer::axis_list{-1});
  c.collect(matrix);
  CHECK(c.amax() == peer::amax_array<>{{4, 5, 6}, xquant::shape{1, 3}});
  CHECK(c.try_collect(view(x.data(), xquant::shape{3, 2})).code == errc::shape_mismatch);
  CHECK(c.try_collect(view(x.data(), xquant::shape{})).code == errc::axis_out_of_range);
  CHECK(c.try_collect(floats{}).code == errc::no_samples);
  CHECK(c.amax() == peer::amax_array<>{{4, 5, 6}, xquant::shape{1, 3}});
  const floats later{not_a_number, 1, 7};
  c.collect(view(later.data(), xquant::shape{1, 3}));
  c.collect(matrix);
  CHECK(std::isnan(c.amax().value[0]));
  CHECK(c.amax().value[1] == 5);
  CHECK(c.amax().value[2] == 7);
  c.reset();
  CHECK(c == peer::max_calibrator<>(peer::axis_list{-1}));
  CHECK_THROWS_AS(c.collect(floats{}), xquant::error);
}

TEST_CASE("pytorch-quantization: what calibrate_weights refuses") {
  const floats w{1, -2, 3, 0, 0, 0};
  const xquant::tensor_view<const float> matrix(w.data(), xquant::shape{2, 3});
  peer::amax_array<> out{{-7}, {}};
  const auto code = [&](peer::weight_settings s, const xquant::tensor_view<const float>& v) {
    return peer::try_calibrate_weights(v, s, out).code;
  };
  CHECK(code({.method = "entropy"}, matrix) == errc::unsupported);
  CHECK(code({.method = "max", .per_channel = false}, matrix) == errc::unsupported);
  CHECK(code({.axis = 2}, matrix) == errc::axis_out_of_range);
  CHECK(code({}, {w.data(), xquant::shape{0, 3}}) == errc::no_samples);
  CHECK(code({}, {nullptr, xquant::shape{2, 3}}) == errc::null_pointer);
  CHECK(code({.num_bins = 0}, matrix) == errc::value_out_of_range);
  CHECK(code({.percentile = 101}, matrix) == errc::value_out_of_range);
  CHECK(code({.method = "mse"}, matrix) == errc::value_out_of_range);  // the channel of zeros has a negative candidate
  for (const float bad : {not_a_number, infinity}) {
    const floats some{1, bad};
    CHECK(code({.method = "max"}, {some.data(), xquant::shape{2, 1}}) == errc::value_out_of_range);
  }
  CHECK(out.value[0] == -7);
  CHECK(peer::calibrate_weights(matrix).value[1] == 0);  // [-0.5, 0.5]: zero is an edge
  CHECK(peer::calibrate_weights(matrix, {.method = "max"}) == peer::amax_array<>{{3, 0}, xquant::shape{2, 1}});
  CHECK_THROWS_AS((void)peer::calibrate_weights(matrix, {.axis = 2}), xquant::error);
}
