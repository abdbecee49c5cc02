// What a vector of N floats is and does, in nothing but the compiler's own vectors: the definition that the files of
// instruction sets beside this one start from and improve on, and the emulation of widths a machine lacks.
#pragma once

#include <xquant/core/bits.hpp>

#include <cstddef>

namespace xquant::inline XQUANT_ABI {

/// The compiler's vector of elements T in `Bytes` bytes. (A type of its own, since within one template g++ takes such
/// an alias for its element.)
template <class T, std::size_t Bytes>
struct vector_of {
  using type [[gnu::vector_size(Bytes)]] = T;
};

/// Vectors of N floats or integers of 32 bits, and the operations of a lane that are more than one operator of the
/// language. Any N that is a power of two, on any processor: what is wider than its registers is split by the compiler.
template <std::size_t N>
struct generic_vectors {
  static constexpr std::size_t count = N;
  using real = typename vector_of<float, 4 * N>::type;
  using integer = typename vector_of<std::int32_t, 4 * N>::type;
  using word = typename vector_of<std::uint32_t, 4 * N>::type;
  using mask = integer;  // all bits set, or none

  // x - 0 is x, -0 included.
  XQUANT_INLINE static real broadcast(float x) { return x - real{}; }
  XQUANT_INLINE static integer broadcast_integer(std::int32_t x) { return x - integer{}; }

  /// Keeps a value from being seen through: the compiler may not fuse the product behind it into a later sum.
  XQUANT_INLINE static real rounded(real a) {
#if defined(__AVX512F__)
    in_registers<64>(a, [](auto& part) XQUANT_LAMBDA_INLINE { asm("" : "+v"(part)); });
#elif defined(__AVX__)
    in_registers<32>(a, [](auto& part) XQUANT_LAMBDA_INLINE { asm("" : "+x"(part)); });
#elif defined(__x86_64__)
    in_registers<16>(a, [](auto& part) XQUANT_LAMBDA_INLINE { asm("" : "+x"(part)); });
#elif defined(__aarch64__)
    in_registers<16>(a, [](auto& part) XQUANT_LAMBDA_INLINE { asm("" : "+w"(part)); });
#else
    asm("" : "+m"(a));
#endif
    return a;
  }
  // Arguments of a lane's type become vectors here.
  XQUANT_INLINE static real add(real a, real b) { return a + b; }
  XQUANT_INLINE static real subtract(real a, real b) { return a - b; }
  XQUANT_INLINE static real multiply(real a, real b) { return rounded(a * b); }
  XQUANT_INLINE static real divide(real a, real b) { return a / b; }
  XQUANT_INLINE static mask less(real a, real b) { return a < b; }
  XQUANT_INLINE static mask less_equal(real a, real b) { return a <= b; }
  XQUANT_INLINE static mask equal(real a, real b) { return a == b; }
  XQUANT_INLINE static mask less_integer(integer a, integer b) { return a < b; }
  XQUANT_INLINE static real select(mask m, real a, real b) { return m ? a : b; }
  XQUANT_INLINE static integer select_integer(mask m, integer a, integer b) { return m ? a : b; }
  XQUANT_INLINE static real short_quotient(real a, real b, real) { return a / b; }
  XQUANT_INLINE static real multiply_without_sign_of_zero(real a, real b) { return rounded(a * b) + real{}; }

  XQUANT_INLINE static real minimum(real a, real b) { return a < b ? a : b; }
  XQUANT_INLINE static real maximum(real a, real b) { return a > b ? a : b; }
  // 2^23 added and taken away leaves the nearest integer; what is as large, and NaN, gets 0 added and taken away.
  XQUANT_INLINE static real round_even(real a) {
    const real magnitude = absolute(a);
    const real large = from_bits(to_bits(broadcast(8388608.0f)) & (magnitude < broadcast(8388608.0f)));
    return from_bits(to_bits(rounded(magnitude + large) - large) | (to_bits(a) & ~0x7fffffff));
  }
  XQUANT_INLINE static real truncate(real a) {
    const mask fractional = absolute(a) < broadcast(8388608.0f);
    const real whole = __builtin_convertvector(__builtin_convertvector(fractional ? a : real{}, integer), real);
    return fractional ? copy_sign(whole, a) : a;
  }
  XQUANT_INLINE static real absolute(real a) { return from_bits(to_bits(a) & 0x7fffffff); }
  XQUANT_INLINE static real copy_sign(real a, real s) {
    return from_bits((to_bits(a) & 0x7fffffff) | (to_bits(s) & ~0x7fffffff));
  }
  XQUANT_INLINE static integer round_even_to_integer(real a) { return truncate_to_integer(round_even(a)); }
  XQUANT_INLINE static integer truncate_to_integer(real a) { return __builtin_convertvector(a, integer); }
  XQUANT_INLINE static integer to_bits(real a) { return bit_cast<integer>(a); }
  XQUANT_INLINE static real from_bits(integer a) { return bit_cast<real>(a); }

