#include "recorded.hpp"

#include <xquant/io/npy.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <stdexcept>
#include <utility>

namespace conformance {

namespace {

using xquant::model::element_type;

template <class T>
value integers(const xquant::model::tensor& t) {
  const auto x = t.values<T>();
  return {element::integer, t.shape(), {}, std::vector<std::int64_t>(x.begin(), x.end())};
}

template <class T>
value reals(element type, const T* first, const xquant::shape& s) {
  return {type, s, std::vector<double>(first, first + s.size()), {}};
}

}  // namespace

value value_of(const xquant::model::tensor& t) {
  switch (t.type()) {
    case element_type::float32: return reals(element::float32, t.data<float>(), t.shape());
    case element_type::float64: return reals(element::float64, t.data<double>(), t.shape());
    case element_type::uint8: return integers<std::uint8_t>(t);
    case element_type::int8: return integers<std::int8_t>(t);
    case element_type::uint16: return integers<std::uint16_t>(t);
    case element_type::uint32: return integers<std::uint32_t>(t);
    case element_type::int32: return integers<std::int32_t>(t);
    case element_type::int64: return integers<std::int64_t>(t);
    default: throw std::runtime_error(std::string("an array of ") + xquant::model::name_of(t.type()));
  }
}
value value_of(const std::vector<float>& x, const xquant::shape& s) { return reals(element::float32, x.data(), s); }
value value_of(const std::vector<double>& x, const xquant::shape& s) { return reals(element::float64, x.data(), s); }

recorded_case::recorded_case(std::string peer, std::string folder, json description, json default_compare)
    : peer_(std::move(peer)),
      folder_(std::move(folder)),
      description_(std::move(description)),
      default_compare_(std::move(default_compare)),
      name_(description_.at("name")),
      op_(description_.at("op")) {}

std::vector<std::string> recorded_case::outputs() const {
  std::vector<std::string> names;
  if (const auto found = description_.find("outputs"); found != description_.end())
    for (const auto& [name, file] : found->items()) names.push_back(name);
  return names;
}

bool recorded_case::has(const char* section, const std::string& key) const {
  const auto found = description_.find(section);
  return found != description_.end() && found->contains(key);
}

xquant::model::tensor recorded_case::array(const char* section, const std::string& key) const {
  return xquant::io::read_npy(folder_ + "/" + description_.at(section).at(key).get<std::string>());
}

const json& recorded_case::parameter(const std::string& key) const { return description_.at("params").at(key); }

bool recorded_case::has(const std::string& key) const { return has("params", key) && !parameter(key).is_null(); }

std::string recorded_case::text(const std::string& key, const std::string& otherwise) const {
  return has(key) ? parameter(key).get<std::string>() : otherwise;
}
std::int64_t recorded_case::integer(const std::string& key, std::int64_t otherwise) const {
  return has(key) ? parameter(key).get<std::int64_t>() : otherwise;
}
bool recorded_case::truth(const std::string& key, bool otherwise) const {
  return has(key) ? parameter(key).get<bool>() : otherwise;
}
double recorded_case::real(const std::string& key, double otherwise) const {
  // A number that JSON cannot hold is null (or text) and has only its twin.
  if (has("params", key + "_hex")) return std::strtod(parameter(key + "_hex").get<std::string>().c_str(), nullptr);
  return has(key) ? parameter(key).get<double>() : otherwise;
}

std::vector<double> recorded_case::reals(const std::string& key) const {
  if (!parameter(key).is_array()) return {real(key, 0)};
  std::vector<double> list;
  if (has("params", key + "_hex"))
    for (const json& one : parameter(key + "_hex"))
      list.push_back(std::strtod(one.get<std::string>().c_str(), nullptr));
  else
    for (const json& one : parameter(key)) list.push_back(one.get<double>());
  return list;
}

json recorded_case::compare(const std::string& output) const {
  const auto found = description_.find("float_compare");
  if (found == description_.end() || found->is_null()) return default_compare_;
  const bool one_for_all =
      !found->is_object() || found->contains("rtol") || found->contains("atol") || found->contains("ulp");
  if (one_for_all) return *found;
  for (const std::string& key : {output, std::string("*")})
    if (found->contains(key)) return found->at(key);
  return default_compare_;
}

recording read_recording(const std::string& folder) {
  std::ifstream file(folder + "/manifest.json", std::ios::binary);
  if (!file) throw std::runtime_error(folder + ": no manifest.json can be read there");
  try {
    const json manifest = json::parse(file);
    const json by_default = manifest.value("float_compare", json("bits"));
    recording result;
    std::smatch script;
    const std::string made_by = manifest.value("made_by", "");
    if (std::regex_search(made_by, script, std::regex("make_([A-Za-z0-9_]+)\\.py")))
      result.peer = script[1];
    else
      result.peer = std::filesystem::canonical(folder).filename().string();
    for (const json& description : manifest.at("cases"))
      result.cases.emplace_back(result.peer, folder, description, by_default);
    return result;
  } catch (const json::exception& e) {
    throw std::runtime_error(folder + "/manifest.json: " + e.what());
  }
}

}  // namespace conformance
