// What an engine is to the calls above it.
#pragma once

#include <xquant/core/meta.hpp>
#include <xquant/core/nest.hpp>
#include <xquant/engines/operation.hpp>
#include <xquant/error.hpp>

namespace xquant::inline XQUANT_ABI {

/// Where what views and parameters point to lies.
enum class memory_space : std::uint8_t {
  host,    ///< the calling thread can read it: parameters are checked before the work
  device,  ///< it cannot: of parameters only the number is checked
};

/// An engine E walks memory. It has
///   template <class Op> static constexpr bool supports    whether it has the operation
///   run(operation, nests, streams)                        does it; a status, where it can refuse the work, or nothing
/// and, where it works on the memory of a device,
///   static constexpr memory_space memory
/// What formats, roundings and granularities are is the operation's business and not the engine's.
template <class E, class Op>
concept EngineFor = requires {
  requires E::template supports<Op>;
};

namespace detail {

// The plainest operation: what any engine can be asked about.
struct engine_probe {
  using real = float;
  using rounding_type = none;
  using input_0_type = float;
  using input_1_type = none;
  using output_0_type = float;
  using output_1_type = none;
};
/// What is an engine, whatever it supports.
template <class E>
concept IsEngine = requires {
  E::template supports<engine_probe>;
};

template <class E>
inline constexpr memory_space memory_of = memory_space::host;
template <class E>
requires requires { E::memory; }
inline constexpr memory_space memory_of<E> = E::memory;

template <class Engine, class Op>
constexpr status run_on(const Engine& engine, const Op& operation, const nest_list& nests,
                        const operation_streams<Op>& streams) {
  static_assert(EngineFor<Engine, Op>, "xquant: this engine does not support this operation");
  if constexpr (is_same<decltype(engine.run(operation, nests, streams)), status>) {
    return engine.run(operation, nests, streams);
  } else {
    engine.run(operation, nests, streams);
    return {};
  }
}

}  // namespace detail

}  // namespace xquant
