// Ranges that follow the data (moving averages, windows) and ranges of samples, against sums by hand.
#include <xquant/calibration/amax_window.hpp>
#include <xquant/calibration/moving_average.hpp>
#include <xquant/calibration/sample_extremes.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/granularity/per_axis.hpp>
#include <xquant/quantizer.hpp>
#include <xquant/schemes/symmetric.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace {

using xquant::errc;
using xquant::range;
using xquant::shape;
using xquant::tensor_view;

tensor_view<const float> view(const std::vector<float>& x) { return {x.data(), shape(x.size())}; }

template <class Calibrator>
range<double> range_of_first(const Calibrator& c) {
  std::vector<range<double>> out;
  REQUIRE(c.try_ranges(out).ok());
  return out[0];
}

}  // namespace

TEST_CASE("a moving average weighs the newest tensor by its constant, and merges with nothing") {
  xquant::moving_average<> seen(0.25);
  std::vector<range<double>> none;
  CHECK(seen.try_ranges(none).code == errc::no_samples);
  seen.observe(view({-1, 4}));
  seen.observe(view({-3, 8}));
  CHECK(range_of_first(seen) == range<double>{-1.5, 5});
  xquant::moving_average<> reversed(0.25);
  reversed.observe(view({-3, 8}));
  reversed.observe(view({-1, 4}));
  CHECK(range_of_first(reversed) == range<double>{-2.5, 7});  // the order shows
  CHECK(seen.try_merge(reversed).code == errc::not_mergeable);
  xquant::moving_average<> fresh(0.25);
  CHECK(fresh.try_merge(seen).ok());
  CHECK(fresh == seen);
  CHECK(fresh.try_merge(xquant::moving_average<>(0.5)).code == errc::not_mergeable);
  CHECK(xquant::moving_average<>(1.5).try_observe(view({1})).code == errc::value_out_of_range);
  CHECK(fresh.try_observe(view({1, std::nanf("")})).code == errc::not_finite);
  CHECK(fresh == seen);
  xquant::moving_average<xquant::per_axis<0>> rows(0.5);
  const std::vector<float> x{1, 2, 3, 4, 5, 6};
  rows.observe(tensor_view(x, shape{3, 2}));
  CHECK(rows.try_observe(tensor_view(x, shape{2, 3})).code == errc::shape_mismatch);
  CHECK(rows.slots() == 3);
}

TEST_CASE("a moving average of constant 1 is the newest tensor's range, whatever came before") {
  xquant::moving_average<> seen(1);
  seen.observe(view({-1, 1e30f}));
  seen.observe(view({1, 2}));
  CHECK(range_of_first(seen) == range<double>{1, 2});
}

TEST_CASE("a window forgets; its range is the largest magnitude, 2^margin times") {
  xquant::amax_window<> window(2, 1);
  for (const float v : {-8.0f, 1.0f, 3.0f}) window.observe(view({v, 0.5f}));
  CHECK(range_of_first(window) == range<double>{-6, 6});
  const xquant::quantizer<xquant::e4m3fn> q;
  CHECK(xquant::make_parameters(q, window).scale()[0] == 6.0f / 448.0f);
  // The other half of the same two steps.
  xquant::amax_window<> other(2, 1);
  other.observe(view({9}));
  CHECK(window.try_merge(other).code == errc::not_mergeable);
  other.observe(view({-2}));
  CHECK(window.try_merge(other).ok());
  CHECK(window.history().steps() == std::vector<std::vector<double>>{{9}, {3}});
  CHECK(window.try_merge(xquant::amax_window<>(3, 1)).code == errc::not_mergeable);
  CHECK(window.try_merge(xquant::amax_window<>(2, 1)).ok());
  xquant::amax_window<> fresh(2, 1);
  CHECK(fresh.try_merge(window).ok());
  CHECK(fresh == window);
  CHECK(xquant::amax_window<>(0).try_observe(view({1})).code == errc::value_out_of_range);
  CHECK(xquant::amax_window<>(1, 65).try_observe(view({1})).code == errc::value_out_of_range);
  std::vector<range<float>> out;
  CHECK(xquant::amax_window<>(2).try_ranges(out).code == errc::no_samples);
  xquant::amax_window<xquant::per_axis<0>> rows(2);
  const std::vector<float> x{1, 2, 3, 4, 5, 6};
  rows.observe(tensor_view(x, shape{3, 2}));
  CHECK(rows.try_observe(tensor_view(x, shape{2, 3})).code == errc::shape_mismatch);
  xquant::amax_window<xquant::per_axis<0>> fewer(2);
  fewer.observe(tensor_view(x, shape{2, 3}));
  CHECK(rows.try_merge(fewer).code == errc::not_mergeable);
}

