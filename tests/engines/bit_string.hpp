// Packed tensors the slow way: strings of single bits, and the layouts that tests put them in.
#pragma once

#include <xquant/core/shape.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace packed_test {

/// Where the elements of a tensor are: strides in bits.
struct layout {
  const char* name;
  std::ptrdiff_t stride[xquant::max_rank] = {};
  std::ptrdiff_t first_bit = 0;
  std::size_t bytes = 0;  // from the first byte on
};

inline std::ptrdiff_t bit_of(const layout& l, const xquant::shape& s, std::size_t i) {
  std::ptrdiff_t bit = l.first_bit;
  for (std::size_t d = s.rank; d-- > 0; i /= s.extent[d])
    bit += l.stride[d] * static_cast<std::ptrdiff_t>(i % s.extent[d]);
  return bit;
}

/// One string; rows of whole bytes; a piece that begins within a byte; rows with room between them, not of whole bytes;
/// the first dimension fastest; every second element.
inline std::vector<layout> layouts_of(const xquant::shape& s, int bits) {
  std::vector<layout> all(6);
  const auto fill = [&](layout& l, const char* name, std::ptrdiff_t step, bool rows_of_bytes, std::ptrdiff_t room,
                        bool first_fastest, std::ptrdiff_t first_bit) {
    l.name = name;
    l.first_bit = first_bit;
    for (std::size_t k = 0; k < s.rank; ++k) {
      const std::size_t d = first_fastest ? k : s.rank - 1 - k;
      l.stride[d] = step;
      step *= static_cast<std::ptrdiff_t>(s.extent[d]);
      if (k == 0 && rows_of_bytes) step = (step + 7) / 8 * 8;
      if (k == 0) step += room;
    }
    l.bytes = static_cast<std::size_t>(first_bit + step + 7) / 8 + 1;
  };
  fill(all[0], "one string", bits, false, 0, false, 0);
  fill(all[1], "rows of bytes", bits, true, 0, false, 0);
  fill(all[2], "within a byte", bits, false, 0, false, 5);
  fill(all[3], "rows apart", bits, false, bits + 3, false, 3);
  fill(all[4], "transposed", bits, false, 0, true, 0);
  fill(all[5], "every second", 2 * bits, true, 0, false, 8);
  return all;
}

/// The code that a field of bits stands for: two's complement, no sign, or -1 and 1.
template <class Code>
Code code_of_field(unsigned field, int bits, bool is_binary) {
  if (is_binary) return static_cast<Code>(field == 1 ? 1 : -1);
  const int value = static_cast<int>(field);
  const bool is_negative = Code(-1) < Code(0) && value >= 1 << (bits - 1);
  return static_cast<Code>(is_negative ? value - (1 << bits) : value);
}

struct bit_string {
  static constexpr std::size_t margin = 16;
  std::vector<std::uint8_t> bytes;
  bool high_first;

  bit_string(std::size_t n, bool is_high_first) : bytes(n + 2 * margin), high_first(is_high_first) {
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(0x5a + 37 * i);
  }
  std::uint8_t* first() { return bytes.data() + margin; }

  void set(std::ptrdiff_t bit, bool value) {
    std::uint8_t& byte = first()[bit / 8];
    const auto mask = static_cast<std::uint8_t>(high_first ? 0x80 >> bit % 8 : 1 << bit % 8);
    byte = static_cast<std::uint8_t>(value ? byte | mask : byte & ~mask);
  }
  [[nodiscard]] bool get(std::ptrdiff_t bit) {
    return (first()[bit / 8] >> (high_first ? 7 - bit % 8 : bit % 8) & 1) != 0;
  }

  /// One code: its lowest bit first, or its highest.
  void write(std::ptrdiff_t at, int bits, unsigned field) {
    for (int b = 0; b < bits; ++b) set(at + (high_first ? bits - 1 - b : b), (field >> b & 1) != 0);
  }
  [[nodiscard]] unsigned read(std::ptrdiff_t at, int bits) {
    unsigned field = 0;
    for (int b = 0; b < bits; ++b) field |= static_cast<unsigned>(get(at + (high_first ? bits - 1 - b : b))) << b;
    return field;
  }
  /// All of a tensor. Binary codes are -1 and 1.
  template <class Code>
  void write(const layout& l, const xquant::shape& s, int bits, const std::vector<Code>& codes,
             bool is_binary = false) {
    for (std::size_t i = 0; i < codes.size(); ++i)
      write(bit_of(l, s, i), bits,
            is_binary ? (codes[i] == 1 ? 1u : 0u) : static_cast<unsigned>(codes[i]) & ((1u << bits) - 1));
  }
};

}  // namespace packed_test
