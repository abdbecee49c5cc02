// xtensor's containers, adaptors and strided views as tensors; its lazy expressions as inputs.
#pragma once

#include <xquant/adapt/xtensor_headers.hpp>
#include <xquant/core/adapt.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace xquant::inline XQUANT_ABI {

namespace detail {
template <class T>
concept XtensorExpression = xt::is_xexpression<T>::value;
template <class T>
concept XtensorInMemory = XtensorExpression<T> && xt::has_data_interface<T>::value && xt::has_strides<T>::value;

// Rank known at compile time, or not; the order of the elements where T has one.
template <class T, class Element, std::size_t Rank, xt::layout_type Layout>
struct xtensor_like {
  using type = xt::xtensor<Element, Rank, Layout>;
};
template <class T, class Element, xt::layout_type Layout>
struct xtensor_like<T, Element, SIZE_MAX, Layout> {
  using type = xt::xarray<Element, Layout>;
};

template <class T>
struct xtensor_result {
  static constexpr std::size_t rank = xt::get_rank<T>::value;
  static constexpr xt::layout_type layout =
      T::static_layout == xt::layout_type::column_major ? xt::layout_type::column_major : xt::layout_type::row_major;
  template <class Element>
  using like = typename xtensor_like<T, Element, rank, layout>::type;

  static status resize(T& tensor, const shape& s) requires is_same<T, like<typename T::value_type>> {
    if (rank != SIZE_MAX && s.rank != rank) return rank_fault("result", s.rank, "as the xtensor has", rank);
    typename T::shape_type extents = tensor.shape();
    if constexpr (rank == SIZE_MAX) extents.resize(s.rank);
    for (std::size_t d = 0; d < s.rank; ++d) extents[d] = s[d];
    tensor.resize(extents);
    return {};
  }
};
}  // namespace detail

/// Anything of xtensor with data and strides: used where it lies, in its own layout.
template <class T>
requires detail::XtensorInMemory<std::remove_const_t<T>>
struct tensor_adaptor<T> : detail::xtensor_result<std::remove_const_t<T>> {
  static auto view(T& tensor) {
    const auto& extents = tensor.shape();
    const auto& strides = tensor.strides();
    shape s;
    s.rank = extents.size();
    std::ptrdiff_t step[max_rank] = {};
    for (std::size_t d = 0; d < s.rank && d < max_rank; ++d) {
      s.extent[d] = static_cast<std::size_t>(extents[d]);
      step[d] = static_cast<std::ptrdiff_t>(strides[d]);
    }
    auto* first = tensor.data();
    if (first != nullptr) first += static_cast<std::ptrdiff_t>(tensor.data_offset());
    return tensor_view(first, s, step);
  }
};

/// A lazy expression: evaluated once, into a container that lives as long as the call.
template <class T>
requires(detail::XtensorExpression<std::remove_const_t<T>> &&
         !detail::XtensorInMemory<std::remove_const_t<T>>) struct tensor_adaptor<T>
    : detail::xtensor_result<std::remove_const_t<T>> {
  static auto evaluate(const T& expression) {
    using value = std::remove_cv_t<typename T::value_type>;
    return xt::xarray<value>(expression);
  }
};

}  // namespace xquant
