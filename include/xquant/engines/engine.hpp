// What an engine is to the calls above it.
#pragma once

#include <xquant/config.hpp>

namespace xquant::inline XQUANT_ABI {

/// An engine E walks memory: `E::supports<Op>` says whether it has the operation, and
/// `engine.run(operation, nests, streams)` does it. What formats, roundings and granularities
/// are is the operation's business and not the engine's.
template <class E, class Op>
concept EngineFor = requires {
  requires E::template supports<Op>;
};

}  // namespace xquant
