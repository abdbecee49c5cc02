// Every documented refusal of the calibrators, and that a refused call leaves no trace.
#include <xquant/calibration/entropy.hpp>
#include <xquant/calibration/min_max.hpp>
#include <xquant/calibration/percentile.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/granularity/per_axis.hpp>
#include <xquant/quantizer.hpp>

#include "calibration/samples.hpp"

#include <doctest/doctest.h>

#include <limits>

namespace {

using xquant::errc;
using xquant::shape;
using view = xquant::tensor_view<const float>;

template <class Action>
xquant::status refused(const Action& action) {
  try {
    action();
  } catch (const xquant::error& e) {
    return e.status();
  }
  return {};
}

// What every calibrator per axis 1 refuses; `make` gives a fresh one for an axis.
template <class Make>
void check_refusals(const Make& make) {
  const float x[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  auto c = make(1);
  std::vector<xquant::range<float>> out = {{7.0f, 8.0f}};

  const xquant::quantizer<xquant::int8> q;
  xquant::status s = c.try_ranges(q, out);
  CHECK(s.code == errc::no_samples);
  CHECK(out == std::vector<xquant::range<float>>{{7.0f, 8.0f}});
  CHECK(refused([&] { (void)c.ranges(q); }).code == errc::no_samples);
  CHECK(refused([&] { (void)xquant::make_parameters(q, c); }).code == errc::no_samples);

  c.observe(view(nullptr, shape(3, 0)));  // an empty tensor adds nothing, not even its number of slots
  CHECK(c == make(1));
  CHECK(c.try_ranges(q, out).code == errc::no_samples);
  c.observe(view(x, shape(3, 4)));
  c.observe(view(nullptr, shape(0, 7)));
  const auto before = c;

  s = c.try_observe(view(x, shape(4, 3)));
  CHECK(s.code == errc::shape_mismatch);
  CHECK(s.value == 3);
  CHECK(c.try_observe(view(x, shape(12))).code == errc::axis_out_of_range);
  CHECK(c.try_observe(view(nullptr, shape(3, 4))).code == errc::null_pointer);
  const std::size_t nine[9] = {1, 4, 1, 1, 1, 1, 1, 1, 1};
  view too_many(x, shape(3, 4));
  too_many.shape = shape::of(nine, 9);
  CHECK(c.try_observe(too_many).code == errc::rank_out_of_range);

  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN(),
                          std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()})
    for (const std::size_t at : {0u, 6u, 11u}) {
      float y[12] = {};
      y[at] = bad;
      if (at == 6) y[10] = -bad;
      const xquant::status refusal = c.try_observe(view(y, shape(3, 4)));
      CHECK(refusal.code == errc::not_finite);
      CHECK(refusal.index == at);
      CHECK((refusal.value == static_cast<double>(bad) || (bad != bad && refusal.value != refusal.value)));
      CHECK(refused([&] { c.observe(view(y, shape(3, 4))); }).code == errc::not_finite);
    }
  CHECK(c == before);

  CHECK(c.try_merge(make(0)).code == errc::not_mergeable);
  auto other = make(1);
  other.observe(view(x, shape(4, 3)));
  s = c.try_merge(other);
  CHECK(s.code == errc::not_mergeable);
  CHECK(s.value == 3);
  CHECK(refused([&] { c.merge(other); }).code == errc::not_mergeable);
  c.merge(make(1));  // nothing to add
  CHECK(c == before);
  auto fresh = make(1);
  fresh.merge(c);
  CHECK(fresh == c);
}

}  // namespace

TEST_CASE("calibrators: what they refuse") {
  using xquant::histogram_calibrator;
  using xquant::per_axis;
  check_refusals([](std::ptrdiff_t axis) { return xquant::min_max<per_axis<>>(per_axis<>{axis}); });
  check_refusals([](std::ptrdiff_t axis) {
    return histogram_calibrator<xquant::percentile, per_axis<>>(xquant::percentile{}, per_axis<>{axis});
  });
  check_refusals([](std::ptrdiff_t axis) {
    return histogram_calibrator<xquant::entropy, per_axis<>>(xquant::entropy{}, per_axis<>{axis});
  });
}

