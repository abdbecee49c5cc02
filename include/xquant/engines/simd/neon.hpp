// NEON on 64-bit ARM. Fused multiply-add and directed roundings are part of the baseline.
#pragma once

#include <xquant/engines/simd/lane.hpp>

#if defined(__aarch64__)
#include <arm_neon.h>

namespace xquant::inline XQUANT_ABI {

template <>
struct instruction_set<xsimd::neon64> {
  using real = float32x4_t;
  using integer = int32x4_t;

  // clang-format off
  XQUANT_INLINE static real rounded(real a) { asm("" : "+w"(a)); return a; }
  XQUANT_INLINE static real divide(real a, real b) { return vdivq_f32(a, b); }  // xsimd 8 divides approximately
  // q + (a - q b) / b with one rounding each: docs/arithmetic.md, rule 4. This arrangement of signs keeps -0.
  XQUANT_INLINE static real short_quotient(real a, real b, real r) {
    const real q = rounded(vmulq_f32(a, r));
    return vfmsq_f32(q, vfmaq_f32(vnegq_f32(a), q, b), r);
  }
  // The instructions fmin and fmax answer NaN when either argument is NaN; a lane answers the second one.
  XQUANT_INLINE static real minimum(real a, real b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
  XQUANT_INLINE static real maximum(real a, real b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
  XQUANT_INLINE static real round_even(real a) { return vrndnq_f32(a); }
  XQUANT_INLINE static real truncate(real a) { return vrndq_f32(a); }
  XQUANT_INLINE static integer round_even_to_integer(real a) { return vcvtnq_s32_f32(a); }
  XQUANT_INLINE static integer truncate_to_integer(real a) { return vcvtq_s32_f32(a); }
  XQUANT_INLINE static real to_real(integer a) { return vcvtq_f32_s32(a); }
  XQUANT_INLINE static integer minimum_integer(integer a, integer b) { return vminq_s32(a, b); }
  XQUANT_INLINE static integer maximum_integer(integer a, integer b) { return vmaxq_s32(a, b); }
  XQUANT_INLINE static uint32x4_t less_integer(integer a, integer b) { return vcltq_s32(a, b); }
  template <int Count> XQUANT_INLINE static integer shift_left(integer a) { return vshlq_n_s32(a, Count); }
  template <int Count> XQUANT_INLINE static integer shift_right(integer a) { return vreinterpretq_s32_u32(vshrq_n_u32(vreinterpretq_u32_s32(a), Count)); }
  XQUANT_INLINE static integer to_bits(real a) { return vreinterpretq_s32_f32(a); }
  XQUANT_INLINE static real from_bits(integer a) { return vreinterpretq_f32_s32(a); }
  XQUANT_INLINE static integer ramp() { return integer{0, 1, 2, 3}; }

  XQUANT_INLINE static integer load_codes(const std::int8_t* p) { return vmovl_s16(vget_low_s16(vmovl_s8(vcreate_s8(four_bytes(p))))); }
  XQUANT_INLINE static integer load_codes(const std::uint8_t* p) { return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four_bytes(p)))))); }
  XQUANT_INLINE static integer load_codes(const std::int16_t* p) { return vmovl_s16(vld1_s16(p)); }
  XQUANT_INLINE static integer load_codes(const std::uint16_t* p) { return vreinterpretq_s32_u32(vmovl_u16(vld1_u16(p))); }

  XQUANT_INLINE static uint32x4_t unpack_mask(std::uint32_t bits) { return vtstq_u32(vdupq_n_u32(bits), uint32x4_t{1, 2, 4, 8}); }
  XQUANT_INLINE static std::uint32_t pack_mask(uint32x4_t m) { return vaddvq_u32(vandq_u32(m, uint32x4_t{1, 2, 4, 8})); }
  XQUANT_INLINE static real load_float16(const std::uint16_t* p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
  XQUANT_INLINE static void store_float16(std::uint16_t* p, real v) { vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(v))); }
  // clang-format on

  XQUANT_INLINE static void multiply_words(integer a, std::uint32_t b, integer& high, integer& low) {
    const uint32x4_t words = vreinterpretq_u32_s32(a);
    const uint32x4_t front = vreinterpretq_u32_u64(vmull_n_u32(vget_low_u32(words), b));
    const uint32x4_t back = vreinterpretq_u32_u64(vmull_n_u32(vget_high_u32(words), b));
    high = vreinterpretq_s32_u32(vuzp2q_u32(front, back));
    low = vreinterpretq_s32_u32(vuzp1q_u32(front, back));
  }

  XQUANT_INLINE static void store_codes(std::int8_t* p, const integer (&v)[16], std::int32_t lower,
                                        std::int32_t upper) {
    const int8x16_t low = vdupq_n_s8(static_cast<std::int8_t>(lower));
    const int8x16_t high = vdupq_n_s8(static_cast<std::int8_t>(upper));
    XQUANT_UNROLL
    for (int h = 0; h < 4; ++h) {
      const int8x16_t packed =
          vcombine_s8(vqmovn_s16(words(v[4 * h], v[4 * h + 1])), vqmovn_s16(words(v[4 * h + 2], v[4 * h + 3])));
      vst1q_s8(p + 16 * h, vminq_s8(vmaxq_s8(packed, low), high));
    }
  }
  XQUANT_INLINE static void store_codes(std::uint8_t* p, const integer (&v)[16], std::int32_t lower,
                                        std::int32_t upper) {
    const uint8x16_t low = vdupq_n_u8(static_cast<std::uint8_t>(lower));
    const uint8x16_t high = vdupq_n_u8(static_cast<std::uint8_t>(upper));
    XQUANT_UNROLL
    for (int h = 0; h < 4; ++h) {
      const uint8x16_t packed =
          vcombine_u8(vqmovun_s16(words(v[4 * h], v[4 * h + 1])), vqmovun_s16(words(v[4 * h + 2], v[4 * h + 3])));
      vst1q_u8(p + 16 * h, vminq_u8(vmaxq_u8(packed, low), high));
    }
  }
  XQUANT_INLINE static void store_codes(std::int16_t* p, const integer (&v)[16], std::int32_t lower,
                                        std::int32_t upper) {
    const int16x8_t low = vdupq_n_s16(static_cast<std::int16_t>(lower));
    const int16x8_t high = vdupq_n_s16(static_cast<std::int16_t>(upper));
    XQUANT_UNROLL
    for (int h = 0; h < 8; ++h) vst1q_s16(p + 8 * h, vminq_s16(vmaxq_s16(words(v[2 * h], v[2 * h + 1]), low), high));
  }
  XQUANT_INLINE static void store_codes(std::uint16_t* p, const integer (&v)[16], std::int32_t lower,
                                        std::int32_t upper) {
    const uint16x8_t low = vdupq_n_u16(static_cast<std::uint16_t>(lower));
    const uint16x8_t high = vdupq_n_u16(static_cast<std::uint16_t>(upper));
    XQUANT_UNROLL
    for (int h = 0; h < 8; ++h) {
      const uint16x8_t packed = vcombine_u16(vqmovun_s32(v[2 * h]), vqmovun_s32(v[2 * h + 1]));
      vst1q_u16(p + 8 * h, vminq_u16(vmaxq_u16(packed, low), high));
    }
  }

 private:
  XQUANT_INLINE static int16x8_t words(integer a, integer b) { return vcombine_s16(vqmovn_s32(a), vqmovn_s32(b)); }
  template <class Code>
  XQUANT_INLINE static std::uint64_t four_bytes(const Code* p) {
    std::uint32_t bytes;
    __builtin_memcpy(&bytes, p, 4);
    return bytes;
  }
};

}  // namespace xquant
#endif
