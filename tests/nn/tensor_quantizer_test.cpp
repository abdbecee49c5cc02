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

TEST_CASE("what a description of a tensor_quantizer can be wrong in, by name") {
  tensor_quantizer made;
  const tensor_quantizer before = made;
  const auto refused = [&](const tensor_quantizer_description& d, errc code, const std::string& argument) {
    const status s = tensor_quantizer::try_make(d, made);
    CHECK(s.code == code);
    CHECK(s.argument == argument);
    CHECK(std::string(s.expected) != "");
    CHECK(made == before);
  };
  refused({.quantizer = {.bits = 33}}, errc::bits_out_of_range, "bits");
  refused({.quantizer = {.bits = 16}}, errc::not_compiled, "bits");
  refused({.quantizer = {.bits = 4, .lower = -9, .upper = 3}}, errc::bits_out_of_range, "lower");
  refused({.quantizer = {.format = id_of<xquant::e4m3fn>}}, errc::not_compiled, "format");
  refused({.quantizer = {.format = id_of<xquant::e4m3fn>, .scheme = id_of<xquant::affine>}}, errc::unsupported,
          "scheme");
  refused({.quantizer = {.rounding = id_of<xquant::stochastic>}}, errc::not_compiled, "rounding");
  refused({.quantizer = {.arithmetic = id_of<xquant::multiply_by_reciprocal>}}, errc::not_compiled, "arithmetic");
  refused({.estimator = id_of<xquant::pact>}, errc::not_compiled, "estimator");
  refused({.estimator_settings = {1}}, errc::parameter_count, "estimator_settings");
  const auto step = id_of<xquant::learned_step_size>;
  refused({.estimator = step, .estimator_settings = {1, 2}}, errc::parameter_count, "estimator_settings");
  refused({.estimator = step, .estimator_settings = {2}}, errc::value_out_of_range, "estimator_settings");
  refused({.estimator = step, .dynamic = true}, errc::unsupported, "estimator");
  refused({.dynamic = true, .mode = quantizer_mode::observe}, errc::unsupported, "mode");
  refused({.mode = static_cast<quantizer_mode>(7)}, errc::value_out_of_range, "mode");
  refused({.non_finite = {xquant::non_finite_action::skip, -1}}, errc::value_out_of_range, "non_finite.bound");
  for (const char* name :
       {"", "minmax", "percentile", "moving_average=2", "amax_window=0", "min_max=1", "entropy=", "percentile=101"}) {
    CAPTURE(name);
    const status s = tensor_quantizer::try_make({.calibrator = name}, made);
    CHECK(s.ok() == (std::string(name) == "percentile"));
    if (!s.ok()) CHECK(s.code == errc::value_out_of_range);
    if (s.ok()) made = before;
  }
  refused({.calibrator = "moving_average", .non_finite = {xquant::non_finite_action::skip, 0}}, errc::unsupported,
          "non_finite");
  CHECK(has(thrown([] { tensor_quantizer q({.quantizer = {.bits = 16}}); }),
            "bits = 16: combination not compiled into this program"));
  CHECK(has(thrown([] { tensor_quantizer q({.calibrator = "minmax"}); }), "the name of one of the standard"));
}

TEST_CASE("encodings and learned values from elsewhere") {
  tensor_quantizer q({.quantizer = {.granularity = xquant::per_axis<0>{}, .scheme = id_of<xquant::affine>},
                      .estimator = id_of<xquant::learned_step_size>});
  const xquant::parameters two(std::vector<float>{0.5f, 2}, {3, -7});
  q.set_parameters(two);
  CHECK(q.mode() == quantizer_mode::observe);
  CHECK(q.learned(0) == std::vector<float>{0.5f, 2});
  const tensor_quantizer before = q;
  CHECK(q.try_set_parameters({}).code == errc::parameter_count);
  CHECK(q.try_set_parameters(xquant::parameters(std::vector<float>{1, -1})).code == errc::scale_not_positive);
  CHECK(q.try_set_parameters(xquant::parameters(std::vector<float>{1, 1}, {0, 200})).code == errc::zero_point_range);
  CHECK(q.try_set_encoding({{.bits = 4}, two}).code == errc::unsupported);
  CHECK(q.try_set_learned({{1}}).code == errc::parameter_count);
  CHECK(q.try_set_learned({}).code == errc::parameter_count);
  const status negative = q.try_set_learned({{1, -1}});
  CHECK(negative.code == errc::scale_not_positive);
  CHECK(negative.index == 1);
  CHECK(q.try_set_learned({{1, std::numeric_limits<float>::quiet_NaN()}}).code == errc::scale_not_finite);
  CHECK(q == before);
  q.set_learned({{0.25f, 4}});
  CHECK(q.encoding().parameters == xquant::parameters(std::vector<float>{0.25f, 4}, {3, -7}));
  q.drop_encoding();
  CHECK(!q.ready());
  CHECK(q.learned(0).empty());
}

