// Calibrators by name and behind one interface: each answers as its type does, copies are their own, and what is no
// calibrator or does not fit is refused.
#include <xquant/calibration/any_calibrator.hpp>
#include <xquant/calibration/min_max.hpp>
#include <xquant/calibration/named_calibrator.hpp>
#include <xquant/formats/integer.hpp>
#include <xquant/granularity/per_axis.hpp>
#include <xquant/quantizer.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <set>
#include <string>
#include <vector>

namespace {

using xquant::any_calibrator;
using xquant::code_grid;
using xquant::errc;
using xquant::named_calibrator;
using xquant::range;
using xquant::tensor_view;
using ranges = std::vector<range<float>>;

const xquant::quantizer<xquant::uint8, xquant::affine> q;

// Two rows of 50.
std::vector<float> tensor(int which) {
  std::vector<float> x(100);
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<float>(static_cast<int>(i * 37 % 101) - 40 + 3 * which) / (i < 50 ? 16.0f : 8.0f);
  return x;
}
tensor_view<const float> view(const std::vector<float>& x) { return {x.data(), xquant::shape(2, x.size() / 2)}; }

// The named calibrator, per tensor and per row, answers as this one.
template <class Typed>
void check_same(const char* text, const Typed& typed) {
  CAPTURE(text);
  any_calibrator named = named_calibrator::parse(text).make(typed.granularity());
  Typed seen = typed;
  for (int t = 0; t < 5; ++t) {
    const std::vector<float> x = tensor(t);
    named.observe(view(x));
    REQUIRE(seen.try_observe(view(x)).ok());
  }
  ranges expected;
  if constexpr (xquant::detail::AnswersForCodes<Typed, float>)
    REQUIRE(seen.try_ranges(code_grid(q), expected).ok());
  else
    REQUIRE(seen.try_ranges(expected).ok());
  CHECK(named.ranges(q) == expected);
  CHECK(named.slots() == expected.size());
}

xquant::status refused(const char* text) {
  named_calibrator found = named_calibrator::parse("moving_average=0.5");
  const xquant::status bad = named_calibrator::try_parse(text, found);
  CHECK(found.text() == "moving_average=0.5");
  return bad;
}

}  // namespace

TEST_CASE("a named calibrator answers as its type does, for any granularity") {
  const xquant::granularity_description rows = xquant::per_axis<>{0};
  for (const xquant::granularity_description& g : {xquant::granularity_description{}, rows}) {
    using by_value = xquant::granularity_description;
    check_same("moving_average", xquant::moving_average<by_value>(0.01, g));
    check_same("moving_average=0.5", xquant::moving_average<by_value>(0.5, g));
    check_same("amax_window=2", xquant::amax_window<by_value>(2, 0, g));
    check_same("mean_of_samples", xquant::sample_calibrator<xquant::mean_of_samples, by_value>(g));
    check_same("median_of_samples", xquant::sample_calibrator<xquant::median_of_samples, by_value>(g));
    check_same("mean_without_outliers=0.2", xquant::sample_calibrator<xquant::mean_without_outliers, by_value>(
                                                xquant::mean_without_outliers{0.2}, g));
    check_same("min_max", xquant::min_max<by_value>(g));
    check_same("percentile=90", xquant::histogram_calibrator<xquant::percentile, by_value>(xquant::percentile{90}, g));
  }
}

TEST_CASE("every calibrator has a name of its own, no rule's, and its text comes back") {
  std::set<std::string> names;
  for (const xquant::known_rule& rule : xquant::standard_rules) names.insert(rule.name);
  for (const xquant::known_calibrator& line : xquant::standard_calibrators) {
    CAPTURE(line.name);
    CHECK(names.insert(line.name).second);
    CHECK(std::string(line.use).size() > 10);
    const named_calibrator standard(line);
    CHECK(standard.valid().ok());
    CHECK(standard.rule() == nullptr);
    CHECK(standard.text() == line.name);
    CHECK(named_calibrator::parse(line.name) == standard);
    // What is said of merging holds: two halves of the data.
    any_calibrator one = standard.make();
    any_calibrator two = standard.make();
    one.observe(view(tensor(0)));
    two.observe(view(tensor(1)));
    any_calibrator other_way = two;
    const any_calibrator before = one;
    const xquant::status merged = one.try_merge(two);
    if (line.is_order_free) {
      REQUIRE(merged.ok());
      other_way.merge(before);
      CHECK(one == other_way);
      CHECK(!(one == before));
    }
    if (line.name == std::string("moving_average")) {
      CHECK(merged.code == errc::not_mergeable);
      CHECK(one == before);
    }
  }
  CHECK(named_calibrator().text() == "min_max");
  CHECK(*named_calibrator::parse("percentile=99.9").rule() == xquant::named_rule::parse("percentile=99.9"));
  CHECK(named_calibrator::parse("moving_average=0.3000000000000001").text() == "moving_average=0.3000000000000001");
  CHECK(named_calibrator::parse("moving_average=0.25").number() == 0.25);
}

TEST_CASE("what is no calibrator is refused and changes nothing") {
  for (const char* const text : {"", "=", "moving_averages", " moving_average", "mean_of_samples,min_max"}) {
    CAPTURE(text);
    CHECK(refused(text).code == errc::value_out_of_range);
    CHECK(refused(text).argument == std::string("rule"));
  }
  CHECK(refused("mean_of_samples=1").expected == std::string("no number: this calibrator has none to set"));
  for (const char* const text : {"moving_average=", "moving_average=x", "amax_window= 2"})
    CHECK(refused(text).expected == std::string("a number after the ="));
  for (const char* const text : {"moving_average=1.5", "moving_average=nan", "amax_window=0", "amax_window=2.5",
                                 "amax_window=1e300", "mean_without_outliers=0.5", "percentile=101"})
    CHECK(refused(text).code == errc::value_out_of_range);
}

TEST_CASE("a calibrator of any type: a regular value that refuses what it does not hold") {
  any_calibrator none;
  ranges out{{1, 2}};
  CHECK(!none.has_value());
  CHECK(none.slots() == 0);
  CHECK(none.try_observe(view(tensor(0))).code == errc::unsupported);
  CHECK(none.try_ranges(q, out).code == errc::unsupported);
  CHECK(out == ranges{{1, 2}});
  CHECK(none.try_merge(any_calibrator()).ok());

  any_calibrator a(xquant::min_max<>{});
  CHECK(a.try_ranges(q, out).code == errc::no_samples);
  CHECK(none.try_merge(a).code == errc::not_mergeable);
  CHECK(a.try_merge(none).code == errc::not_mergeable);
  CHECK(a.try_merge(any_calibrator(xquant::moving_average<>())).code == errc::not_mergeable);
  CHECK(!(a == none));
  CHECK(!(a == any_calibrator(xquant::moving_average<>())));
  const any_calibrator fresh = a;
  a.observe(view(tensor(0)));
  CHECK(fresh.slots() == 0);  // a copy of its own
  CHECK(!(a == fresh));
  none = a;
  CHECK(none == a);
  CHECK(none.get<xquant::min_max<>>()->states().size() == 1);
  CHECK(none.get<xquant::moving_average<>>() == nullptr);
  const std::vector<float> bad{1, std::nanf("")};
  CHECK(none.try_observe(view(bad)).code == errc::not_finite);
  CHECK(none == a);
  const any_calibrator moved = std::move(none);
  CHECK(moved == a);
}
