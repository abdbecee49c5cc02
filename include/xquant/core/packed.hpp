// Codes of 1 to 7 bits as a string of bits in memory: one element, and runs of them.
#pragma once

#include <xquant/config.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/core/meta.hpp>
#include <xquant/core/qualifiers.hpp>

#include <cstddef>
#include <cstdint>

namespace xquant::inline XQUANT_ABI {

/// Which end of a byte its first bits are in, and of a code: `low_first` is the string whose bit k is bit k % 8 of byte
/// k / 8 (ONNX, NVFP4, MXFP4; the first code in the low end), `high_first` the one whose bit k is bit 7 - k % 8 (the
/// first code in the high end, as torchao's and ModelOpt's uint4; codes that straddle two bytes are big-endian).
enum class bit_order : std::uint8_t { low_first, high_first };

/// The element type of tensors whose codes have `Bits` bits each, one after the other without a gap: element i of a run
/// is bits [i * Bits, (i + 1) * Bits) of its string, the lowest bit of the code first with low_first, the highest with
/// high_first. Signed codes are two's complement. packed_view (core/packed_view.hpp) is a tensor of them.
template <int Bits, bit_order Order = bit_order::low_first>
struct packed {
  static_assert(Bits >= 1 && Bits <= 7, "xquant::packed: 1 to 7 bits");
  static constexpr int bits = Bits;
  static constexpr bit_order order = Order;
};

namespace detail {

template <class T>
inline constexpr bool is_packed = false;
template <int Bits, bit_order Order>
inline constexpr bool is_packed<packed<Bits, Order>> = true;

/// How far elements that follow each other are apart in what strides count: one element, or the bits of a packed one.
template <class T>
inline constexpr std::ptrdiff_t stride_unit = 1;
template <int Bits, bit_order Order>
inline constexpr std::ptrdiff_t stride_unit<packed<Bits, Order>> = Bits;
template <class T>
inline constexpr std::ptrdiff_t stride_unit<const T> = stride_unit<T>;

// The bits of one code that begins at bit `at` of the string, which may be negative. Touches no byte beyond it.
template <class P>
XQUANT_INLINE constexpr unsigned read_packed(const std::uint8_t* bytes, std::ptrdiff_t at) noexcept {
  constexpr unsigned bits = P::bits;
  const std::uint8_t* p = bytes + (at >> 3);
  const auto shift = static_cast<unsigned>(at & 7);
  const unsigned next = shift + bits > 8 ? p[1] : 0u;
  const unsigned mask = (1u << bits) - 1;
  if (P::order == bit_order::low_first) return (p[0] | next << 8) >> shift & mask;
  return (static_cast<unsigned>(p[0]) << 8 | next) >> (16 - shift - bits) & mask;
}

template <class P>
XQUANT_INLINE constexpr void write_packed(std::uint8_t* bytes, std::ptrdiff_t at, unsigned code) noexcept {
  constexpr unsigned bits = P::bits;
  std::uint8_t* p = bytes + (at >> 3);
  const auto shift = static_cast<unsigned>(at & 7);
  const unsigned up = P::order == bit_order::low_first ? shift : 16 - shift - bits;
  const unsigned mask = ((1u << bits) - 1) << up;
  const unsigned value = code << up & mask;
  const bool low = P::order == bit_order::low_first;
  const unsigned here = low ? 0 : 8;
  p[0] = static_cast<std::uint8_t>((p[0] & ~(mask >> here)) | value >> here);
  if (shift + bits > 8) p[1] = static_cast<std::uint8_t>((p[1] & ~(mask >> (8 - here))) | value >> (8 - here));
}

/// Eight codes at a time: Bits bytes on one side, eight on the other, in 64-bit words.
template <class P>
struct packed_group {
  static constexpr unsigned bits = P::bits;
  static constexpr bool low = P::order == bit_order::low_first;

  static constexpr std::uint64_t ones(unsigned n) { return (std::uint64_t{1} << n) - 1; }
  static constexpr std::uint64_t halves = ones(4 * bits);
  static constexpr std::uint64_t pairs = ones(2 * bits) * 0x0000000100000001u;
  static constexpr std::uint64_t singles = ones(bits) * 0x0001000100010001u;
  static constexpr std::uint64_t in_bytes = ones(bits) * 0x0101010101010101u;

  // 8 fields of `bits` bits, the first lowest, to the low ends of 8 bytes: fours, pairs, then single fields move apart.
  XQUANT_INLINE static constexpr std::uint64_t spread(std::uint64_t x) {
    x = (x & halves) | (x & halves << 4 * bits) << (32 - 4 * bits);
    x = (x & pairs) | (x & pairs << 2 * bits) << (16 - 2 * bits);
    x = (x & singles) | (x & singles << bits) << (8 - bits);
    return low ? x : __builtin_bswap64(x);
  }
  XQUANT_INLINE static constexpr std::uint64_t join(std::uint64_t x) {
    if (!low) x = __builtin_bswap64(x);
    x &= in_bytes;
    x = (x & singles) | (x >> (8 - bits) & singles << bits);
    x = (x & pairs) | (x >> (16 - 2 * bits) & pairs << 2 * bits);
    return (x & halves) | (x >> (32 - 4 * bits) & halves << 4 * bits);
  }

