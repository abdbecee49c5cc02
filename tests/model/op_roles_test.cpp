// What operators are to those who quantize a network, against a table made by hand from ONNX's definitions.
#include <xquant/model/op/registry.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using xquant::model::definition_of;
using xquant::model::find_op;
using xquant::model::input_role;
using xquant::model::node;
using xquant::model::op_definition;
using xquant::model::role_of;
using xquant::model::values_passed;
using xquant::model::values_passed_by;
using enum input_role;

node node_of(const std::string& op_type) {
  node n;
  n.op_type = op_type;
  return n;
}

}  // namespace

TEST_CASE("roles of inputs: the last one listed stands for all that follow") {
  const struct {
    const char* op;
    std::vector<input_role> roles;
  } rows[] = {
      {"Conv", {data, factor, bias}},
      {"ConvTranspose", {data, factor, bias}},
      {"Gemm", {factor, factor, bias}},
      {"MatMul", {factor, factor}},
      {"Add", {data, data}},
      {"Concat", {data, data, data, data, data, data, data, data, data, data}},
      {"Clip", {data, parameter, parameter}},
      {"BatchNormalization", {data, parameter, parameter, parameter, parameter}},
      {"Gather", {table, shape}},
      {"Reshape", {data, shape}},
      {"Slice", {data, shape, shape, shape, shape}},
      {"Resize", {data, shape, shape, shape}},
      {"NoSuchOperator", {data, data}},
  };
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.roles.size(); ++i) {
      INFO(row.op << " input " << i);
      CHECK(role_of(node_of(row.op), i) == row.roles[i]);
    }
  node of_another_domain = node_of("Conv");
  of_another_domain.domain = "com.example";
  CHECK(role_of(of_another_domain, 1) == data);
  CHECK(definition_of(of_another_domain) == nullptr);
}

TEST_CASE("values that are passed on") {
  for (const char* op : {"Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
    CHECK(values_passed_by(node_of(op)) == values_passed::all);
  for (const char* op : {"Cast", "Gather", "Pad", "Slice", "Split", "Resize"})
    CHECK(values_passed_by(node_of(op)) == values_passed::some);
  for (const char* op : {"Constant", "Shape"}) CHECK(values_passed_by(node_of(op)) == values_passed::no_data);
  for (const char* op : {"Add", "Conv", "MatMul", "MaxPool", "Relu", "NoSuchOperator"})
    CHECK(values_passed_by(node_of(op)) == values_passed::none);
  node linear = node_of("Resize");
  linear.attributes["mode"] = std::string("linear");
  CHECK(values_passed_by(linear) == values_passed::none);
}

TEST_CASE("an operator is found by its whole name, from the opset on that has it") {
  CHECK(find_op("", "HardSwish", 13) == nullptr);
  REQUIRE(find_op("", "HardSwish", 14) != nullptr);
  CHECK(std::string(find_op("ai.onnx", "HardSwish", 14)->name) == "HardSwish");
  for (const char* name : {"", "A", "Con", "Convolution", "Zzz"}) CHECK(definition_of("", name) == nullptr);
  for (const op_definition* const d : xquant::model::op_registry) CHECK(definition_of("", d->name) == d);
}

TEST_CASE("layers as arrays: where outputs and inputs lie in the weight") {
  // Conv [6, 4, 3, 3] of one group, padded and not.
  node conv = node_of("Conv");
  const auto sum = definition_of(conv)->sum(conv, xquant::shape(6, 4, 3, 3));
  REQUIRE(sum);
  CHECK(sum->outputs.output_channels() == 6);
  CHECK(sum->inputs.has_value());
  CHECK(sum->gain == 1);
  CHECK(sum->bias_gain_attribute == nullptr);
  conv.attributes["pads"] = std::vector<std::int64_t>{0, 0, 0, 1};
  CHECK(!definition_of(conv)->sum(conv, xquant::shape(6, 4, 3, 3))->inputs);
  // ConvTranspose [6, 4, 3, 3] of three groups: 12 outputs; five groups do not divide 6.
  node transposed = node_of("ConvTranspose");
  transposed.attributes["group"] = std::int64_t{3};
  CHECK(definition_of(transposed)->sum(transposed, xquant::shape(6, 4, 3, 3))->outputs.output_channels() == 12);
  transposed.attributes["group"] = std::int64_t{5};
  CHECK(!definition_of(transposed)->sum(transposed, xquant::shape(6, 4, 3, 3)));
  node gemm = node_of("Gemm");
  gemm.attributes["alpha"] = 0.5f;
  gemm.attributes["beta"] = 0.25f;
  CHECK(definition_of(gemm)->sum(gemm, xquant::shape(6, 4))->outputs.output_channels() == 4);
  gemm.attributes["transB"] = std::int64_t{1};
  const auto product = definition_of(gemm)->sum(gemm, xquant::shape(6, 4));
  CHECK(product->outputs.output_channels() == 6);
  CHECK(product->gain == 0.5);
  CHECK(product->bias_gain == 0.25f);
  CHECK(!static_cast<bool>(definition_of(node_of("MatMul"))->sum));
}
