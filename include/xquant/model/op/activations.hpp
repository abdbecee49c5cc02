// Functions of one element: Relu, LeakyRelu, Elu, Sigmoid, Tanh, HardSigmoid, HardSwish, Clip.
#pragma once

#include <xquant/model/op/definition.hpp>
#include <xquant/model/op/op.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace xquant::inline XQUANT_ABI::model {

namespace detail {

template <class Function>
node_function elementwise(node_context& context, Function function) {
  context.expect_arity(1, 1);
  context.expect_float(0);
  context.set_output(0, element_type::float32, context.input_shape(0));
  return [function](node_arguments& arguments) {
    const float* in = arguments.input<float>(0);
    const std::size_t count = arguments.input(0).size();
    float* out = arguments.output<float>(0);
    for (std::size_t i = 0; i < count; ++i) out[i] = function(in[i]);
  };
}

}  // namespace detail

/// max(0, x); NaN stays NaN.
inline node_function prepare_relu(node_context& context) {
  return detail::elementwise(context, [](float x) { return x < 0 ? 0.0f : x; });
}

/// x < 0 ? alpha x : x.
inline node_function prepare_leaky_relu(node_context& context) {
  const float alpha = context.number("alpha", 0.01f);
  return detail::elementwise(context, [alpha](float x) { return x < 0 ? alpha * x : x; });
}

/// x < 0 ? alpha (exp(x) - 1) : x.
inline node_function prepare_elu(node_context& context) {
  const float alpha = context.number("alpha", 1.0f);
  return detail::elementwise(context, [alpha](float x) { return x < 0 ? alpha * std::expm1(x) : x; });
}

/// 1 / (1 + exp(-x)).
inline node_function prepare_sigmoid(node_context& context) {
  return detail::elementwise(context, [](float x) { return 1.0f / (1.0f + std::exp(-x)); });
}

inline node_function prepare_tanh(node_context& context) {
  return detail::elementwise(context, [](float x) { return std::tanh(x); });
}

/// max(0, min(1, alpha x + beta)); NaN stays NaN.
inline node_function prepare_hard_sigmoid(node_context& context) {
  const float alpha = context.number("alpha", 0.2f);
  const float beta = context.number("beta", 0.5f);
  return detail::elementwise(context, [alpha, beta](float x) {
    const float line = alpha * x + beta;
    return line < 0 ? 0.0f : line > 1 ? 1.0f : line;
  });
}

/// x max(0, min(1, x / 6 + 1/2)).
inline node_function prepare_hard_swish(node_context& context) {
  return detail::elementwise(context, [](float x) {
    const float line = x * (1.0f / 6.0f) + 0.5f;
    return x * (line < 0 ? 0.0f : line > 1 ? 1.0f : line);
  });
}

/// min(max(x, low), high): with low > high everything becomes high. Bounds are optional scalar inputs; NaN stays NaN.
inline node_function prepare_clip(node_context& context) {
  context.expect_arity(1, 3);
  context.expect_float(0);
  for (std::size_t i = 1; i < 3; ++i)
    if (context.has_input(i)) {
      context.expect_float(i);
      if (context.input_shape(i).size() != 1 || context.input_shape(i).rank > 1)
        context.malformed(context.input_name(i) + " has shape " + to_text(context.input_shape(i)) +
                          "; expected a scalar");
    }
  context.set_output(0, element_type::float32, context.input_shape(0));
  return [](node_arguments& arguments) {
    const float low = arguments.has_input(1) ? *arguments.input<float>(1) : -std::numeric_limits<float>::infinity();
    const float high = arguments.has_input(2) ? *arguments.input<float>(2) : std::numeric_limits<float>::infinity();
    const float* in = arguments.input<float>(0);
    const std::size_t count = arguments.input(0).size();
    float* out = arguments.output<float>(0);
    for (std::size_t i = 0; i < count; ++i) {
      const float raised = in[i] < low ? low : in[i];
      out[i] = raised > high ? high : raised;
    }
  };
}

inline constexpr op_definition relu_definition{
    .name = "Relu", .since = 11, .prepare = prepare_relu, .fuses = epilogue::activation};
inline constexpr op_definition leaky_relu_definition{.name = "LeakyRelu", .since = 11, .prepare = prepare_leaky_relu};
inline constexpr op_definition elu_definition{.name = "Elu", .since = 11, .prepare = prepare_elu};
inline constexpr op_definition sigmoid_definition{.name = "Sigmoid", .since = 11, .prepare = prepare_sigmoid};
inline constexpr op_definition tanh_definition{.name = "Tanh", .since = 11, .prepare = prepare_tanh};
inline constexpr op_definition hard_sigmoid_definition{
    .name = "HardSigmoid", .since = 11, .prepare = prepare_hard_sigmoid};
inline constexpr op_definition hard_swish_definition{.name = "HardSwish", .since = 14, .prepare = prepare_hard_swish};
inline constexpr op_definition clip_definition{.name = "Clip",
                                               .since = 11,
                                               .prepare = prepare_clip,
                                               .inputs = {input_role::data, input_role::parameter},
                                               .fuses = epilogue::activation};

}  // namespace xquant::model