  // `count` <= 8 bytes of the string as one number, its first bit at the end of the order.
  XQUANT_INLINE static std::uint64_t load(const std::uint8_t* p, std::size_t count) {
    std::uint64_t word = 0;
    __builtin_memcpy(&word, p, count);
    word = first_byte_lowest(word);
    return low ? word : __builtin_bswap64(word) >> (64 - 8 * count);
  }
  XQUANT_INLINE static void store(std::uint8_t* p, std::size_t count, std::uint64_t word) {
    if (!low) word = __builtin_bswap64(word << (64 - 8 * count));
    word = first_byte_lowest(word);
    __builtin_memcpy(p, &word, count);
  }

  // Where n <= 8 codes that begin at bit `shift` of a string of `count` bytes lie in the number `load` gives: how far
  // above its lowest bit. The codes that are not there count as room below them where the first is the highest.
  static constexpr int above(unsigned shift, std::size_t count, unsigned n) {
    return low ? static_cast<int>(shift) : static_cast<int>(8 * count - shift - n * bits);
  }
  static constexpr unsigned missing(unsigned n) { return low ? 0 : (8 - n) * bits; }
};

template <class P, class Code>
void unpack_run(const std::uint8_t* bytes, std::ptrdiff_t at, Code* codes, std::size_t n) noexcept {
  static_assert(sizeof(Code) == 1);
  using group = packed_group<P>;
  constexpr unsigned bits = P::bits;
  constexpr std::uint64_t sign = (std::uint64_t{1} << (bits - 1)) * 0x0101010101010101u;
  constexpr std::uint64_t top = 0x8080808080808080u;
  const auto in_code = [](std::uint64_t x) XQUANT_LAMBDA_INLINE {  // the sign is written out, byte by byte
    return Code(-1) < Code(0) ? (((x ^ sign) | top) - sign) ^ top : x;
  };
  const std::uint8_t* p = bytes + (at >> 3);
  const auto shift = static_cast<unsigned>(at & 7);
  const std::size_t whole = n / 8;
  const auto eight = [&](std::size_t i, std::uint64_t word) XQUANT_LAMBDA_INLINE {
    const std::uint64_t x = first_byte_lowest(in_code(group::spread(word)));
    __builtin_memcpy(codes + 8 * i, &x, 8);
  };
  // A word at a time as long as eight bytes are there: a load of three would go by way of the stack.
  const std::size_t all = (shift + n * bits + 7) / 8;
  std::size_t wide = all < 8 ? 0 : (all - 8) / bits + 1;
  if (wide > whole) wide = whole;
  for (std::size_t i = 0; i < wide; ++i) eight(i, group::load(p + i * bits, 8) >> group::above(shift, 8, 8));
  const std::size_t exact = (shift + 8 * bits + 7) / 8;
  for (std::size_t i = wide; i < whole; ++i)
    eight(i, group::load(p + i * bits, exact) >> group::above(shift, exact, 8));
  const auto left = static_cast<unsigned>(n % 8);
  if (left == 0) return;
  const std::size_t count = (shift + left * bits + 7) / 8;
  const std::uint64_t word = group::load(p + whole * bits, count) >> group::above(shift, count, left);
  const std::uint64_t x = first_byte_lowest(in_code(group::spread(word << group::missing(left))));
  __builtin_memcpy(codes + 8 * whole, &x, left);
}

/// The low bits of n codes; what else is in the first and the last byte stays.
template <class P, class Code>
void pack_run(std::uint8_t* bytes, std::ptrdiff_t at, const Code* codes, std::size_t n) noexcept {
  static_assert(sizeof(Code) == 1);
  using group = packed_group<P>;
  constexpr unsigned bits = P::bits;
  std::uint8_t* p = bytes + (at >> 3);
  const auto shift = static_cast<unsigned>(at & 7);
  const std::size_t whole = n / 8;
  const auto some = [&](std::size_t i, unsigned present) XQUANT_LAMBDA_INLINE {
    std::uint64_t x = 0;
    __builtin_memcpy(&x, codes + 8 * i, present);
    x = first_byte_lowest(x);
    const std::size_t count = (shift + present * bits + 7) / 8;
    const int up = group::above(shift, count, present);
    const std::uint64_t mask = group::ones(present * bits) << up;
    const std::uint64_t before = group::load(p + i * bits, count);
    group::store(p + i * bits, count, (before & ~mask) | group::join(x) >> group::missing(present) << up);
  };
  if (shift == 0)
    for (std::size_t i = 0; i < whole; ++i) {
      std::uint64_t x;
      __builtin_memcpy(&x, codes + 8 * i, 8);
      group::store(p + i * bits, bits, group::join(first_byte_lowest(x)));
    }
  else
    for (std::size_t i = 0; i < whole; ++i) some(i, 8);
  if (n % 8 != 0) some(whole, static_cast<unsigned>(n % 8));
}

}  // namespace detail

}  // namespace xquant
