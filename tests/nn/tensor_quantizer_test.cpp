// tensor_quantizer: every mode and its gradient against the definition in double, its life from observing to learning,
// and what it refuses.
#include <xquant/nn/tensor_quantizer.hpp>

#include <xquant/adapt/span.hpp>
#include <xquant/message.hpp>
#include <xquant/schemes/affine.hpp>
#include <xquant/train/sgd.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace {

using xquant::errc;
using xquant::id_of;
using xquant::quantizer_mode;
using xquant::shape;
using xquant::status;
using xquant::tensor_quantizer;
using xquant::tensor_quantizer_description;
using xquant::tensor_view;
using vectors = std::vector<std::vector<float>>;

std::string text_of(const status& s) {
  char text[256];
  xquant::format_message(s, text, sizeof text);
  return text;
}
template <class F>
std::string thrown(const F& f) {
  try {
    f();
  } catch (const xquant::error& e) {
    return e.what();
  }
  return "nothing was thrown";
}
bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

const tensor_quantizer_description four_bits{.quantizer = {.bits = 4, .scheme = id_of<xquant::affine>}};
const tensor_quantizer_description per_row{.quantizer = {.granularity = xquant::per_axis<0>{}}};

// round(x / s) to even, in double: x and s are such that the quotient is exact enough.
double quantized(double x, double s, double z, double lower, double upper) {
  const double code = std::nearbyint(x / s) + z;
  return ((code < lower ? lower : code > upper ? upper : code) - z) * s;
}

const std::vector<float> data{-1, -0.3f, 0, 0.25f, 0.8f, 2};  // range [-1, 2]: scale 0.2, zero point -3 of 4 bits

}  // namespace

TEST_CASE("a tensor_quantizer observes, freezes and quantizes") {
  tensor_quantizer q(four_bits);
  CHECK(q.mode() == quantizer_mode::observe);
  CHECK(!q.ready());
  std::vector<float> y(6);
  q.forward(data, y);
  CHECK(y == data);
  CHECK(q.calibrator().slots() == 1);
  q.freeze();
  CHECK(q.mode() == quantizer_mode::quantize);
  REQUIRE(q.ready());
  CHECK(q.encoding().parameters.scale()[0] == static_cast<float>(3.0 / 15));
  CHECK(q.encoding().parameters.zero_point()[0] == -3);

  const std::vector<float> x{-1.2f, -0.31f, 0.27f, 2.5f, 0.55f};
  std::vector<float> z(5);
  q.forward(x, z);
  for (std::size_t i = 0; i < x.size(); ++i)
    CHECK(static_cast<double>(z[i]) == doctest::Approx(quantized(static_cast<double>(x[i]), 0.2, -3, -8, 7)));
  std::vector<std::int8_t> codes(5);
  q.quantize(x, codes);
  CHECK(codes == std::vector<std::int8_t>{-8, -5, -2, 7, 0});
  std::vector<float> back(5);
  q.dequantize(codes, back);
  CHECK(back == z);
  q.set_mode(quantizer_mode::off);
  q.forward(x, y = std::vector<float>(5));
  CHECK(y == x);
  q.fake_quantize(x, y);
  CHECK(y == z);
  q.set_mode(quantizer_mode::clip);
  q.forward(x, y);
  CHECK(y[0] == doctest::Approx(-1.0));
  CHECK(y[1] == x[1]);
  CHECK(y[3] == doctest::Approx(2.0));
}

TEST_CASE("modes: the gradient of each") {
  const std::vector<float> x{-2, -0.5f, 0, 0.5f, 2, 3};
  const std::vector<float> g{1, 2, 4, 8, 16, 32};
  std::vector<float> dx(6);
  tensor_quantizer q(
      {.quantizer = {.bits = 3, .scheme = id_of<xquant::affine>}, .estimator = id_of<xquant::learned_range>});
  q.set_parameters(xquant::parameters(0.5f, -1));  // codes -4 .. 3: ends -1.5 and 2
  CHECK(q.learned_count() == 2);
  CHECK(q.learned(0) == std::vector<float>{-1.5f});
  CHECK(q.learned(1) == std::vector<float>{2});
  CHECK(std::string(q.gradient_name(0)) == "dmin");

  q.set_mode(quantizer_mode::off);
  q.backward(x, g, dx);
  CHECK(dx == g);
  q.set_mode(quantizer_mode::clip);
  q.backward(x, g, dx);
  CHECK(dx == std::vector<float>{0, 2, 4, 8, 0, 0});
  CHECK(q.gradient(0) == std::vector<float>{1});
  CHECK(q.gradient(1) == std::vector<float>{48});
  q.set_mode(quantizer_mode::quantize);
  q.backward(x, g, dx);
  CHECK(dx == std::vector<float>{0, 2, 4, 8, 16, 0});
  // Inside q - v = 0 everywhere; outside the codes less the zero point are -3 and 4.
  const double a = 1 * -3.0 + 32 * 4.0;
  const double b = 1 + 32;
  const double dmax = (a - b * (-4 + 1)) / 7;
  CHECK(static_cast<double>(q.gradient(1)[0]) == doctest::Approx(dmax));
  CHECK(static_cast<double>(q.gradient(0)[0]) == doctest::Approx(b - dmax));
  // The same into vectors of the caller's, by a quantizer that does not change.
  const tensor_quantizer still = q;
  vectors gradients;
  REQUIRE(still.try_backward(x, g, dx, gradients).ok());
  CHECK(gradients == vectors{q.gradient(0), q.gradient(1)});
}

