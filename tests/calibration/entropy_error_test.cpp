// What the entropy rule promises of the squared error, on every kind of data: measured on the data themselves, in
// double, with the grids that the documentation of the schemes gives.
#include <xquant/calibration/entropy.hpp>

#include "calibration/codes.hpp"
#include "calibration/kinds.hpp"
#include "calibration/samples.hpp"
#include "support/scale.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace {

using xquant::range;
using xquant_test::codes;
using xquant_test::view_of;

// Mean of the squared errors of quantizing x over the range r; rule 8 of docs/arithmetic.md read word for word.
double mean_squared_error(const std::vector<float>& x, const range<float>& r, const codes& c) {
  const double a = r.minimum;
  const double b = r.maximum;
  double scale = 0;
  double zero = 0;
  if (c.has_zero_point)
    scale = (std::max(b, 0.0) - std::min(a, 0.0)) / (c.upper - c.lower);
  else
    scale = std::max(b / c.upper, c.lower < 0 ? a / c.lower : 0.0);
  const bool is_degenerate = !(scale >= std::numeric_limits<float>::min());
  if (is_degenerate) scale = 1;
  if (c.has_zero_point) {
    zero = is_degenerate ? 0 : c.lower - std::nearbyint(std::min(a, 0.0) / scale);
    zero = std::min<double>(std::max<double>(zero, c.lower), c.upper);
  }
  scale = static_cast<double>(static_cast<float>(scale));
  double sum = 0;
  for (const float v : x) {
    const double code = std::min<double>(std::max<double>(std::nearbyint(v / scale) + zero, c.lower), c.upper);
    const double error = (code - zero) * scale - v;
    sum += error * error;
  }
  return sum / static_cast<double>(x.size());
}

range<float> chosen(const std::vector<float>& x, const codes& c, std::size_t stride = 1) {
  xquant::histogram_calibrator<xquant::entropy> seen(xquant::entropy{stride});
  seen.observe(view_of(x));
  return with_grid(c, [&](const xquant::code_grid& grid) { return seen.ranges(grid).at(0); });
}

range<float> extremes(const std::vector<float>& x) {
  const auto [low, high] = std::minmax_element(x.begin(), x.end());
  return {*low, *high};
}

}  // namespace

TEST_CASE("entropy: at most 1.5 times the squared error of min-max, whatever the data") {
  std::mt19937 generator(11);
  std::vector<std::size_t> counts{400, 20000};
  if (xquant_test::scaled(10, 1) == 10) counts.push_back(300000);
  for (const std::size_t n : counts)
    for (const auto& kind : xquant_test::kinds_of_data(generator, n))
      for (const codes& c : {codes{0, 255, true}, codes{-128, 127, true}, codes{-128, 127, false},
                             codes{-127, 127, false}, codes{0, 255, false}, codes{0, 63, true}, codes{-32, 31, false}})
        for (const std::size_t stride : {1u, 5u}) {
          if (n > 20000 && (stride != 1 || c.upper < 127)) continue;
          CAPTURE(kind.name);
          CAPTURE(n);
          CAPTURE(c.lower);
          CAPTURE(c.has_zero_point);
          CAPTURE(stride);
          const range<float> r = chosen(kind.values, c, stride);
          const double error = mean_squared_error(kind.values, r, c);
          const double full = mean_squared_error(kind.values, extremes(kind.values), c);
          CAPTURE(r.minimum);
          CAPTURE(r.maximum);
          CAPTURE(error);
          CAPTURE(full);
          CHECK(error <= 1.5 * full);
        }
}

TEST_CASE("entropy: one far outlier is clipped where codes are few") {
  std::mt19937 generator(12);
  std::normal_distribution<float> normal;
  for (const std::size_t n : {100u, 300u, 1000u, 20000u, 300000u})
    for (const float outlier : {1e3f, -1e3f, 1e2f})
      for (const codes& c : {codes{0, 15, true}, codes{-8, 7, true}, codes{-8, 7, false}, codes{-7, 7, false},
                             codes{0, 7, true}, codes{0, 3, true}}) {
        // A hundred values spread over a hundred bins are too few to tell one level from another.
        if (n == 100 && outlier == 1e2f) continue;
        CAPTURE(n);
        CAPTURE(outlier);
        CAPTURE(c.upper);
        CAPTURE(c.has_zero_point);
        std::vector<float> x(n);
        for (float& v : x) v = normal(generator);
        const std::vector<float> bulk = x;
        x.push_back(outlier);
        const range<float> r = chosen(x, c);
        CHECK(r.minimum > -40);
        CHECK(r.maximum < 40);
        // All but the outlier keep what min-max loses: it makes zeros of them.
        CHECK(mean_squared_error(bulk, r, c) < 0.5 * mean_squared_error(bulk, extremes(x), c));
      }
}

TEST_CASE("entropy: up to 16 codes all but a hundredth of the elements keep the bound") {
  std::mt19937 generator(13);
  for (const std::size_t n : {400u, 20000u})
    for (const auto& kind : xquant_test::kinds_of_data(generator, n))
      for (const codes& c : {codes{0, 15, true}, codes{-8, 7, false}, codes{0, 3, true}}) {
        CAPTURE(kind.name);
        CAPTURE(n);
        CAPTURE(c.upper);
        CAPTURE(c.has_zero_point);
        const range<float> r = chosen(kind.values, c);
        // Without the elements of the outermost bins, the positive ones of a bin first; a bin is a power of two wide
        // and the largest magnitude 2048 to 4095 of them from zero.
        std::vector<float> rest;
        float magnitude = 0;
        for (const float v : kind.values) {
          magnitude = std::max(magnitude, std::fabs(v));
          if (v != 0) rest.push_back(v);
        }
        if (rest.empty()) continue;
        const double width = std::ldexp(1.0, std::max(std::ilogb(magnitude) - 11, -149));
        const auto place = [&](float v) { return 2 * std::floor(std::fabs(v) / width) + (v > 0 ? 1 : 0); };
        std::sort(rest.begin(), rest.end(), [&](float a, float b) { return place(a) < place(b); });
        rest.resize(rest.size() - rest.size() / 100);
        const double error = mean_squared_error(rest, r, c);
        const double full = mean_squared_error(rest, extremes(kind.values), c);
        CAPTURE(error);
        CAPTURE(full);
        CHECK(error <= 1.5 * full);
      }
}

TEST_CASE("entropy: a grid finer than the histogram keeps the whole range") {
  std::mt19937 generator(14);
  for (const auto& kind : xquant_test::kinds_of_data(generator, 5000)) {
    CAPTURE(kind.name);
    CHECK(chosen(kind.values, {0, 65535, true}) == extremes(kind.values));
    CHECK(chosen(kind.values, {-32768, 32767, false}) == extremes(kind.values));
  }
}
