// The rules that fit a distribution against published constants and sums over the data, TensorRT's entropy against its
// definition, and what every rule answers for data that leave nothing to choose.
#include <xquant/calibration/aciq.hpp>
#include <xquant/calibration/entropy.hpp>
#include <xquant/calibration/histogram_calibrator.hpp>
#include <xquant/calibration/least_error.hpp>
#include <xquant/calibration/mean_deviation.hpp>
#include <xquant/calibration/min_max.hpp>
#include <xquant/calibration/octav.hpp>
#include <xquant/calibration/percentile.hpp>
#include <xquant/calibration/tensorrt_entropy.hpp>

#include "calibration/kinds.hpp"
#include "calibration/quantizers.hpp"
#include "calibration/samples.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace {

using xquant::bell;
using xquant::code_grid;
using xquant::histogram;
using xquant::range;
using xquant::status;
using xquant_test::tried_quantizer;
using xquant_test::view_of;

xquant::observer<histogram> observed(const std::vector<float>& x) {
  xquant::observer<histogram> seen;
  if (!x.empty()) seen.observe(view_of(x));
  return seen;
}

std::vector<float> normal(std::size_t n, double mean = 0) {
  std::mt19937 generator(31);
  std::normal_distribution<float> of(static_cast<float>(mean));
  std::vector<float> x(n);
  for (float& v : x) v = of(generator);
  return x;
}

std::vector<float> laplace(std::size_t n) {
  std::mt19937 generator(32);
  std::exponential_distribution<float> of;
  std::vector<float> x(n);
  for (float& v : x) v = of(generator) * (generator() % 2 == 0 ? -1.0f : 1.0f);
  return x;
}

template <class Rule>
range<double> answer(const Rule& rule, const histogram& h, const tried_quantizer& q) {
  range<double> r;
  REQUIRE(with_grid(q, [&](const code_grid& g) { return rule.try_range(h, g, r); }).ok());
  return r;
}

tried_quantizer unsigned_affine(int bits) { return {"affine", {0, (1 << bits) - 1, true}, {}}; }

struct named_rule {
  const char* name;

  std::function<status(const xquant::observer<histogram>&, const code_grid&, std::vector<range<float>>&)> ask;
};
template <class Rule>
named_rule named(const char* name, const Rule& rule) {
  return {name, [rule](auto& seen, auto& codes, auto& out) { return try_ranges_of(seen, rule, codes, out); }};
}
std::vector<named_rule> every_rule() {
  using namespace xquant;
  return {named("full_range", full_range{}),
          named("percentile", percentile{99}),
          named("percentile of |x|", percentile{99, tails::magnitude, bin_edge::inner, rank_rule::linear}),
          named("entropy", entropy{}),
          named("tensorrt_entropy", tensorrt_entropy{}),
          named("mean_squared_error", mean_squared_error{}),
          named("sqnr", sqnr{}),
          named("lp_norm", lp_norm{}),
          named("aciq", aciq{}),
          named("aciq gauss", aciq{bell::gauss}),
          named("octav", octav{}),
          named("mean_deviation", mean_deviation{}),
          named("mean_deviation of |x|", mean_deviation{3, tails::magnitude})};
}

}  // namespace

TEST_CASE("aciq: the published clippings, and the least expected error for small floats") {
  const double of_laplace[] = {2.831, 3.897, 5.029, 6.205, 7.413, 8.646, 9.897};
  const double of_gauss[] = {1.710, 2.151, 2.559, 2.936, 3.287, 3.615, 3.924};
  for (int bits = 2; bits <= 8; ++bits) {
    CHECK(std::fabs(xquant::aciq{bell::laplace}.clipping(std::ldexp(1, bits)) - of_laplace[bits - 2]) < 1.1e-3);
    CHECK(std::fabs(xquant::aciq{bell::gauss}.clipping(std::ldexp(1, bits)) - of_gauss[bits - 2]) < 1.1e-3);
  }
  const histogram of_normal = observed(normal(200000, 3)).states()[0];
  const histogram of_exponential = observed(laplace(200000)).states()[0];
  const range<double> r = answer(xquant::aciq{bell::gauss}, of_normal, unsigned_affine(4));
  CHECK(std::fabs(r.minimum - (3 - 2.559)) < 0.02);
  CHECK(std::fabs(r.maximum - (3 + 2.559)) < 0.02);
  CHECK(std::fabs(answer(xquant::aciq{}, of_exponential, {"int4", {-8, 7, false}, {}}).maximum - 5.029) < 0.03);
  std::vector<float> magnitudes = laplace(200000);
  for (float& v : magnitudes) v = std::max(v, 0.0f);  // half of them zeros, which do not count
  const histogram of_relu = observed(magnitudes).states()[0];
  CHECK(std::fabs(answer(xquant::aciq{}, of_relu, unsigned_affine(4)).maximum - 6.205) < 0.03);
  CHECK(std::fabs(answer(xquant::aciq{}, of_relu, {"int4", {-8, 7, false}, {}}).maximum - 5.029) < 0.03);
  // Floats: by the mean squared error of the data themselves, for data that are what they are taken for.
  for (const tried_quantizer& q : xquant_test::tried_quantizers()) {
    if (q.values.empty()) continue;
    const std::vector<float> x = normal(20000);
    const auto error = [&](double t) {
      const xquant_test::placed_values placed(q, {-t, t});
      double sum = 0;
      for (const float v : x) sum += std::pow(placed.of(static_cast<double>(v)).size, 2);
      return sum;
    };
    double least = std::numeric_limits<double>::infinity();
    for (double t = 1; t < 60; t *= 1.03) least = std::min(least, error(t));
    CAPTURE(q.name);
    CHECK(error(xquant::aciq{bell::gauss}.clipping(q.values)) < 1.1 * least);
  }
}

