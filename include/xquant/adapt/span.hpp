// std::span, std::vector, std::array and other contiguous ranges as tensors of rank 1.
#pragma once

#include <xquant/core/adapt.hpp>
#include <xquant/core/qualifiers.hpp>

#include <ranges>

namespace xquant::inline XQUANT_ABI {

/// A contiguous range without a shape of its own (a tensor library's container has one, and its own adaptor).
template <class T>
concept ContiguousSequence =
    std::ranges::contiguous_range<T> && std::ranges::sized_range<T> && !requires(const remove_cvref<T>& t) {
  t.shape();
};

template <ContiguousSequence T>
struct tensor_adaptor<T> {
  static constexpr auto view(T& sequence) noexcept {
    return tensor_view(std::ranges::data(sequence), shape{std::ranges::size(sequence)});
  }
};

}  // namespace xquant
