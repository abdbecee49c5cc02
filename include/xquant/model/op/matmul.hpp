// MatMul: products of matrices, or of stacks of them whose leading dimensions broadcast.
#pragma once

#include <xquant/engines/blas/gemm.hpp>
#include <xquant/model/op/definition.hpp>
#include <xquant/model/op/op.hpp>
#include <xquant/model/op/strided_loops.hpp>

#include <cstddef>
#include <string>

namespace xquant::inline XQUANT_ABI::model {

/// numpy.matmul: the last two dimensions multiply, those before them broadcast, a vector on the left (right) counts as
/// a row (column) whose dimension is dropped afterwards.
inline node_function prepare_matmul(node_context& context) {
  context.expect_arity(2, 2);
  context.expect_float(0);
  context.expect_float(1);
  context.expect_rank(0, 1, max_rank);
  context.expect_rank(1, 1, max_rank);
  const shape& a = context.input_shape(0);
  const shape& b = context.input_shape(1);
  const bool row = a.rank == 1;
  const bool column = b.rank == 1;
  const std::size_t m = row ? 1 : a[a.rank - 2];
  const std::size_t k = a[a.rank - 1];
  const std::size_t n = column ? 1 : b[b.rank - 1];
  if ((column ? b[0] : b[b.rank - 2]) != k)
    context.malformed("shapes " + to_text(a) + " and " + to_text(b) + " do not multiply");
  const shape stack_a = shape::of(a.extent, row ? 0 : a.rank - 2);
  const shape stack_b = shape::of(b.extent, column ? 0 : b.rank - 2);
  const shape stack = broadcast_shape(context, stack_a, stack_b);
  shape out = stack;
  if (out.rank + (row ? 0 : 1) + (column ? 0 : 1) > max_rank) context.unsupported("result would have rank above 8");
  if (!row) out[out.rank++] = m;
  if (!column) out[out.rank++] = n;
  context.set_output(0, element_type::float32, out);

  strided_loops<3> loops;
  loops.extents = stack;
  dense_steps(stack, loops.step[0]);
  broadcast_steps(stack_a, stack, loops.step[1]);
  broadcast_steps(stack_b, stack, loops.step[2]);
  // One matrix on the right of a dense stack: the stack is one tall matrix.
  const bool tall = stack_b.size() == 1 && stack_a == stack;
  const std::size_t rows = tall ? m * stack.size() : m;
  if (tall) loops.extents = shape{};
  loops.collapse();
  return [=](node_arguments& arguments) {
    const float* left = arguments.input<float>(0);
    const float* right = arguments.input<float>(1);
    float* o = arguments.output<float>(0);
    const auto size_o = static_cast<std::ptrdiff_t>(m * n);
    const auto size_a = static_cast<std::ptrdiff_t>(m * k);
    const auto size_b = static_cast<std::ptrdiff_t>(k * n);
    loops.for_each_run([&](const std::ptrdiff_t* offset, std::size_t count, const std::ptrdiff_t* step) {
      for (std::size_t i = 0; i < count; ++i) {
        const auto at = static_cast<std::ptrdiff_t>(i);
        blas::gemm(false, false, rows, n, k, 1, left + (offset[1] + at * step[1]) * size_a, k,
                   right + (offset[2] + at * step[2]) * size_b, n, 0, o + (offset[0] + at * step[0]) * size_o, n);
      }
    });
  };
}

inline constexpr op_definition matmul_definition{
    .name = "MatMul",
    .since = 11,
    .prepare = prepare_matmul,
    .inputs = {input_role::factor, input_role::factor},
    // Left [..., M, K]: M's; right [..., K, N]: N's.
    .channel_axis = [](const node&, std::size_t i, const shape& s) -> std::optional<std::size_t> {
      return i == 0 ? s.rank - 2 : s.rank - 1;
    }};

}  // namespace xquant::model
