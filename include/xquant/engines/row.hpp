// Runs of elements that lie one after the other, in blocks of 64: the only part of an engine that is made for every
// operation and lane. Everything around it (loops over rows, strides, edges) is shared code in walk.hpp.
#pragma once

#include <xquant/core/meta.hpp>
#include <xquant/core/nest.hpp>
#include <xquant/core/random.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/engines/operation.hpp>

namespace xquant::inline XQUANT_ABI {

/// How a lane reaches memory; specialised beside each lane. N is the number of lanes in a block of 64 elements.
///   load(const Real*), load(const Code*) -> integer_of<L>     one lane's elements, unaligned
///   load(const float16*), load(const bfloat16*) -> L           widened
///   store(Real*, L)
///   store_wide(Code*, integer_of<L>)                           codes of 32 bits, as they are
///   store_halves(float16* or bfloat16*, const L (&v)[N])       rounded to nearest even
///   store_codes(Code*, const integer_of<L> (&v)[N], lower, upper)   clamped to [lower, upper] and narrowed
///   load_random(seed, index, integer_of<L> (&v)[N])            the random bits of 64 elements, index a multiple of 64
///   unpack_mask(word, j) -> mask_of<L>                         lane j of 64 packed bits
///   pack_mask(const mask_of<L> (&m)[N]) -> word                64 packed bits
template <class L>
struct lane_memory;

/// Elements of a block: a cache line of 8-bit codes, a word of packed bits, a group of random numbers.
inline constexpr std::size_t block_size = 64;

/// Accumulators of a reduction, whatever the width of a lane: element i of a piece goes to accumulator i % 32, and the
/// 32 are folded 16-8-4-2-1 (docs/arithmetic.md, rule 10).
inline constexpr std::size_t virtual_lanes = 32;

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
  const std::ptrdiff_t* row_stride;  // from each to the next, in elements, an entry an operand; null for one row
  bool past_caches;                  // output_0 begins at a line of memory and is to be written past the caches
  double* results;                   // of a reduction: accumulators, then the number of elements, for each slot
};

namespace detail {

// n <= 64 bits from bit `index` on, in the low end of a word; no byte beyond them is touched.
inline std::uint64_t load_bits(const std::uint8_t* bytes, std::uint64_t index, std::size_t n) noexcept {
  const std::uint8_t* p = bytes + index / 8;
  const unsigned shift = index % 8;
  const std::size_t count = (shift + n + 7) / 8;
  std::uint64_t low = 0;
  __builtin_memcpy(&low, p, count < 8 ? count : 8);
  low >>= shift;
  if (count > 8) low |= static_cast<std::uint64_t>(p[8]) << (64 - shift);
  return low;
}

inline void store_bits(std::uint8_t* bytes, std::uint64_t index, std::size_t n, std::uint64_t word) noexcept {
  std::uint8_t* p = bytes + index / 8;
  const unsigned shift = index % 8;
  if (shift == 0 && n == 64) {
    __builtin_memcpy(p, &word, 8);
    return;
  }
  for (std::size_t done = 0; done < n;) {
    const unsigned at = static_cast<unsigned>((shift + done) % 8);
    const std::size_t take = 8 - at < n - done ? 8 - at : n - done;
    const unsigned mask = ((1u << take) - 1) << at;
    const unsigned value = static_cast<unsigned>(word >> done) << at;
    *p = static_cast<std::uint8_t>((*p & ~mask) | (value & mask));
    done += take;
    ++p;
  }
}

template <class Op>
inline constexpr std::size_t accumulator_count = 0;
template <class Op>
requires requires { Op::accumulators; }
inline constexpr std::size_t accumulator_count<Op> = Op::accumulators;

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
  static constexpr std::size_t accumulator_lanes = virtual_lanes / width;

  // What a block has besides elements at addresses: packed bits, and the accumulators of a reduction.
  struct block_state {
    std::uint64_t in[2];
    std::uint64_t out[2];
    L accumulator[accumulators == 0 ? 1 : accumulators][accumulator_lanes];
  };

