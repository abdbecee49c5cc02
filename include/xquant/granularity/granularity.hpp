// What a granularity is: shape -> parameter slots.
#pragma once

#include <xquant/core/meta.hpp>
#include <xquant/core/parameter_map.hpp>
#include <xquant/core/policy.hpp>

namespace xquant::inline XQUANT_ABI {

/// A granularity G (a regular value; most are empty), of category::granularity:
///   status map(const shape& s, parameter_map& out) const   the parameter slot of every element of a tensor of shape s,
///                                                          or why there is none (an axis that s does not have)
/// For every shape it takes, the map is_consistent (core/parameter_map.hpp).
template <class G>
concept Granularity = QuantizerPolicy<G> && is_same<typename G::policy_category, category::granularity> &&
    requires(const G& g, const shape& s, parameter_map& out) {
  requires is_same<decltype(g.map(s, out)), status>;
};

}  // namespace xquant
