// Percentiles against sorted data: how much is given up, and how near the order statistic the edge lies.
#include <xquant/calibration/min_max.hpp>
#include <xquant/calibration/percentile.hpp>

#include "calibration/samples.hpp"
#include "support/scale.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

namespace {

using xquant_test::samples;
using xquant_test::view_of;

xquant::range<float> percentile_of(const std::vector<float>& x, const xquant::percentile& rule) {
  xquant::histogram_calibrator<xquant::percentile> c(rule);
  c.observe(view_of(x));
  return c.ranges().at(0);
}

// How many of n elements are given up at an end, in integers: p is a whole number of hundredths of a percent.
std::size_t share(std::size_t n, double p, std::size_t parts) {
  return n * (10000 - static_cast<std::size_t>(std::lround(p * 100))) / (100 * parts);
}

// The documented width of the widest bins: a power of two, M in [1024 w, 2048 w), at least 2^-149.
double width_for(const std::vector<float>& x) {
  double largest = 0;
  for (const float v : x) largest = std::max(largest, std::fabs(static_cast<double>(v)));
  return largest == 0 ? 0.0 : std::ldexp(1.0, std::max(std::ilogb(largest) - 10, -149));
}

}  // namespace

TEST_CASE("percentile: both tails, against the sorted data") {
  std::mt19937 generator(1);
  for (std::size_t round = 0; round < xquant_test::scaled(600, 60); ++round) {
    std::vector<float> x = samples(generator, static_cast<unsigned>(round), 1 + generator() % 4000);
    for (const double p : {99.99, 99.9, 99.0, 90.0, 50.0, 0.0}) {
      CAPTURE(round);
      CAPTURE(p);
      const xquant::range<float> r = percentile_of(x, {p});
      std::vector<float> sorted = x;
      std::sort(sorted.begin(), sorted.end());
      const auto n = sorted.size();
      const auto given_up = std::min(share(n, p, 200), (n - 1) / 2);
      const double low = static_cast<double>(sorted[given_up]);
      const double high = static_cast<double>(sorted[n - 1 - given_up]);
      const double w = width_for(x);
      CHECK(static_cast<double>(r.minimum) <= low);
      CHECK(static_cast<double>(r.minimum) >= low - w);
      CHECK(static_cast<double>(r.maximum) >= high);
      CHECK(static_cast<double>(r.maximum) <= high + w);
      CHECK(r.minimum >= sorted.front());
      CHECK(r.maximum <= sorted.back());
      CHECK(r.valid().ok());
    }
  }
}

TEST_CASE("percentile: of magnitudes, against the sorted data") {
  std::mt19937 generator(2);
  for (std::size_t round = 0; round < xquant_test::scaled(300, 60); ++round) {
    const std::vector<float> x = samples(generator, static_cast<unsigned>(round), 1 + generator() % 4000);
    for (const double p : {99.99, 99.0, 50.0, 0.0}) {
      CAPTURE(round);
      CAPTURE(p);
      const xquant::range<float> r = percentile_of(x, {p, xquant::tails::magnitude});
      std::vector<double> magnitudes;
      for (const float v : x) magnitudes.push_back(std::fabs(static_cast<double>(v)));
      std::sort(magnitudes.begin(), magnitudes.end());
      const auto n = magnitudes.size();
      const auto given_up = std::min(share(n, p, 100), n - 1);
      const double t = magnitudes[n - 1 - given_up];
      const double found =
          std::max(std::fabs(static_cast<double>(r.minimum)), std::fabs(static_cast<double>(r.maximum)));
      CHECK(found >= t);
      CHECK(found <= t + width_for(x));
      CHECK(r.minimum >= *std::min_element(x.begin(), x.end()));
      CHECK(r.maximum <= *std::max_element(x.begin(), x.end()));
      CHECK(r.valid().ok());
    }
  }
}

TEST_CASE("percentile: 100 is exactly min-max") {
  std::mt19937 generator(3);
  for (unsigned kind = 0; kind < 10; ++kind) {
    const std::vector<float> x = samples(generator, kind, 777);
    xquant::min_max<> exact;
    exact.observe(view_of(x));
    CHECK(percentile_of(x, {100.0}) == exact.ranges()[0]);
    CHECK(percentile_of(x, {100.0, xquant::tails::magnitude}) == exact.ranges()[0]);
  }
}

