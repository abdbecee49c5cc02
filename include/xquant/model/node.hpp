// One node of a network: its operator's name, what it reads and computes, its attributes.
#pragma once

#include <xquant/abi.hpp>
#include <xquant/model/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

using value_id = std::size_t;  ///< index into graph::values()
using node_id = std::size_t;   ///< index into graph::nodes(); changes when nodes are removed or reordered
inline constexpr value_id no_value = static_cast<value_id>(-1);  ///< an optional input or output left out
inline constexpr node_id no_node = static_cast<node_id>(-1);

/// An attribute of a kind the library has no use for (a subgraph, a sparse tensor ...), kept so that a refusal can name
/// it.
struct unsupported_attribute {
  std::string kind;
};

using attribute = std::variant<unsupported_attribute, std::int64_t, float, std::string, tensor,
                               std::vector<std::int64_t>, std::vector<float>, std::vector<std::string>>;

struct node {
  std::string name;
  std::string op_type;
  std::string domain;  ///< "" is the default ONNX domain
  std::vector<value_id> inputs;
  std::vector<value_id> outputs;
  std::map<std::string, attribute> attributes;
};

/// A node's attribute of type T, or null where it has none of that name and type.
template <class T>
const T* attribute_of(const node& n, const char* name) {
  const auto found = n.attributes.find(name);
  return found == n.attributes.end() ? nullptr : std::get_if<T>(&found->second);
}
/// The attribute's value, or `otherwise`.
template <class T>
T attribute_or(const node& n, const char* name, T otherwise) {
  const T* value = attribute_of<T>(n, name);
  return value == nullptr ? otherwise : *value;
}

}  // namespace xquant::model
