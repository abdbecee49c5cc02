// How a compiled format or policy answers to a description: by its id, and by the values it holds.
#pragma once

#include <xquant/arithmetic/arithmetic.hpp>
#include <xquant/core/meta.hpp>
#include <xquant/formats/e8m0.hpp>
#include <xquant/formats/format.hpp>
#include <xquant/formats/integer.hpp>
#include <xquant/formats/minifloat.hpp>
#include <xquant/formats/ternary.hpp>
#include <xquant/formats/wide_integer.hpp>
#include <xquant/rounding/rounding.hpp>
#include <xquant/runtime/description.hpp>
#include <xquant/runtime/id.hpp>
#include <xquant/schemes/scheme.hpp>

namespace xquant::inline XQUANT_ABI {

/// The answer of a type. Whatever has an id (core/policy_id.hpp) has one; a type that holds other values of a
/// description than those below specialises it:
///   static constexpr bool matches(const quantizer_description&)
///   static constexpr T make(const quantizer_description&)
template <class T>
struct runtime_choice;

/// A format: its id; values by themselves (integers, small floats) below.
template <class F>
requires Format<F> && HasId<F>
struct runtime_choice<F> {
  static constexpr bool matches(const quantizer_description& d) noexcept {
    return names<F>(d.format) && d.conversion == conversion_of_format;
  }
  static constexpr F make(const quantizer_description&) noexcept { return {}; }
};

/// A rounding: its id, with the seed and the first index where it is random.
template <Rounding R>
requires HasId<R>
struct runtime_choice<R> {
  static constexpr bool matches(const quantizer_description& d) noexcept { return names<R>(d.rounding); }
  static constexpr R make(const quantizer_description& d) noexcept {
    R result{};
    if constexpr (requires { result.seed = d.seed; }) result.seed = d.seed;
    if constexpr (requires { result.first_index = d.first_index; }) result.first_index = d.first_index;
    return result;
  }
};

/// An arithmetic: its id.
template <Arithmetic A>
requires HasId<A>
struct runtime_choice<A> {
  static constexpr bool matches(const quantizer_description& d) noexcept { return names<A>(d.arithmetic); }
  static constexpr A make(const quantizer_description&) noexcept { return {}; }
};

/// A scheme of one id and one type: with its policy for degenerate scales, with scales as they come, and with its zero
/// point where the scheme itself has it.
template <Scheme S>
requires HasId<S>
struct runtime_choice<S> {
  static constexpr bool matches(const quantizer_description& d) noexcept {
    if constexpr (requires { typename S::degenerate_scale; })
      if (!names<typename S::degenerate_scale>(d.degenerate)) return false;
    return names<S>(d.scheme) && d.power_of_two == power_of_two_id::none && !d.zero_point_before_rounding;
  }
  static constexpr S make(const quantizer_description&) noexcept { return {}; }
};

namespace detail {
constexpr bool is_integer(format_id id) noexcept { return id == signed_integer || id == unsigned_integer; }
}  // namespace detail

/// Integers: by what stores the width that is asked for, with the described codes. Ternary's are among those of int8.
template <class Code>
struct runtime_choice<stored_integer<Code>> {
  static constexpr bool matches(const quantizer_description& d) noexcept {
    if (names<ternary>(d.format)) return id_of<stored_integer<Code>> == signed_integer && sizeof(Code) == 1;
    return names<stored_integer<Code>>(d.format) && (d.bits <= 8 ? 1 : d.bits <= 16 ? 2 : 4) == sizeof(Code);
  }
  static constexpr stored_integer<Code> make(const quantizer_description& d) noexcept {
    using bound = decltype(stored_integer<Code>{}.lower_code());
    if (names<ternary>(d.format))
      return {static_cast<bound>(ternary::lower_code()), static_cast<bound>(ternary::upper_code())};
    if (d.lower >= d.upper) return integer_of_bits<Code>(d.bits);
    return {static_cast<bound>(d.lower), static_cast<bound>(d.upper)};
  }
};

/// Small floats: by id, or by the arguments of their type; and by their conversion.
template <int Exponent, int Mantissa, int Bias, special_values Specials, bool IsSigned, class ConversionType>
struct runtime_choice<minifloat<Exponent, Mantissa, Bias, Specials, IsSigned, ConversionType>> {
  using format = minifloat<Exponent, Mantissa, Bias, Specials, IsSigned, ConversionType>;

  static constexpr bool matches(const quantizer_description& d) noexcept {
    constexpr minifloat_description arguments{Exponent, Mantissa, Bias, Specials, IsSigned};
    const bool by_arguments = d.format == minifloat_of_arguments && d.minifloat == arguments;
    if (!by_arguments && (is_nameless<own_format> || !names<own_format>(d.format))) return false;
    return d.conversion == conversion_of_format ? is_same<format, own_format> : names<ConversionType>(d.conversion);
  }
  static constexpr format make(const quantizer_description&) noexcept { return {}; }

 private:
  using saturating_format = typename format::template with<saturating>;
  using overflowing_format = typename format::template with<overflowing>;
  template <class F>
  static constexpr bool is_nameless = id_of<F> == minifloat_of_arguments;
  // These numbers with the conversion that they have where none is asked for: that under which they have an id.
  using own_format = conditional<!is_nameless<format>, format,
                                 conditional<!is_nameless<overflowing_format>, overflowing_format, saturating_format>>;
};

}  // namespace xquant
