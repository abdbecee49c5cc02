// The channels of a weight side by side as an SVG: how large their elements are, and what their codes can hold.
#pragma once

#include <xquant/report/histogram_chart.hpp>
#include <xquant/report/markup.hpp>
#include <xquant/report/path.hpp>
#include <xquant/report/quantized_tensor.hpp>
#include <xquant/report/scales.hpp>
#include <xquant/report/text.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

namespace xquant::inline XQUANT_ABI::report {

/// The largest magnitude of each channel as a bar, on a logarithmic axis; over it the largest magnitude its codes have,
/// below it half a step, under which elements become 0. Channels below `poor` decibels are drawn apart. At most 128
/// channels: of more, evenly many from the largest to the smallest. Empty for fewer than two channels.
///   <path class="bars">, <path class="poor">   a bar per channel: "M left base V top H right V base Z"
///   <path class="ends">, <path class="half">   "M left y H right" for each channel
inline chart channel_chart(const quantized_tensor& t, double poor = 15) {
  constexpr double width = 548;
  constexpr double height = 132;
  constexpr double left = 46;
  constexpr double right = width - 10;
  constexpr double top = 8;
  constexpr double base = height - 22;
  constexpr std::size_t at_most = 128;
  chart result;
  const std::vector<channel_statistics>& channels = t.channels();
  if (channels.size() < 2) return result;
  const auto magnitude = [&](std::size_t c) {
    return std::max(std::fabs(static_cast<double>(channels[c].minimum)),
                    std::fabs(static_cast<double>(channels[c].maximum)));
  };
  std::vector<std::size_t> shown(channels.size());
  for (std::size_t c = 0; c < shown.size(); ++c) shown[c] = c;
  if (shown.size() > at_most) {
    std::stable_sort(shown.begin(), shown.end(),
                     [&](std::size_t a, std::size_t b) { return magnitude(a) > magnitude(b); });
    std::vector<std::size_t> some;
    for (std::size_t i = 0; i < at_most; ++i) some.push_back(shown[i * (shown.size() - 1) / (at_most - 1)]);
    shown = some;
    result.note = std::to_string(at_most) + " of " + std::to_string(channels.size()) + " channels, by magnitude";
  }
  double lowest = 0;
  double highest = 0;
  const auto include = [&](double v) {
    if (!(v > 0) || !std::isfinite(v)) return;
    lowest = lowest == 0 ? v : std::min(lowest, v);
    highest = std::max(highest, v);
  };
  const auto ends = [&](std::size_t c) { return t.ends()[t.ends().size() == 1 ? 0 : c]; };
  for (const std::size_t c : shown) {
    include(magnitude(c));
    if (!t.is_quantized()) continue;
    include(std::max(-ends(c).lower, ends(c).upper));
    include(ends(c).upper_step / 2);
  }
  if (lowest == 0) return {};
  // Not more than ten decades: what is smaller is at the bottom.
  const double high = std::log10(highest) + 0.1;
  const double low = std::max(std::log10(lowest) - 0.2, high - 10);
  const linear_scale decades{low, high, base, top};
  const auto y = [&](double v) { return v > 0 && std::isfinite(v) ? std::min(decades(std::log10(v)), base) : base; };
  const double column = (right - left) / static_cast<double>(shown.size());
  const double gap = column > 3 ? 0.8 : 0;

  markup svg;
  svg.open("svg", {{"class", "chart"},
                   {"viewBox", joined("0 0 ", coordinate(width), " ", coordinate(height))},
                   {"role", "img"},
                   {"aria-label", "Channels of " + t.name()}});
  path levels;
  const double every = std::max(1.0, std::ceil((high - low) / 4));
  for (double k = std::ceil(low); k <= high; k += every) {
    levels.move(left, decades(k)).horizontal(right);
    svg.element("text", {{"class", "count"}, {"x", coordinate(left - 6)}, {"y", coordinate(decades(k) + 3.5)}},
                number(std::pow(10.0, k), 3));
  }
  svg.leaf("path", {{"class", "level"}, {"d", levels.data()}});
  path good_bars;
  path poor_bars;
  path range;
  path half;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const std::size_t c = shown[i];
    const double from = left + static_cast<double>(i) * column + gap;
    const double to = left + static_cast<double>(i + 1) * column - gap;
    const double db = channels[c].noise.decibels();
    (db < poor ? poor_bars : good_bars)
        .move(from, base)
        .vertical(y(magnitude(c)))
        .horizontal(to)
        .vertical(base)
        .close();
    if (!t.is_quantized()) continue;
    range.move(from - gap, y(std::max(-ends(c).lower, ends(c).upper))).horizontal(to + gap);
    half.move(from - gap, y(ends(c).upper_step / 2)).horizontal(to + gap);
  }
  if (!good_bars.empty()) svg.leaf("path", {{"class", "bars"}, {"d", good_bars.data()}});
  if (!poor_bars.empty()) svg.leaf("path", {{"class", "poor"}, {"d", poor_bars.data()}});
  if (!half.empty()) svg.leaf("path", {{"class", "half"}, {"d", half.data()}});
  if (!range.empty()) svg.leaf("path", {{"class", "ends"}, {"d", range.data()}});
  svg.leaf("path", {{"class", "axis"}, {"d", path().move(left, base).horizontal(right).data()}});
  svg.element("text", {{"class", "value first"}, {"x", coordinate(left)}, {"y", coordinate(base + 15)}},
              result.note.empty() ? "channel 0" : "largest channel");
  svg.element("text", {{"class", "value last"}, {"x", coordinate(right)}, {"y", coordinate(base + 15)}},
              result.note.empty() ? std::to_string(channels.size() - 1) : "smallest");
  result.svg = svg.close().result();
  return result;
}

}  // namespace xquant::report
