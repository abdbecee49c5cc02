// Where the elements of a row are: without types, as the walk over memory hands it on, and with those of an operation.
#pragma once

#include <xquant/core/nest.hpp>
#include <xquant/engines/operation.hpp>

namespace xquant::inline XQUANT_ABI {

/// Runs of elements, without types: `extent` elements at each address, `rows` times. With `varying` every element has
/// its own parameter slot and the parameter arrays run along; otherwise all share the first slot. Bit streams are
/// addressed by `index`.
struct row_arguments {
  const void* operation;
  const void* input[2];
  void* output[2];
  const void* scale;
  const void* reciprocal;
  const void* zero_point;  // integers, or reals: 4 bytes either way
  std::size_t extent;
  std::uint64_t index;      // logical index of the first element
  std::uint64_t bit_index;  // its place in packed bits: the same, but for a buffered edge
  bool varying;
  std::size_t rows;                  // such runs in all
  const std::ptrdiff_t* row_stride;  // from each to the next, in elements, one per operand; null for one row
  bool past_caches;                  // output_0 begins at a line of memory and is to be written past the caches
  double* results;                   // of a reduction: accumulators, then the number of elements, for each slot
};

namespace detail {

// The same with the types of the operation.
template <class Op>
struct row_addresses {
  using real = typename Op::real;
  using in_0 = typename Op::input_0_type;
  using in_1 = typename Op::input_1_type;
  using out_0 = typename Op::output_0_type;
  using out_1 = typename Op::output_1_type;

  const stream_element<in_0>* input_0;
  const stream_element<in_1>* input_1;
  stream_element<out_0>* output_0;
  stream_element<out_1>* output_1;
  const real* scale;
  const real* reciprocal;
  const zero_point_element<Op>* zero_point;
  std::uint64_t index;      // random bits
  std::uint64_t bit_index;  // packed bits
  bool past_caches;

  explicit row_addresses(const row_arguments& r)
      : input_0(static_cast<const stream_element<in_0>*>(r.input[0])),
        input_1(static_cast<const stream_element<in_1>*>(r.input[1])),
        output_0(static_cast<stream_element<out_0>*>(r.output[0])),
        output_1(static_cast<stream_element<out_1>*>(r.output[1])),
        scale(static_cast<const real*>(r.scale)),
        reciprocal(static_cast<const real*>(r.reciprocal)),
        zero_point(static_cast<const zero_point_element<Op>*>(r.zero_point)),
        index(r.index),
        bit_index(r.bit_index),
        past_caches(r.past_caches) {}

  // The same place as arguments, for `extent` elements.
  XQUANT_INLINE row_arguments arguments(const Op& operation, std::size_t extent, bool is_varying) const {
    row_arguments r;
    r.operation = &operation;
    r.input[0] = input_0;
    r.input[1] = input_1;
    r.output[0] = output_0;
    r.output[1] = output_1;
    r.scale = scale;
    r.reciprocal = reciprocal;
    r.zero_point = zero_point;
    r.extent = extent;
    r.index = index;
    r.bit_index = bit_index;
    r.past_caches = past_caches;
    r.varying = is_varying;
    r.rows = 1;
    r.row_stride = nullptr;
    r.results = nullptr;
    return r;
  }

  XQUANT_INLINE void next_row(const row_arguments& r, std::size_t rows = 1) {
    const auto n = static_cast<std::ptrdiff_t>(rows);
    if constexpr (element_size<in_0> != 0) input_0 += n * r.row_stride[operand::input_0];
    if constexpr (element_size<in_1> != 0) input_1 += n * r.row_stride[operand::input_1];
    if constexpr (element_size<out_0> != 0) output_0 += n * r.row_stride[operand::output_0];
    if constexpr (element_size<out_1> != 0) output_1 += n * r.row_stride[operand::output_1];
    index += static_cast<std::uint64_t>(n * r.row_stride[element_index]);
    bit_index += static_cast<std::uint64_t>(n * r.row_stride[element_index]);
    advance_slots(n * r.row_stride[parameter]);
  }

  XQUANT_INLINE void advance_slots(std::ptrdiff_t n) {
    if constexpr (!has_no_parameters<Op>) {
      scale += n;
      if (reciprocal) reciprocal += n;
      if (zero_point) zero_point += n;
    }
  }

  // The next row of elements with the same slots.
  XQUANT_INLINE void next_elements(const std::ptrdiff_t* step) {
    if constexpr (element_size<in_0> != 0) input_0 += step[operand::input_0];
    if constexpr (element_size<in_1> != 0) input_1 += step[operand::input_1];
    if constexpr (element_size<out_0> != 0) output_0 += step[operand::output_0];
    if constexpr (element_size<out_1> != 0) output_1 += step[operand::output_1];
    index += static_cast<std::uint64_t>(step[element_index]);
    bit_index += static_cast<std::uint64_t>(step[element_index]);
  }

  XQUANT_INLINE void advance(std::size_t n, bool varying) {
    if constexpr (element_size<in_0> != 0) input_0 += n;
    if constexpr (element_size<in_1> != 0) input_1 += n;
    if constexpr (element_size<out_0> != 0) output_0 += n;
    if constexpr (element_size<out_1> != 0) output_1 += n;
    index += n;
    bit_index += n;
    if (varying) advance_slots(static_cast<std::ptrdiff_t>(n));
  }
};

}  // namespace detail

}  // namespace xquant
