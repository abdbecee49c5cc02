// A layer's bias as int32 codes whose scale is that of the layer's input times that of its weight, so that an integer
// runtime adds it to its accumulators.
#pragma once

#include <xquant/encoding.hpp>
#include <xquant/model/biased_layer.hpp>
#include <xquant/model/error.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/op/registry.hpp>
#include <xquant/model/tensor.hpp>
#include <xquant/runtime.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// A bias as integers.
struct integer_bias {
  value_id value = no_value;
  bool per_channel = false;         ///< a scale per channel (along the last axis of the bias), or one
  std::vector<float> scale;         ///< scale of the input times scale of the weight (a Gemm: times alpha / beta),
                                    ///< the product in double, rounded to float32
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
const encoding* quantizer_behind(const graph& g, value_id id, const Activation& activation) {
  for (std::size_t hops = 0; id != no_value && hops <= g.nodes().size(); ++hops) {
    if (const encoding* const found = activation(id); found != nullptr) return found;
    const node_id from = g.producer(id);
    if (from == no_node) return nullptr;
    const node& n = g.node_at(from);
    if (values_passed_by(n) != values_passed::all) return nullptr;
    id = n.inputs.at(0);
  }
  return nullptr;
}

// Why a layer's bias has no int32 scale, given how its weight and its input are quantized; empty when it has one.
inline std::string bias_obstacle(const graph& g, const biased_layer& layer, const encoding* w, const encoding* input) {
  if (!layer.obstacle.empty()) return layer.obstacle;
  if (w == nullptr) return "the weight is float";
  if (input == nullptr) return "the layer's input is float";
  if (!xquant::detail::is_integer(w->quantizer.format)) return "the weight is in a float format";
  if (!xquant::detail::is_integer(input->quantizer.format)) return "the layer's input is in a float format";
  if (!is_per_tensor_or_axis(w->quantizer.granularity)) return "the weight has more than one scale per output";
  if (!input->quantizer.granularity.is<per_tensor>()) return "the layer's input has more than one scale";
  const granularity_description& slots = w->quantizer.granularity;
  if (slots.is<per_axis<>>() && axis_of(slots, g.constant(layer.weight)->shape().rank) != layer.axis)
    return "the weight's scales lie along another axis than the outputs";
  return {};
}

}  // namespace detail

/// Why the bias of layer `id` stays float; empty where it becomes integers and for a layer without bias. Arguments as
/// of integer_bias_of.
template <class Weight, class Activation>
std::string why_bias_is_float(const graph& g, node_id id, const Weight& weight, const Activation& activation) {
  const std::optional<biased_layer> layer = biased_layer_of(g, id);
  if (!layer) return {};
  if (weight(layer->bias) != nullptr) return "the bias is itself quantized as a weight";
  return detail::bias_obstacle(g, *layer, weight(layer->weight), detail::quantizer_behind(g, layer->input, activation));
}

/// The bias of layer `id` (Conv, ConvTranspose, Gemm) as int32. `weight(value)` and `activation(value)` say how a
/// constant and a computed value are quantized (its encoding, or null where it is float). With a Gemm's alpha and beta,
///   alpha A B + beta C = alpha sA sB (sum of products of codes + code of C),   scale of C = alpha / beta sA sB,
/// which is ONNX Runtime's QGemm. Nothing for a layer without bias, and where the bias has to stay float: the layer's
/// input or weight is float or in a float format, the input has more than one scale, the weight has scales along
/// another axis than that of the outputs, or in groups, alpha / beta is not above zero, or the bias is no float32
/// constant with one value per channel or is itself quantized (why_bias_is_float tells). A constant that several layers
/// read as their bias is one integer_bias for each. Throws model_error for a scale that is no normal float32
/// (scale_out_of_range) and a bias of more than 2^31 - 1 steps (value_out_of_range); fit_weight_scale (bias_scale.hpp)
/// makes a weight's scales such that neither happens.
template <class Weight, class Activation>
std::optional<integer_bias> integer_bias_of(const graph& g, node_id id, const Weight& weight,
                                            const Activation& activation) {
  const std::optional<biased_layer> layer = biased_layer_of(g, id);
  if (!layer || !why_bias_is_float(g, id, weight, activation).empty()) return {};
  const tensor& bias = *g.constant(layer->bias);
  const encoding* const w = weight(layer->weight);
  const encoding* const input = detail::quantizer_behind(g, layer->input, activation);
  const bool per_channel = w->quantizer.granularity.is<per_axis<>>();
  const auto called = [&](std::size_t c) {
    return "bias " + in_quotes(g.name_of(layer->bias)) + " [" + std::to_string(c) + "]: ";
  };
  integer_bias result;
  result.value = layer->bias;
  result.per_channel = per_channel;
  result.scale.resize(per_channel ? layer->channels : 1);
  for (std::size_t c = 0; c < result.scale.size(); ++c) {
    const double product =
        layer->ratio * (static_cast<double>(input->parameters.scale()[0]) *
                        static_cast<double>(w->parameters.scale()[per_channel ? c % layer->slices : 0]));
    const auto scale = static_cast<float>(product);
    if (!(scale >= std::numeric_limits<float>::min()) || !std::isfinite(scale))
      throw model_error(errc::scale_out_of_range, called(c) + "scale of input times scale of weight is " +
                                                      std::to_string(scale) + "; expected a normal float32");
    result.scale[c] = scale;
  }
  result.codes.resize(layer->channels);
  for (std::size_t c = 0; c < layer->channels; ++c) {
    const auto value = static_cast<double>(bias.data<float>()[c]);
    const double code = std::nearbyint(value / static_cast<double>(result.scale[per_channel ? c : 0]));
    if (!(std::fabs(code) <= 2147483647.0))
      throw model_error(errc::value_out_of_range,
                        called(c) + std::to_string(value) + " is " + std::to_string(code) +
                            " steps of scale of input times scale of weight; expected at most 2147483647");
    result.codes[c] = static_cast<std::int32_t>(code);
  }
  return result;
}

}  // namespace xquant::model