TEST_CASE("octav: the published fixed points, and a fixed point of sums over the data") {
  const double of_gauss[] = {1.739, 2.161, 2.562, 2.937, 3.287, 3.615, 3.924};
  const histogram h = observed(normal(400000)).states()[0];
  for (int bits = 2; bits <= 8; ++bits) {
    CAPTURE(bits);
    const double t = answer(xquant::octav{}, h, unsigned_affine(bits)).maximum;
    CHECK(std::fabs(t - of_gauss[bits - 2]) < 0.01 * of_gauss[bits - 2]);
  }
  std::mt19937 generator(33);
  for (const auto& kind : xquant_test::kinds_of_data(generator, 3000))
    for (const int bits : {3, 8}) {
      CAPTURE(kind.name);
      CAPTURE(bits);
      const auto seen = observed(kind.values);
      const range<double> r = answer(xquant::octav{}, seen.states()[0], unsigned_affine(bits));
      const double t = std::max(-r.minimum, r.maximum);
      CHECK(t <= seen.states()[0].magnitude());
      if (!(t < seen.states()[0].magnitude() * 0.999)) continue;
      const bool one_sided = seen.states()[0].minimum() >= 0 || seen.states()[0].maximum() <= 0;
      const double weight = std::pow(0.25, bits + (one_sided ? 1 : 0)) / 3;
      // Between elements beyond t (1 + 1/64) and those beyond t (1 - 1/64): two bins.
      const auto next = [&](double from) {
        double sum = 0;
        double beyond = 0;
        double inside = 0;
        for (const float v : kind.values) {
          const double size = std::fabs(static_cast<double>(v));
          if (size > from) {
            sum += size;
            ++beyond;
          } else if (size > 0) {
            ++inside;
          }
        }
        return beyond > 0 ? sum / (weight * inside + beyond) : 0.0;
      };
      const double low = std::min(next(t * (1 - 1.0 / 64)), next(t * (1 + 1.0 / 64)));
      const double high = std::max(next(t * (1 - 1.0 / 64)), next(t * (1 + 1.0 / 64)));
      CHECK(t >= low * 0.98);
      CHECK(t <= high * 1.02);
    }
}

TEST_CASE("mean_deviation: mean and standard deviation of the data") {
  std::mt19937 generator(34);
  for (const auto& kind : xquant_test::kinds_of_data(generator, 2000)) {
    CAPTURE(kind.name);
    const auto seen = observed(kind.values);
    const histogram& h = seen.states()[0];
    for (const bool of_magnitudes : {false, true}) {
      double sum = 0;
      double squares = 0;
      double width = 0;
      for (const float v : kind.values) {
        const double x = of_magnitudes ? std::fabs(static_cast<double>(v)) : static_cast<double>(v);
        sum += x;
        squares += x * x;
        width += std::max(std::fabs(x) / 128, h.magnitude() / 1024);
      }
      const auto n = static_cast<double>(kind.values.size());
      const double mean = sum / n;
      const double deviation = std::sqrt(std::max(0.0, squares / n - mean * mean));
      const xquant::mean_deviation rule{2.5, of_magnitudes ? xquant::tails::magnitude : xquant::tails::both};
      range<double> r;
      REQUIRE(rule.try_range(h, r).ok());
      const double high = mean + 2.5 * deviation;
      const double low = of_magnitudes ? -high : mean - 2.5 * deviation;
      // Mean and deviation are off by half the width of a bin, and all of it.
      const double allowed = 4 * width / n + 1e-6 * h.magnitude() + 1e-44;
      CHECK(std::fabs(r.maximum - std::min(high, h.maximum())) <= allowed);
      CHECK(std::fabs(r.minimum - std::max(low, h.minimum())) <= allowed);
    }
  }
}

