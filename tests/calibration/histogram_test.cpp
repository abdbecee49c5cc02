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
#include <limits>
#include <map>

namespace {

using calibrator = xquant::histogram_calibrator<xquant::full_range>;
using xquant_test::samples;
using xquant_test::view_of;

// By the documented bins, in long double, which holds every element and every quotient by a power of two exactly.
struct oracle {
  int exponent = -139;
  std::uint64_t zeros = 0;
  std::map<long, std::uint64_t> bins[2];    // positive, negative
  std::map<long, std::uint64_t> linear[2];  // by floor(|x| / w)
};

template <class Real>
oracle count_exactly(const std::vector<Real>& x) {
  oracle o;
  long double largest = 0;
  for (const Real v : x) largest = std::max(largest, std::fabs(static_cast<long double>(v)));
  if (largest > 0) o.exponent = std::max(std::ilogb(largest), -139);
  for (const Real v : x) {
    const long double m = std::fabs(static_cast<long double>(v));
    if (v == 0) {
      ++o.zeros;
      continue;
    }
    const int e = std::ilogb(m);
    const auto linear = static_cast<long>(std::floor(std::ldexp(m, 10 - o.exponent)));
    const auto part = static_cast<long>(std::floor(128 * (std::ldexp(m, -e) - 1)));
    ++o.bins[v < 0][e >= o.exponent - 3 ? linear : 128L * (e - o.exponent + 4) + part];
    ++o.linear[v < 0][linear];
  }
  return o;
}
long double edge(const oracle& o, long bin) {
  if (bin >= 128) return std::ldexp(static_cast<long double>(bin), o.exponent - 10);
  const long octave = static_cast<long>(std::floor(static_cast<double>(bin) / 128));
  const long part = bin - 128 * octave;
  return std::ldexp(static_cast<long double>(128 + part), o.exponent - 4 + static_cast<int>(octave) - 7);
}

template <class Real>
void check_against_oracle(const xquant::histogram& h, const std::vector<Real>& x) {
  const oracle o = count_exactly(x);
  REQUIRE(h.grid().exponent() == o.exponent);
  REQUIRE(h.width() == std::ldexp(1.0, o.exponent - 10));
  CHECK(h.samples() == x.size());
  CHECK(h.zeros() == o.zeros);
  const auto low = static_cast<double>(*std::min_element(x.begin(), x.end()));
  const auto high = static_cast<double>(*std::max_element(x.begin(), x.end()));
  CHECK(h.minimum() == low);
  CHECK(h.maximum() == high);
  std::size_t wrong = 0;
  // Edges are rounded up to a double only where bins are finer than doubles are.
  const auto rounded_up = [](long double v) {
    const auto d = static_cast<double>(v);
    return static_cast<long double>(d) < v ? std::nextafter(d, std::numeric_limits<double>::infinity()) : d;
  };
  std::vector<xquant::counted_bin> expected;
  for (auto b = o.bins[1].rbegin(); b != o.bins[1].rend(); ++b)
    expected.push_back(
        {std::max(-rounded_up(edge(o, b->first + 1)), low), std::min(-rounded_up(edge(o, b->first)), high), b->second});
  if (o.zeros != 0) expected.push_back({0, 0, o.zeros});
  for (const auto& b : o.bins[0])
    expected.push_back(
        {std::max(rounded_up(edge(o, b.first)), low), std::min(rounded_up(edge(o, b.first + 1)), high), b.second});
  const std::vector<xquant::counted_bin> got = h.filled_bins();
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    wrong +=
        got[i].lower != expected[i].lower || got[i].upper != expected[i].upper || got[i].count != expected[i].count;
  for (std::size_t k = 0; k < xquant::histogram::bins; ++k)
    for (const int side : {0, 1}) {
      const auto found = o.linear[side].find(static_cast<long>(k));
      const std::uint64_t count = found == o.linear[side].end() ? 0 : found->second;
      wrong += (side == 0 ? h.positive(k) : h.negative(k)) != count ? 1 : 0;
    }
  CHECK(wrong == 0);
  for (const int side : {0, 1})
    CHECK((o.linear[side].empty() || o.linear[side].rbegin()->first < static_cast<long>(xquant::histogram::bins)));
}

}  // namespace

