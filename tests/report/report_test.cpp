// Reports: drawings taken apart again and compared with counts and positions worked out here; ratios in long double;
// names that try to be markup; tensors with nothing, one element, NaN.
#include <xquant/report/network_report.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "xml.hpp"

namespace {

using test::parse_xml;
using test::xml_element;
using xquant::encoding;
using xquant::errc;
using xquant::format_id;
using xquant::parameters;
using xquant::quantizer_description;
using xquant::scheme_id;
using xquant::shape;
namespace report = xquant::report;
using report::quantized_tensor;

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

quantizer_description affine(int bits) {
  return {.format = xquant::unsigned_integer, .bits = bits, .scheme = xquant::id_of<xquant::affine>};
}

// Unsigned affine codes of that many bits, by hand.
std::vector<float> rounded(const std::vector<float>& x, int bits, double scale, int zero_point) {
  std::vector<float> y;
  for (const float v : x) {
    double code = std::rint(static_cast<double>(v) / scale) + zero_point;
    code = std::isnan(code) ? zero_point : std::fmin(std::fmax(code, 0), std::ldexp(1.0, bits) - 1);
    y.push_back(static_cast<float>(scale * (code - zero_point)));
  }
  return y;
}

std::vector<float> normal(std::size_t n, float spread, std::uint32_t seed) {
  std::mt19937 engine(seed);
  std::vector<float> x(n);
  for (float& v : x) {
    double sum = 0;
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(engine()) / 4294967296.0;
    v = spread * static_cast<float>(sum - 6);
  }
  return x;
}

quantized_tensor observed(const std::vector<float>& x, const encoding& e, const std::vector<float>& y,
                          const std::string& name = "t") {
  quantized_tensor t(name, e);
  t.observe(x, y, shape(x.size()));
  return t;
}

// The commands of a path: a letter and its numbers.
std::vector<std::pair<char, std::vector<double>>> commands(const std::string& d) {
  std::vector<std::pair<char, std::vector<double>>> result;
  for (const char* at = d.c_str(); *at != '\0';) {
    if (std::isalpha(static_cast<unsigned char>(*at))) {
      result.push_back({*at++, {}});
    } else {
      char* end = nullptr;
      result.back().second.push_back(std::strtod(at, &end));
      REQUIRE(end != at);
      at = end;
      while (*at == ' ') ++at;
    }
  }
  return result;
}

struct bar {
  double left, right, top, base;
};
std::vector<bar> bars_in(const xml_element& path) {
  std::vector<bar> bars;
  double x = 0;
  double y = 0;
  double base = 0;
  for (const auto& [letter, numbers] : commands(path.attribute("d"))) {
    if (letter == 'M') {
      x = numbers[0];
      base = numbers[1];
    } else if (letter == 'V') {
      y = numbers[0];
    } else if (letter == 'H') {
      bars.push_back({x, numbers[0], y, base});
      x = numbers[0];
    } else {
      CHECK(letter == 'Z');
      CHECK(y == base);
    }
  }
  return bars;
}
// Where the vertical lines of a path are.
std::vector<double> lines_in(const xml_element& path) {
  std::vector<double> x;
  for (const auto& [letter, numbers] : commands(path.attribute("d")))
    if (letter == 'M') x.push_back(numbers[0]);
  return x;
}

report::layer_report layer_named(const std::string& name, double noise) {
  report::layer_report l;
  l.name = name;
  l.kind = "Conv";
  const std::vector<float> x = normal(600, 1, 5);
  quantized_tensor w(name + ".weight",
                     {{.granularity = xquant::per_axis<>{}}, parameters(std::vector<float>{0.02f, 0.03f, 0.04f})}, 0);
  w.observe(x, x, shape(3, 200));
  l.weights.push_back(w);
  l.output.emplace(observed(x, {affine(8), parameters(0.05f, 128)}, rounded(x, 8, 0.05, 128), name + ".output"));
  l.alone.add(1, 1 + static_cast<float>(noise));
  l.network.add(1, 1 + static_cast<float>(2 * noise));
  return l;
}

}  // namespace

