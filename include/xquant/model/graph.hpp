// A network as a small typed graph: named values, nodes with attributes, initializers. Knows ONNX's rules for graphs
// (one producer per value, no cycles) and nothing of what operators compute.
#pragma once

#include <xquant/model/error.hpp>
#include <xquant/model/node.hpp>
#include <xquant/model/op/plain.hpp>
#include <xquant/model/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// One extent of a declared shape: a number, or free (batch axis) with an optional symbol.
struct dimension {
  std::int64_t extent = -1;  ///< -1: free
  std::string symbol;
};

/// A named value: an edge of the graph. Type and shape are what the file declares, if it does; the shapes of a run are
/// the executor's.
struct value_info {
  std::string name;
  element_type type = element_type::undefined;
  bool has_shape = false;
  std::vector<dimension> dimensions;
};

/// A constant that is read, in a graph with folded constants, only as the elements of another in another order or
/// shape.
struct moved_constant {
  value_id from = no_value;
  value_id to = no_value;
  /// For each dimension of `from` the dimension of `to` that has its slices, or nothing where it has been split, joined
  /// with another or dropped.
  std::vector<std::optional<std::size_t>> dimension;
};

class graph {
 public:
  // ---- building

  /// A new value. Throws model_error for a name that is empty or taken.
  value_id add_value(value_info info) {
    if (info.name.empty()) throw model_error(errc::malformed, "value with an empty name");
    if (!ids_.emplace(info.name, values_.size()).second)
      throw model_error(errc::malformed, "value name " + in_quotes(info.name) + " is used twice");
    values_.push_back(std::move(info));
    finished_ = false;
    return values_.size() - 1;
  }
  value_id add_value(const std::string& name) {
    return add_value(value_info{name, element_type::undefined, false, {}});
  }
  /// The value of that name, made when there is none.
  value_id value_named(const std::string& name) {
    const value_id found = find(name);
    return found != no_value ? found : add_value(name);
  }
  /// A name no value has: `wish` itself, or `wish` with a number.
  [[nodiscard]] std::string unused_name(const std::string& wish) const {
    std::string name = wish;
    for (std::size_t i = 1; name.empty() || find(name) != no_value; ++i) name = wish + "_" + std::to_string(i);
    return name;
  }

  /// Remembers that files call this value by that name: what it took the place of when the graph was edited.
  void add_former_name(const std::string& name, value_id id) {
    check(id);
    former_names_[name] = id;
  }

  /// Remembers where a constant went that nobody reads any more.
  void add_moved_constant(moved_constant m) {
    check(m.from);
    check(m.to);
    moved_constants_.push_back(std::move(m));
  }

  /// Remembers a constant that nobody reads any more, since others were computed from it.
  void add_used_up_constant(value_id id) {
    check(id);
    used_up_constants_.push_back(id);
  }

  /// Makes room for that many nodes, no more.
  void reserve_nodes(std::size_t count) { nodes_.reserve(count); }
  node_id add_node(node n) {
    nodes_.push_back(std::move(n));
    finished_ = false;
    return nodes_.size() - 1;
  }
  void set_initializer(value_id id, tensor t) {
    check(id);
    initializers_[id] = std::move(t);
    finished_ = false;
  }
  void remove_initializer(value_id id) {
    initializers_.erase(id);
    finished_ = false;
  }
  void add_input(value_id id) {
    check(id);
    inputs_.push_back(id);
    finished_ = false;
  }
  void add_output(value_id id) {
    check(id);
    outputs_.push_back(id);
    finished_ = false;
  }
  /// For editing; finish() must follow. Never erase values: ids are positions. Unused values do no harm.
  std::vector<node>& mutable_nodes() {
    finished_ = false;
    return nodes_;
  }
  value_info& mutable_value(value_id id) {
    check(id);
    return values_[id];
  }
  void set_opset(std::int64_t version) { opset_ = version; }
  void set_name(std::string name) { name_ = std::move(name); }

  /// Checks the whole graph and puts its nodes into an order in which each comes after what it reads (nodes that are in
  /// order already stay where they are). Throws model_error, naming the value or node, for: a value with two producers,
  /// an input nobody produces, a cycle, an output nobody produces, a node without operator type or outputs, a graph
  /// without outputs.
  void finish() {
    finished_ = false;
    check_values();
    order_nodes();
    index_consumers();
    find_constants();
    finished_ = true;
  }
  [[nodiscard]] bool finished() const noexcept { return finished_; }

