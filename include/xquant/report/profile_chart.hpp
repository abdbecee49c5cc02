// Signal-to-noise ratios of the layers of a network, one line per layer, as an SVG.
#pragma once

#include <xquant/report/markup.hpp>
#include <xquant/report/path.hpp>
#include <xquant/report/scales.hpp>
#include <xquant/report/text.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::report {

/// A line of the chart; decibels that are not finite are not drawn, and above 70 dB or below -20 dB the edge says so.
struct profile_row {
  std::string name;
  std::string target;  ///< id of the element on the page that says more
  double weights = 0;
  double output = 0;
  double layer = 0;
  double network = 0;
};

/// Rows from top to bottom in the order given: a square for the weights, a ring for the output's own rounding, a disc
/// for the layer, and a line through the network so far.
///   <rect class="weights">, <circle class="output">, <circle class="layer">, <path class="network">
inline std::string profile_chart(const std::vector<profile_row>& rows) {
  constexpr double width = 1120;
  constexpr double left = 250;
  constexpr double right = width - 24;
  constexpr double top = 22;
  constexpr double row_height = 22;
  const double base = top + row_height * static_cast<double>(rows.size());
  double lower = 0;
  double upper = 10;
  for (const profile_row& r : rows)
    for (const double db : {r.weights, r.output, r.layer, r.network})
      if (std::isfinite(db)) {
        lower = std::max(std::min(lower, db), -20.0);
        if (db <= 70) upper = std::max(upper, db);
      }
  const linear_scale scale{5 * std::floor(lower / 5), 5 * std::ceil((upper + 1) / 5), left, right};
  const auto x = [&](double db) { return scale(std::clamp(db, scale.lower, scale.upper)); };
  markup svg;
  svg.open("svg", {{"class", "chart profile"},
                   {"viewBox", joined("0 0 ", coordinate(width), " ", coordinate(base + 22))},
                   {"role", "img"},
                   {"aria-label", "Signal-to-noise ratio of each layer, in order of execution"}});
  path levels;
  for (const double db : round_numbers(scale.lower, scale.upper, 10)) {
    levels.move(x(db), top - 6).vertical(base);
    for (const double y : {top - 11, base + 15})
      svg.element("text", {{"class", "value"}, {"x", coordinate(x(db))}, {"y", coordinate(y)}}, number(db) + " dB");
  }
  svg.leaf("path", {{"class", "level"}, {"d", levels.data()}});
  path line;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double y = top + row_height * (static_cast<double>(i) + 0.5);
    if (std::isfinite(rows[i].network) && rows[i].network <= scale.upper)
      line.empty() ? line.move(x(rows[i].network), y) : line.line(x(rows[i].network), y);
  }
  svg.leaf("path", {{"class", "network"}, {"d", line.data()}});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const profile_row& r = rows[i];
    const double y = top + row_height * (static_cast<double>(i) + 0.5);
    if (i % 2 == 1)
      svg.leaf("rect", {{"class", "stripe"},
                        {"x", "0"},
                        {"y", coordinate(y - row_height / 2)},
                        {"width", coordinate(width)},
                        {"height", coordinate(row_height)}});
    svg.open("a", {{"href", joined("#", r.target)}});
    svg.element("text", {{"class", "name"}, {"x", coordinate(left - 14)}, {"y", coordinate(y + 4)}},
                shortened(r.name, 32));
    svg.close();
    if (std::isfinite(r.layer) && r.layer > scale.upper)
      svg.element("text", {{"class", "value last"}, {"x", coordinate(right - 10)}, {"y", coordinate(y + 4)}},
                  number(r.layer, 3) + " dB");
    if (std::isfinite(r.weights))
      svg.leaf("rect", {{"class", "weights"},
                        {"x", coordinate(x(r.weights) - 4)},
                        {"y", coordinate(y - 4)},
                        {"width", "8"},
                        {"height", "8"}});
    if (std::isfinite(r.output))
      svg.leaf("circle", {{"class", "output"}, {"cx", coordinate(x(r.output))}, {"cy", coordinate(y)}, {"r", "4"}});
    if (std::isfinite(r.layer))
      svg.leaf("circle", {{"class", "layer"}, {"cx", coordinate(x(r.layer))}, {"cy", coordinate(y)}, {"r", "5"}});
  }
  return svg.close().result();
}

}  // namespace xquant::report