TEST_CASE("numbers in a report") {
  CHECK(report::number(0.0125) == "0.0125");
  CHECK(report::number(1.5e-7) == "1.5e-07");
  CHECK(report::number(-0.0) == "0");
  CHECK(report::fixed(94.7666, 2) == "94.77");
  CHECK(report::fixed(-0.001, 2) == "0.00");
  CHECK(report::coordinate(12.04) == "12");
  CHECK(report::coordinate(12.06) == "12.1");
  CHECK(report::coordinate(std::nan("")) == "0");
  CHECK(report::counted(0) == "0");
  CHECK(report::counted(1234567) == "1,234,567");
  CHECK(report::counted(999) == "999");
  CHECK(report::percent(0) == "0 %");
  CHECK(report::percent(1e-9) == "< 0.01 %");
  CHECK(report::percent(0.375) == "38 %");
}

TEST_CASE("text from elsewhere is text, whatever is in it") {
  CHECK(report::escaped("a<b>&\"'") == "a&lt;b&gt;&amp;&quot;&#39;");
  CHECK(report::escaped("gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80") ==
        "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80");
  const std::string replaced[] = {std::string(1, '\0'),
                                  "\x1b",
                                  "\n",
                                  "\x7f",
                                  "\x80",
                                  "\xff",
                                  "\xC3",
                                  "\xC0\xAF",
                                  "\xE0\x80\xAF",
                                  "\xED\xA0\x80",
                                  "\xEF\xBF\xBF",
                                  "\xF4\x90\x80\x80",
                                  "\xE2\x80\xAE",
                                  "\xE2\x81\xA6",
                                  "\xC2\x85"};
  for (const std::string& bad : replaced) {
    const std::string text = report::escaped("a" + bad + "b");
    CHECK(text.substr(0, 9) == "a&#xFFFD;");
    CHECK(text.back() == 'b');
    for (const char c : text) CHECK((c >= 0x20 && c < 0x7F));
  }
  CHECK(report::shortened("abcdefghij", 10) == "abcdefghij");
  CHECK(report::shortened("abcdefghijk", 10) == "abcd...ijk");
  // Cut between characters, not between bytes.
  CHECK(report::shortened("\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC", 5) ==
        "\xE2\x82\xAC...\xE2\x82\xAC");
}

TEST_CASE("the ratio of signal to noise, in long double") {
  const std::vector<float> x = normal(10000, 0.7f, 1);
  const std::vector<float> y = rounded(x, 4, 0.2, 7);
  report::signal_to_noise s;
  report::signal_to_noise halves[2];
  long double signal = 0;
  long double noise = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    s.add(x[i], y[i]);
    halves[i % 2].add(x[i], y[i]);
    signal += static_cast<long double>(x[i]) * x[i];
    noise += (static_cast<long double>(y[i]) - x[i]) * (static_cast<long double>(y[i]) - x[i]);
  }
  const auto expected = static_cast<double>(10 * std::log10(signal / noise));
  CHECK(s.decibels() == doctest::Approx(expected).epsilon(1e-12));
  halves[0].merge(halves[1]);
  CHECK(halves[0].decibels() == doctest::Approx(expected).epsilon(1e-12));
  CHECK(halves[0].count() == x.size());

  report::signal_to_noise none;
  CHECK(std::isnan(none.decibels()));
  none.add(0, 0);
  CHECK(std::isnan(none.decibels()));
  none.add(not_a_number, 0);
  none.add(infinity, 1);
  none.add(1, not_a_number);
  CHECK(std::isnan(none.decibels()));
  CHECK(none.not_finite() == 3);
  none.add(0, 1);
  CHECK(none.decibels() == -INFINITY);
  report::signal_to_noise exact;
  exact.add(2, 2);
  CHECK(exact.decibels() == INFINITY);
  report::signal_to_noise huge;  // squares beyond float32
  huge.add(3e38f, 2e38f);
  CHECK(huge.decibels() == doctest::Approx(20 * std::log10(3.0)).epsilon(1e-6));
}

