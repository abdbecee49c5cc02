// 128 bits of 64-bit ARM: NEON, of which fused multiply-add and directed roundings are part. By the processor's names
// of instructions: compilers agree on no other.
#pragma once

#include <xquant/engines/vector/machine.hpp>

#if defined(__aarch64__) && !defined(__AARCH64EB__)
namespace xquant::inline XQUANT_ABI {

template <>
struct machine_instructions<4> : machine_registers<4> {
  // clang-format off
  XQUANT_INLINE static integer round_even_to_integer(real a) { integer r; asm("fcvtns %0.4s, %1.4s" : "=w"(r) : "w"(a)); return r; }
  XQUANT_INLINE static integer truncate_to_integer(real a) { integer r; asm("fcvtzs %0.4s, %1.4s" : "=w"(r) : "w"(a)); return r; }
  XQUANT_INLINE static real round_even(real a) { real r; asm("frintn %0.4s, %1.4s" : "=w"(r) : "w"(a)); return r; }
  XQUANT_INLINE static real truncate(real a) { real r; asm("frintz %0.4s, %1.4s" : "=w"(r) : "w"(a)); return r; }
  XQUANT_INLINE static real fused_multiply_add(real a, real b, real c) { asm("fmla %0.4s, %1.4s, %2.4s" : "+w"(c) : "w"(a), "w"(b)); return c; }
  XQUANT_INLINE static real fused_multiply_subtract(real a, real b, real c) { asm("fmls %0.4s, %1.4s, %2.4s" : "+w"(c) : "w"(a), "w"(b)); return c; }
  XQUANT_INLINE static words narrow(integer a, integer b) { words r; asm("sqxtn %0.4h, %1.4s" : "=w"(r) : "w"(a)); asm("sqxtn2 %0.8h, %1.4s" : "+w"(r) : "w"(b)); return r; }
  XQUANT_INLINE static words narrow_unsigned(integer a, integer b) { words r; asm("sqxtun %0.4h, %1.4s" : "=w"(r) : "w"(a)); asm("sqxtun2 %0.8h, %1.4s" : "+w"(r) : "w"(b)); return r; }
  XQUANT_INLINE static bytes narrow(words a, words b) { bytes r; asm("sqxtn %0.8b, %1.8h" : "=w"(r) : "w"(a)); asm("sqxtn2 %0.16b, %1.8h" : "+w"(r) : "w"(b)); return r; }
  XQUANT_INLINE static bytes narrow_unsigned(words a, words b) { bytes r; asm("sqxtun %0.8b, %1.8h" : "=w"(r) : "w"(a)); asm("sqxtun2 %0.16b, %1.8h" : "+w"(r) : "w"(b)); return r; }
  XQUANT_INLINE static words in_order(words a) { return a; }
  XQUANT_INLINE static bytes in_order(bytes a) { return a; }
  XQUANT_INLINE static std::uint32_t pack_mask(integer m) { float sum; asm("addv %s0, %1.4s" : "=w"(sum) : "w"(m & integer{1, 2, 4, 8})); return bit_cast<std::uint32_t>(sum); }
  XQUANT_INLINE static real load_float16(const std::uint16_t* p) { half_words w; __builtin_memcpy(&w, p, sizeof w); real r; asm("fcvtl %0.4s, %1.4h" : "=w"(r) : "w"(w)); return r; }
  XQUANT_INLINE static void store_float16(std::uint16_t* p, real v) { half_words w; asm("fcvtn %0.4h, %1.4s" : "=w"(w) : "w"(v)); __builtin_memcpy(p, &w, sizeof w); }
  // clang-format on

  XQUANT_INLINE static integer load_codes(const std::int8_t* p) {
    integer r;
    asm("sshll %0.8h, %1.8b, #0\n\tsshll %0.4s, %0.4h, #0" : "=w"(r) : "w"(four_bytes(p)));
    return r;
  }
  XQUANT_INLINE static integer load_codes(const std::uint8_t* p) {
    integer r;
    asm("ushll %0.8h, %1.8b, #0\n\tushll %0.4s, %0.4h, #0" : "=w"(r) : "w"(four_bytes(p)));
    return r;
  }

  XQUANT_INLINE static void multiply_words(integer a, std::uint32_t b, integer& high, integer& low) {
    const integer m = integer{} + static_cast<std::int32_t>(b);
    products front, back;
    asm("umull %0.2d, %1.2s, %2.2s" : "=w"(front) : "w"(a), "w"(m));
    asm("umull2 %0.2d, %1.4s, %2.4s" : "=w"(back) : "w"(a), "w"(m));
    high = __builtin_shufflevector(bit_cast<integer>(front), bit_cast<integer>(back), 1, 3, 5, 7);
    low = __builtin_shufflevector(bit_cast<integer>(front), bit_cast<integer>(back), 0, 2, 4, 6);
  }

 private:
  XQUANT_INLINE static integer four_bytes(const void* p) {
    std::int32_t bytes;
    __builtin_memcpy(&bytes, p, 4);
    return integer{bytes, 0, 0, 0};
  }
};

template <>
struct vector_instructions<4> : machine_vectors<4> {};

}  // namespace xquant
#endif
