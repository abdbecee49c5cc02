// The distribution of a tensor as an SVG, with the range of its codes and the grid of its numbers drawn over it.
#pragma once

#include <xquant/calibration/histogram.hpp>
#include <xquant/report/grid.hpp>
#include <xquant/report/markup.hpp>
#include <xquant/report/path.hpp>
#include <xquant/report/quantized_tensor.hpp>
#include <xquant/report/scales.hpp>
#include <xquant/report/text.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace xquant::inline XQUANT_ABI::report {

/// Neighbouring bins of a histogram added up: bar i holds the elements in [first + i width, first + (i+1) width) (below
/// zero the other end is the open one). Zero is an end of a bar; exact zeros are in the bar above it.
struct bars {
  double first = 0;
  double width = 0;
  std::vector<std::uint64_t> counts;  ///< first and last are not 0; none for an empty histogram
};
inline bars bars_of(const histogram& h, std::size_t at_most) {
  bars result;
  if (h.empty()) return result;
  const auto bins = static_cast<std::ptrdiff_t>(histogram::bins);
  const auto at = [&](std::ptrdiff_t j) {
    const std::uint64_t zeros = j == 0 ? h.zeros() : 0;
    return zeros + (j < 0 ? h.negative(static_cast<std::size_t>(-j - 1)) : h.positive(static_cast<std::size_t>(j)));
  };
  std::ptrdiff_t low = -bins;
  std::ptrdiff_t high = bins - 1;
  while (low < high && at(low) == 0) ++low;
  while (high > low && at(high) == 0) --high;
  const auto wanted = static_cast<std::ptrdiff_t>(std::max<std::size_t>(at_most, 2) - 1);
  const std::ptrdiff_t merged = (high - low + wanted) / wanted;
  const auto bar_of = [&](std::ptrdiff_t j) { return j >= 0 ? j / merged : -((-j - 1) / merged) - 1; };
  const std::ptrdiff_t first = bar_of(low);
  result.counts.assign(static_cast<std::size_t>(bar_of(high) - first + 1), 0);
  for (std::ptrdiff_t j = low; j <= high; ++j) result.counts[static_cast<std::size_t>(bar_of(j) - first)] += at(j);
  result.width = h.width() * static_cast<double>(merged);
  result.first = static_cast<double>(first) * result.width;
  return result;
}

/// Which numbers of a grid are drawn.
struct drawn_grid {
  std::vector<double> values;
  std::string note;  ///< "all 16 numbers", "every 8th of 256 numbers", "41 of 253 numbers"
};
/// Those of `values` (ascending) that lie at least `distance` apart: all of them, every 2^k-th of a uniform grid with 0
/// among them where it has one, or of any other grid as many as fit.
inline drawn_grid draw_grid(const std::vector<double>& values, double distance) {
  drawn_grid result;
  const std::size_t n = values.size();
  const std::string of = joined(" of ", std::to_string(n), " numbers");
  double smallest = n < 2 ? distance : values[1] - values[0];
  double largest = smallest;
  for (std::size_t i = 1; i < n; ++i) {
    smallest = std::min(smallest, values[i] - values[i - 1]);
    largest = std::max(largest, values[i] - values[i - 1]);
  }
  if (smallest >= distance) {
    result.values = values;
    result.note = joined("all ", std::to_string(n), " numbers");
  } else if (largest <= 1.001 * smallest) {
    std::size_t stride = 1;
    while (stride < n && static_cast<double>(stride) * smallest < distance) stride *= 2;
    const auto zero = static_cast<std::size_t>(std::lower_bound(values.begin(), values.end(), 0.0) - values.begin());
    for (std::size_t i = zero < n ? zero % stride : 0; i < n; i += stride) result.values.push_back(values[i]);
    result.note = joined("every ", std::to_string(stride), stride == 2 ? "nd" : "th", of);
  } else {
    // Outwards from zero, where numbers are closest.
    const auto zero = static_cast<std::size_t>(std::lower_bound(values.begin(), values.end(), 0.0) - values.begin());
    for (std::size_t i = std::min(zero, n - 1), first = i; i < n; ++i)
      if (i == first || values[i] - result.values.back() >= distance) result.values.push_back(values[i]);
    std::vector<double> below;
    for (std::size_t i = std::min(zero, n - 1); i-- > 0;)
      if ((below.empty() ? result.values.front() : below.back()) - values[i] >= distance) below.push_back(values[i]);
    result.values.insert(result.values.begin(), below.rbegin(), below.rend());
    result.note = std::to_string(result.values.size()) + of;
  }
  return result;
}

