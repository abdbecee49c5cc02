// Gemm: alpha op(A) op(B) + beta C.
#pragma once

#include <xquant/engines/blas/gemm.hpp>
#include <xquant/model/op/definition.hpp>
#include <xquant/model/op/op.hpp>
#include <xquant/model/op/strided_loops.hpp>

#include <cstddef>
#include <string>

namespace xquant::inline XQUANT_ABI::model {

/// Y = alpha op(A) op(B) + beta C, C optional and broadcast to [M, N]. ONNX Gemm, opset 11.
inline node_function prepare_gemm(node_context& context) {
  context.expect_arity(2, 3);
  for (std::size_t i = 0; i < context.input_count(); ++i)
    if (context.has_input(i)) context.expect_float(i);
  context.expect_rank(0, 2, 2);
  context.expect_rank(1, 2, 2);
  const float alpha = context.number("alpha", 1);
  const float beta = context.number("beta", 1);
  const bool transpose_a = context.integer("transA", 0) != 0;
  const bool transpose_b = context.integer("transB", 0) != 0;
  const shape& a = context.input_shape(0);
  const shape& b = context.input_shape(1);
  const std::size_t m = a[transpose_a ? 1 : 0];
  const std::size_t k = a[transpose_a ? 0 : 1];
  const std::size_t n = b[transpose_b ? 0 : 1];
  if (b[transpose_b ? 1 : 0] != k)
    context.malformed("A " + to_text(a) + (transpose_a ? " transposed" : "") + " and B " + to_text(b) +
                      (transpose_b ? " transposed" : "") + " do not multiply");
  const shape out(m, n);
  const bool bias = context.has_input(2);
  strided_loops<2> loops;
  if (bias) {
    const shape& c = context.input_shape(2);
    if (c.rank > 2 || !(broadcast_shape(context, c, out) == out))
      context.malformed("C has shape " + to_text(c) + "; expected one that broadcasts to " + to_text(out));
    loops.extents = out;
    dense_steps(out, loops.step[0]);
    broadcast_steps(c, out, loops.step[1]);
    loops.collapse();
  }
  context.set_output(0, element_type::float32, out);
  const std::size_t row_a = a[1];
  const std::size_t row_b = b[1];
  return [=](node_arguments& arguments) {
    float* o = arguments.output<float>(0);
    if (bias) {
      const float* c = arguments.input<float>(2);
      loops.for_each_run([&](const std::ptrdiff_t* offset, std::size_t count, const std::ptrdiff_t* step) {
        float* to = o + offset[0];
        const float* from = c + offset[1];
        for (std::size_t i = 0; i < count; ++i, to += step[0], from += step[1]) *to = beta * *from;
      });
    }
    blas::gemm(transpose_a, transpose_b, m, n, k, alpha, arguments.input<float>(0), row_a, arguments.input<float>(1),
               row_b, bias ? 1.0f : 0.0f, o, n);
  };
}

namespace detail {

// A [M, K]: 0, B [K, N]: 1; the other one when transposed.
inline std::optional<std::size_t> channel_axis_of_gemm(const node& n, std::size_t i, const shape& s) {
  if (s.rank != 2) return {};
  const bool transposed = attribute_or<std::int64_t>(n, i == 0 ? "transA" : "transB", 0) != 0;
  return (i == 1) != transposed ? 1 : 0;
}

inline std::optional<weighted_sum> sum_of_gemm(const node& n, const shape& weight) {
  if (weight.rank != 2 || weight.size() == 0) return {};
  const bool transposed = attribute_or<std::int64_t>(n, "transB", 0) != 0;
  weighted_sum result{transposed ? ptq::weight_layout::output_first(weight[0], weight[1])
                                 : ptq::weight_layout::output_last(weight[0], weight[1]),
                      {},
                      static_cast<double>(attribute_or(n, "alpha", 1.0f)),
                      attribute_or(n, "beta", 1.0f),
                      "beta"};
  if (attribute_or<std::int64_t>(n, "transA", 0) == 0)
    result.inputs = transposed ? ptq::input_layout::output_first(weight[0], weight[1], 1)
                               : ptq::input_layout::output_last(weight[0], weight[1]);
  return result;
}

}  // namespace detail

inline constexpr op_definition gemm_definition{.name = "Gemm",
                                               .since = 11,
                                               .prepare = prepare_gemm,
                                               .inputs = {input_role::factor, input_role::factor, input_role::bias},
                                               .channel_axis = detail::channel_axis_of_gemm,
                                               .sum = detail::sum_of_gemm};

}  // namespace xquant::model
