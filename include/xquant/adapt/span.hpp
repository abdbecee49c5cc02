// std::span, std::vector, std::array and other contiguous ranges as tensors of rank 1.
#pragma once

#include <xquant/core/adapt.hpp>
#include <xquant/core/qualifiers.hpp>

#include <array>
#include <cstddef>
#include <new>
#include <span>
#include <vector>

namespace xquant::inline XQUANT_ABI {

// <span>, whose range constructor asks for them, has the concepts of <ranges> at a fifth of its cost.

/// A contiguous range without a shape of its own (a tensor library's container has one, and its own adaptor).
template <class T>
concept ContiguousSequence =
    std::ranges::contiguous_range<T> && std::ranges::sized_range<T> && !requires(const remove_cvref<T>& t) {
  t.shape();
};

namespace detail {
// What holds elements as T does.
template <class T, class Element>
struct sequence_like {
  using type = std::vector<Element>;
};
template <class T, std::size_t N, class Element>
struct sequence_like<std::array<T, N>, Element> {
  using type = std::array<Element, N>;
};
template <class T, std::size_t N, class Element>
struct sequence_like<T[N], Element> {
  using type = std::array<Element, N>;
};
}  // namespace detail

template <ContiguousSequence T>
struct tensor_adaptor<T> {
  static constexpr auto view(T& sequence) noexcept {
    return tensor_view(std::ranges::data(sequence), shape{std::ranges::size(sequence)});
  }

  template <class Element>
  using like = typename detail::sequence_like<remove_const<T>, Element>::type;

  static status resize(T& sequence, const shape& s) requires requires { sequence.resize(s.size()); }
  {
    if (s.rank != 1) return rank_fault("result", s.rank, "as a vector has", 1);
    sequence.resize(s.size());
    return {};
  }
  static status resize(T& sequence, const shape& s) requires(
      !requires { sequence.resize(s.size()); } && requires { std::tuple_size<T>::value; }) {
    return detail::validate_same_shape(s, shape{sequence.size()}, "result", "as the array has");
  }
};

}  // namespace xquant
