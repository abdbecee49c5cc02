// Weight scales that the biases of their layers can be held with: a bias is int32 in steps of the scale of the layer's
// input times that of its weight, and what makes the one too coarse or too fine is the other.
#pragma once

#include <xquant/model/biased_layer.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/integer_bias.hpp>
#include <xquant/model/tensor.hpp>
#include <xquant/parameters.hpp>
#include <xquant/runtime.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// A layer that reads a weight, and how its input is quantized.
struct weight_reader {
  const biased_layer* layer = nullptr;
  const encoding* input = nullptr;
};

/// A scale of a weight that a bias moved.
struct moved_scale {
  value_id weight = no_value;
  std::size_t slot = 0;  ///< of the weight's scales
  node_id layer = no_node;
  value_id bias = no_value;
  float from = 0;
  float to = 0;
  bool weights_are_zero = false;  ///< all of the slot are zero with both scales, so that nothing but the bias changes
};

struct fitted_parameters {
  xquant::parameters parameters;
  std::vector<moved_scale> moved;
};

namespace detail {

/// The bias of a slot without weights is at most so many steps: what float32 counts exactly, and far below what int32
/// does.
inline constexpr double steps_of_zero_weights = 16777216;

/// The steps that a bias may have, so that int32 holds it together with any sum of products of codes (half of int32 at
/// least, where the products alone overflow it).
inline double most_bias_steps(std::size_t products, int weight_bits, int input_bits) {
  const double sum = std::ldexp(static_cast<double>(products), weight_bits + input_bits);
  return 2147483647.0 - std::min(sum, 1073741824.0);
}

// The largest magnitude in each slot of a weight, whose slots are slices of `axis`, or all of it.
inline std::vector<float> largest_of_slots(const tensor& weight, std::size_t slots, std::size_t axis) {
  std::vector<float> largest(slots, 0.0f);
  std::size_t inner = 1;
  for (std::size_t d = axis + 1; d < weight.shape().rank; ++d) inner *= weight.shape()[d];
  const float* x = weight.data<float>();
  if (slots == 1) inner = weight.size();
  for (std::size_t i = 0, slot = 0; inner != 0 && i < weight.size();
       i += inner, slot = slot + 1 == slots ? 0 : slot + 1)
    for (std::size_t k = 0; k < inner; ++k) largest[slot] = std::fmax(largest[slot], std::fabs(x[i + k]));
  return largest;
}

// The smallest scale of the quantizer's kind that is not below `scale`.
inline float scale_from(double scale, const quantizer_description& q) {
  if (q.power_of_two != power_of_two_id::none) {
    int exponent = 0;
    const double mantissa = std::frexp(scale, &exponent);  // in [1/2, 1)
    return static_cast<float>(std::ldexp(1.0, mantissa == 0.5 ? exponent - 1 : exponent));
  }
  auto rounded = static_cast<float>(scale);
  if (static_cast<double>(rounded) < scale) rounded = std::nextafter(rounded, std::numeric_limits<float>::infinity());
  return rounded;
}

}  // namespace detail

