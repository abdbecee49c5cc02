// What biases asked of a quantized network, for those who read the results: weight scales made wider so that int32
// holds a bias, and biases that stay float although integers were asked for.
#pragma once

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

namespace quantize_network {

struct widened_scale {
  std::string node;  // whose bias it is, by its first output
  std::string bias;
  std::string weight;
  std::size_t channel = 0;  // of the weight's scales
  float from = 0;
  float to = 0;
};
struct bias_left_float {
  std::string node;
  std::string bias;
  std::string why;
};
struct bias_notes {
  std::vector<widened_scale> widened;
  std::vector<bias_left_float> left_float;
};

template <class Simulation>
bias_notes bias_notes_of(const Simulation& s) {
  const auto& g = s.network();
  const auto node_name = [&](std::size_t id) {
    const auto& n = g.node_at(id);
    return n.name.empty() ? g.name_of(n.outputs.at(0)) : n.name;
  };
  bias_notes notes;
  for (const auto& m : s.moved_scales())
    if (!m.weights_are_zero)
      notes.widened.push_back({node_name(m.layer), g.name_of(m.bias), g.name_of(m.weight), m.slot, m.from, m.to});
  for (const auto& f : s.float_biases()) notes.left_float.push_back({node_name(f.layer), g.name_of(f.value), f.why});
  return notes;
}

inline void print_notes(const std::string& configuration, const bias_notes& notes) {
  for (const widened_scale& w : notes.widened)
    std::printf("%s: scale %zu of %s widened from %.3g to %.3g, so that int32 holds %s of %s\n", configuration.c_str(),
                w.channel, w.weight.c_str(), static_cast<double>(w.from), static_cast<double>(w.to), w.bias.c_str(),
                w.node.c_str());
  for (const bias_left_float& f : notes.left_float)
    std::printf("%s: %s of %s stays float: %s\n", configuration.c_str(), f.bias.c_str(), f.node.c_str(), f.why.c_str());
}

inline void add_notes(nlohmann::ordered_json& result, const bias_notes& notes) {
  for (const widened_scale& w : notes.widened)
    result["widened_scales"].push_back({{"node", w.node},
                                        {"bias", w.bias},
                                        {"weight", w.weight},
                                        {"channel", w.channel},
                                        {"from", w.from},
                                        {"to", w.to}});
  for (const bias_left_float& f : notes.left_float)
    result["float_biases"].push_back({{"node", f.node}, {"value", f.bias}, {"why", f.why}});
}

}  // namespace quantize_network