TEST_CASE("samples: mean, median, mean without outliers; any order and any merge are the same") {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<std::vector<float>> samples(41);
  for (auto& s : samples)
    for (int i = 0; i < 20; ++i) s.push_back(normal(random));
  samples[7][3] = 1000;

  std::vector<double> maxima;
  for (const auto& s : samples) maxima.push_back(static_cast<double>(*std::max_element(s.begin(), s.end())));
  std::sort(maxima.begin(), maxima.end());
  double sum = 0;
  for (const double m : maxima) sum += m;
  double inner = 0;  // the quantiles 1e-4 and 1 - 1e-4 of 41 cut off the least and the largest
  for (std::size_t i = 1; i < 40; ++i) inner += maxima[i];

  xquant::observer<xquant::sample_extremes> whole;
  for (const auto& s : samples) whole.observe(view(s));
  std::vector<range<double>> out;
  REQUIRE(xquant::try_ranges_of(whole, xquant::mean_of_samples{}, out).ok());
  CHECK(out[0].maximum == sum / 41);
  REQUIRE(xquant::try_ranges_of(whole, xquant::median_of_samples{}, out).ok());
  CHECK(out[0].maximum == maxima[20]);
  REQUIRE(xquant::try_ranges_of(whole, xquant::mean_without_outliers{}, out).ok());
  CHECK(out[0].maximum == inner / 39);
  CHECK(out[0].maximum < 4);
  REQUIRE(xquant::try_ranges_of(whole, xquant::full_range{}, out).ok());
  CHECK(out[0].maximum == 1000);

  for (int trial = 0; trial < 5; ++trial) {
    std::shuffle(samples.begin(), samples.end(), random);
    xquant::observer<xquant::sample_extremes> part[3];
    for (std::size_t i = 0; i < samples.size(); ++i) part[i * i % 3].observe(view(samples[i]));
    part[1].merge(part[2]);
    part[0].merge(part[1]);
    CHECK(part[0] == whole);
  }

  // Of the minima -3 is left out, of the maxima 0: their means are -4/3 and -5/3.
  xquant::observer<xquant::sample_extremes> crossing;
  for (const std::vector<float>& s : {std::vector<float>{-3, -2}, {-2, -2}, {-1, -1}, {-1, 0}})
    crossing.observe(view(s));
  REQUIRE(xquant::try_ranges_of(crossing, xquant::mean_without_outliers{0.1}, out).ok());
  CHECK(out[0].minimum == out[0].maximum);
  CHECK(std::fabs(out[0].minimum + 1.5) < 1e-15);

  // Two samples have no one between their quantiles: the middle.
  xquant::sample_calibrator<xquant::mean_without_outliers> two;
  two.observe(view({-1, 2}));
  two.observe(view({-3, 6}));
  CHECK(range_of_first(two) == range<double>{-2, 4});
  xquant::sample_calibrator<xquant::median_of_samples> one;
  one.observe(view({-1, 2}));
  CHECK(range_of_first(one) == range<double>{-1, 2});
  xquant::sample_calibrator<xquant::mean_without_outliers> bad(xquant::mean_without_outliers{0.5});
  CHECK(bad.try_observe(view({1})).code == errc::value_out_of_range);
  CHECK(xquant::sample_calibrator<>().try_ranges(out).code == errc::no_samples);
}
