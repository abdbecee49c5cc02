// xtensor's containers, adaptors and strided views as tensors; its lazy expressions as inputs.
#pragma once

#include <xquant/adapt/xtensor_headers.hpp>
#include <xquant/core/adapt.hpp>

#include <type_traits>

namespace xquant::inline XQUANT_ABI {

namespace detail {
template <class T>
concept XtensorExpression = xt::is_xexpression<T>::value;
template <class T>
concept XtensorInMemory = XtensorExpression<T> && xt::has_data_interface<T>::value && xt::has_strides<T>::value;
}  // namespace detail

/// Anything of xtensor with data and strides: used where it lies, in its own layout.
template <class T>
requires detail::XtensorInMemory<std::remove_const_t<T>>
struct tensor_adaptor<T> {
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
         !detail::XtensorInMemory<std::remove_const_t<T>>) struct tensor_adaptor<T> {
  static auto evaluate(const T& expression) {
    using value = std::remove_cv_t<typename T::value_type>;
    return xt::xarray<value>(expression);
  }
};

}  // namespace xquant
