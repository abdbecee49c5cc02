// The report of a quantized network: what it costs, and which layer it is that costs it.
#pragma once

#include <xquant/report/channel_chart.hpp>
#include <xquant/report/grid.hpp>
#include <xquant/report/histogram_chart.hpp>
#include <xquant/report/markup.hpp>
#include <xquant/report/page.hpp>
#include <xquant/report/profile_chart.hpp>
#include <xquant/report/quantized_tensor.hpp>
#include <xquant/report/signal_to_noise.hpp>
#include <xquant/report/text.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::report {

/// A line of the table of accuracies.
struct accuracy_row {
  std::string weights;
  std::string activations;
  double accuracy = 0;  ///< share of the images whose class is right; NaN when nobody knows
  double logit_mse = 0;
  bool is_float = false;  ///< the network before quantization: what the other rows are compared with
  bool is_chosen = false;
};

/// A part of the network that ends in a value whose readers see it rounded.
struct layer_report {
  std::string name;
  std::string kind;  ///< its operators
  std::vector<quantized_tensor> weights;
  std::optional<quantized_tensor> output;
  signal_to_noise alone;    ///< of its output, when it alone is quantized: its input is the float network's
  signal_to_noise network;  ///< of its output, in the quantized network
};

struct network_report {
  std::string network;
  std::string configuration;                               ///< a line under the title
  std::vector<std::pair<std::string, std::string>> facts;  ///< what else there is to say, by its name
  std::vector<accuracy_row> accuracies;
  std::vector<layer_report> layers;  ///< in order of execution
  std::string footer;
};

