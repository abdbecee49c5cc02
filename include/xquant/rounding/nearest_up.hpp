// Rounding to nearest, ties up.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>

namespace xquant::inline XQUANT_ABI {

/// Nearest integer, ties toward +infinity ("half up", floor(v + 1/2) of the reals): 0.5 -> 1, -0.5 -> -0, -1.5 -> -1,
/// 2.5 -> 3. What gemmlowp's doubling high multiplication and ggml's Q4 and Q5 (on unsigned values) use. Right where
/// floor(v + 0.5f) is not: just below 0.5, and from 2^23 on. NaN and infinities stay what they are.
struct nearest_up {
  using policy_category = category::rounding;
  static constexpr bool sees_only_halves = true;

  // v - round_even(v) is exact, and 1/2 exactly at the ties that went down.
  template <class L>
  XQUANT_INLINE static constexpr L round(L v) {
    const L even = round_even(v);
    return select<L>(equal(subtract(v, even), broadcast<L>(0.5f)), add(even, broadcast<L>(1)), even);
  }
  friend constexpr bool operator==(const nearest_up&, const nearest_up&) = default;
};

template <>
inline constexpr rounding_id id_of<nearest_up>{3, "nearest_up"};

}  // namespace xquant
