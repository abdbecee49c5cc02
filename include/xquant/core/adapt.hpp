// How a tensor of any library becomes a tensor_view: one trait, specialised beside each library's headers.
#pragma once

#include <xquant/core/coded_scales.hpp>
#include <xquant/core/meta.hpp>
#include <xquant/core/parameters_view.hpp>
#include <xquant/core/qualifiers.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/view.hpp>

namespace xquant::inline XQUANT_ABI {

/// Specialise for a tensor type T (`const U` for read-only ones) with one of
///   static tensor_view<Element> view(T& tensor)      the elements lie in memory; valid as long as the tensor is
///   static Tensor evaluate(const T& expression)      they do not: a tensor that holds them, for inputs only
/// and, for the forms that return tensors (by_value.hpp),
///   template <class Element> using like = Tensor     of the library's own kind, holding such elements; default
///                                                    constructible. Without it they return a dense_tensor.
/// and, for a tensor that owns its elements,
///   static status resize(T& tensor, const shape& s)  gives it the shape s, or says why it cannot have it
template <class T>
struct tensor_adaptor;

template <class T>
struct tensor_adaptor<tensor_view<T>> {
  static constexpr tensor_view<T> view(const tensor_view<T>& v) noexcept { return v; }
};
template <class T>
struct tensor_adaptor<const tensor_view<T>> : tensor_adaptor<tensor_view<T>> {};

namespace detail {
template <class T>
using adaptor_of = tensor_adaptor<typename remove_reference_trait<T>::type>;
template <class T>
concept HasView = requires(typename remove_reference_trait<T>::type& t) {
  adaptor_of<T>::view(t);
};
template <class T>
concept HasEvaluate = requires(const remove_cvref<T>& t) {
  adaptor_of<T>::evaluate(t);
};
}  // namespace detail

/// Anything whose elements an operation can read.
template <class T>
concept TensorLike = detail::HasView < const remove_cvref<T>
& > || detail::HasEvaluate<T>;

/// Anything whose elements lie in memory: what an operation can write to.
template <class T>
concept TensorInMemory = detail::HasView<T>;

/// The tensor itself where its elements lie in memory, else a tensor made of them.
template <TensorLike T>
constexpr decltype(auto) evaluated(T& tensor) {
  if constexpr (detail::HasView<T&>)
    return (tensor);
  else
    return detail::adaptor_of<T&>::evaluate(tensor);
}

/// A tensor that owns its elements and can be given a shape.
template <class T>
concept ResizableTensor = TensorInMemory<T&> && requires(T& t, const shape& s) {
  T();
  detail::adaptor_of<T>::resize(t, s);
};

/// The view of a tensor in memory.
template <TensorInMemory T>
constexpr auto as_view(T&& tensor) {
  return detail::adaptor_of<T>::view(tensor);
}

/// The element type of a tensor-like object, without const.
template <class T>
using element_of = remove_const<typename decltype(as_view(evaluated(declared<const remove_cvref<T>&>())))::value_type>;

/// Parameters are a parameters_view or coded_parameters_view, one scale_and_zero_point or scale_and_real_zero_point
/// (whose view lasts as long as it does), or anything with a `view()` that gives one of the views (parameters.hpp).
template <class Real>
constexpr parameters_view<Real> as_parameters(const parameters_view<Real>& p) noexcept {
  return p;
}
template <class S, class Real>
constexpr coded_parameters_view<S, Real> as_parameters(const coded_parameters_view<S, Real>& p) noexcept {
  return p;
}
template <class Real>
constexpr parameters_view<Real> as_parameters(const scale_and_zero_point<Real>& p) noexcept {
  return {&p.scale, nullptr, p.zero_point != 0 ? &p.zero_point : nullptr, 1};
}
template <class Real>
constexpr parameters_view<Real> as_parameters(const scale_and_real_zero_point<Real>& p) noexcept {
  return {&p.scale, nullptr, nullptr, 1, &p.zero_point};
}
template <class T>
requires requires(const T& p) { p.view().scale; }
constexpr auto as_parameters(const T& p) noexcept { return p.view(); }
/// A number is none: a plan would keep the address of a temporary.
template <class T>
requires requires(const T& p) { static_cast<double>(p); }
constexpr parameters_view<T> as_parameters(const T&) noexcept {
  static_assert(!is_same<T, T>,
                "xquant: a number is no set of parameters; write xquant::parameters(scale) (parameters.hpp), or "
                "scale_and_zero_point<float>{scale, zero_point}");
  return {};
}

}  // namespace xquant
