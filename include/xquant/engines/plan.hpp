// A plan: an operation checked and laid out once for a shape, to be run many times. Building it is most of the cost of
// a small call.
#pragma once

#include <xquant/core/nest.hpp>
#include <xquant/engines/engine.hpp>
#include <xquant/engines/operation.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {

// The parameters of operations that have none: one slot of scale 1, where the engine can read it.
template <class Real>
inline constexpr Real unit_scale = 1;
template <class Real>
inline constexpr parameters_view<Real> unit_parameters{&unit_scale<Real>, &unit_scale<Real>, nullptr, 1};

template <class Engine, class Op>
constexpr void for_memory_of(operation_streams<Op>& s) noexcept {
  if constexpr (memory_of<Engine> == memory_space::device && !is_coded<parameters_view_of<Op>>)
    if (s.parameters.scale == &unit_scale<typename Op::real>) s.parameters = {};
}

}  // namespace detail

/// The laid-out form of one operation on one shape and set of strides, with the parameters it was checked with. `run`
/// takes only addresses, in the order of the call's tensors: they must have the shapes and strides the plan was made
/// for, and lie apart or in place as the call's tensors may. Nothing is checked again; the parameters it points to must
/// outlive it, and obey the rules whenever it runs. Copies are independent, and one plan may run on several threads at
/// once. A plan that was never made, or whose making was refused, does nothing. `run` answers what the engine's run
/// does: a status of one that can refuse the work, else nothing.
template <class Op>
class plan {
 public:
  using input_type = stream_element<typename Op::input_0_type>;
  using output_type = stream_element<typename Op::output_0_type>;

  constexpr plan() noexcept = default;

  template <class Engine>
  constexpr auto run(const Engine& engine, const input_type* in, output_type* out) const
      requires(is_same<typename Op::input_1_type, none>&& is_same<typename Op::output_1_type, none>) {
    operation_streams<Op> streams = streams_;
    streams.input_0 = in;
    streams.output_0 = out;
    return run_on(engine, streams);
  }
  /// Operations of two inputs, and of two outputs.
  template <class Engine>
  constexpr auto run(const Engine& engine, const input_type* in, const stream_element<typename Op::input_1_type>* in_1,
                     output_type* out) const requires(!is_same<typename Op::input_1_type, none>) {
    operation_streams<Op> streams = streams_;
    streams.input_0 = in;
    streams.input_1 = in_1;
    streams.output_0 = out;
    return run_on(engine, streams);
  }
  template <class Engine>
  constexpr auto run(const Engine& engine, const input_type* in, output_type* out,
                     stream_element<typename Op::output_1_type>* out_1) const
      requires(!is_same<typename Op::output_1_type, none>) {
    operation_streams<Op> streams = streams_;
    streams.input_0 = in;
    streams.output_0 = out;
    streams.output_1 = out_1;
    return run_on(engine, streams);
  }

  /// For calls/: the loops, to be laid out in their place for this operation. What they point to is the caller's.
  constexpr nest_list& loops_for(const Op& operation, const detail::parameters_view_of<Op>& p) noexcept {
    operation_ = operation;
    streams_.parameters = p;
    return nests_;
  }

 private:
  template <class Engine>
  constexpr auto run_on(const Engine& engine, operation_streams<Op>& streams) const {
    static_assert(EngineFor<Engine, Op>, "xquant: this engine does not support this operation");
    detail::for_memory_of<Engine>(streams);
    return engine.run(operation_, nests_, streams);
  }

  Op operation_{};
  nest_list nests_{};
  operation_streams<Op> streams_{};
};

}  // namespace xquant
