// Eigen's matrices and arrays, their maps, blocks and transposes as tensors in their own order and strides; its
// expressions as inputs. Eigen's Tensor: adapt/eigen_tensor.hpp.
#pragma once

#include <xquant/core/adapt.hpp>
#include <xquant/core/qualifiers.hpp>

#include <Eigen/Core>

#include <cstddef>
#include <type_traits>

namespace xquant::inline XQUANT_ABI {

namespace detail {
template <class T>
concept EigenDense = std::is_base_of_v<Eigen::DenseBase<remove_const<T>>, remove_const<T>>;
template <class T>
concept EigenInMemory = EigenDense<T> &&(T::Flags& Eigen::DirectAccessBit) != 0;

// Matrix or Array of the same extents and order with other elements.
template <class Plain, class Element>
struct eigen_like;
template <class T, int Rows, int Columns, int Options, int MaxRows, int MaxColumns, class Element>
struct eigen_like<Eigen::Matrix<T, Rows, Columns, Options, MaxRows, MaxColumns>, Element> {
  using type = Eigen::Matrix<Element, Rows, Columns, Options, MaxRows, MaxColumns>;
};
template <class T, int Rows, int Columns, int Options, int MaxRows, int MaxColumns, class Element>
struct eigen_like<Eigen::Array<T, Rows, Columns, Options, MaxRows, MaxColumns>, Element> {
  using type = Eigen::Array<Element, Rows, Columns, Options, MaxRows, MaxColumns>;
};

template <class T>
struct eigen_result {
  template <class Element>
  using like = typename eigen_like<typename T::PlainObject, Element>::type;

  static status resize(T& tensor, const shape& s) requires is_same<T, typename T::PlainObject> {
    if constexpr (T::IsVectorAtCompileTime) {
      if (s.rank != 1) return rank_fault("result", s.rank, "as a vector has", 1);
      if (T::SizeAtCompileTime != Eigen::Dynamic && s[0] != static_cast<std::size_t>(T::SizeAtCompileTime))
        return dimension_fault(errc::shape_mismatch, "result", 0, static_cast<double>(s[0]), "as the vector has",
                               static_cast<std::size_t>(T::SizeAtCompileTime));
      tensor.resize(static_cast<Eigen::Index>(s[0]));
    } else {
      if (s.rank != 2) return rank_fault("result", s.rank, "as a matrix has", 2);
      const int fixed[2] = {T::RowsAtCompileTime, T::ColsAtCompileTime};
      for (std::size_t d = 0; d < 2; ++d)
        if (fixed[d] != Eigen::Dynamic && s[d] != static_cast<std::size_t>(fixed[d]))
          return dimension_fault(errc::shape_mismatch, "result", d, static_cast<double>(s[d]), "as the matrix has",
                                 static_cast<std::size_t>(fixed[d]));
      tensor.resize(static_cast<Eigen::Index>(s[0]), static_cast<Eigen::Index>(s[1]));
    }
    return {};
  }
};
}  // namespace detail

/// Anything of Eigen with an address and strides: rows are dimension 0, columns dimension 1, whichever lies
/// consecutively; what is a row or a column at compile time (VectorXf, matrix.row(1)) has rank 1.
template <class T>
requires detail::EigenInMemory<std::remove_const_t<T>>
struct tensor_adaptor<T> : detail::eigen_result<std::remove_const_t<T>> {
  static auto view(T& tensor) {
    const auto inner = static_cast<std::ptrdiff_t>(tensor.innerStride());
    if constexpr (T::IsVectorAtCompileTime) {
      return tensor_view(tensor.data(), shape{tensor.size()}, &inner);
    } else {
      const auto outer = static_cast<std::ptrdiff_t>(tensor.outerStride());
      const std::ptrdiff_t step[2] = {T::IsRowMajor ? outer : inner, T::IsRowMajor ? inner : outer};
      return tensor_view(tensor.data(), shape{tensor.rows(), tensor.cols()}, step);
    }
  }
};

/// An expression: evaluated once, into a matrix or array that lives as long as the call.
template <class T>
requires(detail::EigenDense<std::remove_const_t<T>> &&
         !detail::EigenInMemory<std::remove_const_t<T>>) struct tensor_adaptor<T>
    : detail::eigen_result<std::remove_const_t<T>> {
  static auto evaluate(const T& expression) { return typename T::PlainObject(expression); }
};

}  // namespace xquant
