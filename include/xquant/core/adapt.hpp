// How a tensor of any library becomes a tensor_view: one trait, specialised beside each library's headers.
#pragma once

#include <xquant/core/meta.hpp>
#include <xquant/core/parameters_view.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/view.hpp>

namespace xquant {

/// Specialise for a tensor type T: `static tensor_view<Element> view(T& tensor)` (T may be const). The pointer stays
/// valid as long as the tensor does.
template <class T>
struct tensor_adaptor;

template <class T>
struct tensor_adaptor<tensor_view<T>> {
  static constexpr tensor_view<T> view(const tensor_view<T>& v) noexcept { return v; }
};
template <class T>
struct tensor_adaptor<const tensor_view<T>> : tensor_adaptor<tensor_view<T>> {};

/// Anything that tensor_adaptor knows.
template <class T>
concept TensorLike = requires(remove_cvref<T>& t) {
  tensor_adaptor<typename remove_reference_trait<T>::type>::view(t);
};

/// The view of a tensor-like object.
template <TensorLike T>
constexpr auto as_view(T&& tensor) {
  return tensor_adaptor<typename remove_reference_trait<T>::type>::view(tensor);
}

/// The element type of a tensor-like object, without const.
template <class T>
using element_of = remove_const<typename decltype(as_view(
    *static_cast<typename remove_reference_trait<T>::type*>(nullptr)))::value_type>;

/// Parameters are a parameters_view, one scale_and_zero_point (whose view lasts as long as it does), or anything with a
/// `view()` that gives a parameters_view (parameters.hpp).
template <class Real>
constexpr parameters_view<Real> as_parameters(const parameters_view<Real>& p) noexcept {
  return p;
}
template <class Real>
constexpr parameters_view<Real> as_parameters(const scale_and_zero_point<Real>& p) noexcept {
  return {&p.scale, nullptr, p.zero_point != 0 ? &p.zero_point : nullptr, 1};
}
template <class T>
requires requires(const T& p) { p.view().scale; }
constexpr auto as_parameters(const T& p) noexcept { return p.view(); }

}  // namespace xquant
