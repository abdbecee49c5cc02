// Small floats by value: the named ones by their ids, every other by the arguments of its type.
#pragma once

#include <xquant/formats/e8m0.hpp>
#include <xquant/formats/float16.hpp>
#include <xquant/formats/float4.hpp>
#include <xquant/formats/float6.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/formats/wide_exponent.hpp>
#include <xquant/runtime/description.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {

template <class F>
constexpr minifloat_description arguments_of() noexcept {
  return {F::exponent_bits, F::mantissa_bits, F::bias, F::specials, F::is_signed};
}

struct named_minifloat {
  format_id id;
  minifloat_description arguments;
};
inline constexpr named_minifloat named_minifloats[] = {
    {format_id::float8e4m3fn, arguments_of<e4m3fn>()},
    {format_id::float8e5m2, arguments_of<e5m2>()},
    {format_id::float8e4m3fnuz, arguments_of<e4m3fnuz>()},
    {format_id::float8e5m2fnuz, arguments_of<e5m2fnuz>()},
    {format_id::float8e4m3b11fnuz, arguments_of<e4m3b11fnuz>()},
    {format_id::float8e4m3, arguments_of<e4m3>()},
    {format_id::float8e3m4, arguments_of<e3m4>()},
    {format_id::float8ue4m3, arguments_of<ue4m3>()},
    {format_id::float6e2m3, arguments_of<e2m3>()},
    {format_id::float6e3m2, arguments_of<e3m2>()},
    {format_id::float4e2m1, arguments_of<e2m1>()},
    {format_id::float4e3m0, arguments_of<e3m0>()},
    {format_id::float4e1m2, arguments_of<e1m2>()},
    {format_id::float4e0m3, arguments_of<e0m3>()},
    {format_id::float16e5m10, arguments_of<binary16>()},
    {format_id::float16e8m7, arguments_of<bfloat16_format>()},
    {format_id::float9e5m3, arguments_of<e5m3>()},
};

// What a description means by its format; no exponent and no mantissa where that is no small float.
constexpr minifloat_description described_minifloat(const quantizer_description& d) noexcept {
  if (d.format == format_id::minifloat) return d.minifloat;
  for (const named_minifloat& n : named_minifloats)
    if (n.id == d.format) return n.arguments;
  return {};
}

// The conversion of a format that is not asked for another.
constexpr conversion_id own_conversion(const minifloat_description& m) noexcept {
  return m == arguments_of<binary16>() || m == arguments_of<bfloat16_format>() ? conversion_id::overflowing
                                                                               : conversion_id::saturating;
}

}  // namespace detail

/// The id of a conversion; specialise it for one of your own, from first_user_conversion on.
template <class ConversionType>
inline constexpr conversion_id conversion_id_of = conversion_id::first_user_conversion;
template <>
inline constexpr conversion_id conversion_id_of<saturating> = conversion_id::saturating;
template <>
inline constexpr conversion_id conversion_id_of<saturating_finite> = conversion_id::saturating_finite;
template <>
inline constexpr conversion_id conversion_id_of<overflowing> = conversion_id::overflowing;

template <int Exponent, int Mantissa, int Bias, special_values Specials, bool IsSigned, class ConversionType>
struct runtime_choice<minifloat<Exponent, Mantissa, Bias, Specials, IsSigned, ConversionType>> {
  using format = minifloat<Exponent, Mantissa, Bias, Specials, IsSigned, ConversionType>;
  static constexpr bool matches(const quantizer_description& d) noexcept {
    const minifloat_description m = detail::described_minifloat(d);
    if (m != detail::arguments_of<format>()) return false;
    const bool is_own = d.conversion == conversion_id::of_format;
    return conversion_id_of<ConversionType> == (is_own ? detail::own_conversion(m) : d.conversion);
  }
  static constexpr format make(const quantizer_description&) noexcept { return {}; }
};

template <e8m0_nearest Nearest>
struct runtime_choice<e8m0_format<e8m0_scale, Nearest>> {
  static constexpr bool matches(const quantizer_description& d) noexcept {
    return d.format == (Nearest == e8m0_nearest::value ? format_id::float8e8m0 : format_id::float8e8m0_logarithm) &&
           d.conversion == conversion_id::of_format;
  }
  static constexpr e8m0_format<e8m0_scale, Nearest> make(const quantizer_description&) noexcept { return {}; }
};

}  // namespace xquant