TEST_CASE("a symmetric range is learned by its own formula") {
  const std::vector<float> x{-3, 0.25f, 5};
  const std::vector<float> g{2, 1, 4};
  std::vector<float> dx(3);
  tensor_quantizer q(
      {.quantizer = {.bits = 3}, .estimator = id_of<xquant::learned_range>, .mode = quantizer_mode::quantize});
  q.set_parameters(xquant::parameters(0.5f));
  q.backward(x, g, dx);
  const double a = 2 * -4.0 + 1 * (0 - 0.5) + 4 * 3.0;  // 0.25 / 0.5 rounds to 0
  CHECK(static_cast<double>(q.gradient(1)[0]) == doctest::Approx(a / 7));
  CHECK(static_cast<double>(q.gradient(0)[0]) == doctest::Approx(-a / 7));
}

TEST_CASE("a training loop in which the scale is learned") {
  const std::vector<float> x{-1, 0.5f, 2, 2.9f};
  std::vector<float> y(4);
  std::vector<float> g(4);
  std::vector<float> dx(4);
  std::vector<float> momentum(1);
  tensor_quantizer w(
      {.quantizer = {.bits = 4}, .estimator = id_of<xquant::learned_step_size>, .estimator_settings = {1}});
  w.set_parameters(xquant::parameters(1.0f));
  w.set_mode(quantizer_mode::quantize);
  double first = 0;
  double last = 0;
  double scale = 1;
  for (int i = 0; i < 50; ++i) {
    w.forward(x, y);
    last = 0;
    double ds = 0;
    for (std::size_t j = 0; j < 4; ++j) {
      const double xj = static_cast<double>(x[j]);
      const double v = xj / scale;
      const double code = std::nearbyint(v) > 7 ? 7 : std::nearbyint(v);
      const double error = code * scale - xj;
      ds += 2 * error * (std::nearbyint(v) > 7 ? code : code - v);
      last += error * error;
      g[j] = 2 * (y[j] - x[j]);
    }
    if (i == 0) first = last;
    w.backward(x, g, dx);
    CHECK(static_cast<double>(w.gradient(0)[0]) == doctest::Approx(ds).epsilon(1e-4));
    w.step([&](std::size_t, std::vector<float>& value, const std::vector<float>& gradient) {
      xquant::sgd_step({.learning_rate = 0.002}, value, gradient, momentum);
    });
    scale = static_cast<double>(w.encoding().parameters.scale()[0]);
    CHECK(w.learned(0)[0] == w.encoding().parameters.scale()[0]);
  }
  CHECK(last < first);
}

TEST_CASE("what a tensor_quantizer refuses") {
  std::vector<float> y(6);
  std::vector<std::int8_t> codes(6);
  tensor_quantizer q(four_bits);
  CHECK(q.try_freeze().code == errc::no_samples);
  CHECK(has(thrown([&] { q.freeze(); }), "at least one observed element"));
  CHECK(text_of(q.try_fake_quantize(data, y)) ==
        "xquant: encoding = 0: no samples; expected an encoding: freeze() after observe(), or set_encoding()");
  CHECK(q.try_quantize(data, codes).code == errc::no_samples);
  CHECK(q.try_dequantize(codes, y).code == errc::no_samples);
  CHECK(q.try_set_learned({}).code == errc::no_samples);
  const std::vector<float> with_nan{1, std::numeric_limits<float>::quiet_NaN()};
  const status nan = q.try_observe(with_nan);
  CHECK(nan.code == errc::not_finite);
  CHECK(nan.index == 1);
  CHECK(q.calibrator().slots() == 0);
  q.set_mode(quantizer_mode::observe);
  std::vector<float> short_y(2);
  CHECK(q.try_forward(data, short_y).code == errc::shape_mismatch);
  CHECK(q.calibrator().slots() == 0);

  tensor_quantizer rows(per_row);
  const std::vector<float> six{1, 2, 3, 4, 5, 6};
  rows.observe(tensor_view(six.data(), shape(2, 3)));
  CHECK(rows.try_observe(tensor_view(six.data(), shape(3, 2))).code == errc::shape_mismatch);
  rows.freeze();
  CHECK(rows.try_fake_quantize(tensor_view(six.data(), shape(3, 2)), tensor_view(y.data(), shape(3, 2))).code ==
        errc::parameter_count);
  CHECK(rows.try_fake_quantize(tensor_view(six.data(), shape(2, 3)), tensor_view(y.data(), shape(2, 3))).ok());
}