TEST_CASE("histogram: exact counts on the documented grid") {
  std::mt19937 generator(1);
  for (unsigned kind = 0; kind < 10; ++kind)
    for (const std::size_t n : {1u, 2u, 37u, 511u, 512u, 4095u, 4096u, 5000u}) {
      CAPTURE(kind);
      CAPTURE(n);
      const std::vector<float> x = samples(generator, kind, n);
      calibrator c;
      c.observe(view_of(x));
      REQUIRE(c.slots() == 1);
      check_against_oracle(c.states()[0], x);
    }
}

TEST_CASE("histogram: runs of any length, with zeros and with magnitudes far below the largest, count the same") {
  std::mt19937 generator(30);
  std::normal_distribution<float> normal;
  for (const float outlier : {0.0f, 1e6f, 1e30f, -3e38f}) {
    CAPTURE(outlier);
    std::vector<float> x(20000);
    for (float& v : x) v = generator() % 4 == 0 ? (generator() % 2 == 0 ? 0.0f : -0.0f) : normal(generator);
    x[777] = outlier;
    x[5000] = 1e-42f;
    for (std::size_t i = 9000; i < 9800; ++i) x[i] = 0.3f;
    calibrator whole;
    whole.observe(view_of(x));
    check_against_oracle(whole.states()[0], x);
    calibrator pieces;
    for (std::size_t i = 0; i < x.size(); i += 500)
      pieces.observe(xquant::tensor_view<const float>(x.data() + i, xquant::shape(std::size_t{500})));
    CHECK(pieces == whole);
  }
  // More equal elements than a counter of 16 bits has room for.
  std::vector<float> same(600000, -1.5f);
  std::fill(same.begin(), same.begin() + 200000, 0.0f);
  calibrator c;
  c.observe(view_of(same));
  CHECK(c.states()[0].zeros() == 200000);
  REQUIRE(c.states()[0].filled_bins().size() == 2);
  CHECK(c.states()[0].filled_bins()[0].count == 400000);
}

TEST_CASE("histogram: floats after a double beyond all of them are what they are as doubles") {
  std::mt19937 generator(32);
  std::normal_distribution<float> normal;
  for (const double large : {1e38, 1e39, 1e41, 1e300})
    for (const std::size_t n : {100u, 5000u}) {
      CAPTURE(large);
      CAPTURE(n);
      std::vector<float> x(n);
      for (float& v : x) v = normal(generator);
      calibrator floats;
      calibrator doubles;
      for (calibrator* c : {&floats, &doubles})
        c->observe(xquant::tensor_view<const double>(&large, xquant::shape(std::size_t{1})));
      floats.observe(view_of(x));
      const std::vector<double> wide(x.begin(), x.end());
      doubles.observe(xquant::tensor_view<const double>(wide.data(), xquant::shape(n)));
      CHECK(floats == doubles);
    }
}

TEST_CASE("histogram: at most 16 KiB for N(0, 1)") {
  std::mt19937 generator(31);
  std::normal_distribution<float> normal;
  std::vector<float> x(1000000);
  calibrator c;
  for (std::size_t batch = 0; batch < xquant_test::scaled(10, 2); ++batch) {
    for (float& v : x) v = normal(generator);
    c.observe(view_of(x));
    CHECK(c.states()[0].memory() <= 16384);
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
  // Integers to 1024 lie in bins of their own; sorted, every third of them by hand.
  std::mt19937 generator(21);
  std::vector<float> x(1000);
  for (float& v : x) v = static_cast<float>(static_cast<int>(generator() % 2001u) - 1000);
  x.push_back(-1024);
  x.push_back(1024);
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
  CHECK(h.minimum() == -1024.0f);
  CHECK(h.maximum() == 1024.0f);
  CHECK(h.zeros() == kept[0]);
  std::size_t wrong = 0;
  for (int k = 1; k < 2048; ++k) {
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
