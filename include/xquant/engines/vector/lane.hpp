// The vocabulary of core/lane.hpp on vectors of N floats, for any type of lane that is such a vector: the compiler's
// own here, a batch of xsimd in engines/simd/. What an instruction set does better than the language is in the small
// files beside this one.
#pragma once

#include <xquant/core/half.hpp>
#include <xquant/engines/row.hpp>
#include <xquant/engines/vector/generic.hpp>
#include <xquant/engines/vector/philox.hpp>

namespace xquant::inline XQUANT_ABI {

/// A lane of N floats. `Instructions` is vector_instructions<N>, or generic_vectors<N> to have nothing but the
/// language.
template <std::size_t N, class Instructions = vector_instructions<N>>
struct vector_lane {
  typename Instructions::real value;

  vector_lane() = default;
  XQUANT_INLINE vector_lane(typename Instructions::real v) : value(v) {}
  XQUANT_INLINE operator typename Instructions::real() const { return value; }
};

/// The operations of a lane that converts to and from the vector of its `Instructions`. Integers and truth values are
/// vectors of the compiler's.
template <class Lane, class Instructions>
struct vector_operations {
  using lane = Lane;
  using native = Instructions;
  using real = float;
  using integer = typename native::integer;
  using mask = typename native::mask;
  static constexpr std::size_t count = native::count;
  static constexpr bool converts_low_to_least = requires { requires native::converts_low_to_least; };

  // clang-format off
  XQUANT_INLINE static lane broadcast(float x) { return lane(native::broadcast(x)); }
  XQUANT_INLINE static integer broadcast_integer(std::int32_t x) { return native::broadcast_integer(x); }
  XQUANT_INLINE static lane add(lane a, lane b) { return lane(native::add(a, b)); }
  XQUANT_INLINE static lane subtract(lane a, lane b) { return lane(native::subtract(a, b)); }
  XQUANT_INLINE static lane multiply(lane a, lane b) { return lane(native::multiply(a, b)); }
  XQUANT_INLINE static lane divide(lane a, lane b) { return lane(native::divide(a, b)); }
  XQUANT_INLINE static lane short_quotient(lane a, lane b, lane r) { return lane(native::short_quotient(a, b, r)); }
  XQUANT_INLINE static lane multiply_without_sign_of_zero(lane a, lane b) { return lane(native::multiply_without_sign_of_zero(a, b)); }
  XQUANT_INLINE static lane minimum(lane a, lane b) { return lane(native::minimum(a, b)); }
  XQUANT_INLINE static lane maximum(lane a, lane b) { return lane(native::maximum(a, b)); }
  XQUANT_INLINE static lane absolute(lane a) { return lane(native::absolute(a)); }
  XQUANT_INLINE static lane copy_sign(lane a, lane s) { return lane(native::copy_sign(a, s)); }
  XQUANT_INLINE static lane round_even(lane a) { return lane(native::round_even(a)); }
  XQUANT_INLINE static lane truncate(lane a) { return lane(native::truncate(a)); }
  XQUANT_INLINE static integer round_even_to_integer(lane a) { return native::round_even_to_integer(a); }
  XQUANT_INLINE static integer truncate_to_integer(lane a) { return native::truncate_to_integer(a); }
  XQUANT_INLINE static lane to_real(integer a) { return lane(__builtin_convertvector(a, typename native::real)); }
  XQUANT_INLINE static mask less(lane a, lane b) { return native::less(a, b); }
  XQUANT_INLINE static mask less_equal(lane a, lane b) { return native::less_equal(a, b); }
  XQUANT_INLINE static mask equal(lane a, lane b) { return native::equal(a, b); }
  XQUANT_INLINE static mask both(mask a, mask b) { return static_cast<mask>(a & b); }
  XQUANT_INLINE static lane select(mask m, lane a, lane b) { return lane(native::select(m, a, b)); }
  XQUANT_INLINE static integer select_integer(mask m, integer a, integer b) { return native::select_integer(m, a, b); }
  XQUANT_INLINE static integer add_integer(integer a, integer b) { return signed_of(word_of(a) + word_of(b)); }
  XQUANT_INLINE static integer subtract_integer(integer a, integer b) { return signed_of(word_of(a) - word_of(b)); }
  XQUANT_INLINE static integer minimum_integer(integer a, integer b) { return a < b ? a : b; }
  XQUANT_INLINE static integer maximum_integer(integer a, integer b) { return a > b ? a : b; }
  XQUANT_INLINE static mask less_integer(integer a, integer b) { return native::less_integer(a, b); }
  XQUANT_INLINE static integer bit_and(integer a, integer b) { return a & b; }
  XQUANT_INLINE static integer bit_or(integer a, integer b) { return a | b; }
  template <int Count> XQUANT_INLINE static integer shift_left(integer a) { return signed_of(word_of(a) << Count); }
  template <int Count> XQUANT_INLINE static integer shift_right(integer a) { return signed_of(word_of(a) >> Count); }
  XQUANT_INLINE static integer to_bits(lane a) { return native::to_bits(a); }
  XQUANT_INLINE static lane from_bits(integer a) { return lane(native::from_bits(a)); }
  // clang-format on

