// Ids asked for types, and types for ids.
#pragma once

#include <xquant/core/policy_id.hpp>

namespace xquant::inline XQUANT_ABI {

/// A type that values can name.
template <class Policy>
concept HasId = requires {
  id_of<Policy>.number;
};

/// Whether `id` is that of `Policy`.
template <class Policy, class Kind>
constexpr bool names(const policy_id<Kind>& id) noexcept {
  if constexpr (requires { id_of<Policy> == id; })
    return id_of<Policy> == id;
  else
    return false;
}

}  // namespace xquant
