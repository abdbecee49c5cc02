// What a walk over memory knows of an operation and a lane: the address of their row kernel, and bytes. And its
// streams, without types.
#pragma once

#include <xquant/core/nest.hpp>
#include <xquant/engines/row.hpp>

namespace xquant::inline XQUANT_ABI::detail {

/// A row kernel and what the walk must know of its streams: bytes of an element, 0 where absent.
struct row_kernel {
  void (*run)(const row_arguments&);
  std::size_t element_bytes[4];
  std::size_t real_bytes;
  bool uses_index;              // random bits or packed bits: the logical index of each element matters
  bool writes_out_reciprocals;  // of float scales: where divisions of short vectors would cost more than that
  void (*stream_fence)();       // waits for what went past the caches; null where the kernel writes nothing past them
};

struct walk_streams {
  const void* operation;
  const void* input[2];
  void* output[2];
  const void* scale;
  const void* reciprocal;
  const void* zero_point;  // integers, or reals: 4 bytes either way
};

XQUANT_INLINE const void* forward(const void* p, std::ptrdiff_t elements, std::size_t bytes) {
  return p == nullptr ? nullptr : static_cast<const char*>(p) + elements * static_cast<std::ptrdiff_t>(bytes);
}
XQUANT_INLINE void* forward(void* p, std::ptrdiff_t elements, std::size_t bytes) {
  return p == nullptr ? nullptr : static_cast<char*>(p) + elements * static_cast<std::ptrdiff_t>(bytes);
}

XQUANT_INLINE bool is_consecutive(const row_kernel& kernel, const nest_dimension& row) {
  bool yes = row.stride[parameter] == 0 || row.stride[parameter] == 1;
  for (unsigned k = 0; k < 4; ++k) yes = yes && (kernel.element_bytes[k] == 0 || row.stride[k] == 1);
  return yes;
}

XQUANT_INLINE row_arguments arguments_at(const row_kernel& kernel, const walk_streams& s,
                                         const std::ptrdiff_t (&first)[operand_count], const nest_dimension& row) {
  row_arguments a;
  a.operation = s.operation;
  for (unsigned k = 0; k < 2; ++k) {
    a.input[k] = forward(s.input[k], first[input_0 + k], kernel.element_bytes[k]);
    a.output[k] = forward(s.output[k], first[output_0 + k], kernel.element_bytes[2 + k]);
  }
  a.scale = forward(s.scale, first[parameter], kernel.real_bytes);
  a.reciprocal = forward(s.reciprocal, first[parameter], kernel.real_bytes);
  a.zero_point = forward(s.zero_point, first[parameter], 4);
  a.extent = row.extent;
  a.index = static_cast<std::uint64_t>(first[element_index]);
  a.bit_index = a.index;
  a.varying = row.stride[parameter] != 0;
  a.rows = 1;
  a.row_stride = nullptr;
  a.past_caches = false;
  a.results = nullptr;
  return a;
}

template <class Op>
inline constexpr bool multiplies_by_reciprocal = requires {
  requires Op::multiplies_by_reciprocal;
};

template <class Op, class L>
constexpr auto stream_fence_of() noexcept -> void (*)() {
  if constexpr (block_kernel<Op, L>::can_stream)
    return &lane_memory<L>::stream_fence;
  else
    return nullptr;
}

template <class Op, class L>
inline constexpr row_kernel row_kernel_of{
    &block_kernel<Op, L>::run,
    {element_size<typename Op::input_0_type>, element_size<typename Op::input_1_type>,
     element_size<typename Op::output_0_type>, element_size<typename Op::output_1_type>},
    sizeof(typename Op::real),
    is_random_rounding<typename Op::rounding_type> || is_same<typename Op::input_0_type, bit> ||
        is_same<typename Op::input_1_type, bit> || is_same<typename Op::output_0_type, bit> ||
        is_same<typename Op::output_1_type, bit>,
    multiplies_by_reciprocal<Op>&& lane_count<L> == 4 && sizeof(typename Op::real) == 4,
    stream_fence_of<Op, L>()};

// `operation` is what the row kernel takes it for: the operation, or what it is made of.
template <class Op, class Operation>
walk_streams erase(const Operation& operation, const operation_streams<Op>& s) noexcept {
  static_assert(sizeof(zero_point_element<Op>) == 4);
  return {&operation,         {s.input_0, s.input_1},  {s.output_0, s.output_1},
          s.parameters.scale, s.parameters.reciprocal, zero_points_of<Op>(s.parameters)};
}

}  // namespace xquant::detail
