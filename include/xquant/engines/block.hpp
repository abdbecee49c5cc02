// One block of an operation on one lane: 64 elements loaded, the formula, 64 results stored. All that a kernel has of
// its own for every operation and lane is made of it.
#pragma once

#include <xquant/core/meta.hpp>
#include <xquant/core/random.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/engines/bits.hpp>
#include <xquant/engines/lane_memory.hpp>
#include <xquant/engines/operation.hpp>
#include <xquant/engines/row_arguments.hpp>

namespace xquant::inline XQUANT_ABI::detail {

template <class Op>
inline constexpr std::size_t accumulator_count = 0;
template <class Op>
requires requires { Op::accumulators; }
inline constexpr std::size_t accumulator_count<Op> = Op::accumulators;

template <class Op, class L>
struct lane_block {
  using real = typename Op::real;
  using in_0 = typename Op::input_0_type;
  using in_1 = typename Op::input_1_type;
  using out_0 = typename Op::output_0_type;
  using out_1 = typename Op::output_1_type;
  using memory = lane_memory<L>;
  using addresses = row_addresses<Op>;
  static constexpr std::size_t width = lane_count<L>;
  static constexpr std::size_t lanes = block_size / width;
  static constexpr bool is_random = is_random_rounding<typename Op::rounding_type>;
  static constexpr bool has_bits =
      is_same<in_0, bit> || is_same<in_1, bit> || is_same<out_0, bit> || is_same<out_1, bit>;
  static constexpr std::size_t accumulators = accumulator_count<Op>;
  // Only codes are stored with a sum: an operation whose output is real has done with the zero point.
  static constexpr bool adds_zero_point_in_store = element_size<out_0> != 0 && !is_real_stream<out_0, real> && [] {
    if constexpr (requires { Op::template adds_zero_point_in_store<L>; })
      return Op::template adds_zero_point_in_store<L>;
    else
      return false;
  }();
  static constexpr bool holds_upper_code = [] {
    if constexpr (requires { Op::template holds_upper_code<L>; })
      return Op::template holds_upper_code<L>;
    else
      return false;
  }();
  // Where the order is free, enough of them that none waits for the one before.
  static constexpr std::size_t accumulator_lanes =
      is_order_free<Op> && virtual_lanes / width < 4 ? 4 : virtual_lanes / width;

  // What a block has besides elements at addresses: packed bits, and the accumulators of a reduction.
  struct state {
    std::uint64_t in[2];
    std::uint64_t out[2];
    L accumulator[accumulators == 0 ? 1 : accumulators][accumulator_lanes];
  };

  // Lane `at / width` of a stream.
  template <class Stream, class T>
  XQUANT_INLINE static auto load(const T* p, std::uint64_t word, std::size_t at) {
    if constexpr (is_same<Stream, none>)
      return none{};
    else if constexpr (is_same<Stream, bit>)
      return memory::unpack_mask(word, at / width);
    else
      return memory::load(p + at);
  }

  template <class Stream, class T, class Lane>
  XQUANT_INLINE static void store(const Op& operation, T* p, const Lane (&v)[lanes], std::uint64_t& word) {
    if constexpr (is_same<Stream, real>) {
      XQUANT_UNROLL
      for (std::size_t j = 0; j < lanes; ++j) memory::store(p + j * width, v[j]);
    } else if constexpr (is_half<Stream>) {
      memory::store_halves(p, v);
    } else if constexpr (is_same<Stream, bit>) {
      word = memory::pack_mask(v);
    } else if constexpr (element_size<Stream> == 4) {
      XQUANT_UNROLL
      for (std::size_t j = 0; j < lanes; ++j) memory::store_wide(p + j * width, v[j]);
    } else if constexpr (!is_same<Stream, none>) {
      memory::template store_codes<lanes>(p, v, operation.lower_code(), operation.upper_code());
    }
  }

  XQUANT_INLINE static lane_parameters<L> load_parameters(const addresses& a, std::size_t at) {
    if constexpr (has_no_parameters<Op>) {
      return {broadcast<L>(1), broadcast<L>(1), broadcast_integer<L>(0)};
    } else {
      const L scale = memory::load(a.scale + at);
      return {scale, a.reciprocal ? memory::load(a.reciprocal + at) : divide(broadcast<L>(1), scale),
              a.zero_point ? zero_point_bits<L>(memory::load(a.zero_point + at)) : broadcast_integer<L>(0)};
    }
  }
  template <class Lane>
  XQUANT_INLINE static lane_parameters<Lane> shared_parameters(const addresses& a) {
    if constexpr (has_no_parameters<Op>) {
      return {broadcast<Lane>(1), broadcast<Lane>(1), broadcast_integer<Lane>(0)};
    } else {
      const real scale = *a.scale;
      return {broadcast<Lane>(scale), broadcast<Lane>(a.reciprocal ? *a.reciprocal : divide<real>(1, scale)),
              a.zero_point ? shared_zero_point<Lane>(*a.zero_point) : broadcast_integer<Lane>(0)};
    }
  }
  template <class Lane, class Z>
  XQUANT_INLINE static integer_of<Lane> zero_point_bits(const Z& z) {
    if constexpr (has_real_zero_point<Op>)
      return to_bits<Lane>(z);
    else
      return z;
  }
  template <class Lane>
  XQUANT_INLINE static integer_of<Lane> shared_zero_point(zero_point_element<Op> z) {
    if constexpr (has_real_zero_point<Op>)
      return to_bits<Lane>(broadcast<Lane>(z));
    else
      return broadcast_integer<Lane>(z);
  }

