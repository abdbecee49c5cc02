// Layers that add a bias to a sum of products: where input, weight and bias stand, and what the bias counts for beside
// the sum.
#pragma once

#include <xquant/model/channel_axis.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/op/registry.hpp>
#include <xquant/model/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// A Conv, ConvTranspose or Gemm with a bias.
struct biased_layer {
  node_id layer = no_node;
  value_id input = no_value;
  value_id weight = no_value;
  value_id bias = no_value;
  std::ptrdiff_t axis = 0;   ///< of the weight, along which the outputs lie
  std::size_t slices = 0;    ///< the extent of that axis; the slice of channel c is c mod slices
  std::size_t channels = 0;  ///< outputs: of a ConvTranspose, those of all groups
  double ratio = 1;          ///< alpha / beta of a Gemm: its output is alpha (sum + bias / ratio)
  std::string obstacle;      ///< why the bias is no int32 vector whatever the quantizers; empty when it may be one
};

namespace detail {

// Whether a layer of weight and bias, the inputs 1 and 2, has all three of its inputs.
inline bool has_bias(const node& n) {
  const op_definition* const op = definition_of(n);
  return op != nullptr && op->sum != nullptr && op->inputs[2] == input_role::bias && n.inputs.size() >= 3 &&
         n.inputs[2] != no_value && n.inputs[0] != no_value && n.inputs[1] != no_value;
}

}  // namespace detail

/// Layer `id` by its bias; nothing for another operator and for a layer without bias.
inline std::optional<biased_layer> biased_layer_of(const graph& g, node_id id) {
  const node& n = g.node_at(id);
  if (!detail::has_bias(n)) return {};
  biased_layer result;
  result.layer = id;
  result.input = n.inputs[0];
  result.weight = n.inputs[1];
  result.bias = n.inputs[2];
  const tensor* weight = g.constant(result.weight);
  const tensor* bias = g.constant(result.bias);
  if (bias == nullptr || bias->type() != element_type::float32) {
    result.obstacle = "the bias is no float32 constant";
    return result;
  }
  if (weight == nullptr || weight->shape().rank < 2) {
    result.obstacle = "the weight is no constant";
    return result;
  }
  result.axis = static_cast<std::ptrdiff_t>(channel_axis(n, 1, weight->shape()).value_or(0));
  const std::optional<weighted_sum> sum = definition_of(n)->sum(n, weight->shape());
  if (sum) {
    result.ratio = sum->gain / static_cast<double>(sum->bias_gain);
    // NaN, 0 and infinity too.
    if (!(result.ratio > 0) || !(result.ratio <= 1e300)) {
      result.obstacle = "alpha / beta is " + std::to_string(sum->gain) + " / " + std::to_string(sum->bias_gain) +
                        ", and a scale is above zero";
      return result;
    }
    result.channels = sum->outputs.output_channels();
  }
  result.slices = weight->shape()[static_cast<std::size_t>(result.axis)];
  const std::size_t rank = bias->shape().rank;
  if (rank == 0 || result.channels == 0 || bias->size() != result.channels ||
      bias->shape()[rank - 1] != result.channels)
    result.obstacle = "the bias of shape " + to_text(bias->shape()) + " has not one value per channel";
  return result;
}

/// The graph with a bias of its own for each Conv, ConvTranspose and Gemm: constants that somebody else reads too, or
/// that are outputs of the network, are copied (the tensors share their memory), since each layer gives its bias a
/// scale of its own. Ids of the values there are stay as they are; the first of layers that read a constant only as
/// their bias keeps it. Copies are called BIAS_of_OUTPUT, by the layer's output.
inline graph separate_biases(graph g) {
  if (!g.finished()) g.finish();
  struct copy {
    node_id reader;
    value_id bias;
    tensor values;
  };
  std::vector<copy> copies;
  std::map<value_id, std::vector<node_id>> readers;  // as their bias
  for (node_id i = 0; i < g.nodes().size(); ++i) {
    const node& n = g.node_at(i);
    if (!detail::has_bias(n)) continue;
    const tensor* bias = g.constant(n.inputs[2]);
    if (bias != nullptr && bias->type() == element_type::float32) readers[n.inputs[2]].push_back(i);
  }
  for (const auto& [bias, layers] : readers) {
    bool only_biases = !g.is_output(bias) && layers.size() == g.consumers(bias).size();
    for (const node_id i : layers)
      for (std::size_t k = 0; k < g.node_at(i).inputs.size(); ++k)
        only_biases = only_biases && (k == 2 || g.node_at(i).inputs[k] != bias);
    for (std::size_t k = only_biases ? 1 : 0; k < layers.size(); ++k)
      copies.push_back({layers[k], bias, *g.constant(bias)});
  }
  if (copies.empty()) return g;
  for (const copy& c : copies) {
    std::string wish = g.name_of(c.bias);
    for (const value_id output : g.node_at(c.reader).outputs)
      if (output != no_value) {
        wish += "_of_" + g.name_of(output);
        break;
      }
    const value_id own = g.add_value(g.unused_name(wish));
    g.set_initializer(own, c.values);
    g.mutable_nodes()[c.reader].inputs[2] = own;
  }
  g.finish();
  return g;
}

}  // namespace xquant::model
