// ONNX files to model::graph, through protozero: no libonnx, no generated code. Made for bytes nobody vouches for: a
// length is believed only after the bytes behind it have been seen.
#pragma once

#include <xquant/io/error.hpp>
#include <xquant/io/external_data.hpp>
#include <xquant/io/file.hpp>
#include <xquant/io/onnx_schema.hpp>
#include <xquant/model/graph.hpp>

#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>
#include <protozero/types.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::io {

/// Opsets of the default domain that are accepted.
inline constexpr std::int64_t oldest_opset = 11;
inline constexpr std::int64_t newest_opset = 21;

namespace detail {

using protozero::data_view;
using protozero::pbf_wire_type;

// A message whose fields are read only under the wire type they were written with.
class onnx_message {
 public:
  onnx_message(data_view bytes, std::string what) : reader_(bytes), what_(std::move(what)) {}

  bool next() { return reader_.next(); }
  [[nodiscard]] std::uint32_t tag() const { return reader_.tag(); }
  void skip() { reader_.skip(); }

  [[noreturn]] void fail(const std::string& problem) const { throw io_error(errc::malformed, what_ + ": " + problem); }
  [[nodiscard]] const std::string& what() const noexcept { return what_; }

  std::int64_t integer() {
    expect(pbf_wire_type::varint);
    return reader_.get_int64();
  }
  float number() {
    expect(pbf_wire_type::fixed32);
    return reader_.get_float();
  }
  data_view bytes() {
    expect(pbf_wire_type::length_delimited);
    return reader_.get_view();
  }
  std::string text() {
    const data_view view = bytes();
    return {view.data(), view.size()};
  }
  // Repeated numbers, packed or one by one.
  void append_integers(std::vector<std::int64_t>& into) {
    if (reader_.has_wire_type(pbf_wire_type::length_delimited))
      for (const std::int64_t v : reader_.get_packed_int64()) into.push_back(v);
    else
      into.push_back(integer());
  }
  void append_floats(std::vector<float>& into) {
    if (reader_.has_wire_type(pbf_wire_type::length_delimited))
      for (const float v : reader_.get_packed_float()) into.push_back(v);
    else
      into.push_back(number());
  }
  void append_doubles(std::vector<double>& into) {
    if (reader_.has_wire_type(pbf_wire_type::length_delimited)) {
      for (const double v : reader_.get_packed_double()) into.push_back(v);
    } else {
      expect(pbf_wire_type::fixed64);
      into.push_back(reader_.get_double());
    }
  }

 private:
  void expect(pbf_wire_type wanted) const {
    if (!reader_.has_wire_type(wanted))
      fail("field " + std::to_string(reader_.tag()) + " has wire type " +
           std::to_string(static_cast<std::uint32_t>(reader_.wire_type())) + "; expected " +
           std::to_string(static_cast<std::uint32_t>(wanted)));
  }

  protozero::pbf_reader reader_;
  std::string what_;
};

// For messages.
inline std::string quoted(const std::string& name) { return model::in_quotes(name); }

// A TensorProto as it lies in the file: what data there is, not yet whether it fits.
class onnx_tensor {
 public:
  onnx_tensor(data_view bytes, const std::string& where) {
    namespace field = onnx_schema::tensor_proto;
    onnx_message message(bytes, where);
    while (message.next()) switch (message.tag()) {
        case field::dims:
          message.append_integers(dims_);
          if (dims_.size() > max_rank) message.fail("tensor with more than 8 dimensions");
          break;
        case field::data_type: type_ = message.integer(); break;
        case field::float_data: message.append_floats(floats_); break;
        case field::int32_data:
        case field::int64_data:
        case field::uint64_data: message.append_integers(integers_); break;
        case field::double_data: message.append_doubles(doubles_); break;
        case field::raw_data:
          raw_ = message.bytes();
          has_raw_ = true;
          break;
        case field::name: name = message.text(); break;
        case field::string_data: refuse(where, "strings"); break;
        case field::segment: refuse(where, "a segment of a larger tensor"); break;
        case field::external_data: read_entry(message.bytes(), where); break;
        case field::data_location: location_ = message.integer(); break;
        default: message.skip();
      }
    where_ = where + (name.empty() ? "" : " " + detail::quoted(name));
    if (location_ != field::location_default && location_ != field::location_external)
      fail("data location " + std::to_string(location_) + "; expected 0 or 1");
    if ((location_ == field::location_external) != external_.has_value())
      fail(external_ ? "names an external file, but its data location is not external"
                     : "its data location is external, but it names no file");
  }

  std::string name;