  // ---- reading

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::int64_t opset() const noexcept { return opset_; }
  [[nodiscard]] const std::vector<value_info>& values() const noexcept { return values_; }
  [[nodiscard]] const value_info& value(value_id id) const {
    check(id);
    return values_[id];
  }
  [[nodiscard]] const std::string& name_of(value_id id) const { return value(id).name; }
  /// The value of that name, or no_value.
  [[nodiscard]] value_id find(const std::string& name) const {
    const auto found = ids_.find(name);
    return found == ids_.end() ? no_value : found->second;
  }
  /// The value that a file about this network, before it was edited or since, means by that name: the one that has it,
  /// or where nobody reads that one any more, what took its place (add_former_name). no_value when there is neither.
  [[nodiscard]] value_id find_called(const std::string& name) const {
    require_finished();
    const value_id id = find(name);
    if (id != no_value && (is_output(id) || !consumers_[id].empty())) return id;
    const auto former = former_names_.find(name);
    return former == former_names_.end() ? id : former->second;
  }
  /// Where constants went that nobody reads any more, by every edit of this graph.
  [[nodiscard]] const std::vector<moved_constant>& moved_constants() const noexcept { return moved_constants_; }
  /// Constants that nobody reads any more, moved or not, by every edit of this graph.
  [[nodiscard]] const std::vector<value_id>& used_up_constants() const noexcept { return used_up_constants_; }
  [[nodiscard]] const std::vector<node>& nodes() const noexcept { return nodes_; }
  [[nodiscard]] const node& node_at(node_id id) const { return nodes_.at(id); }
  /// Inputs a caller must supply: declared inputs that are not initializers.
  [[nodiscard]] const std::vector<value_id>& inputs() const noexcept { return inputs_; }
  [[nodiscard]] const std::vector<value_id>& outputs() const noexcept { return outputs_; }
  [[nodiscard]] const std::map<value_id, tensor>& initializers() const noexcept { return initializers_; }
  /// The initializer of that value, or null.
  [[nodiscard]] const tensor* initializer(value_id id) const {
    const auto found = initializers_.find(id);
    return found == initializers_.end() ? nullptr : &found->second;
  }

  // ---- lookups (after finish())

  /// The node that computes a value, or no_node for inputs and initializers.
  [[nodiscard]] node_id producer(value_id id) const {
    require_finished();
    check(id);
    return producer_[id];
  }
  /// The nodes that read a value, in order of execution; a node that reads it twice is listed once.
  [[nodiscard]] const std::vector<node_id>& consumers(value_id id) const {
    require_finished();
    check(id);
    return consumers_[id];
  }
  /// The only node that reads a value, or no_node when there are several, none, or the value is a graph output.
  [[nodiscard]] node_id sole_consumer(value_id id) const {
    const std::vector<node_id>& readers = consumers(id);
    return readers.size() == 1 && !is_output(id) ? readers.front() : no_node;
  }
  [[nodiscard]] bool is_input(value_id id) const {
    return finished_ ? id < is_input_.size() && is_input_[id] : contains(inputs_, id);
  }
  [[nodiscard]] bool is_output(value_id id) const {
    return finished_ ? id < is_output_.size() && is_output_[id] : contains(outputs_, id);
  }
  /// The tensor of a value that is plainly constant: an initializer, a Constant node's `value`, or an Identity of one.
  /// Null otherwise; what only constant folding reveals is the executor's to say.
  [[nodiscard]] const tensor* constant(value_id id) const {
    if (id == no_value) return nullptr;
    if (const tensor* t = initializer(id)) return t;
    require_finished();
    check(id);
    const value_id source = constant_source_[id];
    if (source == no_value) return nullptr;
    if (const tensor* t = initializer(source)) return t;
    const node& n = nodes_[producer_[source]];
    const auto found = n.attributes.find("value");
    return found == n.attributes.end() ? nullptr : std::get_if<tensor>(&found->second);
  }

  /// "node 'name' (Conv, opset 21)"; an unnamed node is called by its first output.
  [[nodiscard]] std::string describe(const node& n) const {
    std::string text = "node ";
    if (!n.name.empty())
      text += in_quotes(n.name);
    else if (!n.outputs.empty() && n.outputs[0] < values_.size())
      text += "computing " + in_quotes(values_[n.outputs[0]].name);
    const bool standard = n.domain.empty() || n.domain == "ai.onnx";
    return text + " (" + shortened((standard ? "" : n.domain + ".") + n.op_type) + ", opset " + std::to_string(opset_) +
           ")";
  }

 private:
  static bool contains(const std::vector<value_id>& ids, value_id id) {
    for (const value_id other : ids)
      if (other == id) return true;
    return false;
  }

  void check(value_id id) const {
    if (id >= values_.size())
      throw model_error(errc::value_out_of_range, "value number " + std::to_string(id) + " of a graph with " +
                                                      std::to_string(values_.size()) + " values");
  }
  void require_finished() const {
    if (!finished_) throw model_error(errc::value_out_of_range, "graph was edited; call finish() first");
  }

