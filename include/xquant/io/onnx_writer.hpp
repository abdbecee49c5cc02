// A quantized network as an ONNX file: the bytes of the original, with QuantizeLinear and DequantizeLinear where the
// network is quantized. What needs no change is copied byte for byte, whether this library knows its meaning or not.
#pragma once

#include <xquant/encoding.hpp>
#include <xquant/exception.hpp>
#include <xquant/granularity/onnx_convention.hpp>
#include <xquant/io/error.hpp>
#include <xquant/io/file.hpp>
#include <xquant/io/onnx_content.hpp>
#include <xquant/io/onnx_fields.hpp>
#include <xquant/io/onnx_names.hpp>
#include <xquant/io/onnx_opset.hpp>
#include <xquant/io/onnx_reader.hpp>
#include <xquant/io/onnx_schema.hpp>
#include <xquant/model/error.hpp>
#include <xquant/model/fault.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/integer_bias.hpp>
#include <xquant/model/op/batch_normalization.hpp>
#include <xquant/model/tensor.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>
#include <xquant/runtime.hpp>

#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>
#include <protozero/types.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::io {

/// A value of the network, and how it is quantized.
struct quantized_value {
  model::value_id value = model::no_value;
  xquant::encoding encoding;
};

/// A network and what is quantized in it: constants (weights) and computed values or inputs (activations). Refers to
/// the network, which is the file's own or that after edits such as fold_batch_norms. simulation_encodings.hpp makes
/// one from a simulation.
struct quantized_network {
  const model::graph* network = nullptr;
  std::vector<quantized_value> weights;
  std::vector<quantized_value> activations;
};

struct onnx_writer_options {
  /// Write the biases of Conv, ConvTranspose and Gemm as int32, with the scale of the layer's input times that of its
  /// weight (model/integer_bias.hpp, which says what stays float).
  bool integer_biases = false;
  /// The folder of the file the network was read from, for the tensors it keeps in files beside it. What is written
  /// keeps all of its tensors itself.
  std::string folder = {};
};

namespace detail {

class onnx_writer {
 public:
  onnx_writer(data_view original, const quantized_network& network, const onnx_writer_options& options,
              const std::string& where)
      : original_(original),
        source_(onnx_parser(original, where, options.folder).take()),
        g_(*network.network),
        options_(options),
        where_(where),
        opset_(source_.opset(), where_) {
    if (!g_.finished()) throw io_error(errc::malformed, where + ": the quantized network was edited; call finish()");
    names_.take_model(original_);
    // What the network was given besides may have a name that only values of the file were looked through for.
    for (model::value_id id = 0; id < g_.values().size(); ++id) {
      const std::string& name = g_.name_of(id);
      if (source_.find(name) != model::no_value) continue;
      if (std::string own = names_.unused(name); own != name) renamed_[id] = std::move(own);
    }
    for_each_field(original_, [&](std::uint32_t tag, data_view field) {
      if (tag == onnx_schema::model_proto::graph) graph_ = content_of(field);
    });
    for_each_field(graph_, [&](std::uint32_t tag, data_view field) {
      if (tag == onnx_schema::graph_proto::node) add_source_node(content_of(field));
    });
    for (const quantized_value& w : network.weights) add(weights_, w, "weight");
    for (const quantized_value& a : network.activations) add(activations_, a, "activation");
    for (const value_map* map : {&weights_, &activations_})
      for (const auto& [id, v] : *map) opset_.require(v->encoding.quantizer);
    for (const auto& [id, v] : weights_)
      if (layout_of(*v).block_size != 0) opset_.require_blocks();
    opset_.check(g_);
  }

  std::vector<std::byte> write() {
    for (const auto& [id, w] : weights_) write_weight(*w);
    for (const model::value_id id : g_.inputs())
      if (activations_.count(id) != 0) write_activation(*activations_.at(id));
    for (model::node_id i = 0; i < g_.nodes().size(); ++i) write_node(i);
    content_.keep(wanted());
    const std::string bytes = assemble_model();
    require_size(bytes.size());
    return bytes_of(bytes);
  }

 private:
  using value_map = std::map<model::value_id, const quantized_value*>;

