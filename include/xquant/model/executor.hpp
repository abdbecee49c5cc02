// Runs a graph in float32. A plan is built for the shapes of the inputs (so the batch axis is free), constants are
// folded once, and every value can be seen and changed by the caller as it is produced.
#pragma once

#include <xquant/core/view.hpp>
#include <xquant/exception.hpp>
#include <xquant/model/error.hpp>
#include <xquant/model/graph.hpp>
#include <xquant/model/op/op.hpp>
#include <xquant/model/op/registry.hpp>
#include <xquant/model/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <new>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::model {

/// Sees, and may change in place, a float32 value the moment it is produced and before anything reads it: graph inputs
/// first, then node outputs in order of execution. Constants (initializers, folded values) and values that are not
/// float32 are not shown.
using value_observer = std::function<void(value_id, tensor_view<float>)>;

/// Constants to use in place of the graph's own: an initializer's value, or a value that constant folding computed.
/// Same type and shape as what they replace.
using constant_substitutes = std::unordered_map<value_id, tensor>;

struct run_options {
  value_observer observer;
  const constant_substitutes* substitutes = nullptr;
  std::vector<value_id> keep;  ///< values to hand back besides the outputs; all others are freed after their last use
};

struct run_result {
  std::vector<tensor> outputs;      ///< in the graph's order
  std::map<value_id, tensor> kept;  ///< what `keep` asked for, as the observer left it
};

/// What an executor refuses although it could try.
struct executor_limits {
  /// Of one value. A network's attributes can ask for any size (a Pad by 2^30); 2^31 float32 elements are 8 GiB.
  /// Extents of 0 do not make a shape small: the others count.
  std::size_t most_elements = std::size_t{1} << 31;
};

/// Throws model_error naming the first node whose operator the library does not have (node, operator, opset).
inline void require_known_operators(const graph& g) {
  for (const node& n : g.nodes())
    if (!find_op(n.domain, n.op_type, g.opset()))
      throw model_error(errc::unsupported, g.describe(n) + ": operator is not supported");
}

/// Runs one graph. Not for two threads at once (it remembers the plan of the last input shapes); copies are independent
/// and share the weights.
class executor {
 public:
  /// Takes a finished graph. Throws model_error for an operator that is not known.
  explicit executor(graph g, const executor_limits& limits = {}) : graph_(std::move(g)), limits_(limits) {
    if (!graph_.finished()) graph_.finish();
    require_known_operators(graph_);
  }

  [[nodiscard]] const graph& network() const noexcept { return graph_; }

  /// Builds the plan for inputs of these shapes (in the order of graph::inputs()): checks every node, infers every
  /// shape, folds constants. run() does so by itself; call it to have faults of the network before there is data.
  /// Throws model_error naming node, attribute or input, what was met and what was expected.
  void prepare(const std::vector<shape>& input_shapes) {
    std::vector<element_type> types;
    for (const value_id id : graph_.inputs()) {
      const element_type declared = graph_.value(id).type;
      types.push_back(declared == element_type::undefined ? element_type::float32 : declared);
    }
    prepare(input_shapes, types);
  }

  /// Shape of a value in the current plan. Throws when nothing was prepared or the value is not part of the plan.
  [[nodiscard]] const shape& shape_of(value_id id) const { return described(id).shape; }
  [[nodiscard]] element_type type_of(value_id id) const { return described(id).type; }
  /// A value that does not depend on the inputs (initializer or folded), or null. Needs a plan.
  [[nodiscard]] const tensor* constant(value_id id) const {
    (void)described(id);
    return constants_[id].has_value() ? &constants_[id] : nullptr;
  }
  /// Whether the node was folded away in the current plan: all its outputs are constants.
  [[nodiscard]] bool folded(node_id id) const { return ready_ && steps_.at(id).folded; }

