// What a rounding policy of a quantizer is (adaround.hpp and sign_round.hpp are not such: they need a second tensor),
// and how a format receives one: as a callable that knows nothing of its policy.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/policy.hpp>

namespace xquant::inline XQUANT_ABI {

/// A rounding takes a real of magnitude below 2^31 to an integral real of the same sign (of a zero too):
///   template <class L> L round(L v) const;                          // deterministic
///   template <class L> L round(L v, integer_of<L> random) const;    // `static constexpr bool is_random = true`
/// Formats with a sign give it the signed value, so that up and down mean what they say, and ask for the rounded
/// magnitude and the sign apart. NaN never reaches it, unless it has `sees_only_halves`: then NaN and infinities may,
/// and must stay what they are.
/// Optional: `round_to_integer` (the same result as an integer, where that is cheaper), `static constexpr bool
/// sees_only_halves = true` (the result depends only on where v lies among the half-integers, below, at or above each:
/// all roundings to nearest, whatever they do with ties; rule 4), `static constexpr bool rounds_as_sums = true` (the
/// result is what a sum of the lane is rounded to: nearest even, so a format may let an addition round) and `static
/// constexpr bool leaves_grid = true` (the result is not integral: see additive_noise); random policies have a
/// `std::uint64_t seed`, and may have a `std::uint64_t first_index` (see random_index).
template <class R>
concept Rounding = QuantizerPolicy<R> && is_same<typename R::policy_category, category::rounding> &&(
    requires(const R& r) { r.template round<float>(1.0f); } ||
    requires(const R& r) { r.template round<float>(1.0f, std::int32_t{}); });

template <class R>
inline constexpr bool is_random_rounding = requires {
  requires R::is_random;
};

template <class R>
inline constexpr bool rounding_sees_only_halves = requires {
  requires R::sees_only_halves;
};

template <class R>
inline constexpr bool rounding_leaves_grid = requires {
  requires R::leaves_grid;
};

namespace detail {

struct no_random_bits {};

template <class L, class R>
struct random_bits_trait {
  using type = no_random_bits;
};
template <class L, class R>
requires is_random_rounding<R>
struct random_bits_trait<L, R> {
  using type = integer_of<L>;
};

}  // namespace detail

/// The index whose random bits the element with row-major index `element` of a call takes (docs/arithmetic.md, rule 9):
/// what a rounding names as the index of the first one is added, modulo 2^64.
template <class R>
XQUANT_INLINE constexpr std::uint64_t random_index(const R& rounding, std::uint64_t element) noexcept {
  if constexpr (requires { rounding.first_index; })
    return element + rounding.first_index;
  else
    return element;
}

/// The random bits one lane of a rounding needs: 32 per lane, or none.
template <class L, class R>
using random_bits_of = typename detail::random_bits_trait<L, R>::type;

/// The callable a format is given.
template <class L, class R>
struct bound_rounding {
  const R& policy;
  random_bits_of<L, R> random;
  /// A sum of the lane rounds as the policy does.
  static constexpr bool rounds_as_sums = requires { requires R::rounds_as_sums; };

  /// The rounded value, as a real.
  XQUANT_INLINE constexpr L operator()(L v) const {
    if constexpr (is_random_rounding<R>)
      return policy.template round<L>(v, random);
    else
      return policy.template round<L>(v);
  }
  /// The rounded value, as an integer.
  XQUANT_INLINE constexpr integer_of<L> to_integer(L v) const {
    if constexpr (requires { policy.template round_to_integer<L>(v); })
      return policy.template round_to_integer<L>(v);
    else if constexpr (requires { policy.template round_to_integer<L>(v, random); })
      return policy.template round_to_integer<L>(v, random);
    else
      return truncate_to_integer((*this)(v));
  }
};

}  // namespace xquant
