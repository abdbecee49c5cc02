// AIMET's encodings files (schemas 0.6.1, 1.0.0 and 2.0.0), read through nlohmann-json.
#pragma once

#include <xquant/io/encoding_entry.hpp>
#include <xquant/io/error.hpp>
#include <xquant/model/error.hpp>

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::io::detail {

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

  // Minimum or maximum for each scale, from a number or a list; empty when the key is missing.
  std::vector<double> ends(const json& object, const char* key, std::size_t count) const {
    std::vector<double> result;
    const json* values = member(object, key);
    if (values == nullptr) return result;
    const auto one = [&](const json& v) {
      if (!v.is_number()) fail(std::string(key) + " " + shown(v) + "; expected a number");
      result.push_back(v.get<double>());
    };
    if (!values->is_array()) {
      one(*values);
    } else {
      for (const json& v : *values) one(v);
    }
    if (result.size() != count)
      fail(std::string(key) + " " + shown(*values) + "; expected " + std::to_string(count) + ", one for each scale");
    return result;
  }

  // Where an entry gives minimum and maximum beside scale and offset, the grid is that of scale and offset, and how
  // many codes it has is what minimum and maximum say.
  void read_last_codes(encoding_entry& e, const std::vector<double>& minimum,
                       const std::vector<double>& maximum) const {
    if (minimum.empty() != maximum.empty())
      fail(std::string("has '") + (minimum.empty() ? "max" : "min") + "' alone; expected min and max, or neither");
    const std::int64_t usual = usual_last_code(e);
    std::vector<std::int64_t> codes;
    bool all_usual = true;
    for (std::size_t i = 0; i < minimum.size(); ++i) {
      codes.push_back(minimum[i] == 0 && maximum[i] == 0 ? usual : last_code(e, i, minimum[i], maximum[i], usual));
      all_usual = all_usual && codes.back() == usual;
    }
    if (!all_usual) e.last_code = std::move(codes);
  }

  // The highest code of slot i. A tenth of a step, and what float32 loses in the four numbers, is no contradiction; nor
  // is an offset to which the minimum was rounded (learned ranges keep the ends they had before).
  std::int64_t last_code(const encoding_entry& e, std::size_t i, double minimum, double maximum,
                         std::int64_t usual) const {
    const double scale = e.scale[i];
    const double steps = (maximum - minimum) / scale;
    const double slack = 0.1 + 4e-7 * (std::fabs(minimum) + std::fabs(maximum)) / scale;
    const double highest = std::ldexp(1.0, e.bits) - 1;
    const auto contradict = [&](const std::string& problem) {
      fail((e.scale.size() > 1 ? "channel " + std::to_string(i) + ": " : "") + "min " + shown(json(minimum)) +
           ", max " + shown(json(maximum)) + ", scale " + shown(json(scale)) + " and offset " +
           std::to_string(e.offset[i]) + " contradict each other: " + problem);
    };
    double last = 0;
    for (const double candidate : {static_cast<double>(usual), highest, std::nearbyint(steps)})
      if (last == 0 && std::fabs(steps - candidate) <= slack && candidate >= 1 && candidate <= highest)
        last = candidate;
    if (last == 0)
      contradict("max - min is " + shown(json(steps)) + " times the scale; expected a whole number from 1 to " +
                 shown(json(static_cast<std::int64_t>(highest))) + ", the codes of " + std::to_string(e.bits) +
                 " bits less one");
    if (!(std::fabs(minimum / scale - static_cast<double>(e.offset[i])) <= 0.5 + slack))
      contradict("min is " + shown(json(minimum / scale)) +
                 " times the scale; expected the offset, within half a step");
    return static_cast<std::int64_t>(last);
  }

  void add(encoding_entry e) {
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
      encoding_entry e;
      e.name = name;
      e.role = role;
      std::vector<double> minimum;
      std::vector<double> maximum;
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
        const std::vector<double> low = ends(slot, "min", 1);
        const std::vector<double> high = ends(slot, "max", 1);
        if (low.empty() != high.empty() || (i != 0 && low.empty() != minimum.empty()))
          fail(std::string("has ") + (low.empty() ? "no min" : "a min") + " and " +
               (high.empty() ? "no max" : "a max") + "; expected both or neither, as in the tensor's first entry");
        minimum.insert(minimum.end(), low.begin(), low.end());
        maximum.insert(maximum.end(), high.begin(), high.end());
      }
      entry_ = std::string(section) + " '" + shown(name) + "'";
      read_last_codes(e, minimum, maximum);
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
      encoding_entry e;
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

  void read_fields_1_0_0(const json& object, encoding_entry& e) const {
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
    read_last_codes(e, ends(object, "min", e.scale.size()), ends(object, "max", e.scale.size()));
  }

  void refuse_blocks(const json& object) const {
    for (const char* key : {"block_size", "per_block_int_scale", "per_channel_float_scale", "compressed_bw",
                            "rows_per_block", "vector_dim"})
      if (member(object, key) != nullptr)
        fail(std::string("has '") + key + "': block, LPBQ and VECTOR encodings are not supported", errc::unsupported);
    if (member(object, "zero_point_shift") != nullptr)
      fail("has 'zero_point_shift', which is not supported", errc::unsupported);
  }

  void read_fields_2_0_0(const json& object, encoding_entry& e) const {
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
    if (e.type != encoding_type::integer) return;
    e.symmetric = all_zero && *e.is_signed;
    read_last_codes(e, ends(object, "min", e.scale.size()), ends(object, "max", e.scale.size()));
  }

  const std::string& where_;
  std::string entry_;
  std::set<std::string> names_;
  encodings result_;
};

}  // namespace xquant::io::detail
