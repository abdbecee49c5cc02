// What a policy or a format is called where values say which is meant: a number that stays, and a name.
#pragma once

#include <xquant/core/policy.hpp>

#include <cstdint>

namespace xquant::inline XQUANT_ABI {

/// Which one of a kind. Ids are equal when their numbers are; the name is that of messages and files. The numbers of
/// the library's own stay what they are; those of users start at first_user_id.
template <class Kind>
struct policy_id {
  std::uint16_t number = 0;
  const char* name = "what has this number";

  friend constexpr bool operator==(const policy_id& a, const policy_id& b) noexcept { return a.number == b.number; }
};

inline constexpr std::uint16_t first_user_id = 1024;

using format_id = policy_id<category::format>;
using conversion_id = policy_id<category::conversion>;
using granularity_id = policy_id<category::granularity>;
using scheme_id = policy_id<category::scheme>;
using degenerate_id = policy_id<category::degenerate_scale>;
using rounding_id = policy_id<category::rounding>;
using arithmetic_id = policy_id<category::arithmetic>;
using requantization_id = policy_id<category::requantization>;
using estimator_id = policy_id<category::estimator>;
using observer_state_id = policy_id<category::observer_state>;

struct no_id {};

/// The id of a type, said beside it by a specialisation, which types derived from it do not inherit:
///   template <> inline constexpr rounding_id id_of<nearest_even>{0, "nearest_even"};
template <class Policy>
inline constexpr no_id id_of{};

}  // namespace xquant
