// The few type questions layers 0-2 ask. Written here because <type_traits> alone is four times the size of everything
// a quantizer needs (docs/architecture.md, "What an include costs").
#pragma once

#include <xquant/config.hpp>

namespace xquant::inline XQUANT_ABI {

template <class A, class B>
inline constexpr bool is_same = false;
template <class A>
inline constexpr bool is_same<A, A> = true;

template <bool Condition, class A, class B>
struct conditional_trait {
  using type = A;
};
template <class A, class B>
struct conditional_trait<false, A, B> {
  using type = B;
};
template <bool Condition, class A, class B>
using conditional = typename conditional_trait<Condition, A, B>::type;

/// A value of type T in expressions that are never evaluated.
template <class T>
T declared() noexcept;

/// A list of types, for run-time choices over compiled alternatives.
template <class... Types>
struct type_list {
  static constexpr unsigned size = sizeof...(Types);
};

}  // namespace xquant
