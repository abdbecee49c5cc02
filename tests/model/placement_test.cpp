// Where quantizers go, and what a simulated network computes: against a network worked out by hand in double.
#include <io/simulations.hpp>

#include <doctest/doctest.h>
#include <xquant/calibration/percentile.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace {

using xquant::shape;
using xquant::model::graph;
using xquant::model::node;
using xquant::model::tensor;
using xquant::model::value_id;

// A graph written as lines "operator output inputs...", one input x, all weights of one value.
struct builder {
  graph g;

  builder() {
    g.set_opset(17);
    g.mutable_value(g.add_value("x")).type = xquant::model::element_type::float32;
    g.add_input(g.find("x"));
  }
  void weight(const char* name, const shape& s) {
    g.set_initializer(g.add_value(name), tensor::of(s, std::vector<float>(s.size(), 0.5f)));
  }
  void line(const char* op, const char* output, const std::vector<std::string>& inputs) {
    node n;
    n.name = std::string("the_") + output;
    n.op_type = op;
    for (const std::string& input : inputs) n.inputs.push_back(g.find(input));
    n.outputs = {g.add_value(output)};
    g.add_node(n);
  }
  std::vector<std::string> quantized(const std::vector<std::string>& outputs) {
    for (const std::string& o : outputs) g.add_output(g.find(o));
    g.finish();
    std::vector<std::string> names;
    for (const value_id id : place_quantizers(g).activations) names.push_back(g.name_of(id));
    std::sort(names.begin(), names.end());
    return names;
  }
};

using names = std::vector<std::string>;

}  // namespace

TEST_CASE("nothing is quantized between a layer and the activation that follows it") {
  builder b;
  b.weight("w", shape(2, 1, 1, 1));
  b.line("Conv", "c", {"x", "w"});
  b.line("BatchNormalization", "n", {"c"});
  b.line("Relu", "r", {"n"});
  b.line("Add", "a", {"r", "r"});
  b.line("Clip", "k", {"a"});
  CHECK(b.quantized({"k"}) == names{"k", "r", "x"});
}

TEST_CASE("a value with two readers, or that leaves the network, is quantized") {
  builder b;
  b.weight("w", shape(2, 1, 1, 1));
  b.line("Conv", "c", {"x", "w"});
  b.line("Relu", "r", {"c"});
  b.line("Sigmoid", "s", {"c"});
  b.line("Conv", "d", {"r", "w"});
  b.line("Relu", "e", {"d"});
  CHECK(b.quantized({"e", "d", "s"}) == names{"c", "d", "e", "r", "s", "x"});
}

TEST_CASE("what only moves data is not quantized again") {
  builder b;
  b.weight("w", shape(4, 3));
  b.line("Sigmoid", "s", {"x"});
  b.line("Transpose", "t", {"s"});
  b.line("Flatten", "f", {"t"});
  b.line("Identity", "i", {"f"});
  b.line("Gemm", "y", {"i", "w"});
  CHECK(b.quantized({"y"}) == names{"s", "x", "y"});
}

TEST_CASE("a matrix product and its bias are one layer") {
  builder b;
  b.weight("w", shape(4, 3));
  b.weight("bias", shape(3));
  b.line("MatMul", "m", {"x", "w"});
  b.line("Add", "a", {"m", "bias"});
  b.line("Relu", "r", {"a"});
  b.line("MatMul", "n", {"r", "r"});
  b.line("Add", "z", {"n", "r"});
  CHECK(b.quantized({"z"}) == names{"n", "r", "x", "z"});
}

TEST_CASE("weights and the axes of their channels") {
  builder b;
  b.weight("conv", shape(8, 4, 3, 3));
  b.weight("transposed", shape(8, 4, 3, 3));
  b.weight("rows", shape(5, 7));
  b.weight("columns", shape(7, 5));
  b.weight("bias", shape(8));
  b.line("Conv", "c", {"x", "conv", "bias"});
  b.line("ConvTranspose", "t", {"c", "transposed"});
  b.line("Gemm", "g", {"t", "rows"});
  b.line("Gemm", "h", {"g", "columns"});
  b.line("MatMul", "m", {"h", "rows"});
  b.line("Mul", "p", {"m", "bias"});
  for (node& n : b.g.mutable_nodes())
    if (n.name == "the_h") n.attributes["transB"] = std::int64_t{1};
  b.g.add_output(b.g.find("p"));
  b.g.finish();
  const auto weights = place_quantizers(b.g).weights;
  const std::vector<std::pair<std::string, std::ptrdiff_t>> expected = {
      {"conv", 0}, {"transposed", 1}, {"rows", 1}, {"columns", 0}};
  REQUIRE(weights.size() == expected.size());  // a shared weight once, biases and other constants not at all
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(b.g.name_of(weights[i].value) == expected[i].first);
    CHECK(weights[i].axis == expected[i].second);
  }
}

