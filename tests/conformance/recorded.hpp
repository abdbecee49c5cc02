// What a peer recorded: the cases of a manifest.json, and tensors as values that can be compared.
#pragma once

#include <xquant/core/view.hpp>
#include <xquant/model/tensor.hpp>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace conformance {

using json = nlohmann::json;

/// Elements of a tensor, exactly: floats of either width as double, integers of any as int64.
enum class element { float32, float64, integer };

struct value {
  element type = element::integer;
  xquant::shape shape{};
  std::vector<double> real;
  std::vector<std::int64_t> integer;

  [[nodiscard]] std::size_t size() const { return type == element::integer ? integer.size() : real.size(); }
};

value value_of(const xquant::model::tensor& t);
value value_of(const std::vector<float>& x, const xquant::shape& s);
value value_of(const std::vector<double>& x, const xquant::shape& s);
template <class Code>
value value_of(const std::vector<Code>& codes, const xquant::shape& s) {
  return {element::integer, s, {}, std::vector<std::int64_t>(codes.begin(), codes.end())};
}

/// One case. Arrays are read when they are asked for.
class recorded_case {
 public:
  recorded_case(std::string peer, std::string folder, json description, json default_compare);

  [[nodiscard]] const std::string& peer() const { return peer_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& op() const { return op_; }
  [[nodiscard]] bool raises() const { return description_.contains("raises"); }

  [[nodiscard]] bool has_input(const std::string& key) const { return has("inputs", key); }
  [[nodiscard]] bool has_output(const std::string& key) const { return has("outputs", key); }
  [[nodiscard]] std::vector<std::string> outputs() const;
  /// The array of an input or output. Throws when the case has none of that name, or its file cannot be read.
  [[nodiscard]] xquant::model::tensor input(const std::string& key) const { return array("inputs", key); }
  [[nodiscard]] xquant::model::tensor output(const std::string& key) const { return array("outputs", key); }
  [[nodiscard]] xquant::model::element_type input_type(const std::string& key) const {
    return has_input(key) ? input(key).type() : xquant::model::element_type::undefined;
  }

  /// Whether the case has a parameter that is not null.
  [[nodiscard]] bool has(const std::string& key) const;
  /// A parameter, or `otherwise` when there is none. A real comes from its hex twin, hence exact.
  [[nodiscard]] std::string text(const std::string& key, const std::string& otherwise = "") const;
  [[nodiscard]] std::int64_t integer(const std::string& key, std::int64_t otherwise) const;
  [[nodiscard]] bool truth(const std::string& key, bool otherwise) const;
  [[nodiscard]] double real(const std::string& key, double otherwise) const;
  /// A parameter that is a list of numbers, or one number as a list.
  [[nodiscard]] std::vector<double> reals(const std::string& key) const;
  /// All of them as they lie in the file, and one of them.
  [[nodiscard]] const json& parameters() const { return description_.at("params"); }
  [[nodiscard]] const json& parameter(const std::string& key) const;

  /// How an output is compared: "bits", {"rtol", "atol"} or {"ulp"}.
  [[nodiscard]] json compare(const std::string& output) const;

 private:
  [[nodiscard]] bool has(const char* section, const std::string& key) const;
  [[nodiscard]] xquant::model::tensor array(const char* section, const std::string& key) const;

  std::string peer_;
  std::string folder_;
  json description_;
  json default_compare_;
  std::string name_;
  std::string op_;
};

/// The cases of FOLDER/manifest.json. The peer is the one whose script the manifest names (`make_PEER.py`), else the
/// folder's name. Throws std::runtime_error when there is no such file or it is not what it should be.
struct recording {
  std::string peer;
  std::vector<recorded_case> cases;
};
recording read_recording(const std::string& folder);

inline bool is_float32(const recorded_case& c, const char* key) {
  return c.input_type(key) == xquant::model::element_type::float32;
}
inline bool has_float32_data(const recorded_case& c) { return is_float32(c, "x"); }
/// The elements of a tensor of float32.
inline xquant::tensor_view<const float> view_of(const xquant::model::tensor& t) { return {t.data<float>(), t.shape()}; }

}  // namespace conformance