  void check_values() {
    std::vector<bool> seen(values_.size(), false);
    for (const value_id id : inputs_) {
      if (seen[id])
        throw model_error(errc::malformed, "graph input " + in_quotes(values_[id].name) + " is declared twice");
      seen[id] = true;
    }
    std::vector<value_id> supplied;
    for (const value_id id : inputs_)
      if (!initializer(id)) supplied.push_back(id);
    inputs_ = std::move(supplied);
    is_input_.assign(values_.size(), false);
    for (const value_id id : inputs_) is_input_[id] = true;
    is_output_.assign(values_.size(), false);
    for (const value_id id : outputs_) is_output_[id] = true;

    producer_.assign(values_.size(), no_node);
    for (node_id i = 0; i < nodes_.size(); ++i) {
      const node& n = nodes_[i];
      if (n.op_type.empty()) throw model_error(errc::malformed, describe(n) + ": no operator type");
      bool useful = false;
      for (const value_id id : n.outputs) {
        if (id == no_value) continue;
        check(id);
        useful = true;
        if (producer_[id] != no_node)
          throw model_error(errc::malformed, describe(n) + ": output " + in_quotes(values_[id].name) +
                                                 " is already an output of " + describe(nodes_[producer_[id]]));
        if (initializer(id) || seen[id])
          throw model_error(errc::malformed, describe(n) + ": output " + in_quotes(values_[id].name) + " is already " +
                                                 (seen[id] ? "a graph input" : "an initializer"));
        producer_[id] = i;
      }
      if (!useful) throw model_error(errc::malformed, describe(n) + ": no outputs");
    }
    for (const node& n : nodes_)
      for (const value_id id : n.inputs) {
        if (id == no_value) continue;
        check(id);
        if (!available(id))
          throw model_error(errc::malformed, describe(n) + ": input " + in_quotes(values_[id].name) +
                                                 " is neither a graph input, an initializer nor a node's output");
      }
    if (outputs_.empty()) throw model_error(errc::malformed, "graph without outputs");
    for (const value_id id : outputs_)
      if (!available(id))
        throw model_error(errc::malformed, "graph output " + in_quotes(values_[id].name) + " is computed by no node");
  }

  [[nodiscard]] bool available(value_id id) const {
    return producer_[id] != no_node || is_input_[id] || initializer(id) != nullptr;
  }

  // Kahn's method, always taking the first node that is ready, so that an ordered graph keeps its order.
  void order_nodes() {
    const std::size_t count = nodes_.size();
    std::vector<std::size_t> waiting(count, 0);
    std::vector<std::vector<node_id>> readers(count);
    for (node_id i = 0; i < count; ++i)
      for (const value_id id : nodes_[i].inputs)
        if (id != no_value && producer_[id] != no_node) {
          ++waiting[i];
          readers[producer_[id]].push_back(i);
        }
    std::vector<node_id> order;
    order.reserve(count);
    std::map<node_id, bool> ready;
    for (node_id i = 0; i < count; ++i)
      if (waiting[i] == 0) ready[i] = true;
    while (!ready.empty()) {
      const node_id next = ready.begin()->first;
      ready.erase(ready.begin());
      order.push_back(next);
      for (const node_id reader : readers[next])
        if (--waiting[reader] == 0) ready[reader] = true;
    }
    if (order.size() != count) {
      node_id stuck = 0;
      while (waiting[stuck] == 0) ++stuck;
      // Walking back along unfinished inputs must arrive on the cycle, not merely behind it.
      std::vector<bool> met(count, false);
      while (!met[stuck]) {
        met[stuck] = true;
        for (const value_id id : nodes_[stuck].inputs)
          if (id != no_value && producer_[id] != no_node && waiting[producer_[id]] != 0) {
            stuck = producer_[id];
            break;
          }
      }
      throw model_error(errc::malformed, describe(nodes_[stuck]) + ": depends on its own output (a cycle)");
    }
    std::vector<node> sorted;
    sorted.reserve(count);
    for (const node_id i : order) sorted.push_back(std::move(nodes_[i]));
    nodes_ = std::move(sorted);
    for (node_id i = 0; i < count; ++i)
      for (const value_id id : nodes_[i].outputs)
        if (id != no_value) producer_[id] = i;
  }

  void index_consumers() {
    consumers_.assign(values_.size(), {});
    for (node_id i = 0; i < nodes_.size(); ++i)
      for (const value_id id : nodes_[i].inputs)
        if (id != no_value && (consumers_[id].empty() || consumers_[id].back() != i)) consumers_[id].push_back(i);
  }

  // For each value the one whose tensor constant() gives: itself, or what a chain of Identity nodes begins with.
  void find_constants() {
    constant_source_.assign(values_.size(), no_value);
    for (const auto& [id, t] : initializers_) constant_source_[id] = id;
    for (const node& n : nodes_)
      for (const value_id id : n.outputs) {
        if (id == no_value) continue;
        if (is_constant_node(n)) constant_source_[id] = id;
        if (is_identity(n) && !n.inputs.empty() && n.inputs[0] != no_value)
          constant_source_[id] = constant_source_[n.inputs[0]];
      }
  }

  std::string name_;
  std::int64_t opset_ = 21;
  std::vector<value_info> values_;
  std::map<std::string, value_id> ids_;
  std::map<std::string, value_id> former_names_;
  std::vector<moved_constant> moved_constants_;
  std::vector<value_id> used_up_constants_;
  std::vector<node> nodes_;
  std::map<value_id, tensor> initializers_;
  std::vector<value_id> inputs_;
  std::vector<value_id> outputs_;
  std::vector<node_id> producer_;
  std::vector<std::vector<node_id>> consumers_;
  std::vector<bool> is_input_;
  std::vector<bool> is_output_;
  std::vector<value_id> constant_source_;
  bool finished_ = false;
};

}  // namespace xquant::model
