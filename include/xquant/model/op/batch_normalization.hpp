// BatchNormalization as used at inference: a scale and a shift per channel.
#pragma once

#include <xquant/model/op/definition.hpp>
#include <xquant/model/op/op.hpp>

#include <cmath>
#include <cstddef>
#include <string>

namespace xquant::inline XQUANT_ABI::model {

/// Y = (X - mean) / sqrt(variance + epsilon) * scale + B per channel (dimension 1); the factor and the shift are worked
/// out in double and rounded to float once. ONNX BatchNormalization, opsets 9, 14 and 15, training_mode 0.
inline node_function prepare_batch_normalization(node_context& context) {
  context.expect_arity(5, 5, 1, context.opset() < 14 ? 5 : 3);
  for (std::size_t i = 0; i < 5; ++i) context.expect_float(i);
  context.expect_rank(0, 1, max_rank);
  const shape& x = context.input_shape(0);
  const std::size_t channels = x.rank > 1 ? x[1] : 1;
  for (std::size_t i = 1; i < 5; ++i) context.expect_vector(i, channels);
  for (std::size_t i = 1; i < context.output_count(); ++i)
    if (context.has_output(i)) context.unsupported("output " + std::to_string(i) + " exists only in training");
  const float epsilon = context.number("epsilon", 1e-5f);
  (void)context.number("momentum", 0.9f);
  if (context.opset() >= 14 && context.flag("training_mode", false))
    context.bad_attribute("training_mode", "1", "0 (inference)");
  context.set_output(0, element_type::float32, x);

  const std::size_t batch = x[0];
  const std::size_t plane = batch * channels == 0 ? 0 : x.size() / (batch * channels);
  return [=](node_arguments& arguments) {
    const float* in = arguments.input<float>(0);
    const float* gamma = arguments.input<float>(1);
    const float* beta = arguments.input<float>(2);
    const float* mean = arguments.input<float>(3);
    const float* variance = arguments.input<float>(4);
    float* out = arguments.output<float>(0);
    for (std::size_t n = 0; n < batch; ++n)
      for (std::size_t c = 0; c < channels; ++c, in += plane, out += plane) {
        const double factor = gamma[c] / std::sqrt(static_cast<double>(variance[c]) + static_cast<double>(epsilon));
        const auto scale = static_cast<float>(factor);
        const auto shift = static_cast<float>(beta[c] - mean[c] * factor);
        for (std::size_t i = 0; i < plane; ++i) out[i] = in[i] * scale + shift;
      }
  };
}

/// Whether a node is a BatchNormalization with all of its inputs, of which batch norm folding may ask its numbers.
inline bool is_batch_normalization(const node& n) { return n.op_type == "BatchNormalization"; }

inline constexpr op_definition batch_normalization_definition{.name = "BatchNormalization",
                                                              .since = 11,
                                                              .prepare = prepare_batch_normalization,
                                                              .inputs = {input_role::data, input_role::parameter},
                                                              .fuses = epilogue::affine};

}  // namespace xquant::model
