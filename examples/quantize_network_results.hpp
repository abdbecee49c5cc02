// What the main job found out, as the table it prints, the JSON file it writes and the rows of its report.
#pragma once

#include <xquant/model/error.hpp>
#include <xquant/model/left_float.hpp>
#include <xquant/report/network_report.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "quantize_network_biases.hpp"

namespace quantize_network {

namespace model = xquant::model;

// One configuration.
struct result {
  std::string weights;
  std::string activations;
  std::optional<double> accuracy;  // none without labels
  double logit_mse = 0;
  bias_notes biases = {};
};

struct outcome {
  std::string network;
  std::size_t test_images = 0;
  std::size_t calibration_images = 0;
  std::optional<double> float_accuracy;
  std::string output;  // what it is judged by
  std::size_t outputs = 1;
  std::vector<result> results;
  std::optional<result> chosen;                        // the configuration to write
  std::vector<xquant::model::float_layer> left_float;  // of that configuration, or of the last
  double seconds_read = 0;
  double seconds_float = 0;
  double seconds_calibrate = 0;
  double seconds_evaluate = 0;
};

namespace detail {

inline std::string percent(const std::optional<double>& accuracy) {
  if (!accuracy) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.2f %%", 100 * *accuracy);
  return text;
}

inline nlohmann::ordered_json number_or_null(const std::optional<double>& number) {
  return number ? nlohmann::ordered_json(*number) : nlohmann::ordered_json(nullptr);
}

}  // namespace detail

inline void print_table(const outcome& o) {
  if (o.outputs > 1)
    std::printf("judged by the first of %zu outputs, %s\n", o.outputs, model::in_quotes(o.output).c_str());
  int width = 12;  // of the longest rule
  for (const result& r : o.results) width = std::max(width, static_cast<int>(r.activations.size()));
  std::printf("\n%-12s %-*s %10s %12s\n", "weights", width, "activations", "accuracy", "logit MSE");
  std::printf("%-12s %-*s %10s %12s\n", "float", width, "float", detail::percent(o.float_accuracy).c_str(), "0");
  for (const result& r : o.results)
    std::printf("%-12s %-*s %10s %12.3g\n", r.weights.c_str(), width, r.activations.c_str(),
                detail::percent(r.accuracy).c_str(), r.logit_mse);
  for (const result& r : o.results) print_notes(r.weights + " " + r.activations, r.biases);
  if (!o.left_float.empty()) std::printf("\nleft float:\n");
  for (const xquant::model::float_layer& l : o.left_float)
    std::printf("  %s, which reads %s: %s\n", l.node.c_str(), l.value.c_str(), l.why.c_str());
  std::printf("\nseconds: read %.2f, float %.2f, calibrate %.2f, evaluate %.2f\n", o.seconds_read, o.seconds_float,
              o.seconds_calibrate, o.seconds_evaluate);
}

inline std::string json_text(const outcome& o) {
  nlohmann::ordered_json json = {{"model", o.network},
                                 {"images", o.test_images},
                                 {"float", {{"accuracy", detail::number_or_null(o.float_accuracy)}}},
                                 {"results", nlohmann::ordered_json::array()},
                                 {"seconds",
                                  {{"read", o.seconds_read},
                                   {"float", o.seconds_float},
                                   {"calibrate", o.seconds_calibrate},
                                   {"evaluate", o.seconds_evaluate}}}};
  for (const result& r : o.results) {
    json["results"].push_back({{"weights", r.weights},
                               {"activations", r.activations},
                               {"accuracy", detail::number_or_null(r.accuracy)},
                               {"logit_mse", r.logit_mse}});
    add_notes(json["results"].back(), r.biases);
  }
  if (o.outputs > 1) json["output"] = o.output;
  json["left_float"] = nlohmann::ordered_json::array();
  for (const xquant::model::float_layer& l : o.left_float)
    json["left_float"].push_back({{"node", l.node}, {"value", l.value}, {"why", l.why}});
  if (o.chosen) json["chosen"] = {{"weights", o.chosen->weights}, {"activations", o.chosen->activations}};
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

inline std::vector<xquant::report::accuracy_row> report_rows(const outcome& o) {
  std::vector<xquant::report::accuracy_row> rows{{"float", "float", o.float_accuracy.value_or(NAN), 0, true, false}};
  for (const result& r : o.results)
    rows.push_back({r.weights, r.activations, r.accuracy.value_or(NAN), r.logit_mse, false,
                    o.chosen && r.weights == o.chosen->weights && r.activations == o.chosen->activations});
  return rows;
}

}  // namespace quantize_network