  /// 0, 1, 2 ...
  XQUANT_INLINE static integer ramp() {
    integer r{};
    XQUANT_UNROLL
    for (std::size_t i = 0; i < N; ++i) r[i] = static_cast<std::int32_t>(i);
    return r;
  }
  /// The two halves of the products of 64 bits.
  XQUANT_INLINE static void multiply_words(integer a, std::uint32_t b, integer& high, integer& low) {
    const word w = bit_cast<word>(a);
    const word low_low = (w & 0xffffu) * (b & 0xffffu);
    const word low_high = (w & 0xffffu) * (b >> 16);
    const word high_low = (w >> 16) * (b & 0xffffu);
    const word carry = (low_low >> 16) + (low_high & 0xffffu) + (high_low & 0xffffu);
    high = bit_cast<integer>((w >> 16) * (b >> 16) + (low_high >> 16) + (high_low >> 16) + (carry >> 16));
    low = bit_cast<integer>(w * b);
  }

  XQUANT_INLINE static mask unpack_mask(std::uint32_t bits) {
    const integer each = broadcast_integer(1) << ramp();
    return (broadcast_integer(static_cast<std::int32_t>(bits)) & each) == each;
  }
  XQUANT_INLINE static std::uint32_t pack_mask(mask m) {
    const integer each = m & (broadcast_integer(1) << ramp());
    std::uint32_t bits = 0;
    XQUANT_UNROLL
    for (std::size_t i = 0; i < N; ++i) bits |= static_cast<std::uint32_t>(each[i]);
    return bits;
  }

  /// Element i is element i + Step of `v`, in a ring.
  template <std::size_t Step>
  XQUANT_INLINE static real moved_down(real v) {
#if defined(__clang__)
    real r = v;
    XQUANT_UNROLL
    for (std::size_t i = 0; i < N; ++i) r[i] = v[(i + Step) % N];
    return r;
#else
    return __builtin_shuffle(v, (ramp() + static_cast<std::int32_t>(Step)) & static_cast<std::int32_t>(N - 1));
#endif
  }

  template <class Vector>
  XQUANT_INLINE static Vector load(const void* p) {
    Vector v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
  }
  template <class Vector>
  XQUANT_INLINE static void store(void* p, Vector v) {
    __builtin_memcpy(p, &v, sizeof v);
  }

  template <class Code>
  using codes = typename vector_of<Code, sizeof(Code) * N>::type;
  template <class Code>
  XQUANT_INLINE static integer load_codes(const Code* p) {
    return __builtin_convertvector(load<codes<Code>>(p), integer);
  }
  /// Clamped and narrowed.
  template <class Code, std::size_t Vectors>
  XQUANT_INLINE static void store_codes(Code* p, const integer (&v)[Vectors], std::int32_t lower, std::int32_t upper) {
    const integer low = broadcast_integer(lower);
    const integer high = broadcast_integer(upper);
    XQUANT_UNROLL
    for (std::size_t j = 0; j < Vectors; ++j) {
      const integer from_below = v[j] < low ? low : v[j];
      const integer held = from_below > high ? high : from_below;
      store(p + j * N, __builtin_convertvector(held, codes<Code>));
    }
  }

 private:
  // Calls `visit` with each part of `a` that fits a register of `Bytes`.
  template <std::size_t Bytes, class Visit>
  XQUANT_INLINE static void in_registers(real& a, const Visit& visit) {
    if constexpr (sizeof(real) <= Bytes) {
      visit(a);
    } else {
      struct halves {
        typename generic_vectors<N / 2>::real half[2];
      };
      auto h = bit_cast<halves>(a);
      generic_vectors<N / 2>::template in_registers<Bytes>(h.half[0], visit);
      generic_vectors<N / 2>::template in_registers<Bytes>(h.half[1], visit);
      a = bit_cast<real>(h);
    }
  }
  template <std::size_t>
  friend struct generic_vectors;
};

/// The vectors of N floats of the processor the source is compiled for: generic_vectors with what its instructions do
/// better. Specialised in sse2.hpp, avx2.hpp, avx512.hpp, neon.hpp.
template <std::size_t N>
struct vector_instructions : generic_vectors<N> {};

}  // namespace xquant
