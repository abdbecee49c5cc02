// What the instruction sets have in common: vectors made of the instructions of one width, which a small file each says
// (sse2.hpp, avx2.hpp, avx512.hpp, neon.hpp). Compilers' own names of instructions are used, since the headers of
// intrinsics cost more to include than all of the library.
#pragma once

#include <xquant/core/meta.hpp>
#include <xquant/engines/vector/generic.hpp>

// clang drops its names of the instructions that operations on vectors stand for, and has had the operations since 17.
#if defined(__clang__) && __has_builtin(__builtin_elementwise_fma)
#define XQUANT_VECTORS_BY_LANGUAGE 1
#else
#define XQUANT_VECTORS_BY_LANGUAGE 0
#endif

namespace xquant::inline XQUANT_ABI {

/// What instructions of one width work on.
template <std::size_t N>
struct machine_registers {
  using real = typename generic_vectors<N>::real;
  using integer = typename generic_vectors<N>::integer;
  using words = typename vector_of<std::int16_t, 4 * N>::type;
  using bytes = typename vector_of<std::int8_t, 4 * N>::type;
  using products = typename vector_of<std::uint64_t, 4 * N>::type;
  using half_words = typename vector_of<std::int16_t, 2 * N>::type;
#if XQUANT_VECTORS_BY_LANGUAGE && defined(__F16C__)
  using half_reals = _Float16 __attribute__((ext_vector_type(N)));
#endif
  // As compilers type the arguments of some instructions.
  using native_bytes = typename vector_of<char, 4 * N>::type;
  using native_products = typename vector_of<long long, 4 * N>::type;

  template <class Vector>
  XQUANT_INLINE static Vector load(const void* p) {
    return generic_vectors<N>::template load<Vector>(p);
  }
};

/// The instructions of one width, on N integers of 32 bits, 2 N of 16, 4 N of 8, derived from machine_registers<N>. A
/// file for a processor has
///   round_even_to_integer, truncate_to_integer
///   narrow(integer, integer) -> words, narrow_unsigned  saturating, 32 to 16 bits, within each 128 bits
///   narrow(words, words) -> bytes, narrow_unsigned      saturating, 16 to 8 bits, within each 128 bits
///   in_order(words), in_order(bytes)                 undoes "within each 128 bits" after one pack, after two
///   pack_mask(mask)
///   even_products(integer, integer) -> products of 64 bits of the integers at even places, or multiply_words
/// and what there is of
///   converts_low_to_least, add_saturating(words, words)   too low, too high and NaN become the least integer
///   minimum, maximum (where a compiler does not see them), round_even, truncate, fused_multiply_add(a, b, c) as
///   a b + c, fused_multiply_less as a b - c and fused_multiply_subtract as c - a b, unpack_mask, load_codes,
///   load_float16, store_float16
///   stream_fence, and store_past_caches where the compiler has no name for it
template <std::size_t N>
struct machine_instructions;

template <std::size_t N>
struct machine_vectors : generic_vectors<N> {
  using generic = generic_vectors<N>;
  using own = machine_instructions<N>;
  using real = typename generic::real;
  using integer = typename generic::integer;
  using words = typename own::words;
  using bytes = typename own::bytes;
  using products = typename own::products;
  static constexpr bool converts_low_to_least = requires { requires own::converts_low_to_least; };

  // q + (a - q b) / b with one rounding each: docs/arithmetic.md, rule 4. This arrangement of signs keeps -0. A
  // negation of its own, as a compiler may make of -a, changes the sign of a NaN: so it is said in the processor's
  // words, and where clang has no words for it and folds nothing (-O0), the quotient is the exact one, which means the
  // same.
  XQUANT_INLINE static real short_quotient(real a, real b, real r) {
#if defined(__clang__) && !defined(__OPTIMIZE__)
    constexpr bool is_folded = requires { own::fused_multiply_subtract(a, b, r); };
#else
    constexpr bool is_folded = true;
#endif
    if constexpr (is_folded && requires { own::fused_multiply_add(a, b, r); }) {
      const real q = generic::rounded(a * r);
      real excess;
      if constexpr (requires { own::fused_multiply_less(q, b, a); })
        excess = own::fused_multiply_less(q, b, a);
      else
        excess = own::fused_multiply_add(q, b, -a);
      if constexpr (requires { own::fused_multiply_subtract(a, b, r); })
        return own::fused_multiply_subtract(excess, r, q);
      else
        return own::fused_multiply_add(-excess, r, q);
    } else {
      return a / b;
    }
  }
  XQUANT_INLINE static real multiply_without_sign_of_zero(real a, real b) {
    if constexpr (requires { own::fused_multiply_add(a, b, a); })
      return own::fused_multiply_add(a, b, real{});
    else
      return generic::multiply_without_sign_of_zero(a, b);
  }
  // g++ sees the instruction in a comparison and a choice unless one side is a constant.
  XQUANT_INLINE static real minimum(real a, real b) {
    if constexpr (requires { own::minimum(a, b); })
      return own::minimum(a, b);
    else
      return generic::minimum(a, b);
  }
  XQUANT_INLINE static real maximum(real a, real b) {
    if constexpr (requires { own::maximum(a, b); })
      return own::maximum(a, b);
    else
      return generic::maximum(a, b);
  }
  XQUANT_INLINE static real round_even(real a) {
    if constexpr (requires { own::round_even(a); })
      return own::round_even(a);
    else
      return generic::round_even(a);
  }
  XQUANT_INLINE static real truncate(real a) {
    if constexpr (requires { own::truncate(a); })
      return own::truncate(a);
    else
      return generic::truncate(a);
  }
  XQUANT_INLINE static integer round_even_to_integer(real a) { return own::round_even_to_integer(a); }
  XQUANT_INLINE static integer truncate_to_integer(real a) { return own::truncate_to_integer(a); }

