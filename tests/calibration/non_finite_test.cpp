// What observers make of NaN, infinities and mask values: refused, skipped or held, against the elements that are left
// when that is done by hand; the same on every engine, for any split.
#include <xquant/adapt/span.hpp>
#include <xquant/calibration/histogram_calibrator.hpp>
#include <xquant/calibration/min_max.hpp>
#include <xquant/engines/scalar.hpp>
#include <xquant/granularity/per_axis.hpp>

#include "calibration/samples.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace {

using xquant::non_finite_action;
using xquant::non_finite_counts;
using xquant::non_finite_policy;
using xquant_test::view_of;

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float largest = std::numeric_limits<float>::max();

// By the documented meaning, element by element.
std::vector<float> by_hand(const std::vector<float>& x, const non_finite_policy& p, non_finite_counts& counts) {
  const float bound = p.bound == 0 || p.bound > static_cast<double>(largest) ? largest : static_cast<float>(p.bound);
  const bool skips = p.action == non_finite_action::skip;
  std::vector<float> kept;
  for (const float v : x) {
    if (std::isnan(v)) {
      ++counts.nan;
    } else if (skips ? std::fabs(v) >= bound && !(std::isinf(p.bound) && std::isfinite(v)) : std::fabs(v) > bound) {
      ++counts.beyond;
      if (!skips) kept.push_back(std::copysign(bound, v));
    } else {
      kept.push_back(v);
    }
  }
  return kept;
}

std::vector<float> masked(std::mt19937& generator, std::size_t n) {
  std::vector<float> x = xquant_test::samples(generator, 0, n);
  const float odd[] = {not_a_number, -not_a_number, infinity, -infinity, largest, -largest, -10000.0f, 10000.5f, -0.0f};
  for (float& v : x)
    if (generator() % 5 == 0) v = odd[generator() % 9];
  return x;
}

}  // namespace

TEST_CASE("non-finite: skipped and held elements, against the data without them") {
  std::mt19937 generator(1);
  for (const non_finite_action action : {non_finite_action::skip, non_finite_action::hold})
    for (const double bound : {0.0, 10000.0, 2.5, static_cast<double>(infinity)})
      for (const std::size_t n : {1u, 7u, 511u, 9000u}) {
        CAPTURE(static_cast<int>(action));
        CAPTURE(bound);
        CAPTURE(n);
        const non_finite_policy policy{action, bound};
        const std::vector<float> x = masked(generator, n);
        non_finite_counts counts;
        const std::vector<float> kept = by_hand(x, policy, counts);
        xquant::observer<xquant::histogram> expected;
        if (!kept.empty()) expected.observe(view_of(kept));
        xquant::observer<xquant::histogram> whole(policy);
        whole.observe(view_of(x));
        CHECK(whole.states()[0] == (kept.empty() ? xquant::histogram() : expected.states()[0]));
        CHECK(whole.set_aside() == counts);
        xquant::observer<xquant::histogram> scalar(policy);
        scalar.observe(view_of(x), xquant::scalar_engine{});
        CHECK(scalar == whole);
        xquant::observer<xquant::histogram> pieces[2] = {whole, whole};
        for (auto& p : pieces) p = xquant::observer<xquant::histogram>(policy);
        for (std::size_t first = 0; first < n; first += 100)
          pieces[first / 100 % 2].observe(
              xquant::tensor_view<const float>(x.data() + first, xquant::shape(std::min<std::size_t>(100, n - first))));
        pieces[0].merge(pieces[1]);
        CHECK(pieces[0] == whole);
        xquant::calibrator<xquant::extremes, xquant::full_range> ends(xquant::per_tensor{}, policy);
        ends.observe(view_of(x));
        if (!kept.empty()) {
          CHECK(ends.states()[0].minimum() == expected.states()[0].minimum());
          CHECK(ends.states()[0].maximum() == expected.states()[0].maximum());
        }
      }
}

TEST_CASE("non-finite: a slot of masks alone has no samples, and others are not touched by it") {
  const std::vector<float> x = {-largest, 1, -infinity, 2, not_a_number, -3};  // [3, 2]: the first column is a mask
  xquant::observer<xquant::histogram, xquant::per_axis<>> o(xquant::per_axis<>{1}, {non_finite_action::skip});
  o.observe(xquant::tensor_view<const float>(x.data(), xquant::shape(3, 2)));
  REQUIRE(o.slots() == 2);
  CHECK(o.states()[0] == xquant::histogram());
  CHECK(o.states()[1].samples() == 3);
  CHECK(o.states()[1].minimum() == -3);
  CHECK(o.set_aside() == non_finite_counts{1, 2});
  std::vector<xquant::range<float>> ranges;
  CHECK(xquant::try_ranges_of(o, xquant::full_range{}, ranges).code == xquant::errc::no_samples);

  // float16 masks are -65504, float16's largest number.
  const std::vector<xquant::float16> half = {xquant::float16(-65504.0f), xquant::float16(3.0f)};
  xquant::observer<xquant::extremes> halves(non_finite_policy{non_finite_action::skip});
  halves.observe(xquant::tensor_view<const xquant::float16>(half.data(), xquant::shape(std::size_t{2})));
  CHECK(halves.states()[0] == xquant::extremes(3, 3));
  CHECK(halves.set_aside().beyond == 1);
}

TEST_CASE("non-finite: what is refused is named, and nothing has changed") {
  using histogram_observer = xquant::observer<xquant::histogram>;
  histogram_observer o;
  o.observe(std::vector<float>{1, 2});
  const histogram_observer before = o;
  const std::vector<float> x = {0, largest, -infinity, not_a_number};
  const xquant::status refused = o.try_observe(view_of(x));
  CHECK(refused.code == xquant::errc::not_finite);
  CHECK(refused.index == 2);
  CHECK(o == before);
  CHECK(o.try_observe(std::vector<float>{0, largest}).ok());

  histogram_observer bounded(non_finite_policy{non_finite_action::refuse, 1000});
  const xquant::status mask = bounded.try_observe(std::vector<float>{1, -999, 1000});
  CHECK(mask.code == xquant::errc::value_out_of_range);
  CHECK(mask.index == 2);
  CHECK(mask.value == 1000);
  CHECK(bounded.slots() == 0);
  CHECK(bounded.try_observe(std::vector<float>{1, -999}).ok());

  for (const double bad : {-1.0, static_cast<double>(not_a_number)}) {
    histogram_observer wrong(non_finite_policy{non_finite_action::hold, bad});
    CHECK(wrong.try_observe(std::vector<float>{1}).code == xquant::errc::value_out_of_range);
    CHECK(wrong.slots() == 0);
  }
  histogram_observer skips(non_finite_policy{non_finite_action::skip});
  skips.observe(std::vector<float>{1, not_a_number});
  const xquant::status other = o.try_merge(skips);
  CHECK(other.code == xquant::errc::not_mergeable);
  CHECK(skips.validate_observe(view_of(x)).ok());
  CHECK(skips.set_aside() == non_finite_counts{1, 0});
}
