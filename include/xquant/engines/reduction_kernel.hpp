// A piece of a reduction in blocks of 64 elements: 32 accumulators whatever the width of a lane (docs/arithmetic.md,
// rule 10). Made for every operation and lane, as row.hpp is.
#pragma once

#include <xquant/engines/block.hpp>
#include <xquant/engines/streaming_block.hpp>

namespace xquant::inline XQUANT_ABI::detail {

template <class Op, class L>
struct reduction_block_kernel {
  using block = lane_block<Op, L>;
  using past_caches = streaming_block<Op, L>;
  using real = typename Op::real;
  using in_0 = typename Op::input_0_type;
  using in_1 = typename Op::input_1_type;
  using out_0 = typename Op::output_0_type;
  using memory = lane_memory<L>;
  using addresses = typename block::addresses;
  using state = typename block::state;
  static constexpr std::size_t width = block::width;
  static constexpr std::size_t lanes = block::lanes;
  static constexpr std::size_t accumulators = block::accumulators;
  static constexpr std::size_t accumulator_lanes = block::accumulator_lanes;

  static constexpr bool can_stream = past_caches::can_stream;

  /// A piece of a reduction (elements of one slot): its outputs, past the caches from a line of memory on
  /// where that is asked for, and results[k] combined with the piece's.
  template <bool IsPastCaches>
  static void reduce(const row_arguments& r) {
    const Op operation = *static_cast<const Op*>(r.operation);
    state own;
    XQUANT_UNROLL
    for (std::size_t k = 0; k < accumulators; ++k) {
      XQUANT_UNROLL
      for (std::size_t j = 0; j < accumulator_lanes; ++j) own.accumulator[k][j] = Op::template initial<L>(k);
    }
    std::size_t left = r.extent;
    if (left >= block_size) {
      addresses a(r);
      const auto prepared = operation.template prepare<L>(block::template shared_parameters<L>(a));
      const auto prepare = [&](std::size_t) XQUANT_LAMBDA_INLINE -> const auto& { return prepared; };
      for (; left >= block_size; left -= block_size, a.advance(block_size, false))
        if constexpr (IsPastCaches)
          past_caches::run(operation, a, prepare, own, 8192);
        else
          block::run(operation, a, prepare, own);
    }
    if (left != 0) {
      alignas(64) real sums[accumulators][accumulator_lanes * width];
      XQUANT_UNROLL
      for (std::size_t k = 0; k < accumulators; ++k) {
        XQUANT_UNROLL
        for (std::size_t j = 0; j < accumulator_lanes; ++j) memory::store(sums[k] + j * width, own.accumulator[k][j]);
      }
      reduce_last(r, left, sums);
      XQUANT_UNROLL
      for (std::size_t k = 0; k < accumulators; ++k) {
        XQUANT_UNROLL
        for (std::size_t j = 0; j < accumulator_lanes; ++j) own.accumulator[k][j] = memory::load(sums[k] + j * width);
      }
    }
    // 16-8-4-2-1, in lanes as long as there are two, then within one.
    XQUANT_UNROLL
    for (std::size_t k = 0; k < accumulators; ++k) {
      const real one = memory::first(combined<width / 2>(k, combined_lanes<1>(k, own.accumulator[k], 0)));
      r.results[k] = Op::template combine<double>(k, static_cast<double>(one), r.results[k]);
    }
    r.results[accumulators] += static_cast<double>(r.extent);
  }

