// What an operator is to the executor: a function that checks one node against concrete input shapes, says what its
// outputs are, and returns the function that computes them.
#pragma once

#include <xquant/core/view.hpp>
#include <xquant/exception.hpp>
#include <xquant/model/error.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// Thrown by a node_function whose data cannot be computed with (an index out of range, an integer divided by zero);
/// the executor makes a model_error of it that names the node.
struct node_fault {
  errc code;
  std::string message;
};

/// What a node_function is given when it runs. Input tensors have the types and shapes that were promised when it was
/// prepared.
class node_arguments {
 public:
  node_arguments(std::vector<const tensor*> inputs, std::vector<std::pair<element_type, shape>> outputs)
      : inputs_(std::move(inputs)), promised_(std::move(outputs)), outputs_(promised_.size()) {}

  [[nodiscard]] bool has_input(std::size_t i) const { return i < inputs_.size() && inputs_[i] != nullptr; }
  [[nodiscard]] const tensor& input(std::size_t i) const { return *inputs_[i]; }
  template <class T>
  [[nodiscard]] const T* input(std::size_t i) const {
    return inputs_[i]->data<T>();
  }
  /// Output i, allocated on first use; its elements are not initialised.
  [[nodiscard]] tensor& output(std::size_t i) {
    if (!outputs_[i].has_value()) outputs_[i] = tensor(promised_[i].first, promised_[i].second);
    return outputs_[i];
  }
  template <class T>
  [[nodiscard]] T* output(std::size_t i) {
    return output(i).template mutable_data<T>();
  }
  /// Output i is input j under the promised shape; no bytes move.
  void share(std::size_t i, std::size_t j) { outputs_[i] = inputs_[j]->reshaped(promised_[i].second); }
  void set_output(std::size_t i, tensor t) { outputs_[i] = std::move(t); }
  [[nodiscard]] std::size_t output_count() const noexcept { return outputs_.size(); }

 private:
  std::vector<const tensor*> inputs_;
  std::vector<std::pair<element_type, shape>> promised_;
  std::vector<tensor> outputs_;
};

/// Computes a node's outputs. Owns everything it needs, runs any number of times.
using node_function = std::function<void(node_arguments&)>;

/// A node seen by its operator while a plan is built: attributes, input types, shapes and (where known) values.
class node_context {
 public:
  struct operand {
    bool present = false;
    element_type type = element_type::undefined;
    xquant::shape shape;
    const tensor* constant = nullptr;  ///< the value, when it cannot change
  };

  node_context(const graph& g, const node& n, std::vector<operand> inputs)
      : graph_(g), node_(n), inputs_(std::move(inputs)), outputs_(n.outputs.size()), constants_(n.outputs.size()) {}

  [[nodiscard]] std::int64_t opset() const noexcept { return graph_.opset(); }
  [[nodiscard]] const node& which() const noexcept { return node_; }

  [[noreturn]] void refuse(errc code, const std::string& message) const {
    throw model_error(code, graph_.describe(node_) + ": " + message);
  }
  [[noreturn]] void malformed(const std::string& message) const { refuse(errc::malformed, message); }
  [[noreturn]] void unsupported(const std::string& message) const { refuse(errc::unsupported, message); }

  // ---- inputs

  [[nodiscard]] bool has_input(std::size_t i) const { return i < inputs_.size() && inputs_[i].present; }
  [[nodiscard]] std::size_t input_count() const noexcept { return inputs_.size(); }
  [[nodiscard]] std::size_t output_count() const noexcept { return outputs_.size(); }
  [[nodiscard]] bool has_output(std::size_t i) const {
    return i < node_.outputs.size() && node_.outputs[i] != no_value;
  }
  [[nodiscard]] const operand& input(std::size_t i) const { return inputs_[i]; }
  [[nodiscard]] const xquant::shape& input_shape(std::size_t i) const { return inputs_[i].shape; }
  [[nodiscard]] element_type input_type(std::size_t i) const { return inputs_[i].type; }
  [[nodiscard]] std::string input_name(std::size_t i) const {
    return "input " + std::to_string(i) +
           (i < node_.inputs.size() && node_.inputs[i] != no_value ? " '" + graph_.name_of(node_.inputs[i]) + "'" : "");
  }