TEST_CASE("a grid holds what its codes stand for") {
  const std::vector<double> values = report::grid_values(affine(4), 0.5f, 3);
  REQUIRE(values.size() == 16);
  for (int code = 0; code < 16; ++code) CHECK(values[static_cast<std::size_t>(code)] == 0.5 * (code - 3));
  const auto narrow =
      report::grid_values({.bits = 8, .scheme = xquant::id_of<xquant::symmetric<xquant::code_range::narrow>>}, 1.0f, 0);
  CHECK(narrow.size() == 255);
  CHECK(narrow.front() == -127);
  CHECK(report::grid_values(affine(16), 1.0f, 0).size() == 65536);
  // e4m3fn: m/8 * 2^-6 for exponent 0, (1 + m/8) * 2^(e-7) else, without e = 15, m = 7; both zeros are one number.
  std::set<double> expected;
  for (int e = 0; e < 16; ++e)
    for (int m = 0; m < (e == 15 ? 7 : 8); ++m)
      for (const double sign : {-2.0, 2.0})
        expected.insert(sign * (e == 0 ? std::ldexp(m, -9) : std::ldexp(8 + m, e - 10)) + 0.0);
  const auto float8 = report::grid_values({.format = xquant::id_of<xquant::e4m3fn>}, 2.0f, 0);
  CHECK(float8 == std::vector<double>(expected.begin(), expected.end()));
  const report::grid_ends ends = report::ends_of(float8);
  CHECK(ends.lower == -896);
  CHECK(ends.upper_step == 64);
  CHECK(ends.numbers == 253);
  CHECK_THROWS_AS(report::grid_values({.bits = 17}, 1.0f, 0), xquant::error);
}

TEST_CASE("which lines of a grid are drawn") {
  std::vector<double> values;
  for (int code = 0; code < 256; ++code) values.push_back(0.1 * (code - 101));
  CHECK(report::draw_grid(values, 0.05).note == "all 256 numbers");
  const report::drawn_grid some = report::draw_grid(values, 0.55);
  CHECK(some.note == "every 8th of 256 numbers");
  CHECK(some.values.size() == 32);
  std::size_t zeros = 0;
  for (const double v : some.values) zeros += v == 0 ? 1u : 0u;
  CHECK(zeros == 1);
  CHECK(report::draw_grid(values, 0.15).note == "every 2nd of 256 numbers");
  const std::vector<double> uneven = {-8, -4, -2, -1, -0.5, 0, 0.5, 1, 2, 4, 8};
  CHECK(report::draw_grid(uneven, 1.5).values == std::vector<double>{-8, -4, -2, 0, 2, 4, 8});
  CHECK(report::draw_grid({}, 1).values.empty());
  CHECK(report::draw_grid({3}, 1).values == std::vector<double>{3});
}

TEST_CASE("bars are counts of the elements between their ends, as high as they say") {
  for (const bool heavy : {false, true}) {
    std::vector<float> x = normal(5000, 1, 2);
    if (heavy)
      for (float& v : x) v = v * v * v;  // most elements near zero: a logarithmic axis
    const quantized_tensor t = observed(x, {affine(8), parameters(0.03125f, 128)}, rounded(x, 8, 0.03125, 128));
    const report::bars b = report::bars_of(t.values(), 100);
    REQUIRE(b.counts.size() <= 101);
    REQUIRE(b.counts.size() > 40);
    CHECK(b.counts.front() != 0);
    CHECK(b.counts.back() != 0);
    std::vector<double> expected(b.counts.size());
    for (const float v : x) {
      double k = std::floor(static_cast<double>(v) / b.width);
      if (v < 0) k = -std::floor(-static_cast<double>(v) / b.width) - 1;
      ++expected.at(static_cast<std::size_t>(k - b.first / b.width));
    }
    double tallest = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      CHECK(static_cast<double>(b.counts[i]) == expected[i]);
      tallest = std::max(tallest, expected[i]);
    }

    const auto svg = parse_xml(report::histogram_chart(t, 100).svg);
    CHECK((svg->all("text", "scale").size() == 1) == heavy);
    std::vector<bar> drawn = bars_in(svg->one("path", "bars"));
    for (const xml_element* beyond : svg->all("path", "beyond")) {
      CHECK(heavy);
      const std::vector<bar> more = bars_in(*beyond);
      drawn.insert(drawn.end(), more.begin(), more.end());
    }
    std::sort(drawn.begin(), drawn.end(), [](const bar& a, const bar& c) { return a.left < c.left; });
    // Pixels from values, by the two ends of the range: codes 0 and 255.
    const std::vector<double> ends = lines_in(svg->one("path", "ends"));
    REQUIRE(ends.size() == 2);
    const double lower = 0.03125 * -128;
    const double upper = 0.03125 * 127;
    const auto pixel = [&](double v) { return ends[0] + (v - lower) / (upper - lower) * (ends[1] - ends[0]); };
    std::size_t next = 0;
    const double full = drawn[0].base - 20;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      if (expected[i] == 0) continue;
      REQUIRE(next < drawn.size());
      const bar& d = drawn[next++];
      const double part = heavy ? (1 + std::log10(expected[i])) / (1 + std::log10(tallest)) : expected[i] / tallest;
      CHECK(d.base - d.top == doctest::Approx(part * full).epsilon(0.001).scale(100));
      // Ends are drawn to a tenth of a pixel, which counts for more the further a bar lies beyond them.
      const double left = b.first + static_cast<double>(i) * b.width;
      CHECK(std::fabs(d.left - pixel(left)) <= 0.11 * (2 + std::fabs(left - lower) / (upper - lower)));
    }
    CHECK(next == drawn.size());
  }
}

