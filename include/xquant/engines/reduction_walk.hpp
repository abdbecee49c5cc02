// The walk of a reduction, piece by piece, that all vector engines share.
#pragma once

#include <xquant/engines/gather.hpp>
#include <xquant/engines/reduction.hpp>
#include <xquant/engines/reduction_kernel.hpp>
#include <xquant/engines/row_kernel.hpp>
#include <xquant/engines/streaming.hpp>

namespace xquant::inline XQUANT_ABI::detail {

/// The row kernels of a reduction.
struct reduction_kernel {
  void (*reduce)(const row_arguments&);
  void (*reduce_varying)(const row_arguments&);
  void (*reduce_past_caches)(const row_arguments&);  // null where the lane cannot, or nothing is written
  void (*stream_fence)();                            // waits for what went past the caches; null likewise
  std::size_t element_bytes[4];
  std::size_t real_bytes;
};

template <class Op, class L>
constexpr auto reduce_past_caches_of() noexcept -> void (*)(const row_arguments&) {
  if constexpr (reduction_block_kernel<Op, L>::can_stream)
    return &reduction_block_kernel<Op, L>::template reduce<true>;
  else
    return nullptr;
}

template <class Op, class L>
inline constexpr reduction_kernel reduction_kernel_of{
    &reduction_block_kernel<Op, L>::template reduce<false>,
    &reduction_block_kernel<Op, L>::reduce_varying,
    reduce_past_caches_of<Op, L>(),
    stream_fence_of<Op, L>(),
    {element_size<typename Op::input_0_type>, element_size<typename Op::input_1_type>,
     element_size<typename Op::output_0_type>, element_size<typename Op::output_1_type>},
    sizeof(typename Op::real)};

// Elements of a stream that is not dense, by logical index, to or from consecutive memory.
inline void gather(const void* from, std::size_t bytes, const shape& s, const std::ptrdiff_t* stride, const piece& p,
                   void* to) {
  for (std::size_t i = 0; i < p.extent; ++i)
    copy_elements(forward(from, offset_of(p.index + i, s, stride), bytes), 1,
                  forward(to, static_cast<std::ptrdiff_t>(i), bytes), 1, bytes, 1);
}
inline void scatter(const void* from, std::size_t bytes, const shape& s, const std::ptrdiff_t* stride, const piece& p,
                    void* to) {
  for (std::size_t i = 0; i < p.extent; ++i)
    copy_elements(forward(from, static_cast<std::ptrdiff_t>(i), bytes), 1,
                  forward(to, offset_of(p.index + i, s, stride), bytes), 1, bytes, 1);
}

XQUANT_INLINE row_arguments arguments_of(const reduction_kernel& kernel, const walk_streams& s, const piece& p,
                                         double* results) {
  row_arguments a{};
  a.operation = s.operation;
  a.extent = p.extent;
  a.index = p.index;
  a.bit_index = p.index;
  a.varying = p.varying;
  a.results = results;
  const auto slot = static_cast<std::ptrdiff_t>(p.slot);
  a.scale = forward(s.scale, slot, kernel.real_bytes);
  a.reciprocal = forward(s.reciprocal, slot, kernel.real_bytes);
  a.zero_point = forward(s.zero_point, slot, 4);
  const auto first = static_cast<std::ptrdiff_t>(p.index);
  for (unsigned k = 0; k < 2; ++k) a.input[k] = forward(s.input[k], first, kernel.element_bytes[k]);
  a.output[0] = forward(s.output[0], first, kernel.element_bytes[output_0]);
  return a;
}

// A piece of streams that are not dense: gathered, reduced, scattered. Elements are at most as wide as a lane's float.
XQUANT_NOINLINE inline void reduce_strided_piece(const reduction_kernel& kernel, const reduction_walk& w,
                                                 const walk_streams& s, const piece& p, double* results) {
  alignas(64) unsigned char buffer[3][segment_size * 4];
  row_arguments a = arguments_of(kernel, s, p, results);
  for (unsigned k = 0; k < 2; ++k)
    if (!w.is_dense[k] && kernel.element_bytes[k] != 0) {
      gather(s.input[k], kernel.element_bytes[k], w.extents, w.stride(k), p, buffer[k]);
      a.input[k] = buffer[k];
    }
  const bool scattered = !w.is_dense[output_0] && kernel.element_bytes[output_0] != 0;
  if (scattered) a.output[0] = buffer[2];
  (p.varying ? kernel.reduce_varying : kernel.reduce)(a);
  if (scattered) scatter(buffer[2], kernel.element_bytes[output_0], w.extents, w.stride(output_0), p, s.output[0]);
}

// Whether a piece's output goes past the caches: it begins at a line, is one of many in all, and nobody reads its
// lines.
XQUANT_NOINLINE inline bool is_past_caches(const reduction_kernel& kernel, const reduction_walk& w,
                                           const row_arguments& a) {
  std::size_t bytes = 0;
  for (const std::size_t b : kernel.element_bytes) bytes += b;
  return w.extents.size() * bytes >= streaming_threshold && reinterpret_cast<std::uintptr_t>(a.output[0]) % 64 == 0 &&
         a.output[0] != a.input[0] && a.output[0] != a.input[1];
}

/// One piece: outputs written, `results` (of the piece's first slot) combined with it. Whether a fence is owed.
inline bool reduce_piece(const reduction_kernel& kernel, const reduction_walk& w, const walk_streams& s, const piece& p,
                         double* results) {
  for (unsigned k = 0; k <= output_0; ++k)
    if (!w.is_dense[k] && kernel.element_bytes[k] != 0) {
      reduce_strided_piece(kernel, w, s, p, results);
      return false;
    }
  const row_arguments a = arguments_of(kernel, s, p, results);
  const bool is_long = p.extent > 1024 && !p.varying && kernel.reduce_past_caches != nullptr;
  const bool streams = is_long && is_past_caches(kernel, w, a);
  (p.varying ? kernel.reduce_varying : streams ? kernel.reduce_past_caches : kernel.reduce)(a);
  return streams;
}

}  // namespace xquant::detail
