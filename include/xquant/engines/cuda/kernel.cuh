// Kernel bodies: one element per thread in the lane `float` or `double`, generic over the operation. No CUDA header is
// needed here: a body asks its `Thread` for its place and for what a warp does together, so that a host can run it too.
#pragma once

#include <xquant/core/nest.hpp>
#include <xquant/core/random.hpp>
#include <xquant/engines/operation.hpp>
#include <xquant/engines/reduction.hpp>

#if defined(__CUDACC__)
#define XQUANT_DEVICE __device__ __forceinline__
#else
#define XQUANT_DEVICE inline
#endif

namespace xquant::inline XQUANT_ABI::cuda {

/// A Thread T has
///   std::size_t index(), threads()      its number in the grid, and how many there are; whole warps, a multiple of 32
///   unsigned ballot(bool)               bit i: what lane i of the warp said
///   Real from_lane(Real v, unsigned i)  v of the lane i places above; its own where there is none
/// The last two are called by all lanes of a warp together.
inline constexpr unsigned warp_size = 32;

/// Bytes of a kernel's arguments, at most: half of what every driver takes. They are the whole kernel object.
inline constexpr std::size_t most_argument_bytes = 2048;

/// The loops of one nest, outermost first, filled up with loops of one turn. `step` is how far apart, loop by loop, the
/// elements of one thread lie.
template <std::size_t Depth>
struct element_walk {
  std::size_t count;
  std::size_t extent[Depth];
  std::size_t step[Depth];
  std::ptrdiff_t stride[Depth][operand_count];
  std::ptrdiff_t base[operand_count];
};

/// Where a thread is in an element_walk. Two divisions a loop to begin with, none afterwards.
template <std::size_t Depth>
struct element_position {
  std::size_t turn[Depth];

  XQUANT_DEVICE element_position(const element_walk<Depth>& w, std::size_t i) {
    if (i >> 32 == 0 && w.count >> 32 == 0) {
      auto left = static_cast<std::uint32_t>(i);
      for (std::size_t d = Depth - 1; d > 0; --d) {
        turn[d] = left % static_cast<std::uint32_t>(w.extent[d]);
        left /= static_cast<std::uint32_t>(w.extent[d]);
      }
      turn[0] = left;
    } else {
      for (std::size_t d = Depth - 1; d > 0; --d) {
        turn[d] = i % w.extent[d];
        i /= w.extent[d];
      }
      turn[0] = i;
    }
  }
  XQUANT_DEVICE void advance(const element_walk<Depth>& w) {
    bool carry = false;
    for (std::size_t d = Depth; d-- > 0;) {
      const std::size_t next = turn[d] + w.step[d] + (carry ? 1 : 0);
      carry = d > 0 && next >= w.extent[d];
      turn[d] = carry ? next - w.extent[d] : next;
    }
  }
  XQUANT_DEVICE void offsets(const element_walk<Depth>& w, std::ptrdiff_t (&at)[operand_count]) const {
    for (unsigned k = 0; k < operand_count; ++k) {
      at[k] = w.base[k];
      for (std::size_t d = 0; d < Depth; ++d) at[k] += static_cast<std::ptrdiff_t>(turn[d]) * w.stride[d][k];
    }
  }
};

/// What every kernel does with one element: load, formula, store.
template <class Op>
struct element {
  using real = typename Op::real;
  using integer = integer_of<real>;
  static constexpr bool is_random = is_random_rounding<typename Op::rounding_type>;

  /// Without scales (an operation that has no parameters) the scale is 1.
  XQUANT_DEVICE static lane_parameters<real> parameters_at(const xquant::detail::parameters_view_of<Op>& p,
                                                           std::ptrdiff_t slot) {
    if (p.scale == nullptr) return {real(1), real(1), integer(0)};
    const auto at = static_cast<std::size_t>(slot);
    return {xquant::detail::scale_at(p, at), xquant::detail::reciprocal_at(p, at),
            xquant::detail::zero_point_at<Op>(p, at)};
  }

  template <class Stream, class T>
  XQUANT_DEVICE static auto load(const T* p, std::ptrdiff_t at, std::ptrdiff_t index) {
    if constexpr (is_same<Stream, none>)
      return none{};
    else if constexpr (is_same<Stream, bit>)
      return (p[static_cast<std::size_t>(index) / 8] >> (static_cast<std::size_t>(index) % 8) & 1) != 0;
    else if constexpr (xquant::detail::is_packed_stream<Stream>)
      return static_cast<integer>(
          Stream::coding::from_bits(xquant::detail::read_packed<typename Stream::element>(p, at)));
    else if constexpr (xquant::detail::is_real_stream<Stream, real>)
      return static_cast<real>(p[at]);
    else
      return static_cast<integer>(p[at]);
  }

