// AIMET 2.42's calibration: the torch encoding analyzers and the C++ core's.
#include "aimet_calibration.hpp"

#include <xquant/presets/aimet_core_calibration.hpp>
#include <xquant/presets/aimet_torch_calibration.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace conformance {

namespace {

using xquant::shape;
using xquant::model::element_type;
using xquant::model::tensor;

shape shape_parameter(const recorded_case& c, const char* key) {
  std::vector<std::size_t> extents;
  if (c.has(key)) extents = c.parameter(key).get<std::vector<std::size_t>>();
  return shape::of(extents.data(), extents.size());
}

std::string batch(int i) { return "b" + std::to_string(i); }

// "percentile_99.9" and the like; `otherwise` for other names.
double percentile_of(const std::string& name, double otherwise) {
  const std::string prefix = "percentile_";
  return name.rfind(prefix, 0) == 0 ? std::stod(name.substr(prefix.size())) : otherwise;
}

// -- torch ------------------------------------------------------------------------------------------------------------

namespace torch = xquant::presets::aimet_torch;

std::vector<torch::grid_settings> grids_of(const recorded_case& c) {
  std::vector<torch::grid_settings> grids;
  if (!c.has("configs")) return grids;
  const json& configs = c.parameter("configs");
  for (std::size_t i = 0; i < configs.size(); ++i)
    grids.push_back({c.parameter("num_steps").at(i).get<std::int64_t>(), configs.at(i).at(1) != "asym"});
  return grids;
}

struct two_columns {
  std::vector<float> low;
  std::vector<float> high;
};
template <class Analyzer>
two_columns ranges_of(const Analyzer& analyzer, const torch::grid_settings& grid) {
  std::vector<xquant::range<float>> ranges;
  xquant::throw_if(analyzer.try_ranges(grid, ranges));
  two_columns out;
  for (const auto& r : ranges) {
    out.low.push_back(r.minimum);
    out.high.push_back(r.maximum);
  }
  return out;
}

template <class Analyzer>
void give_histogram(const recorded_case&, const Analyzer&, answers&) {}
template <class Analyzer>
requires requires(const Analyzer& a) { a.observer(); }
void give_histogram(const recorded_case& c, const Analyzer& analyzer, answers& out) {
  if (!c.has_output("hist")) return;
  const torch::histogram& h = analyzer.observer().histograms().front();
  out.give("hist", "aimet_torch", "host", value_of(h.counts, shape{h.counts.size()}));
  out.give("edges", "aimet_torch", "host", value_of(h.edges, shape{h.edges.size()}));
}

template <class Analyzer>
void analyze(const recorded_case& c, Analyzer analyzer, answers& out) {
  const shape slots = shape_parameter(c, "shape");
  for (int i = 0; c.has_input(batch(i)); ++i) {
    xquant::throw_if(analyzer.try_observe(c.input(batch(i)).view()));
    const std::string after = std::to_string(i + 1);
    if (c.has_output("minmax_after_" + after)) {
      std::vector<float> rows;
      for (const torch::grid_settings& grid : grids_of(c)) {
        const two_columns r = ranges_of(analyzer, grid);
        rows.insert(rows.end(), {r.low[0], r.high[0]});
      }
      out.give("minmax_after_" + after, "aimet_torch", "host", value_of(rows, shape{rows.size() / 2, std::size_t(2)}));
    }
    for (const int bits : {4, 8})
      for (const bool symmetric : {false, true}) {
        const std::string name = "_b" + std::to_string(bits) + (symmetric ? "_sym_" : "_asym_") + after;
        if (!c.has_output("min" + name)) continue;
        const two_columns r = ranges_of(analyzer, {(1 << bits) - 1, symmetric});
        out.give("min" + name, "aimet_torch", "host", value_of(r.low, slots));
        out.give("max" + name, "aimet_torch", "host", value_of(r.high, slots));
      }
  }
  give_histogram(c, analyzer, out);
  if (!c.has("num_steps") || c.has("configs")) return;
  const two_columns r = ranges_of(analyzer, {c.integer("num_steps", 255), c.truth("symmetric", false)});
  out.give("min", "aimet_torch", "host", value_of(r.low, slots));
  out.give("max", "aimet_torch", "host", value_of(r.high, slots));
}

rule encoding_analyzer() {
  return {"torch.encoding_analyzer",
          [](const recorded_case& c) {
            const std::string name = c.text("analyzer");
            return c.input_type("b0") == element_type::float32 &&
                   (name == "minmax" || name == "sqnr" || name == "tf_enhanced" || percentile_of(name, 0) != 0);
          },
          [](const recorded_case& c, answers& out) {
            const std::string name = c.text("analyzer");
            const shape slots = shape_parameter(c, "shape");
            const bool in_blocks = c.has("block_size");
            if (name == "minmax")
              analyze(c, torch::min_max_analyzer(slots, in_blocks), out);
            else if (name == "sqnr")
              analyze(c, torch::sqnr_analyzer(slots, {}, 2048, 0, in_blocks), out);
            else if (name == "tf_enhanced")
              analyze(c, torch::tf_enhanced_analyzer(slots, in_blocks), out);
            else
              analyze(c, torch::percentile_analyzer(slots, percentile_of(name, 100), 2048, in_blocks), out);
          }};
}

rule histogram_observer() {
  return {"torch.HistogramObserver",
          [](const recorded_case& c) { return c.input_type("b0") == element_type::float32 && c.has("num_bins"); },
          [](const recorded_case& c, answers& out) {
            const auto bins = static_cast<std::size_t>(c.integer("num_bins", 0));
            torch::histogram_observer observer(shape_parameter(c, "shape"), bins);
            for (int i = 0; c.has_input(batch(i)); ++i)
              xquant::throw_if(observer.try_observe(c.input(batch(i)).view()));
            std::vector<float> counts;
            for (const torch::histogram& h : observer.histograms())
              counts.insert(counts.end(), h.counts.begin(), h.counts.end());
            out.give("hist", "aimet_torch", "host", value_of(counts, shape{observer.histograms().size(), bins}));
          }};
}

// -- C++ core ---------------------------------------------------------------------------------------------------------

namespace core = xquant::presets::aimet_core;

struct variant {
  const char* name;
  core::encoding_settings settings;
};
const variant variants[] = {{"asym", {8, false, false, false, 0}},
                            {"sym", {8, true, false, false, 0}},
                            {"strict", {8, true, true, false, 0}},
                            {"usym", {8, true, false, true, 0}}};

core::encoding_settings settings_of(const std::string& name, int bits) {
  core::encoding_settings settings;
  for (const variant& v : variants)
    if (name == v.name) settings = v.settings;
  settings.bits = bits;
  return settings;
}

// Appends rows of minimum, maximum, delta and offset, one per slot.
void append(const core::encoding_analyzer& analyzer, const core::encoding_settings& settings,
            std::vector<double>& rows) {
  std::vector<core::encoding> encodings;
  xquant::throw_if(analyzer.try_encodings(settings, encodings));
  for (const core::encoding& e : encodings) rows.insert(rows.end(), {e.minimum, e.maximum, e.delta, e.offset});
}

value rows_of_four(const std::vector<double>& rows) { return value_of(rows, shape{rows.size() / 4, std::size_t(4)}); }

bool is_mode(const std::string& mode) { return mode == "tf" || mode == "tf_enhanced" || percentile_of(mode, 0) != 0; }

core::calibration_mode mode_of(const std::string& mode) {
  if (mode == "tf") return core::calibration_mode::min_max;
  return mode == "tf_enhanced" ? core::calibration_mode::tf_enhanced : core::calibration_mode::percentile;
}

rule compute_encodings() {
  return {"cpp.computeEncodings",
          [](const recorded_case& c) { return c.input_type("b0") == element_type::float32 && is_mode(c.text("mode")); },
          [](const recorded_case& c, answers& out) {
            const std::string mode = c.text("mode");
            core::encoding_analyzer analyzer(mode_of(mode), shape_parameter(c, "shape"),
                                             static_cast<float>(percentile_of(mode, 100)));
            for (int i = 0; c.has_input(batch(i)); ++i) {
              xquant::throw_if(analyzer.try_observe(c.input(batch(i)).view()));
              const std::string name = "enc_after_" + std::to_string(i + 1);
              if (!c.has_output(name)) continue;
              std::vector<double> rows;
              for (const json& config : c.parameter("configs"))
                append(analyzer, settings_of(config.at(1), config.at(0)), rows);
              out.give(name, "aimet_core", "host", rows_of_four(rows));
            }
            if (c.has_output("hist") && mode == "tf_enhanced") {
              const core::density& d = analyzer.densities().front();
              std::vector<double> rows;
              for (std::size_t i = 0; i < core::density::bins; ++i)
                rows.insert(rows.end(), {d.edge(i), d.frequency[i]});
              out.give("hist", "aimet_core", "host", value_of(rows, shape{core::density::bins, std::size_t(2)}));
            }
            for (const int bits : {4, 8})
              for (const variant& v : variants) {
                const std::string name = "enc_b" + std::to_string(bits) + "_" + v.name;
                if (!c.has_output(name)) continue;
                std::vector<double> rows;
                append(analyzer, settings_of(v.name, bits), rows);
                out.give(name, "aimet_core", "host", rows_of_four(rows));
              }
            if (!c.has_output("enc")) return;
            std::vector<double> rows;
            append(analyzer, settings_of("asym", static_cast<int>(c.integer("bits", 8))), rows);
            out.give("enc", "aimet_core", "host", rows_of_four(rows));
          }};
}

}  // namespace

std::vector<rule> aimet_calibration_rules() { return {encoding_analyzer(), histogram_observer(), compute_encodings()}; }

}  // namespace conformance
