// The last elements of a run, or the first ones before a group of random numbers starts: a block through a buffer.
#pragma once

#include <xquant/engines/bits.hpp>
#include <xquant/engines/lane_memory.hpp>
#include <xquant/engines/row_arguments.hpp>

namespace xquant::inline XQUANT_ABI::detail {

// One copy for all operations.
template <class T>
XQUANT_NOINLINE void copy_elements(T* to, const T* from, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) to[i] = from[i];
}

// The parameters of a block of which `n` elements from `skip` on have some, the rest any that are valid.
template <class T>
XQUANT_NOINLINE const T* some_parameters(T* buffer, const T* from, T others, std::size_t skip, std::size_t n) {
  if (from == nullptr) return nullptr;
  for (std::size_t i = 0; i < block_size; ++i) buffer[i] = others;
  copy_elements(buffer + skip, from, n);
  return buffer;
}

template <class Op>
struct edge {
  using real = typename Op::real;
  using in_0 = typename Op::input_0_type;
  using in_1 = typename Op::input_1_type;
  using out_0 = typename Op::output_0_type;
  using out_1 = typename Op::output_1_type;
  using addresses = row_addresses<Op>;

  /// `skip` elements of the block precede the run. `Blocks` runs a row of whole blocks.
  template <void (*Blocks)(const row_arguments&)>
  static void run(const Op& operation, const addresses& a, std::size_t skip, std::size_t n, bool varying) {
    struct alignas(64) buffers {
      stream_element<in_0> input_0[buffer_size<in_0>] = {};
      stream_element<in_1> input_1[buffer_size<in_1>] = {};
      stream_element<out_0> output_0[buffer_size<out_0>];
      stream_element<out_1> output_1[buffer_size<out_1>];
      real scale[block_size];
      real reciprocal[block_size];
      zero_point_element<Op> zero_point[block_size];
    } b;
    addresses at = a;
    at.index = a.index - skip;
    at.bit_index = 0;
    at.past_caches = false;
    copy_in<in_0>(b.input_0, at.input_0, a.bit_index, skip, n);
    copy_in<in_1>(b.input_1, at.input_1, a.bit_index, skip, n);
    at.output_0 = b.output_0;
    at.output_1 = b.output_1;
    if (varying) {
      at.scale = some_parameters(b.scale, a.scale, real(1), skip, n);
      at.reciprocal = some_parameters(b.reciprocal, a.reciprocal, real(1), skip, n);
      at.zero_point = some_parameters(b.zero_point, a.zero_point, zero_point_element<Op>(0), skip, n);
    }
    Blocks(at.arguments(operation, block_size, varying));
    copy_out<out_0>(a.output_0, b.output_0, a.bit_index, skip, n);
    copy_out<out_1>(a.output_1, b.output_1, a.bit_index, skip, n);
  }

 private:
  // Elements a buffer has for one block of a stream; bytes, where the stream is packed bits.
  template <class Stream>
  static constexpr std::size_t buffer_size = is_same<Stream, none>  ? 1
                                             : is_same<Stream, bit> ? block_size / 8
                                                                    : block_size;

  template <class Stream, class T>
  static void copy_in(T* buffer, const T*& from, std::uint64_t bit_index, std::size_t skip, std::size_t n) {
    if constexpr (is_same<Stream, bit>)
      store_bits(buffer, skip, n, load_bits(from, bit_index, n));
    else if constexpr (!is_same<Stream, none>)
      copy_elements(buffer + skip, from, n);
    from = buffer;
  }
  template <class Stream, class T>
  static void copy_out(T* to, const T* buffer, std::uint64_t bit_index, std::size_t skip, std::size_t n) {
    if constexpr (is_same<Stream, bit>)
      store_bits(to, bit_index, n, load_bits(buffer, skip, n));
    else if constexpr (!is_same<Stream, none>)
      copy_elements(to, buffer + skip, n);
  }
};

}  // namespace xquant::detail
