// Between a simulation and the files: its encodings taken out and put back, and what the ONNX writer needs of it.
#pragma once

#include <xquant/exception.hpp>
#include <xquant/io/encodings.hpp>
#include <xquant/io/error.hpp>
#include <xquant/io/onnx_writer.hpp>
#include <xquant/model/error.hpp>
#include <xquant/model/fault.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/op/plain.hpp>
#include <xquant/runtime.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
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
    result.entries.push_back(entry_of(info.name, encoding_role::activation, a.encoding, info.dimensions.size()));
  }
  for (const auto& w : s.weights()) {
    if (!w.ready()) continue;
    result.entries.push_back(entry_of(g.name_of(w.site.value), encoding_role::parameter, w.encoding,
                                      g.constant(w.site.value)->shape().rank));
  }
  return result;
}

/// Gives entries whose role is unknown (schema 2.0.0) the one their tensor has in the network: constants are
/// parameters, and so is what the network does not know (a folded bias, say).
inline void resolve_roles(encodings& all, const model::graph& g) {
  for (encoding_entry& e : all.entries) {
    if (e.role != encoding_role::unknown) continue;
    const model::value_id id = g.find_called(e.name);
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

// Entries speak of the network as AIMET has it. Beside names from before batch norms were folded (find_called) these
// are its copies, NAME_copy_1 and so on, of a constant NAME that several nodes read.
inline model::value_id value_called(const model::graph& g, const std::string& name) {
  const model::value_id id = g.find_called(name);
  if (id != model::no_value) return id;
  const std::size_t at = name.rfind("_copy_");
  if (at == std::string::npos || at + 6 == name.size() ||
      name.find_first_not_of("0123456789", at + 6) != std::string::npos)
    return id;
  const model::value_id original = g.find_called(name.substr(0, at));
  return original != model::no_value && g.constant(original) != nullptr ? original : id;
}

inline bool same_numbers(const encoding_entry& a, const encoding_entry& b) {
  encoding_entry same = b;
  same.name = a.name;
  return a == same;
}

// Throws unless every channel of a rounded constant keeps to its codes.
inline void check_channel_codes(const encoding_entry& e, const entry_encoding& q, const model::tensor& rounded) {
  const xquant::shape& shape = rounded.shape();
  const std::ptrdiff_t axis = axis_of(q.encoding.quantizer.granularity, shape.rank);
  std::size_t inner = 1;
  for (std::size_t d = static_cast<std::size_t>(axis) + 1; d < shape.rank; ++d) inner *= shape[d];
  for (std::size_t i = 0; i < rounded.size(); ++i) {
    const std::size_t c = i / inner % q.channel_codes.size();
    const double code = std::nearbyint(static_cast<double>(rounded.data<float>()[i]) /
                                       static_cast<double>(q.encoding.parameters.scale()[c])) +
                        static_cast<double>(q.encoding.parameters.zero_point()[c]);
    const code_bounds& codes = q.channel_codes[c];
    if (code < codes.lower || code > codes.upper)
      throw io_error(errc::unsupported, "encoding of '" + shown(e.name) + "': channel " + std::to_string(c) +
                                            " ends at other codes than the rest, and element " + std::to_string(i) +
                                            " lies beyond its end; expected channels with the same codes");
  }
}

// Where the slices of a constant's dimensions are in a value that is read instead of it.
struct stand_in {
  model::value_id value = model::no_value;
  std::vector<std::optional<std::size_t>> dimension;
};

// Whether anybody but Identity nodes, which give a constant another name, reads a value.
inline bool is_read(const model::graph& g, model::value_id id) {
  if (g.is_output(id)) return true;
  for (const model::node_id reader : g.consumers(id))
    if (!model::is_identity(g.node_at(reader))) return true;
  return false;
}

// The values the network reads in the place of constant `id`, as far as `counts` says so; itself first: its other names
// (Identity nodes), what has its elements in another order (graph::moved_constants), and what took their places when
// batch norms were folded.
template <class Counts>
void add_stand_ins(const model::graph& g, model::value_id id, const std::vector<std::optional<std::size_t>>& dimension,
                   const Counts& counts, std::vector<stand_in>& result) {
  const auto now = [&](model::value_id value) { return g.find_called(g.name_of(value)); };
  if (counts(id)) result.push_back({id, dimension});
  for (const model::node_id reader : g.consumers(id)) {
    if (!model::is_identity(g.node_at(reader))) continue;
    const model::value_id other = now(g.node_at(reader).outputs.at(0));
    if (g.constant(other) != nullptr) add_stand_ins(g, other, dimension, counts, result);
  }
  for (const model::moved_constant& m : g.moved_constants()) {
    if (m.from != id) continue;
    std::vector<std::optional<std::size_t>> through(dimension.size());
    for (std::size_t d = 0; d < dimension.size(); ++d)
      if (dimension[d]) through[d] = m.dimension.at(*dimension[d]);
    add_stand_ins(g, now(m.to), through, counts, result);
  }
}

// The weights that are read in the place of a constant, or when there are none what else is; nothing when that is
// nothing.
template <class Simulation>
std::vector<stand_in> stand_ins(const Simulation& s, model::value_id id) {
  const model::graph& g = s.network();
  const auto is_weight = [&](model::value_id value) {
    for (const auto& w : s.weights())
      if (w.site.value == value && is_read(g, value)) return true;
    return false;
  };
  std::vector<std::optional<std::size_t>> same(g.constant(id)->shape().rank);
  for (std::size_t d = 0; d < same.size(); ++d) same[d] = d;
  std::vector<stand_in> result;
  add_stand_ins(g, id, same, is_weight, result);
  if (result.empty())
    add_stand_ins(
        g, id, same, [&](model::value_id value) { return is_read(g, value); }, result);
  return result;
}

// The values that have the elements of the constant an entry names, with what the entry says of each. `named` says
// whether the file has an entry for a value itself.
template <class Simulation, class Named>
std::vector<std::pair<model::value_id, encoding_entry>> placed_encodings(const Simulation& s, const encoding_entry& e,
                                                                         model::value_id id, const Named& named) {
  const model::graph& g = s.network();
  if (g.constant(id) == nullptr) return {{id, e}};
  const std::vector<stand_in> places = stand_ins(s, id);
  if (places.empty()) {
    // What asks for nothing may name what nobody reads.
    if (e.type == encoding_type::floating || (e.type == encoding_type::integer && e.bits == 32)) return {{id, e}};
    const auto& used_up = g.used_up_constants();
    const bool computes = std::find(used_up.begin(), used_up.end(), id) != used_up.end();
    throw io_error(errc::unsupported,
                   "encoding of '" + shown(e.name) + "': " +
                       (computes ? "a constant that other constants are computed from; expected the name of one of "
                                   "those, which the network reads instead"
                                 : "a constant that nothing in the network reads; expected one that is read"));
  }
  std::vector<std::pair<model::value_id, encoding_entry>> result;
  const bool itself = places.front().value == id;
  for (const stand_in& place : places) {
    // A constant that is a weight under two names may have an entry for each.
    if (itself && place.value != id && named(place.value)) continue;
    encoding_entry placed = e;
    if (e.per_channel && e.axis) {
      const std::ptrdiff_t axis = *e.axis;
      const bool is_there = axis >= 0 && static_cast<std::size_t>(axis) < place.dimension.size();
      if (place.value != id && (!is_there || !place.dimension[static_cast<std::size_t>(axis)]))
        throw io_error(errc::unsupported, "encoding of '" + shown(e.name) + "': axis " + std::to_string(axis) +
                                              " is no dimension of '" + shown(g.name_of(place.value)) +
                                              "', which the network reads instead");
      if (place.value != id)
        placed.axis = static_cast<std::ptrdiff_t>(*place.dimension[static_cast<std::size_t>(axis)]);
    }
    result.emplace_back(place.value, std::move(placed));
  }
  return result;
}

// One entry into `s`, with messages that name it.
template <class Simulation>
void load_encoding(Simulation& s, const encoding_entry& e, model::value_id id, const load_options& options,
                   loaded_encodings& report) {
  const model::graph& g = s.network();
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
      if (a.value == id) like = a.encoding.quantizer;
    const entry_encoding q = encoding_of(e, like);
    if (!q.channel_codes.empty())
      throw io_error(errc::unsupported, "encoding of '" + shown(e.name) +
                                            "': channels of an activation that end at different codes; expected the "
                                            "same for all");
    s.set_activation(id, q.encoding, options.frozen);
  } else {
    bool has_channels = true;
    for (const auto& w : s.weights())
      if (w.site.value == id) {
        like = w.encoding.quantizer;
        like.granularity = per_axis<>{w.site.axis};
        has_channels = w.site.has_channels;
      }
    entry_encoding q = encoding_of(e, like);
    if (e.per_channel && !e.axis && e.scale.size() == 1) q.encoding.quantizer.granularity = per_tensor{};
    const bool by_channel = q.encoding.quantizer.granularity.is<per_axis<>>();
    if (by_channel && !e.axis && !has_channels)
      throw io_error(errc::unsupported, "encoding of '" + shown(e.name) + "': " + std::to_string(e.scale.size()) +
                                            " scales without an axis; expected one, since every dimension of " +
                                            model::to_text(constant->shape()) + " is summed over");
    const xquant::shape& shape = constant->shape();
    const auto rank = static_cast<std::ptrdiff_t>(shape.rank);
    const std::ptrdiff_t axis = by_channel ? axis_of(q.encoding.quantizer.granularity, shape.rank) : 0;
    if (by_channel && axis >= 0 && axis < rank && shape[static_cast<std::size_t>(axis)] != e.scale.size())
      throw io_error(errc::unsupported, "encoding of '" + shown(e.name) + "': " + std::to_string(e.scale.size()) +
                                            " scales; expected " +
                                            std::to_string(shape[static_cast<std::size_t>(axis)]) +
                                            ", one for each slice of axis " + std::to_string(axis) + " of " +
                                            model::to_text(shape) + " (block and LPBQ encodings are not supported)");
    s.set_weight(id, q.encoding);
    if (!q.channel_codes.empty()) check_channel_codes(e, q, s.quantized_weights().at(id));
  }
  report.loaded.push_back(e.name);
}

}  // namespace detail