TEST_CASE("the grid is drawn where its numbers are") {
  const std::vector<float> x = normal(500, 0.5f, 3);
  const quantized_tensor t = observed(x, {affine(4), parameters(0.25f, 6)}, rounded(x, 4, 0.25, 6));
  const report::chart drawn = report::histogram_chart(t);
  CHECK(drawn.note == "all 16 numbers");
  const auto svg = parse_xml(drawn.svg);
  const std::vector<double> ends = lines_in(svg->one("path", "ends"));
  const std::vector<double> grid = lines_in(svg->one("path", "grid"));
  REQUIRE(grid.size() == 16);
  for (std::size_t code = 0; code < 16; ++code)
    CHECK(std::fabs(grid[code] - (ends[0] + static_cast<double>(code) / 15 * (ends[1] - ends[0]))) < 0.11);
  // The axis agrees: its 0 is code 6.
  for (const xml_element* label : svg->all("text", "value"))
    if (label->text == "0") CHECK(std::fabs(std::stod(label->attribute("x")) - grid[6]) < 0.11);
  bool lower_said = false;
  for (const xml_element* label : svg->all("text")) lower_said = lower_said || label->text == "-1.5";
  CHECK(lower_said);
}

TEST_CASE("what lies beyond the range is counted, and its part of the noise") {
  const std::vector<float> x = {-3, -1.3f, -1.26f, -1.2f, 0, 0.1f, 0.6f, 0.64f, 5};
  const double scale = 0.25;  // codes 0..7 with zero point 5: -1.25 to 0.5
  const std::vector<float> y = rounded(x, 3, scale, 5);
  const quantized_tensor t = observed(x, {affine(3), parameters(0.25f, 5)}, y);
  CHECK(t.clipped() == 3);  // -3, 0.64 and 5 are more than half a step out
  CHECK(t.clipping_noise() == doctest::Approx(1.75 * 1.75 + 0.14 * 0.14 + 4.5 * 4.5).epsilon(1e-6));
  CHECK(t.values().zeros() == 1);
  const auto svg = parse_xml(report::histogram_chart(t).svg);
  CHECK(bars_in(svg->one("path", "beyond")).size() == 3);
}

TEST_CASE("ranges that rules choose are drawn beneath the axis, on its scale") {
  const std::vector<float> x = normal(500, 0.5f, 3);
  quantized_tensor t = observed(x, {affine(4), parameters(0.25f, 6)}, rounded(x, 4, 0.25, 6));  // -1.5 to 2.25
  t.compare({{"min_max", -3, 4}, {"entropy", -1.5, 2.25}, {"least & last", 0.5, 0.5}});
  const auto svg = parse_xml(report::histogram_chart(t).svg);
  const std::vector<double> ends = lines_in(svg->one("path", "ends"));
  REQUIRE(ends.size() == 2);
  const auto pixel = [&](double v) { return ends[0] + (v + 1.5) / 3.75 * (ends[1] - ends[0]); };
  const std::vector<const xml_element*> brackets = svg->all("path", "choice");
  std::vector<const xml_element*> names = svg->all("text", "choice");
  REQUIRE(names.size() == 2);
  names.push_back(&svg->one("text", "choice first"));  // a bracket narrower than its name
  REQUIRE(brackets.size() == 3);
  double last = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    double from = 0;
    double to = 0;
    double y = 0;
    const std::string d = brackets[i]->attribute("d");
    REQUIRE(std::sscanf(d.c_str() + d.rfind("M", d.find('H')), "M%lf %lfH%lf", &from, &y, &to) == 3);
    CHECK(std::fabs(from - pixel(t.ranges()[i].lower)) < 0.11);
    CHECK(std::fabs(to - pixel(t.ranges()[i].upper)) < 0.11);
    CHECK(y > last);
    last = y;
    CHECK(names[i]->text == t.ranges()[i].name);
  }
  double extent = 0;
  REQUIRE(std::sscanf(svg->attribute("viewBox").c_str(), "0 0 548 %lf", &extent) == 1);
  CHECK(last + 4 <= extent);

  const auto refused = [&](double lower, double upper) {
    try {
      t.compare({{"good", 0, 1}, {"bad", lower, upper}});
    } catch (const xquant::error& e) {
      CHECK(e.status().index == 1);
      return e.code();
    }
    return errc::ok;
  };
  CHECK(refused(1, 0) == errc::range_inverted);
  CHECK(refused(0, INFINITY) == errc::range_not_finite);
  CHECK(refused(NAN, 1) == errc::range_not_finite);
  CHECK(t.ranges().size() == 3);
}