  [[noreturn]] void refuse(const std::string& problem, errc code = errc::unsupported) const {
    throw io_error(code, where_ + ": " + problem);
  }

  void add(value_map& map, const quantized_value& v, const char* role) {
    if (v.value >= g_.values().size())
      refuse(std::string(role) + " number " + std::to_string(v.value) + " is no value of the network",
             errc::value_out_of_range);
    const std::string who = std::string(role) + " '" + g_.name_of(v.value) + "'";
    if (onnx_code_type_of(v.encoding.quantizer).number == 0) refuse(who + ": QuantizeLinear has no such format");
    if (v.encoding.parameters.count() == 0) refuse(who + ": no parameters", errc::parameter_count);
    const model::tensor* constant = g_.constant(v.value);
    if ((constant != nullptr) != (&map == &weights_))
      refuse(who + (constant != nullptr ? ": is a constant" : ": is no constant"), errc::malformed);
    if (&map == &activations_) {
      if (v.encoding.quantizer.rounding != id_of<nearest_even>)
        refuse(who + ": QuantizeLinear rounds to nearest even; expected that rounding");
      if (v.encoding.quantizer.arithmetic != id_of<divide_by_scale>)
        refuse(who + ": QuantizeLinear divides by the scale; expected that arithmetic");
      if (g_.is_input(v.value) && g_.is_output(v.value)) refuse(who + ": is both input and output of the network");
      if (!is_per_tensor_or_axis(v.encoding.quantizer.granularity))
        refuse(who + ": scales for groups, blocks or tokens; expected one, or one for each index of an axis");
      if (v.encoding.quantizer.granularity.is<per_tensor>() && v.encoding.parameters.count() != 1)
        refuse(who + ": " + std::to_string(v.encoding.parameters.count()) + " scales; expected one",
               errc::parameter_count);
    }
    if (!map.emplace(v.value, &v).second) refuse(who + ": is given twice", errc::malformed);
  }

  // ---- names

  std::string unused(const std::string& wish) { return names_.unused(wish); }
  // What the file calls a value.
  const std::string& name_of(model::value_id id) const {
    const auto found = renamed_.find(id);
    return found == renamed_.end() ? g_.name_of(id) : found->second;
  }
  // What readers of a value read.
  std::string read_name(model::value_id id) const {
    if (id == model::no_value) return "";
    const auto found = reads_.find(id);
    return found == reads_.end() ? name_of(id) : found->second;
  }

  // ---- the original's nodes

  struct source_node {
    data_view bytes;
    model::node_id id = model::no_node;
  };
  void add_source_node(data_view bytes) {
    for_each_field(bytes, [&](std::uint32_t tag, data_view field) {
      if (tag != onnx_schema::node_proto::output) return;
      const std::string name = text_of(field);
      if (name.empty()) return;
      const model::value_id id = source_.find(name);
      source_nodes_.emplace(name, source_node{bytes, source_.producer(id)});
    });
  }
  // The original of a node: the one with its output, or for a layer that took over a batch norm's output the layer that
  // fed the batch norm. Null for a node that the original does not have.
  const source_node* original_of(const model::node& n) const {
    const std::string* name = nullptr;
    for (const model::value_id id : n.outputs)
      if (id != model::no_value && name == nullptr) name = &g_.name_of(id);
    for (int hop = 0; hop < 2 && name != nullptr; ++hop) {
      const auto found = source_nodes_.find(*name);
      if (found == source_nodes_.end()) return nullptr;
      const model::node& candidate = source_.node_at(found->second.id);
      if (candidate.op_type == n.op_type && candidate.domain == n.domain) return &found->second;
      if (!model::is_batch_normalization(candidate) || candidate.inputs.empty() ||
          candidate.inputs[0] == model::no_value)
        return nullptr;
      name = &source_.name_of(candidate.inputs[0]);
    }
    return nullptr;
  }

  // ---- writing messages