TEST_CASE("percentile: counted by hand") {
  std::vector<float> x;
  for (int i = 0; i < 100; ++i) x.push_back(static_cast<float>(i));  // bins of 1/16: whole numbers are lower edges
  CHECK(percentile_of(x, {90.0}) == xquant::range<float>{5.0f, 94.0625f});
  CHECK(percentile_of(x, {90.0, xquant::tails::magnitude}) == xquant::range<float>{0.0f, 89.0625f});
  for (float& v : x) v = -v;
  CHECK(percentile_of(x, {90.0}) == xquant::range<float>{-94.0625f, -5.0f});
  std::vector<float> mostly_zero(1000, 0.0f);
  mostly_zero[17] = 8.0f;
  CHECK(percentile_of(mostly_zero, {99.0}) == xquant::range<float>{0.0f, 0.0f});
  CHECK(percentile_of(mostly_zero, {99.99}) == xquant::range<float>{0.0f, 8.0f});
}

TEST_CASE("percentile: a share that is whole but for the decimals of p is whole") {
  std::mt19937 generator(5);
  std::normal_distribution<float> normal;
  for (const std::size_t n : {1000u, 2000u, 10000u, 100000u, 1000000u})
    for (const double p : {99.9, 99.99}) {
      const std::size_t given_up = share(n, p, 100);
      if (given_up == 0) continue;
      CAPTURE(n);
      CAPTURE(p);
      std::vector<float> x(n);
      for (float& v : x) v = std::min(4.0f, std::max(-4.0f, normal(generator)));
      std::fill_n(x.begin(), given_up, 1e6f);
      CHECK(percentile_of(x, {p, xquant::tails::magnitude}).maximum < 5);
      x[n - 1] = 1e6f;
      CHECK(percentile_of(x, {p, xquant::tails::magnitude}).maximum == 1e6f);
    }
}

TEST_CASE("percentile: every edge and rank, against the sorted data") {
  using xquant::bin_edge;
  using xquant::rank_rule;
  std::mt19937 generator(4);
  for (unsigned round = 0; round < xquant_test::scaled(200, 40); ++round) {
    const std::vector<float> x = samples(generator, round, 1 + generator() % 3000);
    std::vector<double> sorted(x.begin(), x.end());
    std::sort(sorted.begin(), sorted.end());
    const auto last = static_cast<double>(sorted.size() - 1);
    const auto at = [&](double rank) {  // numpy's percentile
      const auto k = static_cast<std::size_t>(rank);
      const double part = rank - static_cast<double>(k);
      return part > 0 ? sorted[k] * (1 - part) + sorted[k + 1] * part : sorted[k];
    };
    const double w = width_for(x) * 1.001 + std::ldexp(1.0, -149);  // an end is rounded to float
    for (const double p : {99.9, 98.0, 55.0})
      for (const bin_edge edge : {bin_edge::outer, bin_edge::inner, bin_edge::spread})
        for (const rank_rule rank : {rank_rule::whole, rank_rule::linear}) {
          CAPTURE(round);
          CAPTURE(p);
          CAPTURE(static_cast<int>(edge));
          const double up = rank == rank_rule::linear
                                ? last * (100 - p) / 200
                                : std::min(static_cast<double>(share(sorted.size(), p, 200)), std::floor(last / 2));
          const xquant::range<float> r = percentile_of(x, {p, xquant::tails::both, edge, rank});
          CHECK(std::fabs(static_cast<double>(r.minimum) - at(up)) <= w);
          CHECK(std::fabs(static_cast<double>(r.maximum) - at(last - up)) <= w);
          if (edge == bin_edge::inner && rank == rank_rule::whole && up >= 1 && r.minimum < r.maximum) {
            CHECK(static_cast<double>(r.maximum) <= at(last - up));
            CHECK(static_cast<double>(r.minimum) >= at(up));
          }
        }
  }
}
