// AIMET's encodings files, written through nlohmann-json.
#pragma once

#include <xquant/io/encoding_entry.hpp>
#include <xquant/io/error.hpp>
#include <xquant/version.hpp>

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace xquant::inline XQUANT_ABI::io::detail {

using json = nlohmann::ordered_json;

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
      for (const encoding_entry& e : all_.entries)
        if (e.type != encoding_type::floating) result["encodings"].push_back(entry_2_0_0(e));
      return result;
    }
    const bool old = all_.schema == encodings_schema::v0_6_1;
    result["activation_encodings"] = old ? json::object() : json::array();
    result["param_encodings"] = old ? json::object() : json::array();
    for (const encoding_entry& e : all_.entries) {
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
  [[noreturn]] static void refuse(const encoding_entry& e, const std::string& problem) {
    throw io_error(errc::unsupported, "encoding of '" + e.name + "': " + problem);
  }

  // AIMET's summary of how the quantizers were made; its loaders do not read it.
  json arguments() const {
    const bool old = all_.schema == encodings_schema::v0_6_1;
    json result;
    bool per_channel = false;
    bool symmetric = true;
    for (const encoding_entry& e : all_.entries) {
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

  static json entry_0_6_1(const encoding_entry& e) {
    if (e.type == encoding_type::floating) return json::array({{{"bitwidth", e.bits}, {"dtype", "float"}}});
    json slots = json::array();
    const std::vector<std::int64_t> last = last_codes_of(e);
    for (std::size_t i = 0; i < e.scale.size(); ++i) {
      const auto steps = static_cast<double>(last[i]);
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

  static bool uses_all_codes(const encoding_entry& e) {
    bool all = true;
    for (const std::int64_t last : last_codes_of(e)) all = all && last == (std::int64_t{1} << e.bits) - 1;
    return all;
  }

  static json entry_1_0_0(const encoding_entry& e) {
    json result = {{"name", e.name}, {"enc_type", e.per_channel ? "PER_CHANNEL" : "PER_TENSOR"}};
    result["dtype"] = e.type == encoding_type::integer ? "INT" : "FLOAT";
    result["bw"] = e.bits;
    if (e.type == encoding_type::floating) return result;
    // Without minimum and maximum a symmetric entry of these offsets would be strict: the numbers say what it is.
    const bool all_codes = uses_all_codes(e);
    result["is_sym"] = e.symmetric && (e.last_code.empty() || !all_codes);
    if (!e.last_code.empty() && !all_codes)
      refuse(e,
             "schema 1.0.0 does not say where codes end that are fewer than those of the bits; expected 0.6.1, which "
             "gives minimum and maximum");
    result["scale"] = e.scale;
    result["offset"] = e.offset;
    return result;
  }

  static json entry_2_0_0(const encoding_entry& e) {
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
    const std::vector<std::int64_t> last = last_codes_of(e);
    for (std::size_t i = 0; i < e.offset.size(); ++i) {
      const std::int64_t steps = last[i];
      const std::int64_t full = (std::int64_t{1} << e.bits) - 1;
      // Narrow codes are the full ones whose lowest is never used: the same zero point, which is 0.
      const bool narrow = e.symmetric && steps == full - 1 && e.offset[i] == -(steps / 2);
      if (!narrow && steps != full)
        refuse(e,
               "schema 2.0.0 does not say where codes end that are fewer than those of the bits; expected 0.6.1, "
               "which gives minimum and maximum");
      zero_points.push_back(narrow ? 0 : lowest - e.offset[i]);
      any = any || zero_points.back() != 0;
    }
    if (any) result["y_zero_point"] = e.per_channel ? json(zero_points) : json(zero_points.at(0));
    return result;
  }

  const encodings& all_;
};

}  // namespace xquant::io::detail
