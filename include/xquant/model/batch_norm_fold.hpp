// Folds the batch norms of a graph into the convolutions and Gemms before or after them (the mathematics:
// ptq/batch_norm_fold.hpp).
#pragma once

#include <xquant/model/constant_fold.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/op/registry.hpp>
#include <xquant/model/tensor.hpp>
#include <xquant/ptq/batch_norm_fold.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// What fold_batch_norms did.
struct folded_graph {
  graph network;
  std::vector<std::string> folded;  ///< output names of the batch norms that are gone
  std::vector<std::string> kept;    ///< output names of those that stay: no linear layer beside them, or not foldable
};

namespace detail {

// The constant float32 tensor behind input i, or null.
inline const tensor* constant_float(const graph& g, const node& n, std::size_t i) {
  if (i >= n.inputs.size() || n.inputs[i] == no_value) return nullptr;
  const tensor* t = g.constant(n.inputs[i]);
  return t && t->type() == element_type::float32 ? t : nullptr;
}

// The layer of a node whose weight, input 1, has that shape; nothing for another operator.
inline std::optional<weighted_sum> sum_of(const node& layer, const shape& weight) {
  const op_definition* const op = definition_of(layer);
  return op != nullptr && op->sum != nullptr ? op->sum(layer, weight) : std::nullopt;
}

// The layer's bias as one value per channel, times its gain; nothing when it is not constant or not a vector.
inline std::optional<std::vector<float>> bias_of(const graph& g, const node& layer, const weighted_sum& sum) {
  const std::size_t channels = sum.outputs.output_channels();
  if (layer.inputs.size() < 3 || layer.inputs[2] == no_value) return std::vector<float>(channels, 0.0f);
  const tensor* bias = constant_float(g, layer, 2);
  if (!bias) return {};
  const shape& s = bias->shape();
  const bool row = s.rank == 0 || s.rank == 1 || (s.rank == 2 && s[0] == 1);
  if (!row || (bias->size() != channels && bias->size() != 1)) return {};
  std::vector<float> values(channels);
  for (std::size_t c = 0; c < channels; ++c) values[c] = sum.bias_gain * bias->data<float>()[bias->size() == 1 ? 0 : c];
  return values;
}

// The batch norm's numbers, which refer to the graph's tensors; nothing where they are not constant.
inline std::optional<ptq::batch_norm> numbers_of(const graph& g, const node& norm) {
  const tensor* parameters[4] = {};
  for (std::size_t i = 0; i < 4; ++i) {
    parameters[i] = constant_float(g, norm, i + 1);
    if (parameters[i] == nullptr) return {};
  }
  if (attribute_or<std::int64_t>(norm, "training_mode", 0) != 0) return {};
  return ptq::batch_norm{parameters[0]->values<float>(), parameters[1]->values<float>(), parameters[2]->values<float>(),
                         parameters[3]->values<float>(), static_cast<double>(attribute_or(norm, "epsilon", 1e-5f))};
}

// Node `layer_id` with another weight and bias. A weight that others read too, or a Constant node's, is copied.
inline node with_weight_and_bias(graph& g, node_id layer_id, const weighted_sum& sum, tensor weight,
                                 const std::vector<float>& bias) {
  node changed = g.node_at(layer_id);
  const value_id old_weight = changed.inputs[1];
  if (g.initializer(old_weight) && g.sole_consumer(old_weight) == layer_id) {
    g.set_initializer(old_weight, std::move(weight));
  } else {
    changed.inputs[1] = g.add_value(g.unused_name(g.name_of(old_weight) + "_folded"));
    g.set_initializer(changed.inputs[1], std::move(weight));
    g.add_former_name(g.name_of(old_weight), changed.inputs[1]);
  }
  changed.inputs.resize(3, no_value);
  const value_id old_bias = changed.inputs[2];
  changed.inputs[2] = g.add_value(g.unused_name(g.name_of(old_weight) + "_folded_bias"));
  g.set_initializer(changed.inputs[2], tensor::of(shape(bias.size()), bias));
  // AIMET keeps the name of a bias, and calls one that there was not after the node.
  if (old_bias != no_value || !changed.name.empty())
    g.add_former_name(old_bias != no_value ? g.name_of(old_bias) : changed.name + ".bias", changed.inputs[2]);
  if (sum.bias_gain_attribute != nullptr) changed.attributes[sum.bias_gain_attribute] = 1.0f;
  return changed;
}

// Folds node `norm` of `g` into node `layer`, which computes its input; false when it cannot be done, and then nothing
// was changed.
inline bool fold_pair(graph& g, node_id layer_id, node_id norm_id) {
  const node& layer = g.node_at(layer_id);
  const tensor* weight = constant_float(g, layer, 1);
  if (!weight) return false;
  const std::optional<weighted_sum> sum = sum_of(layer, weight->shape());
  if (!sum) return false;
  std::optional<std::vector<float>> bias = bias_of(g, layer, *sum);
  const std::optional<ptq::batch_norm> values = numbers_of(g, g.node_at(norm_id));
  if (!bias || !values) return false;
  tensor folded = *weight;
  if (!ptq::try_fold_batch_norm(*values, sum->outputs, {folded.mutable_data<float>(), folded.size()}, *bias).ok())
    return false;

  node changed = with_weight_and_bias(g, layer_id, *sum, std::move(folded), *bias);
  // AIMET keeps the name of the layer's output.
  const value_id output = g.node_at(norm_id).outputs[0];
  g.add_former_name(g.name_of(changed.outputs[0]), output);
  changed.outputs[0] = output;
  std::vector<node>& nodes = g.mutable_nodes();
  nodes[layer_id] = std::move(changed);
  nodes.erase(nodes.begin() + static_cast<std::ptrdiff_t>(norm_id));
  g.finish();
  return true;
}

// Folds node `norm` of `g` into the only node that reads it, with a Flatten between them where its weight is a matrix;
// false when it cannot be done, and then nothing was changed.
inline bool fold_forward(graph& g, node_id norm_id) {
  const node& norm = g.node_at(norm_id);
  node_id reader_id = g.sole_consumer(norm.outputs[0]);
  node_id layer_id = reader_id;
  bool flattened = false;
  if (reader_id != no_node && joins_all_but_first(g.node_at(reader_id))) {
    flattened = true;
    layer_id = g.sole_consumer(g.node_at(reader_id).outputs[0]);
  }
  if (layer_id == no_node) return false;
  const node& layer = g.node_at(layer_id);
  const value_id read = flattened ? g.node_at(reader_id).outputs[0] : norm.outputs[0];
  const tensor* weight = constant_float(g, layer, 1);
  if (!weight || layer.inputs[0] != read || (flattened && weight->shape().rank != 2)) return false;
  const std::optional<weighted_sum> sum = sum_of(layer, weight->shape());
  const std::optional<ptq::batch_norm> values = numbers_of(g, norm);
  if (!sum || !sum->inputs || !values || values->gamma.empty()) return false;
  ptq::input_layout layout = *sum->inputs;
  if (flattened) layout.per_channel = layout.inputs / values->gamma.size();
  std::optional<std::vector<float>> bias = bias_of(g, layer, *sum);
  if (!bias) return false;
  tensor folded = *weight;
  if (!ptq::try_fold_batch_norm_forward(*values, layout, {folded.mutable_data<float>(), folded.size()}, *bias,
                                        sum->gain)
           .ok())
    return false;

  const value_id input = norm.inputs[0];
  node changed = with_weight_and_bias(g, layer_id, *sum, std::move(folded), *bias);
  std::vector<node>& nodes = g.mutable_nodes();
  nodes[layer_id] = std::move(changed);
  nodes[reader_id].inputs[0] = input;
  nodes.erase(nodes.begin() + static_cast<std::ptrdiff_t>(norm_id));
  g.finish();
  return true;
}

// Takes mean and variance of node `id`, a batch norm that stays, into its weight and bias; nothing where they are no
// constants. A constant that others read as well, or a Constant node's, is copied under an unused name, AIMET's too.
inline void merge_statistics(graph& g, node_id id) {
  node changed = g.node_at(id);
  const tensor* parameters[4] = {};
  for (std::size_t i = 0; i < 4; ++i) parameters[i] = constant_float(g, changed, i + 1);
  if (attribute_or<std::int64_t>(changed, "training_mode", 0) != 0) return;
  for (const tensor* p : parameters)
    if (p == nullptr || p->shape().rank != 1 || p->size() != parameters[0]->size()) return;
  const auto epsilon = static_cast<double>(attribute_or(changed, "epsilon", 1e-5f));
  tensor merged[4] = {*parameters[0], *parameters[1], *parameters[2], *parameters[3]};
  for (std::size_t c = 0; c < parameters[0]->size(); ++c) {
    const auto at = [&](std::size_t i) { return static_cast<double>(parameters[i]->data<float>()[c]); };
    const double factor = at(0) / std::sqrt(at(3) + epsilon);
    const auto weight = static_cast<float>(factor);
    const auto bias = static_cast<float>(at(1) - at(2) * factor);
    if (!std::isfinite(weight) || !std::isfinite(bias)) return;
    merged[0].mutable_data<float>()[c] = weight;
    merged[1].mutable_data<float>()[c] = bias;
    merged[2].mutable_data<float>()[c] = 0;
    merged[3].mutable_data<float>()[c] = 1;
  }
  for (std::size_t i = 0; i < 4; ++i) {
    const value_id old = changed.inputs[i + 1];
    if (g.initializer(old) == nullptr || g.sole_consumer(old) != id) {
      changed.inputs[i + 1] = g.add_value(g.unused_name(g.name_of(old)));
      g.add_former_name(g.name_of(old), changed.inputs[i + 1]);
    }
    g.set_initializer(changed.inputs[i + 1], std::move(merged[i]));
    g.finish();
  }
  changed.attributes["epsilon"] = 0.0f;
  g.mutable_nodes()[id] = std::move(changed);
  g.finish();
}

// Whether nodes compute a parameter of a batch norm, or of a layer before or after one.
inline bool computes_parameters(const graph& g) {
  const auto computes = [&](const node& n) {
    for (std::size_t i = 1; i < n.inputs.size(); ++i)
      if (n.inputs[i] != no_value && g.producer(n.inputs[i]) != no_node && g.constant(n.inputs[i]) == nullptr)
        return true;
    return false;
  };
  for (const node& norm : g.nodes()) {
    if (!is_batch_normalization(norm) || norm.inputs.empty() || norm.inputs[0] == no_value) continue;
    const node_id before = g.producer(norm.inputs[0]);
    if (computes(norm) || (before != no_node && computes(g.node_at(before)))) return true;
    if (norm.outputs.empty() || norm.outputs[0] == no_value) continue;
    node_id after = g.sole_consumer(norm.outputs[0]);
    if (after != no_node && joins_all_but_first(g.node_at(after))) after = g.sole_consumer(g.node_at(after).outputs[0]);
    if (after != no_node && computes(g.node_at(after))) return true;
  }
  return false;
}

}  // namespace detail

