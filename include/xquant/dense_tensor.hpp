// A tensor that owns its elements, for results whose container nobody named.
#pragma once

#include <xquant/core/adapt.hpp>
#include <xquant/core/view.hpp>
#include <xquant/engines/reduction.hpp>
#include <xquant/exception.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// Elements and their shape, row-major. A regular value, a range of its elements, and what every container of an
/// adapted library can be made of: `xt::xarray<float> y = dequantize(t)`. A std::vector has the elements in order,
/// whatever the shape.
template <class T>
class dense_tensor {
 public:
  using value_type = T;

  dense_tensor() : dense_tensor(xquant::shape{0}) {}
#if XQUANT_HAS_EXCEPTIONS
  /// Elements of that shape, all T(). Throws xquant::error where it is none.
  explicit dense_tensor(const xquant::shape& s) {
    throw_if(s.valid());
    shape_ = s;
    values_.resize(s.size());
  }
#endif

  [[nodiscard]] const xquant::shape& shape() const noexcept { return shape_; }
  [[nodiscard]] std::size_t size() const noexcept { return values_.size(); }
  [[nodiscard]] const std::vector<T>& values() const noexcept { return values_; }
  [[nodiscard]] T* data() noexcept { return values_.data(); }
  [[nodiscard]] const T* data() const noexcept { return values_.data(); }
  [[nodiscard]] T& operator[](std::size_t i) noexcept { return values_[i]; }
  [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return values_[i]; }
  [[nodiscard]] auto begin() noexcept { return values_.begin(); }
  [[nodiscard]] auto end() noexcept { return values_.end(); }
  [[nodiscard]] auto begin() const noexcept { return values_.begin(); }
  [[nodiscard]] auto end() const noexcept { return values_.end(); }

  /// The elements in row-major order.
  operator std::vector<T>() const& { return values_; }         // NOLINT: a result is what it is assigned to
  operator std::vector<T>() && { return std::move(values_); }  // NOLINT
#if XQUANT_HAS_EXCEPTIONS
  /// A container of another library, which has these elements at the same indices. Throws xquant::error where it cannot
  /// have the shape (errc::shape_mismatch).
  template <ResizableTensor Container>
  requires(is_same<element_of<Container>, T> && !is_same<Container, std::vector<T>>) operator Container() const {
    Container made;
    throw_if(detail::adaptor_of<Container>::resize(made, shape_));
    const auto to = as_view(made);
    for (std::size_t i = 0; i < values_.size(); ++i) to.data[offset_of(i, to.shape, to.stride)] = values_[i];
    return made;
  }
#endif

  friend bool operator==(const dense_tensor&, const dense_tensor&) = default;
  friend bool operator==(const dense_tensor& a, const std::vector<T>& b) { return a.values_ == b; }

 private:
  xquant::shape shape_{};
  std::vector<T> values_;
};

template <class T>
struct tensor_adaptor<dense_tensor<T>> {
  static tensor_view<T> view(dense_tensor<T>& t) noexcept { return {t.data(), t.shape()}; }
  static status resize(dense_tensor<T>& t, const shape& s) {
    if (const status bad = s.valid("result"); !bad.ok()) return bad;
    t = dense_tensor<T>(s);
    return {};
  }
};
template <class T>
struct tensor_adaptor<const dense_tensor<T>> {
  static tensor_view<const T> view(const dense_tensor<T>& t) noexcept { return {t.data(), t.shape()}; }
};

namespace detail {
template <class T, class Element>
struct tensor_like_trait {
  using type = dense_tensor<Element>;
};
template <class T, class Element>
// (g++ 12 takes no alias template in a type requirement.)
requires requires { static_cast<typename adaptor_of<const T>::template like<Element>*>(nullptr); }
struct tensor_like_trait<T, Element> {
  using type = typename adaptor_of<const T>::template like<Element>;
};
}  // namespace detail

/// The tensor of `Element`s that a form that returns gives for a T: the library's own kind, or a dense_tensor.
template <class T, class Element>
using tensor_like = typename detail::tensor_like_trait<remove_cvref<T>, Element>::type;

}  // namespace xquant