 private:
  XQUANT_INLINE static typename native::word word_of(integer a) { return bit_cast<typename native::word>(a); }
  XQUANT_INLINE static integer signed_of(typename native::word a) { return bit_cast<integer>(a); }
};

/// How such a lane reaches memory (engines/lane_memory.hpp).
template <class Lane, class Instructions>
struct vector_memory {
  using lane = Lane;
  using native = Instructions;
  using integer = typename native::integer;
  using mask = typename native::mask;
  static constexpr std::size_t width = native::count;

  XQUANT_INLINE static lane load(const float* p) { return lane(native::template load<typename native::real>(p)); }
  XQUANT_INLINE static integer load(const std::int32_t* p) { return native::template load<integer>(p); }
  XQUANT_INLINE static integer load(const std::uint32_t* p) { return native::template load<integer>(p); }
  XQUANT_INLINE static lane load(const float16* p) {
    const auto* bits = reinterpret_cast<const std::uint16_t*>(p);
    if constexpr (requires { native::load_float16(bits); })
      return lane(native::load_float16(bits));
    else
      return float16::layout::widen<lane>(load(bits));
  }
  XQUANT_INLINE static lane load(const bfloat16* p) {
    return bfloat16::layout::widen<lane>(load(reinterpret_cast<const std::uint16_t*>(p)));
  }
  template <class Code>
  XQUANT_INLINE static integer load(const Code* p) {
    return native::load_codes(p);
  }
  XQUANT_INLINE static void store(float* p, lane v) { native::store(p, static_cast<typename native::real>(v)); }
  template <class Code>
  XQUANT_INLINE static void store_wide(Code* p, integer v) {
    native::store(p, v);
  }
  template <std::size_t Vectors, class Half>
  XQUANT_INLINE static void store_halves(Half* p, const lane (&v)[Vectors]) {
    auto* bits = reinterpret_cast<std::uint16_t*>(p);
    if constexpr (is_same<Half, float16> && requires { native::store_float16(bits, v[0]); }) {
      XQUANT_UNROLL
      for (std::size_t j = 0; j < Vectors; ++j) native::store_float16(bits + j * width, v[j]);
    } else {
      integer codes[Vectors];
      XQUANT_UNROLL
      for (std::size_t j = 0; j < Vectors; ++j) codes[j] = Half::layout::template narrow<lane>(v[j]);
      native::store_codes(bits, codes, 0, 0xffff);
    }
  }
  template <std::size_t Vectors, class Code>
  XQUANT_INLINE static void store_codes(Code* p, const integer (&v)[Vectors], std::int32_t lower, std::int32_t upper) {
    native::store_codes(p, v, lower, upper);
  }
  template <std::size_t Vectors, bool IsBelow, class Code>
  XQUANT_INLINE static void store_sums(Code* p, const integer (&v)[Vectors], const integer (&zero_point)[Vectors],
                                       std::int32_t lower, std::int32_t upper) {
    native::template store_sums<IsBelow>(p, v, zero_point, lower, upper);
  }
  // 64 bytes to a line of memory, past the caches; and the wait for all that went there.
  XQUANT_INLINE static void stream_line(void* to, const void* from) requires requires { native::stream_line(to, from); }
  { native::stream_line(to, from); }
  static void stream_fence() requires requires { native::stream_fence(); }
  { native::stream_fence(); }

  template <std::size_t Step>
  XQUANT_INLINE static lane moved_down(lane v) {
    return lane(native::template moved_down<Step>(v));
  }
  XQUANT_INLINE static float first(lane v) { return static_cast<typename native::real>(v)[0]; }

  XQUANT_INLINE static mask unpack_mask(std::uint64_t word, std::size_t j) {
    return native::unpack_mask(static_cast<std::uint32_t>(word >> (j * width)));
  }
  template <std::size_t Vectors>
  XQUANT_INLINE static std::uint64_t pack_mask(const mask (&m)[Vectors]) {
    std::uint64_t word = 0;
    XQUANT_UNROLL
    for (std::size_t j = 0; j < Vectors; ++j)
      word |= static_cast<std::uint64_t>(native::pack_mask(m[j])) << (j * width);
    return word;
  }

  // Element i of the group takes word i / 16 of counter i % 16; a lane narrower than 16 fills its share of each word.
  template <std::size_t Vectors>
  XQUANT_INLINE static void load_random(std::uint64_t seed, std::uint64_t index, integer (&v)[Vectors]) {
    constexpr std::size_t parts = 16 / width;
    static_assert(Vectors == 4 * parts);
    const std::uint64_t counter = index / random_group * 16;
    for (std::size_t part = 0; part < parts; ++part) {
      integer word[4];
      detail::philox<native>(seed, counter + part * width, word);
      XQUANT_UNROLL
      for (std::size_t w = 0; w < 4; ++w) v[w * parts + part] = word[w];
    }
  }
};

template <std::size_t N, class Instructions>
struct lane_operations<vector_lane<N, Instructions>> : vector_operations<vector_lane<N, Instructions>, Instructions> {};
template <std::size_t N, class Instructions>
struct lane_memory<vector_lane<N, Instructions>> : vector_memory<vector_lane<N, Instructions>, Instructions> {};

}  // namespace xquant
