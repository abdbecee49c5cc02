// Optimizers against the steps that torch 2.15 takes (float64, recorded), initial parameters against their formulas and
// a search, and what each refuses.
#include <xquant/adapt/span.hpp>
#include <xquant/granularity/per_axis.hpp>
#include <xquant/granularity/per_tensor.hpp>
#include <xquant/train/adam.hpp>
#include <xquant/train/initial_parameters.hpp>
#include <xquant/train/sgd.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace {

using xquant::errc;
using xquant::shape;
using xquant::status;
using xquant::tensor_view;

// Five steps from {1, -1/2, 1/4} with gradients {t/2, -1, 1/8} - w/4 at step t.
template <class Step>
std::vector<double> five_steps(const Step& step) {
  std::vector<double> w{1, -0.5, 0.25};
  for (int t = 1; t <= 5; ++t) {
    const std::vector<double> g{0.5 * t - 0.25 * w[0], -1 - 0.25 * w[1], 0.125 - 0.25 * w[2]};
    step(t, w, g);
  }
  return w;
}
void check(const std::vector<double>& found, const std::vector<double>& recorded) {
  for (std::size_t i = 0; i < 3; ++i) CHECK(found[i] == doctest::Approx(recorded[i]).epsilon(1e-13));
}

}  // namespace

TEST_CASE("train: the steps of torch.optim.SGD") {
  const auto steps = [](const xquant::sgd_settings& settings) {
    std::vector<double> m(3);
    return five_steps(
        [&](int, std::vector<double>& w, const std::vector<double>& g) { xquant::sgd_step(settings, w, g, m); });
  };
  check(steps({0.1, 0, 0, false}), {0x1.6c7a291fb3fa5p-2, -0x1.48438327674cfp-5, 0x1.bcb8100e6afcdp-3});
  check(steps({0.1, 0.9, 0.01, false}), {-0x1.40ba2b4ee07b5p-2, 0x1.726b86f545b05p-1, 0x1.46ebddf1b70c0p-3});
  check(steps({0.1, 0.9, 0, true}), {-0x1.bbc1cdbf2dfa6p-1, 0x1.21008628a21a3p+0, 0x1.11b68ec435a7ep-3});
}

TEST_CASE("train: the steps of torch.optim.Adam and AdamW") {
  const auto steps = [](const xquant::adam_settings& settings) {
    std::vector<double> m(3);
    std::vector<double> v(3);
    return five_steps([&](int t, std::vector<double>& w, const std::vector<double>& g) {
      xquant::adam_step(settings, static_cast<std::uint64_t>(t), w, g, m, v);
    });
  };
  xquant::adam_settings adam;
  adam.learning_rate = 0.01;
  adam.weight_decay = 0.1;
  check(steps(adam), {0x1.e787cd4e3b694p-1, -0x1.cccafa30c5261p-2, 0x1.9976bac0672bap-3});
  check(steps({0.01, 0.8, 0.95, 1e-6, 0.1, true}), {0x1.e4b28ef56e849p-1, -0x1.ca53855da4f02p-2, 0x1.96c35008f0601p-3});
}

