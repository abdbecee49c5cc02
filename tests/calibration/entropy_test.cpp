// The divergence against its definition in long double, the search against trying every candidate, and that the ranges
// it gives are sensible for activations.
#include <xquant/calibration/entropy.hpp>
#include <xquant/calibration/min_max.hpp>
#include <xquant/quantizer.hpp>

#include "calibration/codes.hpp"
#include "calibration/samples.hpp"
#include "support/scale.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

namespace {

using xquant_test::samples;
using xquant_test::view_of;

struct divergence {
  long double plain;
  long double corrected;
};

// The definition, read word for word.
divergence by_definition(const std::vector<std::uint64_t>& c, std::size_t i, std::size_t levels) {
  std::vector<long double> p(c.begin(), c.begin() + static_cast<std::ptrdiff_t>(i));
  std::size_t top = i - 1;
  while (top > 0 && c[top] == 0) --top;
  for (std::size_t x = i; x < c.size(); ++x) p[top] += static_cast<long double>(c[x]);
  std::vector<long double> level_sum(levels);
  std::vector<long double> level_filled(levels);
  for (std::size_t x = 0; x < i; ++x) {
    level_sum[x * levels / i] += static_cast<long double>(c[x]);
    level_filled[x * levels / i] += c[x] != 0 ? 1 : 0;
  }
  std::vector<long double> q(i);
  for (std::size_t x = 0; x < i; ++x)
    q[x] = c[x] != 0 ? level_sum[x * levels / i] / level_filled[x * levels / i] : 0.0L;
  long double sum_p = 0;
  long double sum_q = 0;
  for (std::size_t x = 0; x < i; ++x) {
    sum_p += p[x];
    sum_q += q[x];
  }
  long double d = sum_q == 0 ? std::nanl("") : 0.0L;
  for (std::size_t x = 0; x < i; ++x)
    if (p[x] > 0)
      d += q[x] > 0 ? p[x] / sum_p * std::log((p[x] / sum_p) / (q[x] / sum_q))
                    : std::numeric_limits<long double>::infinity();
  long double chance = 0;
  for (std::size_t g = 0; g < levels; ++g) chance += level_filled[g] > 0 ? (level_filled[g] - 1) / (2 * sum_p) : 0;
  return {d, d - chance};
}

bool close(double a, long double b) {
  if (std::isnan(b)) return std::isnan(a);
  if (std::isinf(b)) return a > 0 && std::isinf(a);
  return std::fabs(static_cast<long double>(a) - b) <= 1e-12L;
}

// The grid of affine or symmetric codes over [a, b], by rule 8 of docs/arithmetic.md.
struct grid {
  double scale;
  double zero = 0;
  double lower;
  double upper;

  grid(double a, double b, const xquant_test::codes& c) : lower(c.lower), upper(c.upper) {
    scale = std::max(b / upper, a / lower);
    if (c.has_zero_point) {
      a = std::min(a, 0.0);
      b = std::max(b, 0.0);
      scale = (b - a) / (upper - lower);
      zero = std::nearbyint(lower - a / scale);
    }
  }
  double error(double x) const {
    const double code = std::min(std::max(std::nearbyint(x / scale) + zero, lower), upper);
    return std::fabs((code - zero) * scale - x);
  }
};

// Least and most sum of squared errors with the elements anywhere in their bins: in each bin at its ends, at a value of
// the grid or between two of them. The `exempt` outermost elements do not count.
std::pair<double, double> error_bounds(const xquant::histogram& h, const grid& g, std::uint64_t exempt) {
  std::vector<xquant::counted_bin> bins = h.filled_bins();
  const auto inner = [](const xquant::counted_bin& b) { return b.lower < 0 ? -b.upper : b.lower; };
  std::sort(bins.begin(), bins.end(), [&](const xquant::counted_bin& a, const xquant::counted_bin& b) {
    return inner(a) > inner(b) || (inner(a) == inner(b) && a.upper > b.upper);
  });
  double least = 0;
  double most = 0;
  for (const xquant::counted_bin& bin : bins) {
    std::uint64_t count = bin.upper == 0 && bin.lower == 0 ? 0 : bin.count;
    for (; count > 0 && exempt > 0; --count) --exempt;
    if (count == 0) continue;
    const double a = bin.lower;
    const double b = bin.upper;
    double small = std::min(g.error(a), g.error(b));
    double large = std::max(g.error(a), g.error(b));
    for (double half = std::ceil(2 * a / g.scale); half <= std::floor(2 * b / g.scale); ++half) {
      small = std::min(small, g.error(half / 2 * g.scale));
      large = std::max(large, g.error(half / 2 * g.scale));
    }
    least += static_cast<double>(count) * small * small;
    most += static_cast<double>(count) * large * large;
  }
  return {least, most};
}

// Signal over noise in decibels of quantizing x to 256 affine codes over r; in double.
double signal_to_noise(const std::vector<float>& x, const xquant::range<float>& r) {
  const double low = std::min(0.0, static_cast<double>(r.minimum));
  const double scale = (std::max(0.0, static_cast<double>(r.maximum)) - low) / 255;
  const double zero = std::nearbyint(-low / scale);
  double signal = 0;
  double noise = 0;
  for (const float v : x) {
    const double code = std::min(std::max(std::nearbyint(static_cast<double>(v) / scale) + zero, 0.0), 255.0);
    const double error = (code - zero) * scale - static_cast<double>(v);
    signal += static_cast<double>(v) * static_cast<double>(v);
    noise += error * error;
  }
  return 10 * std::log10(signal / noise);
}

}  // namespace

