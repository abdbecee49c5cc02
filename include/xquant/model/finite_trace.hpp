// Which node made a number that is not finite: watches the values of a run, and goes back from the one at fault.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/core/view.hpp>
#include <xquant/error.hpp>
#include <xquant/model/error.hpp>
#include <xquant/model/fault.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/tensor.hpp>

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// The first NaN of some elements, or else the first infinity, as a status of argument "x"; ok when all are finite.
inline status find_not_finite(const float* x, std::size_t n) {
  std::optional<std::size_t> infinity;
  for (std::size_t i = 0; i < n; ++i) {
    if (is_finite(x[i])) continue;
    if (x[i] != x[i]) return fault(errc::not_finite, "x", static_cast<double>(x[i]), "finite values", i);
    if (!infinity) infinity = i;
  }
  if (!infinity) return {};
  return fault(errc::not_finite, "x", static_cast<double>(x[*infinity]), "finite values", *infinity);
}

/// Remembers which values of one run are not finite; the graph must outlive it. see() is what a value_observer calls.
class finite_trace {
 public:
  explicit finite_trace(const graph& g) : graph_(g) {}

  void see(value_id id, const tensor_view<const float>& dense) { see(id, dense.data, dense.shape); }

  /// Throws model_error (not_finite) for a value that was seen not to be finite: names the node that made it so (what
  /// one reaches going back through inputs that are not finite, NaN before infinity), its output, the element and the
  /// number. A constant that the node reads and that is not finite is named instead.
  void require_finite(value_id id) const {
    if (found_.find(id) == found_.end()) return;
    value_id origin = id;
    for (value_id cause = id; cause != no_value; cause = cause_of(origin)) origin = cause;
    require_finite_constants(origin);
    const site& first = found_.at(origin);
    require(
        first.what, [&] { return described_value(graph_, origin); }, first.extents);
  }

 private:
  struct site {
    status what;
    shape extents;
  };

  void see(value_id id, const float* first, const shape& s) {
    if (const status what = find_not_finite(first, s.size()); !what.ok()) found_[id] = {what, s};
  }

  // An input that is not finite of the node that computes a value, or no_value.
  value_id cause_of(value_id id) const {
    value_id cause = no_value;
    const node_id from = graph_.producer(id);
    if (from == no_node) return cause;
    for (const value_id input : graph_.node_at(from).inputs) {
      const auto found = found_.find(input);
      if (found == found_.end()) continue;
      if (found->second.what.value != found->second.what.value) return input;
      if (cause == no_value) cause = input;
    }
    return cause;
  }

  void require_finite_constants(value_id id) const {
    const node_id from = graph_.producer(id);
    if (from == no_node) return;
    for (const value_id input : graph_.node_at(from).inputs) {
      const tensor* constant = graph_.constant(input);
      if (constant == nullptr || constant->type() != element_type::float32) continue;
      require(
          find_not_finite(constant->data<float>(), constant->size()), [&] { return described_value(graph_, input); },
          constant->shape());
    }
  }

  const graph& graph_;
  std::map<value_id, site> found_;
};

}  // namespace xquant::model