TEST_CASE("train: float steps are those of double, rounded; refusals write nothing") {
  std::vector<float> w{1, 2};
  std::vector<float> m{0.5f, 0};
  const std::vector<float> g{0.25f, -0.5f};
  xquant::sgd_step({0.5, 0.5, 0, false}, w, g, m);
  CHECK(m == std::vector<float>{0.5f, -0.5f});
  CHECK(w == std::vector<float>{0.75f, 2.25f});
  std::vector<float> v{1, 1};
  const auto refused = [&](const status& s, errc code, const std::string& argument) {
    CAPTURE(argument);
    CHECK(s.code == code);
    CHECK(std::string(s.ok() ? "" : s.argument) == argument);
    CHECK(w == std::vector<float>{0.75f, 2.25f});
    CHECK(m == std::vector<float>{0.5f, -0.5f});
    CHECK(v == std::vector<float>{1, 1});
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  std::vector<float> one(1);
  refused(xquant::try_sgd_step({nan, 0, 0, false}, w, g, m), errc::value_out_of_range, "learning_rate");
  refused(xquant::try_sgd_step({infinity, 0, 0, false}, w, g, m), errc::value_out_of_range, "learning_rate");
  refused(xquant::try_sgd_step({0.1, 1, 0, false}, w, g, m), errc::value_out_of_range, "momentum");
  refused(xquant::try_sgd_step({0.1, 0, -1, false}, w, g, m), errc::value_out_of_range, "weight_decay");
  refused(xquant::try_sgd_step({}, w, one, m), errc::shape_mismatch, "gradients");
  refused(xquant::try_sgd_step({}, w, g, one), errc::shape_mismatch, "momenta");
  refused(xquant::try_sgd_step({}, w, g, w), errc::overlap, "momenta");
  refused(xquant::try_sgd_step({}, w, w, m), errc::overlap, "weights");
  const std::ptrdiff_t every_second[] = {2};
  std::vector<float> spread(4);
  const tensor_view<float> gaps(spread.data(), shape(2), every_second);
  refused(xquant::try_sgd_step({}, gaps, g, m), errc::unsupported, "weights");
  refused(xquant::try_sgd_step({}, w, gaps, m), errc::unsupported, "gradients");
  refused(xquant::try_sgd_step({}, w, g, gaps), errc::unsupported, "momenta");
  CHECK_THROWS_AS(xquant::sgd_step({}, w, one, m), xquant::error);
  xquant::adam_settings s;
  refused(xquant::try_adam_step(s, 0, w, g, m, v), errc::value_out_of_range, "step");
  refused(xquant::try_adam_step(s, 1, w, g, m, m), errc::overlap, "second_moments");
  refused(xquant::try_adam_step(s, 1, w, g, one, v), errc::shape_mismatch, "first_moments");
  refused(xquant::try_adam_step(s, 1, w, g, m, w), errc::overlap, "second_moments");
  s.first_decay = 1;
  refused(xquant::try_adam_step(s, 1, w, g, m, v), errc::value_out_of_range, "first_decay");
  s = {};
  s.second_decay = nan;
  refused(xquant::try_adam_step(s, 1, w, g, m, v), errc::value_out_of_range, "second_decay");
  s = {};
  s.epsilon = -1;
  refused(xquant::try_adam_step(s, 1, w, g, m, v), errc::value_out_of_range, "epsilon");
  s = {};
  s.weight_decay = infinity;
  refused(xquant::try_adam_step(s, 1, w, g, m, v), errc::value_out_of_range, "weight_decay");
  s = {};
  s.learning_rate = -1;
  refused(xquant::try_adam_step(s, 1, w, g, m, v), errc::value_out_of_range, "learning_rate");
  CHECK_THROWS_AS(xquant::adam_step(s, 1, w, g, m, v), xquant::error);
}

TEST_CASE("train: statistics of slots, and the scales made of them") {
  const std::vector<float> x{-1, 3, 2, 4, -2, -6};
  const tensor_view<const float> rows(x.data(), shape(2, 3));
  const auto s = xquant::statistics_of(xquant::per_axis<0>{}, rows);
  REQUIRE(s.size() == 2);
  CHECK(s[0].elements == 3);
  CHECK(s[0].minimum == -1);
  CHECK(s[0].maximum == 3);
  CHECK(s[0].mean == doctest::Approx(4.0 / 3));
  CHECK(s[0].mean_magnitude == 2);
  CHECK(s[0].deviation == doctest::Approx(std::sqrt(26.0 / 9)));
  CHECK(s[1].mean_magnitude == 4);
  CHECK(xquant::lsq_initial_scale(s[1], 7) == doctest::Approx(8 / std::sqrt(7.0)));
  CHECK(xquant::lsq_plus_initial_scale(s[0], 4) == doctest::Approx((4.0 / 3 + std::sqrt(26.0)) / 8));
  CHECK(xquant::tqt_initial_log2_threshold(s[0]) == doctest::Approx(std::log2(std::sqrt(26.0))));
  CHECK(xquant::tqt_scale(1.2, 8) == 4.0 / 128);
  CHECK(xquant::tqt_scale(1.0, 8) == 2.0 / 128);
  CHECK(xquant::tqt_scale(-0.5, 8, false) == 1.0 / 256);
  CHECK(xquant::ewgs_delta(12, 3, 2) == 2);
  CHECK(xquant::ewgs_delta(-12, 3, 2) == 0);
  CHECK(xquant::ewgs_delta(12, 0, 2) == 0);
  CHECK(xquant::ewgs_delta(12, 3, 0) == 0);
  CHECK(xquant::statistics_of(xquant::per_tensor{}, std::vector<float>{})[0] == xquant::slot_statistics{});
  std::vector<xquant::slot_statistics> none;
  const std::vector<float> bad{1, std::numeric_limits<float>::infinity()};
  const status refused = xquant::try_statistics_of(xquant::per_tensor{}, bad, none);
  CHECK(refused.code == errc::value_out_of_range);
  CHECK(refused.index == 1);
  CHECK(xquant::try_statistics_of(xquant::per_axis<0>{}, tensor_view<const float>(x.data(), shape{}), none).code !=
        errc::ok);
  CHECK_THROWS_AS((void)xquant::statistics_of(xquant::per_tensor{}, bad), xquant::error);
}

TEST_CASE("train: statistics of doubles near the largest are finite, and what is made of them") {
  constexpr double most = std::numeric_limits<double>::max();
  const auto close = [](double a, double b) { return std::fabs(a / 0x1p1000 - b / 0x1p1000) <= 1e-12 * b / 0x1p1000; };
  // Of 2^-1000 times the numbers, by hand: the same statistics 2^1000 times less.
  const std::vector<double> small{-3e6, 1e6, 4e6, 1.5e7, 1.6e7};
  std::vector<double> large = small;
  for (double& v : large) v *= 0x1p1000;
  const xquant::slot_statistics a = xquant::statistics_of(xquant::per_tensor{}, small)[0];
  const xquant::slot_statistics b = xquant::statistics_of(xquant::per_tensor{}, large)[0];
  CHECK(close(b.mean, a.mean * 0x1p1000));
  CHECK(close(b.mean_magnitude, a.mean_magnitude * 0x1p1000));
  CHECK(close(b.deviation, a.deviation * 0x1p1000));
  CHECK(close(xquant::lsq_initial_scale(b, 1), xquant::lsq_initial_scale(a, 1) * 0x1p1000));
  CHECK(close(xquant::lsq_plus_initial_scale(b, 4), xquant::lsq_plus_initial_scale(a, 4) * 0x1p1000));
  CHECK(xquant::tqt_initial_log2_threshold(b) == doctest::Approx(xquant::tqt_initial_log2_threshold(a) + 1000));
  xquant::scale_and_real_zero_point<double> p{};
  xquant::scale_and_real_zero_point<double> q{};
  REQUIRE(xquant::try_lsq_plus_initial_parameters(small, 0, 15, 0, p).ok());
  REQUIRE(xquant::try_lsq_plus_initial_parameters(large, 0, 15, 0, q).ok());
  CHECK(close(q.scale, p.scale * 0x1p1000));

  // The largest double, and slots beside each other of which one is ordinary.
  const std::vector<double> x{most, most, most, 1, 2, 3, -most, most, -most};
  const auto rows = xquant::statistics_of(xquant::per_axis<0>{}, tensor_view<const double>(x.data(), shape(3, 3)));
  CHECK(rows[0].mean == most);
  CHECK(rows[0].mean_magnitude == most);
  CHECK(rows[0].deviation <= 1e-12 * most);
  CHECK(rows[1] == xquant::statistics_of(xquant::per_tensor{}, std::vector<double>{1, 2, 3})[0]);
  CHECK(close(-rows[2].mean, most / 3));
  CHECK(rows[2].mean_magnitude == most);
  CHECK(close(rows[2].deviation, most * std::sqrt(8.0 / 9)));
  const std::vector<double> wide{-most, most};
  CHECK(xquant::statistics_of(xquant::per_tensor{}, wide)[0].deviation == most);
  q = {3, 4};
  CHECK(xquant::try_lsq_plus_initial_parameters(wide, 0, 1, 0, q).code == errc::range_not_finite);
  CHECK(q.scale == 3);
  CHECK(q.zero_point == 4);
  CHECK(xquant::try_lsq_plus_initial_parameters(wide, 0, 3, 0, q).ok());
}

TEST_CASE("train: LSQ+'s scale and offset of activations are near the best of a search") {
  std::vector<float> x;
  for (int i = 0; i < 400; ++i) {  // a swish of something: most of it just below zero, a tail above
    const double u = (i - 200) / 25.0;
    x.push_back(static_cast<float>(u / (1 + std::exp(-u))));
  }
  const auto error = [&](double scale, double offset) {
    double sum = 0;
    for (const float v : x) {
      const double code = std::fmin(std::fmax(std::nearbyint((static_cast<double>(v) - offset) / scale), 0), 15);
      const double d = static_cast<double>(v) - offset - code * scale;
      sum += d * d;
    }
    return sum;
  };
  const auto found = xquant::lsq_plus_initial_parameters(x, 0, 15, 0);
  const double start = error((8.0 + 0.2785) / 15, -0.2785);
  double best = start;
  for (int i = 1; i <= 120; ++i)
    for (int j = 0; j <= 60; ++j) best = std::fmin(best, error(i * 0.01, -0.6 + j * 0.01));
  CHECK(error(found.scale, found.zero_point) <= start);
  CHECK(error(found.scale, found.zero_point) <= 1.1 * best);
  // Data on a grid are fitted exactly.
  std::vector<double> grid;
  for (int i = 0; i < 64; ++i) grid.push_back(-1.5 + 0.25 * (i % 16));
  const auto exact = xquant::lsq_plus_initial_parameters(grid, -8, 7, 0);
  CHECK(exact.scale == doctest::Approx(0.25));
  CHECK(exact.zero_point == doctest::Approx(0.5));
  const std::vector<float> constant(5, 3.0f);
  CHECK(xquant::lsq_plus_initial_parameters(constant, 0, 15, 0).scale == 0);
  CHECK_THROWS_AS((void)xquant::lsq_plus_initial_parameters(constant, 3, 3, 0), xquant::error);
}
