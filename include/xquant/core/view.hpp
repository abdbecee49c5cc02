// Non-owning strided views: how the library sees a tensor, whoever owns it.
#pragma once

#include <xquant/core/meta.hpp>
#include <xquant/core/qualifiers.hpp>
#include <xquant/core/shape.hpp>
#include <xquant/exception.hpp>

#include <cstddef>

namespace xquant::inline XQUANT_ABI {

namespace detail {
// Elements in a row that a view may be made of: a named container, or a span. (A container that is a temporary is gone
// before the view is used.)
template <class T>
inline constexpr bool lasts = __is_trivially_copyable(T);
template <class T>
inline constexpr bool lasts<T&> = true;
template <class T>
concept LastingSequence = lasts<T> && requires(typename remove_reference_trait<T>::type& sequence) {
  *sequence.data();
  sequence.size() + std::size_t{};
};
}  // namespace detail

/// A tensor somebody else owns: address of its first element, extents, and strides counted in elements (which may be
/// negative, or zero for an input that repeats).
template <class T>
struct tensor_view {
  using value_type = T;

  T* data = nullptr;
  xquant::shape shape{};
  std::ptrdiff_t stride[max_rank] = {};

  constexpr tensor_view() noexcept = default;

  /// Dense, last dimension fastest.
  constexpr tensor_view(T* first, const xquant::shape& s) noexcept : data(first) {
    shape.assign(s);
    std::size_t step = 1;  // may wrap for a shape that valid() refuses
    for (std::size_t d = s.rank < max_rank ? s.rank : max_rank; d-- > 0;) {
      stride[d] = static_cast<std::ptrdiff_t>(step);
      step *= s.extent[d];
    }
  }

  /// Strided; `strides` has one entry per dimension.
  constexpr tensor_view(T* first, const xquant::shape& s, const std::ptrdiff_t* strides) noexcept : data(first) {
    shape.assign(s);
    for (std::size_t d = 0; d < s.rank && d < max_rank; ++d) stride[d] = strides[d];
  }

#if XQUANT_HAS_EXCEPTIONS
  /// Dense, last dimension fastest, of a container or span (anything with data() and size()) that outlives the view.
  /// Throws xquant::error where the shape has another number of elements (errc::shape_mismatch) or is none.
  template <class Sequence>
  requires detail::LastingSequence<Sequence>
  constexpr tensor_view(Sequence&& sequence, const xquant::shape& s) : tensor_view(sequence.data(), s) {
    if (const status bad = s.valid(); !bad.ok()) throw_if(bad);
    if (sequence.size() != s.size())
      throw_if(fault(errc::shape_mismatch, "size", static_cast<double>(sequence.size()),
                     "as many elements as the shape has", 0, s.size()));
  }
#endif

  /// To a view of const elements. A template because nvcc warns of a conversion to the type itself.
  template <class Const>
  requires(!is_const<T> && is_same<Const, const T>) constexpr operator tensor_view<Const>() const noexcept {
    return {data, shape, stride};
  }

  /// Whether the elements lie one after the other, last dimension fastest.
  [[nodiscard]] constexpr bool dense() const noexcept {
    std::size_t step = 1;
    for (std::size_t d = shape.rank; d-- > 0;) {
      if (shape.extent[d] != 1 && stride[d] != static_cast<std::ptrdiff_t>(step)) return false;
      step *= shape.extent[d];
    }
    return true;
  }
};

template <class T>
tensor_view(T*, const shape&) -> tensor_view<T>;
template <class T>
tensor_view(T*, const shape&, const std::ptrdiff_t*) -> tensor_view<T>;
template <class Sequence>
requires detail::LastingSequence<Sequence> tensor_view(Sequence&&, const shape&)
->tensor_view<remove_pointer<decltype(declared<Sequence&>().data())>>;

}  // namespace xquant
