// Views of packed tensors: shapes in elements, memory in bytes, strides in bits.
#pragma once

#include <xquant/core/packed.hpp>
#include <xquant/core/shape.hpp>
#include <xquant/core/view.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {

/// What views of packed elements and of const ones share. The element at index (i0, i1, ...) begins at bit
/// `first_bit` + i0 * stride[0] + i1 * stride[1] + ... of the string whose first byte `data` points to.
template <class P, class Byte>
struct packed_tensor_view {
  Byte* data = nullptr;
  xquant::shape shape{};
  std::ptrdiff_t stride[max_rank] = {};
  std::ptrdiff_t first_bit = 0;

  constexpr packed_tensor_view() noexcept = default;

  /// One string of bits over the whole tensor, last dimension fastest, as ONNX keeps it: element i (row-major) at bit
  /// i * Bits. Of `bytes(shape)` bytes.
  constexpr packed_tensor_view(Byte* first, const xquant::shape& s) noexcept : data(first), shape(s) {
    std::ptrdiff_t step = P::bits;  // may wrap for a shape that valid() refuses
    for (std::size_t d = s.rank < max_rank ? s.rank : max_rank; d-- > 0;) {
      stride[d] = step;
      step = static_cast<std::ptrdiff_t>(static_cast<std::size_t>(step) * s.extent[d]);
    }
  }

  /// Strided: `strides` has one entry, in bits, for each dimension. The first element begins at bit `bit`: a piece of a
  /// packed tensor.
  constexpr packed_tensor_view(Byte* first, const xquant::shape& s, const std::ptrdiff_t* strides,
                               std::ptrdiff_t bit = 0) noexcept
      : data(first), shape(s), first_bit(bit) {
    for (std::size_t d = 0; d < s.rank && d < max_rank; ++d) stride[d] = strides[d];
  }

  /// Whether the elements are one string of bits, last dimension fastest.
  [[nodiscard]] constexpr bool dense() const noexcept {
    std::size_t step = P::bits;
    for (std::size_t d = shape.rank; d-- > 0;) {
      if (shape.extent[d] != 1 && stride[d] != static_cast<std::ptrdiff_t>(step)) return false;
      step *= shape.extent[d];
    }
    return true;
  }

  /// Bytes of one string over a whole tensor of shape `s`.
  [[nodiscard]] static constexpr std::size_t bytes(const xquant::shape& s) noexcept {
    const std::size_t n = s.size();
    return n / 8 * P::bits + (n % 8 * P::bits + 7) / 8;
  }

 protected:
  [[nodiscard]] constexpr std::size_t bytes_of_row() const noexcept {
    return bytes(xquant::shape(shape.rank == 0 || shape.rank > max_rank ? 1 : shape.extent[shape.rank - 1]));
  }
  // Every row of the last dimension in a string of its own, of whole bytes.
  constexpr void separate_rows(std::size_t row_bytes) noexcept {
    std::ptrdiff_t step = static_cast<std::ptrdiff_t>(8 * row_bytes);
    for (std::size_t d = shape.rank < max_rank ? shape.rank : max_rank; d-- > 0;) {
      if (d + 1 == shape.rank) {
        stride[d] = P::bits;
        continue;
      }
      stride[d] = step;
      step = static_cast<std::ptrdiff_t>(static_cast<std::size_t>(step) * shape.extent[d]);
    }
  }
};

}  // namespace detail

/// A tensor of packed codes that somebody else owns: packed_view<4>(bytes, shape(64, 31)).
template <int Bits, bit_order Order>
struct tensor_view<packed<Bits, Order>> : detail::packed_tensor_view<packed<Bits, Order>, std::uint8_t> {
  using value_type = packed<Bits, Order>;
  using detail::packed_tensor_view<value_type, std::uint8_t>::packed_tensor_view;

  /// Every row (of the last dimension) in a string of its own, which begins at a byte: row r at byte
  /// r * `row_bytes`, of which a row needs (extent * Bits + 7) / 8, and takes no more where none are given.
  [[nodiscard]] static constexpr tensor_view rows(std::uint8_t* first, const xquant::shape& s,
                                                  std::size_t row_bytes = 0) noexcept {
    tensor_view v(first, s);
    v.separate_rows(row_bytes != 0 ? row_bytes : v.bytes_of_row());
    return v;
  }
};

template <int Bits, bit_order Order>
struct tensor_view<const packed<Bits, Order>> : detail::packed_tensor_view<packed<Bits, Order>, const std::uint8_t> {
  using value_type = const packed<Bits, Order>;
  using detail::packed_tensor_view<packed<Bits, Order>, const std::uint8_t>::packed_tensor_view;

  constexpr tensor_view() noexcept = default;
  constexpr tensor_view(const tensor_view<packed<Bits, Order>>& v) noexcept  // NOLINT: a view of const elements
      : tensor_view(v.data, v.shape, v.stride, v.first_bit) {}

  [[nodiscard]] static constexpr tensor_view rows(const std::uint8_t* first, const xquant::shape& s,
                                                  std::size_t row_bytes = 0) noexcept {
    tensor_view v(first, s);
    v.separate_rows(row_bytes != 0 ? row_bytes : v.bytes_of_row());
    return v;
  }
};

template <int Bits, bit_order Order = bit_order::low_first>
using packed_view = tensor_view<packed<Bits, Order>>;
template <int Bits, bit_order Order = bit_order::low_first>
using const_packed_view = tensor_view<const packed<Bits, Order>>;

}  // namespace xquant