  struct addresses {
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

    explicit addresses(const row_arguments& r)
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

    XQUANT_INLINE void next_row(const row_arguments& r) {
      if constexpr (element_size<in_0> != 0) input_0 += r.row_stride[operand::input_0];
      if constexpr (element_size<in_1> != 0) input_1 += r.row_stride[operand::input_1];
      if constexpr (element_size<out_0> != 0) output_0 += r.row_stride[operand::output_0];
      if constexpr (element_size<out_1> != 0) output_1 += r.row_stride[operand::output_1];
      index += static_cast<std::uint64_t>(r.row_stride[element_index]);
      bit_index += static_cast<std::uint64_t>(r.row_stride[element_index]);
      scale += r.row_stride[parameter];
      if (reciprocal) reciprocal += r.row_stride[parameter];
      if (zero_point) zero_point += r.row_stride[parameter];
    }

    XQUANT_INLINE void advance(std::size_t n, bool varying) {
      if constexpr (element_size<in_0> != 0) input_0 += n;
      if constexpr (element_size<in_1> != 0) input_1 += n;
      if constexpr (element_size<out_0> != 0) output_0 += n;
      if constexpr (element_size<out_1> != 0) output_1 += n;
      index += n;
      bit_index += n;
      if (!varying) return;
      scale += n;
      if (reciprocal) reciprocal += n;
      if (zero_point) zero_point += n;
    }
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
    const L scale = memory::load(a.scale + at);
    return {scale, a.reciprocal ? memory::load(a.reciprocal + at) : divide(broadcast<L>(1), scale),
            a.zero_point ? zero_point_bits<L>(memory::load(a.zero_point + at)) : broadcast_integer<L>(0)};
  }
  template <class Lane>
  XQUANT_INLINE static lane_parameters<Lane> shared_parameters(const addresses& a) {
    const real scale = *a.scale;
    return {broadcast<Lane>(scale), broadcast<Lane>(a.reciprocal ? *a.reciprocal : divide<real>(1, scale)),
            a.zero_point ? shared_zero_point<Lane>(*a.zero_point) : broadcast_integer<Lane>(0)};
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

  /// 64 elements. `prepare(j)` gives the prepared parameters of lane j.
  template <class Prepare>
  XQUANT_INLINE static void block(const Op& operation, const addresses& a, const Prepare& prepare, block_state& state) {
    integer_of<L> random[lanes];
    if constexpr (is_random)
      memory::load_random(operation.rounding().seed, random_index(operation.rounding(), a.index), random);
    const auto apply = [&](std::size_t j) XQUANT_LAMBDA_INLINE {
      const auto x = load<in_0>(a.input_0, state.in[0], j * width);
      const auto y = load<in_1>(a.input_1, state.in[1], j * width);
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
          L& sum = state.accumulator[k][j % accumulator_lanes];
          sum = Op::template combine<L>(k, r.term[k], sum);
        }
      }
      store<out_0>(operation, a.output_0, v, state.out[0]);
    } else if constexpr (is_same<out_1, none>) {
      result v[lanes];
      XQUANT_UNROLL
      for (std::size_t j = 0; j < lanes; ++j) v[j] = apply(j);
      if constexpr (adds_zero_point_in_store) {
        integer_of<L> zero_point[lanes];
        XQUANT_UNROLL
        for (std::size_t j = 0; j < lanes; ++j) zero_point[j] = prepare(j).zero_point;
        memory::template store_sums<lanes>(a.output_0, v, zero_point, operation.lower_code(), operation.upper_code());
      } else {
        store<out_0>(operation, a.output_0, v, state.out[0]);
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
      store<out_0>(operation, a.output_0, v, state.out[0]);
      store<out_1>(operation, a.output_1, w, state.out[1]);
    }
  }

