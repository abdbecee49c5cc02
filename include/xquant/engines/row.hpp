// Runs of elements that lie one after the other, in blocks of 64: the only part of an engine that is made for every
// operation and lane. Everything around it (loops over rows, strides, edges) is shared code in walk.hpp.
#pragma once

#include <xquant/core/random.hpp>
#include <xquant/ops/operation.hpp>

namespace xquant {

/// How a lane reaches memory; specialised beside each lane.
///   load(const Real*), load(const Code*) -> integer_of<L>     one lane's elements, unaligned
///   store(Real*, L)
///   store_codes(Code*, const integer_of<L> (&v)[N], lower, upper)   N lanes, clamped to [lower, upper] and narrowed
///   load_random(seed, index) -> random_group_of<L>             the bits of 64 elements, index a multiple of 64
template <class L>
struct lane_memory;

/// Elements of a block: a cache line of 8-bit codes, a word of packed bits, a group of random numbers.
inline constexpr std::size_t block_size = 64;

/// One run of elements, without types: `extent` elements at each address. With `varying` every element has its own
/// parameter slot and the parameter arrays run along; otherwise all share the first slot.
struct row_arguments {
  const void* operation;
  const void* input[2];
  void* output[2];
  const void* scale;
  const void* reciprocal;
  const std::int32_t* zero_point;
  std::size_t extent;
  std::uint64_t index;  // logical index of the first element
  bool varying;
};

namespace detail {

template <class L, std::size_t N>
struct random_lanes {
  integer_of<L> lane[N];
};

template <class Op, class L>
struct block_kernel {
  using real = typename Op::real;
  using in_0 = typename Op::input_0_type;
  using in_1 = typename Op::input_1_type;
  using out_0 = typename Op::output_0_type;
  using out_1 = typename Op::output_1_type;
  using memory = lane_memory<L>;
  static constexpr std::size_t width = lane_count<L>;
  static constexpr std::size_t lanes = block_size / width;
  static constexpr bool is_random = is_random_rounding<typename Op::rounding_type>;

  struct addresses {
    const in_0* input_0;
    const in_1* input_1;
    out_0* output_0;
    out_1* output_1;
    const real* scale;
    const real* reciprocal;
    const std::int32_t* zero_point;
    std::uint64_t index;

    XQUANT_INLINE void advance(std::size_t n, bool varying) {
      if constexpr (!is_same<in_0, none>) input_0 += n;
      if constexpr (!is_same<in_1, none>) input_1 += n;
      if constexpr (!is_same<out_0, none>) output_0 += n;
      if constexpr (!is_same<out_1, none>) output_1 += n;
      index += n;
      if (!varying) return;
      scale += n;
      if (reciprocal) reciprocal += n;
      if (zero_point) zero_point += n;
    }
  };

  template <class T>
  XQUANT_INLINE static auto load(const T* p, std::size_t at) {
    if constexpr (is_same<T, none>)
      return none{};
    else
      return memory::load(p + at);
  }

  XQUANT_INLINE static lane_parameters<L> load_parameters(const addresses& a, std::size_t at) {
    const L scale = memory::load(a.scale + at);
    return {scale, a.reciprocal ? memory::load(a.reciprocal + at) : divide(broadcast<L>(1), scale),
            a.zero_point ? memory::load(a.zero_point + at) : broadcast_integer<L>(0)};
  }

  template <class T, class Lane>
  XQUANT_INLINE static void store(const Op& operation, T* p, const Lane (&v)[lanes]) {
    if constexpr (is_same<T, real>) {
      XQUANT_UNROLL
      for (std::size_t j = 0; j < lanes; ++j) memory::store(p + j * width, v[j]);
    } else {
      memory::template store_codes<lanes>(p, v, operation.lower_code(), operation.upper_code());
    }
  }

  /// 64 elements. `prepare(j)` gives the prepared parameters of lane j.
  template <class Prepare>
  XQUANT_INLINE static void block(const Op& operation, const addresses& a, const Prepare& prepare) {
    random_lanes<L, lanes> random;
    if constexpr (is_random) memory::load_random(operation.rounding().seed, a.index, random.lane);
    const auto bits = [&](std::size_t j) XQUANT_LAMBDA_INLINE {
      if constexpr (is_random)
        return random.lane[j];
      else
        return no_random_bits{};
    };
    using result =
        decltype(operation.template operator()<L>(load(a.input_0, 0), load(a.input_1, 0), prepare(0), bits(0)));
    if constexpr (is_same<out_1, none>) {
      result v[lanes];
      XQUANT_UNROLL
      for (std::size_t j = 0; j < lanes; ++j)
        v[j] = operation.template operator()<L>(load(a.input_0, j * width), load(a.input_1, j * width), prepare(j),
                                                bits(j));
      store(operation, a.output_0, v);
    } else {
      decltype(result::first) v[lanes];
      decltype(result::second) w[lanes];
      XQUANT_UNROLL
      for (std::size_t j = 0; j < lanes; ++j) {
        const result r = operation.template operator()<L>(load(a.input_0, j * width), load(a.input_1, j * width),
                                                          prepare(j), bits(j));
        v[j] = r.first;
        w[j] = r.second;
      }
      store(operation, a.output_0, v);
      store(operation, a.output_1, w);
    }
  }

