// A reduction on any engine: what it found goes to the caller slot by slot. Of layer 3: on the host it allocates.
#pragma once

#include <xquant/core/validation.hpp>
#include <xquant/engines/engine.hpp>
#include <xquant/engines/reduction.hpp>

#include <vector>

namespace xquant::inline XQUANT_ABI::detail {

/// Reduces, and calls finish(slot, accumulators, number of elements) for each of `slots` slots: where the engine works.
/// Operations without parameters have none in `streams`.
template <class Op, class Engine, class Finish>
status reduce_on(const Engine& engine, const Op& operation, const reduction_walk& walk, operation_streams<Op> streams,
                 std::size_t slots, const Finish& finish) {
  static_assert(EngineFor<Engine, Op>, "xquant: this engine does not support this operation");
  if constexpr (memory_of<Engine> == memory_space::device) {
    return engine.reduce(operation, walk, streams, slots, finish);
  } else {
    using real = typename Op::real;
    std::vector<real> ones;
    if (streams.parameters.scale == nullptr) {
      ones.assign(slots, real(1));
      streams.parameters = {ones.data(), ones.data(), nullptr, slots};
    }
    constexpr std::size_t a_slot = Op::accumulators + 1;
    std::vector<double> results(slots * a_slot);
    for (std::size_t slot = 0; slot < slots; ++slot)
      for (std::size_t k = 0; k < Op::accumulators; ++k) results[slot * a_slot + k] = Op::template initial<double>(k);
    engine.reduce(operation, walk, streams, results.data());
    for (std::size_t slot = 0; slot < slots; ++slot)
      finish(slot, results.data() + slot * a_slot, results[slot * a_slot + Op::accumulators]);
    return {};
  }
}

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
