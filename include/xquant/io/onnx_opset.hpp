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
  if (q.format == format_id::float8e4m3fn) return {17, 19, 1, 0, 0};
  if (q.format == format_id::signed_integer)
    type = narrow ? onnx_code_type{3, 13, 1} : onnx_code_type{5, 21, 2};
  else if (q.format == format_id::unsigned_integer)
    type = narrow ? onnx_code_type{2, 13, 1} : onnx_code_type{4, 21, 2};
  else
    return type;
  // All codes of the type, whichever of them the quantizer uses.
  using stored = runtime_choices<type_list<stored_integer<std::int8_t>, stored_integer<std::uint8_t>,
                                           stored_integer<std::int16_t>, stored_integer<std::uint16_t>>>;
  code_bounds codes;
  if (!try_code_bounds<stored>({.format = q.format, .bits = narrow ? 8 : 16}, codes).ok()) return {};
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
    has_float8_ = has_float8_ || q.format == format_id::float8e4m3fn;
  }

  std::int64_t version() const { return to_; }
  bool raised() const { return to_ != from_; }
  std::int64_t ir_version(std::int64_t given) const {
    // Before 4 initializers had to be inputs too; 9 came with the float8 types and opset 19, 10 with opset 21.
    std::int64_t needed = std::max<std::int64_t>(given, 4);
    if (passes(19) || has_float8_) needed = std::max<std::int64_t>(needed, 9);
    if (passes(21)) needed = std::max<std::int64_t>(needed, 10);
    return needed;
  }

  // Throws io_error for an operator that means something else in the new opset.
  void check(const model::graph& g) const {
    for (const model::node& n : g.nodes()) {
      const bool changed = is_onnx(n) && ((passes(20) && (n.op_type == "GridSample" || n.op_type == "DFT")) ||
                                          (passes(21) && n.op_type == "GroupNormalization"));
      if (changed)
        throw io_error(errc::unsupported, where_ + ": " + g.describe(n) + ": means something else in opset " +
                                              std::to_string(to_) + ", which the quantized types need");
    }
  }

  // An input that the new opset has in the place of an attribute: a constant named like input 0, with `suffix`.
  struct new_input {
    std::size_t position = 0;
    const char* suffix = "";
    model::tensor value;
  };
  // Changes the attributes of a node to those of the new opset, and returns what became inputs.
  std::vector<new_input> rewrite(const model::graph& g, model::node& n) const {
    std::vector<new_input> inputs;
    if (!passes(18) || !is_onnx(n)) return inputs;
    for (const char* op : {"ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum",
                           "ReduceLogSumExp", "ReduceSumSquare"}) {
      if (n.op_type != op) continue;
      const auto axes = n.attributes.find("axes");
      if (axes == n.attributes.end()) continue;
      const auto* list = std::get_if<std::vector<std::int64_t>>(&axes->second);
      if (list == nullptr)
        throw io_error(errc::malformed, where_ + ": " + g.describe(n) + ": axes is no list of integers");
      inputs.push_back({1, "_axes", model::tensor::of(xquant::shape(list->size()), *list)});
      n.attributes.erase(axes);
    }
    const bool has_sizes = n.inputs.size() > 1 && n.inputs[1] != model::no_value;
    if (n.op_type == "Split" && !has_sizes && n.attributes.count("num_outputs") == 0)
      n.attributes["num_outputs"] = static_cast<std::int64_t>(n.outputs.size());
    return inputs;
  }

 private:
  bool passes(std::int64_t version) const { return from_ < version && to_ >= version; }
  static bool is_onnx(const model::node& n) { return n.domain.empty() || n.domain == "ai.onnx"; }

  std::int64_t from_;
  std::int64_t to_;
  bool has_float8_ = false;
  const std::string& where_;
};

}  // namespace xquant::io::detail
