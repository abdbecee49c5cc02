// Constants that nodes compute (a weight behind a Transpose, a Cast from float16 ...) made into constants of the graph.
#pragma once

#include <xquant/core/shape.hpp>
#include <xquant/model/error.hpp>
#include <xquant/model/executor.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/op/registry.hpp>
#include <xquant/model/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// What fold_constants made. The network remembers what moved and what is used up, whatever folds it further.
struct constants_folded {
  graph network;
  std::vector<value_id> computed;     ///< what nodes computed and now is an initializer
  std::vector<moved_constant> moved;  ///< where constants went that nobody reads any more
  std::vector<value_id> used_up;      ///< constants that nobody reads any more, moved or not
};

namespace detail {

class constant_folder {
 public:
  explicit constant_folder(const graph& source) : g_(source) {
    if (!g_.finished()) g_.finish();
  }

  constants_folded take() {
    find_foldable();
    find_wanted();
    if (wanted_.empty() || !evaluate()) return {std::move(g_), {}, {}, {}};
    find_moves();
    replace();
    constants_folded result{std::move(g_), wanted_, {}, {}};
    graph& g = result.network;
    for (const value_id id : read_before_)
      if (g.consumers(id).empty() && !g.is_output(id)) {
        g.add_used_up_constant(id);
        result.used_up.push_back(id);
      }
    for (moved_constant& m : moves_) {
      if (!g.consumers(m.from).empty() || g.is_output(m.from)) continue;
      g.add_moved_constant(m);
      result.moved.push_back(std::move(m));
    }
    return result;
  }

 private:
  // A node that reads constants alone, and whose operator is known.
  void find_foldable() {
    known_.assign(g_.values().size(), false);
    for (value_id id = 0; id < known_.size(); ++id) known_[id] = g_.constant(id) != nullptr;
    foldable_.assign(g_.nodes().size(), false);
    for (node_id i = 0; i < g_.nodes().size(); ++i) {
      const node& n = g_.node_at(i);
      if (find_op(n.domain, n.op_type, g_.opset()) == nullptr) continue;
      bool constant = true;
      for (const value_id id : n.inputs) constant = constant && (id == no_value || known_[id]);
      foldable_[i] = constant;
      if (!constant) continue;
      for (const value_id id : n.outputs)
        if (id != no_value) known_[id] = true;
    }
  }

  // Values that a node must read as constants from now on: float32 (which only evaluate() knows) and not plainly
  // constant already, computed by a foldable node and read by another.
  void find_wanted() {
    for (node_id i = 0; i < foldable_.size(); ++i) {
      if (!foldable_[i]) continue;
      for (const value_id id : g_.node_at(i).outputs) {
        if (id == no_value || g_.constant(id) != nullptr) continue;
        bool read = false;
        for (const node_id reader : g_.consumers(id)) read = read || !foldable_[reader];
        if (read) wanted_.push_back(id);
      }
    }
  }

  // Runs the foldable nodes alone. False when one of them cannot be run: the graph stays as it is, and the executor
  // will say why.
  bool evaluate() {
    graph alone;
    alone.set_opset(g_.opset());
    for (const value_info& v : g_.values()) alone.add_value(v.name);  // the same ids
    for (const auto& [id, t] : g_.initializers()) alone.set_initializer(id, t);
    for (node_id i = 0; i < foldable_.size(); ++i)
      if (foldable_[i]) alone.add_node(g_.node_at(i));
    for (const value_id id : wanted_) alone.add_output(id);
    try {
      executor runner(std::move(alone));
      runner.prepare({});
      for (value_id id = 0; id < known_.size(); ++id)
        if (known_[id]) shapes_[id] = runner.shape_of(id);
      std::vector<value_id> numbers;
      for (const value_id id : wanted_)
        if (runner.type_of(id) == element_type::float32) {
          numbers.push_back(id);
          // What else the node computes must be an initializer too, for the node goes.
          for (const value_id output : g_.node_at(g_.producer(id)).outputs)
            if (output != no_value && (!g_.consumers(output).empty() || g_.is_output(output)))
              values_[output] = *runner.constant(output);
        }
      wanted_ = std::move(numbers);
    } catch (const model_error&) {
      return false;
    }
    return !wanted_.empty();
  }

  // Follows each wanted value back over nodes that only move elements.
  void find_moves() {
    for (const value_id wanted : wanted_) {
      value_id id = wanted;
      moved_dimensions dimension(shapes_.at(id).rank);
      for (std::size_t d = 0; d < dimension.size(); ++d) dimension[d] = d;
      while (g_.producer(id) != no_node) {
        const node& n = g_.node_at(g_.producer(id));
        const value_id from = n.inputs.empty() ? no_value : n.inputs[0];
        if (from == no_value || n.outputs[0] != id) break;
        if (values_passed_by(n) != values_passed::all) break;
        const auto moves = definition_of(n)->moves;
        const moved_dimensions step = moves != nullptr ? moves(n, shapes_.at(from), shapes_.at(id))
                                                       : reshaped_dimensions(shapes_.at(from), shapes_.at(id));
        moved_dimensions through(step.size());
        for (std::size_t d = 0; d < through.size(); ++d)
          if (step[d]) through[d] = dimension[*step[d]];
        dimension = std::move(through);
        id = from;
        moves_.push_back({id, wanted, dimension});
      }
    }
  }

  void replace() {
    for (value_id id = 0; id < known_.size(); ++id)
      if (g_.constant(id) != nullptr && !g_.consumers(id).empty()) read_before_.push_back(id);
    std::vector<bool> becomes_initializer(g_.values().size(), false);
    for (const auto& [id, t] : values_) becomes_initializer[id] = true;
    // From the back: a node is left out when nobody reads what it computes any more.
    std::vector<bool> gone(g_.nodes().size(), false);
    for (node_id i = g_.nodes().size(); i-- > 0;) {
      if (!foldable_[i]) continue;
      bool all = true;
      bool read = false;
      for (const value_id id : g_.node_at(i).outputs) {
        if (id == no_value || becomes_initializer[id]) continue;
        bool unread = !g_.is_output(id);
        for (const node_id reader : g_.consumers(id)) unread = unread && gone[reader];
        all = all && unread;
        read = read || !g_.consumers(id).empty();
      }
      for (const value_id id : g_.node_at(i).outputs) read = read || (id != no_value && becomes_initializer[id]);
      gone[i] = all && read;
    }
    std::vector<node> kept;
    for (node_id i = 0; i < gone.size(); ++i)
      if (!gone[i]) kept.push_back(g_.node_at(i));
    g_.mutable_nodes() = std::move(kept);
    for (const auto& [id, t] : values_) g_.set_initializer(id, t);
    g_.finish();
  }

  graph g_;
  std::vector<bool> known_;     // by value: constant, plainly or after folding
  std::vector<bool> foldable_;  // by node
  std::vector<value_id> wanted_;
  std::map<value_id, tensor> values_;
  std::map<value_id, shape> shapes_;
  std::vector<moved_constant> moves_;
  std::vector<value_id> read_before_;
};

}  // namespace detail

/// The graph with every float32 value that nodes compute from constants alone, and that another node reads, as an
/// initializer of that name: constant(value) gives its tensor, and quantizers, batch-norm folding and the ONNX writer
/// treat it as any other constant. The nodes that computed it are gone, as far as nobody else reads their results;
/// value ids stay. Integers (shapes, axes), and what depends on the shapes of the network's inputs, are left to the
/// executor, and so is a graph with a constant that cannot be computed: the executor says why.
inline constants_folded fold_constants(const graph& source) { return detail::constant_folder(source).take(); }

}  // namespace xquant::model
