// The histogram against one made in one go in exact arithmetic once the largest magnitude is known, and its promise
// that order, splits and merges leave no trace (docs/arithmetic.md, rule 11).
#include <xquant/calibration/histogram_calibrator.hpp>
#include <xquant/calibration/min_max.hpp>
#include <xquant/granularity/per_axis.hpp>

#include "calibration/samples.hpp"
#include "support/scale.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace {

using calibrator = xquant::histogram_calibrator<xquant::full_range>;
using xquant_test::samples;
using xquant_test::view_of;

struct oracle {
  int exponent = -149;
  std::uint64_t zeros = 0;
  std::map<std::uint64_t, std::uint64_t> positive;
  std::map<std::uint64_t, std::uint64_t> negative;
};

// long double holds every float and every quotient by a power of two exactly.
oracle count_exactly(const std::vector<float>& x) {
  oracle o;
  long double largest = 0;
  for (const float v : x) largest = std::max(largest, std::fabs(static_cast<long double>(v)));
  if (largest > 0) o.exponent = std::max(std::ilogb(largest) - 11, -149);
  for (const float v : x) {
    const auto bin =
        static_cast<std::uint64_t>(std::floor(std::ldexp(std::fabs(static_cast<long double>(v)), -o.exponent)));
    if (v == 0)
      ++o.zeros;
    else
      ++(v > 0 ? o.positive : o.negative)[bin];
  }
  return o;
}

void check_against_oracle(const xquant::histogram& h, const std::vector<float>& x) {
  const oracle o = count_exactly(x);
  REQUIRE(h.width_exponent() == o.exponent);
  CHECK(h.samples() == x.size());
  CHECK(h.zeros() == o.zeros);
  CHECK(h.minimum() == *std::min_element(x.begin(), x.end()));
  CHECK(h.maximum() == *std::max_element(x.begin(), x.end()));
  std::size_t wrong = 0;
  for (std::size_t k = 0; k < xquant::histogram::bins; ++k) {
    const auto positive = o.positive.find(k);
    const auto negative = o.negative.find(k);
    wrong += h.positive(k) != (positive == o.positive.end() ? 0 : positive->second) ? 1 : 0;
    wrong += h.negative(k) != (negative == o.negative.end() ? 0 : negative->second) ? 1 : 0;
  }
  CHECK(wrong == 0);
  CHECK((o.positive.empty() || o.positive.rbegin()->first < xquant::histogram::bins));
  CHECK((o.negative.empty() || o.negative.rbegin()->first < xquant::histogram::bins));
}

}  // namespace

TEST_CASE("histogram: exact counts on the documented grid") {
  std::mt19937 generator(1);
  for (unsigned kind = 0; kind < 10; ++kind)
    for (const std::size_t n : {1u, 2u, 37u, 511u, 512u, 513u, 5000u}) {
      CAPTURE(kind);
      CAPTURE(n);
      const std::vector<float> x = samples(generator, kind, n);
      calibrator c;
      c.observe(view_of(x));
      REQUIRE(c.slots() == 1);
      check_against_oracle(c.states()[0], x);
    }
}

TEST_CASE("histogram: any order, split and merge tree gives the same state") {
  std::mt19937 generator(2);
  const std::size_t cases = xquant_test::scaled(1000, 50);
  for (std::size_t round = 0; round < cases; ++round) {
    CAPTURE(round);
    std::vector<float> x;
    const std::size_t kinds = 1 + generator() % 3;
    for (std::size_t i = 0; i < kinds; ++i) {
      const std::vector<float> more =
          samples(generator, static_cast<unsigned>(generator() % 10), 1 + generator() % 200);
      x.insert(x.end(), more.begin(), more.end());
    }
    calibrator whole;
    whole.observe(view_of(x));
    if (round % 10 == 0) check_against_oracle(whole.states()[0], x);

    std::shuffle(x.begin(), x.end(), generator);
    std::vector<calibrator> parts(1 + generator() % 6);
    for (std::size_t first = 0; first < x.size();) {
      const std::size_t n = std::min<std::size_t>(1 + generator() % 120, x.size() - first);
      const std::vector<float> piece(x.begin() + static_cast<std::ptrdiff_t>(first),
                                     x.begin() + static_cast<std::ptrdiff_t>(first + n));
      parts[generator() % parts.size()].observe(view_of(piece));
      first += n;
    }
    while (parts.size() > 1) {
      const std::size_t from = generator() % parts.size();
      const std::size_t to = (from + 1 + generator() % (parts.size() - 1)) % parts.size();
      parts[to].merge(parts[from]);
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(from));
    }
    CHECK(parts[0] == whole);
  }
}

TEST_CASE("histogram: merging with itself counts twice") {
  std::mt19937 generator(3);
  const std::vector<float> x = samples(generator, 0, 300);
  calibrator once;
  once.observe(view_of(x));
  calibrator twice = once;
  twice.observe(view_of(x));
  once.merge(once);
  CHECK(once == twice);
}

