// Elements that do not lie one after the other: through buffers, piece by piece.
#pragma once

#include <xquant/engines/row_kernel.hpp>

namespace xquant::inline XQUANT_ABI::detail {

template <std::size_t Bytes>
inline void copy_strided(const char* from, std::ptrdiff_t from_stride, char* to, std::ptrdiff_t to_stride,
                         std::size_t n) {
  for (std::size_t i = 0; i < n; ++i, from += from_stride * static_cast<std::ptrdiff_t>(Bytes),
                   to += to_stride * static_cast<std::ptrdiff_t>(Bytes))
    __builtin_memcpy(to, from, Bytes);
}

inline void copy_elements(const void* from, std::ptrdiff_t from_stride, void* to, std::ptrdiff_t to_stride,
                          std::size_t bytes, std::size_t n) {
  const char* f = static_cast<const char*>(from);
  char* t = static_cast<char*>(to);
  switch (bytes) {
    case 1: return copy_strided<1>(f, from_stride, t, to_stride, n);
    case 2: return copy_strided<2>(f, from_stride, t, to_stride, n);
    case 4: return copy_strided<4>(f, from_stride, t, to_stride, n);
    default: return copy_strided<8>(f, from_stride, t, to_stride, n);
  }
}

// A row whose elements, or whose parameters, do not lie one after the other.
inline void run_strided(const row_kernel& kernel, const walk_streams& s, const std::ptrdiff_t (&first)[operand_count],
                        const nest_dimension& row) {
  constexpr std::size_t piece = 256;
  alignas(64) unsigned char buffer[4][piece * 8];
  alignas(64) unsigned char scale[piece * 8];
  alignas(64) unsigned char reciprocal[piece * 8];
  alignas(64) unsigned char zero_point[piece * 4];
  const bool varying = row.stride[parameter] != 0;
  for (std::size_t done = 0; done < row.extent; done += piece) {
    const std::size_t n = row.extent - done < piece ? row.extent - done : piece;
    const auto at = [&](unsigned k) { return first[k] + row.stride[k] * static_cast<std::ptrdiff_t>(done); };
    row_arguments a{};
    a.operation = s.operation;
    a.extent = n;
    a.rows = 1;
    a.index = static_cast<std::uint64_t>(at(element_index));
    a.bit_index = a.index;
    a.varying = varying;
    for (unsigned k = 0; k < 2; ++k) {
      a.input[k] = s.input[k];
      a.output[k] = kernel.element_bytes[2 + k] != 0 ? buffer[2 + k] : s.output[k];
      if (kernel.element_bytes[k] != 0) {
        const std::size_t bytes = kernel.element_bytes[k];
        copy_elements(forward(s.input[k], at(input_0 + k), bytes), row.stride[input_0 + k], buffer[k], 1, bytes, n);
        a.input[k] = buffer[k];
      }
    }
    a.scale = forward(s.scale, at(parameter), kernel.real_bytes);
    a.reciprocal = forward(s.reciprocal, at(parameter), kernel.real_bytes);
    a.zero_point = forward(s.zero_point, at(parameter), 4);
    if (varying && row.stride[parameter] != 1) {
      copy_elements(a.scale, row.stride[parameter], scale, 1, kernel.real_bytes, n);
      a.scale = scale;
      if (a.reciprocal) {
        copy_elements(a.reciprocal, row.stride[parameter], reciprocal, 1, kernel.real_bytes, n);
        a.reciprocal = reciprocal;
      }
      if (a.zero_point) {
        copy_elements(a.zero_point, row.stride[parameter], zero_point, 1, 4, n);
        a.zero_point = zero_point;
      }
    }
    kernel.run(a);
    for (unsigned k = 0; k < 2; ++k)
      if (kernel.element_bytes[2 + k] != 0) {
        const std::size_t bytes = kernel.element_bytes[2 + k];
        copy_elements(buffer[2 + k], 1, forward(s.output[k], at(output_0 + k), bytes), row.stride[output_0 + k], bytes,
                      n);
      }
  }
}

}  // namespace xquant::detail