  [[nodiscard]] model::tensor build(external_files& files) const {
    using model::element_type;
    const element_type type = element_type_from(type_);
    if (model::size_of(type) == 0)
      throw io_error(errc::unsupported,
                     where_ + ": element type " + model::element_type_name(type_) + model::float32_only(type_));
    shape s;
    for (const std::int64_t extent : dims_) {
      if (extent < 0) fail("extent " + std::to_string(extent) + "; expected 0 or more");
      s[s.rank++] = static_cast<std::size_t>(extent);
    }
    if (const status bad = s.valid(); !bad.ok()) fail("shape " + model::to_text(s) + " is too large");
    const std::size_t count = s.size();
    const std::size_t given = (has_raw_ ? 1u : 0u) + (floats_.empty() ? 0u : 1u) + (integers_.empty() ? 0u : 1u) +
                              (doubles_.empty() ? 0u : 1u) + (external_ ? 1u : 0u);
    if (given > 1) fail("data in more than one field");
    if (external_) return files.load(*external_, type, s, where_);
    if (has_raw_) {
      if (raw_.size() != count * model::size_of(type))
        fail(std::to_string(raw_.size()) + " bytes of raw data; expected " +
             std::to_string(count * model::size_of(type)) + " for " + model::to_text(s) + " of " +
             model::name_of(type));
      model::tensor t(type, s);
      if (raw_.size() != 0) std::memcpy(t.mutable_bytes(), raw_.data(), raw_.size());
      return t;
    }
    switch (type) {
      case element_type::float32: return from(floats_, s, count);
      case element_type::float64: return from(doubles_, s, count);
      case element_type::int64: return from(integers_, s, count);
      case element_type::int32: return narrow<std::int32_t>(type, s, count);
      case element_type::uint8: return narrow<std::uint8_t>(type, s, count);
      case element_type::int8: return narrow<std::int8_t>(type, s, count);
      case element_type::uint16: return narrow<std::uint16_t>(type, s, count);
      case element_type::int16: return narrow<std::int16_t>(type, s, count);
      case element_type::float16: return narrow<std::uint16_t>(type, s, count);
      case element_type::boolean: return narrow<std::uint8_t>(type, s, count);
      case element_type::uint32: return narrow<std::uint32_t>(type, s, count);
      default: break;
    }
    check_count(integers_.size(), s, count);
    model::tensor t(type, s);  // uint64: the varint's 64 bits
    if (count != 0) std::memcpy(t.mutable_bytes(), integers_.data(), count * 8);
    return t;
  }

  static model::element_type element_type_from(std::int64_t number) {
    const auto type = static_cast<model::element_type>(
        number > 0 && number <= static_cast<std::int64_t>(model::element_type::uint64) ? number : 0);
    return model::size_of(type) == 0 ? model::element_type::undefined : type;
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const { throw io_error(errc::malformed, where_ + ": " + problem); }
  [[noreturn]] void refuse(const std::string& where, const std::string& what) const {
    throw io_error(errc::unsupported, where + (name.empty() ? "" : " " + detail::quoted(name)) + ": " + what);
  }
  void read_entry(data_view bytes, const std::string& where) {
    namespace field = onnx_schema::string_string_entry;
    onnx_message message(bytes, where + ": external data");
    std::string key;
    std::string value;
    while (message.next()) switch (message.tag()) {
        case field::key: key = message.text(); break;
        case field::value: value = message.text(); break;
        default: message.skip();
      }
    if (!external_) external_.emplace();
    std::string* known = key == "location" ? &external_->file
                         : key == "offset" ? &external_->offset
                         : key == "length" ? &external_->length
                                           : nullptr;  // a checksum, what a runtime adds
    if (known == nullptr) return;
    if (!known->empty()) message.fail("'" + key + "' is given twice");
    *known = std::move(value);
  }
  void check_count(std::size_t found, const shape& s, std::size_t count) const {
    if (found != count) fail(std::to_string(found) + " values for shape " + model::to_text(s));
  }
  template <class T>
  model::tensor from(const std::vector<T>& values, const shape& s, std::size_t count) const {
    check_count(values.size(), s, count);
    return model::tensor::of(s, values);
  }
  template <class T>
  model::tensor narrow(model::element_type type, const shape& s, std::size_t count) const {
    check_count(integers_.size(), s, count);
    model::tensor t(type, s);
    auto* out = reinterpret_cast<T*>(t.mutable_bytes());
    for (std::size_t i = 0; i < count; ++i) {
      const std::int64_t v = integers_[i];
      if (v < static_cast<std::int64_t>(std::numeric_limits<T>::min()) ||
          v > static_cast<std::int64_t>(std::numeric_limits<T>::max()))
        fail("value " + std::to_string(v) + " does not fit " + model::name_of(type));
      out[i] = static_cast<T>(v);
    }
    return t;
  }

  std::string where_;
  std::int64_t type_ = 0;
  std::vector<std::int64_t> dims_;
  std::vector<float> floats_;
  std::vector<std::int64_t> integers_;
  std::vector<double> doubles_;
  data_view raw_;
  bool has_raw_ = false;
  std::int64_t location_ = 0;
  std::optional<external_location> external_;
};

class onnx_parser {
 public:
  onnx_parser(data_view bytes, const std::string& where, const std::string& folder = {})
      : where_(where), files_(folder) {
    read_model(bytes);
  }

