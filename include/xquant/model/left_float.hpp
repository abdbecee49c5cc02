// The layers of a simulation that stay float, and why: what a report of quantization must not pass over in silence.
#pragma once

#include <xquant/model/channel_axis.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/op/registry.hpp>
#include <xquant/model/placement.hpp>
#include <xquant/model/tensor.hpp>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// A layer one of whose factors is float.
struct float_layer {
  std::string node;   ///< its name, or that of its first output when it has none
  std::string value;  ///< what it reads without a quantizer
  std::string why;
};

namespace detail {

// The value itself, or the one with a quantizer whose elements it holds.
template <class Quantizer>
value_id moved_from(const graph& g, value_id id, const Quantizer& quantizer) {
  while (quantizer(id) == nullptr) {
    const node_id from = g.producer(id);
    if (from == no_node) break;
    const values_passed passes = values_passed_by(g.node_at(from));
    if (passes == values_passed::none || passes == values_passed::no_data || g.node_at(from).inputs.empty() ||
        g.node_at(from).inputs[0] == no_value)
      break;
    id = g.node_at(from).inputs[0];
  }
  return id;
}

}  // namespace detail

/// Layers (Conv, ConvTranspose, Gemm, MatMul) whose weight, or whose input, has no quantizer with parameters, and other
/// operators with weights (Gather, recurrent ones ...) that read a float32 constant of two or more dimensions which has
/// none; once for each such value, in order of execution. `why` says what the reason is: a constant that is no float32
/// tensor or known only for the shapes of the inputs, a value that encodings leave float or that no calibration has
/// seen, an operator whose weights are not quantized. A value that only holds elements of a quantized one
/// (behind a Reshape, a Slice ...) is quantized.
template <class Simulation>
std::vector<float_layer> left_float(const Simulation& s) {
  const graph& g = s.network();
  std::vector<float_layer> result;
  const auto weight_of = [&](value_id id) {
    for (const auto& w : s.weights())
      if (w.site.value == id) return &w;
    return static_cast<decltype(&s.weights()[0])>(nullptr);
  };
  const auto activation_of = [&](value_id id) {
    for (const auto& a : s.activations())
      if (a.value == id) return &a;
    return static_cast<decltype(&s.activations()[0])>(nullptr);
  };
  for (const node& n : g.nodes()) {
    const op_definition* const op = definition_of(n);
    const bool table = op != nullptr && op->has_role(input_role::table);
    const bool accumulates = op != nullptr && op->accumulates();
    for (std::size_t i = 0; i < n.inputs.size(); ++i) {
      const value_id id = n.inputs[i];
      const bool multiplied = accumulates && (is_factor(n, i) || role_of(n, i) == input_role::data);
      if (id == no_value || !(multiplied || table)) continue;
      std::string why;
      if (const tensor* t = g.constant(id); t != nullptr) {
        const auto* w = weight_of(id);
        if (table && (t->type() != element_type::float32 || t->shape().rank < 2)) continue;
        if (w != nullptr && w->ready()) continue;
        if (w != nullptr)
          why = "encodings leave this weight float";
        else if (t->type() != element_type::float32)
          why = std::string("a constant of ") + name_of(t->type()) + "; expected float32";
        else if (table)
          why = "weights of " + n.op_type + " are not quantized";
        else
          why = "a constant where the layer's input is, which has no quantizer";
      } else {
        if (table) continue;
        // The quantizer of what the value holds elements of; the extents of a quantized value are none of its elements.
        const auto* a = activation_of(detail::moved_from(g, id, activation_of));
        if (s.constant(id) != nullptr)
          why = "a constant that follows from the shapes of the inputs, which has no quantizer";
        else if (a != nullptr && a->ready())
          continue;
        else if (a != nullptr)
          why = a->frozen ? "encodings leave this value float" : "no calibration has seen this value";
        else
          why = "computed when the network runs, and holds elements of a value without quantizer";
      }
      const std::string name = !n.name.empty()                                 ? n.name
                               : n.outputs.empty() || n.outputs[0] == no_value ? n.op_type
                                                                               : g.name_of(n.outputs[0]);
      result.push_back({name, g.name_of(id), std::move(why)});
    }
  }
  return result;
}

}  // namespace xquant::model
