// A layer's bias as int32 codes whose scale is that of the layer's input times that of its weight, so that an integer
// runtime adds it to its accumulators.
#pragma once

#include <xquant/model/error.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/tensor.hpp>
#include <xquant/parameters.hpp>
#include <xquant/runtime.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// How a value is quantized, as somebody who asks for biases says it: null pointers for a value that is float.
struct quantized_by {
  const quantizer_description* quantizer = nullptr;
  const xquant::parameters* parameters = nullptr;
};

/// A bias as integers.
struct integer_bias {
  value_id value = no_value;
  bool per_channel = false;         ///< a scale a channel (along the last axis of the bias), or one
  std::vector<float> scale;         ///< scale of the input times scale of the weight, in float32
  std::vector<std::int32_t> codes;  ///< the bias divided by the scale (in double), to nearest even
  /// What a layer that reads the codes dequantized sees: float(code) * scale.
  [[nodiscard]] tensor dequantized(const xquant::shape& s) const {
    tensor t(element_type::float32, s);
    float* out = t.mutable_data<float>();
    for (std::size_t c = 0; c < codes.size(); ++c) out[c] = static_cast<float>(codes[c]) * scale[per_channel ? c : 0];
    return t;
  }
};

namespace detail {

// The quantizer of what a layer reads: the value's own, or that of the value whose elements it holds.
template <class Activation>
quantized_by quantizer_behind(const graph& g, value_id id, const Activation& activation) {
  for (std::size_t hops = 0; id != no_value && hops <= g.nodes().size(); ++hops) {
    if (const quantized_by found = activation(id); found.quantizer != nullptr) return found;
    const node_id from = g.producer(id);
    if (from == no_node) return {};
    const node& n = g.node_at(from);
    bool moves = false;
    for (const char* op : {"Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
      moves = moves || n.op_type == op;
    if (!moves) return {};
    id = n.inputs.at(0);
  }
  return {};
}

inline bool is_integer(const quantizer_description& q) {
  return q.format == format_id::signed_integer || q.format == format_id::unsigned_integer;
}

}  // namespace detail

/// The bias of layer `id` (Conv, ConvTranspose, Gemm) as int32. `weight(value)` and `activation(value)` say how a
/// constant and a computed value are quantized (quantized_by). Nothing for a layer without bias, and where the bias has
/// to stay float: the layer's input or weight is float or in a float format, the input has a scale for each channel,
/// the weight has scales along another axis than that of the outputs, the bias is no float32 constant with one value a
/// channel, is itself quantized, or is read by somebody else too (who would need another scale). Throws model_error for
/// a scale that is no normal float32 (scale_out_of_range) and a bias of more than 2^31 - 1 steps (value_out_of_range).
template <class Weight, class Activation>
std::optional<integer_bias> integer_bias_of(const graph& g, node_id id, const Weight& weight,
                                            const Activation& activation) {
  const node& n = g.node_at(id);
  const bool transposed = n.op_type == "ConvTranspose";
  const bool gemm = n.op_type == "Gemm";
  if (n.op_type != "Conv" && !transposed && !gemm) return {};
  if (n.inputs.size() < 3 || n.inputs[2] == no_value || g.sole_consumer(n.inputs[2]) != id) return {};
  const tensor* bias = g.constant(n.inputs[2]);
  const tensor* weights = g.constant(n.inputs[1]);
  const quantized_by w = weight(n.inputs[1]);
  const quantized_by input = detail::quantizer_behind(g, n.inputs[0], activation);
  if (bias == nullptr || bias->type() != element_type::float32 || weights == nullptr || weights->shape().rank < 2 ||
      w.quantizer == nullptr || input.quantizer == nullptr || input.quantizer->per_axis ||
      !detail::is_integer(*input.quantizer) || !detail::is_integer(*w.quantizer) ||
      weight(n.inputs[2]).quantizer != nullptr)
    return {};
  const auto number = [&](const char* name, std::int64_t otherwise) {
    const auto found = n.attributes.find(name);
    const auto* value = found == n.attributes.end() ? nullptr : std::get_if<std::int64_t>(&found->second);
    return value == nullptr ? otherwise : *value;
  };
  const xquant::shape& shape = weights->shape();
  std::ptrdiff_t axis = transposed ? 1 : 0;
  if (gemm) axis = number("transB", 0) != 0 ? 0 : 1;
  const std::size_t slices = shape[static_cast<std::size_t>(axis)];
  const std::size_t channels = transposed ? slices * static_cast<std::size_t>(number("group", 1)) : slices;
  const quantizer_description& wq = *w.quantizer;
  const std::ptrdiff_t weight_axis = wq.axis < 0 ? wq.axis + static_cast<std::ptrdiff_t>(shape.rank) : wq.axis;
  const std::size_t rank = bias->shape().rank;
  if (rank == 0 || bias->size() != channels || bias->shape()[rank - 1] != channels ||
      (wq.per_axis && weight_axis != axis))
    return {};

  const auto called = [&](std::size_t c) {
    return "bias '" + g.name_of(n.inputs[2]) + "' [" + std::to_string(c) + "]: ";
  };
  integer_bias result;
  result.value = n.inputs[2];
  result.per_channel = wq.per_axis;
  result.scale.resize(wq.per_axis ? channels : 1);
  for (std::size_t c = 0; c < result.scale.size(); ++c) {
    const float scale = input.parameters->scale()[0] * w.parameters->scale()[wq.per_axis ? c % slices : 0];
    if (!(scale >= std::numeric_limits<float>::min()) || !std::isfinite(scale))
      throw model_error(errc::scale_out_of_range, called(c) + "scale of input times scale of weight is " +
                                                      std::to_string(scale) + "; expected a normal float32");
    result.scale[c] = scale;
  }
  result.codes.resize(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    const auto value = static_cast<double>(bias->data<float>()[c]);
    const double code = std::nearbyint(value / static_cast<double>(result.scale[wq.per_axis ? c : 0]));
    if (!(std::fabs(code) <= 2147483647.0))
      throw model_error(errc::value_out_of_range,
                        called(c) + std::to_string(value) + " is " + std::to_string(code) +
                            " steps of scale of input times scale of weight; expected at most 2147483647");
    result.codes[c] = static_cast<std::int32_t>(code);
  }
  return result;
}

}  // namespace xquant::model