TEST_CASE("histogram: an axis is a histogram for each of its indices, for any strides") {
  std::mt19937 generator(4);
  const std::size_t a = 3;
  const std::size_t b = 5;
  const std::size_t c = 7;
  const std::vector<float> x = samples(generator, 3, a * b * c);
  for (std::ptrdiff_t axis = -3; axis < 3; ++axis) {
    CAPTURE(axis);
    using per_axis_calibrator = xquant::histogram_calibrator<xquant::full_range, xquant::per_axis<>>;
    per_axis_calibrator dense(xquant::full_range{}, xquant::per_axis<>{axis});
    dense.observe(xquant::tensor_view<const float>(x.data(), xquant::shape(a, b, c)));
    const std::size_t d = static_cast<std::size_t>(axis < 0 ? axis + 3 : axis);
    const std::size_t extent[3] = {a, b, c};
    REQUIRE(dense.slots() == extent[d]);
    for (std::size_t slot = 0; slot < extent[d]; ++slot) {
      std::vector<float> own;
      for (std::size_t i = 0; i < a; ++i)
        for (std::size_t j = 0; j < b; ++j)
          for (std::size_t k = 0; k < c; ++k)
            if ((d == 0 ? i : d == 1 ? j : k) == slot) own.push_back(x[(i * b + j) * c + k]);
      check_against_oracle(dense.states()[slot], own);
    }
    // The same elements, read backwards along the last dimension from a reversed copy.
    std::vector<float> reversed(x.rbegin(), x.rend());
    const std::ptrdiff_t strides[3] = {-static_cast<std::ptrdiff_t>(b * c), -static_cast<std::ptrdiff_t>(c), -1};
    per_axis_calibrator strided(xquant::full_range{}, xquant::per_axis<>{axis});
    strided.observe(
        xquant::tensor_view<const float>(reversed.data() + reversed.size() - 1, xquant::shape(a, b, c), strides));
    CHECK(strided == dense);
  }
}

TEST_CASE("histogram: what came k times is left once") {
  std::mt19937 generator(20);
  for (unsigned kind = 0; kind < 10; ++kind)
    for (const std::size_t k : {1u, 2u, 7u, 50u}) {
      CAPTURE(kind);
      CAPTURE(k);
      const std::vector<float> once = samples(generator, kind, 301);
      calibrator expected;
      expected.observe(view_of(once));
      calibrator repeated;
      for (std::size_t i = 0; i < k; ++i) repeated.observe(view_of(once));
      repeated.keep_one_in(k);
      CHECK(repeated == expected);
    }
}

TEST_CASE("histogram: of what came unequally often every k-th in order of value is left") {
  // Integers lie in bins of their own; sorted, every third of them by hand.
  std::mt19937 generator(21);
  std::vector<float> x(1000);
  for (float& v : x) v = static_cast<float>(static_cast<int>(generator() % 4001u) - 2000);
  x.push_back(-2048);
  x.push_back(2048);
  calibrator all;
  all.observe(view_of(x));
  all.keep_one_in(3);
  std::vector<float> sorted = x;
  std::sort(sorted.begin(), sorted.end());
  std::map<int, std::uint64_t> kept;
  for (std::size_t i = 0; i < sorted.size(); i += 3) ++kept[static_cast<int>(sorted[i])];
  const xquant::histogram& h = all.states().at(0);
  CHECK(h.width() == 1.0);
  CHECK(h.samples() == (x.size() + 2) / 3);
  CHECK(h.minimum() == -2048.0f);
  CHECK(h.maximum() == 2048.0f);
  CHECK(h.zeros() == kept[0]);
  std::size_t wrong = 0;
  for (int k = 1; k < 4096; ++k) {
    wrong += h.positive(static_cast<std::size_t>(k)) != kept[k] ? 1 : 0;
    wrong += h.negative(static_cast<std::size_t>(k)) != kept[-k] ? 1 : 0;
  }
  CHECK(wrong == 0);
  calibrator nothing;
  nothing.keep_one_in(5);
  CHECK(nothing == calibrator());
}

TEST_CASE("histogram: the filled bins hold every element once, in order, and nothing beyond the extremes") {
  std::mt19937 generator(12);
  for (unsigned kind = 0; kind < 10; ++kind) {
    CAPTURE(kind);
    const std::vector<float> x = samples(generator, kind, 3000);
    calibrator c;
    c.observe(view_of(x));
    const std::vector<xquant::counted_bin> bins = c.states()[0].filled_bins();
    REQUIRE(!bins.empty());
    CHECK(bins.front().lower == *std::min_element(x.begin(), x.end()));
    CHECK(bins.back().upper == *std::max_element(x.begin(), x.end()));
    std::uint64_t held = 0;
    for (std::size_t i = 0; i < bins.size(); ++i) {
      const double lower = bins[i].lower;
      const double upper = bins[i].upper;
      if (i > 0) CHECK(bins[i - 1].upper <= lower);
      std::uint64_t inside = 0;
      for (const float v : x) {
        if (v > 0)
          inside +=
              lower >= 0 && upper > 0 && lower <= v && (v < upper || (i + 1 == bins.size() && v <= upper)) ? 1 : 0;
        if (v < 0) inside += upper <= 0 && lower < 0 && v <= upper && (lower < v || (i == 0 && lower <= v)) ? 1 : 0;
        if (v == 0) inside += lower == 0 && upper == 0 ? 1 : 0;
      }
      CHECK(inside == bins[i].count);
      held += bins[i].count;
    }
    CHECK(held == x.size());
  }
}
