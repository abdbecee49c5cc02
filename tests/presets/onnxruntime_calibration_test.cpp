// ONNX Runtime's calibrators: later collections, which the recorded vectors (tests/conformance) do not reach, and
// refusals. Numbers not computed here were printed by onnxruntime 1.32.0 and numpy 2.4.6 (x86-64, AVX-512).
#include <xquant/presets/onnxruntime_calibration.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <utility>
#include <vector>

namespace {

namespace peer = xquant::presets::onnxruntime;
using xquant::errc;
using xquant::range;
using xquant::shape;
using xquant::tensor_view;

tensor_view<const float> view(const std::vector<float>& x) { return {x.data(), shape(x.size())}; }

void collect(peer::histogram_collector& c, const std::vector<float>& x) {
  REQUIRE(c.try_observe(view(x)).ok());
  REQUIRE(c.try_end_collection().ok());
}

}  // namespace

TEST_CASE("ONNX Runtime's min-max: the union, or averages of averages") {
  range<float> r{};
  peer::min_max_calibrator plain;
  CHECK(plain.try_range(r).code == errc::no_samples);
  CHECK(plain.try_observe(view({-1, 2})).ok());
  plain.end_collection();
  CHECK(plain.try_observe(view({-0.5f, 3})).ok());
  CHECK(plain.try_range(r).ok());
  CHECK(r == range<float>{-1, 3});

  peer::min_max_calibrator moving({false, true, 0.5});
  CHECK(moving.try_observe(view({-1, 2})).ok());
  CHECK(moving.try_observe(view({-2, 4})).ok());
  moving.end_collection();  // [-1.5, 3]
  CHECK(moving.try_observe(view({-3.5f, 5})).ok());
  CHECK(moving.try_range(r).ok());
  CHECK(r == range<float>{-2.5f, 4});

  peer::min_max_calibrator symmetric({true, false, 0});
  CHECK(symmetric.try_observe(view({-1, 2})).ok());
  CHECK(symmetric.try_range(r).ok());
  CHECK(r == range<float>{-2, 2});

  CHECK(plain.try_observe(view({})).code == errc::no_samples);
  CHECK(plain.try_observe(view({0, std::numeric_limits<float>::infinity()})).code == errc::not_finite);
  CHECK(peer::min_max_calibrator({false, true, 2}).try_observe(view({1})).code == errc::value_out_of_range);
}

TEST_CASE("ONNX Runtime's histograms: a later collection adds bins") {
  peer::histogram_collector values(4);
  collect(values, {-1, 0.5f});
  CHECK(values.edges() == std::vector<float>{-1, -0.5f, 0, 0.5f, 1});
  collect(values, {0.25f, 2.1f});
  // A step is 0.5: three more bins on either side, [-2.5, 2.5].
  CHECK(values.counts() == std::vector<std::int64_t>{0, 0, 0, 1, 0, 1, 1, 0, 0, 1});
  CHECK(values.edges().front() == -2.5f);
  CHECK(values.edges().back() == 2.5f);
  CHECK(values.extremes() == range<float>{-1, 2.1f});
  collect(values, {});  // nothing
  CHECK(values.counts().size() == 10);

  peer::histogram_collector zeros(4);
  collect(zeros, {0, 0});
  CHECK(zeros.counts() == std::vector<std::int64_t>{0, 0, 2, 0});
  collect(zeros, {1});
  CHECK(zeros.counts() == std::vector<std::int64_t>{0, 0, 2, 1});

  peer::histogram_collector magnitudes(4, peer::counted::magnitudes);
  collect(magnitudes, {-1, 0.5f, 0.25f});
  collect(magnitudes, {-2.1f, 0.6f});
  CHECK(magnitudes.edges() ==
        std::vector<float>{0.25f, 0.4375f, 0.625f, 0.8125f, 1, 1.1875f, 1.375f, 1.5625f, 1.75f, 1.9375f, 2.125f});
  CHECK(magnitudes.counts() == std::vector<std::int64_t>{1, 2, 0, 1, 0, 0, 0, 0, 0, 1});
  range<float> r{};
  CHECK(magnitudes.try_percentile(50, r).ok());
  CHECK(r == range<float>{-0.4375f, 0.4375f});
}

