// The names in an ONNX file: what a name of ours must not meet, and what is read from inside of subgraphs.
#pragma once

#include <xquant/io/onnx_fields.hpp>
#include <xquant/io/onnx_reader.hpp>
#include <xquant/io/onnx_schema.hpp>

#include <protozero/types.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_set>

namespace xquant::inline XQUANT_ABI::io::detail {

class onnx_names {
 public:
  // Takes the names of everything in a model: values, initializers and nodes, those of subgraphs and functions too.
  void take_model(data_view model) {
    for_each_field(model, [&](std::uint32_t tag, data_view field) {
      if (tag == onnx_schema::model_proto::graph) take_graph(content_of(field), false);
      if (tag == onnx_schema::model_proto::functions) take_function(content_of(field));
    });
  }
  void take(const std::string& name) { taken_.insert(name); }

  // `wish`, or `wish` with a number; taken from now on.
  std::string unused(const std::string& wish) {
    std::string name = wish;
    for (std::size_t i = 1; !taken_.insert(name).second; ++i) name = wish + "_" + std::to_string(i);
    return name;
  }

  // What nodes of subgraphs read, be it theirs or of the graph around.
  const std::unordered_set<std::string>& read_in_subgraphs() const noexcept { return inner_reads_; }

 private:
  void take_graph(data_view graph, bool inner) {
    namespace field = onnx_schema::graph_proto;
    for_each_field(graph, [&](std::uint32_t tag, data_view bytes) {
      switch (tag) {
        case field::node: take_node(content_of(bytes), inner); break;
        case field::initializer: take(text_field(content_of(bytes), onnx_schema::tensor_proto::name)); break;
        case field::sparse_initializer: take_sparse(content_of(bytes)); break;
        case field::input:
        case field::output:
        case field::value_info: {
          const std::string name = text_field(content_of(bytes), onnx_schema::value_info_proto::name);
          take(name);
          if (inner && tag == field::output) inner_reads_.insert(name);
          break;
        }
        default: break;
      }
    });
  }
  void take_node(data_view node, bool inner) {
    namespace field = onnx_schema::node_proto;
    for_each_field(node, [&](std::uint32_t tag, data_view bytes) {
      if (tag == field::input || tag == field::output || tag == field::name) take(text_of(bytes));
      if (tag == field::input && inner) inner_reads_.insert(text_of(bytes));
      if (tag != field::attribute) return;
      for_each_field(content_of(bytes), [&](std::uint32_t kind, data_view value) {
        if (kind == onnx_schema::attribute_proto::g || kind == onnx_schema::attribute_proto::graphs)
          take_graph(content_of(value), true);
      });
    });
  }
  void take_sparse(data_view tensor) {
    for_each_field(tensor, [&](std::uint32_t tag, data_view bytes) {
      if (tag == onnx_schema::sparse_tensor_proto::values)
        take(text_field(content_of(bytes), onnx_schema::tensor_proto::name));
    });
  }
  void take_function(data_view function) {
    namespace field = onnx_schema::function_proto;
    for_each_field(function, [&](std::uint32_t tag, data_view bytes) {
      if (tag == field::name || tag == field::input || tag == field::output) take(text_of(bytes));
      if (tag == field::node) take_node(content_of(bytes), false);
    });
  }

  std::unordered_set<std::string> taken_;
  std::unordered_set<std::string> inner_reads_;
};

}  // namespace xquant::io::detail
