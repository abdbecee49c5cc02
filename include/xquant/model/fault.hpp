// Where in a network a fault is: errors of the library's tensors gain the node and the value, errors of a run the
// sample. A name is added where it is known, once, by the functions here.
#pragma once

#include <xquant/core/view.hpp>
#include <xquant/error.hpp>
#include <xquant/message.hpp>
#include <xquant/model/error.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/tensor.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// A fault that one sample of a batch has by itself. `what()` is "xquant: sample SAMPLE: DETAIL".
class sample_error : public model_error {
 public:
  sample_error(errc code, std::size_t sample, const std::string& detail)
      : model_error(code, "sample " + std::to_string(sample) + ": " + detail), sample_(sample), detail_(detail) {}
  [[nodiscard]] std::size_t sample() const noexcept { return sample_; }  ///< its index in the inputs given
  [[nodiscard]] const std::string& detail() const noexcept { return detail_; }

 private:
  std::size_t sample_;
  std::string detail_;
};

/// The text of an error of this library without the "xquant: " it begins with, to put a name in front of it.
inline std::string unprefixed(const char* what) {
  const std::string_view text = what;
  constexpr std::string_view prefix = "xquant: ";
  return std::string(text.substr(0, prefix.size()) == prefix ? text.substr(prefix.size()) : text);
}

/// "value 'y' of node 'c1' (Conv, opset 21)", "input 'x'", "constant 'w1' of node 'c1' (Conv, opset 21)" (its first
/// reader). Any number is taken.
inline std::string described_value(const graph& g, value_id id) {
  if (id >= g.values().size()) return "value number " + std::to_string(id);
  const std::string name = in_quotes(g.name_of(id));
  if (!g.finished()) return "value " + name;
  if (g.is_input(id)) return "input " + name;
  const node_id from = g.producer(id);
  if (from != no_node && g.constant(id) == nullptr) return "value " + name + " of " + g.describe(g.node_at(from));
  const std::vector<node_id>& readers = g.consumers(id);
  return "constant " + name + (readers.empty() ? "" : " of " + g.describe(g.node_at(readers.front())));
}

/// "element [0, 3, 5]": element `index`, counted with the last dimension fastest.
inline std::string described_element(const shape& s, std::size_t index) {
  std::vector<std::size_t> at(s.rank, 0);
  for (std::size_t d = s.rank; d-- > 0;) {
    if (s[d] == 0) continue;
    at[d] = index % s[d];
    index /= s[d];
  }
  std::string text = "element [";
  for (std::size_t d = 0; d < at.size(); ++d) text += (d == 0 ? "" : ", ") + std::to_string(at[d]);
  return text + "]";
}

/// Throws a model_error of s's code, "WHERE: TEXT", unless s is ok. `where()` names what was worked on; it is asked
/// only then. An element of the data (the argument "x" of the library's functions) is named by its position in `s`.
template <class Where>
void require(const status& what, const Where& where, const shape& s = {}) {
  if (what.ok()) return;
  constexpr std::string_view element = "element";
  status shown = what;
  const bool is_data = std::string_view(what.argument) == "x" && what.place == fault_place::element;
  if (is_data) {
    shown.argument = element.data();
    shown.index = 0;
  }
  char message[256];
  format_message(shown, message, sizeof message);
  std::string text = unprefixed(message);
  if (is_data) text.replace(0, element.size(), described_element(s, what.index));
  throw model_error(what.code, where() + ": " + text);
}

}  // namespace xquant::model