TEST_CASE("copies share nothing; what workers observed apart merges to what one observes") {
  for (const char* calibrator : {"min_max", "percentile=90", "mean_squared_error", "median_of_samples"}) {
    CAPTURE(calibrator);
    tensor_quantizer_description d = four_bits;
    d.calibrator = calibrator;
    std::vector<std::vector<float>> batches(7);
    unsigned state = 1;
    for (auto& batch : batches)
      for (int i = 0; i < 50; ++i) {
        state = state * 1664525u + 1013904223u;
        batch.push_back(static_cast<float>(static_cast<double>(state) * 0x1p-31 - 0.75));
      }
    tensor_quantizer one(d);
    for (const auto& batch : batches) one.observe(batch);
    tensor_quantizer first(d);
    tensor_quantizer second = first;
    tensor_quantizer third = first;
    for (std::size_t i = 0; i < batches.size(); ++i)
      (i % 3 == 0 ? first : i % 3 == 1 ? second : third).observe(batches[6 - i]);
    CHECK(!(first == second));
    third.merge(first);
    third.merge(second);
    CHECK(third == one);
    third.freeze();
    one.freeze();
    CHECK(third.encoding() == one.encoding());
    CHECK(!first.ready());

    // Refusals, and nothing has changed.
    const tensor_quantizer untouched = first;
    CHECK(first.try_merge(one).code == errc::not_mergeable);  // it has an encoding
    tensor_quantizer_description other = d;
    other.quantizer.bits = 8;
    CHECK(std::string(first.try_merge(tensor_quantizer(other)).argument) == "other.description");
    other = d;
    other.calibrator = "entropy";
    CHECK(first.try_merge(tensor_quantizer(other)).code == errc::not_mergeable);
    CHECK(first == untouched);
  }
  tensor_quantizer follows({.calibrator = "moving_average"});
  follows.observe(data);
  const tensor_quantizer same = follows;
  CHECK(follows.try_merge(same).code == errc::not_mergeable);
  tensor_quantizer fresh({.calibrator = "moving_average"});
  CHECK(fresh.try_merge(follows).ok());
  CHECK(fresh == follows);
  fresh.reset_observer();
  CHECK(fresh.try_freeze().code == errc::no_samples);
}

TEST_CASE("dynamic ranges: each tensor by itself") {
  tensor_quantizer_description d = four_bits;
  d.dynamic = true;
  tensor_quantizer q(d);
  CHECK(q.mode() == quantizer_mode::quantize);
  std::vector<float> y(6);
  for (const double factor : {1.0, 4.0}) {
    std::vector<float> x;
    for (const float v : data) x.push_back(v * static_cast<float>(factor));
    q.forward(x, y);
    for (std::size_t i = 0; i < 6; ++i)
      CHECK(static_cast<double>(y[i]) ==
            doctest::Approx(quantized(static_cast<double>(x[i]), 0.2 * factor, -3, -8, 7)));
    std::vector<std::int8_t> codes(6);
    xquant::encoding used;
    REQUIRE(q.try_quantize(x, codes, used).ok());
    CHECK(used.parameters.scale()[0] == static_cast<float>(3 * factor / 15));
    CHECK(q.encoding_for(tensor_view<const float>(x.data(), shape(6))) == used);
    std::vector<float> back(6);
    REQUIRE(q.try_dequantize(codes, back, used).ok());
    CHECK(back == y);
    std::vector<float> dx(6);
    q.backward(x, x, dx);
    CHECK(dx == x);  // nothing lies outside
  }
  CHECK(!q.ready());
  const std::vector<float> none;
  std::vector<float> no_y;
  CHECK(q.try_forward(none, no_y).ok());
  CHECK(q.try_observe(data).code == errc::unsupported);
  CHECK(q.try_freeze().code == errc::unsupported);
  CHECK(q.try_set_parameters(xquant::parameters(1.0f)).code == errc::unsupported);
  CHECK(q.try_set_mode(quantizer_mode::observe).code == errc::unsupported);
  std::vector<std::int8_t> codes(6);
  CHECK(q.try_dequantize(codes, y).code == errc::unsupported);
  CHECK(q.try_dequantize(codes, y, {{.bits = 8}, xquant::parameters(1.0f)}).code == errc::unsupported);
  const std::vector<float> infinite{1, std::numeric_limits<float>::infinity()};
  CHECK(q.try_forward(infinite, y).code == errc::not_finite);
}

TEST_CASE("off and observe copy bits, whatever the strides; in place, and refused before anything changes") {
  tensor_quantizer q;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> x{1, nan, -0.0f, 4, 5, 6};
  std::vector<float> y(6);
  const std::ptrdiff_t turned[2] = {1, 2};
  q.set_mode(quantizer_mode::off);
  q.forward(tensor_view<const float>(x.data(), shape(2, 3), turned), tensor_view<float>(y.data(), shape(2, 3)));
  CHECK(y[0] == 1);
  CHECK(std::signbit(y[1]));
  CHECK(y[3] != y[3]);
  CHECK(y[5] == 6);
  std::vector<float> dx(6);
  std::vector<float> short_g(5);
  CHECK(q.try_backward(x, short_g, dx).code == errc::shape_mismatch);
  CHECK(q.try_backward(x, x, short_g).code == errc::shape_mismatch);
  q.set_mode(quantizer_mode::observe);
  std::vector<float> finite = data;
  q.forward(finite, finite);
  CHECK(finite == data);
  CHECK(q.try_forward(x, y).code == errc::not_finite);
  tensor_quantizer skips({.non_finite = {xquant::non_finite_action::skip, 0}});
  skips.observe(x);
  skips.freeze();
  CHECK(skips.encoding().parameters.scale()[0] == static_cast<float>(6.0 / 127));
}
