// The nodes and initializers of a graph that is being written, of which what nothing reads is left out in the end.
#pragma once

#include <xquant/io/onnx_fields.hpp>
#include <xquant/io/onnx_schema.hpp>
#include <xquant/model/tensor.hpp>

#include <protozero/pbf_writer.hpp>
#include <protozero/types.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::io::detail {

class onnx_content {
 public:
  // A NodeProto. Nodes come in an order in which each follows those it reads.
  void add_node(std::string message, std::vector<std::string> inputs, std::vector<std::string> outputs) {
    nodes_.push_back({std::move(message), std::move(inputs), std::move(outputs), false});
  }
  void add_initializer(const std::string& name, const xquant::shape& shape, std::int32_t type, const void* bytes,
                       std::size_t size) {
    const std::size_t begin = initializers_.size();
    {
      protozero::pbf_writer writer(initializers_);
      add_tensor(writer, onnx_schema::graph_proto::initializer, name, shape, type, bytes, size);
    }
    pieces_.push_back({name, begin, initializers_.size()});
  }
  std::size_t size_of_initializers() const noexcept { return initializers_.size(); }

  // Leaves out every node that computes nothing of `wanted` and nothing that a node kept reads.
  void keep(const std::unordered_set<std::string>& wanted) {
    read_ = wanted;
    for (std::size_t i = nodes_.size(); i-- > 0;) {
      entry& n = nodes_[i];
      for (const std::string& output : n.outputs) n.kept = n.kept || (!output.empty() && read_.count(output) != 0);
      if (n.kept) read_.insert(n.inputs.begin(), n.inputs.end());
    }
    for (const entry& n : nodes_)
      if (n.kept) computed_.insert(n.outputs.begin(), n.outputs.end());
  }

  // ---- after keep()

  bool is_read(const std::string& name) const { return read_.count(name) != 0; }
  bool is_computed(const std::string& name) const { return computed_.count(name) != 0; }
  // GraphProto's fields.
  std::string node_fields() const {
    std::string result;
    protozero::pbf_writer writer(result);
    for (const entry& n : nodes_)
      if (n.kept) writer.add_message(onnx_schema::graph_proto::node, n.message);
    return result;
  }
  std::string initializer_fields() const {
    std::string result;
    for (const piece& p : pieces_)
      if (is_read(p.name)) result.append(initializers_, p.begin, p.end - p.begin);
    return result;
  }

 private:
  struct entry {
    std::string message;
    std::vector<std::string> inputs;
    std::vector<std::string> outputs;
    bool kept;
  };
  struct piece {
    std::string name;
    std::size_t begin;
    std::size_t end;
  };

  std::vector<entry> nodes_;
  std::string initializers_;
  std::vector<piece> pieces_;
  std::unordered_set<std::string> read_;      // by a node that is kept, or from outside
  std::unordered_set<std::string> computed_;  // by a node that is kept
};

}  // namespace xquant::io::detail
