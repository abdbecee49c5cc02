// A quantized network as an ONNX file: the bytes of the original, with QuantizeLinear and DequantizeLinear where the
// network is quantized. What needs no change is copied byte for byte, whether this library knows its meaning or not.
#pragma once

#include <xquant/exception.hpp>
#include <xquant/io/error.hpp>
#include <xquant/io/file.hpp>
#include <xquant/io/onnx_opset.hpp>
#include <xquant/io/onnx_reader.hpp>
#include <xquant/io/onnx_schema.hpp>
#include <xquant/model/error.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/integer_bias.hpp>
#include <xquant/model/tensor.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>
#include <xquant/runtime.hpp>

#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>
#include <protozero/types.hpp>

#include <algorithm>
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
#include <variant>
#include <vector>

namespace xquant::inline XQUANT_ABI::io {

/// A value of the network, and how it is quantized.
struct quantized_value {
  model::value_id value = model::no_value;
  quantizer_description quantizer;
  xquant::parameters parameters;
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

using onnx_choices = runtime_choices<type_list<stored_integer<std::int8_t>, stored_integer<std::uint8_t>,
                                               stored_integer<std::int16_t>, stored_integer<std::uint16_t>, e4m3fn>>;

// Calls f(tag, the bytes of the field with its key) for each field of a message.
template <class F>
void for_each_field(data_view message, const F& f) {
  protozero::pbf_reader reader(message);
  for (;;) {
    const char* begin = reader.data().data();
    if (!reader.next()) return;
    const std::uint32_t tag = reader.tag();  // protozero forgets it when the field is skipped
    reader.skip();
    f(tag, data_view(begin, static_cast<std::size_t>(reader.data().data() - begin)));
  }
}
// The content of a length-delimited field.
inline data_view content_of(data_view field) {
  protozero::pbf_reader reader(field);
  reader.next();
  return reader.get_view();
}
inline std::string text_of(data_view field) {
  const data_view view = content_of(field);
  return {view.data(), view.size()};
}
// The text in field `wanted` of a message; "" when there is none.
inline std::string text_field(data_view message, std::uint32_t wanted) {
  std::string text;
  for_each_field(message, [&](std::uint32_t tag, data_view field) {
    if (tag == wanted) text = text_of(field);
  });
  return text;
}
inline void append(std::string& to, data_view bytes) { to.append(bytes.data(), bytes.size()); }

inline bool same_bytes(const model::tensor& a, const model::tensor& b) {
  return a.type() == b.type() && a.shape() == b.shape() &&
         (a.byte_size() == 0 || std::memcmp(a.bytes(), b.bytes(), a.byte_size()) == 0);
}

inline bool same_attribute(const model::attribute& a, const model::attribute& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, model::unsupported_attribute>)
          return true;
        else if constexpr (std::is_same_v<T, model::tensor>)
          return same_bytes(v, std::get<T>(b));
        else
          return v == std::get<T>(b);
      },
      a);
}
inline bool same_attributes(const model::node& a, const model::node& b) {
  if (a.attributes.size() != b.attributes.size()) return false;
  for (const auto& [name, value] : a.attributes) {
    const auto other = b.attributes.find(name);
    if (other == b.attributes.end() || !same_attribute(value, other->second)) return false;
  }
  return true;
}

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
    for (const model::value_info& v : source_.values()) names_.insert(v.name);
    for (const model::value_info& v : g_.values()) names_.insert(v.name);
    for_each_field(original_, [&](std::uint32_t tag, data_view field) {
      if (tag == onnx_schema::model_proto::graph) graph_ = content_of(field);
    });
    for_each_field(graph_, [&](std::uint32_t tag, data_view field) {
      if (tag == onnx_schema::graph_proto::node) add_source_node(content_of(field));
    });
    for (const quantized_value& w : network.weights) add(weights_, w, "weight");
    for (const quantized_value& a : network.activations) add(activations_, a, "activation");
    for (const value_map* map : {&weights_, &activations_})
      for (const auto& [id, v] : *map) opset_.require(v->quantizer);
    opset_.check(g_);
  }

  std::vector<std::byte> write() {
    find_dead_nodes();
    for (const auto& [id, w] : weights_) write_weight(*w);
    for (const model::value_id id : g_.inputs())
      if (activations_.count(id) != 0) write_activation(*activations_.at(id));
    for (model::node_id i = 0; i < g_.nodes().size(); ++i)
      if (!dead_[i]) write_node(i);
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
    if (onnx_code_type_of(v.quantizer).number == 0) refuse(who + ": QuantizeLinear has no such format");
    if (v.parameters.count() == 0) refuse(who + ": no parameters", errc::parameter_count);
    const model::tensor* constant = g_.constant(v.value);
    if ((constant != nullptr) != (&map == &weights_))
      refuse(who + (constant != nullptr ? ": is a constant" : ": is no constant"), errc::malformed);
    if (&map == &activations_) {
      if (v.quantizer.rounding != rounding_id::nearest_even)
        refuse(who + ": QuantizeLinear rounds to nearest even; expected that rounding");
      if (v.quantizer.arithmetic != arithmetic_id::divide_by_scale)
        refuse(who + ": QuantizeLinear divides by the scale; expected that arithmetic");
      if (g_.is_input(v.value) && g_.is_output(v.value)) refuse(who + ": is both input and output of the network");
      if (!v.quantizer.per_axis && v.parameters.count() != 1)
        refuse(who + ": " + std::to_string(v.parameters.count()) + " scales; expected one", errc::parameter_count);
    }
    if (!map.emplace(v.value, &v).second) refuse(who + ": is given twice", errc::malformed);
  }

  // ---- names

  std::string unused(const std::string& wish) {
    std::string name = wish;
    for (std::size_t i = 1; !names_.insert(name).second; ++i) name = wish + "_" + std::to_string(i);
    return name;
  }
  // What readers of a value read.
  std::string read_name(model::value_id id) const {
    if (id == model::no_value) return "";
    const auto found = reads_.find(id);
    return found == reads_.end() ? g_.name_of(id) : found->second;
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
      if (candidate.op_type != "BatchNormalization" || candidate.inputs.empty() ||
          candidate.inputs[0] == model::no_value)
        return nullptr;
      name = &source_.name_of(candidate.inputs[0]);
    }
    return nullptr;
  }

  // A node none of whose results is read any more once weights are read dequantized (a Constant, an Identity of one).
  void find_dead_nodes() {
    dead_.assign(g_.nodes().size(), false);
    for (model::node_id i = g_.nodes().size(); i-- > 0;) {
      bool dead = true;
      for (const model::value_id id : g_.node_at(i).outputs) {
        if (id == model::no_value) continue;
        bool unread = !g_.is_output(id) && !g_.consumers(id).empty();
        if (weights_.count(id) == 0)
          for (const model::node_id reader : g_.consumers(id)) unread = unread && dead_[reader];
        dead = dead && unread;
      }
      dead_[i] = dead;
    }
  }

  // ---- writing messages

  static void add_tensor(protozero::pbf_writer& to, std::uint32_t field, const std::string& name,
                         const xquant::shape& shape, std::int32_t type, const void* bytes, std::size_t size) {
    namespace tensor = onnx_schema::tensor_proto;
    protozero::pbf_writer message(to, field);
    std::vector<std::int64_t> dims;
    for (std::size_t d = 0; d < shape.rank; ++d) dims.push_back(static_cast<std::int64_t>(shape[d]));
    message.add_packed_int64(tensor::dims, dims.begin(), dims.end());
    message.add_int32(tensor::data_type, type);
    if (!name.empty()) message.add_string(tensor::name, name);
    message.add_bytes(tensor::raw_data, static_cast<const char*>(bytes), size);
  }
  void require_size(std::size_t size) const {
    if (size > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
      refuse("the quantized file would have " + std::to_string(size) +
             " bytes or more; expected less than 2 GiB, which is all protocol buffers allow");
  }
  void add_initializer(const std::string& name, const xquant::shape& shape, std::int32_t type, const void* bytes,
                       std::size_t size) {
    require_size(initializers_.size() + size);  // before there is memory for it
    protozero::pbf_writer writer(initializers_);
    add_tensor(writer, onnx_schema::graph_proto::initializer, name, shape, type, bytes, size);
  }
  void add_initializer(const std::string& name, const model::tensor& t) {
    add_initializer(name, t.shape(), static_cast<std::int32_t>(t.type()), t.bytes(), t.byte_size());
  }

  static void add_attribute(protozero::pbf_writer& node, const std::string& name, const model::attribute& value,
                            const std::string& who) {
    namespace field = onnx_schema::attribute_proto;
    protozero::pbf_writer message(node, onnx_schema::node_proto::attribute);
    message.add_string(field::name, name);
    std::int64_t type = field::type_undefined;
    if (const auto* f = std::get_if<float>(&value)) {
      message.add_float(field::f, *f);
      type = field::type_float;
    } else if (const auto* i = std::get_if<std::int64_t>(&value)) {
      message.add_int64(field::i, *i);
      type = field::type_int;
    } else if (const auto* s = std::get_if<std::string>(&value)) {
      message.add_bytes(field::s, *s);
      type = field::type_string;
    } else if (const auto* t = std::get_if<model::tensor>(&value)) {
      add_tensor(message, field::t, "", t->shape(), static_cast<std::int32_t>(t->type()), t->bytes(), t->byte_size());
      type = field::type_tensor;
    } else if (const auto* floats = std::get_if<std::vector<float>>(&value)) {
      for (const float v : *floats) message.add_float(field::floats, v);
      type = field::type_floats;
    } else if (const auto* ints = std::get_if<std::vector<std::int64_t>>(&value)) {
      for (const std::int64_t v : *ints) message.add_int64(field::ints, v);
      type = field::type_ints;
    } else if (const auto* strings = std::get_if<std::vector<std::string>>(&value)) {
      for (const std::string& v : *strings) message.add_bytes(field::strings, v);
      type = field::type_strings;
    } else {
      throw io_error(errc::unsupported, who + ": attribute '" + name + "' is " +
                                            std::get<model::unsupported_attribute>(value).kind +
                                            ", which cannot be written anew");
    }
    message.add_int32(field::type, static_cast<std::int32_t>(type));
  }

  // A node of our own.
  void add_node(const char* op, const std::string& name, const std::vector<std::string>& inputs,
                const std::string& output, const std::vector<std::pair<const char*, std::int64_t>>& attributes) {
    namespace field = onnx_schema::node_proto;
    for (const std::string& input : inputs) used_.insert(input);
    protozero::pbf_writer graph(nodes_);
    protozero::pbf_writer node(graph, onnx_schema::graph_proto::node);
    for (const std::string& input : inputs) node.add_string(field::input, input);
    node.add_string(field::output, output);
    node.add_string(field::name, unused(name + "_" + op));
    node.add_string(field::op_type, op);
    for (const auto& [key, value] : attributes) add_attribute(node, key, value, name);
    produced_.insert(output);
  }

  // ---- quantized values

  struct quantizer_names {
    std::string scale;
    std::string zero_point;
  };
  // Scale and zero point as initializers: one of each for QuantizeLinear and DequantizeLinear.
  quantizer_names add_parameters(const std::string& name, const quantized_value& v) {
    const onnx_code_type type = onnx_code_type_of(v.quantizer);
    const std::vector<float>& scale = v.parameters.scale();
    const xquant::shape shape = v.quantizer.per_axis ? xquant::shape(scale.size()) : xquant::shape{};
    quantizer_names names{unused(name + "_scale"), unused(name + "_zero_point")};
    add_initializer(names.scale, shape, static_cast<std::int32_t>(model::element_type::float32), scale.data(),
                    scale.size() * sizeof(float));
    std::string zero_points;
    for (const std::int32_t z : v.parameters.zero_point()) {
      zero_points += static_cast<char>(z & 0xFF);
      if (type.bytes == 2) zero_points += static_cast<char>(z >> 8 & 0xFF);
    }
    add_initializer(names.zero_point, shape, type.number, zero_points.data(), zero_points.size());
    return names;
  }

  void write_weight(const quantized_value& w) {
    const std::string& name = g_.name_of(w.value);
    const model::tensor& t = *g_.constant(w.value);
    const onnx_code_type type = onnx_code_type_of(w.quantizer);
    std::vector<std::byte> codes(t.size() * type.bytes);
    const status s = with_quantizer<onnx_choices>(w.quantizer, [&](const auto& q) {
      using code = typename std::decay_t<decltype(q)>::code_type;
      if (sizeof(code) != type.bytes) return fault(errc::not_compiled, "bits", w.quantizer.bits, "a known width");
      return try_quantize(q, w.parameters, t.view(),
                          tensor_view<code>(reinterpret_cast<code*>(codes.data()), t.shape()));
    });
    if (!s.ok()) refuse("weight '" + name + "': " + xquant::error(s).what(), s.code);
    const quantizer_names names = add_parameters(name, w);
    const std::string quantized = unused(name + "_quantized");
    add_initializer(quantized, t.shape(), type.number, codes.data(), codes.size());
    std::vector<std::pair<const char*, std::int64_t>> attributes;
    if (w.quantizer.per_axis) {
      const std::ptrdiff_t axis = w.quantizer.axis;
      attributes.emplace_back("axis", axis < 0 ? axis + static_cast<std::ptrdiff_t>(t.shape().rank) : axis);
    }
    const std::string output = unused(name + "_dequantized");
    add_node("DequantizeLinear", name, {quantized, names.scale, names.zero_point}, output, attributes);
    reads_[w.value] = output;
  }

  // What computes the value writes `raw_name`; what reads it, `read_name`. An output of the network keeps its name for
  // what its user reads.
  std::string raw_name(model::value_id id) {
    const auto found = raw_.find(id);
    return found == raw_.end() ? g_.name_of(id) : found->second;
  }

  void write_activation(const quantized_value& a) {
    const quantizer_description& q = a.quantizer;
    const std::string& name = g_.name_of(a.value);
    const onnx_code_type type = onnx_code_type_of(q);
    const quantizer_names names = add_parameters(name, a);
    std::vector<std::pair<const char*, std::int64_t>> attributes;
    if (q.per_axis) attributes.emplace_back("axis", q.axis);
    std::string input = raw_name(a.value);
    if (q.format != format_id::float8e4m3fn) input = clipped(input, name, a, type);
    std::vector<std::pair<const char*, std::int64_t>> quantize_attributes = attributes;
    if (q.format == format_id::float8e4m3fn) quantize_attributes.emplace_back("saturate", 1);
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
    std::int32_t lower = 0;
    std::int32_t upper = 0;
    const status s = with_quantizer<onnx_choices>(a.quantizer, [&](const auto& q) {
      if constexpr (std::decay_t<decltype(q.format)>::is_integer) {
        lower = q.lower_code();
        upper = q.upper_code();
      }
      return status{};
    });
    if (!s.ok()) refuse("activation '" + name + "': " + xquant::error(s).what(), s.code);
    if (lower == type.lower && upper == type.upper) return input;
    if (a.quantizer.per_axis)
      refuse("activation '" + name + "': codes " + std::to_string(lower) + " to " + std::to_string(upper) +
             " with a scale for each channel; expected all codes of 8 or 16 bits");
    const float scale = a.parameters.scale()[0];
    const std::int32_t zero_point = a.parameters.zero_point()[0];
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
        return found == map.end() ? model::quantized_by{}
                                  : model::quantized_by{&found->second->quantizer, &found->second->parameters};
      };
    };
    std::optional<model::integer_bias> bias;
    try {
      bias = model::integer_bias_of(g_, id, in(weights_), in(activations_));
    } catch (const model::model_error& e) {
      refuse(std::string(e.what()).substr(std::strlen("xquant: ")), e.code());
    }
    if (!bias) return "";
    const std::string& name = g_.name_of(bias->value);
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
      if (output != model::no_value && activations_.count(output) != 0 && g_.is_output(output))
        raw_[output] = unused(g_.name_of(output) + "_float");
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
    for (const std::string& input : inputs) used_.insert(input);
    for (const std::string& output : outputs) produced_.insert(output);
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
        message.clear();
        append(message, original->bytes);
        protozero::pbf_writer(nodes_).add_message(onnx_schema::graph_proto::node, message);
        return;
      }
    }
    std::string head;
    protozero::pbf_writer names(head);
    for (const std::string& input : inputs) names.add_string(field::input, input);
    for (const std::string& output : outputs) names.add_string(field::output, output);
    if (!keep_attributes)
      for (const auto& [name, value] : n.attributes) add_attribute(writer, name, value, g_.describe(n));
    protozero::pbf_writer(nodes_).add_message(onnx_schema::graph_proto::node, head + message);
  }

  // ---- putting it together

  // Whether the original's initializer is needed: it is read, or nobody read it in the first place.
  bool keeps(const std::string& name) const {
    const model::value_id id = source_.find(name);
    if (used_.count(name) != 0 || id == model::no_value) return true;
    const model::value_id now = g_.find(name);
    if (now == model::no_value || g_.initializer(now) == nullptr) return false;
    return source_.is_output(id) || source_.consumers(id).empty();
  }

  static bool is_external(data_view tensor) {
    bool external = false;
    for_each_field(tensor, [&](std::uint32_t tag, data_view field) {
      external = external || tag == onnx_schema::tensor_proto::external_data;
      if (tag == onnx_schema::tensor_proto::data_location) {
        protozero::pbf_reader reader(field);
        reader.next();
        external = external || reader.get_int64() != 0;
      }
    });
    return external;
  }

  static bool has_external_tensor(data_view node) {
    bool external = false;
    for_each_field(node, [&](std::uint32_t tag, data_view attribute) {
      if (tag != onnx_schema::node_proto::attribute) return;
      for_each_field(content_of(attribute), [&](std::uint32_t kind, data_view field) {
        external = external || (kind == onnx_schema::attribute_proto::t && is_external(content_of(field)));
      });
    });
    return external;
  }

  std::string assemble_graph() {
    namespace field = onnx_schema::graph_proto;
    std::string result;
    bool nodes_written = false;
    std::unordered_set<std::string> written;
    for_each_field(graph_, [&](std::uint32_t tag, data_view bytes) {
      switch (tag) {
        case field::node:
          if (!nodes_written) result += nodes_;
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
          if (was_there && produced_.count(name) == 0 && (source_.initializer(id) == nullptr || !keeps(name))) return;
          break;
        }
        default: break;
      }
      append(result, bytes);
    });
    if (!nodes_written) result += nodes_;
    for (const auto& [id, t] : g_.initializers()) {
      const std::string& name = g_.name_of(id);
      if (written.count(name) == 0 && (used_.count(name) != 0 || g_.is_output(id))) add_initializer(name, t);
    }
    return result + initializers_;
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
  std::unordered_set<std::string> names_;                      // taken, by values and nodes of ours
  std::unordered_set<std::string> used_;                       // read by a node that was written
  std::unordered_set<std::string> produced_;                   // computed by a node that was written
  std::unordered_map<model::value_id, std::string> reads_;
  std::unordered_map<model::value_id, std::string> raw_;
  std::vector<bool> dead_;
  std::string nodes_;         // GraphProto.node fields
  std::string initializers_;  // GraphProto.initializer fields that are new
};

}  // namespace detail