/// A finished drawing, and in words what it leaves out or changes.
struct chart {
  std::string svg;
  std::string note;
};

/// Bars of the elements of `t` (`at_most` of them) inside and beyond the range of the codes, the range's ends and the
/// grid's lines; for a tensor with a scale for each channel those of the channel with the widest range. A tensor
/// without finite elements gives an empty drawing that says so.
///   <path class="bars">          elements in the range; a run of bars is "M x base V top H right V top H right ... V
///   base Z" <path class="beyond">        bars wholly beyond it <path class="grid">          "M x top V base" for each
///   number that is drawn <path class="ends">          likewise for the two ends of the range
///   <path class="choice">        for each of t.ranges() a bracket beneath the axis, "M lower y-3 V y+3 M lower y H
///   upper M upper y-3 V y+3", with its name in it, or beside it,
///   in their order
inline chart histogram_chart(const quantized_tensor& t, std::size_t at_most = 120) {
  constexpr double width = 548;
  constexpr double height = 206;
  constexpr double left = 46;
  constexpr double right = width - 10;
  constexpr double top = 20;
  constexpr double base = height - 26;
  chart result;
  constexpr double row = 15;  // of a named range
  const double whole = height + row * static_cast<double>(t.ranges().size());
  markup svg;
  svg.open("svg", {{"class", "chart"},
                   {"viewBox", joined("0 0 ", coordinate(width), " ", coordinate(whole))},
                   {"role", "img"},
                   {"aria-label", "Histogram of " + t.name()}});
  const bars b = bars_of(t.values(), at_most);
  if (b.counts.empty()) {
    svg.element("text", {{"class", "none"}, {"x", coordinate(width / 2)}, {"y", coordinate(height / 2)}},
                "no finite elements");
    result.svg = svg.close().result();
    return result;
  }
  double lower = b.first;
  double upper = b.first + b.width * static_cast<double>(b.counts.size());
  const std::size_t slot = t.widest();
  std::vector<double> grid;
  grid_ends ends;
  if (t.is_quantized()) {
    grid = grid_values(t.encoding().quantizer, t.encoding().parameters.scale()[slot],
                       t.encoding().parameters.zero_point()[slot]);
    ends = ends_of(grid);
    lower = std::min(lower, ends.lower);
    upper = std::max(upper, ends.upper);
  }
  for (const named_range& r : t.ranges()) {
    lower = std::min(lower, r.lower);
    upper = std::max(upper, r.upper);
  }
  const double edge = (upper - lower) * 0.02;
  const linear_scale x{lower - edge, upper + edge, left, right};
  std::vector<double> heights(b.counts.begin(), b.counts.end());
  const count_scale counts = scale_for(heights);
  const auto y = [&](double count) { return base - counts.height(count) * (base - top); };

  // Counts.
  std::vector<double> ticks;
  if (counts.logarithmic)
    for (double c = 1; c <= counts.tallest; c *= 10) ticks.push_back(c);
  else
    ticks = round_numbers(0, counts.tallest, 4);
  while (ticks.size() > 6)
    for (std::size_t i = 1; i < ticks.size(); ++i) ticks.erase(ticks.begin() + static_cast<std::ptrdiff_t>(i));
  path lines;
  for (const double c : ticks) {
    if (c > 0) lines.move(left, y(c)).horizontal(right);
    svg.element("text", {{"class", "count"}, {"x", coordinate(left - 6)}, {"y", coordinate(y(c) + 3.5)}},
                c >= 1e6 ? number(c / 1e6, 3) + " M" : counted(static_cast<std::uint64_t>(c)));
  }
  svg.leaf("path", {{"class", "level"}, {"d", lines.data()}});

  // Bars, in runs without gaps.
  if (t.is_quantized()) {
    const auto shade = [&](double from, double to) {
      if (to - from > 0.5)
        svg.leaf("rect", {{"class", "outside"},
                          {"x", coordinate(from)},
                          {"y", coordinate(top)},
                          {"width", coordinate(to - from)},
                          {"height", coordinate(base - top)}});
    };
    shade(left, x(ends.lower));
    shade(x(ends.upper), right);
  }
  path paths[2];
  int open = -1;
  for (std::size_t i = 0; i < b.counts.size(); ++i) {
    const double from = b.first + static_cast<double>(i) * b.width;
    const double to = from + b.width;
    const bool beyond =
        t.is_quantized() && (to < ends.lower - 0.5 * ends.lower_step || from > ends.upper + 0.5 * ends.upper_step);
    const int kind = b.counts[i] == 0 ? -1 : beyond ? 1 : 0;
    if (kind != open && open >= 0) paths[open].vertical(base).close();
    if (kind != open && kind >= 0) paths[kind].move(x(from), base);
    if (kind >= 0) paths[kind].vertical(y(heights[i])).horizontal(x(to));
    open = kind;
  }
  if (open >= 0) paths[open].vertical(base).close();
  svg.leaf("path", {{"class", "bars"}, {"d", paths[0].data()}});
  if (!paths[1].empty()) svg.leaf("path", {{"class", "beyond"}, {"d", paths[1].data()}});

  // The grid and the ends of the range.
  if (t.is_quantized()) {
    const double pixel = (x.upper - x.lower) / (x.last - x.first);
    const drawn_grid drawn = draw_grid(grid, 5 * pixel);
    path drawn_lines;
    for (const double v : drawn.values) drawn_lines.move(x(v), top).vertical(base);
    svg.leaf("path", {{"class", "grid"}, {"d", drawn_lines.data()}});
    path drawn_ends;
    for (const double v : {ends.lower, ends.upper}) drawn_ends.move(x(v), top - 6).vertical(base);
    svg.leaf("path", {{"class", "ends"}, {"d", drawn_ends.data()}});
    const bool close = x(ends.upper) - x(ends.lower) < 90;
    svg.element("text",
                {{"class", close ? "end last" : "end first"},
                 {"x", coordinate(x(ends.lower) + (close ? -4 : 4))},
                 {"y", coordinate(top - 5)}},
                number(ends.lower, 3));
    svg.element("text",
                {{"class", close ? "end first" : "end last"},
                 {"x", coordinate(x(ends.upper) + (close ? 4 : -4))},
                 {"y", coordinate(top - 5)}},
                number(ends.upper, 3));
    result.note = drawn.note;
  }
  svg.leaf("path", {{"class", "axis"}, {"d", path().move(left, base).horizontal(right).data()}});
  for (const double v : round_numbers(x.lower, x.upper, 8))
    svg.element("text", {{"class", "value"}, {"x", coordinate(x(v))}, {"y", coordinate(base + 15)}}, number(v, 3));
  if (counts.logarithmic) svg.element("text", {{"class", "scale"}, {"x", "4"}, {"y", "10"}}, "log count");
  double line = height + 4;
  for (const named_range& r : t.ranges()) {
    path bracket;
    bracket.move(x(r.lower), line - 3).vertical(line + 3).move(x(r.lower), line).horizontal(x(r.upper));
    bracket.move(x(r.upper), line - 3).vertical(line + 3);
    svg.leaf("path", {{"class", "choice"}, {"d", bracket.data()}});
    // The name stands in the bracket, or beside one that it would hide.
    const double extent = 6.3 * static_cast<double>(r.name.size());
    const bool fits = x(r.upper) - x(r.lower) > extent + 16;
    const bool after = x(r.upper) + extent + 6 < right;
    svg.element("text",
                {{"class", fits    ? "choice"
                           : after ? "choice first"
                                   : "choice last"},
                 {"x", coordinate(fits    ? (x(r.lower) + x(r.upper)) / 2
                                  : after ? x(r.upper) + 6
                                          : x(r.lower) - 6)},
                 {"y", coordinate(line + 3.5)}},
                r.name);
    line += row;
  }
  result.svg = svg.close().result();
  return result;
}

}  // namespace xquant::report