TEST_CASE("ONNX Runtime's histograms refuse what they cannot answer") {
  range<float> r{};
  peer::histogram_collector::distribution d{};
  peer::histogram_collector empty(512);
  CHECK(empty.try_percentile(99, r).code == errc::no_samples);
  CHECK(empty.try_entropy(128, r).code == errc::no_samples);
  CHECK(empty.try_distribution(false, d).code == errc::no_samples);
  CHECK(empty.try_percentile(101, r).code == errc::value_out_of_range);
  CHECK(peer::histogram_collector(256).try_distribution(false, d).code == errc::value_out_of_range);
  CHECK(peer::histogram_collector(0).try_observe(view({1})).code == errc::value_out_of_range);
  peer::histogram_collector magnitudes(512, peer::counted::magnitudes);
  CHECK(magnitudes.try_entropy(128, r).code == errc::unsupported);
  CHECK(magnitudes.try_distribution(true, d).code == errc::unsupported);
  CHECK(empty.try_observe(view({1, std::numeric_limits<float>::quiet_NaN()})).code == errc::not_finite);
  // 512 bins between neighbouring floats have no width.
  peer::histogram_collector narrow(512, peer::counted::magnitudes);
  CHECK(narrow.try_observe(view({1, 1.0000001f})).ok());
  CHECK(narrow.try_end_collection().code == errc::value_out_of_range);
  CHECK(narrow.empty());

  peer::histogram_collector wide(512);
  CHECK(wide.try_observe(view({3e38f})).ok());
  CHECK(wide.try_end_collection().code == errc::range_not_finite);

  const auto code_of = [](const std::vector<std::int64_t>& counts, const std::vector<float>& edges,
                          std::size_t levels) {
    range<float> out{};
    return peer::try_entropy_threshold(counts, edges, range<float>{-1, 1}, levels, out).code;
  };
  CHECK(code_of({1, 1, 1}, {-1, 0, 1, 2}, 2) == errc::value_out_of_range);
  CHECK(code_of({1, 1}, {-1, 0}, 2) == errc::shape_mismatch);
  CHECK(code_of({1, 1}, {-1, 0, 1}, 4) == errc::value_out_of_range);
  CHECK(code_of({1, -1}, {-1, 0, 1}, 2) == errc::value_out_of_range);
  CHECK(code_of({0, 0}, {-1, 0, 1}, 2) == errc::no_samples);
  CHECK(code_of({1, 1}, {-1, 0, 1}, 2) == errc::ok);
  // One filled bin in 20,000: smoothing would take twice its count.
  std::vector<std::int64_t> sparse(20000);
  sparse[10000] = 1;
  std::vector<float> edges;
  for (int i = 0; i <= 20000; ++i) edges.push_back(static_cast<float>(i - 10000));
  CHECK(code_of(sparse, edges, 20000) == errc::value_out_of_range);
}

TEST_CASE("numpy's power of floats with AVX-512, where it is not the correctly rounded one") {
  const std::vector<std::pair<float, float>> cube_roots{
      {0x1.587896p-1f, 0x1.c0a3bap-1f}, {0x1.b5186p+2f, 0x1.e5b452p+0f},  {0x1.3bb376p-3f, 0x1.1286f2p-1f},
      {0x1.01e798p-4f, 0x1.976146p-2f}, {0x1.44381ep+2f, 0x1.b7ab5ep+0f}, {0x1.e76f18p+0f, 0x1.3d4be4p+0f},
      {0x1.776d78p+6f, 0x1.22d98cp+2f}, {0x1.1afc66p+1f, 0x1.4d7f2cp+0f}, {0x1.b4a358p-6f, 0x1.31de2ap-2f},
      {0x1.576d74p-6f, 0x1.1a56ecp-2f}, {0x1.754b7p+0f, 0x1.224c44p+0f},  {0x1.5eae68p+0f, 0x1.1c5042p+0f},
      {0x1.9a98b2p-3f, 0x1.2ba97ap-1f}, {0x1.7aba18p+1f, 0x1.6f84ap+0f}};
  for (const auto& [x, root] : cube_roots) CHECK(xquant::presets::detail::numpy_power(x, 1.0f / 3.0f) == root);
  CHECK(xquant::presets::detail::numpy_power(0, 1.0f / 3.0f) == 0);
  CHECK(xquant::presets::detail::numpy_power(8, 200.0f) == std::numeric_limits<float>::infinity());
}
