// Stochastic rounding: up or down with a probability that keeps the mean.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>

namespace xquant::inline XQUANT_ABI {

/// Toward zero or away from it, away with probability floor(2^31 * (|v| - trunc |v|)) / 2^31, decided by the upper 31
/// of the 32 bits that Philox 4x32-10 gives for (seed, element index): docs/arithmetic.md, rule 9. The expectation is v
/// exactly where the fraction is a multiple of 2^-31, and never more than 2^-31 away from it otherwise. A float32
/// quotient on any grid has such a fraction (its last bit is at most 23 below its first) unless it is below 2^-8 steps:
/// nothing is biased by random bits that are fewer than the bits they decide about.
///
/// `first_index` is the index of the first element of a call. It lets a tensor be processed in pieces with the bits of
/// the whole: a dense piece that starts at element k of the tensor takes first_index = k, whatever k is.
struct stochastic {
  using policy_category = category::rounding;
  static constexpr bool is_random = true;
  std::uint64_t seed = 0;
  std::uint64_t first_index = 0;

  template <class L>
  XQUANT_INLINE static constexpr L round(L v, integer_of<L> random) {
    const L whole = truncate(v);
    const L fraction = absolute(subtract(v, whole));
    const integer_of<L> threshold = truncate_to_integer(multiply(fraction, broadcast<L>(2147483648.0f)));
    const L step = select<L>(less_integer<L>(shift_right<L, 1>(random), threshold), broadcast<L>(1), broadcast<L>(0));
    return add(whole, copy_sign(step, v));
  }
  friend constexpr bool operator==(const stochastic&, const stochastic&) = default;
};

template <>
inline constexpr rounding_id id_of<stochastic>{2, "stochastic"};

}  // namespace xquant
