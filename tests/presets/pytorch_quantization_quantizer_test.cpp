// pytorch-quantization's TensorQuantizer by hand: its switches, its gradients, what it prints and refuses. The recorded
// cases are tests/conformance/.
#include <xquant/presets/pytorch_quantization_quantizer.hpp>

#include <xquant/adapt/span.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace {

namespace pq = xquant::presets::pytorch_quantization;
using xquant::errc;
using xquant::shape;
using xquant::status;
using xquant::tensor_view;

// round(x * 127 / amax) / (127 / amax) in float, the definition.
float fake(float x, float amax) {
  const float s = 127.0f / amax;
  return std::fmin(std::fmax(std::nearbyint(x * s), -128.0f), 127.0f) / s;
}

void check(const status& s, errc code, const std::string& argument) {
  CHECK(s.code == code);
  CHECK(std::string(s.argument == nullptr ? "" : s.argument) == argument);
}

}  // namespace

TEST_CASE("life of a quantizer: dynamic, calibrating, calibrated, disabled") {
  pq::tensor_quantizer q{pq::quant_descriptor{}};
  const std::vector<float> x{0.5f, -2.0f, 1.25f, 0.01f};
  std::vector<float> y(4);
  q.forward(x, y);
  for (std::size_t i = 0; i < 4; ++i) CHECK(y[i] == fake(x[i], 2.0f));
  CHECK(q.amax().value.empty());
  q.disable_quant();
  q.enable_calib();
  CHECK(q.text() == "8bit fake per-tensor amax=dynamic calibrator=MaxCalibrator scale=1.0 calib");
  q.forward(std::vector<float>{0.25f, -4.0f, 0, 0}, y);
  CHECK(y == std::vector<float>{0.25f, -4.0f, 0, 0});
  q.disable_calib();
  q.enable_quant();
  q.load_calib_amax();
  REQUIRE(q.amax().value.size() == 1);
  CHECK(q.amax().value[0] == 4.0f);
  CHECK(q.step_size()[0] == 4.0f / 127.0f);
  q.forward(x, y);
  for (std::size_t i = 0; i < 4; ++i) CHECK(y[i] == fake(x[i], 4.0f));
  q.disable();
  q.forward(x, y);
  CHECK(y == x);
  CHECK(q.text() == "disabled");
}

TEST_CASE("learned amax: the clip's ends take the gradients of what they stop") {
  pq::quant_descriptor d;
  d.learn_amax = true;
  d.amax = pq::amax_array<float>{{1.0f}, {}};
  pq::tensor_quantizer q(d);
  CHECK(q.text() == "8bit fake per-tensor amax=1.0000 learned calibrator=MaxCalibrator scale=1.0 quant clip");
  // The invariant of the peer's own tests: an element at an end counts for the end.
  const std::vector<float> x{-2, -1, -0.5f, 0.5f, 1, 2};
  std::vector<float> dx(6);
  q.backward(x, std::vector<float>(6, 1.0f), dx);
  CHECK(dx == std::vector<float>{0, 0, 1, 1, 0, 0});
  CHECK(q.clip_minimum_gradient() == 2);
  CHECK(q.clip_maximum_gradient() == 2);
  // Ends that drifted apart: amax is the larger magnitude.
  q.set_clip(-0.5f, 2.0f);
  std::vector<float> y(6);
  q.forward(x, y);
  for (std::size_t i = 0; i < 6; ++i) CHECK(y[i] == fake(std::fmin(std::fmax(x[i], -0.5f), 2.0f), 2.0f));
  q.disable_clip();
  CHECK(!q.clips());
  q.enable_clip();
  CHECK(q.clips());
}

TEST_CASE("amax becomes learned from what is stored") {
  pq::quant_descriptor d;
  d.amax = pq::amax_array<float>{{1.0f, 3.0f}, shape(2)};
  pq::tensor_quantizer q(d);
  q.init_learn_amax();
  CHECK(q.clip_minimum() == -3.0f);
  CHECK(q.clip_maximum() == 3.0f);
  pq::tensor_quantizer dynamic{pq::quant_descriptor{}};
  check(dynamic.try_init_learn_amax(), errc::no_samples, "amax");
  pq::tensor_quantizer along{pq::quant_desc_8bit_linear_weight_per_row()};
  along.set_amax({{1.0f, 2.0f}, shape(2, 1)});
  check(along.try_init_learn_amax(), errc::unsupported, "axis");
}

TEST_CASE("gradients pass inside amax, times pre_quant_scale") {
  pq::quant_descriptor d;
  d.amax = pq::amax_array<float>{{1.0f}, {}};
  pq::tensor_quantizer q(d);
  const std::vector<float> x{0.5f, 1.0f, -1.0f, 1.5f};
  std::vector<float> dx(4);
  q.backward(x, std::vector<float>{1, 2, 3, 4}, dx);
  CHECK(dx == std::vector<float>{1, 2, 3, 0});
  q.set_pre_quant_scale({2.0f, 0.5f});
  CHECK(q.text() == "8bit fake per-tensor amax=1.0000 pre_quant_scale calibrator=MaxCalibrator scale=1.0 quant");
  const tensor_view<const float> rows(x.data(), shape(2, 2));
  const std::vector<float> g{1, 2, 3, 4};
  q.backward(rows, tensor_view<const float>(g.data(), shape(2, 2)), tensor_view<float>(dx.data(), shape(2, 2)));
  CHECK(dx == std::vector<float>{2, 1, 0, 2});  // of 1, 0.5, -2, 0.75
  std::vector<float> y(3);
  check(q.try_forward(std::vector<float>(3), y), errc::shape_mismatch, "pre_quant_scale");
  check(q.try_set_pre_quant_scale({1.0f}), errc::parameter_count, "pre_quant_scale");
}

