// One block of many whose output goes past the caches.
#pragma once

#include <xquant/engines/block.hpp>

namespace xquant::inline XQUANT_ABI::detail {

template <class Op, class L>
struct streaming_block {
  using block = lane_block<Op, L>;
  using in_0 = typename Op::input_0_type;
  using in_1 = typename Op::input_1_type;
  using out_0 = typename Op::output_0_type;
  using out_1 = typename Op::output_1_type;
  using memory = lane_memory<L>;
  using addresses = typename block::addresses;
  using state = typename block::state;
  static constexpr bool is_random = block::is_random;

  // Whether the output of long runs may go past the caches: whole lines, by a lane that can.
  static constexpr bool can_stream = [] {
    if constexpr (element_size<out_0> != 0 && element_size<out_1> == 0 && !is_random) return requires {
        memory::stream_fence();
      };
    else
      return false;
  }();

  /// Through a buffer that stays in L1; the input `ahead` bytes on is asked for.
  template <class Prepare>
  XQUANT_INLINE static void run(const Op& operation, const addresses& a, const Prepare& prepare, state& own,
                                std::size_t ahead) {
    alignas(64) stream_element<out_0> buffer[block_size];
    addresses buffered = a;
    buffered.output_0 = buffer;
    if constexpr (!ignores_input_0<Op>) prefetch<in_0>(a.input_0, ahead);
    prefetch<in_1>(a.input_1, ahead);
    block::run(operation, buffered, prepare, own);
    XQUANT_UNROLL
    for (std::size_t i = 0; i < sizeof buffer; i += 64)
      memory::stream_line(reinterpret_cast<char*>(a.output_0) + i, reinterpret_cast<const char*>(buffer) + i);
  }

 private:
  template <class Stream, class T>
  XQUANT_INLINE static void prefetch(const T* p, std::size_t ahead) {
    if constexpr (element_size<Stream> != 0) {
      XQUANT_UNROLL
      for (std::size_t i = 0; i < block_size * sizeof(T); i += 64)
        __builtin_prefetch(reinterpret_cast<const char*>(p) + ahead + i);
    }
  }
};

}  // namespace xquant::detail
