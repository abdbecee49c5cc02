// A requantizer by value.
#pragma once

#include <xquant/core/adapt.hpp>
#include <xquant/core/policy_id.hpp>
#include <xquant/core/qualifiers.hpp>
#include <xquant/ops/requantization/doubling_high_multiply.hpp>
#include <xquant/ops/requantization/fixed_point_multiplier.hpp>
#include <xquant/ops/requantization/float_multiplier.hpp>
#include <xquant/ops/requantization/rounding_shift.hpp>
#include <xquant/ops/requantize.hpp>
#include <xquant/runtime/dispatch.hpp>
#include <xquant/runtime/id.hpp>

namespace xquant::inline XQUANT_ABI {

/// A requantizer as values: the format of `output` and, as its granularity, that of the accumulators; the rest of it is
/// ignored. A regular value.
struct requantizer_description {
  quantizer_description output{};
  requantization_id arithmetic = id_of<float_multiplier>;

  friend constexpr bool operator==(const requantizer_description&, const requantizer_description&) = default;
};

/// What the library has for multipliers in float, and in double.
using float_requantizations =
    type_list<float_multiplier, rounding_shift<exact_from_float<-33, 30>>, rounding_shift<exact_from_float<-32, 8>>,
              rounding_shift<exact_from_float<-32, 0>, product_ties::away_from_zero>,
              doubling_high_multiply<exact_from_float<-32, 0>>>;
using double_requantizations =
    type_list<rounding_shift<rounded_from_double>, doubling_high_multiply<rounded_from_double>>;

/// The described requantizer, among these types: what requantize takes in place of one, as
/// requantize(requantizer_choices<>(description), multipliers, accumulators, codes).
template <class Formats = type_list<stored_integer<std::int8_t>, stored_integer<std::uint8_t>>,
          class Arithmetics = type_list<float_multiplier>>
struct requantizer_choices {
  requantizer_description description{};

  constexpr requantizer_choices() noexcept = default;
  constexpr requantizer_choices(const requantizer_description& d) noexcept : description(d) {}  // NOLINT

  /// Calls f(requantizer) with the one for codes of type Code and multipliers of type Real, and returns what f returns
  /// (a status). Refuses what with_quantizer refuses of formats, other codes, and an arithmetic that is not among the
  /// choices or takes multipliers of another type.
  template <class Code, class Real, class F>
  status visit(const F& f) const {
    const quantizer_description& d = description.output;
    if (const status s = detail::validate_description(d); !s.ok()) return s;
    status result = detail::format_not_compiled(d);
    detail::runtime_pick<Formats>::visit(d, [&](auto format) {
      using format_type = remove_cvref<decltype(format)>;
      if constexpr (!format_type::is_integer) {
        result = fault(errc::unsupported, "format", d.format.number, "a format of integers");
      } else if constexpr (!is_same<typename format_type::code_type, Code>) {
        result = fault(errc::unsupported, "codes", sizeof(Code), "the storage type of the described format");
      } else {
        result = detail::not_compiled("arithmetic", description.arithmetic);
        detail::type_by_id<Arithmetics>::visit(description.arithmetic, [&]<class A>(detail::type_of<A>) {
          if constexpr (is_same<typename A::real, Real>)
            result = f(basic_requantizer<format_type, granularity_description, A>(format, d.granularity));
          else
            result = fault(errc::unsupported, "arithmetic", description.arithmetic.number,
                           "one that takes multipliers of this type");
        });
      }
    });
    return result;
  }
};

/// requantize of a requantizer by value, as ops/requantize.hpp.
template <class Formats, class Arithmetics, class Real, TensorLike In, TensorInMemory Out>
[[nodiscard]] status validate_requantize(const requantizer_choices<Formats, Arithmetics>& r,
                                         const requantization_view<Real>& p, const In& accumulators, Out&& codes) {
  return r.template visit<element_of<Out>, Real>(
      [&](const auto& typed) { return validate_requantize(typed, p, accumulators, codes); });
}
template <class Formats, class Arithmetics, class Real, TensorLike In, TensorInMemory Out>
[[nodiscard]] status try_requantize(const requantizer_choices<Formats, Arithmetics>& r,
                                    const requantization_view<Real>& p, const In& accumulators, Out&& codes) {
  return r.template visit<element_of<Out>, Real>(
      [&](const auto& typed) { return try_requantize(typed, p, accumulators, codes); });
}

}  // namespace xquant