  model::graph take() { return std::move(graph_); }

 private:
  void read_model(data_view bytes) {
    namespace field = onnx_schema::model_proto;
    onnx_message message(bytes, where_);
    std::optional<data_view> graph;
    std::optional<std::int64_t> opset;
    bool versioned = false;
    while (message.next()) switch (message.tag()) {
        case field::ir_version: versioned = message.integer() > 0; break;
        case field::graph:
          if (graph) message.fail("more than one graph");
          graph = message.bytes();
          break;
        case field::opset_import: read_opset(message.bytes(), opset); break;
        default: message.skip();
      }
    if (!versioned || !graph) message.fail("not an ONNX model (no IR version or no graph), or cut short");
    if (!opset) message.fail("no opset of the default domain, or cut short");
    if (*opset < oldest_opset || *opset > newest_opset)
      throw io_error(errc::unsupported, where_ + ": opset " + std::to_string(*opset) + "; expected " +
                                            std::to_string(oldest_opset) + " to " + std::to_string(newest_opset));
    graph_.set_opset(*opset);
    read_graph(*graph);
    graph_.finish();
  }

  void read_opset(data_view bytes, std::optional<std::int64_t>& opset) {
    namespace field = onnx_schema::operator_set_id;
    onnx_message message(bytes, where_ + ": opset import");
    std::string domain;
    std::int64_t version = 0;
    while (message.next()) switch (message.tag()) {
        case field::domain: domain = message.text(); break;
        case field::version: version = message.integer(); break;
        default: message.skip();
      }
    if (!domain.empty() && domain != "ai.onnx") return;
    if (opset && *opset != version) message.fail("the default domain is imported twice");
    opset = version;
  }

  void read_graph(data_view bytes) {
    namespace field = onnx_schema::graph_proto;
    onnx_message message(bytes, where_ + ": graph");
    std::vector<data_view> nodes;
    std::vector<data_view> initializers;
    std::vector<data_view> inputs;
    std::vector<data_view> outputs;
    std::vector<data_view> infos;
    while (message.next()) switch (message.tag()) {
        case field::node: nodes.push_back(message.bytes()); break;
        case field::name: graph_.set_name(message.text()); break;
        case field::initializer: initializers.push_back(message.bytes()); break;
        case field::input: inputs.push_back(message.bytes()); break;
        case field::output: outputs.push_back(message.bytes()); break;
        case field::value_info: infos.push_back(message.bytes()); break;
        case field::sparse_initializer: throw io_error(errc::unsupported, message.what() + ": sparse initializers");
        default: message.skip();
      }
    for (const data_view view : initializers) read_initializer(view);
    for (const data_view view : inputs) graph_.add_input(read_value(view, "graph input", true));
    graph_.reserve_nodes(std::min(nodes.size(), bytes.size() / 5));  // an operator type alone takes five bytes
    for (const data_view view : nodes) read_node(view);
    for (const data_view view : outputs) graph_.add_output(read_value(view, "graph output", false));
    for (const data_view view : infos) (void)read_value(view, "value info", false);
  }

  void read_initializer(data_view bytes) {
    const onnx_tensor raw(bytes, where_ + ": initializer");
    if (raw.name.empty()) throw io_error(errc::malformed, where_ + ": initializer without a name");
    if (graph_.find(raw.name) != model::no_value)
      throw io_error(errc::malformed, where_ + ": initializer " + detail::quoted(raw.name) + " is defined twice");
    const model::value_id id = graph_.add_value(raw.name);
    graph_.set_initializer(id, raw.build(files_));
  }