TEST_CASE("channels are along a dimension that no reader sums over; without one there is one scale") {
  struct expectation {
    std::string name;
    std::ptrdiff_t axis;
    bool has_channels;
  };
  builder b;
  const auto attribute = [&](const char* output, const char* name, std::int64_t value) {
    for (node& n : b.g.mutable_nodes())
      if (n.name == std::string("the_") + output) n.attributes[name] = value;
  };
  b.weight("left", shape(4, 8));
  b.weight("vector_left", shape(4));
  b.weight("vector_right", shape(5));
  b.weight("stack_left", shape(3, 1, 4, 8));
  b.weight("stack_right", shape(3, 8, 5));
  b.weight("gemm_a", shape(4, 8));
  b.weight("gemm_at", shape(8, 4));
  b.weight("depthwise", shape(6, 1, 2, 2));
  b.weight("grouped", shape(6, 2, 2, 2));
  b.weight("one", shape(1, 1, 2, 2));
  b.weight("tied", shape(8, 8));
  b.weight("agreed", shape(8, 8));
  b.weight("both", shape(8, 8));
  b.line("MatMul", "m1", {"left", "x"});
  b.line("MatMul", "m2", {"vector_left", "m1"});
  b.line("MatMul", "m3", {"m1", "vector_right"});
  b.line("MatMul", "m4", {"stack_left", "x"});
  b.line("MatMul", "m5", {"m4", "stack_right"});
  b.line("Gemm", "g1", {"gemm_a", "x"});
  b.line("Gemm", "g2", {"gemm_at", "x"});
  attribute("g2", "transA", 1);
  b.line("ConvTranspose", "t1", {"x", "depthwise"});
  attribute("t1", "group", 6);
  b.line("ConvTranspose", "t2", {"x", "grouped"});
  attribute("t2", "group", 3);
  b.line("ConvTranspose", "t3", {"x", "one"});
  b.line("MatMul", "p1", {"x", "tied"});
  b.line("Gemm", "p2", {"p1", "tied"});
  attribute("p2", "transB", 1);
  b.line("MatMul", "p3", {"x", "agreed"});
  b.line("Gemm", "p4", {"p3", "agreed"});
  b.line("MatMul", "p5", {"both", "p4"});
  b.line("MatMul", "p6", {"p5", "both"});
  for (const char* output : {"m2", "m3", "m5", "g1", "g2", "t1", "t2", "t3", "p2", "p4", "p6"})
    b.g.add_output(b.g.find(output));
  b.g.finish();
  const std::vector<expectation> expected = {
      {"left", 0, true},        {"vector_left", 0, false}, {"vector_right", 0, false}, {"stack_left", 2, true},
      {"stack_right", 2, true}, {"gemm_a", 0, true},       {"gemm_at", 1, true},       {"depthwise", 0, true},
      {"grouped", 1, true},     {"one", 1, true},          {"tied", 0, false},         {"agreed", 1, true},
      {"both", 0, false}};
  const auto weights = place_quantizers(b.g).weights;
  REQUIRE(weights.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    INFO(expected[i].name);
    CHECK(b.g.name_of(weights[i].value) == expected[i].name);
    CHECK(weights[i].axis == expected[i].axis);
    CHECK(weights[i].has_channels == expected[i].has_channels);
  }
}

// ---- a simulated layer ---------------------------------------------------------------------------------------------

namespace {

// y = x W with x [1, 2], W [2, 2].
graph product(const std::vector<float>& w) {
  builder b;
  b.g.set_initializer(b.g.add_value("w"), tensor::of(shape(2, 2), w));
  b.line("MatMul", "y", {"x", "w"});
  b.g.add_output(b.g.find("y"));
  b.g.finish();
  return b.g;
}

double rounded(double x, double scale, int zero_point, int lower, int upper) {
  const double code = std::clamp(std::nearbyint(x / scale) + zero_point, double(lower), double(upper));
  return (code - zero_point) * scale;
}

}  // namespace

