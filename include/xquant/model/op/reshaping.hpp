// Operators that leave the elements where they are: Flatten, Reshape, Squeeze, Unsqueeze, Identity, Dropout.
#pragma once

#include <xquant/model/op/definition.hpp>
#include <xquant/model/op/op.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

namespace detail {

inline node_function same_elements(node_context& context, const shape& out) {
  context.set_output(0, context.input_type(0), out);
  return [](node_arguments& arguments) { arguments.share(0, 0); };
}

}  // namespace detail

inline node_function prepare_identity(node_context& context) {
  context.expect_arity(1, 1);
  return detail::same_elements(context, context.input_shape(0));
}

/// Two dimensions: the product of those before `axis`, and of the rest.
inline node_function prepare_flatten(node_context& context) {
  context.expect_arity(1, 1);
  const shape& x = context.input_shape(0);
  const std::int64_t axis = context.integer("axis", 1);
  const auto rank = static_cast<std::int64_t>(x.rank);
  if (axis < -rank || axis > rank)
    context.bad_attribute("axis", std::to_string(axis),
                          "within [-" + std::to_string(rank) + ", " + std::to_string(rank) + "]");
  const auto first = static_cast<std::size_t>(axis < 0 ? axis + rank : axis);
  shape out(1, 1);
  for (std::size_t d = 0; d < x.rank; ++d) out[d < first ? 0 : 1] *= x[d];
  return detail::same_elements(context, out);
}

/// Extents from input 1: 0 copies the input's (unless allowzero), one -1 takes what is left.
inline node_function prepare_reshape(node_context& context) {
  context.expect_arity(2, 2);
  const shape& x = context.input_shape(0);
  const bool allow_zero = context.opset() >= 14 && context.flag("allowzero", false);
  const std::vector<std::int64_t> wanted = context.constant_integers(1, "shape");
  if (wanted.size() > max_rank)
    context.unsupported("shape has " + std::to_string(wanted.size()) + " dimensions; expected at most 8");
  shape out;
  out.rank = wanted.size();
  std::size_t open = out.rank;
  bool zero = false;
  for (std::size_t d = 0; d < out.rank; ++d) {
    if (wanted[d] == -1) {
      if (open != out.rank) context.malformed("shape has more than one -1");
      open = d;
      out[d] = 1;
    } else if (wanted[d] == 0 && !allow_zero) {
      if (d >= x.rank)
        context.malformed("shape has 0 in dimension " + std::to_string(d) + ", which the input " + to_text(x) +
                          " does not have");
      out[d] = x[d];
    } else if (wanted[d] < 0) {
      context.malformed("shape has " + std::to_string(wanted[d]) + "; expected -1, 0 or an extent");
    } else {
      out[d] = static_cast<std::size_t>(wanted[d]);
      zero = zero || wanted[d] == 0;
    }
  }
  if (const status bad = out.valid(); !bad.ok()) context.malformed("shape " + to_text(out) + " is too large");
  if (open != out.rank) {
    const std::size_t rest = out.size();
    if (zero || rest == 0 || x.size() % rest != 0)
      context.malformed("input of shape " + to_text(x) + " cannot fill the -1 of a shape whose other extents make " +
                        std::to_string(rest));
    out[open] = x.size() / rest;
  }
  if (out.size() != x.size()) context.malformed("input of shape " + to_text(x) + " cannot become " + to_text(out));
  return detail::same_elements(context, out);
}

/// Drops the dimensions in `axes` (an attribute before opset 13, input 1 from then on), which must have extent 1;
/// without axes, all such.
inline node_function prepare_squeeze(node_context& context) {
  context.expect_arity(1, context.opset() < 13 ? 1 : 2);
  const shape& x = context.input_shape(0);
  std::vector<bool> dropped(x.rank, false);
  if (const auto axes = context.attribute_or_input("axes", 1, 13))
    dropped = context.axis_set(*axes, x.rank);
  else
    for (std::size_t d = 0; d < x.rank; ++d) dropped[d] = x[d] == 1;
  shape out;
  for (std::size_t d = 0; d < x.rank; ++d) {
    if (dropped[d] && x[d] != 1)
      context.malformed("axes name dimension " + std::to_string(d) + " of " + to_text(x) + "; expected extent 1");
    if (!dropped[d]) out[out.rank++] = x[d];
  }
  return detail::same_elements(context, out);
}

