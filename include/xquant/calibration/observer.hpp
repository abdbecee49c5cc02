// An observer: the state of every parameter slot of the tensors it has seen. It knows no rule and no quantizer; what is
// made of the states is asked later (range_rule.hpp), as often as wanted.
#pragma once

#include <xquant/calibration/extremes.hpp>
#include <xquant/calibration/non_finite.hpp>
#include <xquant/calls/default_engine.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/exception.hpp>
#include <xquant/granularity/granularity.hpp>
#include <xquant/granularity/per_tensor.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI {

namespace detail {
template <class T>
concept regular_value = requires(T a, const T& b) {
  T();
  T(b);
  a = b;
  requires is_same<decltype(b == b), bool>;
};

// A state that is shown the elements themselves, where they are of this type.
template <class S, class Real>
concept CountsReals = requires(S s, const Real* x, std::size_t n) {
  s.count(x, n);
};
template <class S>
concept CountsElements = CountsReals<S, float> || CountsReals<S, double>;
}  // namespace detail

// clang-format off
/// What an observer keeps of one parameter slot: a regular value, a function of the multiset of the elements alone, so
/// that any order, split and merge of the data gives the same (docs/arithmetic.md, rule 11).
///   bool empty() const                          whether there was no element
///   void reach(const extremes& seen)            elements are to come, all of them finite, of which these are the extremes
///   void merge(const S& other)                  as if this had also seen what `other` has
/// and, unless the extremes are all it needs,
///   void count(const Real* x, std::size_t n)    the elements, in pieces and in any order, for which reach() was called.
///                                               Real is float for float and the 16-bit floats, double for double; a
///                                               state that takes one of them observes tensors of these types
/// reach() comes first because an engine finds extremes at the speed of memory, and what a state keeps often lies on a
/// grid that they decide.
// clang-format on
template <class S>
concept ObserverState = detail::regular_value<S> && requires(S s, const S& other, const extremes& seen) {
  requires is_same<decltype(other.empty()), bool>;
  s.reach(seen);
  s.merge(other);
};

/// Whether a state takes in elements of this type.
template <class S, class Element>
concept StateOf = ObserverState<S> &&(!detail::CountsElements<S> || detail::CountsReals<S, lane_real<Element>>);

/// Sees tensors, keeps a `State` for each parameter slot of `Granularity`, and merges. A regular value. Tensors are of
/// float, double, float16 or bfloat16, dense or not; every one must give the same number of slots; an empty one adds
/// nothing. The extremes of long rows of floats are found by the engine, the rest is done by the calling thread; the
/// state is the same bits for every engine. Allocates.
template <ObserverState State, Granularity GranularityType = per_tensor>
class observer {
 public:
  using state_type = State;
  using granularity_type = GranularityType;

  observer() = default;
  explicit observer(const GranularityType& granularity, const non_finite_policy& policy = {})
      : granularity_(granularity), policy_(policy) {}
  explicit observer(const non_finite_policy& policy) : policy_(policy) {}
  /// With the states of the slots.
  observer(const GranularityType& granularity, std::vector<State> states, const non_finite_policy& policy = {},
           const non_finite_counts& set_aside = {})
      : granularity_(granularity), policy_(policy), set_aside_(set_aside), states_(std::move(states)) {}

  /// Takes x in. Refuses more than 8 dimensions, missing memory, a granularity x does not have, another number of slots
  /// than before, NaN and infinities (naming element and value) unless the policy says otherwise (non_finite.hpp); then
  /// nothing has changed. (Peers differ: torch drops tensors with NaN with a warning, onnxruntime ignores NaN.)
  template <TensorLike Tensor, class Engine = default_engine>
  [[nodiscard]] status try_observe(const Tensor& x, const Engine& engine = {}) {
    return take(x, engine,
                [this](const auto& elements, const parameter_map& map, const auto& call,
                       const std::vector<extremes>& seen, const non_finite_counts& met, const auto& filter) {
                  states_.resize(seen.size());
                  set_aside_.merge(met);
                  for (std::size_t slot = 0; slot < seen.size(); ++slot)
                    if (!seen[slot].empty()) states_[slot].reach(seen[slot]);
                  if constexpr (detail::CountsElements<State>) {
                    nest_list nests;
                    call.lay_out(map, nests);
                    if (met == non_finite_counts{})
                      count(elements.data, nests);
                    else
                      count_filtered(elements.data, nests, filter);
                  }
                });
  }
  /// What would be wrong with observe(x); ok when nothing is.
  template <TensorLike Tensor, class Engine = default_engine>
  [[nodiscard]] status validate_observe(const Tensor& x, const Engine& engine = {}) const {
    return take(x, engine, [](const auto&...) {});
  }