  /// Between `least` and `most` inputs, the first `least` of them present; likewise outputs.
  void expect_arity(std::size_t least, std::size_t most, std::size_t least_outputs = 1,
                    std::size_t most_outputs = 1) const {
    std::size_t count = inputs_.size();
    while (count > 0 && !inputs_[count - 1].present) --count;
    if (count < least || count > most)
      malformed(std::to_string(count) + " inputs; expected " + range_text(least, most));
    for (std::size_t i = 0; i < least; ++i)
      if (!inputs_[i].present) malformed("input " + std::to_string(i) + " is left out, but it is not optional");
    std::size_t made = outputs_.size();
    while (made > 0 && !has_output(made - 1)) --made;
    if (made < least_outputs || made > most_outputs)
      malformed(std::to_string(made) + " outputs; expected " + range_text(least_outputs, most_outputs));
  }
  void expect_float(std::size_t i) const { expect_type(i, element_type::float32); }
  void expect_type(std::size_t i, element_type type) const {
    if (inputs_[i].type != type)
      unsupported(input_name(i) + " is " + name_of(inputs_[i].type) + "; expected " + name_of(type) +
                  (type == element_type::float32 ? float32_only(inputs_[i].type) : ""));
  }
  void expect_rank(std::size_t i, std::size_t least, std::size_t most) const {
    const std::size_t rank = inputs_[i].shape.rank;
    if (rank < least || rank > most)
      malformed(input_name(i) + " has shape " + to_text(inputs_[i].shape) + "; expected rank " +
                range_text(least, most));
  }
  /// One dimension of `count` elements.
  void expect_vector(std::size_t i, std::size_t count) const {
    if (inputs_[i].shape.rank != 1 || inputs_[i].shape[0] != count)
      malformed(input_name(i) + " has shape " + to_text(inputs_[i].shape) + "; expected [" + std::to_string(count) +
                "]");
  }
  /// The values of an int64 or int32 input that must be constant (a shape, axes, pads ...), of rank 0 or 1.
  [[nodiscard]] std::vector<std::int64_t> constant_integers(std::size_t i, const char* meaning) const {
    const operand& in = inputs_[i];
    if (!in.constant)
      unsupported(std::string(meaning) + " (" + input_name(i) +
                  ") is computed from the network's inputs; expected a constant");
    if (in.shape.rank > 1)
      malformed(std::string(meaning) + " has shape " + to_text(in.shape) + "; expected rank 0 or 1");
    std::vector<std::int64_t> values;
    if (in.type == element_type::int64)
      values.assign(in.constant->data<std::int64_t>(), in.constant->data<std::int64_t>() + in.constant->size());
    else if (in.type == element_type::int32)
      values.assign(in.constant->data<std::int32_t>(), in.constant->data<std::int32_t>() + in.constant->size());
    else
      malformed(std::string(meaning) + " is " + name_of(in.type) + "; expected int64");
    return values;
  }

  /// A list of integers that is attribute `name` before opset `since` and input `i` from then on; nothing when it is
  /// left out.
  [[nodiscard]] std::optional<std::vector<std::int64_t>> attribute_or_input(const char* name, std::size_t i,
                                                                            std::int64_t since) {
    if (opset() >= since) {
      if (!has_input(i)) return {};
      return constant_integers(i, name);
    }
    const auto* listed = integers(name);
    if (listed == nullptr) return {};
    return *listed;
  }

  // ---- attributes; an attribute that nobody asked for is refused when the operator has returned