  model::value_id read_value(data_view bytes, const char* role, bool strict) {
    namespace field = onnx_schema::value_info_proto;
    onnx_message message(bytes, where_ + ": " + role);
    model::value_info info;
    std::optional<data_view> type;
    while (message.next()) switch (message.tag()) {
        case field::name: info.name = message.text(); break;
        case field::type: type = message.bytes(); break;
        default: message.skip();
      }
    if (info.name.empty()) message.fail("no name");
    if (type) read_type(*type, info, where_ + ": " + role + " " + detail::quoted(info.name), strict);
    const model::value_id known = graph_.find(info.name);
    if (known == model::no_value) return graph_.add_value(std::move(info));
    model::value_info& value = graph_.mutable_value(known);
    if (value.type == model::element_type::undefined) value.type = info.type;
    if (!value.has_shape) {
      value.has_shape = info.has_shape;
      value.dimensions = std::move(info.dimensions);
    }
    return known;
  }

  void read_type(data_view bytes, model::value_info& info, const std::string& what, bool strict) {
    onnx_message message(bytes, what);
    while (message.next()) {
      if (message.tag() != onnx_schema::type_proto::tensor_type) {
        if (strict && message.tag() != 6)  // 6: denotation
          throw io_error(errc::unsupported, what + ": not a tensor (type field " + std::to_string(message.tag()) + ")");
        message.skip();
        continue;
      }
      namespace field = onnx_schema::tensor_type_proto;
      onnx_message tensor(message.bytes(), what);
      while (tensor.next()) switch (tensor.tag()) {
          case field::elem_type: {
            const std::int64_t number = tensor.integer();
            info.type = onnx_tensor::element_type_from(number);
            if (strict && number != 0 && info.type == model::element_type::undefined)
              throw io_error(errc::unsupported,
                             what + ": element type " + model::element_type_name(number) + model::float32_only(number));
            break;
          }
          case field::shape: read_shape(tensor.bytes(), info, what); break;
          default: tensor.skip();
        }
    }
  }

  // Whether a dimension's text is a name, which means the same extent everywhere, and not merely says that the extent
  // is not known: "?", "-1", "None" ... as exporters write for every such dimension.
  static bool is_symbol(const std::string& text) {
    std::string letters;
    for (const char c : text) {
      const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      if ((lower >= 'a' && lower <= 'z') || static_cast<unsigned char>(c) >= 0x80) letters += lower;
    }
    if (letters.size() != text.size()) return !letters.empty();  // "?", "*", "-1", "N+1", "dim_0"
    for (const char* unknown : {"", "none", "null", "nan", "unk", "unknown", "any", "dynamic", "undefined"})
      if (letters == unknown) return false;
    return true;
  }

  void read_shape(data_view bytes, model::value_info& info, const std::string& what) {
    onnx_message message(bytes, what);
    info.has_shape = true;
    info.dimensions.clear();
    while (message.next()) {
      if (message.tag() != onnx_schema::tensor_shape_proto::dim) {
        message.skip();
        continue;
      }
      namespace field = onnx_schema::dimension_proto;
      onnx_message dim(message.bytes(), what);
      model::dimension d;
      while (dim.next()) switch (dim.tag()) {
          case field::dim_value:
            d.extent = dim.integer();
            // Some exporters write -1 for a free extent.
            if (d.extent < -1) dim.fail("extent " + std::to_string(d.extent) + "; expected 0 or more");
            break;
          case field::dim_param: d.symbol = dim.text(); break;
          default: dim.skip();
        }
      if (!is_symbol(d.symbol)) d.symbol.clear();
      if (info.dimensions.size() == max_rank) message.fail("more than 8 dimensions");
      info.dimensions.push_back(std::move(d));
    }
  }

  void read_node(data_view bytes) {
    namespace field = onnx_schema::node_proto;
    onnx_message message(bytes, where_ + ": node");
    model::node n;
    std::vector<std::string> inputs;
    std::vector<std::string> outputs;
    std::vector<data_view> attributes;
    while (message.next()) switch (message.tag()) {
        case field::input: inputs.push_back(message.text()); break;
        case field::output: outputs.push_back(message.text()); break;
        case field::name: n.name = message.text(); break;
        case field::op_type: n.op_type = message.text(); break;
        case field::attribute: attributes.push_back(message.bytes()); break;
        case field::domain: n.domain = message.text(); break;
        default: message.skip();
      }
    if (n.op_type.empty()) message.fail(detail::quoted(n.name) + " has no operator type");
    // Only once all inputs are known to be names of something is the graph complete; finish() sees to that.
    for (const std::string& name : inputs)
      n.inputs.push_back(name.empty() ? model::no_value : graph_.value_named(name));
    for (const std::string& name : outputs)
      n.outputs.push_back(name.empty() ? model::no_value : graph_.value_named(name));
    for (const data_view view : attributes) read_attribute(view, n);
    graph_.add_node(std::move(n));
  }