/// The bytes of an ONNX file that computes what the quantized network computes, made from the bytes of the file the
/// network was read from; `where` names that file in messages. See docs of ONNX QuantizeLinear, opsets 13 to 21.
///   - Activations: QuantizeLinear, DequantizeLinear before everything that reads the value, sharing one scale and one
///     zero point of the code's type. An output of the network keeps its name after them. Codes that do not fill 8 or
///     16 bits are kept by a Clip before.
///   - Weights: codes (int8 for up to 8 bits, int16, float8e4m3fn ...) and DequantizeLinear, with the axis of the
///   channels.
///   - Biases on request: int32 with scale input * weight (onnx_writer_options).
///   - Opset and IR version are raised to what the code types need (float8: 19 and 9; 16 bits: 21 and 10) and no
///   further;
///     reductions, Squeeze, Unsqueeze, Split, Softmax and others then say the same in the newer opset's words.
///   - Layers that took in a batch norm are written with their new weight and bias, constants nobody reads any more are
///     left out. All other fields of the file, known or not, are copied as they lie.
///   - Tensors of external files (onnx_writer_options::folder) become part of the file.
/// Throws io_error: malformed for bytes that are no ONNX model; unsupported for a quantizer QuantizeLinear does not
/// have (another rounding or arithmetic of activations), an operator that the raised opset changed, a subgraph in such
/// a file, or a result beyond 2 GiB; value_out_of_range, scale_out_of_range for an int32 bias that overflows; parameter
/// faults of quantize.
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