  [[nodiscard]] std::int64_t integer(const char* name, std::int64_t otherwise) {
    const auto* found = find<std::int64_t>(name, "an integer");
    return found ? *found : otherwise;
  }
  [[nodiscard]] float number(const char* name, float otherwise) {
    const auto* found = find<float>(name, "a float");
    return found ? *found : otherwise;
  }
  [[nodiscard]] std::string text(const char* name, const char* otherwise) {
    const auto* found = find<std::string>(name, "a string");
    return found ? *found : std::string(otherwise);
  }
  /// Null when the attribute is not there.
  [[nodiscard]] const std::vector<std::int64_t>* integers(const char* name) {
    return find<std::vector<std::int64_t>>(name, "a list of integers");
  }
  [[nodiscard]] const std::vector<float>* numbers(const char* name) {
    return find<std::vector<float>>(name, "a list of floats");
  }
  [[nodiscard]] const tensor* tensor_attribute(const char* name) { return find<tensor>(name, "a tensor"); }
  [[nodiscard]] bool has_attribute(const char* name) const { return node_.attributes.count(name) != 0; }
  /// An integer attribute that is 0 or 1.
  [[nodiscard]] bool flag(const char* name, bool otherwise) {
    const std::int64_t value = integer(name, otherwise ? 1 : 0);
    if (value != 0 && value != 1) bad_attribute(name, std::to_string(value), "0 or 1");
    return value == 1;
  }
  [[noreturn]] void bad_attribute(const std::string& name, const std::string& value,
                                  const std::string& expected) const {
    malformed("attribute '" + name + "' = " + value + "; expected " + expected);
  }

  /// `axis` counted from the back when negative. Throws for one outside [-rank, rank).
  [[nodiscard]] std::size_t axis_of(std::int64_t axis, std::size_t rank, const char* meaning = "axis") const {
    const std::size_t normal = normalized_axis(static_cast<std::ptrdiff_t>(axis), rank);
    if (normal == rank)
      malformed(std::string(meaning) + " = " + std::to_string(axis) + "; expected within [-" + std::to_string(rank) +
                ", " + std::to_string(rank) + ")");
    return normal;
  }
  /// One flag per dimension, set for each listed axis. Throws for one listed twice.
  [[nodiscard]] std::vector<bool> axis_set(const std::vector<std::int64_t>& axes, std::size_t rank) const {
    std::vector<bool> set(rank, false);
    for (const std::int64_t axis : axes) {
      const std::size_t d = axis_of(axis, rank, "axes");
      if (set[d]) malformed("axes name dimension " + std::to_string(d) + " twice");
      set[d] = true;
    }
    return set;
  }

  // ---- outputs

  void set_output(std::size_t i, element_type type, const xquant::shape& s) {
    if (i >= outputs_.size()) return;
    if (const status bad = s.valid(); !bad.ok())
      malformed("output " + std::to_string(i) + " would have shape " + to_text(s) + ": " + describe(bad.code));
    outputs_[i] = {type, s};
  }
  /// The output is known now and does not depend on the data.
  void set_constant_output(std::size_t i, tensor t) {
    set_output(i, t.type(), t.shape());
    constants_[i] = std::move(t);
  }

  // ---- for the executor

  [[nodiscard]] const std::vector<std::pair<element_type, shape>>& outputs() const noexcept { return outputs_; }
  [[nodiscard]] const std::vector<tensor>& constant_outputs() const noexcept { return constants_; }
  void expect_all_attributes_read() const {
    for (const auto& [name, value] : node_.attributes)
      if (read_.count(name) == 0) {
        const auto* strange = std::get_if<unsupported_attribute>(&value);
        unsupported("attribute '" + name + "'" + (strange ? " (" + strange->kind + ")" : "") +
                    " is not known for this operator at this opset");
      }
  }

 private:
  static std::string range_text(std::size_t least, std::size_t most) {
    if (least == most) return std::to_string(least);
    if (most == static_cast<std::size_t>(-1)) return "at least " + std::to_string(least);
    return std::to_string(least) + " to " + std::to_string(most);
  }

  template <class T>
  const T* find(const char* name, const char* expected) {
    read_.insert(name);
    const auto found = node_.attributes.find(name);
    if (found == node_.attributes.end()) return nullptr;
    const T* value = std::get_if<T>(&found->second);
    if (!value) malformed(std::string("attribute '") + name + "' has another kind; expected " + expected);
    return value;
  }

  const graph& graph_;
  const node& node_;
  std::vector<operand> inputs_;
  std::vector<std::pair<element_type, shape>> outputs_;
  std::vector<tensor> constants_;
  std::set<std::string> read_;
};

/// An operator: checks a node, promises its outputs, returns its function.
using prepare_function = node_function (*)(node_context&);

}  // namespace xquant::model
