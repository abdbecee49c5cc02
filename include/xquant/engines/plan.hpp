// A plan: an operation checked and laid out once for a shape, to be run many times. Building it is most of the cost of
// a small call.
#pragma once

#include <xquant/core/nest.hpp>
#include <xquant/engines/engine.hpp>
#include <xquant/engines/operation.hpp>

namespace xquant::inline XQUANT_ABI {

/// The laid-out form of one operation on one shape and set of strides, with the parameters it was checked with. `run`
/// takes only addresses: they must have the shapes and strides the plan was made for. Copies of a plan are independent;
/// the parameters it points to must outlive it. `run` answers what the engine's run does: a status of one that can
/// refuse the work, else nothing.
template <class Op>
class plan {
 public:
  using input_type = stream_element<typename Op::input_0_type>;
  using output_type = stream_element<typename Op::output_0_type>;

  constexpr plan() noexcept = default;
  constexpr plan(const Op& operation, const detail::parameters_view_of<Op>& p, const nest_list& nests) noexcept
      : operation_(operation), nests_(nests) {
    streams_.parameters = p;
  }

  template <class Engine>
  constexpr auto run(const Engine& engine, const input_type* in, output_type* out) const {
    static_assert(EngineFor<Engine, Op>, "xquant: this engine does not support this operation");
    operation_streams<Op> streams = streams_;
    streams.input_0 = in;
    streams.output_0 = out;
    return engine.run(operation_, nests_, streams);
  }
  /// Operations of two inputs, and of two outputs.
  template <class Engine>
  constexpr auto run(const Engine& engine, const input_type* in, const stream_element<typename Op::input_1_type>* in_1,
                     output_type* out) const requires(!is_same<typename Op::input_1_type, none>) {
    static_assert(EngineFor<Engine, Op>, "xquant: this engine does not support this operation");
    operation_streams<Op> streams = streams_;
    streams.input_0 = in;
    streams.input_1 = in_1;
    streams.output_0 = out;
    return engine.run(operation_, nests_, streams);
  }
  template <class Engine>
  constexpr auto run(const Engine& engine, const input_type* in, output_type* out,
                     stream_element<typename Op::output_1_type>* out_1) const
      requires(!is_same<typename Op::output_1_type, none>) {
    static_assert(EngineFor<Engine, Op>, "xquant: this engine does not support this operation");
    operation_streams<Op> streams = streams_;
    streams.input_0 = in;
    streams.output_0 = out;
    streams.output_1 = out_1;
    return engine.run(operation_, nests_, streams);
  }

 private:
  Op operation_{};
  nest_list nests_{};
  operation_streams<Op> streams_{};
};

}  // namespace xquant
