// Where the short quotient may stand for x / scale, and with which scales (docs/arithmetic.md, rule 4).
#pragma once

#include <xquant/arithmetic/divide_by_moved_scale.hpp>
#include <xquant/engines/operation.hpp>

namespace xquant::inline XQUANT_ABI::detail {

// Whether the points where a rounding to nearest changes its answer are among those the short quotient was proved for:
// plain integers, and formats that say so.
template <class F>
inline constexpr bool allows_short_quotient = requires {
  requires F::is_plain_integer;
}
|| requires { requires F::allows_short_quotient; };

// Whether an arithmetic has a short quotient for ordinary scales, and another form for the others.
template <class A>
inline constexpr bool has_short_quotient = requires {
  typename A::for_any_scale;
};

// What x is multiplied by before a short quotient for any scale, and what it is divided by then.
template <class L>
struct moved_scale {
  L power;
  L divisor;
};
template <class A, class L>
struct move_of {
  using type = none;
};
template <class A, class L>
requires requires(L scale) { A::power(scale); }
struct move_of<A, L> {
  using type = moved_scale<L>;
};

}  // namespace xquant::detail