  // A block of one run, with its packed bits.
  template <class Prepare>
  XQUANT_INLINE static void whole_block(const Op& operation, const addresses& a, const Prepare& prepare,
                                        block_state& state) {
    if constexpr (is_same<in_0, bit>) state.in[0] = load_bits(a.input_0, a.bit_index, block_size);
    if constexpr (is_same<in_1, bit>) state.in[1] = load_bits(a.input_1, a.bit_index, block_size);
    block(operation, a, prepare, state);
    if constexpr (is_same<out_0, bit>) store_bits(a.output_0, a.bit_index, block_size, state.out[0]);
    if constexpr (is_same<out_1, bit>) store_bits(a.output_1, a.bit_index, block_size, state.out[1]);
  }

  // Whether the output of long runs may go past the caches: whole lines, by a lane that can.
  static constexpr bool can_stream = [] {
    if constexpr (element_size<out_0> != 0 && element_size<out_1> == 0 && !is_random) return requires {
        memory::stream_fence();
      };
    else
      return false;
  }();
  static constexpr std::size_t ahead_in_row = 8192;
  static constexpr std::size_t ahead_in_column = 2048;

  template <class Stream, std::size_t Ahead, class T>
  XQUANT_INLINE static void prefetch(const T* p) {
    if constexpr (element_size<Stream> != 0) {
      XQUANT_UNROLL
      for (std::size_t i = 0; i < block_size * sizeof(T); i += 64)
        __builtin_prefetch(reinterpret_cast<const char*>(p) + Ahead + i);
    }
  }

  // One block of many. Past the caches it goes through a buffer that stays in L1, and the input `Ahead` bytes on is
  // asked for.
  template <std::size_t Ahead, class Prepare>
  XQUANT_INLINE static void next_block(const Op& operation, const addresses& a, const Prepare& prepare,
                                       block_state& state) {
    if constexpr (can_stream) {
      if (a.past_caches) {
        alignas(64) stream_element<out_0> buffer[block_size];
        addresses buffered = a;
        buffered.output_0 = buffer;
        prefetch<in_0, Ahead>(a.input_0);
        prefetch<in_1, Ahead>(a.input_1);
        whole_block(operation, buffered, prepare, state);
        XQUANT_UNROLL
        for (std::size_t i = 0; i < sizeof buffer; i += 64)
          memory::stream_line(reinterpret_cast<char*>(a.output_0) + i, reinterpret_cast<const char*>(buffer) + i);
        return;
      }
    }
    whole_block(operation, a, prepare, state);
  }

  XQUANT_INLINE static void varying_block(const Op& operation, const addresses& a, block_state& state) {
    next_block<ahead_in_row>(
        operation, a,
        [&](std::size_t j)
            XQUANT_LAMBDA_INLINE { return operation.template prepare<L>(load_parameters(a, j * width)); },
        state);
  }

  /// Runs of an operation that does not reduce.
  static void run(const row_arguments& r) {
    if (r.rows == 1 && !is_random && r.extent % block_size == 0) return blocks(r);
    const Op& operation = *static_cast<const Op*>(r.operation);
    addresses a(r);
    if constexpr (!is_random && !has_bits)
      if (r.varying && r.rows > 1 && r.row_stride[parameter] == 0) return run_columns(operation, a, r);
    run_one(operation, a, r.extent, r.varying);
    for (std::size_t row = 1; row < r.rows; ++row) {
      a.next_row(r);
      run_one(operation, a, r.extent, r.varying);
    }
  }