  template <class Stream, class T, class Result>
  XQUANT_DEVICE static void store(const Op& operation, T* p, std::ptrdiff_t at, Result result) {
    if constexpr (xquant::detail::is_packed_stream<Stream>) {
      xquant::detail::write_packed<typename Stream::element>(
          p, at, Stream::coding::to_bits(held<typename Stream::coding::code_type>(operation, result)));
    } else if constexpr (xquant::detail::is_real_stream<Stream, real> || xquant::detail::element_size<Stream> == 4) {
      p[at] = static_cast<T>(result);
    } else if constexpr (!is_same<Stream, none> && !is_same<Stream, bit>) {
      p[at] = held<T>(operation, result);
    }
  }
  template <class Code, class Result>
  XQUANT_DEVICE static Code held(const Op& operation, Result result) {
    const integer lower = operation.lower_code();
    const integer upper = operation.upper_code();
    return static_cast<Code>(result < lower ? lower : result > upper ? upper : result);
  }

  template <class Prepared>
  XQUANT_DEVICE static auto apply(const Op& operation, const operation_streams<Op>& s, const Prepared& prepared,
                                  std::ptrdiff_t in_0, std::ptrdiff_t in_1, std::ptrdiff_t index) {
    random_bits_of<real, typename Op::rounding_type> random{};
    if constexpr (is_random)
      random = static_cast<integer>(random_bits(operation.rounding().seed,
                                                random_index(operation.rounding(), static_cast<std::uint64_t>(index))));
    return operation.template operator()<real>(load<typename Op::input_0_type>(s.input_0, in_0, index),
                                               load<typename Op::input_1_type>(s.input_1, in_1, index), prepared,
                                               random);
  }
};

template <class Op>
inline constexpr bool writes_bits =
    is_same<typename Op::output_0_type, bit> || is_same<typename Op::output_1_type, bit>;

/// 32 packed bits of a warp whose first element has the logical index `first`, a multiple of 32: every byte has one
/// writer. Bits of inactive lanes are left as they are.
template <class Thread>
XQUANT_DEVICE void store_ballot(const Thread& thread, std::uint8_t* bytes, std::size_t first, bool active, bool value) {
  const unsigned word = thread.ballot(active && value);
  const unsigned written = thread.ballot(active);
  const std::size_t lane = thread.index() % warp_size;
  if (lane >= 4) return;
  const unsigned own = written >> (8 * lane) & 0xffu;
  if (own == 0) return;
  const std::size_t at = first / 8 + lane;
  unsigned byte = word >> (8 * lane) & 0xffu;
  if (own != 0xffu) byte |= bytes[at] & ~own;
  bytes[at] = static_cast<std::uint8_t>(byte);
}

/// The element at `at` of one lane; all lanes of a warp together where bits are written. An inactive lane, past the
/// end, touches no memory.
template <class Op, class Thread, class Prepared>
XQUANT_DEVICE void run_element(const Thread& thread, const Op& operation, const operation_streams<Op>& s,
                               const std::ptrdiff_t (&at)[operand_count], const Prepared& prepared, bool active,
                               std::size_t first) {
  using e = element<Op>;
  decltype(e::apply(operation, s, prepared, 0, 0, 0)) result{};
  if (active) result = e::apply(operation, s, prepared, at[input_0], at[input_1], at[element_index]);
  if constexpr (is_same<typename Op::output_1_type, none>) {
    if constexpr (writes_bits<Op>)
      store_ballot(thread, s.output_0, first, active, result);
    else if (active)
      e::template store<typename Op::output_0_type>(operation, s.output_0, at[output_0], result);
  } else {
    if constexpr (is_same<typename Op::output_0_type, bit>)
      store_ballot(thread, s.output_0, first, active, result.first);
    else if (active)
      e::template store<typename Op::output_0_type>(operation, s.output_0, at[output_0], result.first);
    if constexpr (is_same<typename Op::output_1_type, bit>)
      store_ballot(thread, s.output_1, first, active, result.second);
    else if (active)
      e::template store<typename Op::output_1_type>(operation, s.output_1, at[output_1], result.second);
  }
}

/// An operation without sums over one nest. Where bits are written the nest has the order of the logical index, and the
/// lanes of a warp stay together.
template <class Op, std::size_t Depth>
struct element_kernel {
  Op operation;
  operation_streams<Op> streams;
  element_walk<Depth> walk;
  static constexpr bool uses_warps = writes_bits<Op>;