  XQUANT_INLINE static void multiply_words(integer a, std::uint32_t b, integer& high, integer& low) {
    if constexpr (requires { own::multiply_words(a, b, high, low); }) {
      own::multiply_words(a, b, high, low);
    } else {
      const integer m = generic::broadcast_integer(static_cast<std::int32_t>(b));
      const products lower_half = products{} + 0xffffffffu;
      const products even = own::even_products(a, m);
      const products odd = own::even_products(bit_cast<integer>(bit_cast<products>(a) >> 32), m);
      high = bit_cast<integer>((even >> 32) | (odd & ~lower_half));
      low = bit_cast<integer>((even & lower_half) | (odd << 32));
    }
  }

  XQUANT_INLINE static typename generic::mask unpack_mask(std::uint32_t bits) {
    if constexpr (requires { own::unpack_mask(bits); })
      return own::unpack_mask(bits);
    else
      return generic::unpack_mask(bits);
  }
  XQUANT_INLINE static std::uint32_t pack_mask(typename generic::mask m) { return own::pack_mask(m); }

  template <class Code>
  XQUANT_INLINE static integer load_codes(const Code* p) {
    if constexpr (requires { own::load_codes(p); })
      return own::load_codes(p);
    else
      return generic::load_codes(p);
  }

  template <class Code, std::size_t Vectors>
  XQUANT_INLINE static void store_codes(Code* p, const integer (&v)[Vectors], std::int32_t lower, std::int32_t upper) {
    if constexpr (sizeof(Code) == 1) {
      XQUANT_UNROLL
      for (std::size_t j = 0; j < Vectors; j += 4)
        store_bytes<false>(p + j * N, own::narrow(v[j], v[j + 1]), own::narrow(v[j + 2], v[j + 3]), lower, upper);
    } else {
      XQUANT_UNROLL
      for (std::size_t j = 0; j < Vectors; j += 2) {
        words packed;
        if constexpr (is_signed<Code>)
          packed = own::narrow(v[j], v[j + 1]);
        else
          packed = own::narrow_unsigned(v[j], v[j + 1]);
        generic::store(p + j * N, own::in_order(held<Code>(packed, lower, upper)));
      }
    }
  }
  /// With `IsBelow` no sum is above `upper`.
  template <bool IsBelow, class Code, std::size_t Vectors>
  XQUANT_INLINE static void store_sums(Code* p, const integer (&v)[Vectors], const integer (&zero)[Vectors],
                                       std::int32_t lower, std::int32_t upper) {
    const auto sum = [&](std::size_t j) XQUANT_LAMBDA_INLINE {
      return own::add_saturating(own::narrow(v[j], v[j + 1]), own::narrow(zero[j], zero[j + 1]));
    };
    XQUANT_UNROLL
    for (std::size_t j = 0; j < Vectors; j += 4) store_bytes<IsBelow>(p + j * N, sum(j), sum(j + 2), lower, upper);
  }

  XQUANT_INLINE static void stream_line(void* to, const void* from) requires requires { own::stream_fence(); }
  {
    XQUANT_UNROLL
    for (std::size_t i = 0; i < 64; i += 4 * N) {
      auto* const t = reinterpret_cast<products*>(static_cast<char*>(to) + i);
      const auto line = generic::template load<products>(static_cast<const char*>(from) + i);
#if defined(__clang__)
      __builtin_nontemporal_store(line, t);
#else
      own::store_past_caches(t, line);
#endif
    }
  }
  XQUANT_INLINE static void stream_fence() requires requires { own::stream_fence(); }
  { own::stream_fence(); }

 private:
  template <class Code>
  static constexpr bool is_signed = Code(-1) < Code(0);

  // Elements of Code between `lower` and `upper`.
  template <class Code, bool IsBelow = false, class Elements>
  XQUANT_INLINE static Elements held(Elements packed, std::int32_t lower, std::int32_t upper) {
    using codes = typename vector_of<Code, sizeof(Elements)>::type;
    const codes v = bit_cast<codes>(packed);
    const codes low = codes{} + static_cast<Code>(lower);
    const codes high = codes{} + static_cast<Code>(upper);
    const codes from_below = v > low ? v : low;
    if constexpr (IsBelow)
      return bit_cast<Elements>(from_below);
    else
      return bit_cast<Elements>(from_below < high ? from_below : high);
  }
  template <bool IsBelow, class Code>
  XQUANT_INLINE static void store_bytes(Code* p, words a, words b, std::int32_t lower, std::int32_t upper) {
#if defined(__SSE2__) && !defined(__SSE4_1__)
    if constexpr (is_signed<Code>) {  // SSE2 compares bytes without sign and words with it
      return generic::store(
          p, own::narrow(held<std::int16_t, IsBelow>(a, lower, upper), held<std::int16_t, IsBelow>(b, lower, upper)));
    }
#endif
    bytes packed;
    if constexpr (is_signed<Code>)
      packed = own::narrow(a, b);
    else
      packed = own::narrow_unsigned(a, b);
    generic::store(p, own::in_order(held<Code, IsBelow>(packed, lower, upper)));
  }
};

}  // namespace xquant
