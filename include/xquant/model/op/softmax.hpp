// Softmax along one axis.
#pragma once

#include <xquant/model/op/definition.hpp>
#include <xquant/model/op/op.hpp>

#include <cmath>
#include <cstddef>

namespace xquant::inline XQUANT_ABI::model {

/// exp(x - max) / sum of exp(x - max) along `axis` (default: the last); the sum is taken in double. Before opset 13
/// over all elements of dimension `axis` (default: 1) and those after it, as if they were one.
inline node_function prepare_softmax(node_context& context) {
  context.expect_arity(1, 1);
  context.expect_float(0);
  const shape& x = context.input_shape(0);
  const bool one_axis = context.opset() >= 13;
  const std::size_t axis = context.axis_of(context.integer("axis", one_axis ? -1 : 1), x.rank);
  context.set_output(0, element_type::float32, x);
  std::size_t outer = 1;
  std::size_t count = 1;
  std::size_t inner = 1;
  for (std::size_t d = 0; d < x.rank; ++d) (d < axis ? outer : d == axis || !one_axis ? count : inner) *= x[d];
  return [=](node_arguments& arguments) {
    const float* in = arguments.input<float>(0);
    float* out = arguments.output<float>(0);
    if (count == 0) return;
    for (std::size_t o = 0; o < outer; ++o, in += count * inner, out += count * inner)
      for (std::size_t i = 0; i < inner; ++i) {
        float largest = in[i];
        for (std::size_t c = 1; c < count; ++c) largest = in[c * inner + i] > largest ? in[c * inner + i] : largest;
        double sum = 0;
        for (std::size_t c = 0; c < count; ++c) {
          const float power = std::exp(in[c * inner + i] - largest);
          out[c * inner + i] = power;
          sum += power;
        }
        const auto factor = static_cast<float>(1 / sum);
        for (std::size_t c = 0; c < count; ++c) out[c * inner + i] *= factor;
      }
  };
}

inline constexpr op_definition softmax_definition{.name = "Softmax", .since = 11, .prepare = prepare_softmax};

}  // namespace xquant::model
