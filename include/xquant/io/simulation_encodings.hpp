// Between a simulation and the files: its encodings taken out and put back, and what the ONNX writer needs of it.
#pragma once

#include <xquant/exception.hpp>
#include <xquant/io/encodings.hpp>
#include <xquant/io/error.hpp>
#include <xquant/io/onnx_writer.hpp>
#include <xquant/model/error.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/runtime.hpp>

#include <cstddef>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::io {

/// The encodings of everything a simulation quantizes, activations first, by the names its network has. What has no
/// parameters stays float and is left out, as AIMET does.
template <class Simulation>
encodings encodings_of(const Simulation& s, encodings_schema schema = encodings_schema::v1_0_0) {
  const model::graph& g = s.network();
  encodings result;
  result.schema = schema;
  for (const auto& a : s.activations()) {
    if (!a.ready()) continue;
    const auto& info = g.value(a.value);
    result.entries.push_back(
        encoding_of(info.name, encoding_role::activation, a.quantizer, a.parameters, info.dimensions.size()));
  }
  for (const auto& w : s.weights()) {
    if (!w.ready()) continue;
    result.entries.push_back(encoding_of(g.name_of(w.site.value), encoding_role::parameter, w.quantizer, w.parameters,
                                         g.constant(w.site.value)->shape().rank));
  }
  return result;
}

/// Gives entries whose role is unknown (schema 2.0.0) the one their tensor has in the network: constants are
/// parameters, and so is what the network does not know (a folded bias, say).
inline void resolve_roles(encodings& all, const model::graph& g) {
  for (encoding& e : all.entries) {
    if (e.role != encoding_role::unknown) continue;
    const model::value_id id = g.find(e.name);
    const bool computed = id != model::no_value && g.constant(id) == nullptr;
    e.role = computed ? encoding_role::activation : encoding_role::parameter;
  }
}

/// How encodings are put into a simulation.
struct load_options {
  bool partial = false;  ///< keep what the file does not name; otherwise that stays float
  bool frozen = true;    ///< range rules no longer change what was loaded; otherwise it is where they start
};

/// What load_encodings did, by tensor name.
struct loaded_encodings {
  std::vector<std::string> loaded;    ///< given the file's quantizer and parameters
  std::vector<std::string> floating;  ///< left float: by the file's word, or (unless partial) for lack of an entry
  std::vector<std::string> ignored;   ///< integer biases, which a simulation computes in float
};

namespace detail {

// One entry into `s`, with messages that name it.
template <class Simulation>
void load_encoding(Simulation& s, const encoding& e, const load_options& options, loaded_encodings& report) {
  const model::graph& g = s.network();
  const model::value_id id = g.find(e.name);
  if (id == model::no_value)
    throw io_error(errc::malformed, "encoding of '" + shown(e.name) + "': the network has no tensor of that name");
  const model::tensor* constant = g.constant(id);
  if (e.type == encoding_type::integer && e.bits == 32 && constant != nullptr) {
    report.ignored.push_back(e.name);
    return;
  }
  if (e.type == encoding_type::floating) {
    if (constant != nullptr)
      s.leave_weight_float(id);
    else
      s.leave_activation_float(id);
    report.floating.push_back(e.name);
    return;
  }
  quantizer_description like;
  if (constant == nullptr) {
    for (const auto& a : s.activations())
      if (a.value == id) like = a.quantizer;
    const quantizer_and_parameters q = quantizer_of(e, like);
    s.set_activation(id, q.quantizer, q.parameters, options.frozen);
  } else {
    for (const auto& w : s.weights())
      if (w.site.value == id) {
        like = w.quantizer;
        like.axis = w.site.axis;
      }
    const quantizer_and_parameters q = quantizer_of(e, like);
    const xquant::shape& shape = constant->shape();
    const auto rank = static_cast<std::ptrdiff_t>(shape.rank);
    const std::ptrdiff_t axis = q.quantizer.axis < 0 ? q.quantizer.axis + rank : q.quantizer.axis;
    if (e.per_channel && axis >= 0 && axis < rank && shape[static_cast<std::size_t>(axis)] != e.scale.size())
      throw io_error(errc::unsupported, "encoding of '" + shown(e.name) + "': " + std::to_string(e.scale.size()) +
                                            " scales; expected " +
                                            std::to_string(shape[static_cast<std::size_t>(axis)]) +
                                            ", one for each slice of axis " + std::to_string(axis) + " of " +
                                            model::to_text(shape) + " (block and LPBQ encodings are not supported)");
    s.set_weight(id, q.quantizer, q.parameters);
  }
  report.loaded.push_back(e.name);
}

}  // namespace detail

/// Gives the simulation's tensors the quantizers and parameters of `all`, matched by name. A tensor that had no
/// quantizer gets one. What the entries do not say (rounding, arithmetic, a channel axis before 2.0.0) stays as the
/// simulation has it. Throws io_error, naming the entry, for a name the network does not have, block encodings
/// flattened by 0.6.1, parameters that do not fit the tensor and formats the simulation was not compiled for; the
/// simulation has not changed then.
template <class Simulation>
loaded_encodings load_encodings(Simulation& s, const encodings& all, const load_options& options = {}) {
  loaded_encodings report;
  Simulation next = s;
  std::unordered_set<std::string> named;
  for (const encoding& e : all.entries) {
    named.insert(e.name);
    try {
      detail::load_encoding(next, e, options, report);
    } catch (const xquant::error& bad) {
      throw io_error(bad.code(), "encoding of '" + detail::shown(e.name) + "': " + bad.what());
    } catch (const model::model_error& bad) {
      throw io_error(bad.code(), "encoding of '" + detail::shown(e.name) + "': " + bad.what());
    }
  }
  if (!options.partial) {
    const model::graph& g = next.network();
    std::vector<model::value_id> activations;
    std::vector<model::value_id> weights;
    for (const auto& a : next.activations())
      if (named.count(g.name_of(a.value)) == 0) activations.push_back(a.value);
    for (const auto& w : next.weights())
      if (named.count(g.name_of(w.site.value)) == 0) weights.push_back(w.site.value);
    for (const model::value_id id : activations) next.leave_activation_float(id);
    for (const model::value_id id : weights) next.leave_weight_float(id);
    activations.insert(activations.end(), weights.begin(), weights.end());
    for (const model::value_id id : activations) report.floating.push_back(g.name_of(id));
  }
  s = std::move(next);
  return report;
}

/// What the simulation quantizes, for write_quantized_onnx. It refers to the simulation's network.
template <class Simulation>
quantized_network quantized_network_of(const Simulation& s) {
  quantized_network result{&s.network(), {}, {}};
  for (const auto& w : s.weights())
    if (w.ready()) result.weights.push_back({w.site.value, w.quantizer, w.parameters});
  for (const auto& a : s.activations())
    if (a.ready()) result.activations.push_back({a.value, a.quantizer, a.parameters});
  return result;
}

}  // namespace xquant::io