TEST_CASE("calibrated again: one number fills an amax that has several") {
  pq::quant_descriptor d;
  d.amax = pq::amax_array<float>{{1.0f, 2.0f}, shape(2)};
  pq::tensor_quantizer q(d);
  q.enable_calib();
  q.disable_quant();
  std::vector<float> y(2);
  q.forward(std::vector<float>{3, -5}, y);
  q.load_calib_amax();
  CHECK(q.amax().value == std::vector<float>{5, 5});
  CHECK(q.amax().shape == shape(2));
  q.reset_calibrator();
  check(q.try_load_calib_amax(), errc::no_samples, "calibrator");
}

TEST_CASE("what it prints: Python's numbers") {
  pq::quant_descriptor d;
  d.is_unsigned = true;
  d.narrow_range = true;
  d.fake_quant = false;
  d.axis = pq::axis_list{0, 1};
  d.scale_amax = 2.0;
  d.amax = pq::amax_array<float>{{0.25f, 3.0f}, shape(2, 1)};
  const pq::tensor_quantizer q(d);
  CHECK(q.text() == "unsigned 8bit narrow axis=(0, 1) amax=[0.2500, 3.0000](2) *2.0 calibrator=MaxCalibrator quant");
}

TEST_CASE("predefined descriptors") {
  CHECK(!pq::quant_desc_8bit_per_tensor().axis);
  CHECK(pq::quant_desc_unsigned_8bit_per_tensor().is_unsigned);
  CHECK(*pq::quant_desc_8bit_conv2d_weight_per_channel().axis == pq::axis_list{0});
  CHECK(*pq::quant_desc_8bit_linear_weight_per_row().axis == pq::axis_list{0});
  CHECK(*pq::quant_desc_8bit_convtranspose2d_weight_per_channel().axis == pq::axis_list{1});
}

TEST_CASE("what descriptors and quantizers refuse") {
  using value = pq::descriptor_value;
  pq::quant_descriptor d;
  check(pq::try_set(d, "foo", value{true}), errc::unsupported, "key");
  check(pq::try_set(d, "amax", value{std::int64_t{1}}), errc::unsupported, "amax");
  check(pq::try_set(d, "name", value{std::int64_t{3}}), errc::unsupported, "name");
  check(pq::try_set(d, "num_bits", value{std::int64_t{-1}}), errc::bits_out_of_range, "num_bits");
  check(pq::try_set(d, "num_bits", value{std::vector<std::int64_t>{5, 2}}), errc::unsupported, "num_bits");
  check(pq::try_set(d, "axis", value{1.5}), errc::unsupported, "axis");
  check(pq::try_set(d, "unsigned", value{std::int64_t{1}}), errc::unsupported, "unsigned");
  check(pq::try_set(d, "calib_method", value{std::string("median")}), errc::unsupported, "calib_method");
  check(pq::try_set(d, "scale_amax", value{std::string("1")}), errc::unsupported, "scale_amax");
  CHECK(d == pq::quant_descriptor{});
  CHECK(pq::try_set(d, "num_bits", value{std::vector<std::int64_t>{4, 3}}).ok());
  CHECK(d.is_float());

  const auto refused = [](auto change) {
    pq::quant_descriptor wrong;
    change(wrong);
    pq::tensor_quantizer made;
    return pq::tensor_quantizer::try_make(wrong, made);
  };
  check(refused([](auto& w) { w.num_bits = 25; }), errc::bits_out_of_range, "num_bits");
  check(refused([](auto& w) { w.float_bits = {5, 2}; }), errc::unsupported, "num_bits");
  check(refused([](auto& w) {
          w.learn_amax = true;
          w.axis = pq::axis_list{0};
        }),
        errc::unsupported, "axis");
  check(refused([](auto& w) {
          w.calib_method = "histogram";
          w.axis = pq::axis_list{0};
        }),
        errc::unsupported, "axis");
  check(refused([](auto& w) { w.calib_method = "no"; }), errc::unsupported, "calib_method");
  check(refused([](auto& w) { w.amax = pq::amax_array<float>{{1.0f}, shape(2)}; }), errc::parameter_count, "amax");

  pq::tensor_quantizer q{pq::quant_descriptor{}};
  std::vector<float> steps;
  check(q.try_step_size(steps), errc::no_samples, "amax");
  check(q.try_enable_clip(), errc::unsupported, "clip");
  check(q.try_disable_clip(), errc::unsupported, "clip");
  q.set_amax({{1.0f, 2.0f}, shape(2)});
  check(q.try_set_amax({{3.0f}, {}}), errc::shape_mismatch, "amax");
  check(q.try_set_amax({{}, {}}), errc::parameter_count, "amax");
  std::vector<float> y(3);
  CHECK(!q.try_forward(std::vector<float>(4), y).ok());
  pq::tensor_quantizer small{d};
  small.set_amax({{1.0f}, {}});
  check(small.try_step_size(steps), errc::unsupported, "num_bits");
}
