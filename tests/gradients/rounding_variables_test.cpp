// The variables of AdaRound and SignRound, and DoReFa's weights: against finite differences and closed forms in double,
// on each engine with the same bits; what is refused.
#include <xquant/adapt/span.hpp>
#include <xquant/engines/scalar.hpp>
#include <xquant/engines/vector.hpp>
#include <xquant/gradients/dorefa.hpp>
#include <xquant/gradients/fake_quantize_backward.hpp>
#include <xquant/gradients/rounding_variables.hpp>
#include <xquant/gradients/straight_through.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/parameters.hpp>
#include <xquant/quantizer.hpp>
#include <xquant/schemes/affine.hpp>
#include <xquant/schemes/real_zero_point_affine.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace {

using namespace xquant;  // NOLINT: every line names several

const quantizer<int4, per_axis<0>, affine> rows_of_int4;

struct trained {
  std::vector<float> y;
  std::vector<std::uint8_t> mask;
  std::vector<float> dchoice;
};

template <class Rounding, class Engine>
trained train(const Rounding& rounding, const parameters& p, const shape& s, const std::vector<float>& x,
              const std::vector<float>& choice, const std::vector<float>& g, const Engine& engine) {
  trained t{std::vector<float>(x.size()), std::vector<std::uint8_t>((x.size() + 7) / 8), std::vector<float>(x.size())};
  learned_fake_quantize_with_mask(rounding, rows_of_int4, p, tensor_view<const float>(x.data(), s),
                                  tensor_view<const float>(choice.data(), s), tensor_view<float>(t.y.data(), s), t.mask,
                                  engine);
  learned_rounding_backward(rows_of_int4, p, tensor_view<const float>(g.data(), s), t.mask,
                            tensor_view<float>(t.dchoice.data(), s), engine);
  return t;
}

}  // namespace

TEST_CASE("rounding variables: dL/dchoice is g times the scale, inside the codes") {
  const shape s(2, 45);
  std::vector<float> x(90);
  std::vector<float> choice(90);
  std::vector<float> g(90);
  for (std::size_t i = 0; i < 90; ++i) {
    x[i] = static_cast<float>(static_cast<int>(i * 37 % 89) - 44) / 8.0f;
    choice[i] = static_cast<float>(i % 5) / 4.0f;
    g[i] = static_cast<float>(static_cast<int>(i % 7) - 3);
  }
  const std::vector<float> scale{0.5f, 0.25f};
  const std::vector<std::int32_t> zero{1, -3};
  const parameters p(scale, zero);
  const trained a = train(adaround{}, p, s, x, choice, g, scalar_engine{});
  const trained b = train(sign_round{}, p, s, x, choice, g, scalar_engine{});
  std::size_t stopped = 0;
  for (std::size_t i = 0; i < 90; ++i) {
    const double step = static_cast<double>(scale[i / 45]);
    const double low = -8 - zero[i / 45];
    const double high = 7 - zero[i / 45];
    const double v = static_cast<double>(x[i]) / step;
    const auto compare = [&](const trained& t, double rounded) {
      const bool inside = rounded >= low && rounded <= high;
      CHECK(static_cast<double>(t.y[i]) == step * std::fmin(std::fmax(rounded, low), high));
      CHECK((t.mask[i / 8] >> (i % 8) & 1) == (inside ? 1 : 0));
      CHECK(static_cast<double>(t.dchoice[i]) == (inside ? static_cast<double>(g[i]) * step : 0.0));
      stopped += inside ? 0u : 1u;
    };
    compare(a, std::floor(v) + static_cast<double>(choice[i]));
    compare(b, std::nearbyint(v + static_cast<double>(choice[i])));
  }
  CHECK(stopped > 10);
  const trained c = train(adaround{}, p, s, x, choice, g, vector_engine<>{});
  CHECK(c.y == a.y);
  CHECK(c.mask == a.mask);
  CHECK(c.dchoice == a.dchoice);
}

