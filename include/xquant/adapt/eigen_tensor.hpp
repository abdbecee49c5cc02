// Eigen's Tensor (unsupported/Eigen/CXX11/Tensor), TensorFixedSize and TensorMap as tensors in their own order.
#pragma once

#include <xquant/core/adapt.hpp>
#include <xquant/core/qualifiers.hpp>

#include <unsupported/Eigen/CXX11/Tensor>

#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace xquant::inline XQUANT_ABI {

namespace detail {

template <class T>
inline constexpr bool is_eigen_tensor = false;
template <class T, int Rank, int Options, class Index>
inline constexpr bool is_eigen_tensor<Eigen::Tensor<T, Rank, Options, Index>> = true;
template <class T, class Sizes, int Options, class Index>
inline constexpr bool is_eigen_tensor<Eigen::TensorFixedSize<T, Sizes, Options, Index>> = true;
template <class Plain, int Options, template <class> class Pointer>
inline constexpr bool is_eigen_tensor<Eigen::TensorMap<Plain, Options, Pointer>> = true;

template <class T>
concept EigenTensorExpression =
    std::is_base_of_v<Eigen::TensorBase<remove_const<T>, Eigen::ReadOnlyAccessors>, remove_const<T>> &&
    !is_eigen_tensor<remove_const<T>>;

template <class T>
struct eigen_tensor_result {
  template <class Element>
  using like = Eigen::Tensor<Element, Eigen::internal::traits<T>::NumDimensions, Eigen::internal::traits<T>::Layout,
                             typename T::Index>;

  static status resize(T& tensor, const shape& s) requires is_same<T, like<typename T::Scalar>> {
    constexpr auto rank = static_cast<std::size_t>(T::NumDimensions);
    if (s.rank != rank) return rank_fault("result", s.rank, "as the tensor has", rank);
    typename T::Dimensions extents;
    for (std::size_t d = 0; d < rank; ++d) extents[d] = static_cast<typename T::Index>(s[d]);
    tensor.resize(extents);
    return {};
  }
};

}  // namespace detail

/// Tensors in memory. Column-major, as Eigen's are unless told otherwise, the first dimension lies consecutively.
template <class T>
requires detail::is_eigen_tensor<std::remove_const_t<T>>
struct tensor_adaptor<T> : detail::eigen_tensor_result<std::remove_const_t<T>> {
  static auto view(T& tensor) {
    static_assert(T::NumDimensions <= static_cast<int>(max_rank),
                  "xquant: this tensor has more dimensions than xquant::max_rank");
    shape s;
    s.rank = static_cast<std::size_t>(T::NumDimensions);
    // Constants fit whatever type an index of a dimension has, which differs.
    [&]<std::size_t... D>(std::index_sequence<D...>) {
      ((s.extent[D] = static_cast<std::size_t>(tensor.dimension(D))), ...);
    }
    (std::make_index_sequence<static_cast<std::size_t>(T::NumDimensions)>{});
    if constexpr (static_cast<int>(T::Layout) == static_cast<int>(Eigen::RowMajor)) {
      return tensor_view(tensor.data(), s);
    } else {
      std::ptrdiff_t step[max_rank] = {};
      std::ptrdiff_t next = 1;
      for (std::size_t d = 0; d < s.rank; ++d) {
        step[d] = next;
        next *= static_cast<std::ptrdiff_t>(s.extent[d]);
      }
      return tensor_view(tensor.data(), s, step);
    }
  }
};

/// An expression: evaluated once, into a tensor that lives as long as the call.
template <detail::EigenTensorExpression T>
struct tensor_adaptor<T> : detail::eigen_tensor_result<std::remove_const_t<T>> {
  static auto evaluate(const T& expression) {
    return typename detail::eigen_tensor_result<std::remove_const_t<T>>::template like<
        std::remove_const_t<typename T::Scalar>>(expression);
  }
};

}  // namespace xquant
