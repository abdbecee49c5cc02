// Rules by name: each answers as its type does, texts go out and come back, and what is no rule is refused.
#include <xquant/calibration/named_rule.hpp>
#include <xquant/formats/integer.hpp>
#include <xquant/quantizer.hpp>

#include "calibration/samples.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <set>
#include <string>

namespace {

using xquant::errc;
using xquant::named_rule;
using xquant_test::samples;
using xquant_test::view_of;

template <class Rule>
void check_same(const char* text, const Rule& rule) {
  CAPTURE(text);
  std::mt19937 generator(5);
  const xquant::quantizer<xquant::uint8, xquant::affine> q;
  const named_rule named = named_rule::parse(text);
  for (unsigned kind = 0; kind < 10; ++kind) {
    CAPTURE(kind);
    xquant::observer<xquant::histogram> seen;
    const std::vector<float> x = samples(generator, kind, 3000);
    seen.observe(view_of(x));
    CHECK(xquant::ranges_of(seen, named, q) == xquant::ranges_of(seen, rule, q));
  }
}

xquant::status refused(const char* text) {
  const named_rule before = named_rule::parse("percentile=99.5");
  named_rule rule = before;
  const xquant::status bad = named_rule::try_parse(text, rule);
  CHECK(rule == before);
  return bad;
}

}  // namespace

TEST_CASE("a named rule answers as its type does") {
  check_same("min_max", xquant::full_range{});
  check_same("entropy", xquant::entropy{});
  check_same("percentile", xquant::percentile{99.99});
  check_same("percentile=99.9", xquant::percentile{99.9});
  check_same("percentile=0", xquant::percentile{0});
  check_same("tensorrt_entropy", xquant::tensorrt_entropy{});
  check_same("mean_squared_error", xquant::mean_squared_error{});
  check_same("sqnr=2", xquant::sqnr{2});
  check_same("lp_norm=4", xquant::lp_norm{4});
  check_same("aciq_laplace", xquant::aciq{});
  check_same("aciq_gauss", xquant::aciq{xquant::bell::gauss});
  check_same("octav", xquant::octav{});
  check_same("mean_deviation", xquant::mean_deviation{});
}

TEST_CASE("every standard rule has a name of its own, and its text comes back") {
  std::set<std::string> names;
  for (const xquant::known_rule& rule : xquant::standard_rules) {
    CAPTURE(rule.name);
    CHECK(names.insert(rule.name).second);
    CHECK(std::string(rule.use).size() > 10);
    const named_rule standard(rule);
    CHECK(standard.valid().ok());
    CHECK(standard.text() == rule.name);
    CHECK(named_rule::parse(rule.name) == standard);
  }
  CHECK(named_rule() == named_rule::parse("min_max"));
  CHECK(named_rule::parse("percentile=99.9").text() == "percentile=99.9");
  CHECK(named_rule::parse("percentile=99.99").text() == "percentile");
  CHECK(named_rule::parse("percentile=99.9000000000001").text() == "percentile=99.9000000000001");
  CHECK(named_rule::parse("percentile=99.9") != named_rule::parse("percentile"));
}

TEST_CASE("what is no rule is refused and changes nothing") {
  for (const char* const text : {"", "=", "minmax", "min_max ", " min_max", "percentile,entropy", "MIN_MAX"}) {
    CAPTURE(text);
    CHECK(refused(text).code == errc::value_out_of_range);
    CHECK(refused(text).argument == std::string("rule"));
  }
  for (const char* const text : {"min_max=1", "entropy=", "entropy=8"}) {
    CAPTURE(text);
    CHECK(refused(text).code == errc::value_out_of_range);
    CHECK(refused(text).expected == std::string("no number: this rule has none to set"));
  }
  for (const char* const text :
       {"percentile=", "percentile=x", "percentile=99.9 ", "percentile= 99.9", "percentile=9e999"})
    CHECK(refused(text).expected == std::string("a number after the ="));
  for (const char* const text :
       {"percentile=101", "percentile=-1", "percentile=0.99", "percentile=nan", "percentile=inf"})
    CHECK(refused(text).argument == std::string("percentile"));
}
