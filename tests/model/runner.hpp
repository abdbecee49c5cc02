// Compiles the executor once for all tests of model/: they see graphs and tensors only.
#pragma once

#include <xquant/model/graph.hpp>
#include <xquant/model/tensor.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace test {

using xquant::shape;
using xquant::model::attribute;
using xquant::model::graph;
using xquant::model::node;
using xquant::model::tensor;
using xquant::model::value_id;

/// Outputs of a graph.
std::vector<tensor> run(const graph& g, const std::vector<tensor>& inputs);
/// The message of the model_error that running ends in; "" if it does not.
std::string refusal(const graph& g, const std::vector<tensor>& inputs);
/// The message of the model_error that preparing for inputs of these shapes ends in; "" if it does not.
std::string preparation_refusal(const graph& g, const std::vector<shape>& inputs);

using attributes = std::vector<std::pair<std::string, attribute>>;
using integers = std::vector<std::int64_t>;

inline std::string numbered(char letter, std::size_t i) {
  std::string name(1, letter);
  name += std::to_string(i);
  return name;
}

/// One node. `inputs` are given when it runs, `parameters` (empty tensors: left out) are initializers after them.
inline graph single(const std::string& op, const std::vector<tensor>& inputs,
                    const std::vector<tensor>& parameters = {}, const attributes& attrs = {}, std::size_t outputs = 1,
                    std::int64_t opset = 21) {
  graph g;
  g.set_opset(opset);
  node n;
  n.name = "the_node";
  n.op_type = op;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    n.inputs.push_back(g.add_value(numbered('x', i)));
    g.mutable_value(n.inputs.back()).type = inputs[i].type();
    g.add_input(n.inputs.back());
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (!parameters[i].has_value()) {
      n.inputs.push_back(xquant::model::no_value);
      continue;
    }
    n.inputs.push_back(g.add_value(numbered('p', i)));
    g.set_initializer(n.inputs.back(), parameters[i]);
  }
  for (std::size_t i = 0; i < outputs; ++i) {
    n.outputs.push_back(g.add_value(numbered('y', i)));
    g.add_output(n.outputs.back());
  }
  for (const auto& [name, value] : attrs) n.attributes[name] = value;
  g.add_node(n);
  g.finish();
  return g;
}

/// What refusing that node says.
inline std::string refusal_of(const std::string& op, const std::vector<tensor>& inputs,
                              const std::vector<tensor>& parameters = {}, const attributes& attrs = {},
                              std::size_t outputs = 1, std::int64_t opset = 21) {
  return refusal(single(op, inputs, parameters, attrs, outputs, opset), inputs);
}

inline tensor ints(const std::vector<std::int64_t>& values) { return tensor::of(shape(values.size()), values); }
inline tensor floats(const shape& s, const std::vector<float>& values) { return tensor::of(s, values); }
inline tensor scalar(float v) { return tensor::of(shape{}, std::vector<float>{v}); }

/// Seeded values in -2..2.
class source {
 public:
  explicit source(std::uint32_t seed) : engine_(seed) {}
  tensor operator()(const shape& s) {
    std::vector<float> values(s.size());
    for (float& v : values) v = static_cast<float>(engine_() % 4001u) / 1000.0f - 2.0f;
    return tensor::of(s, values);
  }
  std::size_t below(std::size_t n) { return engine_() % n; }

 private:
  std::mt19937 engine_;
};

/// Largest difference, relative to the largest of 1 and the expected magnitudes.
inline double difference(const tensor& got, const std::vector<double>& expected) {
  if (got.size() != expected.size()) return INFINITY;
  double largest = 1;
  double worst = 0;
  for (const double e : expected)
    if (std::isfinite(e)) largest = std::fmax(largest, std::fabs(e));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double g = static_cast<double>(got.data<float>()[i]);
    const bool same = g == expected[i] || (std::isnan(g) && std::isnan(expected[i]));
    if (!same) worst = std::isfinite(g - expected[i]) ? std::fmax(worst, std::fabs(g - expected[i])) : INFINITY;
  }
  return worst / largest;
}

}  // namespace test
