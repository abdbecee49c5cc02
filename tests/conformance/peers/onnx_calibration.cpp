// ONNX Runtime's calibrators (Python tools).
#include <xquant/presets/onnxruntime_calibration.hpp>

#include "onnx_calibration.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace conformance {

namespace {

namespace onnxruntime = xquant::presets::onnxruntime;
using xquant::range;

// The runs of a recorded case: of its graph input x, or of y = relu(x).
std::vector<std::vector<float>> runs_of(const recorded_case& c, const std::string& tensor_name) {
  std::vector<std::vector<float>> runs;
  for (std::size_t i = 0; c.has_input("x" + std::to_string(i)); ++i) {
    const xquant::model::tensor x = c.input("x" + std::to_string(i));
    runs.emplace_back(x.data<float>(), x.data<float>() + x.size());
    if (tensor_name == "y")
      for (float& v : runs.back()) v = v > 0 ? v : 0;
  }
  return runs;
}

xquant::tensor_view<const float> view(const std::vector<float>& x) { return {x.data(), xquant::shape(x.size())}; }

// Ranges were recorded as doubles.
value pair_of(float a, float b) {
  return value_of(std::vector<double>{static_cast<double>(a), static_cast<double>(b)}, xquant::shape{2});
}

bool has_runs(const recorded_case& c) { return c.input_type("x0") == xquant::model::element_type::float32; }

void min_max(const recorded_case& c, answers& out) {
  for (const std::string name : {"x", "y"}) {
    onnxruntime::min_max_calibrator seen(
        {c.truth("symmetric", false), c.truth("moving_average", false), c.real("averaging_constant", 0.01)});
    for (const std::vector<float>& x : runs_of(c, name)) xquant::throw_if(seen.try_observe(view(x)));
    range<float> r;
    xquant::throw_if(seen.try_range(r));
    value given = pair_of(r.minimum, r.maximum);
    given.shape = c.output(name + "_range").shape();  // arrays of one element a run
    out.give(name + "_range", "onnxruntime", "host", given);
  }
}

// answer(collector, name) for the histograms of x and y; that of x was recorded.
template <class Answer>
void of_histograms(const recorded_case& c, answers& out, onnxruntime::counted what, const Answer& answer) {
  for (const std::string name : {"x", "y"}) {
    onnxruntime::histogram_collector seen(static_cast<std::size_t>(c.integer("num_bins", 0)), what);
    for (const std::vector<float>& x : runs_of(c, name)) xquant::throw_if(seen.try_observe(view(x)));
    xquant::throw_if(seen.try_end_collection());
    if (name == "x") {
      out.give("x_hist", "onnxruntime", "host", value_of(seen.counts(), xquant::shape(seen.counts().size())));
      out.give("x_hist_edges", "onnxruntime", "host", value_of(seen.edges(), xquant::shape(seen.edges().size())));
    }
    answer(seen, name);
  }
}

void entropy(const recorded_case& c, answers& out) {
  of_histograms(c, out, onnxruntime::counted::values, [&](const auto& seen, const std::string& name) {
    range<float> r;
    xquant::throw_if(seen.try_entropy(static_cast<std::size_t>(c.integer("num_quantized_bins", 0)), r));
    out.give(name + "_range", "onnxruntime", "host", pair_of(r.minimum, r.maximum));
  });
}

void percentile(const recorded_case& c, answers& out) {
  const auto what = c.truth("symmetric", false) ? onnxruntime::counted::magnitudes : onnxruntime::counted::values;
  of_histograms(c, out, what, [&](const auto& seen, const std::string& name) {
    range<float> r;
    xquant::throw_if(seen.try_percentile(c.real("percentile", 0), r));
    out.give(name + "_range", "onnxruntime", "host", pair_of(r.minimum, r.maximum));
  });
}

void distribution(const recorded_case& c, answers& out) {
  of_histograms(c, out, onnxruntime::counted::values, [&](const auto& seen, const std::string& name) {
    onnxruntime::histogram_collector::distribution d{};
    xquant::throw_if(seen.try_distribution(c.text("scenario") == "p3", d));
    out.give(name + "_avg_std", "onnxruntime", "host", pair_of(d.average, d.deviation));
    out.give(name + "_range", "onnxruntime", "host", pair_of(d.edges.minimum, d.edges.maximum));
  });
}

// The extremes are the outer edges here.
void entropy_threshold(const recorded_case& c, answers& out) {
  const std::vector<std::int64_t> counts = value_of(c.input("hist")).integer;
  const std::vector<double> edges = value_of(c.input("edges")).real;
  range<double> r;
  xquant::throw_if(onnxruntime::try_entropy_threshold(
      counts, edges,
      {static_cast<double>(static_cast<float>(edges.front())), static_cast<double>(static_cast<float>(edges.back()))},
      static_cast<std::size_t>(c.integer("num_quantized_bins", 0)), r));
  out.give_parameter("low", "onnxruntime", {r.minimum});
  out.give_parameter("high", "onnxruntime", {r.maximum});
}

}  // namespace

std::vector<rule> onnx_calibration_rules() {
  return {{"calibrate MinMax", has_runs, min_max},
          {"calibrate Entropy", has_runs, entropy},
          {"calibrate Percentile", has_runs, percentile},
          {"calibrate Distribution", has_runs, distribution},
          {"get_entropy_threshold", [](const recorded_case& c) { return c.has_input("hist") && c.has_input("edges"); },
           entropy_threshold}};
}

}  // namespace conformance