TEST_CASE("a layer: weights, input and output are rounded where they should be") {
  const std::vector<float> w = {0.9f, -0.4f, 0.3f, 0.7f};
  const tensor first = tensor::of(shape(1, 2), std::vector<float>{-1.0f, 2.0f});
  const tensor second = tensor::of(shape(1, 2), std::vector<float>{0.33f, 1.21f});
  for (const bool per_channel : {false, true}) {
    xquant::model::simulation_options options;
    options.per_channel_weights = per_channel;
    test::simulation s(product(w), options, {shape(1, 2)});
    s.observe({first});
    s.set_ranges(xquant::full_range{});
    const tensor y = s.run({second}).outputs.at(0);

    // Symmetric, 8 bits: the smallest scale that clips nothing. Columns are channels.
    double quantized[4];
    for (int i = 0; i < 4; ++i) {
      double scale = 0;
      for (int k = 0; k < 4; ++k)
        if (!per_channel || k % 2 == i % 2)
          scale = std::max({scale, w[std::size_t(k)] / 127.0, w[std::size_t(k)] / -128.0});
      quantized[i] = rounded(w[std::size_t(i)], static_cast<float>(scale), 0, -128, 127);
    }
    // The output was observed with rounded weights and float input.
    const double seen[2] = {-1.0 * quantized[0] + 2.0 * quantized[2], -1.0 * quantized[1] + 2.0 * quantized[3]};
    const double x_scale = static_cast<float>(3.0 / 255);
    const double x[2] = {rounded(0.33f, x_scale, 85, 0, 255), rounded(1.21f, x_scale, 85, 0, 255)};
    const double low = std::min({0.0, seen[0], seen[1]});
    const double high = std::max({0.0, seen[0], seen[1]});
    const double y_scale = (high - low) / 255;
    const int y_zero = static_cast<int>(std::nearbyint(-low / y_scale));
    for (std::size_t j = 0; j < 2; ++j) {
      const double exact = x[0] * quantized[j] + x[1] * quantized[2 + j];
      CHECK(y.data<float>()[j] == doctest::Approx(rounded(exact, y_scale, y_zero, 0, 255)).epsilon(1e-5));
    }
  }
}

// A scale for each channel is a factor of whole outputs, so an integer runtime can apply it after the sum: the
// simulated product is that of the codes times the channel's scale.
TEST_CASE("per channel, a product is that of its codes times the scales of the channels") {
  const shape left(3, 4);
  const shape right(4, 2);
  std::vector<float> l(12);
  std::vector<float> r(8);
  for (std::size_t i = 0; i < 12; ++i)
    l[i] = static_cast<float>(static_cast<int>(i * 7 % 11) - 5) * (i < 4 ? 8.0f : 0.1f);
  for (std::size_t i = 0; i < 8; ++i) r[i] = static_cast<float>(static_cast<int>(i * 5 % 7) - 3) * 0.3f;
  for (const bool constant_left : {true, false}) {
    builder b;
    b.g.set_initializer(b.g.add_value("w"), constant_left ? tensor::of(left, l) : tensor::of(right, r));
    b.line("MatMul", "y", constant_left ? names{"w", "x"} : names{"x", "w"});
    b.g.add_output(b.g.find("y"));
    b.g.finish();
    xquant::model::simulation_options options;
    options.per_channel_weights = true;
    test::simulation s(b.g, options, {constant_left ? right : left});
    REQUIRE(s.weights().size() == 1);
    const auto& w = s.weights()[0];
    CHECK(w.encoding.quantizer.granularity.is<xquant::per_axis<>>());
    REQUIRE(w.encoding.parameters.count() == (constant_left ? 3 : 2));
    const tensor y = s.run({constant_left ? tensor::of(right, r) : tensor::of(left, l)}).outputs.at(0);
    for (std::size_t i = 0; i < 3; ++i)
      for (std::size_t j = 0; j < 2; ++j) {
        const double scale = w.encoding.parameters.scale()[constant_left ? i : j];
        double sum = 0;
        for (std::size_t k = 0; k < 4; ++k) {
          const double a = l[i * 4 + k];
          const double c = r[k * 2 + j];
          const double code = std::clamp(std::nearbyint((constant_left ? a : c) / scale), -128.0, 127.0);
          sum += code * (constant_left ? c : a);
        }
        CHECK(y.data<float>()[i * 2 + j] == doctest::Approx(sum * scale).epsilon(1e-5));
      }
  }
  // A vector is summed over: one scale.
  builder b;
  b.weight("w", shape(4));
  b.line("MatMul", "y", {"x", "w"});
  b.g.add_output(b.g.find("y"));
  b.g.finish();
  xquant::model::simulation_options options;
  options.per_channel_weights = true;
  const test::simulation s(b.g, options, {shape(3, 4)});
  CHECK(s.weights().at(0).encoding.quantizer.granularity == xquant::per_tensor{});
  CHECK(s.weights().at(0).encoding.parameters.count() == 1);
}

TEST_CASE("a simulation refuses what it cannot use") {
  test::simulation s(product({1, 2, 3, 4}), {}, {shape(1, 2)});
  CHECK_THROWS_AS(s.set_ranges(xquant::full_range{}), xquant::model::model_error);
  CHECK_THROWS_AS(s.observe({tensor::of(shape(1, 2), std::vector<float>{1.0f, NAN})}), xquant::model::model_error);
  CHECK_THROWS_AS(test::simulation(product({1, 2, INFINITY, 4}), {}, {shape(1, 2)}), xquant::model::model_error);
  xquant::model::simulation_options wide;
  wide.weight.bits = 17;
  CHECK_THROWS_AS(test::simulation(product({1, 2, 3, 4}), wide, {shape(1, 2)}), xquant::model::model_error);
  s.observe({tensor::of(shape(1, 2), std::vector<float>{1.0f, 2.0f})});
  CHECK_THROWS_AS(s.set_ranges(xquant::percentile{101}), xquant::model::model_error);
}
