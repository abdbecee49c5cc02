// Where a network is quantized: which values get an activation quantizer, which constants a weight quantizer.
// The rules of AIMET's default configuration (default_config.json: "defaults", "supergroups", "model_input").
#pragma once

#include <xquant/model/graph.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// A constant that is the weight of a layer.
struct weight_site {
  value_id value = no_value;
  node_id layer = no_node;  ///< the first layer that uses it
  std::ptrdiff_t axis = 0;  ///< its output channels
};

/// The values to quantize, in order of execution.
struct placement {
  std::vector<value_id> activations;
  std::vector<weight_site> weights;
};

namespace detail {

inline bool one_of(std::string_view op, std::initializer_list<std::string_view> list) {
  for (const std::string_view name : list)
    if (op == name) return true;
  return false;
}

inline bool is_linear(const node& n) { return one_of(n.op_type, {"Conv", "ConvTranspose", "Gemm", "MatMul"}); }

// Operators whose output holds values of their input (or no real numbers): quantizing again would change nothing.
inline bool only_moves_data(const node& n) {
  if (n.op_type == "Resize") {
    const auto mode = n.attributes.find("mode");
    const auto* text = mode == n.attributes.end() ? nullptr : std::get_if<std::string>(&mode->second);
    return text == nullptr || *text == "nearest";
  }
  return one_of(n.op_type, {"Cast", "Constant", "Dropout", "Expand", "Flatten", "Gather", "Identity", "Pad", "Reshape",
                            "Shape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"});
}

// Whether a runtime computes `next` with the accumulator of `n`, so that nothing is rounded between them.
inline bool is_fused(const graph& g, const node& n, const node& next) {
  if (one_of(next.op_type, {"Relu", "Clip"})) return is_linear(n) || one_of(n.op_type, {"Add", "BatchNormalization"});
  if (next.op_type == "BatchNormalization") return is_linear(n);
  // MatMul and a constant: a linear layer's bias.
  if (next.op_type != "Add" || n.op_type != "MatMul") return false;
  for (const value_id input : next.inputs)
    if (input != no_value && g.constant(input) != nullptr) return true;
  return false;
}

inline std::int64_t integer_attribute(const node& n, const char* name) {
  const auto found = n.attributes.find(name);
  if (found == n.attributes.end()) return 0;
  const auto* value = std::get_if<std::int64_t>(&found->second);
  return value != nullptr ? *value : 0;
}

}  // namespace detail

/// Activations: the model's inputs and the outputs of all operators, but for those that only move data, and for a Conv,
/// ConvTranspose, Gemm, MatMul, Add or BatchNormalization whose one reader is a Relu or Clip (a BatchNormalization, or
/// after a MatMul the Add of a constant, continues such a chain). Values that are outputs of the network are always
/// quantized.
/// Weights: the constant second operand of Conv (channel axis 0), ConvTranspose (axis 1), Gemm (0 when transB, else 1)
/// and the constant operand of MatMul (last axis). Biases and all other constants stay float.
inline placement place_quantizers(const graph& g) {
  placement result;
  for (const value_id id : g.inputs())
    if (!g.consumers(id).empty() && g.initializer(id) == nullptr) result.activations.push_back(id);
  std::vector<bool> has_weight(g.values().size(), false);
  // A layer without that input is the executor's to refuse.
  const auto second = [](const node& n) { return n.inputs.size() > 1 ? n.inputs[1] : no_value; };
  const auto add_weight = [&](value_id id, node_id layer, std::ptrdiff_t axis) {
    if (id == no_value || has_weight[id] || g.constant(id) == nullptr) return;
    if (g.constant(id)->type() != element_type::float32 || g.constant(id)->size() == 0) return;
    has_weight[id] = true;
    result.weights.push_back({id, layer, axis});
  };
  for (node_id i = 0; i < g.nodes().size(); ++i) {
    const node& n = g.node_at(i);
    if (n.op_type == "Conv") add_weight(second(n), i, 0);
    if (n.op_type == "ConvTranspose") add_weight(second(n), i, 1);
    if (n.op_type == "Gemm") add_weight(second(n), i, detail::integer_attribute(n, "transB") != 0 ? 0 : 1);
    if (n.op_type == "MatMul")
      for (const value_id input : n.inputs) add_weight(input, i, -1);
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