TEST_CASE("rounding variables: AdaRound's h, its derivative and its start") {
  std::vector<double> v;
  for (int i = -60; i <= 60; ++i) v.push_back(i / 10.0 + 0.003);
  const std::vector<double> dh(v.size(), 2.0);
  std::vector<double> h(v.size());
  std::vector<double> up(v.size());
  std::vector<double> down(v.size());
  std::vector<double> dv(v.size());
  const auto moved = [&](double by) {
    std::vector<double> to = v;
    for (double& x : to) x += by;
    return to;
  };
  REQUIRE(try_adaround_choices(v, h).ok());
  REQUIRE(try_adaround_choices(moved(1e-5), up).ok());
  REQUIRE(try_adaround_choices(moved(-1e-5), down).ok());
  REQUIRE(try_adaround_choices_backward(v, dh, dv).ok());
  for (std::size_t i = 0; i < v.size(); ++i) {
    CHECK(h[i] >= 0);
    CHECK(h[i] <= 1);
    CHECK(dv[i] == doctest::Approx(2 * (up[i] - down[i]) / 2e-5).epsilon(1e-6));
  }
  CHECK(h.front() == 0);
  CHECK(h.back() == 1);
  std::vector<float> start{-1.75f, 0.25f, 2.0f, 3.96875f};
  std::vector<float> soft(4);
  REQUIRE(try_adaround_variables(start, start).ok());
  REQUIRE(try_adaround_choices(start, soft).ok());
  const float fractions[] = {0.25f, 0.25f, 0, 0.96875f};
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(static_cast<double>(soft[i]) == doctest::Approx(static_cast<double>(fractions[i])).epsilon(1e-6));
}

TEST_CASE("rounding variables: what is refused, by name") {
  const std::vector<float> x(4, 0.5f);
  const std::vector<float> three(3);
  std::vector<float> out(4, 7.0f);
  std::vector<std::uint8_t> mask(1, 9);
  std::vector<std::uint8_t> long_mask(2);
  const quantizer<int4> q;
  const parameters p(1.0f);
  const auto refused = [&](const status& s, errc code, const char* argument) {
    CHECK(s.code == code);
    CHECK(std::string(s.ok() ? "" : s.argument) == argument);
    CHECK(out == std::vector<float>(4, 7.0f));
    CHECK(mask[0] == 9);
  };
  refused(try_learned_fake_quantize_with_mask(adaround{}, q, p, x, three, out, mask), errc::shape_mismatch, "choice");
  refused(try_learned_fake_quantize_with_mask(adaround{}, q, p, x, x, out, long_mask), errc::shape_mismatch, "mask");
  refused(try_learned_rounding_backward(q, p, x, long_mask, out), errc::shape_mismatch, "mask");
  refused(try_learned_rounding_backward(q, parameters(0.0f), x, mask, out), errc::scale_not_positive, "scale");
  refused(try_adaround_choices_backward(x, three, out), errc::shape_mismatch, "dh");
  refused(try_adaround_choices(three, out), errc::shape_mismatch, "h");
  refused(try_adaround_variables(three, out), errc::shape_mismatch, "variables");
  refused(try_dorefa_weights(three, out), errc::shape_mismatch, "t");
  refused(try_dorefa_weights(std::vector<float>(4, std::numeric_limits<float>::infinity()), out),
          errc::value_out_of_range, "w");
  refused(try_dorefa_weights_backward(x, three, out), errc::shape_mismatch, "dt");
  refused(try_dorefa_weights_backward(three, three, out), errc::shape_mismatch, "dw");
  CHECK_THROWS_AS(dorefa_weights(three, out), error);
  CHECK_THROWS_AS(dorefa_weights_backward(x, three, out), error);
}

TEST_CASE("DoReFa: weights on their grid, and the gradient of the transform") {
  std::vector<double> w;
  for (int i = -20; i <= 20; ++i) w.push_back(i * 0.11 + 0.01);
  std::vector<double> t(w.size());
  std::vector<double> y(w.size());
  dorefa_weights(w, t);
  const int bits = 3;
  const quantizer<uint3, offset_affine<degenerate::one, offset_code::lowest>> q;
  const basic_parameters<double> p(std::vector<scale_and_real_zero_point<double>>{dorefa_parameters<double>(bits)});
  fake_quantize(q, p, t, y, scalar_engine{});
  const double largest = std::tanh(0.11 * 20 + 0.01);
  for (std::size_t i = 0; i < w.size(); ++i) {
    CHECK(t[i] == doctest::Approx(std::tanh(w[i]) / largest));
    CHECK(y[i] == doctest::Approx(2 * std::nearbyint(7 * (t[i] / 2 + 0.5)) / 7 - 1));
  }
  // Straight through the quantizer, then by the transform, but for the largest weight, taken as a constant.
  const std::vector<double> g(w.size(), 1.5);
  std::vector<double> dt(w.size());
  std::vector<double> dw(w.size());
  fake_quantize_backward(straight_through{}, q, p, t, g, dt, scalar_engine{});
  dorefa_weights_backward(w, dt, dw);
  for (std::size_t i = 0; i < w.size(); ++i)
    CHECK(dw[i] == doctest::Approx(1.5 * (std::tanh(w[i] + 1e-6) - std::tanh(w[i] - 1e-6)) / 2e-6 / largest));
  std::vector<float> zeros(3);
  dorefa_weights(zeros, zeros);
  CHECK(zeros == std::vector<float>(3));
}