/// The parameters of a weight (`own`, from its range or given) with scales at which the biases of its layers are held;
/// readers of other weights do not matter. Of a slot (a channel, or the tensor) with scale s, for each layer with input
/// scale sx, largest bias b of the slot and ratio alpha / beta:
///   - the scale is at least b / (ratio sx L), L = 2^31 - 1 less what the sum of products of codes may come to (2^30 at
///     most), and such that ratio sx s is a normal float32. Where that is wider than s, the weights become coarser. So
///     does onnxruntime.quantization (with L = 2^31 - 1).
///   - where all weights of the slot round to zero, as they do with any scale above twice the largest: s is no more
///   than
///     b / (ratio sx 2^24). The degenerate scale 1 would be the step of the bias.
/// Without integer_biases the first is asked for where codes of weight and input have at most 8 bits: ONNX Runtime
/// makes int32 of float biases by itself there. Slots that need no change keep their scale, and zero points stay. NaN
/// and infinite biases ask for nothing; a scale beyond float32 is left as it is. Nothing moves unless the weight has
/// one scale, or one for each slice of the layer's output axis.
inline fitted_parameters fit_weight_scale(const graph& g, value_id weight, const encoding& own,
                                          std::span<const weight_reader> readers, bool integer_biases) {
  const quantizer_description& q = own.quantizer;
  fitted_parameters result{own.parameters, {}};
  const tensor* values = g.constant(weight);
  if (values == nullptr || values->type() != element_type::float32 || values->size() == 0 ||
      !own.parameters.real_zero_point().empty())
    return result;
  struct demand {
    double least = 0;
    double most = 0;  // where the weights are zero; 0: any
    const biased_layer* asked_least = nullptr;
    const biased_layer* asked_most = nullptr;
  };
  const double normal = static_cast<double>(std::numeric_limits<float>::min());
  std::vector<demand> demands(own.parameters.count());
  const biased_layer* any = nullptr;
  for (const weight_reader& r : readers) {
    const biased_layer& layer = *r.layer;
    if (layer.weight != weight || !detail::bias_obstacle(g, layer, &own, r.input).empty()) continue;
    const bool by_channel = q.granularity.is<per_axis<>>();
    if (by_channel && demands.size() != layer.slices) continue;
    any = &layer;
    const bool asks = integer_biases || (q.bits <= 8 && r.input->quantizer.bits <= 8);
    const double steps = detail::most_bias_steps(values->size() / layer.slices, q.bits, r.input->quantizer.bits);
    const double unit = layer.ratio * static_cast<double>(r.input->parameters.scale()[0]);
    const tensor& bias = *g.constant(layer.bias);
    for (std::size_t c = 0; c < layer.channels; ++c) {
      demand& d = demands[by_channel ? c % layer.slices : 0];
      const double b = std::fabs(static_cast<double>(bias.data<float>()[c]));
      if (!std::isfinite(b)) continue;
      // A little more, so that roundings on the way do not matter.
      const double least = integer_biases || (asks && b > 0) ? std::max(b / steps, normal) / unit * (1 + 0x1p-20) : 0;
      if (least > d.least) d = {least, d.most, &layer, d.asked_most};
      const double most = b / detail::steps_of_zero_weights / unit;
      if (most > d.most) d = {d.least, most, d.asked_least, &layer};
    }
  }
  if (any == nullptr) return result;
  const std::vector<float> largest =
      detail::largest_of_slots(*values, demands.size(), static_cast<std::size_t>(any->axis));
  std::vector<float> scales = own.parameters.scale();
  for (std::size_t slot = 0; slot < scales.size(); ++slot) {
    const demand& d = demands[slot];
    const auto scale = static_cast<double>(scales[slot]);
    const double twice = 2 * static_cast<double>(largest[slot]);
    const bool zero = twice == 0 || (twice < scale && q.rounding == id_of<nearest_even>);
    double wanted = scale;
    const biased_layer* asked = nullptr;
    if (zero && d.most != 0 && scale > d.most) {
      const double smallest = std::max({d.most, d.least, normal, twice * (1 + 0x1p-20)});
      if (smallest < scale) {
        wanted = smallest;
        asked = d.asked_most;
      }
    }
    if (wanted < d.least) {
      wanted = d.least;
      asked = d.asked_least;
    }
    if (asked == nullptr || !(wanted <= static_cast<double>(std::numeric_limits<float>::max()))) continue;
    const float to = detail::scale_from(wanted, q);
    if (to == scales[slot] || !std::isfinite(to)) continue;
    result.moved.push_back({weight, slot, asked->layer, asked->bias, scales[slot], to, zero});
    scales[slot] = to;
  }
  if (!result.moved.empty()) result.parameters = xquant::parameters(std::move(scales), own.parameters.zero_point());
  return result;
}

}  // namespace xquant::model
