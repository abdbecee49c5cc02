// const, references and pointers taken off types; see core/meta.hpp for why not <type_traits>.
#pragma once

#include <xquant/config.hpp>

namespace xquant::inline XQUANT_ABI {

template <class T>
inline constexpr bool is_const = false;
template <class T>
inline constexpr bool is_const<const T> = true;

template <class T>
struct remove_const_trait {
  using type = T;
};
template <class T>
struct remove_const_trait<const T> {
  using type = T;
};
template <class T>
using remove_const = typename remove_const_trait<T>::type;

template <class T>
struct remove_reference_trait {
  using type = T;
};
template <class T>
struct remove_reference_trait<T&> {
  using type = T;
};
template <class T>
struct remove_reference_trait<T&&> {
  using type = T;
};
template <class T>
using remove_cvref = remove_const<typename remove_reference_trait<T>::type>;

template <class T>
struct remove_pointer_trait;
template <class T>
struct remove_pointer_trait<T*> {
  using type = T;
};
template <class T>
using remove_pointer = typename remove_pointer_trait<T>::type;

}  // namespace xquant
