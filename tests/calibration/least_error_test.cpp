// The rules of least error against trying ranges on the data themselves, and the bound of expected errors.
#include <xquant/calibration/histogram_calibrator.hpp>
#include <xquant/calibration/least_error.hpp>

#include "calibration/kinds.hpp"
#include "calibration/quantizers.hpp"
#include "calibration/samples.hpp"
#include "support/scale.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace {

using xquant::range;
using xquant_test::placed_values;
using xquant_test::tried_quantizer;
using xquant_test::view_of;

// (mean of weight |error|^p)^(1/p) on the data.
double error_on(const std::vector<float>& x, const tried_quantizer& q, const range<double>& r, double p,
                double clipping) {
  const placed_values placed(q, r);
  double sum = 0;
  for (const float v : x) {
    const auto e = placed.of(static_cast<double>(v));
    sum += std::pow(e.size, p) * (e.is_clipped ? clipping : 1);
  }
  return std::pow(sum / static_cast<double>(x.size()), 1 / p);
}

// The same mean of the widths of the bins, which are documented: a power of two of which there are 128 to the octave of
// x, and not less than 2^-10 of that at or below the largest magnitude; 2^-149 at least.
double doubt_of(const std::vector<float>& x, double p) {
  double largest = 0;
  for (const float v : x) largest = std::max(largest, std::fabs(static_cast<double>(v)));
  double sum = 0;
  for (const float v : x)
    if (v != 0) sum += std::pow(std::ldexp(1.0, std::max(std::ilogb(v) - 7, std::ilogb(largest) - 10)), p);
  return std::pow(sum / static_cast<double>(x.size()), 1 / p);
}

std::vector<range<double>> ranges_to_try(const std::vector<float>& x) {
  const auto [low, high] = std::minmax_element(x.begin(), x.end());
  const double a = static_cast<double>(*low);
  const double b = static_cast<double>(*high);
  const double m = std::max(-a, b);
  std::vector<range<double>> tried;
  for (int i = 1; i <= 120; ++i) {
    const double t = m * std::pow(i / 120.0, i % 2 == 0 ? 1 : 3);
    if (a <= t && -t <= b) tried.push_back({std::max(a, -t), std::min(b, t)});
  }
  for (int i = 0; i <= 14 && a < 0 && b > 0; ++i)
    for (int j = 1; j <= 14; ++j) tried.push_back({a * i / 14, b * std::pow(j / 14.0, j % 2 == 0 ? 1 : 2)});
  return tried;
}

struct norm {
  double p;
  double clipping;
  std::function<xquant::status(const xquant::histogram&, const xquant::code_grid&, range<double>&)> rule;
};

}  // namespace

TEST_CASE("rules of least error: no range tried on the data is better by more than is documented") {
  const norm norms[] = {
      {2, 1, [](auto& h, auto& g, auto& r) { return xquant::mean_squared_error{}.try_range(h, g, r); }},
      {2, 3, [](auto& h, auto& g, auto& r) { return xquant::sqnr{}.try_range(h, g, r); }},
      {2.4, 1, [](auto& h, auto& g, auto& r) { return xquant::lp_norm{}.try_range(h, g, r); }},
      {1, 1, [](auto& h, auto& g, auto& r) { return xquant::lp_norm{1}.try_range(h, g, r); }}};
  std::mt19937 generator(21);
  std::size_t turn = 0;
  for (const auto& kind : xquant_test::kinds_of_data(generator, 600)) {
    xquant::observer<xquant::histogram> seen;
    seen.observe(view_of(kind.values));
    const xquant::histogram& h = seen.states()[0];
    const std::vector<range<double>> tried = ranges_to_try(kind.values);
    for (const tried_quantizer& q : xquant_test::tried_quantizers()) {
      if (turn++ % xquant_test::scaled(5, 1) != 0 && xquant_test::scaled(5, 1) != 1) continue;
      const norm& n = norms[turn % 4];
      CAPTURE(kind.name);
      CAPTURE(q.name);
      CAPTURE(n.p);
      CAPTURE(n.clipping);
      range<double> r;
      REQUIRE(with_grid(q, [&](const xquant::code_grid& g) { return n.rule(h, g, r); }).ok());
      CHECK(r.valid().ok());
      CHECK(r.minimum >= h.minimum());
      CHECK(r.maximum <= h.maximum());
      double best = std::numeric_limits<double>::infinity();
      for (const range<double>& other : tried) best = std::min(best, error_on(kind.values, q, other, n.p, n.clipping));
      const double found = error_on(kind.values, q, r, n.p, n.clipping);
      CAPTURE(r.minimum);
      CAPTURE(r.maximum);
      CHECK(found <= 1.03 * best + 2 * std::sqrt(n.clipping) * doubt_of(kind.values, n.p) + 1e-44);
    }
  }
}

TEST_CASE("expected_error: off the data's own error by no more than its doubt") {
  std::mt19937 generator(22);
  std::size_t turn = 0;
  for (const auto& kind : xquant_test::kinds_of_data(generator, 400)) {
    xquant::observer<xquant::histogram> seen;
    seen.observe(view_of(kind.values));
    const xquant::histogram& h = seen.states()[0];
    const auto tried = ranges_to_try(kind.values);
    for (const tried_quantizer& q : xquant_test::tried_quantizers()) {
      const double p = ++turn % 3 == 0 ? 1.5 : 2;
      CAPTURE(kind.name);
      CAPTURE(q.name);
      with_grid(q, [&](const xquant::code_grid& g) {
        const xquant::expected_error error(h, g, p);
        const double doubt = error.doubt();
        CHECK(doubt <= doubt_of(kind.values, p) * 1.0001 + 1e-44);
        for (std::size_t i = turn % 17; i < tried.size(); i += 17) {
          // Not symmetric: there the zero point lies half-way between two codes.
          const range<double> r{tried[i].minimum, std::max(tried[i].minimum, tried[i].maximum * 0.9973)};
          CAPTURE(r.minimum);
          CAPTURE(r.maximum);
          const double expected = error.root_of_mean(error.over(r));
          const double own = error_on(kind.values, q, r, p, 1);
          const double slack = 1e-5 * (own + expected) + 1e-7 * h.magnitude() + 1e-44;
          CHECK(std::fabs(expected - own) <= doubt + slack);
        }
        return 0;
      });
    }
  }
}

TEST_CASE("rules of least error: subnormal doubles, all of them or at one end, are answered by the whole range") {
  constexpr double least = 4.9406564584124654e-324;
  const xquant::quantizer<xquant::uint8, xquant::affine> q;
  for (const std::vector<double>& x :
       {std::vector<double>{least, 2 * least}, std::vector<double>{-3 * least, 7 * least},
        std::vector<double>{-1, least}, std::vector<double>{-least, 1}}) {
    xquant::observer<xquant::histogram> seen;
    seen.observe(xquant::tensor_view<const double>(x.data(), xquant::shape(x.size())));
    std::vector<range<double>> out;
    REQUIRE(xquant::try_ranges_of(seen, xquant::mean_squared_error{}, xquant::code_grid::of<double>(q), out).ok());
    CHECK(out[0].valid().ok());
    CHECK(out[0].minimum >= x[0]);
    CHECK(out[0].maximum <= x[1]);
  }
}
