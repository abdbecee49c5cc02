// The types that a program compiles for the run-time form, and parts of them.
#pragma once

#include <xquant/core/type_list.hpp>
#include <xquant/runtime/scheme.hpp>
#include <xquant/runtime/standard_policies.hpp>

namespace xquant::inline XQUANT_ABI {

/// The types a program compiles for the run-time form: every combination becomes a kernel, so name what you need. With
/// a description it is a quantizer to every operation: quantize<choices>(d, p, x, codes), or convert(choices(d), ...).
template <class Formats = type_list<stored_integer<std::int8_t>, stored_integer<std::uint8_t>>,
          class Roundings = type_list<nearest_even>, class Arithmetics = type_list<divide_by_scale>,
          class Schemes = type_list<runtime_scheme>>
struct runtime_choices {
  using formats = Formats;
  using roundings = Roundings;
  using arithmetics = Arithmetics;
  using schemes = Schemes;

  quantizer_description description{};

  constexpr runtime_choices() noexcept = default;
  /// The described quantizer, among these types: what operations take in place of a quantizer.
  constexpr runtime_choices(const quantizer_description& d) noexcept : description(d) {}  // NOLINT
};

/// Everything the library has. To name it costs nothing; to call an operation with it compiles thousands of kernels, so
/// programs take a part (narrowed_choices), or give it to what makes no kernel (try_code_bounds).
using standard_choices =
    runtime_choices<standard_formats, standard_roundings, standard_arithmetics,
                    joined_types<type_list<runtime_scheme, zero_point_before_rounding<runtime_scheme>>,
                                 kept_types<standard_schemes, keep_rest<keep_schemes_by_value>>>>;

/// The part of the choices that the arguments keep, of each kind: narrowed_choices<standard_choices,
/// keep_integers<16>>. The defaults are those of runtime_choices.
template <class Choices, class Formats, class Roundings = keep_only<nearest_even>,
          class Arithmetics = keep_only<divide_by_scale>, class Schemes = keep_only<runtime_scheme>>
using narrowed_choices =
    runtime_choices<kept_types<typename Choices::formats, Formats>, kept_types<typename Choices::roundings, Roundings>,
                    kept_types<typename Choices::arithmetics, Arithmetics>,
                    kept_types<typename Choices::schemes, Schemes>>;

namespace detail {
template <class F>
inline constexpr int bits_of_stored_integer = 0;
template <class Code>
inline constexpr int bits_of_stored_integer<stored_integer<Code>> = 8 * sizeof(Code);
}  // namespace detail

/// Keeps the integers of at most so many bits.
template <int Bits>
struct keep_integers {
  template <class F>
  static constexpr bool keeps = detail::bits_of_stored_integer<F> != 0 && detail::bits_of_stored_integer<F> <= Bits;
};

/// What files of networks hold codes of: integers of up to 16 bits and e4m3fn, by the arithmetic of QuantizeLinear.
using file_choices = narrowed_choices<standard_choices, keep_any<keep_integers<16>, keep_only<e4m3fn>>>;

}  // namespace xquant