TEST_CASE("tensorrt_entropy: the least divergence by its definition") {
  std::mt19937 generator(35);
  std::normal_distribution<double> of;
  for (const bool has_spike : {false, true}) {
    std::vector<float> x(30000);
    for (float& v : x) v = static_cast<float>(has_spike && generator() % 3 == 0 ? 0.5 : std::pow(of(generator), 3));
    const auto seen = observed(x);
    const histogram& h = seen.states()[0];
    const double width = std::ldexp(1.0, std::ilogb(h.magnitude()) - 10);
    const range<double> r = answer(xquant::tensorrt_entropy{}, h, {"int5", {-16, 15, false}, {}});
    const auto place = [&](double t) { return static_cast<std::size_t>(t / width); };
    std::vector<double> counts(place(h.magnitude()) + 1);
    for (const float v : x) counts[place(std::fabs(static_cast<double>(v)))] += v != 0 ? 1 : 0;
    const auto divergence = [&](std::size_t i) {
      double tail = 0;
      double inside = 0;
      for (std::size_t k = 0; k < counts.size(); ++k) (k < i ? inside : tail) += counts[k];
      double d = 0;
      for (std::size_t g = 0; g < 16; ++g) {
        double sum = 0;
        double filled = 0;
        for (std::size_t k = 0; k < i; ++k)
          if (k * 16 / i == g && counts[k] > 0) sum += counts[k], ++filled;
        for (std::size_t k = 0; k < i; ++k)
          if (k * 16 / i == g && counts[k] > 0) {
            const double p = (counts[k] + (k == i - 1 ? tail : 0)) / (inside + tail);
            d += p * std::log(p / (sum / filled / inside));
          }
      }
      return d;
    };
    const double t = std::max(-r.minimum, r.maximum);
    const double found = divergence(t == h.magnitude() ? counts.size() : place(t * 1.0000001));
    for (std::size_t i = 16; i <= counts.size(); i += 3)
      if (counts[i - 1] > 0) CHECK(divergence(i) > found - 1e-9);
    if (has_spike) CHECK(t < 1);
  }
}

TEST_CASE("every rule: data that leave nothing to choose, for every quantizer") {
  const float tiny = std::numeric_limits<float>::denorm_min();
  struct datum {
    const char* name;
    std::vector<float> values;
  };
  std::vector<datum> data = {{"zeros", {0.0f, -0.0f, 0.0f}},
                             {"one value", std::vector<float>(50, 2.5f)},
                             {"one negative value", {-0.3f, -0.3f}},
                             {"one subnormal", {3 * tiny}},
                             {"positive", {}},
                             {"negative", {}},
                             {"subnormal", {}},
                             {"huge", {}},
                             {"far outlier", {}}};
  for (int i = 1; i < 400; ++i) {
    data[4].values.push_back(static_cast<float>(i));
    data[5].values.push_back(-1.0f / static_cast<float>(i));
    data[6].values.push_back(static_cast<float>(i - 100) * tiny);
    data[7].values.push_back((i % 2 == 0 ? -1.0f : 1.0f) * std::numeric_limits<float>::max() / static_cast<float>(i));
    data[8].values.push_back(i == 7 ? 1e6f : std::sin(static_cast<float>(i)));
  }
  for (const datum& d : data) {
    const auto seen = observed(d.values);
    const auto [low, high] = std::minmax_element(d.values.begin(), d.values.end());
    for (const named_rule& rule : every_rule())
      for (const tried_quantizer& q : xquant_test::tried_quantizers()) {
        CAPTURE(d.name);
        CAPTURE(rule.name);
        CAPTURE(q.name);
        std::vector<range<float>> out;
        const status s = with_grid(q, [&](const code_grid& g) { return rule.ask(seen, g, out); });
        REQUIRE(s.ok());
        REQUIRE(out.size() == 1);
        CHECK(out[0].valid().ok());
        CHECK(out[0].minimum >= *low);
        CHECK(out[0].maximum <= *high);
        if (*low == *high) CHECK(out[0] == range<float>{*low, *high});
      }
  }
  for (const named_rule& rule : every_rule()) {
    CAPTURE(rule.name);
    std::vector<range<float>> out{{7, 8}};
    const auto nothing = observed({});
    const status s =
        with_grid(xquant_test::tried_quantizers()[0], [&](const code_grid& g) { return rule.ask(nothing, g, out); });
    CHECK(s.code == xquant::errc::no_samples);
    CHECK(out == std::vector<range<float>>{{7, 8}});
  }
}

TEST_CASE("rules: settings they refuse") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double bad : {0.0, -1.0, nan, infinity}) {
    CHECK(xquant::sqnr{bad}.valid().code == xquant::errc::value_out_of_range);
    CHECK(xquant::lp_norm{bad}.valid().code == xquant::errc::value_out_of_range);
    CHECK(xquant::mean_deviation{bad}.valid().code == xquant::errc::value_out_of_range);
  }
  CHECK(xquant::lp_norm{17}.valid().code == xquant::errc::value_out_of_range);
  CHECK(xquant::lp_norm{16}.valid().ok());
  range<double> r;
  const histogram h = observed({1.0f, -2.0f}).states()[0];
  const auto refusal = [&](const code_grid& g) { return xquant::tensorrt_entropy{}.try_range(h, g, r); };
  CHECK(with_grid(xquant_test::codes{-8, 0, false}, refusal).code == xquant::errc::value_out_of_range);
}
