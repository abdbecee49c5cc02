// Which range each rule chooses, and what that costs: three kinds of data, codes of 8 and of 4 bits. Prints a table and
// draws the ranges for 4 bits over one histogram for each kind: example_calibration_ranges [FILE]
// (calibration_ranges.svg by default).
#include <xquant/adapt/span.hpp>
#include <xquant/calibration/calibrator.hpp>
#include <xquant/calibration/named_rule.hpp>
#include <xquant/core/random.hpp>
#include <xquant/formats/integer.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/quantizer.hpp>
#include <xquant/report/histogram_chart.hpp>
#include <xquant/report/markup.hpp>
#include <xquant/report/quantized_tensor.hpp>
#include <xquant/report/signal_to_noise.hpp>
#include <xquant/runtime.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace report = xquant::report;

constexpr std::size_t sample_size = std::size_t{1} << 16;

struct data {
  std::string name;
  std::vector<float> x;
};

std::vector<data> draw_data() {
  std::uint64_t index = 0;
  const auto uniform = [&] { return (xquant::random_bits(20240102, index++) + 0.5) * 0x1p-32; };
  const auto normal = [&] {
    const double radius = std::sqrt(-2 * std::log(uniform()));
    return radius * std::cos(6.283185307179586 * uniform());
  };
  std::vector<data> all{{"weights: normal", {}},
                        {"activations: after a ReLU, with a long tail", {}},
                        {"one outlier: normal, and 40", {}}};
  for (std::size_t i = 0; i < sample_size; ++i) {
    all[0].x.push_back(static_cast<float>(normal()));
    const double signed_value = normal();
    all[1].x.push_back(static_cast<float>(std::max(0.0, signed_value * std::fabs(signed_value) * 0.7)));
    all[2].x.push_back(static_cast<float>(normal()));
  }
  all[2].x[0] = 40;
  return all;
}

// The ranges that all rules choose for a quantizer, and the signal-to-noise ratios of rounding with them.
struct answer {
  report::named_range range;
  double decibels;
};

template <class Quantizer>
std::vector<answer> answers_for(const Quantizer& q, const data& d) {
  xquant::observer<xquant::histogram> seen;
  seen.observe(d.x);
  std::vector<answer> answers;
  std::vector<float> y(d.x.size());
  for (const xquant::known_rule& known : xquant::standard_rules) {
    const auto ranges = xquant::ranges_of(seen, xquant::named_rule(known), q);
    xquant::fake_quantize(q, xquant::make_parameters(q, ranges), d.x, y);
    report::signal_to_noise noise;
    for (std::size_t i = 0; i < y.size(); ++i) noise.add(d.x[i], y[i]);
    answers.push_back({{known.name, ranges[0].minimum, ranges[0].maximum}, noise.decibels()});
  }
  return answers;
}

// The chart of d, rounded with the best answer, and all answers beneath.
std::string chart_of(const data& d, const std::vector<answer>& answers) {
  const xquant::quantizer<xquant::uint4, xquant::affine> q;
  const auto best = std::max_element(answers.begin(), answers.end(),
                                     [](const answer& a, const answer& b) { return a.decibels < b.decibels; });
  const auto parameters =
      xquant::make_parameters(q, std::vector<xquant::range<float>>{
                                     {static_cast<float>(best->range.lower), static_cast<float>(best->range.upper)}});
  std::vector<float> y(d.x.size());
  xquant::fake_quantize(q, parameters, d.x, y);
  report::quantized_tensor t(
      d.name, {{.format = xquant::unsigned_integer, .bits = 4, .scheme = xquant::id_of<xquant::affine>}, parameters});
  t.observe(d.x, y, xquant::shape(d.x.size()));
  std::vector<report::named_range> ranges;
  for (const answer& a : answers) ranges.push_back(a.range);
  t.compare(std::move(ranges));
  return report::histogram_chart(t).svg;
}

constexpr const char* style = R"(
text { font: 11px "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; fill: #5d6878; }
text.title { font-size: 14px; font-weight: 600; fill: #1b2330; }
text.value, text.choice { text-anchor: middle; }
text.first { text-anchor: start; }
text.count, text.last { text-anchor: end; }
text.choice { paint-order: stroke; stroke: #ffffff; stroke-width: 5px; fill: #1b2330; }
path { fill: none; }
.level { stroke: #e2e5ea; }
.axis { stroke: #8b95a4; }
path.bars { fill: #79abe0; }
path.beyond { fill: #d1495b; }
rect.outside { fill: #fbe3e6; opacity: 0.6; }
path.grid { stroke: #0d1b33; stroke-width: 0.7; opacity: 0.3; }
path.ends { stroke: #1b2330; stroke-width: 1.5; }
path.choice { stroke: #2c8a5b; stroke-width: 1.5; }
)";

// The charts one below the other.
std::string page_of(const std::vector<std::pair<std::string, std::string>>& charts, std::size_t rules) {
  const double height = 206 + 15 * static_cast<double>(rules);
  const double step = height + 44;
  const std::string all = report::coordinate(step * static_cast<double>(charts.size()) + 8);
  report::markup svg;
  svg.open("svg", {{"xmlns", "http://www.w3.org/2000/svg"}, {"viewBox", "0 0 580 " + all}, {"width", "580"}});
  svg.open("style").raw(style).close();
  svg.leaf("rect", {{"width", "580"}, {"height", all}, {"fill", "#ffffff"}});
  double y = 0;
  for (const auto& [name, chart] : charts) {
    svg.element("text", {{"class", "title"}, {"x", "16"}, {"y", report::coordinate(y + 22)}}, name);
    svg.open("g", {{"transform", "translate(16 " + report::coordinate(y + 36) + ")"}});
    std::string placed = chart;
    placed.insert(placed.find("<svg") + 4, " width=\"548\" height=\"" + report::coordinate(height) + "\"");
    svg.raw(placed).close();
    y += step;
  }
  return svg.close().result() + "\n";
}

}  // namespace

int main(int argc, char** argv) {
  const std::string path = argc > 1 ? argv[1] : "calibration_ranges.svg";
  std::vector<std::pair<std::string, std::string>> charts;
  std::size_t rules = 0;
  for (const data& d : draw_data()) {
    const auto eight = answers_for(xquant::quantizer<xquant::uint8, xquant::affine>{}, d);
    const auto four = answers_for(xquant::quantizer<xquant::uint4, xquant::affine>{}, d);
    std::printf("%s\n%-20s %22s %8s %22s %8s\n", d.name.c_str(), "  rule", "8 bits: range", "dB", "4 bits: range",
                "dB");
    for (std::size_t i = 0; i < eight.size(); ++i)
      std::printf("  %-18s %11.4f %10.4f %8.2f %11.4f %10.4f %8.2f\n", eight[i].range.name.c_str(),
                  eight[i].range.lower, eight[i].range.upper, eight[i].decibels, four[i].range.lower,
                  four[i].range.upper, four[i].decibels);
    charts.emplace_back(d.name, chart_of(d, four));
    rules = four.size();
  }
  std::ofstream file(path, std::ios::binary);
  file << page_of(charts, rules);
  file.close();
  if (!file) {
    std::cerr << "calibration_ranges: cannot write " << path << "\n";
    return 1;
  }
  std::printf("drawn in %s\n", path.c_str());
}