  /// Computes the outputs for inputs in the order of graph::inputs(). Throws model_error for inputs that do not fit
  /// (named), and whatever the observer throws; nothing the caller owns is changed.
  run_result run(const std::vector<tensor>& inputs, const run_options& options = {}) {
    std::vector<shape> shapes;
    std::vector<element_type> types;
    for (const tensor& t : inputs) {
      shapes.push_back(t.shape());
      types.push_back(t.type());
    }
    if (!ready_ || shapes != planned_shapes_ || types != planned_types_) prepare(shapes, types);
    check_substitutes(options.substitutes);
    for (const value_id id : options.keep) (void)described(id);

    std::vector<tensor> live(graph_.values().size());
    std::vector<bool> changed(graph_.values().size(), false);
    if (options.substitutes)
      for (const auto& [id, t] : *options.substitutes) {
        live[id] = t;
        changed[id] = true;
      }
    run_result result;
    std::vector<bool> keep(graph_.values().size(), false);
    for (const value_id id : options.keep) keep[id] = true;

    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const value_id id = graph_.inputs()[i];
      live[id] = inputs[i];
      show(options, id, live[id]);
    }
    for (node_id i = 0; i < steps_.size(); ++i) {
      const step& s = steps_[i];
      const node& n = graph_.nodes()[i];
      if (!s.folded || reads_changed(n, changed)) {
        node_arguments arguments(gather(n, live), s.outputs);
        compute(n, s, arguments);
        for (std::size_t o = 0; o < n.outputs.size(); ++o) {
          const value_id id = n.outputs[o];
          if (id == no_value || changed[id]) continue;
          live[id] = std::move(arguments.output(o));
          if (s.folded)
            changed[id] = true;
          else
            show(options, id, live[id]);
        }
      }
      for (const value_id id : s.release)
        if (!keep[id]) live[id] = tensor();
    }
    for (const value_id id : graph_.outputs()) result.outputs.push_back(current(id, live));
    for (const value_id id : options.keep) result.kept[id] = current(id, live);
    return result;
  }

 private:
  struct step {
    node_function compute;
    std::vector<std::pair<element_type, shape>> outputs;
    std::vector<value_id> release;  // values nobody reads after this node
    bool folded = false;
  };

  struct description {
    bool present = false;
    element_type type = element_type::undefined;
    xquant::shape shape;
  };

  void prepare(const std::vector<shape>& input_shapes, const std::vector<element_type>& types) {
    ready_ = false;
    check_inputs(input_shapes, types);
    const std::size_t count = graph_.values().size();
    known_.assign(count, {});
    constants_.assign(count, tensor());
    steps_.assign(graph_.nodes().size(), {});
    for (const auto& [id, t] : graph_.initializers()) {
      require_size(t.shape(), [&, at = id] { return "initializer " + in_quotes(graph_.name_of(at)) + " has"; });
      set_constant(id, t);
    }
    for (std::size_t i = 0; i < input_shapes.size(); ++i)
      known_[graph_.inputs()[i]] = {true, types[i], input_shapes[i]};
    for (node_id i = 0; i < steps_.size(); ++i) prepare_node(i);
    plan_releases();
    planned_shapes_ = input_shapes;
    planned_types_ = types;
    ready_ = true;
  }

  void prepare_node(node_id i) {
    const node& n = graph_.nodes()[i];
    step& s = steps_[i];
    std::vector<node_context::operand> operands;
    bool constant = true;
    for (const value_id id : n.inputs) {
      if (id == no_value) {
        operands.push_back({});
        continue;
      }
      const bool is_constant = constants_[id].has_value();
      operands.push_back({true, known_[id].type, known_[id].shape, is_constant ? &constants_[id] : nullptr});
      constant = constant && is_constant;
    }
    node_context context(graph_, n, operands);
    s.compute = find_op(n.domain, n.op_type, graph_.opset())->prepare(context);
    context.expect_all_attributes_read();
    s.outputs = context.outputs();
    for (std::size_t o = 0; o < s.outputs.size(); ++o)
      require_size(s.outputs[o].second,
                   [&] { return graph_.describe(n) + ": output " + std::to_string(o) + " would have"; });

    bool answered = true;
    for (std::size_t o = 0; o < n.outputs.size(); ++o)
      if (n.outputs[o] != no_value) {
        known_[n.outputs[o]] = {true, s.outputs[o].first, s.outputs[o].second};
        answered = answered && context.constant_outputs()[o].has_value();
      }
    if (!constant && !answered) return;
    s.folded = true;
    std::vector<tensor> values = context.constant_outputs();
    if (answered) {
      s.compute = [values](node_arguments& arguments) {
        for (std::size_t o = 0; o < values.size(); ++o) arguments.set_output(o, values[o]);
      };
    } else {
      std::vector<const tensor*> inputs;
      for (const value_id id : n.inputs) inputs.push_back(id == no_value ? nullptr : &constants_[id]);
      node_arguments arguments(inputs, s.outputs);
      compute(n, s, arguments);
      for (std::size_t o = 0; o < values.size(); ++o)
        if (n.outputs[o] != no_value) values[o] = std::move(arguments.output(o));
    }
    for (std::size_t o = 0; o < values.size(); ++o)
      if (n.outputs[o] != no_value) set_constant(n.outputs[o], values[o]);
  }

  // Extents of 0 do not count: a node_function may walk the others and find nothing in each.
  template <class Who>
  void require_size(const shape& s, const Who& who) const {
    std::size_t count = 1;
    bool fits = true;
    for (std::size_t d = 0; d < s.rank && fits; ++d) {
      fits = s[d] <= limits_.most_elements / count;
      if (s[d] != 0) count *= s[d];
    }
    if (!fits)
      throw model_error(errc::size_overflow, who() + " shape " + to_text(s) + "; expected at most " +
                                                 std::to_string(limits_.most_elements) + " elements (executor_limits)");
  }

  void set_constant(value_id id, const tensor& t) {
    known_[id] = {true, t.type(), t.shape()};
    constants_[id] = t;
  }

  // A node_function knows of its node what it was prepared with alone: faults found while running are named here.
  void compute(const node& n, const step& s, node_arguments& arguments) const {
    try {
      s.compute(arguments);
    } catch (const node_fault& fault) {
      throw model_error(fault.code, graph_.describe(n) + ": " + fault.message);
    } catch (const std::bad_alloc&) {
      throw model_error(errc::size_overflow, graph_.describe(n) + ": not enough memory for its outputs");
    }
  }

  void check_inputs(const std::vector<shape>& shapes, const std::vector<element_type>& types) const {
    if (shapes.size() != graph_.inputs().size())
      throw model_error(errc::shape_mismatch, std::to_string(shapes.size()) + " inputs given; the network has " +
                                                  std::to_string(graph_.inputs().size()));
    std::map<std::string, std::size_t> symbols;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      const value_info& v = graph_.value(graph_.inputs()[i]);
      const std::string who = "graph input '" + v.name + "'";
      if (types[i] == element_type::float32 && v.type != types[i] && *float32_only(v.type) != 0)
        throw model_error(errc::unsupported,
                          who + " is " + model::name_of(v.type) + "; expected float32" + float32_only(v.type));
      if (v.type != element_type::undefined && v.type != types[i])
        throw model_error(errc::shape_mismatch,
                          who + " given as " + model::name_of(types[i]) + "; expected " + model::name_of(v.type));
      if (const status bad = shapes[i].valid(); !bad.ok())
        throw model_error(bad.code, who + " of shape " + to_text(shapes[i]) + ": " + xquant::describe(bad.code));
      if (!v.has_shape) continue;
      bool fits = shapes[i].rank == v.dimensions.size();
      for (std::size_t d = 0; fits && d < shapes[i].rank; ++d) {
        const dimension& declared = v.dimensions[d];
        if (declared.extent >= 0)
          fits = static_cast<std::size_t>(declared.extent) == shapes[i][d];
        else if (!declared.symbol.empty())
          fits = symbols.emplace(declared.symbol, shapes[i][d]).first->second == shapes[i][d];
      }
      if (!fits)
        throw model_error(errc::shape_mismatch,
                          who + " given with shape " + to_text(shapes[i]) + "; expected " + declared_text(v));
    }
  }

  static std::string declared_text(const value_info& v) {
    std::string text = "[";
    for (std::size_t d = 0; d < v.dimensions.size(); ++d) {
      const dimension& declared = v.dimensions[d];
      text += d ? ", " : "";
      text += declared.extent >= 0      ? std::to_string(declared.extent)
              : declared.symbol.empty() ? "any"
                                        : declared.symbol;
    }
    return text + "]";
  }

  void check_substitutes(const constant_substitutes* substitutes) const {
    if (!substitutes) return;
    for (const auto& [id, t] : *substitutes) {
      const description& original = described(id);
      const std::string who = "substitute for '" + graph_.name_of(id) + "'";
      if (!constants_[id].has_value())
        throw model_error(errc::value_out_of_range, who + ": the value is not a constant");
      if (t.type() != original.type || t.type() != element_type::float32 || !(t.shape() == original.shape))
        throw model_error(errc::shape_mismatch, who + " is " + model::name_of(t.type()) + " " + to_text(t.shape()) +
                                                    "; expected float32 " + to_text(original.shape));
    }
  }

  void plan_releases() {
    std::vector<node_id> last(graph_.values().size(), no_node);
    for (node_id i = 0; i < steps_.size(); ++i) {
      for (const value_id id : graph_.nodes()[i].inputs)
        if (id != no_value) last[id] = i;
      for (const value_id id : graph_.nodes()[i].outputs)
        if (id != no_value) last[id] = i;
    }
    for (value_id id = 0; id < last.size(); ++id)
      if (last[id] != no_node && !graph_.is_output(id) && !constants_[id].has_value())
        steps_[last[id]].release.push_back(id);
  }

  static bool reads_changed(const node& n, const std::vector<bool>& changed) {
    for (const value_id id : n.inputs)
      if (id != no_value && changed[id]) return true;
    return false;
  }

  std::vector<const tensor*> gather(const node& n, const std::vector<tensor>& live) const {
    std::vector<const tensor*> inputs;
    inputs.reserve(n.inputs.size());
    for (const value_id id : n.inputs)
      inputs.push_back(id == no_value ? nullptr : live[id].has_value() ? &live[id] : &constants_[id]);
    return inputs;
  }

  tensor current(value_id id, const std::vector<tensor>& live) const {
    return live[id].has_value() ? live[id] : constants_[id];
  }

  static void show(const run_options& options, value_id id, tensor& t) {
    if (options.observer && t.type() == element_type::float32) options.observer(id, t.mutable_view());
  }

  const description& described(value_id id) const {
    if (known_.empty()) throw model_error(errc::value_out_of_range, "no plan yet; call prepare() or run() first");
    if (!known_.at(id).present)
      throw model_error(errc::value_out_of_range, "value '" + graph_.name_of(id) + "' is not part of the network");
    return known_[id];
  }

  graph graph_;
  executor_limits limits_;
  bool ready_ = false;
  std::vector<shape> planned_shapes_;
  std::vector<element_type> planned_types_;
  std::vector<description> known_;
  std::vector<tensor> constants_;  // by value: initializers and what folding computed
  std::vector<step> steps_;
};

}  // namespace xquant::model
