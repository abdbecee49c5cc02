// Small networks, written node by node.
#pragma once

#include <xquant/model/graph.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace test {

class graph_builder {
 public:
  graph_builder() { graph_.set_opset(17); }

  /// Extents of the input: a number, -1 for a free one, or a symbol.
  graph_builder& input(const std::string& name, const std::vector<xquant::model::dimension>& dimensions) {
    graph_.add_value({name, xquant::model::element_type::float32, true, dimensions});
    graph_.add_input(graph_.find(name));
    return *this;
  }
  graph_builder& constant(const std::string& name, const xquant::model::tensor& t) {
    graph_.set_initializer(graph_.add_value(name), t);
    return *this;
  }
  graph_builder& integers(const std::string& name, const std::vector<std::int64_t>& values) {
    return constant(name, xquant::model::tensor::of(xquant::shape(values.size()), values));
  }
  /// A node called `the_OUTPUT`.
  graph_builder& node(const std::string& op, const std::vector<std::string>& inputs, const std::string& output,
                      std::map<std::string, xquant::model::attribute> attributes = {}) {
    xquant::model::node n;
    n.name = "the_" + output;
    n.op_type = op;
    for (const std::string& name : inputs) n.inputs.push_back(graph_.value_named(name));
    n.outputs.push_back(graph_.value_named(output));
    n.attributes = std::move(attributes);
    graph_.add_node(std::move(n));
    return *this;
  }
  xquant::model::graph outputs(const std::vector<std::string>& names) {
    for (const std::string& name : names) graph_.add_output(graph_.find(name));
    graph_.finish();
    return std::move(graph_);
  }

 private:
  xquant::model::graph graph_;
};

}  // namespace test