TEST_CASE("clipping_divergence: its definition") {
  std::mt19937 generator(1);
  for (std::size_t round = 0; round < xquant_test::scaled(400, 40); ++round) {
    const std::size_t n = 1 + generator() % 300;
    std::vector<std::uint64_t> counts(n);
    const unsigned sparse = static_cast<unsigned>(1 + generator() % 4);
    for (auto& c : counts) c = generator() % sparse == 0 ? generator() % (round % 3 == 0 ? 3 : 100000) : 0;
    if (round % 10 == 0) std::fill(counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(n / 2), 0u);
    if (std::count(counts.begin(), counts.end(), 0u) == static_cast<std::ptrdiff_t>(n)) counts[n - 1] = 1;
    const xquant::clipping_divergence divergence(counts);
    for (int turn = 0; turn < 10; ++turn) {
      const std::size_t i = turn == 0 ? n : 1 + generator() % n;
      for (const std::size_t levels : {std::size_t(1), std::size_t(7), std::size_t(16), std::size_t(128), i}) {
        CAPTURE(round);
        CAPTURE(i);
        CAPTURE(levels);
        const auto expected = by_definition(counts, i, levels);
        CHECK(close(divergence(i, levels), expected.plain));
        CHECK(close(divergence.corrected(i, levels), expected.corrected));
      }
    }
  }
}

TEST_CASE("entropy: no eligible candidate is better than the one chosen") {
  std::mt19937 generator(2);
  std::size_t refused = 0;
  std::size_t clipped = 0;
  for (unsigned round = 0; round < 15; ++round) {
    std::vector<float> x(20000);
    std::normal_distribution<float> normal(round % 2 == 0 ? 0.0f : 1.0f);
    for (float& v : x) {
      v = normal(generator);
      if (round == 2 || round == 3) v = std::max(v, 0.0f);
      if (round == 4 || round == 5) v = v * v * v;
      if (round >= 9 && generator() % 4 == 0) v = 1.3f;
      if (round == 12 && generator() % 200 == 0) v = -40.0f;
    }
    const xquant::entropy rule{1 + round % 7};
    xquant_test::codes codes{0, round % 3 == 0 ? 255 : round % 3 == 1 ? 31 : 15, true};
    if (round % 4 == 3) codes = {-codes.upper / 2 - 1, codes.upper / 2, false};
    CAPTURE(round);
    xquant::histogram_calibrator<xquant::entropy> c(rule);
    c.observe(view_of(x));
    const xquant::histogram& h = c.states()[0];
    std::size_t used = xquant::histogram::bins;
    while (h.positive(used - 1) + h.negative(used - 1) == 0) --used;
    std::vector<std::uint64_t> counts(used);
    for (std::size_t k = 0; k < used; ++k) counts[k] = h.positive(k) + h.negative(k);
    const double low = std::min(0.0, static_cast<double>(h.minimum()));
    const double high = std::max(0.0, static_cast<double>(h.maximum()));
    const auto levels = static_cast<std::size_t>(
        codes.has_zero_point ? std::lround((codes.upper + 1) * std::max(-low, high) / (high - low)) : codes.upper + 1);
    CHECK(with_grid(codes, [&](const xquant::code_grid& g) { return rule.levels(h, g); }) == levels);

    const xquant::range<float> r = with_grid(codes, [&](const xquant::code_grid& g) { return c.ranges(g).at(0); });
    const double t = std::max(-static_cast<double>(r.minimum), static_cast<double>(r.maximum));
    const auto chosen =
        t == static_cast<double>(h.magnitude()) ? used : static_cast<std::size_t>(std::ceil(t / h.width()));
    const auto d = by_definition(counts, chosen, levels).corrected;
    const std::uint64_t exempt =
        codes.upper - codes.lower < 16
            ? static_cast<std::uint64_t>(std::count_if(x.begin(), x.end(), [](float v) { return v != 0; })) / 100
            : 0;
    const auto bounds_of = [&](double at) {
      const grid g(std::max(-at, static_cast<double>(h.minimum())), std::min(at, static_cast<double>(h.maximum())),
                   codes);
      return error_bounds(h, g, exempt);
    };
    const double limit = 1.5 * bounds_of(static_cast<double>(h.magnitude())).first;
    if (chosen != used) {
      ++clipped;
      CHECK(bounds_of(static_cast<double>(chosen) * h.width()).second < limit * 1.001);
    }
    std::size_t better = 0;
    for (std::size_t i = levels; i < used; i += rule.stride) {
      if (counts[i - 1] == 0 && i != levels) continue;
      if (!(by_definition(counts, i, levels).corrected < d - 3e-12L)) continue;
      if (bounds_of(static_cast<double>(i) * h.width()).second < limit * 0.999)
        ++better;
      else
        ++refused;
    }
    CHECK(better == 0);
    CHECK(r.minimum >= h.minimum());
    CHECK(r.maximum <= h.maximum());
    CHECK(r.minimum == std::max(static_cast<float>(h.minimum()), static_cast<float>(-t)));
  }
  // Both parts of the rule decided something.
  CHECK(refused > 100);
  CHECK(clipped > 5);
}