  /// As if this had also observed what `other` did. Refuses another granularity and another number of slots; then
  /// nothing has changed.
  [[nodiscard]] status try_merge(const observer& other) {
    if (!(granularity_ == other.granularity_))
      return fault(errc::not_mergeable, "other.granularity", 0, "the same granularity");
    if (!(policy_ == other.policy_))
      return fault(errc::not_mergeable, "other.policy", other.policy_.bound, "the same policy for what is not finite");
    if (slots() != 0 && other.slots() != 0 && slots() != other.slots())
      return fault(errc::not_mergeable, "other.slots", static_cast<double>(other.slots()),
                   "the same number of parameter slots");
    states_.resize(std::max(slots(), other.slots()));
    for (std::size_t slot = 0; slot < other.slots(); ++slot) states_[slot].merge(other.states_[slot]);
    set_aside_.merge(other.set_aside_);
    return {};
  }

  /// keep_one_in of each state, where it has that (histogram.hpp).
  void keep_one_in(std::uint64_t k) requires requires(State s) { s.keep_one_in(k); }
  {
    for (State& s : states_) s.keep_one_in(k);
    for (std::uint64_t* n : {&set_aside_.nan, &set_aside_.beyond}) *n = *n / k + (*n % k != 0 ? 1 : 0);
  }

#if XQUANT_HAS_EXCEPTIONS
  template <TensorLike Tensor, class Engine = default_engine>
  void observe(const Tensor& x, const Engine& engine = {}) {
    throw_if(try_observe(x, engine));
  }
  void merge(const observer& other) { throw_if(try_merge(other)); }
#endif

  /// Parameter slots of the tensors observed, 0 before the first.
  [[nodiscard]] std::size_t slots() const noexcept { return states_.size(); }
  [[nodiscard]] const std::vector<State>& states() const noexcept { return states_; }
  [[nodiscard]] const GranularityType& granularity() const noexcept { return granularity_; }
  [[nodiscard]] const non_finite_policy& policy() const noexcept { return policy_; }
  /// What the policy has skipped or held, of all slots together.
  [[nodiscard]] const non_finite_counts& set_aside() const noexcept { return set_aside_; }

  friend bool operator==(const observer&, const observer&) = default;

 private:
  // Calls use(x as a view, its slots, its call, the extremes of each slot, what is set aside, how) once nothing is left
  // that could be wrong.
  template <class Tensor, class Engine, class Use>
  status take(const Tensor& tensor, const Engine& engine, const Use& use) const {
    using element = element_of<Tensor>;
    static_assert(StateOf<State, element>,
                  "xquant::observer: this state takes no elements of this type (its count() says which)");
    auto&& held = evaluated(tensor);
    const tensor_view<const element> x = detail::as_input(as_view(held));
    detail::call<extremes_and_nan_operation<element>> call;
    parameter_map map;
    if (const status bad = policy_.valid(); !bad.ok()) return bad;
    if (const status bad = call.input_0(x, "x").mapped(granularity_, map); !bad.ok()) return bad;
    if (x.shape.size() == 0) return {};
    if (slots() != 0 && map.count != slots())
      return fault(errc::shape_mismatch, "x", static_cast<double>(map.count),
                   "as many parameter slots as in the tensors observed before");
    std::vector<extremes> seen(map.count);
    const auto put = [&](std::size_t slot, auto low, auto high) {
      seen[slot] = extremes(static_cast<double>(low), static_cast<double>(high));
    };
    bool all_finite = true;
    if (const status bad = detail::find_extremes(call, map, engine, all_finite, put); !bad.ok()) return bad;
    const detail::non_finite_filter<element> filter(policy_);
    non_finite_counts met;
    if (!all_finite || std::any_of(seen.begin(), seen.end(),
                                   [&](const extremes& e) { return !e.empty() && !filter.leaves(e.magnitude()); })) {
      if (policy_.action == non_finite_action::refuse) return first_refused(x, filter);
      nest_list nests;
      call.lay_out(map, nests);
      seen.assign(map.count, extremes());
      for_each_kept(x.data, nests, filter, met, [&](std::size_t slot, const auto* values, std::size_t n) {
        const auto ends = std::minmax_element(values, values + n);
        seen[slot].merge(extremes(static_cast<double>(*ends.first), static_cast<double>(*ends.second)));
      });
    }
    use(x, map, call, seen, met, filter);
    return {};
  }

  // The first element the policy refuses, in row-major order; one that is known to be there.
  template <class Element>
  [[gnu::noinline]] static status first_refused(const tensor_view<const Element>& x,
                                                const detail::non_finite_filter<Element>& filter) {
    for (std::size_t i = 0; i < x.shape.size(); ++i) {
      auto value = static_cast<lane_real<Element>>(x.data[offset_of(i, x.shape, x.stride)]);
      const auto met = static_cast<double>(value);
      if (!(met - met == 0)) return fault(errc::not_finite, "x", met, "finite values", i);
      non_finite_counts ignored;
      if (!filter.takes(value, ignored))
        return fault(errc::value_out_of_range, "x", met, "magnitudes below the bound of the policy", i);
    }
    return {};
  }