TEST_CASE("channels have their own statistics and ranges") {
  // [2, 3, 2]: channels along axis 1 of magnitudes 1, 100 and 0.001.
  const std::vector<float> x = {1, -0.5f, 100, 50, 0.001f, 0, 0.25f, 0.1f, -100, 25, 0.0005f, 0};
  std::vector<float> y = x;
  y[4] = 0;
  y[10] = 0;
  quantized_tensor t(
      "w", {{.granularity = xquant::per_axis<>{1}}, parameters(std::vector<float>{0.0078125f, 0.78125f, 0.5f})});
  t.observe(x, y, shape(2, 3, 2));
  REQUIRE(t.channels().size() == 3);
  CHECK(t.channels()[1].minimum == -100);
  CHECK(t.channels()[1].maximum == 100);
  CHECK(t.channels()[2].maximum == 0.001f);
  CHECK(t.channels()[0].noise.decibels() == INFINITY);
  CHECK(t.channels()[2].noise.decibels() == 0);  // everything lost
  CHECK(t.widest() == 1);
  CHECK(t.noise().count() == x.size());
  const auto svg = parse_xml(report::channel_chart(t).svg);
  const std::vector<bar> good = bars_in(svg->one("path", "bars"));
  const std::vector<bar> poor = bars_in(svg->one("path", "poor"));
  REQUIRE(good.size() == 2);
  REQUIRE(poor.size() == 1);
  // Two decades from 1 to 100, three from 0.001 to 1.
  CHECK((good[0].top - good[1].top) / 2 == doctest::Approx((poor[0].top - good[0].top) / 3).epsilon(0.02));
  CHECK(lines_in(svg->one("path", "half")).size() == 3);
  CHECK(report::channel_chart(observed(x, {affine(8), parameters(1.0f, 0)}, x)).svg.empty());

  quantized_tensor many("m", {{}, parameters(1.0f)}, 0);
  const std::vector<float> row = normal(300, 1, 4);
  many.observe(row, row, shape(300));
  const report::chart some = report::channel_chart(many);
  CHECK(some.note == "128 of 300 channels, by magnitude");
  CHECK(bars_in(parse_xml(some.svg)->one("path", "bars")).size() == 128);
}

TEST_CASE("tensors with nothing, one element, one value, NaN") {
  const auto drawn = [](const std::vector<float>& x) {
    const quantized_tensor t = observed(x, {affine(8), parameters(0.1f, 3)}, rounded(x, 8, 0.1, 3));
    const report::chart c = report::histogram_chart(t);
    CHECK(c.svg.find("nan") == std::string::npos);
    CHECK(c.svg.find("inf") == std::string::npos);
    CHECK(report::channel_chart(t).svg.empty());
    return parse_xml(c.svg);
  };
  CHECK(drawn({})->one("text", "none").text == "no finite elements");
  CHECK(drawn({not_a_number, infinity, -infinity})->one("text", "none").text == "no finite elements");
  CHECK(bars_in(drawn({1.5f})->one("path", "bars")).size() == 1);
  CHECK(bars_in(drawn({0, 0, 0})->one("path", "bars")).size() == 1);
  CHECK(bars_in(drawn({not_a_number, 1.5f, not_a_number})->one("path", "bars")).size() == 1);
  for (const float extreme : {3.4e38f, 1e-45f, -3.4e38f}) drawn({extreme});
  drawn({-3.4e38f, 3.4e38f});
  // One that stays float has no range to draw.
  quantized_tensor floating("f", {});
  floating.observe(std::vector<float>{1, 2}, std::vector<float>{1, 2}, shape(2));
  const auto svg = parse_xml(report::histogram_chart(floating).svg);
  CHECK(svg->all("path", "ends").empty());
  CHECK(floating.noise().decibels() == INFINITY);
}

