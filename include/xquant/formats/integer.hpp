// Signed and unsigned integers of 1 to 16 bits. One kernel per storage type: the bounds are values of the format.
// formats/wide_integer.hpp has those of 17 to 32 bits.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/meta.hpp>
#include <xquant/core/policy_id.hpp>
#include <xquant/core/range.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {
template <bool IsSigned, int Bits>
using integer_storage = conditional<(Bits <= 8), conditional<IsSigned, std::int8_t, std::uint8_t>,
                                    conditional<IsSigned, std::int16_t, std::uint16_t>>;
}  // namespace detail

/// What all integers kept in `Code` share; docs/arithmetic.md, rules 3 to 6.
///   code = clamp(round(v) + zero_point, lower, upper), real = (code - zero_point) * scale
/// NaN becomes the lowest code, infinities the ends of the range, -0 the code of 0.
template <class Code>
struct integer_codes {
  static_assert(sizeof(Code) <= 2, "xquant: codes of more than 16 bits need formats/wide_integer.hpp");
  using code_type = Code;
  static constexpr bool is_integer = true;
  static constexpr bool keeps_nan = false;
  static constexpr bool has_negative_zero = false;
  static constexpr bool is_plain_integer = true;
  static constexpr int quotient_bits = sizeof(Code) == 1 ? 10 : 18;
  static constexpr std::int32_t storage_lower = Code(-1) < Code(0) ? -(1 << (8 * sizeof(Code) - 1)) : 0;
  static constexpr std::int32_t storage_upper = storage_lower + (1 << (8 * sizeof(Code))) - 1;

  template <class L, class Round>
  XQUANT_INLINE static constexpr integer_of<L> encode(L v, const Round& round) {
    return round.to_integer(v);
  }
  template <class L>
  XQUANT_INLINE static constexpr L decode(integer_of<L> code) {
    return to_real<L>(code);
  }
  template <class L, class Round>
  XQUANT_INLINE static constexpr L snap(L v, const Round& round, L lowest, L highest) {
    return minimum(maximum(round(v), lowest), highest);
  }
  template <class L, class Round>
  XQUANT_INLINE static constexpr mask_of<L> inside(L v, const Round& round, integer_of<L> lowest,
                                                   integer_of<L> highest) {
    const integer_of<L> steps = round.to_integer(v);
    const integer_of<L> one = broadcast_integer<L>(1);
    return both<L>(less_integer<L>(subtract_integer<L>(lowest, one), steps),
                   less_integer<L>(steps, add_integer<L>(highest, one)));
  }
  friend constexpr bool operator==(const integer_codes&, const integer_codes&) = default;
};

/// Integers held to [lower, upper], two values within what `Code` can store: a range of the user's own (an odd number
/// of levels, 7 of the 8 bits), and what kernels of all narrower formats are made for.
template <class Code>
struct stored_integer : integer_codes<Code> {
  std::int32_t lower = integer_codes<Code>::storage_lower;
  std::int32_t upper = integer_codes<Code>::storage_upper;

  constexpr stored_integer() noexcept = default;
  constexpr stored_integer(std::int32_t lowest, std::int32_t highest) noexcept : lower(lowest), upper(highest) {}

  constexpr std::int32_t lower_code() const noexcept { return lower; }
  constexpr std::int32_t upper_code() const noexcept { return upper; }
  constexpr code_bounds bounds() const noexcept {
    return {static_cast<double>(lower), static_cast<double>(upper), true};
  }
  constexpr status valid() const noexcept {
    if (lower < this->storage_lower)
      return fault(errc::bits_out_of_range, "format.lower", lower, "a bound the storage type can hold");
    if (upper > this->storage_upper)
      return fault(errc::bits_out_of_range, "format.upper", upper, "a bound the storage type can hold");
    if (lower >= upper) return fault(errc::bits_out_of_range, "format.lower", lower, "a bound below the upper one");
    return {};
  }
  friend constexpr bool operator==(const stored_integer&, const stored_integer&) = default;
};

/// The integers of `Bits` bits, two's complement when signed: [-2^(Bits-1), 2^(Bits-1) - 1] or [0, 2^Bits - 1]; 1 to 32
/// bits, more than 16 by formats/wide_integer.hpp.
template <int Bits, bool IsSigned>
struct integer : integer_codes<detail::integer_storage<IsSigned, Bits>> {
  static_assert(Bits >= 1 && Bits <= 32, "xquant::integer: 1 to 32 bits");
  static_assert(Bits <= 16 || Bits > 32, "xquant::integer: more than 16 bits need formats/wide_integer.hpp");

  static constexpr std::int32_t lower_code() noexcept { return IsSigned ? -(1 << (Bits - 1)) : 0; }
  static constexpr std::int32_t upper_code() noexcept { return lower_code() + (1 << Bits) - 1; }
  static constexpr code_bounds bounds() noexcept { return kernel_format().bounds(); }
  static constexpr status valid() noexcept { return {}; }
  static constexpr stored_integer<detail::integer_storage<IsSigned, Bits>> kernel_format() noexcept {
    return {lower_code(), upper_code()};
  }
  friend constexpr bool operator==(const integer&, const integer&) = default;
};

/// Integers whose bit width is known at run time, kept in `Code`. Refuses (as valid() says) widths below 1 or above the
/// storage type's.
template <class Code>
constexpr stored_integer<Code> integer_of_bits(int bits) noexcept {
  using format = stored_integer<Code>;
  using bound = decltype(format{}.lower_code());
  if (bits < 1 || bits > static_cast<int>(8 * sizeof(Code))) return {0, 0};  // valid() says no
  if constexpr (format::storage_lower < 0)
    return {-(bound{1} << (bits - 1)), (bound{1} << (bits - 1)) - 1};
  else
    return {0, (bound{1} << bits) - 1};
}

using int1 = integer<1, true>;
using int2 = integer<2, true>;
using int3 = integer<3, true>;
using int4 = integer<4, true>;
using int8 = integer<8, true>;
using int16 = integer<16, true>;
using uint1 = integer<1, false>;
using uint2 = integer<2, false>;
using uint3 = integer<3, false>;
using uint4 = integer<4, false>;
using uint8 = integer<8, false>;
using uint16 = integer<16, false>;

/// Integers by value: their width and their codes stand beside the id.
inline constexpr format_id signed_integer{0, "signed_integer"};
inline constexpr format_id unsigned_integer{1, "unsigned_integer"};
template <class Code>
inline constexpr format_id id_of<stored_integer<Code>> = Code(-1) < Code(0) ? signed_integer : unsigned_integer;

}  // namespace xquant
