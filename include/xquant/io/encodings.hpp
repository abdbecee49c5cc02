// AIMET's encodings files (schemas 0.6.1, 1.0.0 and 2.0.0) as a value, read and written through nlohmann-json; and the
// one place where AIMET's conventions (an offset on the unsigned grid) and ours (a zero point among the codes) meet.
#pragma once

#include <xquant/io/error.hpp>
#include <xquant/io/file.hpp>
#include <xquant/model/error.hpp>
#include <xquant/parameters.hpp>
#include <xquant/runtime.hpp>
#include <xquant/version.hpp>

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::io {

/// The schemas of AIMET's encodings files. 1.0.0 is AIMET's default.
enum class encodings_schema : std::uint8_t { v0_6_1, v1_0_0, v2_0_0 };

constexpr const char* name_of(encodings_schema schema) noexcept {
  switch (schema) {
    case encodings_schema::v0_6_1: return "0.6.1";
    case encodings_schema::v2_0_0: return "2.0.0";
    case encodings_schema::v1_0_0: break;
  }
  return "1.0.0";
}

/// What an entry says about its tensor's numbers.
enum class encoding_type : std::uint8_t {
  integer,       ///< real = scale * (q + offset), q in 0 .. 2^bits - 1
  floating,      ///< a floating-point tensor of `bits` bits: not quantized by a scale
  float8e4m3fn,  ///< real = scale * (a float8e4m3fn number); schema 2.0.0 alone
};

/// Whether a tensor is computed or a constant. Schema 2.0.0 does not say: find it out from the network
/// (simulation_encodings.hpp does).
enum class encoding_role : std::uint8_t { unknown, activation, parameter };

/// The encoding of one tensor, in AIMET's terms. A regular value.
struct encoding {
  std::string name;  ///< of the tensor, in the network
  encoding_role role = encoding_role::unknown;
  encoding_type type = encoding_type::integer;
  int bits = 8;
  bool symmetric = false;
  std::optional<bool> is_signed;       ///< of the stored codes; only schema 2.0.0 says
  bool per_channel = false;            ///< a scale for each slice along `axis`
  std::optional<std::ptrdiff_t> axis;  ///< only schema 2.0.0 says
  std::vector<double> scale;           ///< positive; float32 values when they come from AIMET or from us
  /// For each scale, on the unsigned grid of 2^bits codes whatever the codes' signedness: 0 down to -(2^bits - 1).
  std::vector<std::int64_t> offset;

  friend bool operator==(const encoding&, const encoding&) = default;
};

/// An encodings file. A regular value.
struct encodings {
  encodings_schema schema = encodings_schema::v1_0_0;
  std::vector<encoding> entries;

  /// The entry of that tensor, or null.
  [[nodiscard]] const encoding* find(const std::string& name) const {
    for (const encoding& e : entries)
      if (e.name == name) return &e;
    return nullptr;
  }
  friend bool operator==(const encodings&, const encodings&) = default;
};

/// A quantizer and its parameters, as the rest of the library has them.
struct quantizer_and_parameters {
  quantizer_description quantizer;
  xquant::parameters parameters;
};

namespace detail {

using json = nlohmann::ordered_json;

inline constexpr std::size_t deepest_json = 32;

// A name or value of the file, for messages.
inline std::string shown(const std::string& text) { return model::shortened(text); }
template <class Json>
std::string shown(const Json& value) {
  if (value.is_array()) return "a list of " + std::to_string(value.size());
  if (value.is_object()) return "an object";
  return shown(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

// JSON of bounded depth without repeated keys. What is read is looked up by key: the order in which an ordered_json
// keeps its keys would cost a search of all of them for each.
struct json_file {
  nlohmann::json root;
  // Of the objects that are members of root, as the file has them.
  std::map<std::string, std::vector<std::string>> keys;
};

// Looks at a file before anything is built from it.
class json_scan final : public nlohmann::json_sax<nlohmann::json> {
 public:
  json_scan(json_file& file, const std::string& where) : file_(file), where_(where) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return enter(); }
  bool start_array(std::size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool end_array() override { return leave(); }
  bool key(string_t& name) override {
    if (!seen_.back().insert(name).second)
      throw io_error(errc::malformed, where_ + ": key '" + shown(name) + "' is given twice");
    if (seen_.size() == 1) section_ = name;
    if (seen_.size() == 2) file_.keys[section_].push_back(name);
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& e) override {
    throw io_error(errc::malformed, where_ + ": not JSON, or cut short (" + shown(std::string(e.what())) + ")");
  }

 private:
  bool enter() {
    seen_.emplace_back();
    if (seen_.size() > deepest_json)
      throw io_error(errc::malformed,
                     where_ + ": nested more than " + std::to_string(deepest_json) + " deep; expected 4 levels");
    return true;
  }
  bool leave() {
    seen_.pop_back();
    return true;
  }

  json_file& file_;
  const std::string& where_;
  std::vector<std::set<std::string>> seen_;  // keys of the objects we are in
  std::string section_;
};

inline json_file parse_json(std::span<const std::byte> bytes, const std::string& where) {
  json_file file;
  json_scan scan(file, where);
  const auto* first = reinterpret_cast<const char*>(bytes.data());
  const auto* last = first + bytes.size();
  try {
    nlohmann::json::sax_parse(first, last, &scan);
    file.root = nlohmann::json::parse(first, last);
  } catch (const nlohmann::json::exception& e) {
    throw io_error(errc::malformed, where + ": not JSON, or cut short (" + shown(std::string(e.what())) + ")");
  }
  return file;
}

// Reads one file; every message names the file, the entry, the value met and what was expected.
class encodings_parser {
  using json = nlohmann::json;

 public:
  encodings_parser(std::span<const std::byte> bytes, const std::string& where) : where_(where) {
    const json_file file = parse_json(bytes, where);
    const json& root = file.root;
    if (!root.is_object()) fail("the file holds " + shown(root) + "; expected an object");
    read_version(root);
    if (result_.schema == encodings_schema::v2_0_0) {
      read_list(root, "encodings", encoding_role::unknown);
    } else {
      for (const auto& [section, role] : {std::pair{"activation_encodings", encoding_role::activation},
                                          std::pair{"param_encodings", encoding_role::parameter}})
        if (result_.schema == encodings_schema::v0_6_1)
          read_map(file, section, role);
        else
          read_list(root, section, role);
    }
  }

  encodings take() { return std::move(result_); }

 private:
  [[noreturn]] void fail(const std::string& problem, errc code = errc::malformed) const {
    throw io_error(code, where_ + ": " + (entry_.empty() ? "" : entry_ + ": ") + problem);
  }

  void read_version(const json& root) {
    const auto version = root.find("version");
    if (version == root.end()) {
      const auto parameters = root.find("param_encodings");
      if (root.contains("encodings"))
        result_.schema = encodings_schema::v2_0_0;
      else
        result_.schema =
            parameters != root.end() && parameters->is_object() ? encodings_schema::v0_6_1 : encodings_schema::v1_0_0;
      return;
    }
    const std::string text = version->is_string() ? version->get<std::string>() : "";
    if (text == "0.6.1")
      result_.schema = encodings_schema::v0_6_1;
    else if (text == "1.0.0")
      result_.schema = encodings_schema::v1_0_0;
    else if (text == "2.0.0" || text == "2.1.0")  // the same entries, but for block formats
      result_.schema = encodings_schema::v2_0_0;
    else
      fail("version " + shown(*version) + "; expected \"0.6.1\", \"1.0.0\", \"2.0.0\" or \"2.1.0\"", errc::unsupported);
  }

  const json* member(const json& object, const char* key) const {
    const auto found = object.find(key);
    return found == object.end() ? nullptr : &*found;
  }
  const json& required(const json& object, const char* key, const char* expected) const {
    const json* found = member(object, key);
    if (found == nullptr) fail(std::string("no '") + key + "'; expected " + expected);
    return *found;
  }
  std::string text(const json& object, const char* key, const char* expected) const {
    const json& value = required(object, key, expected);
    if (!value.is_string()) fail(std::string(key) + " " + shown(value) + "; expected " + expected);
    return value.get<std::string>();
  }
  // 0.6.1 writes "True" and "False"; the others true and false. Both are taken everywhere, as AIMET does.
  bool flag(const json& object, const char* key) const {
    const json& value = required(object, key, "true or false");
    if (value.is_boolean()) return value.get<bool>();
    if (value == "True" || value == "true") return true;
    if (value == "False" || value == "false") return false;
    fail(std::string(key) + " " + shown(value) + "; expected true or false");
  }
  int bits(const json& object, const char* key) const {
    const json& value = required(object, key, "a bit width");
    if (!value.is_number_integer() || value < 1 || value > 64)
      fail(std::string(key) + " " + shown(value) + "; expected 2 to 32 bits");
    return value.get<int>();
  }
  double scale(const json& value, const char* key) const {
    const double s = value.is_number() ? value.get<double>() : 0;
    // Both checks on the float32 that arithmetic will see.
    if (!(s > 0) || !std::isfinite(static_cast<float>(s)) || !(static_cast<float>(s) > 0))
      fail(std::string(key) + " " + shown(value) + "; expected a positive number in the range of float32");
    return s;
  }
  // An integer, which AIMET's ONNX side writes as "-128.0".
  std::int64_t integer(const json& value, const char* key, double lowest, double highest) const {
    const double v = value.is_number() ? value.get<double>() : std::nan("");
    if (!(v >= lowest && v <= highest) || v != std::floor(v))
      fail(std::string(key) + " " + shown(value) + "; expected an integer from " +
           std::to_string(static_cast<std::int64_t>(lowest)) + " to " +
           std::to_string(static_cast<std::int64_t>(highest)));
    return static_cast<std::int64_t>(v);
  }
  std::int64_t offset(const json& value, int width) const {
    return integer(value, "offset", -(std::ldexp(1.0, width) - 1), 0);
  }

  void add(encoding e) {
    if (!names_.insert(e.name).second) fail("is given twice");
    if (e.type == encoding_type::integer && (e.bits < 2 || e.bits > 32))
      fail(std::to_string(e.bits) + " bits; expected 2 to 32");
    if (e.type == encoding_type::floating && e.bits < 16)
      fail("dtype float of " + std::to_string(e.bits) +
               " bits, whose format this schema does not say; expected 16 or 32",
           errc::unsupported);
    result_.entries.push_back(std::move(e));
  }

  encoding_type type_named(const std::string& dtype) const {
    if (dtype == "int" || dtype == "INT") return encoding_type::integer;
    if (dtype == "float" || dtype == "FLOAT") return encoding_type::floating;
    fail("dtype '" + shown(dtype) + "'; expected int or float");
  }

  // Schema 0.6.1: an object of tensors; each a list with an entry for each channel.
  void read_map(const json_file& file, const char* section, encoding_role role) {
    const json* all = member(file.root, section);
    if (all == nullptr) return;
    if (!all->is_object()) fail(std::string(section) + " is " + shown(*all) + "; expected an object");
    if (all->empty()) return;
    for (const std::string& name : file.keys.at(section)) {
      const json& slots = *all->find(name);
      entry_ = std::string(section) + " '" + shown(name) + "'";
      if (!slots.is_array() || slots.empty()) fail(shown(slots) + "; expected a list with an entry for each channel");
      encoding e;
      e.name = name;
      e.role = role;
      for (std::size_t i = 0; i < slots.size(); ++i) {
        entry_ = std::string(section) + " '" + shown(name) + "' [" + std::to_string(i) + "]";
        const json& slot = slots[i];
        if (!slot.is_object()) fail(shown(slot) + "; expected an object");
        const encoding_type type = type_named(text(slot, "dtype", "\"int\" or \"float\""));
        const int width = bits(slot, "bitwidth");
        const bool symmetric = type == encoding_type::integer && flag(slot, "is_symmetric");
        if (i != 0 && (type != e.type || width != e.bits || symmetric != e.symmetric))
          fail("differs from the tensor's first entry in dtype, bitwidth or is_symmetric", errc::unsupported);
        e.type = type;
        e.bits = width;
        e.symmetric = symmetric;
        if (type != encoding_type::integer) continue;
        if (width > 32) fail("bitwidth " + std::to_string(width) + "; expected 2 to 32 bits");
        e.scale.push_back(scale(required(slot, "scale", "a positive number"), "scale"));
        e.offset.push_back(offset(required(slot, "offset", "an integer"), width));
      }
      entry_ = std::string(section) + " '" + shown(name) + "'";
      e.per_channel = e.scale.size() > 1;
      add(std::move(e));
    }
    entry_.clear();
  }

  // Schemas 1.0.0 and 2.0.0: a list of tensors.
  void read_list(const json& root, const char* section, encoding_role role) {
    const json* all = member(root, section);
    if (all == nullptr) {
      if (role == encoding_role::unknown) fail(std::string("no '") + section + "'; expected a list");
      return;
    }
    if (!all->is_array()) fail(std::string(section) + " is " + shown(*all) + "; expected a list");
    for (std::size_t i = 0; i < all->size(); ++i) {
      entry_ = std::string(section) + " [" + std::to_string(i) + "]";
      const json& object = (*all)[i];
      if (!object.is_object()) fail(shown(object) + "; expected an object");
      encoding e;
      e.name = text(object, "name", "the tensor's name");
      e.role = role;
      entry_ = std::string(section) + " '" + shown(e.name) + "'";
      if (role == encoding_role::unknown)
        read_fields_2_0_0(object, e);
      else
        read_fields_1_0_0(object, e);
      add(std::move(e));
    }
    entry_.clear();
  }

  void read_fields_1_0_0(const json& object, encoding& e) const {
    e.type = type_named(text(object, "dtype", "\"INT\" or \"FLOAT\""));
    e.bits = bits(object, "bw");
    const std::string kind = text(object, "enc_type", "\"PER_TENSOR\" or \"PER_CHANNEL\"");
    for (const char* refused : {"PER_BLOCK", "LPBQ", "VECTOR"})
      if (kind == refused)
        fail("enc_type " + kind + " is not supported; expected PER_TENSOR or PER_CHANNEL", errc::unsupported);
    if (kind != "PER_TENSOR" && kind != "PER_CHANNEL")
      fail("enc_type '" + shown(kind) + "'; expected PER_TENSOR or PER_CHANNEL");
    refuse_blocks(object);
    if (e.type != encoding_type::integer) return;
    if (e.bits > 32) fail("bw " + std::to_string(e.bits) + "; expected 2 to 32 bits");
    e.symmetric = flag(object, "is_sym");
    e.per_channel = kind == "PER_CHANNEL";
    const json& scales = required(object, "scale", "a list of positive numbers");
    const json& offsets = required(object, "offset", "a list of integers");
    if (!scales.is_array() || scales.empty()) fail("scale " + shown(scales) + "; expected a list of positive numbers");
    if (!offsets.is_array() || offsets.size() != scales.size())
      fail("offset " + shown(offsets) + "; expected a list of " + std::to_string(scales.size()) +
           ", one for each scale");
    if (!e.per_channel && scales.size() != 1)
      fail("a list of " + std::to_string(scales.size()) + " scales; expected one for PER_TENSOR");
    for (const json& s : scales) e.scale.push_back(scale(s, "scale"));
    for (const json& o : offsets) e.offset.push_back(offset(o, e.bits));
  }

  void refuse_blocks(const json& object) const {
    for (const char* key : {"block_size", "per_block_int_scale", "per_channel_float_scale", "compressed_bw",
                            "rows_per_block", "vector_dim"})
      if (member(object, key) != nullptr)
        fail(std::string("has '") + key + "': block, LPBQ and VECTOR encodings are not supported", errc::unsupported);
    if (member(object, "zero_point_shift") != nullptr)
      fail("has 'zero_point_shift', which is not supported", errc::unsupported);
  }

  void read_fields_2_0_0(const json& object, encoding& e) const {
    refuse_blocks(object);
    const std::string dtype = text(object, "output_dtype", "a data type such as \"int8\"");
    if (dtype == "float8e4m3fn") {
      e.type = encoding_type::float8e4m3fn;
      e.symmetric = true;
    } else {
      const bool is_unsigned = !dtype.empty() && dtype[0] == 'u';
      const std::string rest = dtype.substr(is_unsigned ? 1 : 0);
      bool known = false;
      for (const int width : {2, 4, 8, 16, 32})
        if (rest == "int" + std::to_string(width)) {
          known = true;
          e.bits = width;
        }
      if (!known)
        fail("output_dtype '" + shown(dtype) + "'; expected int2, int4, int8, int16 (or uint), int32 or float8e4m3fn",
             errc::unsupported);
      e.is_signed = !is_unsigned;
    }
    const json& scales = required(object, "y_scale", "a positive number or a list of them");
    if (scales.is_object())
      fail("y_scale is itself quantized: block and LPBQ encodings are not supported", errc::unsupported);
    if (scales.is_array()) {
      e.per_channel = true;
      if (scales.empty()) fail("y_scale is an empty list; expected positive numbers");
      for (const json& s : scales) {
        if (s.is_array()) fail("y_scale holds lists: block encodings are not supported", errc::unsupported);
        e.scale.push_back(scale(s, "y_scale"));
      }
      e.axis = static_cast<std::ptrdiff_t>(integer(required(object, "axis", "the channels' axis"), "axis", 0, 7));
    } else {
      e.scale.push_back(scale(scales, "y_scale"));
    }
    const json* zero_points = member(object, "y_zero_point");
    if (zero_points != nullptr && zero_points->is_array() != scales.is_array())
      fail("y_zero_point " + shown(*zero_points) + "; expected the same form as y_scale");
    if (zero_points != nullptr && scales.is_array() && zero_points->size() != scales.size())
      fail("y_zero_point " + shown(*zero_points) + "; expected a list of " + std::to_string(scales.size()));
    const double codes = std::ldexp(1.0, e.bits);
    const double lowest = e.is_signed.value_or(true) ? -codes / 2 : 0;
    bool all_zero = true;
    for (std::size_t i = 0; i < e.scale.size(); ++i) {
      std::int64_t z = 0;
      if (zero_points != nullptr) {
        const json& value = scales.is_array() ? (*zero_points)[i] : *zero_points;
        z = e.type == encoding_type::integer ? integer(value, "y_zero_point", lowest, lowest + codes - 1)
                                             : integer(value, "y_zero_point", 0, 0);
      }
      all_zero = all_zero && z == 0;
      e.offset.push_back(e.type == encoding_type::integer ? static_cast<std::int64_t>(lowest) - z : 0);
    }
    // What the schema does not say: signed codes without zero points are what a symmetric quantizer makes.
    if (e.type == encoding_type::integer) e.symmetric = all_zero && *e.is_signed;
  }

  const std::string& where_;
  std::string entry_;
  std::set<std::string> names_;
  encodings result_;
};

class encodings_formatter {
 public:
  explicit encodings_formatter(const encodings& all) : all_(all) {}

  json root() const {
    json result;
    result["version"] = name_of(all_.schema);
    result["producer"] = {
        {"package", "xquant"},
        {"version", std::to_string(XQUANT_VERSION_MAJOR) + "." + std::to_string(XQUANT_VERSION_MINOR) + "." +
                        std::to_string(XQUANT_VERSION_PATCH)}};
    if (all_.schema == encodings_schema::v2_0_0) {
      result["encodings"] = json::array();
      for (const encoding& e : all_.entries)
        if (e.type != encoding_type::floating) result["encodings"].push_back(entry_2_0_0(e));
      return result;
    }
    const bool old = all_.schema == encodings_schema::v0_6_1;
    result["activation_encodings"] = old ? json::object() : json::array();
    result["param_encodings"] = old ? json::object() : json::array();
    for (const encoding& e : all_.entries) {
      if (e.type == encoding_type::float8e4m3fn)
        refuse(e, std::string("schema ") + name_of(all_.schema) + " has no float8e4m3fn; expected 2.0.0");
      if (e.bits == 32 && e.type == encoding_type::integer) continue;  // integer biases: 2.0.0 alone lists them
      if (e.role == encoding_role::unknown)
        refuse(e, std::string("schema ") + name_of(all_.schema) +
                      " separates activations from parameters; give the entry its role");
      json& section = result[e.role == encoding_role::activation ? "activation_encodings" : "param_encodings"];
      if (old)
        section[e.name] = entry_0_6_1(e);
      else
        section.push_back(entry_1_0_0(e));
    }
    result["excluded_layers"] = json::array();
    result["quantizer_args"] = arguments();
    return result;
  }

 private:
  [[noreturn]] static void refuse(const encoding& e, const std::string& problem) {
    throw io_error(errc::unsupported, "encoding of '" + e.name + "': " + problem);
  }

  // AIMET's summary of how the quantizers were made; its loaders do not read it.
  json arguments() const {
    const bool old = all_.schema == encodings_schema::v0_6_1;
    json result;
    bool per_channel = false;
    bool symmetric = true;
    for (const encoding& e : all_.entries) {
      const bool parameter = e.role == encoding_role::parameter;
      const char* key = parameter ? "param_bitwidth" : "activation_bitwidth";
      if (!result.contains(key)) result[key] = e.bits;
      if (parameter) per_channel = per_channel || e.per_channel;
      if (parameter) symmetric = symmetric && e.symmetric;
    }
    result["dtype"] = "int";
    result["is_symmetric"] = old ? json(symmetric ? "True" : "False") : json(symmetric);
    result["per_channel_quantization"] = old ? json(per_channel ? "True" : "False") : json(per_channel);
    result["quant_scheme"] = "min_max";
    return result;
  }

  static json entry_0_6_1(const encoding& e) {
    if (e.type == encoding_type::floating) return json::array({{{"bitwidth", e.bits}, {"dtype", "float"}}});
    json slots = json::array();
    for (std::size_t i = 0; i < e.scale.size(); ++i) {
      const double steps = std::ldexp(1.0, e.bits) - 1 - (is_narrow(e) ? 1 : 0);
      const auto offset = static_cast<double>(e.offset[i]);
      slots.push_back({{"bitwidth", e.bits},
                       {"dtype", "int"},
                       {"is_symmetric", e.symmetric ? "True" : "False"},
                       {"max", e.scale[i] * (steps + offset)},
                       {"min", e.scale[i] * offset},
                       {"offset", e.offset[i]},
                       {"scale", e.scale[i]}});
    }
    return slots;
  }

  static json entry_1_0_0(const encoding& e) {
    json result = {{"name", e.name}, {"enc_type", e.per_channel ? "PER_CHANNEL" : "PER_TENSOR"}};
    result["dtype"] = e.type == encoding_type::integer ? "INT" : "FLOAT";
    result["bw"] = e.bits;
    if (e.type == encoding_type::floating) return result;
    result["is_sym"] = e.symmetric;
    result["scale"] = e.scale;
    result["offset"] = e.offset;
    return result;
  }

  static json entry_2_0_0(const encoding& e) {
    json result = {{"name", e.name}};
    if (e.type == encoding_type::float8e4m3fn) {
      result["output_dtype"] = "float8e4m3fn";
    } else {
      bool known = false;
      for (const int width : {2, 4, 8, 16, 32}) known = known || width == e.bits;
      if (!known)
        refuse(e, std::to_string(e.bits) + " bits have no data type in schema 2.0.0; expected 2, 4, 8, 16 or 32");
      result["output_dtype"] = (has_signed_codes(e) ? "int" : "uint") + std::to_string(e.bits);
    }
    if (e.per_channel) {
      if (!e.axis || *e.axis < 0) refuse(e, "schema 2.0.0 needs the channels' axis, counted from the front");
      result["y_scale"] = e.scale;
      result["axis"] = *e.axis;
    } else {
      result["y_scale"] = e.scale.at(0);
    }
    if (e.type != encoding_type::integer) return result;
    const std::int64_t lowest = has_signed_codes(e) ? -(std::int64_t{1} << (e.bits - 1)) : 0;
    std::vector<std::int64_t> zero_points;
    bool any = false;
    for (const std::int64_t o : e.offset) {
      // Narrow codes are the full ones whose lowest is never used: the same zero point, which is 0.
      zero_points.push_back(is_narrow(e) ? 0 : lowest - o);
      any = any || zero_points.back() != 0;
    }
    if (any) result["y_zero_point"] = e.per_channel ? json(zero_points) : json(zero_points.at(0));
    return result;
  }

 public:
  // Symmetric codes -(2^(bits-1) - 1) .. 2^(bits-1) - 1, AIMET's "strict symmetric": the unsigned grid is one shorter.
  static bool is_narrow(const encoding& e) {
    return e.type == encoding_type::integer && e.symmetric && !e.offset.empty() &&
           e.offset.front() == -((std::int64_t{1} << (e.bits - 1)) - 1);
  }
  static bool has_signed_codes(const encoding& e) {
    if (e.is_signed) return *e.is_signed;
    return e.symmetric && !(e.offset.empty() || e.offset.front() == 0);
  }

 private:
  const encodings& all_;
};

}  // namespace detail

/// The encodings in the bytes of a file; `where` names it in messages. The schema is the file's "version", or for a
/// file without one what its form says, as AIMET does. Reads integers of 2 to 32 bits per tensor and per channel, float
/// tensors, and (2.0.0) float8e4m3fn. Throws io_error: malformed for what is not JSON, is nested more than 32 deep,
/// repeats a key or a tensor, or has a scale, offset, bit width or flag that no encoding has; unsupported for block,
/// LPBQ and VECTOR encodings, other data types and other versions. 0.6.1 flattens blocks to a list that looks like
/// channels: those are refused when they are matched with the network. Memory: at most 128 times the file's size and
/// 64 KiB besides, time at most in proportion to n log n.
inline encodings parse_encodings(std::span<const std::byte> bytes, const std::string& where = "encodings") {
  return detail::encodings_parser(bytes, where).take();
}

/// The encodings in a file; errors as parse_encodings, and input_output when the file cannot be read.
inline encodings read_encodings(const std::string& path) { return parse_encodings(read_file(path), path); }

/// The text of a file in schema `all.schema`. Scales are written as the shortest decimals that give the same double, so
/// reading gives the same float32 bits. Throws io_error (unsupported) for an entry that the schema cannot express:
/// float8e4m3fn, or a role left unknown, before 2.0.0; a bit width without data type, or channels without axis, in
/// 2.0.0. Integer biases (32 bits) are written by 2.0.0 alone, float tensors by the others alone, as by AIMET.
inline std::string format_encodings(const encodings& all) {
  return detail::encodings_formatter(all).root().dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

/// Writes (replaces) a file of encodings, in one step (write_file). Throws io_error.
inline void write_encodings(const std::string& path, const encodings& all) {
  write_file(path, bytes_of(format_encodings(all)));
}

/// The quantizer and parameters of an encoding. Our zero point is the code of 0: on unsigned codes -offset, on signed
/// ones -offset - 2^(bits-1). Where the schema does not say, symmetric entries have signed codes (unsigned when the
/// offset is 0) and others unsigned ones, or those of `like` when that is an affine quantizer of signed integers of as
/// many bits; either way the same real values. `like` also gives rounding and arithmetic, and the axis where the schema
/// does not say. Throws io_error (malformed) for a symmetric entry that is not centred on 0, (unsupported) for more
/// than 16 bits and for float tensors.
inline quantizer_and_parameters quantizer_of(const encoding& e, const quantizer_description& like = {}) {
  const auto fail = [&](errc code, const std::string& problem) {
    throw io_error(code, "encoding of '" + detail::shown(e.name) + "': " + problem);
  };
  quantizer_and_parameters result;
  quantizer_description& q = result.quantizer;
  q = like;
  q.bits = e.bits;
  q.per_axis = e.per_channel;
  if (e.axis) q.axis = *e.axis;
  if (e.type == encoding_type::floating) fail(errc::unsupported, "a float tensor has no quantizer");
  if (e.scale.empty() || e.offset.size() != e.scale.size())
    fail(errc::malformed,
         std::to_string(e.offset.size()) + " offsets for " + std::to_string(e.scale.size()) + " scales");
  std::vector<float> scales;
  for (const double s : e.scale) scales.push_back(static_cast<float>(s));
  if (e.type == encoding_type::float8e4m3fn) {
    q.format = format_id::float8e4m3fn;
    q.bits = 8;
    q.scheme = scheme_id::symmetric;
    result.parameters = parameters(std::move(scales));
    return result;
  }
  if (e.bits < 2 || e.bits > 16) fail(errc::unsupported, std::to_string(e.bits) + " bits; expected 2 to 16");
  const std::int64_t half = std::int64_t{1} << (e.bits - 1);
  bool is_signed = detail::encodings_formatter::has_signed_codes(e);
  if (!e.is_signed && !e.symmetric)
    is_signed = like.format == format_id::signed_integer && like.scheme == scheme_id::affine && like.bits == e.bits;
  q.format = is_signed ? format_id::signed_integer : format_id::unsigned_integer;
  const bool narrow = is_signed && detail::encodings_formatter::is_narrow(e);
  q.scheme = !e.symmetric ? scheme_id::affine : narrow ? scheme_id::symmetric_narrow : scheme_id::symmetric;
  std::vector<std::int32_t> zero_points;
  for (const std::int64_t o : e.offset) {
    const std::int64_t z = -o - (is_signed ? half : 0) + (narrow ? 1 : 0);
    if (e.symmetric && z != 0)
      fail(errc::malformed, "offset " + std::to_string(o) + " of a symmetric encoding of " + std::to_string(e.bits) +
                                " bits; expected " + std::to_string(-half) + ", " + std::to_string(1 - half) +
                                " or 0, the same for all channels");
    zero_points.push_back(static_cast<std::int32_t>(z));
  }
  result.parameters = parameters(std::move(scales), std::move(zero_points));
  return result;
}

/// The encoding of a tensor with that quantizer and those parameters; the opposite of quantizer_of. A negative axis
/// counts from the end of a tensor of rank `rank`. Throws io_error (unsupported) for a format, a granularity, codes or
/// a zero point that encodings do not have.
inline encoding encoding_of(std::string name, encoding_role role, const quantizer_description& q, const parameters& p,
                            std::size_t rank = 0) {
  encoding e;
  e.name = std::move(name);
  e.role = role;
  const auto unsupported = [&](const char* what) {
    throw io_error(errc::unsupported, "encoding of '" + e.name + "': " + what);
  };
  if (q.granularity != granularity_id::tensor_or_axis || q.by_expert)
    unsupported("scales for more than a tensor or the indices of one axis");
  if (q.lower < q.upper) unsupported("codes of this program's own");
  if (q.zero_point_before_rounding || q.scheme >= scheme_id::symmetric_to_signed_extreme)
    unsupported("a scheme with another zero point than an integer after the rounding, or with negative scales");
  e.per_channel = q.per_axis;
  if (q.per_axis) e.axis = q.axis < 0 ? q.axis + static_cast<std::ptrdiff_t>(rank) : q.axis;
  for (const float s : p.scale()) e.scale.push_back(static_cast<double>(s));
  if (q.format == format_id::float8e4m3fn) {
    e.type = encoding_type::float8e4m3fn;
    e.symmetric = true;
    e.offset.assign(e.scale.size(), 0);
    return e;
  }
  if (q.format != format_id::signed_integer && q.format != format_id::unsigned_integer)
    unsupported("a format of this program's own");
  e.bits = q.bits;
  e.symmetric = xquant::detail::is_symmetric(q.scheme);
  e.is_signed = q.format == format_id::signed_integer;
  const bool narrow = q.scheme == scheme_id::symmetric_narrow && *e.is_signed;
  const std::int64_t lowest = *e.is_signed ? -(std::int64_t{1} << (q.bits - 1)) + (narrow ? 1 : 0) : 0;
  for (const std::int32_t z : p.zero_point()) e.offset.push_back(lowest - z);
  return e;
}

}  // namespace xquant::io