  /// A row of a reduction in which every element has its own slot: results run along with the elements.
  static void reduce_varying(const row_arguments& r) {
    const Op operation = *static_cast<const Op*>(r.operation);
    addresses a(r);
    double* results = r.results;
    for (std::size_t left = r.extent; left != 0;) {
      alignas(64) real term[accumulators == 0 ? 1 : accumulators][block_size];
      const std::size_t n = left < block_size ? left : block_size;
      if (n == block_size) {
        varying_terms(operation, a, term);
      } else {
        for (std::size_t i = 0; i < n; ++i) {
          addresses one = a;
          one.advance(i, true);
          const auto result = operation.template operator()<real>(
              block::template single<in_0>(one.input_0, one.index, 0),
              block::template single<in_1>(one.input_1, one.index, 0),
              operation.template prepare<real>(block::template shared_parameters<real>(one)), no_random_bits{});
          if constexpr (is_real_stream<out_0, real>) *one.output_0 = static_cast<out_0>(result.output);
          for (std::size_t k = 0; k < accumulators; ++k) term[k][i] = result.term[k];
        }
      }
      for (std::size_t i = 0; i < n; ++i, results += accumulators + 1) {
        for (std::size_t k = 0; k < accumulators; ++k)
          results[k] = Op::template combine<double>(k, static_cast<double>(term[k][i]), results[k]);
        results[accumulators] += 1;
      }
      a.advance(n, true);
      left -= n;
    }
  }

 private:
  // Element i with element i + width / 2, those with what is a quarter on, ... in the first element.
  template <std::size_t Step>
  XQUANT_INLINE static L combined(std::size_t k, L folded) {
    if constexpr (Step == 0)
      return folded;
    else
      return combined<Step / 2>(k, Op::template combine<L>(k, folded, memory::template moved_down<Step>(folded)));
  }

  template <std::size_t Step>
  XQUANT_INLINE static L combined_lanes(std::size_t k, const L (&lane)[accumulator_lanes], std::size_t at) {
    if constexpr (Step == accumulator_lanes)
      return lane[at];
    else
      return Op::template combine<L>(k, combined_lanes<2 * Step>(k, lane, at),
                                     combined_lanes<2 * Step>(k, lane, at + Step));
  }

  // The last `left` elements, less than a block: each goes to its accumulator.
  XQUANT_NOINLINE static void reduce_last(const row_arguments& r, std::size_t left,
                                          real (&sums)[accumulators][accumulator_lanes * width]) {
    const Op& operation = *static_cast<const Op*>(r.operation);
    addresses a(r);
    a.advance(r.extent - left, false);
    const auto prepared = operation.template prepare<real>(block::template shared_parameters<real>(a));
    for (std::size_t i = 0; i < left; ++i) {
      const auto one = operation.template operator()<real>(block::template single<in_0>(a.input_0, a.index, i),
                                                           block::template single<in_1>(a.input_1, a.index, i),
                                                           prepared, no_random_bits{});
      if constexpr (is_real_stream<out_0, real>) a.output_0[i] = static_cast<out_0>(one.output);
      for (std::size_t k = 0; k < accumulators; ++k) {
        real& sum = sums[k][i % virtual_lanes];
        sum = Op::template combine<real>(k, one.term[k], sum);
      }
    }
  }

  XQUANT_INLINE static void varying_terms(const Op& operation, const addresses& a,
                                          real (&term)[accumulators == 0 ? 1 : accumulators][block_size]) {
    decltype(operation
                 .template operator()<L>(block::template load<in_0>(a.input_0, 0, 0),
                                         block::template load<in_1>(a.input_1, 0, 0),
                                         operation.template prepare<L>(block::load_parameters(a, 0)), no_random_bits{})
                 .output) v[lanes];
    XQUANT_UNROLL
    for (std::size_t j = 0; j < lanes; ++j) {
      const auto r = operation.template operator()<L>(
          block::template load<in_0>(a.input_0, 0, j * width), block::template load<in_1>(a.input_1, 0, j * width),
          operation.template prepare<L>(block::load_parameters(a, j * width)), no_random_bits{});
      v[j] = r.output;
      for (std::size_t k = 0; k < accumulators; ++k) memory::store(term[k] + j * width, r.term[k]);
    }
    std::uint64_t no_bits;
    block::template store<out_0>(operation, a.output_0, v, no_bits);
  }
};

}  // namespace xquant::detail
