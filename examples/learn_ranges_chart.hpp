// What training did, drawn: the loss of each run, and the range of each activation as it was learned.
#pragma once

#include <xquant/report/markup.hpp>
#include <xquant/report/path.hpp>
#include <xquant/report/scales.hpp>
#include <xquant/report/text.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "learn_ranges_network.hpp"
#include "learn_ranges_training.hpp"

namespace learn_ranges {

namespace report = xquant::report;

constexpr const char* chart_style = R"(
text { font: 11px "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; fill: #5d6878; }
text.title { font-size: 13px; font-weight: 600; fill: #1b2330; }
text.value { text-anchor: end; }
text.below { text-anchor: middle; }
path { fill: none; }
.level { stroke: #e2e5ea; }
.line { stroke-width: 1.4; stroke-linejoin: round; }
.LSQ { stroke: #3f7fc4; }
.range { stroke: #d1495b; }
.few { stroke-dasharray: 4 2.5; }
)";

// A curve: y over x = 0, 1, 2 ..., in the line of a run.
struct curve {
  const run* of;
  std::vector<double> y;
};

inline std::string line_class(const settings& s) {
  return std::string("line ") + s.how->name + (s.bits < 4 ? " few" : "");
}

// Curves in a frame with its upper left corner at (left, top); epochs below, values beside.
inline void draw_panel(report::markup& svg, const std::string& title, double left, double top, double width,
                       double height, const std::vector<curve>& curves) {
  double lower = 0;
  double upper = 0;
  for (const curve& c : curves)
    for (const double v : c.y) lower = std::min(lower, v), upper = std::max(upper, v);
  const report::linear_scale y{lower, upper + 0.05 * (upper - lower), top + height, top};
  const auto epochs = static_cast<double>(curves[0].of->of.epochs);
  const report::linear_scale x{0, epochs, left, left + width};

  svg.element("text", {{"class", "title"}, {"x", report::coordinate(left)}, {"y", report::coordinate(top - 8)}}, title);
  report::path levels;
  for (const double v : report::round_numbers(y.lower, y.upper, 4)) {
    levels.move(left, y(v)).horizontal(left + width);
    svg.element("text", {{"class", "value"}, {"x", report::coordinate(left - 5)}, {"y", report::coordinate(y(v) + 4)}},
                report::number(v));
  }
  for (const double e : report::round_numbers(0, epochs, 4))
    svg.element("text",
                {{"class", "below"}, {"x", report::coordinate(x(e))}, {"y", report::coordinate(top + height + 14)}},
                report::number(e));
  svg.leaf("path", {{"class", "level"}, {"d", levels.data()}});
  for (const curve& c : curves) {
    report::path line;
    for (std::size_t i = 0; i < c.y.size(); ++i) {
      const double at = x(epochs * (static_cast<double>(i) + 0.5) / static_cast<double>(c.y.size()));
      line.empty() ? line.move(at, y(c.y[i])) : line.line(at, y(c.y[i]));
    }
    svg.leaf("path", {{"class", line_class(c.of->of)}, {"d", line.data()}});
  }
}

// At most `count` points of all: each the mean of those it stands for.
inline std::vector<double> thinned(const std::vector<double>& all, std::size_t count) {
  count = std::min(count, all.size());
  std::vector<double> few;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t first = i * all.size() / count;
    few.push_back(mean_of(all, first, (i + 1) * all.size() / count - first));
  }
  return few;
}

inline void draw_key(report::markup& svg, const std::vector<run>& runs, double left, double top) {
  for (const run& r : runs) {
    svg.leaf("path",
             {{"class", line_class(r.of)}, {"d", report::path().move(left, top - 4).horizontal(left + 24).data()}});
    svg.element("text", {{"x", report::coordinate(left + 30)}, {"y", report::coordinate(top)}},
                report::joined(r.of.how->name, ", ", std::to_string(r.of.bits), " bits"));
    left += 170;
  }
}

// One loss for all runs above, one panel for each activation below, with both ends of its range.
inline std::string chart_of(const std::vector<run>& runs) {
  constexpr double width = 800;
  constexpr double height = 640;
  report::markup svg;
  svg.open("svg", {{"xmlns", "http://www.w3.org/2000/svg"},
                   {"viewBox", report::joined("0 0 ", report::coordinate(width), " ", report::coordinate(height))},
                   {"width", report::coordinate(width)}});
  svg.open("style").raw(chart_style).close();
  svg.leaf("rect", {{"width", report::coordinate(width)}, {"height", report::coordinate(height)}, {"fill", "#ffffff"}});
  draw_key(svg, runs, 48, 22);
  std::vector<curve> losses;
  for (const run& r : runs) losses.push_back({&r, thinned(r.loss, 64)});
  draw_panel(svg, "Loss, over epochs", 48, 58, width - 72, 150, losses);
  svg.element("text", {{"class", "title"}, {"x", "48"}, {"y", "258"}}, "Both ends of the range of each activation");
  for (std::size_t p = 0; p < places; ++p) {
    std::vector<curve> ends;
    for (const run& r : runs) {
      std::vector<double> low;
      std::vector<double> high;
      for (const auto& e : r.ends) {
        low.push_back(e[p].minimum);
        high.push_back(e[p].maximum);
      }
      ends.push_back({&r, thinned(low, 48)});
      ends.push_back({&r, thinned(high, 48)});
    }
    draw_panel(svg, place_names[p], 48 + 192 * static_cast<double>(p % 4), 292 + 182 * static_cast<double>(p / 4), 148,
               130, ends);
  }
  return svg.close().result() + "\n";
}

}  // namespace learn_ranges
