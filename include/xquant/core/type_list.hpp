// Parts of type lists.
#pragma once

#include <xquant/core/meta.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {
template <class... Lists>
struct joined_trait;
template <>
struct joined_trait<> {
  using type = type_list<>;
};
template <class... A>
struct joined_trait<type_list<A...>> {
  using type = type_list<A...>;
};
template <class... A, class... B, class... Rest>
struct joined_trait<type_list<A...>, type_list<B...>, Rest...> : joined_trait<type_list<A..., B...>, Rest...> {};

template <class List, class Keep>
struct kept_trait;
template <class... Types, class Keep>
struct kept_trait<type_list<Types...>, Keep>
    : joined_trait<conditional<Keep::template keeps<Types>, type_list<Types>, type_list<>>...> {};
}  // namespace detail

/// The types of several lists in one.
template <class... Lists>
using joined_types = typename detail::joined_trait<Lists...>::type;

/// The types of a list for which `Keep::keeps<T>` is true, in their order.
template <class List, class Keep>
using kept_types = typename detail::kept_trait<List, Keep>::type;

/// Keeps all types; keeps those that are named; keeps what any of the others does; keeps what the other does not.
struct keep_all {
  template <class>
  static constexpr bool keeps = true;
};
template <class... Named>
struct keep_only {
  template <class T>
  static constexpr bool keeps = (false || ... || is_same<T, Named>);
};
template <class... Others>
struct keep_any {
  template <class T>
  static constexpr bool keeps = (false || ... || Others::template keeps<T>);
};
template <class Other>
struct keep_rest {
  template <class T>
  static constexpr bool keeps = !Other::template keeps<T>;
};

}  // namespace xquant