  template <class Thread>
  XQUANT_DEVICE void operator()(const Thread& thread) const {
    using e = element<Op>;
    using real = typename Op::real;
    std::size_t i = thread.index();
    if (i - i % warp_size >= walk.count) return;
    element_position<Depth> position(walk, i < walk.count ? i : walk.count - 1);
    std::ptrdiff_t at[operand_count];
    position.offsets(walk, at);
    std::ptrdiff_t slot = at[parameter];
    auto prepared = operation.template prepare<real>(e::parameters_at(streams.parameters, slot));
    for (;;) {
      const bool active = i < walk.count;
      if (active) {
        position.offsets(walk, at);
        if (at[parameter] != slot) {
          slot = at[parameter];
          prepared = operation.template prepare<real>(e::parameters_at(streams.parameters, slot));
        }
      }
      run_element(thread, operation, streams, at, prepared, active, i - i % warp_size);
      i += thread.threads();
      if (i - i % warp_size >= walk.count) return;
      position.advance(walk);
    }
  }
};

/// An operation that writes bits, over one of several nests (a blocked dimension with a ragged end): each element of
/// the tensor looks for its place in it, so that a byte of bits of two nests has one writer per launch. Several
/// divisions an element.
template <class Op>
struct located_kernel {
  Op operation;
  operation_streams<Op> streams;
  nest loops;
  std::size_t count;  // of the tensor
  static constexpr bool uses_warps = true;

  template <class Thread>
  XQUANT_DEVICE void operator()(const Thread& thread) const {
    using e = element<Op>;
    using real = typename Op::real;
    decltype(operation.template prepare<real>(lane_parameters<real>{})) prepared{};
    for (std::size_t i = thread.index(); i - i % warp_size < count; i += thread.threads()) {
      std::ptrdiff_t at[operand_count];
      const bool active = i < count && locate(static_cast<std::ptrdiff_t>(i), at);
      if (active) prepared = operation.template prepare<real>(e::parameters_at(streams.parameters, at[parameter]));
      run_element(thread, operation, streams, at, prepared, active, i - i % warp_size);
    }
  }

 private:
  // The strides of the index fall from loop to loop, each larger than all that the inner loops reach: division by them
  // finds the one place there is, if there is one.
  XQUANT_DEVICE bool locate(std::ptrdiff_t index, std::ptrdiff_t (&at)[operand_count]) const {
    for (unsigned k = 0; k < operand_count; ++k) at[k] = loops.base[k];
    std::ptrdiff_t left = index - loops.base[element_index];
    if (left < 0) return false;
    for (std::size_t d = 0; d < loops.depth; ++d) {
      const nest_dimension& loop = loops.dimension[d];
      const std::ptrdiff_t turn = left / loop.stride[element_index];
      if (turn >= static_cast<std::ptrdiff_t>(loop.extent)) return false;
      left -= turn * loop.stride[element_index];
      for (unsigned k = 0; k < operand_count; ++k) at[k] += turn * loop.stride[k];
    }
    return left == 0;
  }
};

/// An operation that writes packed codes, over one nest. A thread's share is `turns` turns of loop `cut` with all loops
/// inside of it, one after the other: whole bytes, which no other thread writes (engines/packed_cut.hpp).
template <class Op>
struct packed_kernel {
  Op operation;
  operation_streams<Op> streams;
  nest loops;
  std::size_t cut;
  std::size_t turns;
  std::size_t shares;  // in all: of each turn of the loops around
  static constexpr bool uses_warps = false;

  template <class Thread>
  XQUANT_DEVICE void operator()(const Thread& thread) const {
    for (std::size_t i = thread.index(); i < shares; i += thread.threads()) run_share(thread, i);
  }

 private:
  XQUANT_DEVICE std::size_t extent(std::size_t d) const { return d < loops.depth ? loops.dimension[d].extent : 1; }

  template <class Thread>
  XQUANT_DEVICE void run_share(const Thread& thread, std::size_t share) const {
    using e = element<Op>;
    using real = typename Op::real;
    std::ptrdiff_t first[operand_count];
    for (unsigned k = 0; k < operand_count; ++k) first[k] = loops.base[k];
    const auto move = [&](std::size_t d, std::size_t n) {
      if (d < loops.depth)
        for (unsigned k = 0; k < operand_count; ++k)
          first[k] += loops.dimension[d].stride[k] * static_cast<std::ptrdiff_t>(n);
    };
    const std::size_t pieces = (extent(cut) + turns - 1) / turns;
    const std::size_t begin = share % pieces * turns;
    move(cut, begin);
    std::size_t around = share / pieces;
    for (std::size_t d = cut; d-- > 0; around /= extent(d)) move(d, around % extent(d));
    std::size_t count = extent(cut) - begin < turns ? extent(cut) - begin : turns;
    for (std::size_t d = cut + 1; d < loops.depth; ++d) count *= extent(d);
    for (std::size_t i = 0; i < count; ++i) {
      std::ptrdiff_t at[operand_count];
      for (unsigned k = 0; k < operand_count; ++k) at[k] = first[k];
      std::size_t left = i;
      for (std::size_t d = loops.depth; d-- > cut;) {
        const std::size_t turn = d == cut ? left : left % extent(d);
        left /= extent(d);
        for (unsigned k = 0; k < operand_count; ++k)
          at[k] += loops.dimension[d].stride[k] * static_cast<std::ptrdiff_t>(turn);
      }
      const auto prepared = operation.template prepare<real>(e::parameters_at(streams.parameters, at[parameter]));
      run_element(thread, operation, streams, at, prepared, true, 0);
    }
  }
};

}  // namespace xquant::cuda