  // The last elements of a run, or the first ones before a group of random numbers starts: a block through a buffer.
  // `skip` elements of the block precede the run.
  static void edge(const Op& operation, const addresses& a, std::size_t skip, std::size_t n, bool varying) {
    struct alignas(64) buffers {
      in_0 input_0[is_same<in_0, none> ? 1 : block_size] = {};
      in_1 input_1[is_same<in_1, none> ? 1 : block_size] = {};
      out_0 output_0[is_same<out_0, none> ? 1 : block_size];
      out_1 output_1[is_same<out_1, none> ? 1 : block_size];
      real scale[block_size];
      real reciprocal[block_size];
      std::int32_t zero_point[block_size];
    } b;
    addresses at{b.input_0, b.input_1, b.output_0, b.output_1, a.scale, a.reciprocal, a.zero_point, a.index - skip};
    copy(b.input_0, skip, a.input_0, n);
    copy(b.input_1, skip, a.input_1, n);
    if (varying) {
      for (std::size_t i = 0; i < block_size; ++i) {
        b.scale[i] = 1;
        b.reciprocal[i] = 1;
        b.zero_point[i] = 0;
      }
      copy(b.scale, skip, a.scale, n);
      if (a.reciprocal) copy(b.reciprocal, skip, a.reciprocal, n);
      if (a.zero_point) copy(b.zero_point, skip, a.zero_point, n);
      at.scale = b.scale;
      at.reciprocal = a.reciprocal ? b.reciprocal : nullptr;
      at.zero_point = a.zero_point ? b.zero_point : nullptr;
      varying_block(operation, at);
    } else {
      const auto prepared = operation.template prepare<L>(shared_parameters(a));
      block(
          operation, at, [&](std::size_t) XQUANT_LAMBDA_INLINE -> const auto& { return prepared; });
    }
    copy_back(a.output_0, b.output_0, skip, n);
    copy_back(a.output_1, b.output_1, skip, n);
  }

  static void run(const row_arguments& r) {
    const Op operation = *static_cast<const Op*>(r.operation);  // a copy no store can alias
    addresses a{static_cast<const in_0*>(r.input[0]),
                static_cast<const in_1*>(r.input[1]),
                static_cast<out_0*>(r.output[0]),
                static_cast<out_1*>(r.output[1]),
                static_cast<const real*>(r.scale),
                static_cast<const real*>(r.reciprocal),
                r.zero_point,
                r.index};
    std::size_t left = r.extent;
    if constexpr (is_random) {
      const std::size_t skip = a.index % random_group;
      if (skip != 0) {
        const std::size_t n = left < random_group - skip ? left : random_group - skip;
        edge(operation, a, skip, n, r.varying);
        a.advance(n, r.varying);
        left -= n;
      }
    }
    if (r.varying) {
      for (; left >= block_size; left -= block_size, a.advance(block_size, true)) varying_block(operation, a);
    } else {
      const auto prepared = operation.template prepare<L>(shared_parameters(a));
      for (; left >= block_size; left -= block_size, a.advance(block_size, false))
        block(
            operation, a, [&](std::size_t) XQUANT_LAMBDA_INLINE -> const auto& { return prepared; });
    }
    if (left != 0) edge(operation, a, 0, left, r.varying);
  }

 private:
  XQUANT_INLINE static void varying_block(const Op& operation, const addresses& a) {
    block(operation, a, [&](std::size_t j) XQUANT_LAMBDA_INLINE {
      return operation.template prepare<L>(load_parameters(a, j * width));
    });
  }

  XQUANT_INLINE static lane_parameters<L> shared_parameters(const addresses& a) {
    const real scale = *a.scale;
    return {broadcast<L>(scale), broadcast<L>(a.reciprocal ? *a.reciprocal : divide<real>(1, scale)),
            broadcast_integer<L>(a.zero_point ? *a.zero_point : 0)};
  }

  template <class T>
  static void copy(T* to, std::size_t skip, const T* from, std::size_t n) {
    if constexpr (!is_same<T, none>)
      for (std::size_t i = 0; i < n; ++i) to[skip + i] = from[i];
  }
  template <class T>
  static void copy_back(T* to, const T* from, std::size_t skip, std::size_t n) {
    if constexpr (!is_same<T, none>)
      for (std::size_t i = 0; i < n; ++i) to[i] = from[skip + i];
  }
};

}  // namespace detail

}  // namespace xquant