/// Gives the simulation's tensors the quantizers and parameters of `all`, matched by name: the network's, or what AIMET
/// calls the value in the network it was made from (the Conv's output where a batch norm was folded into it, the weight
/// that there was before; graph::find_called). An entry for a constant whose elements are read behind Identity,
/// Transpose, Reshape and the like is that of what is read there, with its axis. Entries for the copies that AIMET
/// makes of a shared constant (NAME_copy_1) must be those of the constant. A tensor that had no quantizer gets one.
/// What the entries do not say (rounding, arithmetic, a channel axis before 2.0.0) stays as the simulation has it.
/// Throws io_error, naming the entry, for a name the network does not have or a constant that it does not read, neither
/// itself nor behind nodes that move its elements, two entries for one tensor (a file about the network before its
/// batch norms were folded), block encodings flattened by 0.6.1, parameters that do not fit the tensor, channels that
/// end at different codes where the weight needs more, and formats the simulation was not compiled for; the simulation
/// has not changed then.
template <class Simulation>
loaded_encodings load_encodings(Simulation& s, const encodings& all, const load_options& options = {}) {
  loaded_encodings report;
  Simulation next = s;
  std::unordered_map<model::value_id, const encoding_entry*> named;
  std::unordered_set<model::value_id> named_itself;
  for (const encoding_entry& e : all.entries) named_itself.insert(detail::value_called(next.network(), e.name));
  const auto has_entry = [&](model::value_id id) { return named_itself.count(id) != 0; };
  for (const encoding_entry& e : all.entries) {
    try {
      const model::value_id named_id = detail::value_called(next.network(), e.name);
      if (named_id == model::no_value)
        throw io_error(errc::malformed,
                       "encoding of '" + detail::shown(e.name) + "': the network has no tensor of that name");
      for (const auto& [id, entry] : detail::placed_encodings(next, e, named_id, has_entry)) {
        if (const auto [other, added] = named.emplace(id, &e); !added) {
          if (next.network().constant(id) != nullptr && detail::same_numbers(*other->second, e)) {
            report.loaded.push_back(e.name);
            continue;
          }
          throw io_error(errc::malformed,
                         "encodings of '" + detail::shown(e.name) + "' and '" + detail::shown(other->second->name) +
                             "': both are '" + detail::shown(next.network().name_of(id)) +
                             "' in this network; expected one (a batch norm between them was folded, or "
                             "they are copies of one constant)");
        }
        detail::load_encoding(next, entry, id, options, report);
      }
    } catch (const model::model_error& bad) {
      throw io_error(bad.code(), "encoding of '" + detail::shown(e.name) + "': " + model::unprefixed(bad.what()));
    }
  }
  if (!options.partial) {
    const model::graph& g = next.network();
    std::vector<model::value_id> activations;
    std::vector<model::value_id> weights;
    for (const auto& a : next.activations())
      if (named.count(a.value) == 0) activations.push_back(a.value);
    for (const auto& w : next.weights())
      if (named.count(w.site.value) == 0) weights.push_back(w.site.value);
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
    if (w.ready()) result.weights.push_back({w.site.value, w.encoding});
  for (const auto& a : s.activations())
    if (a.ready()) result.activations.push_back({a.value, a.encoding});
  return result;
}

}  // namespace xquant::io
