// Versions: which opset and IR version the types of quantized values need, and how a network written for an older opset
// says the same in that one.
#pragma once

#include <xquant/io/error.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/tensor.hpp>
#include <xquant/runtime.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace xquant::inline XQUANT_ABI::io::detail {

// TensorProto.DataType of what a quantizer stores, and the first opset whose QuantizeLinear has it.
struct onnx_code_type {
  std::int32_t number = 0;
  std::int64_t opset = 13;
  std::size_t bytes = 1;
  std::int32_t lower = 0;  // what QuantizeLinear saturates to
  std::int32_t upper = 0;
};
inline onnx_code_type onnx_code_type_of(const quantizer_description& q) {
  const bool narrow = q.bits <= 8;
  onnx_code_type type;
  if (q.format == id_of<e4m3fn>) return {17, 19, 1, 0, 0};
  if (q.format == signed_integer)
    type = narrow ? onnx_code_type{3, 13, 1} : onnx_code_type{5, 21, 2};
  else if (q.format == unsigned_integer)
    type = narrow ? onnx_code_type{2, 13, 1} : onnx_code_type{4, 21, 2};
  else
    return type;
  // All codes of the type, whichever of them the quantizer uses.
  code_bounds codes;
  if (!try_code_bounds<file_choices>({.format = q.format, .bits = narrow ? 8 : 16}, codes).ok()) return {};
  type.lower = static_cast<std::int32_t>(codes.lower);
  type.upper = static_cast<std::int32_t>(codes.upper);
  return type;
}

// From the opset of a file to the one that its quantized form needs.
class opset_change {
 public:
  // `where` names the file in messages.
  opset_change(std::int64_t from, const std::string& where) : from_(from), to_(from), where_(where) {}

  // A quantizer that the result holds.
  void require(const quantizer_description& q) {
    to_ = std::max(to_, onnx_code_type_of(q).opset);
    has_float8_ = has_float8_ || q.format == id_of<e4m3fn>;
  }

  // DequantizeLinear with block_size.
  void require_blocks() { to_ = std::max<std::int64_t>(to_, 21); }

  std::int64_t version() const { return to_; }
  bool raised() const { return to_ != from_; }
  std::int64_t ir_version(std::int64_t given) const {
    // Before 4 initializers had to be inputs too; 9 came with the float8 types and opset 19, 10 with opset 21.
    std::int64_t needed = std::max<std::int64_t>(given, 4);
    if (passes(19) || has_float8_) needed = std::max<std::int64_t>(needed, 9);
    if (passes(21)) needed = std::max<std::int64_t>(needed, 10);
    return needed;
  }

  // Throws io_error for an operator that means something else in the new opset, and for a subgraph, whose nodes are not
  // rewritten.
  void check(const model::graph& g) const {
    for (const model::node& n : g.nodes()) {
      const auto coordinates = n.attributes.find("coordinate_transformation_mode");
      const auto* mode = coordinates == n.attributes.end() ? nullptr : std::get_if<std::string>(&coordinates->second);
      const bool changed =
          is_onnx(n) && ((passes(13) && n.op_type == "Resize" && mode != nullptr && *mode == "tf_half_pixel_for_nn") ||
                         (passes(20) && (n.op_type == "GridSample" || n.op_type == "DFT")) ||
                         (passes(21) && n.op_type == "GroupNormalization"));
      if (changed)
        throw io_error(errc::unsupported, where_ + ": " + g.describe(n) + ": means something else in opset " +
                                              std::to_string(to_) + ", which the quantized types need");
      if (!raised()) continue;
      for (const auto& [name, value] : n.attributes) {
        const auto* strange = std::get_if<model::unsupported_attribute>(&value);
        if (strange != nullptr && (strange->kind == "a graph" || strange->kind == "graphs"))
          throw io_error(errc::unsupported, where_ + ": " + g.describe(n) + ": attribute '" + name + "' is " +
                                                strange->kind + ", which cannot be rewritten for opset " +
                                                std::to_string(to_) + ", which the quantized types need");
      }
    }
  }

  // An input that the new opset has in the place of an attribute: a constant named like input 0, with `suffix`.
  struct new_input {
    std::size_t position = 0;
    std::string suffix;
    model::tensor value;
  };
  // How a node says the same in the new opset, beside its changed attributes.
  struct rewritten {
    std::vector<new_input> inputs;
    // The node is given its input as a matrix (Flatten at this axis), and its output gets the input's shape back.
    std::optional<std::int64_t> flatten;
  };
  // Changes the attributes of a node to those of the new opset.
  rewritten rewrite(const model::graph& g, model::node& n) const {
    rewritten result;
    if (!is_onnx(n)) return result;
    if (passes(12) && n.op_type == "Dropout") n.attributes.erase("ratio");  // of training alone
    if (passes(13)) {
      if (one_of(n, {"Squeeze", "Unsqueeze", "ReduceSum"})) move_to_input(g, n, "axes", result);
      if (n.op_type == "Split") move_to_input(g, n, "split", result);
      if (one_of(n, {"Softmax", "LogSoftmax", "Hardmax"})) result.flatten = one_axis(g, n);
    }
    if (passes(18)) {
      if (one_of(n, {"ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum",
                     "ReduceLogSumExp", "ReduceSumSquare"}))
        move_to_input(g, n, "axes", result);
      const bool has_sizes = (n.inputs.size() > 1 && n.inputs[1] != model::no_value) || !result.inputs.empty();
      if (n.op_type == "Split" && !has_sizes && n.attributes.count("num_outputs") == 0)
        n.attributes["num_outputs"] = static_cast<std::int64_t>(n.outputs.size());
    }
    return result;
  }

 private:
  bool passes(std::int64_t version) const { return from_ < version && to_ >= version; }
  static bool one_of(const model::node& n, std::initializer_list<const char*> list) {
    for (const char* op : list)
      if (n.op_type == op) return true;
    return false;
  }

  // A list that was an attribute and is input 1 now.
  void move_to_input(const model::graph& g, model::node& n, const char* name, rewritten& result) const {
    const auto found = n.attributes.find(name);
    if (found == n.attributes.end()) return;
    const auto* list = std::get_if<std::vector<std::int64_t>>(&found->second);
    if (list == nullptr)
      throw io_error(errc::malformed, where_ + ": " + g.describe(n) + ": " + name + " is no list of integers");
    result.inputs.push_back({1, std::string("_") + name, model::tensor::of(xquant::shape(list->size()), *list)});
    n.attributes.erase(found);
  }

  // Before opset 13 an operator over all dimensions from `axis` on, since then over one: the last. Where `axis` is the
  // last it is the same; otherwise the axis to flatten at.
  std::optional<std::int64_t> one_axis(const model::graph& g, model::node& n) const {
    const auto axis = model::attribute_or<std::int64_t>(n, "axis", 1);
    n.attributes["axis"] = std::int64_t{-1};
    if (axis == -1 || n.inputs.empty() || n.inputs[0] == model::no_value) return {};
    const model::value_info& input = g.value(n.inputs[0]);
    if (input.has_shape && axis + 1 == static_cast<std::int64_t>(input.dimensions.size())) return {};
    return axis;
  }

  static bool is_onnx(const model::node& n) { return n.domain.empty() || n.domain == "ai.onnx"; }

  std::int64_t from_;
  std::int64_t to_;
  bool has_float8_ = false;
  const std::string& where_;
};

}  // namespace xquant::io::detail
