// Constant: a tensor, number or list written into the node.
#pragma once

#include <xquant/model/op/definition.hpp>
#include <xquant/model/op/op.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// One of value and (from opset 12) value_float, value_floats, value_int, value_ints; the sparse and string forms are
/// refused.
inline node_function prepare_constant(node_context& context) {
  context.expect_arity(0, 0);
  if (context.which().attributes.size() != 1)
    context.malformed("has " + std::to_string(context.which().attributes.size()) + " attributes; expected one value");
  tensor value;
  if (const tensor* given = context.tensor_attribute("value")) value = *given;
  if (context.opset() < 12 && !value.has_value())
    context.unsupported("attribute '" + context.which().attributes.begin()->first +
                        "'; expected 'value' at this opset");
  if (const auto* floats = context.numbers("value_floats")) value = tensor::of(shape(floats->size()), *floats);
  if (const auto* ints = context.integers("value_ints")) value = tensor::of(shape(ints->size()), *ints);
  if (context.has_attribute("value_float"))
    value = tensor::of(shape{}, std::vector<float>{context.number("value_float", 0)});
  if (context.has_attribute("value_int"))
    value = tensor::of(shape{}, std::vector<std::int64_t>{context.integer("value_int", 0)});
  if (!value.has_value())
    context.unsupported("attribute '" + context.which().attributes.begin()->first +
                        "' is not a value the library reads");
  context.set_constant_output(0, value);
  return {};
}

inline constexpr op_definition constant_definition{
    .name = "Constant", .since = 11, .prepare = prepare_constant, .passes = values_passed::no_data};

}  // namespace xquant::model
