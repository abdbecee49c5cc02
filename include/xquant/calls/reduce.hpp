// A reduction on any engine, at once or by a plan: what it found goes to the caller slot by slot. Of layer 3: on the
// host it allocates.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/validation.hpp>
#include <xquant/engines/engine.hpp>
#include <xquant/engines/reduction.hpp>

#include <vector>

namespace xquant::inline XQUANT_ABI::detail {

/// What an operation has that sums `Terms` numbers an element; nothing where it sums none.
template <std::size_t Terms>
struct sums_of_terms {
  static constexpr std::size_t accumulators = Terms;
  template <class L>
  XQUANT_INLINE static constexpr L initial(std::size_t) {
    return broadcast<L>(0);
  }
  template <class L>
  XQUANT_INLINE static constexpr L combine(std::size_t, L a, L b) {
    return add(a, b);
  }
};
template <>
struct sums_of_terms<0> {};

/// Reduces on the host, and calls finish(slot, accumulators, number of elements) for each of `slots` slots. The results
/// of few slots take no memory of the heap. `make_streams` gives the streams; after that memory, since a compiler reads
/// again what was written before a call it cannot see into, in pieces of other sizes, for which a processor waits.
template <class Op, class Engine, class MakeStreams, class Finish>
void reduce_on_host(const Engine& engine, const Op& operation, const reduction_walk& walk,
                    const MakeStreams& make_streams, std::size_t slots, const Finish& finish) {
  static_assert(EngineFor<Engine, Op>, "xquant: this engine does not support this operation");
  constexpr std::size_t per_slot = Op::accumulators + 1;
  const auto reduce = [&](double* results, std::size_t count) XQUANT_LAMBDA_INLINE {
    for (std::size_t slot = 0; slot < count; ++slot) {
      for (std::size_t k = 0; k < Op::accumulators; ++k) results[slot * per_slot + k] = Op::template initial<double>(k);
      results[slot * per_slot + Op::accumulators] = 0;
    }
    operation_streams<Op> streams = make_streams();
    if constexpr (has_no_parameters<Op>) streams.parameters.count = count;
    engine.reduce(operation, walk, streams, results);
    for (std::size_t slot = 0; slot < count; ++slot)
      finish(slot, results + slot * per_slot, results[slot * per_slot + Op::accumulators]);
  };
  // Of one slot without the loops over slots, which a compiler turns into vectors: a small call takes as long.
  constexpr std::size_t few = 64;
  double own[few];
  if (slots == 1) return reduce(own, 1);
  std::vector<double> many;
  if (slots * per_slot > few) many.resize(slots * per_slot);
  reduce(slots * per_slot > few ? many.data() : own, slots);
}

/// The same where the engine works.
template <class Op, class Engine, class Finish>
status reduce_on(const Engine& engine, const Op& operation, const reduction_walk& walk, operation_streams<Op> streams,
                 std::size_t slots, const Finish& finish) {
  static_assert(EngineFor<Engine, Op>, "xquant: this engine does not support this operation");
  if constexpr (memory_of<Engine> == memory_space::device) {
    return engine.reduce(operation, walk, streams, slots, finish);
  } else {
    const auto make_streams = [&] { return streams; };
    reduce_on_host(engine, operation, walk, make_streams, slots, finish);
    return {};
  }
}

}  // namespace xquant::detail

namespace xquant::inline XQUANT_ABI {

/// The laid-out form of a reduction, as plan is of other operations (engines/plan.hpp), with what makes of sums the
/// answer: a Finish has `result[N]`, where the results of slot s go (result[k][s], or as its strides have it), and
/// operator()(slot, accumulators, number of elements). `run` takes the addresses of the call's tensors in their order,
/// results last; it allocates on the host where slots are many. An engine on a device answers with a status.
template <class Op, class Finish>
class reduction_plan {
 public:
  using real = typename Op::real;
  using input_type = typename Op::input_0_type;
  static constexpr std::size_t results = sizeof(Finish::result) / sizeof(real*);

  /// Operations of one input and no output.
  template <class Engine, class... Results>
  auto run(const Engine& engine, const input_type* in, Results*... out) const
      requires(is_same<typename Op::output_0_type, none>) {
    const auto make_streams = [&] { return operation_streams<Op>{in, nullptr, nullptr, nullptr, parameters_}; };
    return finished_on(engine, make_streams, out...);
  }
  /// Operations of two inputs and an output.
  template <class Engine, class... Results>
  auto run(const Engine& engine, const input_type* in, const typename Op::input_1_type* in_1,
           typename Op::output_0_type* out_0, Results*... out) const
      requires(!is_same<typename Op::output_0_type, none>) {
    const auto make_streams = [&] { return operation_streams<Op>{in, in_1, out_0, nullptr, parameters_}; };
    return finished_on(engine, make_streams, out...);
  }

  /// For calls: the walk, to be laid out in its place for this operation, and slots of results.
  reduction_walk& walk_for(const Op& operation, const parameters_view<real>& p, std::size_t slots,
                           const Finish& finish) noexcept {
    operation_ = operation;
    parameters_ = p;
    slots_ = slots;
    finish_ = finish;
    return walk_;
  }

 private:
  template <class Engine, class MakeStreams, class... Results>
  auto finished_on(const Engine& engine, const MakeStreams& make_streams, Results*... out) const {
    static_assert(sizeof...(Results) == results && (true && ... && is_same<Results, real>),
                  "xquant: a plan of a reduction runs with the address of each of its results, of the type of scales");
    Finish finish = finish_;
    std::size_t k = 0;
    ((finish.result[k++] = out), ...);
    if constexpr (detail::memory_of<Engine> == memory_space::device)
      return detail::reduce_on(engine, operation_, walk_, make_streams(), slots_, finish);
    else
      detail::reduce_on_host(engine, operation_, walk_, make_streams, slots_, finish);
  }

  Op operation_{};
  reduction_walk walk_{};
  parameters_view<real> parameters_{};
  std::size_t slots_ = 0;
  Finish finish_{};
};

}  // namespace xquant

namespace xquant::inline XQUANT_ABI::detail {

/// Stands for any engine of the host where a call is only planned.
struct on_host {};

/// The memory an engine keeps the results of pieces in, where it does: apart from all else.
template <class Call, class Engine>
void apart_from_workspace(Call& call, const Engine& engine) {
  if constexpr (memory_of<Engine> == memory_space::device) call.apart(engine.workspace, "workspace");
}

/// Doubles of it that a reduction over a tensor of this shape needs.
template <class Op, class Engine, class Granularity>
status workspace_of(const Granularity& granularity, const shape& s, std::size_t& doubles) noexcept {
  if (const status bad = s.valid(); !bad.ok()) return bad;
  parameter_map map;
  if (const status bad = granularity.map(s, map); !bad.ok()) return bad;
  doubles = 0;
  if constexpr (memory_of<Engine> == memory_space::device) {
    const std::ptrdiff_t* const none[4] = {};
    const bool dense[4] = {true, true, true, true};
    reduction_walk walk;
    make_reduction(s, map, none, dense, walk);
    doubles = Engine::template workspace_of<Op>(walk);
  }
  return {};
}

}  // namespace xquant::detail
