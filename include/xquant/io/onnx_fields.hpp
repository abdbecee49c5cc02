// Fields of ONNX messages: those of a file walked as they lie, and tensors and attributes written.
#pragma once

#include <xquant/io/error.hpp>
#include <xquant/io/onnx_reader.hpp>
#include <xquant/io/onnx_schema.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/tensor.hpp>

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>
#include <protozero/types.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

namespace xquant::inline XQUANT_ABI::io::detail {

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

inline void add_tensor(protozero::pbf_writer& to, std::uint32_t field, const std::string& name,
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

inline void add_attribute(protozero::pbf_writer& node, const std::string& name, const model::attribute& value,
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

inline bool is_external(data_view tensor) {
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

inline bool has_external_tensor(data_view node) {
  bool external = false;
  for_each_field(node, [&](std::uint32_t tag, data_view attribute) {
    if (tag != onnx_schema::node_proto::attribute) return;
    for_each_field(content_of(attribute), [&](std::uint32_t kind, data_view field) {
      external = external || (kind == onnx_schema::attribute_proto::t && is_external(content_of(field)));
    });
  });
  return external;
}

}  // namespace xquant::io::detail
