// Where a network is quantized: which values get an activation quantizer, which constants a weight quantizer.
// The rules of AIMET's default configuration (default_config.json: "defaults", "supergroups", "model_input").
#pragma once

#include <xquant/model/channel_axis.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/op/registry.hpp>

#include <cstddef>
#include <optional>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// A constant that is the weight of a layer.
struct weight_site {
  value_id value = no_value;
  node_id layer = no_node;   ///< the first layer that uses it
  std::ptrdiff_t axis = 0;   ///< its output channels (channel_axis)
  bool has_channels = true;  ///< otherwise it has one scale: no dimension is free of sums in every layer that reads it
};

/// The values to quantize, in order of execution.
struct placement {
  std::vector<value_id> activations;
  std::vector<weight_site> weights;
};

namespace detail {

// Whether an output holds values of the input (or no real numbers): quantizing again would change nothing.
inline bool only_moves_data(const node& n) { return values_passed_by(n) != values_passed::none; }

// Whether a runtime computes `next` with the accumulator of `n`, so that nothing is rounded between them.
inline bool is_fused(const graph& g, const node& n, const node& next) {
  const op_definition* const op = definition_of(n);
  const op_definition* const follower = definition_of(next);
  if (op == nullptr || follower == nullptr) return false;
  switch (follower->fuses) {
    case epilogue::none: return false;
    case epilogue::activation: return op->accumulates() || op->fuses == epilogue::bias || op->fuses == epilogue::affine;
    case epilogue::affine: return op->accumulates();
    case epilogue::bias: break;
  }
  // The bias of a layer that has no input for one.
  if (!op->accumulates() || op->has_role(input_role::bias)) return false;
  for (const value_id input : next.inputs)
    if (input != no_value && g.constant(input) != nullptr) return true;
  return false;
}

}  // namespace detail

/// Activations: the model's inputs and the outputs of all operators, but for those that only move data, and for a Conv,
/// ConvTranspose, Gemm, MatMul, Add or BatchNormalization whose one reader is a Relu or Clip (a BatchNormalization, or
/// after a MatMul the Add of a constant, continues such a chain). Values that are outputs of the network are always
/// quantized.
/// Weights: the constant factors of Conv, ConvTranspose, Gemm and MatMul (is_factor), with the axis of their channels
/// (channel_axis); layers that share a weight must agree on the axis, or it has none. Biases and all other constants
/// stay float. A constant that nodes compute is one here after fold_constants.
inline placement place_quantizers(const graph& g) {
  placement result;
  for (const value_id id : g.inputs())
    if (!g.consumers(id).empty() && g.initializer(id) == nullptr) result.activations.push_back(id);
  std::vector<std::size_t> site(g.values().size(), no_value);
  const auto add_weight = [&](value_id id, node_id layer, std::size_t factor) {
    if (id == no_value || g.constant(id) == nullptr) return;
    const tensor& t = *g.constant(id);
    if (t.type() != element_type::float32 || t.size() == 0) return;
    const std::optional<std::size_t> axis = channel_axis(g.node_at(layer), factor, t.shape());
    if (site[id] == no_value) {
      site[id] = result.weights.size();
      result.weights.push_back({id, layer, static_cast<std::ptrdiff_t>(axis.value_or(0)), axis.has_value()});
    } else if (weight_site& known = result.weights[site[id]];
               !axis || known.axis != static_cast<std::ptrdiff_t>(*axis)) {
      known.has_channels = false;
      known.axis = 0;
    }
  };
  for (node_id i = 0; i < g.nodes().size(); ++i) {
    const node& n = g.node_at(i);
    for (std::size_t input = 0; input < n.inputs.size(); ++input)
      if (is_factor(n, input)) add_weight(n.inputs[input], i, input);
    if (detail::only_moves_data(n)) continue;
    for (const value_id id : n.outputs) {
      if (id == no_value) continue;
      const node_id reader = g.sole_consumer(id);
      const bool fused = !g.is_output(id) && reader != no_node && detail::is_fused(g, n, g.node_at(reader));
      if (!fused) result.activations.push_back(id);
    }
  }
  return result;
}

}  // namespace xquant::model