TEST_CASE("calibrators: a long row with one bad element") {
  for (const std::size_t at : {0u, 255u, 256u, 700u, 999u})
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
      std::vector<float> x(1000, 1.0f);
      x[at] = bad;
      xquant::min_max<> m;
      const xquant::status s = m.try_observe(xquant_test::view_of(x));
      CHECK(s.code == errc::not_finite);
      CHECK(s.index == at);
      CHECK(m == xquant::min_max<>{});
    }
}

TEST_CASE("rules: settings outside their interval") {
  const std::vector<float> x = {1.0f, 2.0f};
  for (const double p : {-10.0, 200.0, 100.0000001, std::numeric_limits<double>::quiet_NaN()}) {
    xquant::histogram_calibrator<xquant::percentile> c(xquant::percentile{p});
    const xquant::status s = c.try_observe(xquant_test::view_of(x));
    CHECK(s.code == errc::value_out_of_range);
    CHECK((s.value == p || p != p));
    CHECK(c.slots() == 0);
    xquant::histogram_calibrator<xquant::percentile> good;
    good.observe(xquant_test::view_of(x));
    CHECK(refused([&] { (void)ranges_of(good, xquant::percentile{p}); }).code == errc::value_out_of_range);
  }
  CHECK(refused([&] {
          xquant::histogram_calibrator<xquant::entropy>(xquant::entropy{0}).observe(xquant_test::view_of(x));
        }).code == errc::value_out_of_range);
}

TEST_CASE("rules: quantizers they cannot answer for") {
  xquant::histogram_calibrator<xquant::entropy> c;
  const std::vector<float> x = {1.0f, -2.0f};
  c.observe(xquant_test::view_of(x));
  std::vector<xquant::range<float>> out = {{7.0f, 8.0f}};
  const auto code_of = [&](const xquant::code_grid& codes) { return c.try_ranges(codes, out).code; };
  CHECK(code_of(xquant::quantizer<xquant::e4m3fn>()) == errc::ok);
  out = {{7.0f, 8.0f}};
  using integers = xquant::stored_integer<std::int8_t>;
  CHECK(code_of(xquant::quantizer<integers>(integers(-8, 0))) == errc::value_out_of_range);
  CHECK(code_of(xquant::quantizer<integers, xquant::affine>(integers(-8, 0))) == errc::ok);
  out = {{7.0f, 8.0f}};
  CHECK(code_of(xquant::quantizer<integers>(integers(5, 5))) == errc::bits_out_of_range);
  CHECK(code_of(xquant::quantizer<integers, xquant::affine>(integers(-8, 300))) == errc::bits_out_of_range);
  CHECK(out == std::vector<xquant::range<float>>{{7.0f, 8.0f}});
}

TEST_CASE("rules: other settings do not merge") {
  using calibrator = xquant::histogram_calibrator<xquant::percentile>;
  calibrator a(xquant::percentile{99.9});
  CHECK(a.try_merge(calibrator(xquant::percentile{99.99})).code == errc::not_mergeable);
  CHECK(a.try_merge(calibrator(xquant::percentile{99.9, xquant::tails::magnitude})).code == errc::not_mergeable);
  CHECK(a.try_merge(calibrator(xquant::percentile{99.9})).ok());
}

TEST_CASE("make_parameters: ranges no calibrator gives") {
  const xquant::quantizer<xquant::int8> q;
  xquant::parameters p(0.5f);
  const xquant::parameters before = p;
  CHECK(xquant::try_make_parameters(q, std::vector<xquant::range<float>>{}, p).code == errc::no_samples);
  const xquant::status s =
      xquant::try_make_parameters(q, std::vector<xquant::range<float>>{{0.0f, 1.0f}, {2.0f, 1.0f}}, p);
  CHECK(s.code == errc::range_inverted);
  CHECK(s.index == 1);
  CHECK(xquant::try_make_parameters(
            q, std::vector<xquant::range<float>>{{0.0f, std::numeric_limits<float>::infinity()}}, p)
            .code == errc::range_not_finite);
  CHECK(p == before);
}