/// A graph in which each BatchNormalization (inference) whose input is computed by a Conv, ConvTranspose or Gemm and
/// read by nobody else has been folded into that layer. The layer takes over the name of the batch norm's output; a
/// weight that other nodes read too is copied first. Weights, biases and batch norm parameters must be constants
/// (what nodes compute from constants is one: fold_constants), otherwise the batch norm stays. A Gemm that has a bias
/// must have one value per column. What remains is folded into the layer after it, where that is its only reader: a
/// Conv of one group without padding, or a Gemm, with or without a Flatten between them. A batch norm that stays even
/// so, with constant parameters, becomes one of mean 0, variance 1 and epsilon 0: weight / sqrt(variance + epsilon),
/// bias - mean weight / sqrt(variance + epsilon), in double and rounded once. All of this is what AIMET does before it
/// quantizes; what its files call the layers' weights, biases and outputs is remembered (graph::find_called).
inline folded_graph fold_batch_norms(const graph& source) {
  folded_graph result{source, {}, {}};
  graph& g = result.network;
  if (!g.finished()) g.finish();
  if (detail::computes_parameters(g)) g = fold_constants(g).network;
  for (node_id i = 0; i < g.nodes().size();) {
    const node& norm = g.node_at(i);
    if (!is_batch_normalization(norm) || norm.inputs.size() != 5 || norm.inputs[0] == no_value ||
        norm.outputs.empty() || norm.outputs[0] == no_value) {
      ++i;
      continue;
    }
    const std::string name = g.name_of(norm.outputs[0]);
    const node_id layer = g.producer(norm.inputs[0]);
    if (layer != no_node && g.sole_consumer(norm.inputs[0]) == i && detail::fold_pair(g, layer, i)) {
      result.folded.push_back(name);
      i = 0;  // finish() may have moved nodes; what was folded is gone, so this ends
      result.kept.clear();
    } else {
      result.kept.push_back(name);
      ++i;
    }
  }
  for (node_id i = 0; i < g.nodes().size();) {
    const node& norm = g.node_at(i);
    const auto kept = norm.outputs.empty() || norm.outputs[0] == no_value || !is_batch_normalization(norm)
                          ? result.kept.end()
                          : std::find(result.kept.begin(), result.kept.end(), g.name_of(norm.outputs[0]));
    if (kept == result.kept.end() || !detail::fold_forward(g, i)) {
      ++i;
      continue;
    }
    result.folded.push_back(*kept);
    result.kept.erase(kept);
    i = 0;
  }
  for (node_id i = 0; i < g.nodes().size(); ++i) {
    const node& norm = g.node_at(i);
    if (is_batch_normalization(norm) && norm.inputs.size() == 5) detail::merge_statistics(g, i);
  }
  return result;
}

}  // namespace xquant::model