TEST_CASE("entropy: what decides nothing keeps the whole range") {
  const std::vector<std::vector<float>> data = {{3.0f},        {-2.0f, -2.0f},    {0.0f, -0.0f}, {1e-44f, -1e-45f},
                                                {-1.0f, 1.0f}, {5.0f, 5.5f, 6.0f}};
  for (const auto& x : data) {
    xquant::min_max<> exact;
    exact.observe(view_of(x));
    xquant::histogram_calibrator<xquant::entropy> c;
    c.observe(view_of(x));
    CHECK(c.ranges(xquant::quantizer<xquant::int8, xquant::affine>()) == exact.ranges());
  }
  // Equal counts in every bin: each candidate but the widest only adds a tail.
  std::vector<float> even;
  for (int i = 0; i < 4096; ++i) even.push_back(static_cast<float>(i) / 4096);
  xquant::histogram_calibrator<xquant::entropy> c;
  c.observe(view_of(even));
  CHECK(c.ranges(xquant::quantizer<xquant::int8, xquant::affine>())[0].maximum == 4095.0f / 4096);
}

TEST_CASE("entropy: the levels of the quantizer at hand") {
  using xquant::quantizer;
  xquant::histogram_calibrator<xquant::full_range> c;
  const std::vector<float> x = {-1.0f, 3.0f};
  c.observe(view_of(x));
  const auto levels = [&](const xquant::code_grid& g) { return xquant::entropy::levels(c.states()[0], g); };
  CHECK(levels(quantizer<xquant::int8>()) == 128);
  CHECK(levels(quantizer<xquant::int8, xquant::symmetric<xquant::code_range::narrow>>()) == 128);
  CHECK(levels(quantizer<xquant::int4>()) == 8);
  CHECK(levels(quantizer<xquant::uint8>()) == 256);
  CHECK(levels(quantizer<xquant::uint8, xquant::affine>()) == 192);
  CHECK(levels(quantizer<xquant::int8, xquant::affine>()) == 192);
  CHECK(levels(quantizer<xquant::uint4, xquant::affine>()) == 12);
}

TEST_CASE("entropy: activations keep their signal") {
  std::mt19937 generator(3);
  std::normal_distribution<float> normal;
  std::exponential_distribution<float> exponential;
  for (const std::size_t n : {20000u, 200000u})
    for (unsigned kind = 0; kind < 4; ++kind) {
      CAPTURE(n);
      CAPTURE(kind);
      std::vector<float> x(n);
      for (float& v : x) {
        if (kind == 0) v = std::max(0.0f, normal(generator));
        if (kind == 1) v = normal(generator);
        if (kind == 2) v = generator() % 2 == 0 ? 0.0f : exponential(generator);
        if (kind == 3) v = std::min(6.0f, std::max(0.0f, 3 * normal(generator)));
      }
      xquant::histogram_calibrator<xquant::entropy> c;
      c.observe(view_of(x));
      const double entropy = signal_to_noise(x, c.ranges(xquant::quantizer<xquant::int8, xquant::affine>())[0]);
      const double full = signal_to_noise(x, ranges_of(c, xquant::full_range{})[0]);
      CHECK(entropy > full - 3.0);
      CHECK(entropy > 34.0);
    }
}
