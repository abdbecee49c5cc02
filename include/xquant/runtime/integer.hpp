// Integers by value: their storage types of 8 and 16 bits, binary and ternary. runtime/wide_integer.hpp has 32 bits.
#pragma once

#include <xquant/formats/binary.hpp>
#include <xquant/formats/integer.hpp>
#include <xquant/formats/ternary.hpp>
#include <xquant/runtime/description.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {
constexpr bool is_integer(format_id id) noexcept {
  return id == format_id::signed_integer || id == format_id::unsigned_integer;
}

// The storage type of the described integers, and their codes.
template <class Code>
struct integer_choice {
  static constexpr bool is_signed = Code(-1) < Code(0);
  static constexpr bool matches(const quantizer_description& d) noexcept {
    if (d.format == format_id::ternary) return sizeof(Code) == 1 && is_signed;
    if (d.format != (is_signed ? format_id::signed_integer : format_id::unsigned_integer)) return false;
    return (d.bits <= 8 ? 1 : d.bits <= 16 ? 2 : 4) == sizeof(Code);
  }
  static constexpr stored_integer<Code> make(const quantizer_description& d) noexcept {
    if (d.format == format_id::ternary) return {-1, 1};
    if (d.lower >= d.upper) return integer_of_bits<Code>(d.bits);
    using bound = decltype(stored_integer<Code>{}.lower_code());
    return {static_cast<bound>(d.lower), static_cast<bound>(d.upper)};
  }
};
}  // namespace detail

template <class Code>
struct runtime_choice<stored_integer<Code>> : detail::integer_choice<Code> {};

template <>
struct runtime_choice<binary> {
  static constexpr bool matches(const quantizer_description& d) noexcept { return d.format == format_id::binary; }
  static constexpr binary make(const quantizer_description&) noexcept { return {}; }
};

}  // namespace xquant