  void read_attribute(data_view bytes, model::node& n) {
    namespace field = onnx_schema::attribute_proto;
    const std::string who = where_ + ": " + graph_.describe(n);
    onnx_message message(bytes, who + ": attribute");
    std::string name;
    std::int64_t type = field::type_undefined;
    std::int64_t integer = 0;
    float number = 0;
    std::string text;
    std::optional<data_view> tensor;
    std::vector<std::int64_t> integers;
    std::vector<float> numbers;
    std::vector<std::string> texts;
    std::string strange;
    std::int64_t seen = field::type_undefined;  // what an attribute without a type must be
    while (message.next()) switch (message.tag()) {
        case field::name: name = message.text(); break;
        case field::type: type = message.integer(); break;
        case field::f:
          number = message.number();
          seen = field::type_float;
          break;
        case field::i:
          integer = message.integer();
          seen = field::type_int;
          break;
        case field::s:
          text = message.text();
          seen = field::type_string;
          break;
        case field::t:
          tensor = message.bytes();
          seen = field::type_tensor;
          break;
        case field::floats:
          message.append_floats(numbers);
          seen = field::type_floats;
          break;
        case field::ints:
          message.append_integers(integers);
          seen = field::type_ints;
          break;
        case field::strings:
          texts.push_back(message.text());
          seen = field::type_strings;
          break;
        case field::g:
          strange = "a graph";
          message.skip();
          break;
        case field::graphs:
          strange = "graphs";
          message.skip();
          break;
        case field::tensors:
          strange = "a list of tensors";
          message.skip();
          break;
        case field::tp:
        case field::type_protos:
          strange = "a type";
          message.skip();
          break;
        case field::sparse_tensor:
        case field::sparse_tensors:
          strange = "a sparse tensor";
          message.skip();
          break;
        case field::ref_attr_name:
          strange = "a reference to a function's attribute";
          message.skip();
          break;
        default: message.skip();
      }
    if (name.empty()) message.fail("no name");
    const std::string what = who + ": attribute " + detail::quoted(name);
    model::attribute value = model::unsupported_attribute{strange.empty() ? "of an unknown kind" : strange};
    if (strange.empty()) switch (type == field::type_undefined ? seen : type) {
        case field::type_float: value = number; break;
        case field::type_int: value = integer; break;
        case field::type_string: value = text; break;
        case field::type_floats: value = std::move(numbers); break;
        case field::type_ints: value = std::move(integers); break;
        case field::type_strings: value = std::move(texts); break;
        case field::type_tensor:
          if (!tensor) throw io_error(errc::malformed, what + ": a tensor without content");
          value = onnx_tensor(*tensor, what).build(files_);
          break;
        default: break;
      }
    if (!n.attributes.emplace(name, std::move(value)).second) throw io_error(errc::malformed, what + " is given twice");
  }

  const std::string& where_;
  external_files files_;
  model::graph graph_;
};

}  // namespace detail

/// The network in the bytes of an ONNX file; `where` names it in messages. Opsets 11 to 21 of the default domain.
/// Operators are not looked at: the executor refuses those it does not know. Tensors in external files are looked for
/// in `folder`, the model's own, and are views of the mapped files (external_data.hpp); without a folder they are
/// refused. Throws io_error (malformed: not ONNX, cut short, data that does not fit its shape, external data outside
/// the folder or beyond its file; unsupported: another opset, element types the library has no use for; input_output:
/// an external file that cannot be read) and model_error for a graph that breaks ONNX's rules (model::graph::finish).
/// Memory: at most 128 times the size of `bytes` and 64 KiB besides (a graph of the smallest nodes there are; tensors
/// take their bytes once), plus once the external files' size for tensors at odd offsets. Time: at most in proportion
/// to n log n.
inline model::graph parse_onnx(std::span<const std::byte> bytes, const std::string& where = "ONNX model",
                               const std::string& folder = {}) {
  try {
    return detail::onnx_parser({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, where, folder).take();
  } catch (const protozero::exception& e) {
    throw io_error(errc::malformed, where + ": not a readable protocol buffer, or cut short (" + e.what() + ")");
  }
}

/// The network in an ONNX file, with the files beside it; errors as parse_onnx, and input_output when the file cannot
/// be read.
inline model::graph read_onnx(const std::string& path) { return parse_onnx(read_file(path), path, folder_of(path)); }

}  // namespace xquant::io