TEST_CASE("observations that do not fit are refused and change nothing") {
  const std::vector<float> x(6, 1.0f);
  const auto code_of = [](const auto& call) {
    try {
      call();
    } catch (const xquant::error& e) {
      return e.code();
    }
    return errc::ok;
  };
  quantized_tensor t("t", {{.granularity = xquant::per_axis<>{0}}, parameters(std::vector<float>{1, 2})});
  CHECK(code_of([&] { t.observe(x, std::vector<float>(5), shape(2, 3)); }) == errc::shape_mismatch);
  CHECK(code_of([&] { t.observe(x, x, shape(3, 2)); }) == errc::parameter_count);
  CHECK(code_of([&] { t.observe(x, x, shape()); }) == errc::shape_mismatch);
  CHECK(t.channels().empty());
  quantized_tensor by_axis("t", {{}, parameters(1.0f)}, 3);
  CHECK(code_of([&] { by_axis.observe(x, x, shape(2, 3)); }) == errc::axis_out_of_range);
  CHECK(code_of([] { quantized_tensor("t", {{.bits = 40}, parameters(1.0f)}); }) == errc::bits_out_of_range);
}

TEST_CASE("the page: well-formed, complete, worst first, nothing from elsewhere") {
  report::network_report r;
  const std::string hostile = "</title><script>alert('1')</script>\" onload=\"x\xFF\x01";
  r.network = hostile;
  r.configuration = hostile;
  r.facts = {{hostile, hostile}};
  r.accuracies = {{"float", "float", 0.9476, 0, true, false},
                  {"per_tensor", hostile, 0.9487, 0.00424, false, false},
                  {"per_channel", "min_max", 0.9473, 0.00279, false, true},
                  {"per_channel", "odd", std::nan(""), INFINITY, false, false}};
  r.layers = {layer_named("good", 0.001), layer_named(hostile, 0.5), layer_named("fair", 0.01)};
  r.layers.push_back(layer_named("empty", 0));
  r.layers.back().output.reset();
  r.layers.back().weights.clear();
  r.layers.back().alone = {};
  r.footer = hostile;
  const std::string html = report::to_html(r);
  CHECK(html == report::to_html(r));
  for (const char* outside : {"<script", "src=", "url(", "@import", "<link", "<img", "<iframe", "javascript:"})
    CHECK(html.find(outside) == std::string::npos);
  const std::size_t only = html.find("http");
  CHECK(html.find("http", only + 1) == std::string::npos);  // the name space of XHTML, which nobody fetches

  const auto page = parse_xml(html);
  CHECK(page->one("h1").text == "</title><script>alert('1')</script>\" onload=\"x??");
  const auto articles = page->all("article");
  REQUIRE(articles.size() == 4);
  std::vector<std::string> order;
  for (const xml_element* a : articles) order.push_back(a->attribute("id"));
  CHECK(order == std::vector<std::string>{"layer-1", "layer-2", "layer-0", "layer-3"});
  CHECK(articles[0]->one("div", "ratio poor").text == "6.0 dB");
  CHECK(articles[1]->one("div", "ratio").text == "40.0 dB");
  CHECK(articles[0]->all("svg").size() == 3);  // weights, their channels, output
  const std::set<std::string> ids(order.begin(), order.end());
  std::size_t links = 0;
  for (const xml_element* a : page->all("a")) {
    CHECK(ids.count(a->attribute("href").substr(1)) == 1);
    ++links;
  }
  CHECK(links == 4);
  CHECK(page->all("circle", "layer").size() == 3 + 1);  // and the legend; the empty layer has no ratio

  const auto rows = page->one("tbody").all("tr");
  REQUIRE(rows.size() == 4);
  CHECK(rows[2]->attribute("class") == "chosen");
  CHECK(rows[2]->all_text().find("94.73 %") != std::string::npos);
  CHECK(rows[2]->all_text().find("\xE2\x88\x92"
                                 "0.03") != std::string::npos);
  CHECK(rows[1]->all_text().find("+0.11") != std::string::npos);
  CHECK(report::to_html({}).size() > 1000);
  (void)parse_xml(report::to_html({}));
}
