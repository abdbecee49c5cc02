// Policies in any order: each policy names its category, and `pick` finds the one of a category or its default.
#pragma once

#include <xquant/core/meta.hpp>

namespace xquant::inline XQUANT_ABI {

/// A policy type says what it decides by `using policy_category = category::...;`.
namespace category {
struct granularity {};
struct scheme {};
struct rounding {};
struct arithmetic {};
struct requantization {};  // of a requantizer (ops/requantize.hpp), which also has a granularity
// What has an id (core/policy_id.hpp) and is no policy of a quantizer by itself.
struct format {};
struct conversion {};
struct degenerate_scale {};
struct estimator {};
struct observer_state {};
}  // namespace category

/// A type that decides one thing about a quantizer.
template <class P>
concept QuantizerPolicy = requires {
  typename P::policy_category;
};

namespace detail {

template <class P>
inline constexpr bool is_known_category = is_same<P, category::granularity> || is_same<P, category::scheme> ||
                                          is_same<P, category::rounding> || is_same<P, category::arithmetic>;

template <class Category, class P>
inline constexpr bool is_of_category = false;
template <class Category, QuantizerPolicy P>
inline constexpr bool is_of_category<Category, P> = is_same<Category, typename P::policy_category>;

// One assertion per rule, the culprit as a template argument: the only form in which g++ prints it.
template <class P>
struct check_policy {
  static_assert(QuantizerPolicy<P>,
                "xquant::quantizer: this argument is not a policy (it has no policy_category); the format comes first, "
                "then granularity, scheme, rounding and arithmetic in any order");
  static constexpr bool ok = true;
};

template <class Category, class... Policies>
struct check_once {
  static_assert((0 + ... + (is_of_category<Category, Policies> ? 1 : 0)) <= 1,
                "xquant::quantizer: two policies of this category; give at most one");
  static constexpr bool ok = true;
};

template <class Category, class Default, class... Policies>
struct pick_trait {
  using type = Default;
};
template <class Category, class Default, class First, class... Rest>
struct pick_trait<Category, Default, First, Rest...> {
  using type = typename conditional_trait<is_of_category<Category, First>, pick_trait<Category, First>,
                                          pick_trait<Category, Default, Rest...>>::type::type;
};

}  // namespace detail

/// The policy of `Category` among `Policies`, or `Default`.
template <class Category, class Default, class... Policies>
using pick = typename detail::pick_trait<Category, Default, Policies...>::type;

}  // namespace xquant
