// Ranges chosen on the network: never worse on the calibration data than the best rule alone, and what is left alone.
#include <xquant/calibration/min_max.hpp>
#include <xquant/calibration/percentile.hpp>
#include <xquant/model/choose_ranges.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <vector>

#include <io/simulations.hpp>

namespace {

using xquant::errc;
using xquant::named_calibrator;
using xquant::shape;
using xquant::model::chosen_ranges;
using xquant::model::tensor;

// Inputs of which one in sixty is far out, so that rules differ.
std::vector<std::vector<tensor>> inputs() {
  std::vector<std::vector<tensor>> all;
  for (std::uint32_t seed = 1; seed <= 6; ++seed) {
    std::vector<float> x(50);
    const tensor noise = test::noise(shape(1, 2, 5, 5), seed);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = noise.data<float>()[i] * (i % 60 == seed ? 12.0f : 1.0f);
    all.push_back({tensor::of(shape(1, 2, 5, 5), x)});
  }
  return all;
}

test::simulation calibrated(const std::vector<std::vector<tensor>>& samples, int bits) {
  const xquant::quantizer_description activation = {
      .format = xquant::unsigned_integer, .bits = bits, .scheme = xquant::id_of<xquant::affine>};
  test::simulation s(test::small_network(),
                     {.activation = activation, .calibrators = {named_calibrator::parse("median_of_samples")}},
                     {shape(1, 2, 5, 5)});
  for (const auto& x : samples) s.observe(x);
  return s;
}

// The documented error; the network has one output.
double error_of(test::simulation& s, const std::vector<std::vector<tensor>>& samples) {
  xquant::model::executor floating(s.network());
  double roots = 0;
  double signal = 0;
  for (const auto& x : samples) {
    const tensor expected = floating.run(x, {}).outputs.at(0);
    const tensor y = s.run(x).outputs.at(0);
    double noise = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
      const auto r = static_cast<double>(expected.data<float>()[i]);
      noise += std::pow(static_cast<double>(y.data<float>()[i]) - r, 2);
      signal += r * r;
    }
    roots += std::sqrt(noise);
  }
  return roots / std::sqrt(signal);
}

errc refused(test::simulation& s, const std::vector<std::vector<tensor>>& samples,
             const xquant::model::range_choices& how) {
  try {
    (void)choose_ranges(s, samples, how);
  } catch (const xquant::model::model_error& e) {
    return e.code();
  }
  return errc::ok;
}

}  // namespace

TEST_CASE("chosen ranges: at most the error of every rule alone") {
  const auto samples = inputs();
  for (const int bits : {3, 4, 8}) {
    CAPTURE(bits);
    test::simulation s = calibrated(samples, bits);
    xquant::model::range_choices how;
    how.groups = 3;
    how.rules.insert(how.rules.end(), s.calibrators().begin(), s.calibrators().end());
    const chosen_ranges found = choose_ranges(s, samples, how);
    CHECK(found.error == doctest::Approx(error_of(s, samples)).epsilon(1e-9));
    CHECK(found.error <= found.error_alone);
    REQUIRE(found.rules.size() == s.activations().size());
    // Each activation has the range of the rule that is said to be its own.
    for (std::size_t i = 0; i < found.rules.size(); ++i) {
      const auto& a = s.activations()[i];
      if (a.statistics.slots() == 0) continue;
      std::vector<xquant::range<float>> own;
      REQUIRE(s.try_ranges_of_activation(a, found.rules[i], own).ok());
      CHECK(a.ranges == own);
    }
    double best = INFINITY;
    for (const named_calibrator& rule : how.rules) {
      s.set_ranges(rule);
      best = std::fmin(best, error_of(s, samples));
      if (rule == found.best_alone) CHECK(found.error_alone == doctest::Approx(error_of(s, samples)).epsilon(1e-9));
    }
    CHECK(found.error_alone == doctest::Approx(best).epsilon(1e-9));
    how.groups = 0;
    const chosen_ranges alone = choose_ranges(s, samples, how);
    CHECK(alone.error == alone.error_alone);
    for (const named_calibrator& rule : alone.rules) CHECK(rule == alone.best_alone);
  }
}

TEST_CASE("chosen ranges: what is frozen stays, and what is refused") {
  const auto samples = inputs();
  test::simulation s = calibrated(samples, 4);
  const auto frozen = s.activations()[0].value;
  s.set_ranges(xquant::percentile{60});
  s.set_activation(frozen, s.activations()[0].encoding);
  const auto before = s.activations()[0].ranges;
  (void)choose_ranges(s, samples, {.groups = 3});
  CHECK(s.activations()[0].ranges == before);

  CHECK(refused(s, {}, {}) == errc::value_out_of_range);
  CHECK(refused(s, samples, {.rules = {}}) == errc::value_out_of_range);
  CHECK(refused(s, samples, {.samples = 0}) == errc::value_out_of_range);
  CHECK(refused(s, samples, {.rules = {named_calibrator::parse("mean_of_samples")}}) == errc::value_out_of_range);
  test::simulation unseen(test::small_network(), {}, {shape(1, 2, 5, 5)});
  CHECK(refused(unseen, samples, {}) == errc::no_samples);
}