/// Adds dimensions of extent 1, so that they are at `axes` (an attribute before opset 13, input 1 from then on) of the
/// result.
inline node_function prepare_unsqueeze(node_context& context) {
  const std::size_t inputs = context.opset() < 13 ? 1 : 2;
  context.expect_arity(inputs, inputs);
  const shape& x = context.input_shape(0);
  const auto given = context.attribute_or_input("axes", 1, 13);
  if (!given) context.malformed("attribute 'axes' is missing");
  const std::vector<std::int64_t>& axes = *given;
  const std::size_t rank = x.rank + axes.size();
  if (rank > max_rank) context.unsupported("result would have rank " + std::to_string(rank) + "; expected at most 8");
  const std::vector<bool> added = context.axis_set(axes, rank);
  shape out;
  out.rank = rank;
  for (std::size_t d = 0, from = 0; d < rank; ++d) out[d] = added[d] ? 1 : x[from++];
  return detail::same_elements(context, out);
}

/// At inference the input itself; the mask, if asked for, is all true. Training mode is refused. The ratio is an
/// attribute before opset 12, input 1 from then on.
inline node_function prepare_dropout(node_context& context) {
  const bool inputs = context.opset() >= 12;
  context.expect_arity(1, inputs ? 3 : 1, 1, 2);
  if (inputs)
    (void)context.integer("seed", 0);
  else
    (void)context.number("ratio", 0.5f);
  if (context.has_input(2)) {
    const node_context::operand& training = context.input(2);
    if (!training.constant || training.type != element_type::boolean || training.shape.size() != 1)
      context.unsupported("training_mode is not a constant bool");
    if (*training.constant->bytes() != std::byte{0}) context.unsupported("training_mode is true; expected false");
  }
  if (context.has_output(1)) context.set_output(1, element_type::boolean, context.input_shape(0));
  const bool mask = context.has_output(1);
  context.set_output(0, context.input_type(0), context.input_shape(0));
  return [mask](node_arguments& arguments) {
    arguments.share(0, 0);
    if (mask) {
      tensor& all = arguments.output(1);
      std::memset(all.mutable_bytes(), 1, all.byte_size());
    }
  };
}

/// Whether a node keeps dimension 0 and joins all others.
inline bool joins_all_but_first(const node& n) {
  return n.op_type == "Flatten" && attribute_or<std::int64_t>(n, "axis", 1) == 1;
}

inline constexpr op_definition identity_definition{
    .name = "Identity", .since = 11, .prepare = prepare_identity, .passes = values_passed::all};
inline constexpr op_definition flatten_definition{
    .name = "Flatten", .since = 11, .prepare = prepare_flatten, .passes = values_passed::all};
inline constexpr op_definition reshape_definition{.name = "Reshape",
                                                  .since = 11,
                                                  .prepare = prepare_reshape,
                                                  .inputs = {input_role::data, input_role::shape},
                                                  .passes = values_passed::all};
inline constexpr op_definition squeeze_definition{.name = "Squeeze",
                                                  .since = 11,
                                                  .prepare = prepare_squeeze,
                                                  .inputs = {input_role::data, input_role::shape},
                                                  .passes = values_passed::all};
inline constexpr op_definition unsqueeze_definition{.name = "Unsqueeze",
                                                    .since = 11,
                                                    .prepare = prepare_unsqueeze,
                                                    .inputs = {input_role::data, input_role::shape},
                                                    .passes = values_passed::all};
inline constexpr op_definition dropout_definition{.name = "Dropout",
                                                  .since = 11,
                                                  .prepare = prepare_dropout,
                                                  .inputs = {input_role::data, input_role::parameter},
                                                  .passes = values_passed::all};

}  // namespace xquant::model