namespace detail {

inline std::string decibels(double db) {
  if (std::isnan(db)) return "\xE2\x80\x93";
  if (std::isinf(db)) return db > 0 ? "exact" : "lost";
  std::string text = db <= -0.05 ? "\xE2\x88\x92" : "";
  text += fixed(std::fabs(db), 1);
  text += " dB";
  return text;
}

inline std::string signed_points(double points) {
  const std::string size = fixed(std::fabs(points), 2);
  if (size == "0.00") return size;
  std::string text = points < 0 ? "\xE2\x88\x92" : "+";
  text += size;
  return text;
}

inline std::string percent(double share) { return std::isnan(share) ? "\xE2\x80\x93" : fixed(100 * share, 2) + " %"; }

// Layers by their ratio, worst first; those without one last, otherwise as they come.
inline std::vector<std::size_t> worst_first(const std::vector<layer_report>& layers) {
  std::vector<std::size_t> order(layers.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto key = [&](std::size_t i) {
    const double db = layers[i].alone.decibels();
    return std::pair<bool, double>(std::isnan(db), std::isnan(db) ? 0 : db);
  };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
  return order;
}

constexpr double poor_decibels = 15;

inline void write_fact(markup& m, const char* name, const std::string& value) {
  m.open("div").element("dt", {}, name).element("dd", {}, value).close();
}

inline void write_tensor(markup& m, const quantized_tensor& t, const char* role) {
  m.open("section", {{"class", "tensor"}});
  m.open("h4").text(t.name()).element("span", {}, std::string("  ") + role).close();
  const std::size_t slot = t.widest();
  const signal_to_noise noise = t.noise();
  const xquant::histogram& h = t.values();
  const bool is_integer = xquant::detail::is_integer(t.encoding().quantizer.format);
  std::string encoding = "stays float32";
  if (t.is_quantized()) {
    encoding = format_name(t.encoding().quantizer) + " " + scheme_name(t.encoding().quantizer);
    if (t.encoding().quantizer.granularity.is<per_axis<>>()) {
      encoding += joined(", ", counted(t.encoding().parameters.count()), " scales (axis ",
                         std::to_string(axis_of(t.encoding().quantizer.granularity)), "), widest ",
                         is_integer ? "step " : "scale ");
    } else {
      encoding += is_integer ? ", step " : ", scale ";
    }
    encoding += number(static_cast<double>(t.encoding().parameters.scale()[slot]));
    if (t.encoding().quantizer.scheme == id_of<affine>)
      encoding += joined(", zero point ", std::to_string(t.encoding().parameters.zero_point()[slot]));
  }
  const chart drawn = histogram_chart(t);
  if (!drawn.note.empty()) encoding += "; lines: " + drawn.note;
  m.element("p", {{"class", "note"}}, encoding);
  m.raw(drawn.svg);
  m.open("dl");
  write_fact(m, "SQNR", decibels(noise.decibels()));
  if (!h.empty()) write_fact(m, "values", number(h.minimum(), 3) + " to " + number(h.maximum(), 3));
  write_fact(m, "elements", counted(noise.count()));
  if (!h.empty() && h.zeros() != 0)
    write_fact(m, "zeros", percent(static_cast<double>(h.zeros()) / static_cast<double>(h.samples())));
  if (t.is_quantized() && !h.empty())
    write_fact(m, "clipped", percent(static_cast<double>(t.clipped()) / static_cast<double>(h.samples())));
  if (t.clipped() != 0 && noise.noise() > 0)
    write_fact(m, "of the noise, clipping", percent(t.clipping_noise() / noise.noise()));
  if (noise.not_finite() != 0) write_fact(m, "NaN or infinite", counted(noise.not_finite()));
  m.close();

  const chart channels = channel_chart(t, poor_decibels);
  if (!channels.svg.empty()) {
    double smallest = 0;
    double largest = 0;
    std::size_t worst = 0;
    double worst_db = std::numeric_limits<double>::infinity();
    for (std::size_t c = 0; c < t.channels().size(); ++c) {
      const channel_statistics& s = t.channels()[c];
      const double magnitude = static_cast<double>(std::max(std::fabs(s.minimum), std::fabs(s.maximum)));
      if (magnitude > 0) smallest = smallest == 0 ? magnitude : std::min(smallest, magnitude);
      largest = std::max(largest, magnitude);
      if (s.noise.decibels() < worst_db) {
        worst_db = s.noise.decibels();
        worst = c;
      }
    }
    const double spread = largest / smallest;
    const std::string ratio =
        spread >= 1000 && spread < 1e15 ? counted(static_cast<std::uint64_t>(spread)) : number(spread, 3);
    std::string note =
        joined("largest magnitude of each channel: ", number(smallest, 3), " to ", number(largest, 3), ", 1 : ", ratio);
    if (std::isfinite(worst_db)) note += joined("; worst channel ", std::to_string(worst), ": ", decibels(worst_db));
    if (!channels.note.empty()) note += "; " + channels.note;
    m.element("p", {{"class", "note"}}, note);
    m.raw(channels.svg);
  }
  m.close().line_break();
}

inline void write_accuracies(markup& m, const network_report& r) {
  double reference = 0;
  double largest = 0;
  bool compared = false;
  for (const accuracy_row& row : r.accuracies) {
    if (row.is_float) reference = row.accuracy;
    compared = compared || row.is_float;
    if (std::isfinite(row.logit_mse)) largest = std::max(largest, row.logit_mse);
  }
  m.element("h2", {}, "Accuracy");
  m.open("div", {{"class", "card"}}).open("table").open("thead").open("tr");
  m.element("th", {}, "weights").element("th", {}, "activations").element("th", {{"class", "right"}}, "top-1");
  m.element("th", {{"class", "right"}}, "change, points").element("th", {{"class", "right"}}, "logit MSE");
  m.element("th", {{"style", "width:30%"}}, "").close().close().open("tbody").line_break();
  for (const accuracy_row& row : r.accuracies) {
    m.open("tr", {{"class", row.is_chosen ? "chosen" : "other"}});
    m.element("td", {}, row.weights).open("td").text(row.activations);
    if (row.is_chosen) m.element("span", {{"class", "badge"}}, "chosen");
    m.close().element("td", {{"class", "right"}}, percent(row.accuracy));
    m.element(
        "td", {{"class", "right"}},
        row.is_float || !compared || std::isnan(row.accuracy) ? "" : signed_points(100 * (row.accuracy - reference)));
    m.element("td", {{"class", "right"}}, row.is_float ? "0" : number(row.logit_mse, 3));
    m.open("td");
    if (!row.is_float && largest > 0 && std::isfinite(row.logit_mse))
      m.element("span", {{"class", "bar"}, {"style", joined("width:", fixed(100 * row.logit_mse / largest, 1), "%")}},
                "");
    m.close().close().line_break();
  }
  m.close().close().close().line_break();
}

inline void write_tiles(markup& m, const network_report& r, const std::vector<std::size_t>& order) {
  const accuracy_row* reference = nullptr;
  const accuracy_row* chosen = nullptr;
  for (const accuracy_row& row : r.accuracies) {
    if (row.is_float) reference = &row;
    if (row.is_chosen) chosen = &row;
  }
  const auto tile = [&](const char* label, const std::string& figure, const std::string& remark) {
    m.open("div", {{"class", "card tile"}}).element("div", {{"class", "label"}}, label);
    m.element("div", {{"class", "figure"}}, figure).element("div", {{"class", "remark"}}, remark).close();
  };
  m.open("div", {{"class", "tiles"}});
  if (chosen != nullptr && !std::isnan(chosen->accuracy))
    tile("Top-1 accuracy, quantized", percent(chosen->accuracy),
         reference == nullptr ? ""
                              : signed_points(100 * (chosen->accuracy - reference->accuracy)) + " points from " +
                                    percent(reference->accuracy) + " in float");
  if (chosen != nullptr)
    tile("Logit MSE", number(chosen->logit_mse, 3), "mean squared difference from the float network");
  if (!r.layers.empty()) {
    tile("SQNR at the end of the network", decibels(r.layers.back().network.decibels()),
         joined("at ", r.layers.back().name));
    const layer_report& worst = r.layers[order.front()];
    tile("Worst layer, alone", decibels(worst.alone.decibels()), worst.name);
  }
  m.close().line_break();
}

// A sign of the legend, and what it means.
inline void write_key(markup& m, const char* element, markup::attributes a, const char* meaning) {
  m.open("li").open("svg", {{"viewBox", "0 0 22 14"}}).leaf(element, a).close().text(meaning).close();
}

inline void write_profile(markup& m, const network_report& r) {
  m.element("h2", {}, "Where the signal is lost");
  m.element(
      "p", {},
      "Signal-to-quantization-noise ratio (SQNR, 10 log10 of signal over noise power; more is better; 6 dB are one "
      "bit) over the calibration images, layers in order of execution.");
  std::vector<profile_row> rows;
  for (std::size_t i = 0; i < r.layers.size(); ++i) {
    const layer_report& l = r.layers[i];
    signal_to_noise weights;
    for (const quantized_tensor& w : l.weights) weights.merge(w.noise());
    rows.push_back({l.name, joined("layer-", std::to_string(i)), weights.decibels(),
                    l.output ? l.output->noise().decibels() : std::nan(""), l.alone.decibels(), l.network.decibels()});
  }
  m.open("div", {{"class", "card"}}).open("ul", {{"class", "key"}});
  write_key(m, "rect", {{"class", "weights"}, {"x", "7"}, {"y", "3"}, {"width", "8"}, {"height", "8"}}, "its weights");
  write_key(m, "circle", {{"class", "output"}, {"cx", "11"}, {"cy", "7"}, {"r", "4"}}, "rounding of its output");
  write_key(m, "circle", {{"class", "layer"}, {"cx", "11"}, {"cy", "7"}, {"r", "5"}},
            "its output, when this layer alone is quantized");
  write_key(m, "path", {{"class", "network"}, {"d", "M0 7H22"}},
            "its output in the quantized network: all layers so far");
  m.close().raw(profile_chart(rows)).close().line_break();
}

inline void write_layers(markup& m, const network_report& r, const std::vector<std::size_t>& order) {
  m.element("h2", {}, "Layers, worst first");
  m.element("p", {},
            "By the SQNR of the layer's output when it alone is quantized: float inputs, its own weights and output "
            "rounded.");
  m.open("ul", {{"class", "key"}});
  write_key(m, "path", {{"class", "bars"}, {"d", "M3 14V5H19V14Z"}}, "elements");
  write_key(m, "path", {{"class", "beyond"}, {"d", "M3 14V5H19V14Z"}}, "beyond the range: clipped");
  write_key(m, "path", {{"class", "ends"}, {"d", "M7 0V14M15 0V14"}}, "ends of the range");
  write_key(m, "path", {{"class", "grid"}, {"d", "M3 0V14M7 0V14M11 0V14M15 0V14M19 0V14"}}, "grid of the codes");
  bool compared = false;
  for (const layer_report& l : r.layers) compared = compared || (l.output && !l.output->ranges().empty());
  if (compared)
    write_key(m, "path", {{"class", "choice"}, {"d", "M3 4V10M3 7H19M19 4V10"}}, "range that a rule chooses");
  write_key(m, "path", {{"class", "half"}, {"d", "M1 7H21"}}, "half a step: what is below becomes 0");
  write_key(m, "path", {{"class", "poor"}, {"d", "M3 14V5H19V14Z"}}, "channel under 15 dB");
  m.close().line_break();
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const layer_report& l = r.layers[order[rank]];
    const double db = l.alone.decibels();
    m.open("article", {{"class", "card"}, {"id", joined("layer-", std::to_string(order[rank]))}});
    m.open("div", {{"class", "head"}}).open("div").element("h3", {}, l.name);
    m.element("div", {{"class", "kind"}},
              l.kind + "; number " + std::to_string(order[rank] + 1) + " of " + std::to_string(r.layers.size()) +
                  " in the network; the network so far: " + decibels(l.network.decibels()));
    m.close().open("div", {{"class", db < poor_decibels ? "ratio poor" : "ratio"}}).text(decibels(db)).close().close();
    m.line_break().open("div", {{"class", "pair"}});
    for (const quantized_tensor& w : l.weights) write_tensor(m, w, "weights");
    if (l.output) write_tensor(m, *l.output, "output");
    m.close().close().line_break();
  }
}

}  // namespace detail

/// The report as one HTML file (page.hpp), the same bytes for the same report.
inline std::string to_html(const network_report& r) {
  const std::vector<std::size_t> order = detail::worst_first(r.layers);
  markup m;
  m.open("header").element("p", {{"class", "eyebrow"}}, "Quantization report");
  m.element("h1", {}, r.network).element("p", {}, r.configuration).close().line_break();
  detail::write_tiles(m, r, order);
  m.open("dl", {{"class", "facts"}});
  for (const auto& [name, value] : r.facts) m.element("dt", {}, name).element("dd", {}, value);
  m.close().line_break();
  if (!r.accuracies.empty()) detail::write_accuracies(m, r);
  if (!r.layers.empty()) {
    detail::write_profile(m, r);
    detail::write_layers(m, r, order);
  }
  m.element("footer", {}, r.footer);
  return page(r.network + ", quantized", m);
}

}  // namespace xquant::report
