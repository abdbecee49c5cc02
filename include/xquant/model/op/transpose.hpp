// Transpose: dimensions in another order, any element type.
#pragma once

#include <xquant/model/op/definition.hpp>
#include <xquant/model/op/op.hpp>
#include <xquant/model/op/strided_loops.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// Dimension d of the output is dimension perm[d] of the input; without perm they are reversed.
inline node_function prepare_transpose(node_context& context) {
  context.expect_arity(1, 1);
  const shape& x = context.input_shape(0);
  std::vector<std::int64_t> order;
  for (std::size_t d = x.rank; d-- > 0;) order.push_back(static_cast<std::int64_t>(d));
  if (const auto* listed = context.integers("perm")) order = *listed;
  if (order.size() != x.rank)
    context.bad_attribute("perm", "a list of " + std::to_string(order.size()), std::to_string(x.rank) + " dimensions");
  std::vector<bool> used(x.rank, false);
  shape out;
  out.rank = x.rank;
  strided_loops<2> loops;
  std::ptrdiff_t from[max_rank] = {};
  dense_steps(x, from);
  for (std::size_t d = 0; d < x.rank; ++d) {
    if (order[d] < 0 || static_cast<std::size_t>(order[d]) >= x.rank || used[static_cast<std::size_t>(order[d])])
      context.bad_attribute("perm", std::to_string(order[d]), "each of 0.." + std::to_string(x.rank - 1) + " once");
    const auto source = static_cast<std::size_t>(order[d]);
    used[source] = true;
    out[d] = x[source];
    loops.step[1][d] = from[source];
  }
  loops.extents = out;
  dense_steps(out, loops.step[0]);
  loops.collapse();
  const std::size_t width = size_of(context.input_type(0));
  context.set_output(0, context.input_type(0), out);
  return [loops, width](node_arguments& arguments) {
    copy_elements(loops, arguments.input(0).bytes(), arguments.output(0).mutable_bytes(), width);
  };
}

inline constexpr op_definition transpose_definition{
    .name = "Transpose",
    .since = 11,
    .prepare = prepare_transpose,
    .passes = values_passed::all,
    .moves = [](const node& n, const shape& from, const shape&) {
      moved_dimensions result(from.rank);
      const auto* order = attribute_of<std::vector<std::int64_t>>(n, "perm");
      for (std::size_t d = 0; d < from.rank; ++d)
        result[order ? static_cast<std::size_t>((*order)[d]) : from.rank - 1 - d] = d;
      return result;
    }};

}  // namespace xquant::model