  // f(slot, values, how many) with what the filter keeps of each row, in pieces.
  template <class Element, class F>
  static void for_each_kept(const Element* x, const nest_list& nests, const detail::non_finite_filter<Element>& filter,
                            non_finite_counts& met, const F& f) {
    using real = lane_real<Element>;
    for_each_nest(nests, [&](const nest& n) {
      for_each_row(n, [&](const std::ptrdiff_t(&first)[operand_count], const nest_dimension& row) {
        const Element* const from = x + first[input_0];
        constexpr std::size_t piece = 512;
        real values[piece];
        std::size_t kept = 0;
        for (std::size_t j = 0; j < row.extent; ++j) {
          const auto k = static_cast<std::ptrdiff_t>(j);
          real v = static_cast<real>(from[k * row.stride[input_0]]);
          if (filter.takes(v, met)) values[kept++] = v;
          const std::ptrdiff_t step = row.stride[parameter];
          if (kept > 0 && (step != 0 || kept == piece || j + 1 == row.extent)) {
            f(static_cast<std::size_t>(first[parameter] + k * step), static_cast<const real*>(values), kept);
            kept = 0;
          }
        }
      });
    });
  }
  template <class Element>
  void count_filtered(const Element* x, const nest_list& nests, const detail::non_finite_filter<Element>& filter) {
    non_finite_counts counted_before;
    for_each_kept(x, nests, filter, counted_before,
                  [this](std::size_t slot, const auto* values, std::size_t n) { states_[slot].count(values, n); });
  }

  // Rows of one slot are counted as they lie, where they are consecutive reals; others in pieces. Where slots lie side
  // by side in a row, tiles of rows are turned, so that a state sees many elements at once and not one at a time.
  template <class Element>
  void count(const Element* x, const nest_list& nests) {
    for_each_nest(nests, [&](const nest& n) {
      const nest_dimension row = n.row();
      const bool turns = row.stride[parameter] != 0 && n.depth > 1 && n.dimension[n.depth - 2].stride[parameter] == 0;
      if (turns)
        for_each_outer(n, n.depth - 2, [&](const std::ptrdiff_t(&first)[operand_count]) {
          count_tiles(x + first[input_0], first[parameter], n.dimension[n.depth - 2], row);
        });
      else
        for_each_row(n, [&](const std::ptrdiff_t(&first)[operand_count], const nest_dimension& same) {
          count_row(x + first[input_0], first[parameter], same);
        });
    });
  }
  template <class Element>
  void count_row(const Element* from, std::ptrdiff_t slot, const nest_dimension& row) {
    using real = lane_real<Element>;
    const std::ptrdiff_t step = row.stride[input_0];
    const std::ptrdiff_t slot_step = row.stride[parameter];
    if (slot_step != 0) {
      for (std::size_t j = 0; j < row.extent; ++j) {
        const auto k = static_cast<std::ptrdiff_t>(j);
        const auto value = static_cast<real>(from[k * step]);
        state_of(slot + k * slot_step).count(&value, 1);
      }
      return;
    }
    State& state = state_of(slot);
    if constexpr (is_same<Element, real>)
      if (step == 1) return state.count(from, row.extent);
    constexpr std::size_t piece = 4096;
    real values[piece];
    for (std::size_t done = 0; done < row.extent; done += piece) {
      const std::size_t n_values = std::min(piece, row.extent - done);
      for (std::size_t j = 0; j < n_values; ++j)
        values[j] = static_cast<real>(from[static_cast<std::ptrdiff_t>(done + j) * step]);
      state.count(values, n_values);
    }
  }
  template <class Element>
  void count_tiles(const Element* from, std::ptrdiff_t slot, const nest_dimension& column, const nest_dimension& row) {
    using real = lane_real<Element>;
    constexpr std::size_t height = 128;
    constexpr std::size_t width = 32;
    real tile[width][height];
    for (std::size_t i = 0; i < column.extent; i += height)
      for (std::size_t j = 0; j < row.extent; j += width) {
        const std::size_t rows = std::min(height, column.extent - i);
        const std::size_t slots = std::min(width, row.extent - j);
        for (std::size_t r = 0; r < rows; ++r) {
          const Element* const line = from + static_cast<std::ptrdiff_t>(i + r) * column.stride[input_0];
          for (std::size_t c = 0; c < slots; ++c)
            tile[c][r] = static_cast<real>(line[static_cast<std::ptrdiff_t>(j + c) * row.stride[input_0]]);
        }
        for (std::size_t c = 0; c < slots; ++c)
          state_of(slot + static_cast<std::ptrdiff_t>(j + c) * row.stride[parameter]).count(tile[c], rows);
      }
  }
  State& state_of(std::ptrdiff_t slot) noexcept { return states_[static_cast<std::size_t>(slot)]; }

  GranularityType granularity_{};
  non_finite_policy policy_;
  non_finite_counts set_aside_;
  std::vector<State> states_;
};

}  // namespace xquant