  /// 64 elements, packed bits in `own`. `prepare(j)` gives the prepared parameters of lane j.
  template <class Prepare>
  XQUANT_INLINE static void compute(const Op& operation, const addresses& a, const Prepare& prepare, state& own) {
    integer_of<L> random[lanes];
    if constexpr (is_random)
      memory::load_random(operation.rounding().seed, random_index(operation.rounding(), a.index), random);
    const auto apply = [&](std::size_t j) XQUANT_LAMBDA_INLINE {
      const auto x = load<in_0>(a.input_0, own.in[0], j * width);
      const auto y = load<in_1>(a.input_1, own.in[1], j * width);
      if constexpr (is_random)
        return operation.template operator()<L>(x, y, prepare(j), random[j]);
      else
        return operation.template operator()<L>(x, y, prepare(j), no_random_bits{});
    };
    using result = decltype(apply(0));
    if constexpr (accumulators != 0) {
      decltype(result::output) v[lanes];
      XQUANT_UNROLL
      for (std::size_t j = 0; j < lanes; ++j) {
        const result r = apply(j);
        v[j] = r.output;
        XQUANT_UNROLL
        for (std::size_t k = 0; k < accumulators; ++k) {
          L& sum = own.accumulator[k][j % accumulator_lanes];
          sum = Op::template combine<L>(k, r.term[k], sum);
        }
      }
      store<out_0>(operation, a.output_0, v, own.out[0]);
    } else if constexpr (is_same<out_0, real> && is_same<out_1, none> && lanes > 8) {
      // At once: that many results do not stay in registers. A lane in place of its input has been read.
      XQUANT_UNROLL
      for (std::size_t j = 0; j < lanes; ++j) memory::store(a.output_0 + j * width, apply(j));
    } else if constexpr (is_same<out_1, none>) {
      result v[lanes];
      XQUANT_UNROLL
      for (std::size_t j = 0; j < lanes; ++j) v[j] = apply(j);
      if constexpr (adds_zero_point_in_store) {
        integer_of<L> zero_point[lanes];
        XQUANT_UNROLL
        for (std::size_t j = 0; j < lanes; ++j) zero_point[j] = prepare(j).zero_point;
        memory::template store_sums<lanes, holds_upper_code>(a.output_0, v, zero_point, operation.lower_code(),
                                                             operation.upper_code());
      } else {
        store<out_0>(operation, a.output_0, v, own.out[0]);
      }
    } else {
      decltype(result::first) v[lanes];
      decltype(result::second) w[lanes];
      XQUANT_UNROLL
      for (std::size_t j = 0; j < lanes; ++j) {
        const result r = apply(j);
        v[j] = r.first;
        w[j] = r.second;
      }
      store<out_0>(operation, a.output_0, v, own.out[0]);
      store<out_1>(operation, a.output_1, w, own.out[1]);
    }
  }

  /// The same with its packed bits, at addresses.
  template <class Prepare>
  XQUANT_INLINE static void run(const Op& operation, const addresses& a, const Prepare& prepare, state& own) {
    if constexpr (is_same<in_0, bit>) own.in[0] = load_bits(a.input_0, a.bit_index, block_size);
    if constexpr (is_same<in_1, bit>) own.in[1] = load_bits(a.input_1, a.bit_index, block_size);
    compute(operation, a, prepare, own);
    if constexpr (is_same<out_0, bit>) store_bits(a.output_0, a.bit_index, block_size, own.out[0]);
    if constexpr (is_same<out_1, bit>) store_bits(a.output_1, a.bit_index, block_size, own.out[1]);
  }

  /// One element on the lane `real`, for what is left of a block. The element of packed bits is `index + i`.
  template <class Stream, class T>
  XQUANT_INLINE static auto single(const T* p, std::uint64_t index, std::size_t i) {
    if constexpr (is_same<Stream, none>)
      return none{};
    else if constexpr (is_same<Stream, bit>)
      return load_bits(p, index + i, 1) != 0;
    else if constexpr (is_real_stream<Stream, real>)
      return static_cast<real>(p[i]);
    else
      return static_cast<integer_of<real>>(p[i]);
  }

  /// What depends on the parameters alone, where each element has its own.
  struct prepared_lanes {
    decltype(declared<const Op&>().template prepare<L>(declared<const lane_parameters<L>&>())) lane[lanes];
  };
  XQUANT_INLINE static prepared_lanes prepare_lanes(const Op& operation, const addresses& a) {
    prepared_lanes p;
    XQUANT_UNROLL
    for (std::size_t j = 0; j < lanes; ++j) p.lane[j] = operation.template prepare<L>(load_parameters(a, j * width));
    return p;
  }
  /// The same where all share a slot.
  XQUANT_INLINE static prepared_lanes prepare_same(const Op& operation, const addresses& a) {
    prepared_lanes p;
    const auto one = operation.template prepare<L>(shared_parameters<L>(a));
    for (auto& lane : p.lane) lane = one;
    return p;
  }
};

}  // namespace xquant::detail
