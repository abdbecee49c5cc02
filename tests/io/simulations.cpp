#include "simulations.hpp"

#include <utility>

template class xquant::model::simulation<xquant::scalar_engine, xquant::file_choices>;

namespace test {

using xquant::shape;
using xquant::model::element_type;
using xquant::model::graph;
using xquant::model::node;
using xquant::model::tensor;
using xquant::model::value_id;

graph small_network() {
  graph g;
  g.set_opset(17);
  const value_id x = g.add_value("x");
  g.mutable_value(x).type = element_type::float32;
  g.add_input(x);
  const auto parameter = [&](const char* name, const shape& s, std::uint32_t seed) {
    const value_id id = g.add_value(name);
    g.set_initializer(id, noise(s, seed));
    return id;
  };
  const auto add = [&](const char* op, std::vector<value_id> inputs, const char* output) {
    node n;
    n.name = std::string("the_") + op;
    n.op_type = op;
    n.inputs = std::move(inputs);
    n.outputs = {g.add_value(output)};
    g.add_node(n);
    return n.outputs[0];
  };
  const value_id c = add("Conv", {x, parameter("w1", shape(3, 2, 3, 3), 100), parameter("b1", shape(3), 101)}, "c");
  const value_id r = add("Relu", {c}, "r");
  const value_id f = add("Flatten", {r}, "f");
  const value_id y = add("Gemm", {f, parameter("w2", shape(27, 4), 102), parameter("b2", shape(4), 103)}, "y");
  g.add_output(y);
  g.finish();
  return g;
}

simulation observed() {
  xquant::model::simulation_options options;
  options.per_channel_weights = true;
  simulation s(small_network(), options, {shape(1, 2, 5, 5)});
  for (std::uint32_t seed = 1; seed <= 3; ++seed) s.observe({noise(shape(1, 2, 5, 5), seed)});
  return s;
}

tensor output(simulation& s, std::uint32_t seed) { return s.run({noise(shape(1, 2, 5, 5), seed)}).outputs.at(0); }

}  // namespace test