  /// A piece of a reduction (at most 4096 elements of one slot): its outputs, and results[k] combined with the piece's.
  static void reduce(const row_arguments& r) {
    const Op operation = *static_cast<const Op*>(r.operation);
    addresses a(r);
    block_state state;
    for (std::size_t k = 0; k < accumulators; ++k)
      for (L& lane : state.accumulator[k]) lane = Op::template initial<L>(k);
    std::size_t left = r.extent;
    if (left >= block_size) {
      const auto prepared = operation.template prepare<L>(shared_parameters<L>(a));
      for (; left >= block_size; left -= block_size, a.advance(block_size, false))
        whole_block(
            operation, a, [&](std::size_t) XQUANT_LAMBDA_INLINE -> const auto& { return prepared; }, state);
    }
    alignas(64) real folded[accumulators == 0 ? 1 : accumulators][virtual_lanes];
    for (std::size_t k = 0; k < accumulators; ++k)
      for (std::size_t j = 0; j < accumulator_lanes; ++j) memory::store(folded[k] + j * width, state.accumulator[k][j]);
    if (left != 0) {
      // The last elements go to their accumulators one by one.
      const auto prepared = operation.template prepare<real>(shared_parameters<real>(a));
      for (std::size_t i = 0; i < left; ++i) {
        const auto one = operation.template operator()<real>(
            single<in_0>(a.input_0, a.index, i), single<in_1>(a.input_1, a.index, i), prepared, no_random_bits{});
        if constexpr (is_real_stream<out_0, real>) a.output_0[i] = static_cast<out_0>(one.output);
        for (std::size_t k = 0; k < accumulators; ++k) {
          real& sum = folded[k][i % virtual_lanes];
          sum = Op::template combine<real>(k, one.term[k], sum);
        }
      }
    }
    for (std::size_t k = 0; k < accumulators; ++k) {
      for (std::size_t half = virtual_lanes / 2; half > 0; half /= 2)
        for (std::size_t i = 0; i < half; ++i)
          folded[k][i] = Op::template combine<real>(k, folded[k][i], folded[k][i + half]);
      r.results[k] = Op::template combine<double>(k, static_cast<double>(folded[k][0]), r.results[k]);
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
              single<in_0>(one.input_0, one.index, 0), single<in_1>(one.input_1, one.index, 0),
              operation.template prepare<real>(shared_parameters<real>(one)), no_random_bits{});
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

  XQUANT_INLINE static void varying_terms(const Op& operation, const addresses& a,
                                          real (&term)[accumulators == 0 ? 1 : accumulators][block_size]) {
    decltype(operation
                 .template operator()<L>(load<in_0>(a.input_0, 0, 0), load<in_1>(a.input_1, 0, 0),
                                         operation.template prepare<L>(load_parameters(a, 0)), no_random_bits{})
                 .output) v[lanes];
    XQUANT_UNROLL
    for (std::size_t j = 0; j < lanes; ++j) {
      const auto r = operation.template operator()<L>(
          load<in_0>(a.input_0, 0, j * width), load<in_1>(a.input_1, 0, j * width),
          operation.template prepare<L>(load_parameters(a, j * width)), no_random_bits{});
      v[j] = r.output;
      for (std::size_t k = 0; k < accumulators; ++k) memory::store(term[k] + j * width, r.term[k]);
    }
    std::uint64_t no_bits;
    store<out_0>(operation, a.output_0, v, no_bits);
  }

  // The last elements of a run, or the first ones before a group of random numbers starts: a block through a buffer.
  // `skip` elements of the block precede the run.
  static void edge(const Op& operation, const addresses& a, std::size_t skip, std::size_t n, bool varying) {
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
      for (std::size_t i = 0; i < block_size; ++i) {
        b.scale[i] = 1;
        b.reciprocal[i] = 1;
        b.zero_point[i] = 0;
      }
      at.scale = copied(b.scale, skip, a.scale, n);
      if (a.reciprocal) at.reciprocal = copied(b.reciprocal, skip, a.reciprocal, n);
      if (a.zero_point) at.zero_point = copied(b.zero_point, skip, a.zero_point, n);
    }
    blocks(at.arguments(operation, block_size, varying));
    copy_out<out_0>(a.output_0, b.output_0, a.bit_index, skip, n);
    copy_out<out_1>(a.output_1, b.output_1, a.bit_index, skip, n);
  }

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
      copy(buffer + skip, from, n);
    from = buffer;
  }
  template <class Stream, class T>
  static void copy_out(T* to, const T* buffer, std::uint64_t bit_index, std::size_t skip, std::size_t n) {
    if constexpr (is_same<Stream, bit>)
      store_bits(to, bit_index, n, load_bits(buffer, skip, n));
    else if constexpr (!is_same<Stream, none>)
      copy(to, buffer + skip, n);
  }

  XQUANT_INLINE static void run_one(const Op& operation, const addresses& first, std::size_t left, bool varying) {
    addresses a = first;
    if constexpr (is_random) {
      const std::size_t skip = random_index(operation.rounding(), a.index) % random_group;
      if (skip != 0) {
        const std::size_t n = left < random_group - skip ? left : random_group - skip;
        edge(operation, a, skip, n, varying);
        a.advance(n, varying);
        left -= n;
      }
    }
    if (left >= block_size) {
      blocks(a.arguments(operation, left / block_size * block_size, varying));
      a.advance(left / block_size * block_size, varying);
      left %= block_size;
    }
    if (left != 0) edge(operation, a, 0, left, varying);
  }

  // One run of whole blocks: made once, for long runs and for edges alike. Reads its arguments where the caller wrote
  // them; a copy would have to wait for them in the store queue.
  XQUANT_NOINLINE static void blocks(const row_arguments& r) {
    const Op operation = *static_cast<const Op*>(r.operation);  // a copy no store can alias
    addresses a(r);
    std::size_t left = r.extent;
    block_state state;
    if (r.varying) {
      for (; left != 0; left -= block_size, a.advance(block_size, true)) varying_block(operation, a, state);
      return;
    }
    const auto prepared = operation.template prepare<L>(shared_parameters<L>(a));
    for (; left != 0; left -= block_size, a.advance(block_size, false))
      next_block<ahead_in_row>(
          operation, a, [&](std::size_t) XQUANT_LAMBDA_INLINE -> const auto& { return prepared; }, state);
  }

  // Rows that share their parameters, element by element: down a few rows of 64 columns, then the next columns, so that
  // parameters are prepared once for these rows.
  static void run_columns(const Op& shared, const addresses& first, const row_arguments& r) {
    const Op operation = shared;
    const std::size_t tile = r.past_caches ? 4 : 16;  // memory serves few streams at once
    block_state state;
    addresses top = first;
    for (std::size_t done = 0; done < r.rows; done += tile) {
      const std::size_t rows = r.rows - done < tile ? r.rows - done : tile;
      addresses column = top;
      std::size_t left = r.extent;
      for (; left >= block_size; left -= block_size, column.advance(block_size, true)) {
        prepared_lanes prepared = prepare_lanes(operation, column);
        addresses a = column;
        for (std::size_t row = 0; row < rows; ++row, a.next_row(r))
          next_block<ahead_in_column>(
              operation, a, [&](std::size_t j) XQUANT_LAMBDA_INLINE -> const auto& { return prepared.lane[j]; }, state);
      }
      for (std::size_t row = 0; row < rows; ++row, top.next_row(r), column.next_row(r))
        if (left != 0) edge(operation, column, 0, left, true);
    }
  }

  struct prepared_lanes {
    decltype(declared<const Op&>().template prepare<L>(declared<const lane_parameters<L>&>())) lane[lanes];
  };
  XQUANT_INLINE static prepared_lanes prepare_lanes(const Op& operation, const addresses& a) {
    prepared_lanes p;
    XQUANT_UNROLL
    for (std::size_t j = 0; j < lanes; ++j) p.lane[j] = operation.template prepare<L>(load_parameters(a, j * width));
    return p;
  }

  template <class T>
  static void copy(T* to, const T* from, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) to[i] = from[i];
  }
  template <class T>
  static T* copied(T* to, std::size_t skip, const T* from, std::size_t n) {
    copy(to + skip, from, n);
    return to;
  }
};

}  // namespace detail

}  // namespace xquant