  void require_size(std::size_t size) const {
    if (size > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
      refuse("the quantized file would have " + std::to_string(size) +
             " bytes or more; expected less than 2 GiB, which is all protocol buffers allow");
  }
  void add_initializer(const std::string& name, const xquant::shape& shape, std::int32_t type, const void* bytes,
                       std::size_t size) {
    require_size(content_.size_of_initializers() + size);  // before there is memory for it
    content_.add_initializer(name, shape, type, bytes, size);
  }
  void add_initializer(const std::string& name, const model::tensor& t) {
    add_initializer(name, t.shape(), static_cast<std::int32_t>(t.type()), t.bytes(), t.byte_size());
  }

  // A node of our own.
  void add_node(const char* op, const std::string& name, const std::vector<std::string>& inputs,
                const std::string& output, const std::vector<std::pair<const char*, std::int64_t>>& attributes) {
    namespace field = onnx_schema::node_proto;
    std::string message;
    protozero::pbf_writer node(message);
    for (const std::string& input : inputs) node.add_string(field::input, input);
    node.add_string(field::output, output);
    node.add_string(field::name, unused(name + "_" + op));
    node.add_string(field::op_type, op);
    for (const auto& [key, value] : attributes) add_attribute(node, key, value, name);
    content_.add_node(std::move(message), inputs, {output});
  }

  // ---- quantized values

  struct quantizer_names {
    std::string scale;
    std::string zero_point;
  };
  // Scale and zero point as initializers: one of each for QuantizeLinear and DequantizeLinear.
  quantizer_names add_parameters(const std::string& name, const quantized_value& v, const xquant::shape& shape) {
    const onnx_code_type type = onnx_code_type_of(v.encoding.quantizer);
    const std::vector<float>& scale = v.encoding.parameters.scale();
    quantizer_names names{unused(name + "_scale"), unused(name + "_zero_point")};
    add_initializer(names.scale, shape, static_cast<std::int32_t>(model::element_type::float32), scale.data(),
                    scale.size() * sizeof(float));
    std::string zero_points;
    for (const std::int32_t z : v.encoding.parameters.zero_point()) {
      zero_points += static_cast<char>(z & 0xFF);
      if (type.bytes == 2) zero_points += static_cast<char>(z >> 8 & 0xFF);
    }
    add_initializer(names.zero_point, shape, type.number, zero_points.data(), zero_points.size());
    return names;
  }

  // How ONNX says which elements of a weight share a scale.
  onnx_granularity layout_of(const quantized_value& w) const {
    const xquant::shape& shape = g_.constant(w.value)->shape();
    const quantizer_description& q = w.encoding.quantizer;
    onnx_granularity layout;
    if (q.granularity.is<per_tensor>()) return layout;
    if (q.granularity.is<per_axis<>>()) {
      layout.axis = axis_of(q.granularity, shape.rank);
      layout.scale_shape = xquant::shape(w.encoding.parameters.count());
      return layout;
    }
    if (const status bad = to_onnx(q.granularity, shape, layout); !bad.ok())
      refuse("weight '" + g_.name_of(w.value) + "' of shape " + model::to_text(shape) + ": " +
                 model::unprefixed(xquant::error(bad).what()),
             bad.code);
    return layout;
  }

  void write_weight(const quantized_value& w) {
    const std::string& name = name_of(w.value);
    const model::tensor& t = *g_.constant(w.value);
    const onnx_code_type type = onnx_code_type_of(w.encoding.quantizer);
    std::vector<std::byte> codes(t.size() * type.bytes);
    const status s = with_quantizer<file_choices>(w.encoding.quantizer, [&](const auto& q) {
      using code = typename std::decay_t<decltype(q)>::code_type;
      if (sizeof(code) != type.bytes) return fault(errc::not_compiled, "bits", w.encoding.quantizer.bits, "this width");
      return try_quantize(q, w.encoding.parameters, t.view(),
                          tensor_view<code>(reinterpret_cast<code*>(codes.data()), t.shape()));
    });
    if (!s.ok()) refuse("weight '" + name + "': " + model::unprefixed(xquant::error(s).what()), s.code);
    const onnx_granularity layout = layout_of(w);
    const quantizer_names names = add_parameters(name, w, layout.scale_shape);
    const std::string quantized = unused(name + "_quantized");
    add_initializer(quantized, t.shape(), type.number, codes.data(), codes.size());
    std::vector<std::pair<const char*, std::int64_t>> attributes;
    if (layout.scale_shape.rank != 0) attributes.emplace_back("axis", layout.axis);
    if (layout.block_size != 0) attributes.emplace_back("block_size", layout.block_size);
    // An output of the network is what readers of the weight see, as it is for computed values.
    const std::string output = g_.is_output(w.value) ? name : unused(name + "_dequantized");
    add_node("DequantizeLinear", name, {quantized, names.scale, names.zero_point}, output, attributes);
    reads_[w.value] = output;
  }

  // What computes the value writes `raw_name`; what reads it, `read_name`. An output of the network keeps its name for
  // what its user reads.
  std::string raw_name(model::value_id id) {
    const auto found = raw_.find(id);
    return found == raw_.end() ? name_of(id) : found->second;
  }

  void write_activation(const quantized_value& a) {
    const quantizer_description& q = a.encoding.quantizer;
    const std::string& name = name_of(a.value);
    const onnx_code_type type = onnx_code_type_of(q);
    const quantizer_names names = add_parameters(
        name, a, q.granularity.is<per_axis<>>() ? xquant::shape(a.encoding.parameters.count()) : xquant::shape{});
    std::vector<std::pair<const char*, std::int64_t>> attributes;
    if (q.granularity.is<per_axis<>>()) attributes.emplace_back("axis", q.granularity.as<per_axis<>>().axis);
    std::string input = raw_name(a.value);
    if (q.format != id_of<e4m3fn>) input = clipped(input, name, a, type);
    std::vector<std::pair<const char*, std::int64_t>> quantize_attributes = attributes;
    if (q.format == id_of<e4m3fn>) quantize_attributes.emplace_back("saturate", 1);
    const std::string quantized = unused(name + "_quantized");
    const std::string output = g_.is_output(a.value) ? name : unused(name + "_dequantized");
    add_node("QuantizeLinear", name, {input, names.scale, names.zero_point}, quantized, quantize_attributes);
    add_node("DequantizeLinear", name, {quantized, names.scale, names.zero_point}, output, attributes);
    reads_[a.value] = output;
  }

  // QuantizeLinear saturates at the ends of its type. Where the codes end before that (4 bits, narrow symmetric ones),
  // values beyond are moved to the last code first.
  std::string clipped(const std::string& input, const std::string& name, const quantized_value& a,
                      const onnx_code_type& type) {
    code_bounds codes;
    if (const status s = try_code_bounds<file_choices>(a.encoding.quantizer, codes); !s.ok())
      refuse("activation '" + name + "': " + model::unprefixed(xquant::error(s).what()), s.code);
    const auto lower = static_cast<std::int32_t>(codes.lower);
    const auto upper = static_cast<std::int32_t>(codes.upper);
    if (lower == type.lower && upper == type.upper) return input;
    if (a.encoding.quantizer.granularity.is<per_axis<>>())
      refuse("activation '" + name + "': codes " + std::to_string(lower) + " to " + std::to_string(upper) +
             " with a scale for each channel; expected all codes of 8 or 16 bits");
    const float scale = a.encoding.parameters.scale()[0];
    const std::int32_t zero_point = a.encoding.parameters.zero_point()[0];
    const float ends[2] = {static_cast<float>(lower - zero_point) * scale,
                           static_cast<float>(upper - zero_point) * scale};
    const std::string end_names[2] = {unused(name + "_lowest"), unused(name + "_highest")};
    for (int i = 0; i < 2; ++i)
      add_initializer(end_names[i], {}, static_cast<std::int32_t>(model::element_type::float32), &ends[i],
                      sizeof(float));
    const std::string output = unused(name + "_clipped");
    add_node("Clip", name, {input, end_names[0], end_names[1]}, output, {});
    return output;
  }

  // ---- biases

  // The name of the layer's bias as int32 and back, or "" where it stays as it is.
  std::string integer_bias(model::node_id id) {
    const auto in = [](const value_map& map) {
      return [&map](model::value_id value) {
        const auto found = map.find(value);
        return found == map.end() ? nullptr : &found->second->encoding;
      };
    };
    std::optional<model::integer_bias> bias;
    try {
      bias = model::integer_bias_of(g_, id, in(weights_), in(activations_));
    } catch (const model::model_error& e) {
      refuse(std::string(e.what()).substr(std::strlen("xquant: ")), e.code());
    }
    if (!bias) return "";
    const std::string& name = name_of(bias->value);
    const xquant::shape& shape = g_.constant(bias->value)->shape();
    const std::string scale_name = unused(name + "_scale");
    add_initializer(scale_name, bias->per_channel ? xquant::shape(bias->scale.size()) : xquant::shape{},
                    static_cast<std::int32_t>(model::element_type::float32), bias->scale.data(),
                    bias->scale.size() * sizeof(float));
    const std::string quantized = unused(name + "_quantized");
    add_initializer(quantized, shape, static_cast<std::int32_t>(model::element_type::int32), bias->codes.data(),
                    bias->codes.size() * sizeof(std::int32_t));
    std::vector<std::pair<const char*, std::int64_t>> attributes;
    if (bias->per_channel) attributes.emplace_back("axis", static_cast<std::int64_t>(shape.rank - 1));
    const std::string output = unused(name + "_dequantized");
    add_node("DequantizeLinear", name, {quantized, scale_name}, output, attributes);
    return output;
  }

  // ---- the network's nodes

  void write_node(model::node_id id) {
    model::node n = g_.node_at(id);
    std::vector<std::string> inputs;
    for (const model::value_id input : n.inputs) inputs.push_back(read_name(input));
    if (options_.integer_biases)
      if (const std::string bias = integer_bias(id); !bias.empty()) inputs[2] = bias;
    std::vector<std::string> outputs;
    for (const model::value_id output : n.outputs) {
      // The name goes to what is read dequantized; a weight's float values then are nobody's.
      if (output != model::no_value && g_.is_output(output) && activations_.count(output) + weights_.count(output) != 0)
        raw_[output] = unused(name_of(output) + "_float");
      outputs.push_back(output == model::no_value ? "" : raw_name(output));
    }
    const opset_change::rewritten changed = opset_.rewrite(g_, n);
    for (const opset_change::new_input& added : changed.inputs) {
      inputs.resize(added.position + 1);
      inputs[added.position] = unused(inputs[0] + added.suffix);
      add_initializer(inputs[added.position], added.value);
    }
    std::string whole;    // the output's name, and
    std::string extents;  // its shape, where the node works on a matrix
    if (changed.flatten) {
      whole = outputs[0];
      extents = unused(whole + "_shape");
      const std::string flat = unused(whole + "_input_matrix");
      outputs[0] = unused(whole + "_matrix");
      add_node("Shape", whole, {inputs[0]}, extents, {});
      add_node("Flatten", whole, {inputs[0]}, flat, {{"axis", *changed.flatten}});
      inputs[0] = flat;
    }
    append_node(n, inputs, outputs);
    if (changed.flatten) add_node("Reshape", whole, {outputs[0], extents}, whole, {});
    for (const model::value_id output : n.outputs)
      if (output != model::no_value && activations_.count(output) != 0) write_activation(*activations_.at(output));
  }

  void append_node(const model::node& n, const std::vector<std::string>& inputs,
                   const std::vector<std::string>& outputs) {
    namespace field = onnx_schema::node_proto;
    const source_node* original = original_of(n);
    std::string message;
    protozero::pbf_writer writer(message);
    bool keep_attributes = false;
    if (original == nullptr) {
      if (!n.name.empty()) writer.add_string(field::name, n.name);
      writer.add_string(field::op_type, n.op_type);
      if (!n.domain.empty()) writer.add_string(field::domain, n.domain);
    } else {
      keep_attributes = same_attributes(n, source_.node_at(original->id)) && !has_external_tensor(original->bytes);
      std::vector<std::string> old_inputs;
      std::vector<std::string> old_outputs;
      for_each_field(original->bytes, [&](std::uint32_t tag, data_view bytes) {
        if (tag == field::input)
          old_inputs.push_back(text_of(bytes));
        else if (tag == field::output)
          old_outputs.push_back(text_of(bytes));
        else if (tag != field::attribute || keep_attributes)
          append(message, bytes);
      });
      if (keep_attributes && old_inputs == inputs && old_outputs == outputs) {
        content_.add_node({original->bytes.data(), original->bytes.size()}, inputs, outputs);
        return;
      }
    }
    std::string head;
    protozero::pbf_writer names(head);
    for (const std::string& input : inputs) names.add_string(field::input, input);
    for (const std::string& output : outputs) names.add_string(field::output, output);
    if (!keep_attributes)
      for (const auto& [name, value] : n.attributes) add_attribute(writer, name, value, g_.describe(n));
    content_.add_node(head + message, inputs, outputs);
  }

  // ---- putting it together

  // What is read from outside: outputs, what subgraphs read, and what nobody read in the file either.
  std::unordered_set<std::string> wanted() const {
    std::unordered_set<std::string> result = names_.read_in_subgraphs();
    for (const model::value_id id : g_.outputs()) result.insert(name_of(id));
    for (const model::node& n : source_.nodes()) {
      bool unread = true;
      for (const model::value_id id : n.outputs)
        unread = unread && (id == model::no_value || (source_.consumers(id).empty() && !source_.is_output(id)));
      for (const model::value_id id : n.outputs)
        if (unread && id != model::no_value) result.insert(source_.name_of(id));
    }
    return result;
  }

  // Whether the original's initializer is needed: it is read, or nobody read it in the first place.
  bool keeps(const std::string& name) const {
    const model::value_id id = source_.find(name);
    if (content_.is_computed(name)) return false;
    if (content_.is_read(name) || id == model::no_value) return true;
    const model::value_id now = g_.find(name);
    if (now == model::no_value || g_.initializer(now) == nullptr) return false;
    return source_.is_output(id) || source_.consumers(id).empty();
  }

  std::string assemble_graph() {
    namespace field = onnx_schema::graph_proto;
    std::string result;
    bool nodes_written = false;
    std::unordered_set<std::string> written;
    for_each_field(graph_, [&](std::uint32_t tag, data_view bytes) {
      switch (tag) {
        case field::node:
          if (!nodes_written) result += content_.node_fields();
          nodes_written = true;
          return;
        case field::initializer: {
          const data_view tensor = content_of(bytes);
          const std::string name = text_field(tensor, onnx_schema::tensor_proto::name);
          if (!keeps(name)) return;
          written.insert(name);
          const model::tensor* now = g_.initializer(g_.find(name));
          const model::tensor* before = source_.initializer(source_.find(name));
          if (now == nullptr || before == nullptr || (!is_external(tensor) && same_bytes(*now, *before))) break;
          add_initializer(name, *now);
          return;
        }
        case field::input: {
          const std::string name = text_field(content_of(bytes), onnx_schema::value_info_proto::name);
          if (source_.initializer(source_.find(name)) != nullptr && !keeps(name)) return;
          break;
        }
        case field::value_info: {
          const std::string name = text_field(content_of(bytes), onnx_schema::value_info_proto::name);
          const model::value_id id = source_.find(name);
          const bool was_there =
              id != model::no_value && (source_.producer(id) != model::no_node || source_.initializer(id) != nullptr);
          if (was_there && !content_.is_computed(name) && (source_.initializer(id) == nullptr || !keeps(name))) return;
          break;
        }
        default: break;
      }
      append(result, bytes);
    });
    if (!nodes_written) result += content_.node_fields();
    for (const auto& [id, t] : g_.initializers()) {
      const std::string& name = name_of(id);
      if (written.count(name) == 0 && content_.is_read(name) && !content_.is_computed(name)) add_initializer(name, t);
    }
    return result + content_.initializer_fields();
  }

  std::string assemble_model() {
    namespace field = onnx_schema::model_proto;
    const std::string graph = assemble_graph();
    std::int64_t ir_version = 0;
    for_each_field(original_, [&](std::uint32_t tag, data_view bytes) {
      if (tag != field::ir_version) return;
      protozero::pbf_reader reader(bytes);
      reader.next();
      ir_version = reader.get_int64();
    });
    std::string result;
    protozero::pbf_writer writer(result);
    for_each_field(original_, [&](std::uint32_t tag, data_view bytes) {
      if (tag == field::ir_version && opset_.ir_version(ir_version) != ir_version) {
        writer.add_int64(field::ir_version, opset_.ir_version(ir_version));
      } else if (tag == field::graph) {
        writer.add_message(field::graph, graph);
      } else if (tag == field::opset_import && opset_.raised()) {
        const std::string domain = text_field(content_of(bytes), onnx_schema::operator_set_id::domain);
        if (!domain.empty() && domain != "ai.onnx") {
          append(result, bytes);
          return;
        }
        protozero::pbf_writer opset(writer, field::opset_import);
        opset.add_string(onnx_schema::operator_set_id::domain, domain);
        opset.add_int64(onnx_schema::operator_set_id::version, opset_.version());
      } else {
        append(result, bytes);
      }
    });
    return result;
  }

  data_view original_;
  data_view graph_;
  model::graph source_;
  const model::graph& g_;
  const onnx_writer_options& options_;
  const std::string& where_;
  opset_change opset_;
  value_map weights_;
  value_map activations_;
  std::unordered_map<std::string, source_node> source_nodes_;  // by output
  onnx_names names_;
  onnx_content content_;
  std::unordered_map<model::value_id, std::string> renamed_;  // values the file does not have, whose name it has
  std::unordered_map<model::value_id, std::string> reads_;
  std::unordered_map<model::value_id, std::string> raw_;
};

}  // namespace detail

/// The bytes of an ONNX file that computes what the quantized network computes, made from the bytes of the file the
/// network was read from; `where` names that file in messages. See docs of ONNX QuantizeLinear, opsets 13 to 21.
///   - Activations: QuantizeLinear, DequantizeLinear before everything that reads the value, sharing one scale and one
///     zero point of the code's type. An output of the network keeps its name after them. Codes that do not fill 8 or
///     16 bits are kept by a Clip before.
///   - Weights: codes (int8 for up to 8 bits, int16, float8e4m3fn ...) and DequantizeLinear, with the axis of the
///     channels, or with axis and block_size (to_onnx, granularity/onnx_convention.hpp). A weight that is an output of
///     the network is written rounded there too.
///   - Biases on request: int32 with scale input * weight (onnx_writer_options), one for each layer that reads it.
///   - Opset and IR version are raised to what is written needs (float8: 19 and 9; 16 bits and block_size: 21 and 10)
///     and no further; reductions, Squeeze, Unsqueeze, Split, Softmax and others then say the same in the newer opset's
///     words.
///   - Layers that took in a batch norm are written with their new weight and bias. Constants and nodes that nobody
///     reads any more are left out. All other fields of the file, known or not, are copied as they lie.
///   - Nodes, values and constants that are added have names that nothing has in the file, its subgraphs and functions.
///   - Tensors of external files (onnx_writer_options::folder) become part of the file.
/// Throws io_error: malformed for bytes that are no ONNX model; unsupported for a quantizer QuantizeLinear does not
/// have (another rounding or arithmetic of activations, activations with scales for groups or tokens, weights that
/// share scales along two axes), an operator that the raised opset changed, a subgraph in such a file, or a result
/// beyond 2 GiB; value_out_of_range, scale_out_of_range for an int32 bias that overflows with the parameters given
/// (those of a simulation are fitted: model/bias_scale.hpp); parameter faults of quantize.
inline std::vector<std::byte> quantized_onnx(std::span<const std::byte> original, const quantized_network& network,
                                             const onnx_writer_options& options = {},
                                             const std::string& where = "ONNX model") {
  if (network.network == nullptr) throw io_error(errc::null_pointer, where + ": no network to write");
  try {
    return detail::onnx_writer({reinterpret_cast<const char*>(original.data()), original.size()}, network, options,
                               where)
        .write();
  } catch (const protozero::exception& e) {
    throw io_error(errc::malformed, where + ": not a readable protocol buffer, or cut short (" + e.what() + ")");
  }
}

/// Writes (replaces) the quantized form of the ONNX file `original` to `path`, in one step (write_file). Errors as
/// quantized_onnx, and input_output when a file cannot be read or written.
inline void write_quantized_onnx(const std::string& path, const std::string& original, const quantized_network& network,
                                 const onnx_writer_options& options = {}) {
  onnx_writer_options from_here = options;
  if (from_here.folder.empty()) from_here.folder = folder_of(original);
  write_file(path, quantized_onnx(read_file(original), network, from_here, original));
}

}  // namespace xquant::io
