// What each operator refuses, and that it says which node, what was met and what was expected.
#include "runner.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

namespace {

using test::attributes;
using test::floats;
using test::integers;
using test::ints;
using test::refusal_of;
using test::scalar;
using xquant::shape;
using xquant::model::element_type;
using xquant::model::tensor;

tensor zeros(const shape& s) { return floats(s, std::vector<float>(s.size())); }

void refused(const std::string& text, const std::string& op, const std::string& part) {
  INFO(op, ": ", text);
  CHECK(text.find("node 'the_node' (" + op + ", opset ") != std::string::npos);
  CHECK(text.find(part) != std::string::npos);
}

TEST_CASE("model ops: unknown operators, domains and opsets that are too old") {
  const tensor x = zeros(shape(1, 2, 4, 4));
  refused(refusal_of("Frobnicate", {x}), "Frobnicate", "operator is not supported");
  refused(refusal_of("HardSwish", {x}, {}, {}, 1, 13), "HardSwish", "not supported");
  test::graph g = test::single("Relu", {x});
  g.mutable_nodes()[0].domain = "com.example";
  g.finish();
  CHECK(test::refusal(g, {x}) == "xquant: node 'the_node' (com.example.Relu, opset 21): operator is not supported");
}

TEST_CASE("model ops: arity, types, unknown and mistyped attributes") {
  const tensor x = zeros(shape(2, 3));
  refused(refusal_of("Relu", {x, x}), "Relu", "2 inputs; expected 1");
  refused(refusal_of("Relu", {x}, {}, {}, 2), "Relu", "2 outputs; expected 1");
  refused(refusal_of("Add", {x}), "Add", "1 inputs; expected 2");
  refused(refusal_of("Relu", {ints({1})}), "Relu", "is int64; expected float32");
  refused(refusal_of("Add", {x}, {ints({1, 2, 3})}), "Add", "is int64; expected float32");
  refused(refusal_of("Relu", {x}, {}, {{"alpha", 1.0f}}), "Relu", "attribute 'alpha' is not known");
  refused(refusal_of("LeakyRelu", {x}, {}, {{"alpha", std::int64_t{1}}}), "LeakyRelu",
          "attribute 'alpha' has another kind; expected a float");
  refused(refusal_of("Softmax", {x}, {}, {{"axis", std::int64_t{2}}}), "Softmax", "axis = 2; expected within [-2, 2)");
}

TEST_CASE("model ops: convolutions") {
  const tensor x = zeros(shape(1, 4, 5, 5));
  const tensor w = zeros(shape(2, 4, 3, 3));
  const auto conv = [&](const attributes& a, const tensor& weight) { return refusal_of("Conv", {x}, {weight}, a); };
  refused(conv({{"strides", integers{1, 0}}}, w), "Conv", "'strides' = 0");
  refused(conv({{"strides", integers{1}}}, w), "Conv", "'strides' = a list of 1; expected 2 integers");
  refused(conv({{"dilations", integers{1, -1}}}, w), "Conv", "'dilations' = -1");
  refused(conv({{"pads", integers{1, 1}}}, w), "Conv", "'pads' = a list of 2; expected 4 integers");
  refused(conv({{"pads", integers{0, 0, -1, 0}}}, w), "Conv", "'pads' = -1");
  refused(conv({{"pads", integers{0, 0, std::int64_t{1} << 40, 0}}}, w), "Conv", "'pads' = 1099511627776");
  refused(conv({{"kernel_shape", integers{3, 2}}}, w), "Conv", "'kernel_shape' = 2; expected the weight's extent 3");
  refused(conv({{"group", std::int64_t{3}}}, w), "Conv", "'group' = 3; expected a divisor");
  refused(conv({{"group", std::int64_t{0}}}, w), "Conv", "'group' = 0");
  refused(conv({{"group", std::int64_t{2}}}, w), "Conv", "expected 2 in dimension 1");
  refused(conv({{"auto_pad", std::string("SAME")}}, w), "Conv", "'auto_pad' = 'SAME'");
  refused(conv({{"auto_pad", std::string("VALID")}, {"pads", integers{1, 0, 0, 0}}}, w), "Conv", "beside auto_pad");
  refused(conv({}, zeros(shape(2, 4, 3))), "Conv", "expected rank 4");
  refused(conv({}, zeros(shape(2, 4, 6, 3))), "Conv", "reaches over 6 elements");
  refused(conv({}, zeros(shape(2, 4, 0, 3))), "Conv", "no empty dimension");
  refused(refusal_of("Conv", {x}, {w, zeros(shape(3))}), "Conv", "expected [2]");
  refused(refusal_of("Conv", {zeros(shape(2, 4))}, {w}), "Conv", "expected rank 3 to 5");
  refused(refusal_of("Conv", {x}), "Conv", "1 inputs; expected 2 to 3");
  const tensor t = zeros(shape(4, 2, 3, 3));
  const auto deconv = [&](const attributes& a, const tensor& weight) {
    return refusal_of("ConvTranspose", {x}, {weight}, a);
  };
  refused(deconv({}, w), "ConvTranspose", "expected 4 in dimension 0");
  refused(deconv({{"output_padding", integers{2, 0}}}, t), "ConvTranspose", "'output_padding' = 2; expected less than");
  refused(deconv({{"output_padding", integers{0}}}, t), "ConvTranspose", "expected 2 integers");
  refused(deconv({{"output_shape", integers{1}}}, t), "ConvTranspose", "expected 2 integers");
  refused(deconv({{"pads", integers{4, 4, 4, 4}}}, t), "ConvTranspose", "expected at least 1");
  refused(deconv({{"group", std::int64_t{3}}}, t), "ConvTranspose", "'group' = 3");
}

TEST_CASE("model ops: pools") {
  const tensor x = zeros(shape(1, 1, 4, 4));
  refused(refusal_of("MaxPool", {x}), "MaxPool", "'kernel_shape' is missing");
  refused(refusal_of("MaxPool", {x}, {}, {{"kernel_shape", integers{2}}}), "MaxPool", "expected 2 integers");
  refused(refusal_of("MaxPool", {x}, {}, {{"kernel_shape", integers{2, 2}}}, 2), "MaxPool", "indices");
  refused(refusal_of("MaxPool", {x}, {}, {{"kernel_shape", integers{2, 2}}, {"ceil_mode", std::int64_t{2}}}), "MaxPool",
          "'ceil_mode' = 2; expected 0 or 1");
  refused(refusal_of("AveragePool", {x}, {}, {{"kernel_shape", integers{2, 2}}, {"dilations", integers{2, 2}}}, 1, 18),
          "AveragePool", "before opset 19");
  refused(refusal_of("GlobalAveragePool", {zeros(shape(3))}), "GlobalAveragePool", "expected rank 2 to 8");
}

TEST_CASE("model ops: forms of another opset") {
  const tensor x = zeros(shape(1, 2, 3));
  const std::string axes = "attribute 'axes' is not known for this operator at this opset";
  refused(refusal_of("Squeeze", {x}, {ints({0})}, {}, 1, 12), "Squeeze", "2 inputs; expected 1");
  refused(refusal_of("Squeeze", {x}, {}, {{"axes", integers{0}}}, 1, 13), "Squeeze", axes);
  refused(refusal_of("Squeeze", {x}, {}, {{"axes", integers{1}}}, 1, 12), "Squeeze", "expected extent 1");
  refused(refusal_of("Unsqueeze", {x}, {}, {}, 1, 11), "Unsqueeze", "attribute 'axes' is missing");
  refused(refusal_of("Unsqueeze", {x}, {}, {{"axes", integers{9}}}, 1, 11), "Unsqueeze", "axes = 9");
  refused(refusal_of("Unsqueeze", {x}, {}, {{"axes", integers{0}}}, 1, 13), "Unsqueeze", "1 inputs; expected 2");
  refused(refusal_of("Split", {x}, {ints({1, 1})}, {{"axis", std::int64_t{1}}}, 2, 12), "Split", "expected 1");
  refused(refusal_of("Split", {x}, {}, {{"axis", std::int64_t{1}}, {"split", integers{1, 2}}}, 2, 12), "Split",
          "with sum 3");
  refused(refusal_of("Split", {x}, {}, {{"axis", std::int64_t{1}}, {"split", integers{1, 1}}}, 2, 13), "Split",
          "attribute 'split' is not known");
  refused(refusal_of("Dropout", {x}, {scalar(0.5f)}, {}, 1, 11), "Dropout", "2 inputs; expected 1");
  refused(refusal_of("Dropout", {x}, {}, {{"ratio", 0.5f}}, 1, 12), "Dropout", "attribute 'ratio' is not known");
  refused(refusal_of("Constant", {}, {}, {{"value_float", 0.5f}}, 1, 11), "Constant",
          "attribute 'value_float'; expected 'value' at this opset");
  refused(refusal_of("Relu", {x}, {}, {}, 1, 10), "Relu", "operator is not supported");
}

TEST_CASE("model ops: what is no float32 is told that networks must be") {
  const tensor half(element_type::float16, shape(1, 2, 3));
  const tensor x = zeros(shape(1, 2, 3));
  const std::string why = "is float16; expected float32 (networks must be float32)";
  refused(refusal_of("Relu", {half}), "Relu", "input 0 'x0' " + why);
  refused(refusal_of("Softmax", {half}), "Softmax", "input 0 'x0' " + why);
  refused(refusal_of("MatMul", {x}, {tensor(element_type::float16, shape(3, 4))}), "MatMul", "input 1 'p0' " + why);
  refused(refusal_of("Conv", {x}, {tensor(element_type::float16, shape(4, 2, 3))}), "Conv", "input 1 'p0' " + why);
  refused(refusal_of("Relu", {tensor(element_type::float64, shape(1, 2, 3))}), "Relu",
          "is float64; expected float32 (networks must be float32)");
  refused(refusal_of("Relu", {tensor(element_type::int32, shape(1, 2, 3))}), "Relu", "is int32; expected float32");
  refused(refusal_of("Add", {half}, {half}), "Add",
          "input 0 'x0' is float16; expected float32, float64, int32 or int64 (networks must be float32)");
  refused(refusal_of("Cast", {x}, {}, {{"to", std::int64_t{10}}}), "Cast",
          "casts input 0 'x0' to element type float16 (networks must be float32)");
  refused(refusal_of("Cast", {x}, {}, {{"to", std::int64_t{16}}}), "Cast", "to element type bfloat16 (networks");
  refused(refusal_of("Cast", {x}, {}, {{"to", std::int64_t{8}}}), "Cast", "to element type string");
  refused(refusal_of("Cast", {x}, {}, {{"to", std::int64_t{99}}}), "Cast", "to element type number 99");
  // The network's input, given as the float32 that a program has.
  const test::graph g = test::single("Relu", {half});
  CHECK(test::refusal(g, {x}) == "xquant: graph input 'x0' is float16; expected float32 (networks must be float32)");
}

TEST_CASE("model ops: resizing") {
  const tensor x = zeros(shape(1, 1, 2, 3));
  const tensor none;
  const auto resize = [&](const std::vector<tensor>& parameters, const attributes& more = {}, std::int64_t opset = 19) {
    return refusal_of("Resize", {x}, parameters, more, 1, opset);
  };
  const tensor twice = floats(shape(4), {1, 1, 2, 2});
  refused(resize({none, twice}, {{"mode", std::string("linear")}}), "Resize", "'mode' = 'linear'; expected nearest");
  refused(resize({none, twice}, {{"mode", std::string("cubic")}}), "Resize", "'mode' = 'cubic'");
  const char* where = "coordinate_transformation_mode";
  refused(resize({none, twice}, {{where, std::string("tf_crop_and_resize")}}), "Resize",
          "'tf_crop_and_resize'; expected half_pixel, pytorch_half_pixel, align_corners, asymmetric or "
          "half_pixel_symmetric");
  refused(resize({none, twice}, {{where, std::string("tf_half_pixel_for_nn")}}, 13), "Resize",
          "'tf_half_pixel_for_nn'");
  refused(resize({none, twice}, {{where, std::string("half_pixel_symmetric")}}, 18), "Resize",
          "'half_pixel_symmetric'");
  refused(resize({none, twice}, {{"nearest_mode", std::string("simple")}}), "Resize", "'nearest_mode' = 'simple'");
  refused(resize({none, twice}, {{"exclude_outside", std::int64_t{1}}}), "Resize", "exclude_outside = 1");
  refused(resize({none, twice}, {{"antialias", std::int64_t{1}}}), "Resize", "antialias = 1");
  refused(resize({none, twice}, {{"antialias", std::int64_t{0}}}, 13), "Resize", "'antialias' is not known");
  refused(resize({none, twice}, {{"keep_aspect_ratio_policy", std::string("any")}}), "Resize",
          "= 'any'; expected stretch");
  refused(resize({none, twice}, {{"axes", integers{2, 3}}}), "Resize", "scales has shape [4]; expected [2]");
  refused(resize({none, twice}, {{"axes", integers{2, 4}}}), "Resize", "axes = 4");
  refused(resize({none, twice}, {{"axes", integers{2, -2}}}), "Resize", "dimension 2 twice");
  refused(resize({}), "Resize", "neither scales nor sizes");
  refused(resize({none, twice, ints({1, 1, 4, 6})}), "Resize", "both scales and sizes");
  refused(resize({none, floats(shape(3), {1, 2, 2})}), "Resize", "scales has shape [3]; expected [4]");
  refused(resize({none, floats(shape(2, 2), {1, 1, 2, 2})}), "Resize", "scales has shape [2, 2]");
  refused(resize({none, ints({1, 1, 2, 2})}), "Resize", "is int64; expected float32");
  for (const float bad :
       {0.0f, -1.0f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN(), 1e30f})
    refused(resize({none, floats(shape(4), {1, 1, bad, 2})}), "Resize", "expected a positive number");
  refused(resize({none, none, ints({1, 1, -4, 6})}), "Resize", "sizes has -4; expected 0 to 2^30");
  refused(resize({none, none, ints({1, 1, 4})}), "Resize", "sizes has shape [3]; expected [4]");
  refused(resize({none, none, ints({1, 1, 1 << 20, 1 << 20})}), "Resize", "elements (executor_limits)");
  refused(refusal_of("Resize", {zeros(shape(1, 1, 0, 3))}, {none, none, ints({1, 1, 4, 6})}), "Resize",
          "expected elements in dimension 2");
  refused(refusal_of("Resize", {x, scalar(1), twice}, {}), "Resize", "scales (input 2 'x2') is computed");
}

TEST_CASE("model ops: normalisation and activations") {
  const tensor x = zeros(shape(1, 2, 3));
  const tensor c = zeros(shape(2));
  refused(refusal_of("BatchNormalization", {x}, {c, c, c, zeros(shape(3))}), "BatchNormalization", "expected [2]");
  refused(refusal_of("BatchNormalization", {x}, {c, c, c, c}, {{"training_mode", std::int64_t{1}}}),
          "BatchNormalization", "'training_mode' = 1; expected 0");
  refused(refusal_of("BatchNormalization", {x}, {c, c, c, c}, {}, 2), "BatchNormalization", "only in training");
  refused(refusal_of("Clip", {x}, {c}), "Clip", "expected a scalar");
  refused(refusal_of("PRelu", {c}, {x}), "PRelu", "do not broadcast");
  refused(refusal_of("Add", {x}, {zeros(shape(2))}), "Add", "do not broadcast");
  refused(refusal_of("Dropout", {x}, {scalar(0.5f), scalar(1)}), "Dropout", "training_mode");
}

TEST_CASE("model ops: movement") {
  const tensor x = zeros(shape(2, 3));
  const std::int64_t huge = std::numeric_limits<std::int64_t>::max();
  refused(refusal_of("Concat", {x, x}), "Concat", "'axis' is missing");
  refused(refusal_of("Concat", {x, zeros(shape(3, 3))}, {}, {{"axis", std::int64_t{1}}}), "Concat",
          "[3, 3]; expected [2, 3] but for");
  refused(refusal_of("Split", {x}, {}, {{"axis", std::int64_t{1}}}, 2), "Split", "does not divide into 2");
  refused(refusal_of("Split", {x}, {ints({1, 1})}, {{"axis", std::int64_t{1}}}, 2), "Split",
          "with sum 2; expected 2 with sum 3");
  refused(refusal_of("Split", {x}, {ints({-1, 4})}, {{"axis", std::int64_t{1}}}, 2), "Split", "length -1");
  refused(refusal_of("Split", {x}, {}, {{"num_outputs", std::int64_t{3}}}, 2), "Split", "'num_outputs' = 3");
  refused(refusal_of("Split", {x}, {}, {{"num_outputs", std::int64_t{2}}}, 2, 17), "Split",
          "'num_outputs' is not known");
  refused(refusal_of("Pad", {x}, {ints({0, 0, 1})}), "Pad", "pads has 3 values; expected 4");
  refused(refusal_of("Pad", {x}, {ints({0, -4, 0, 0})}), "Pad", "cut more than a dimension");
  refused(refusal_of("Pad", {x}, {ints({0, huge, 0, 0})}), "Pad", "expected -2^30 to 2^30");
  refused(refusal_of("Pad", {x}, {ints({0, 0, 0, 0})}, {{"mode", std::string("mirror")}}), "Pad", "'mode' = 'mirror'");
  refused(refusal_of("Pad", {x}, {ints({0, 0, 0, 0})}, {{"mode", std::string("wrap")}}, 1, 18), "Pad",
          "'mode' = 'wrap'");
  refused(refusal_of("Pad", {x, ints({0, 0, 0, 0})}), "Pad", "expected a constant");
  refused(refusal_of("Pad", {zeros(shape(0, 2))}, {ints({1, 0, 0, 0})}, {{"mode", std::string("edge")}}), "Pad",
          "nothing to repeat");
  refused(refusal_of("ReduceMean", {x}, {ints({2})}), "ReduceMean", "axes = 2");
  refused(refusal_of("ReduceMean", {x}, {ints({0, -2})}), "ReduceMean", "name dimension 0 twice");
  refused(refusal_of("ReduceMean", {x}, {ints({0})}, {}, 1, 17), "ReduceMean", "2 inputs; expected 1");
  refused(refusal_of("ReduceMean", {x}, {}, {{"axes", integers{0}}}, 1, 18), "ReduceMean", "'axes' is not known");
  refused(refusal_of("Flatten", {x}, {}, {{"axis", std::int64_t{3}}}), "Flatten", "'axis' = 3");
  refused(refusal_of("Reshape", {x}, {ints({4, 2})}), "Reshape", "cannot become [4, 2]");
  refused(refusal_of("Reshape", {x}, {ints({-1, -1})}), "Reshape", "more than one -1");
  refused(refusal_of("Reshape", {x}, {ints({-1, 4})}), "Reshape", "cannot fill");
  refused(refusal_of("Reshape", {x}, {ints({6, 1, 0})}), "Reshape", "does not have");
  refused(refusal_of("Reshape", {x}, {ints({-2, 3})}), "Reshape", "-2");
  refused(refusal_of("Reshape", {x}, {ints({huge, huge})}), "Reshape", "too large");
  refused(refusal_of("Reshape", {x}, {ints({1, 1, 1, 1, 1, 1, 1, 2, 3})}), "Reshape", "at most 8");
  refused(refusal_of("Reshape", {x}, {ints({0, -1})}, {{"allowzero", std::int64_t{1}}}), "Reshape", "cannot fill");
  refused(refusal_of("Reshape", {x}, {zeros(shape(2))}), "Reshape", "is float32; expected int64");
  refused(refusal_of("Squeeze", {x}, {ints({0})}), "Squeeze", "expected extent 1");
  refused(refusal_of("Unsqueeze", {x}, {ints({0, 0})}), "Unsqueeze", "twice");
  refused(refusal_of("Unsqueeze", {x}, {ints({0, 1, 2, 3, 4, 5, 6})}), "Unsqueeze", "rank 9");
  refused(refusal_of("Transpose", {x}, {}, {{"perm", integers{0}}}), "Transpose", "expected 2 dimensions");
  refused(refusal_of("Transpose", {x}, {}, {{"perm", integers{1, 1}}}), "Transpose",
          "'perm' = 1; expected each of 0..1 once");
  refused(refusal_of("Slice", {x}, {ints({0}), ints({1, 2})}), "Slice", "equally many");
  refused(refusal_of("Slice", {x}, {ints({0}), ints({1}), ints({0}), ints({0})}), "Slice", "steps has 0");
  refused(refusal_of("Slice", {x}, {ints({0}), ints({1}), ints({5})}), "Slice", "axes = 5");
  refused(refusal_of("Gather", {x}, {scalar(1)}), "Gather", "is float32; expected int64 or int32");
  refused(refusal_of("Cast", {x}), "Cast", "'to' is missing");
  refused(refusal_of("Constant", {}, {}, {{"value_string", std::string("s")}}), "Constant",
          "'value_string' is not a value");
  refused(refusal_of("Constant", {}), "Constant", "0 attributes");
}

TEST_CASE("model ops: products") {
  const tensor x = zeros(shape(2, 3));
  refused(refusal_of("Gemm", {x}, {zeros(shape(4, 5))}), "Gemm", "do not multiply");
  refused(refusal_of("Gemm", {x}, {zeros(shape(3, 5)), zeros(shape(4))}), "Gemm", "do not broadcast");
  refused(refusal_of("Gemm", {zeros(shape(2, 3, 1))}, {x}), "Gemm", "expected rank 2");
  refused(refusal_of("MatMul", {x}, {zeros(shape(2, 4))}), "MatMul", "do not multiply");
  refused(refusal_of("MatMul", {x}, {scalar(1)}), "MatMul", "expected rank 1 to 8");
  refused(refusal_of("MatMul", {zeros(shape(2, 2, 3))}, {zeros(shape(3, 3, 2))}), "MatMul", "do not broadcast");
}

}  // namespace
