// A quantizer: one number format, and policies in any order, canonicalised to one type. It says what to do; parameters
// (scales, zero points) are values beside it, engines do the work.
#pragma once

#include <xquant/arithmetic/arithmetic.hpp>
#include <xquant/arithmetic/divide_by_scale.hpp>
#include <xquant/arithmetic/multiply_by_reciprocal.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/formats/format.hpp>
#include <xquant/formats/integer.hpp>
#include <xquant/granularity/granularity.hpp>
#include <xquant/granularity/per_axis.hpp>
#include <xquant/granularity/per_tensor.hpp>
#include <xquant/rounding/nearest_away.hpp>
#include <xquant/rounding/nearest_even.hpp>
#include <xquant/rounding/rounding.hpp>
#include <xquant/schemes/affine.hpp>
#include <xquant/schemes/finite_parameters.hpp>
#include <xquant/schemes/scheme.hpp>
#include <xquant/schemes/symmetric.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {
template <class F>
struct check_format {
  static_assert(
      Format<F>,
      "xquant::quantizer: the first argument is not a format; write xquant::int8 for std::int8_t, xquant::e4m3fn for "
      "a float of 8 bits (formats/format.hpp says what a format has)");
  static constexpr bool ok = true;
};

// A policy may claim a category and lack what the category asks for.
template <class G>
struct check_granularity {
  static_assert(Granularity<G>, "xquant::quantizer: this granularity lacks what one has (granularity/granularity.hpp)");
  static constexpr bool ok = true;
};
template <class S>
struct check_scheme {
  static_assert(Scheme<S>, "xquant::quantizer: this scheme lacks what one has (schemes/scheme.hpp)");
  static constexpr bool ok = true;
};
template <class R>
struct check_rounding {
  static_assert(Rounding<R>, "xquant::quantizer: this rounding lacks what one has (rounding/rounding.hpp)");
  static constexpr bool ok = true;
};
template <class A>
struct check_arithmetic {
  static_assert(Arithmetic<A>, "xquant::quantizer: this arithmetic lacks what one has (arithmetic/arithmetic.hpp)");
  static constexpr bool ok = true;
};

template <class F, class S>
struct check_zero_point {
  static_assert(F::is_integer || !S::has_zero_point,
                "xquant::quantizer: a scheme with a zero point needs a format of integers; use symmetric<>");
  static constexpr bool ok = true;
};
}  // namespace detail

/// The canonical form of every quantizer. A regular value: what only run time knows (an axis, a bit width, a seed) is a
/// member of the policy that needs it.
template <class FormatType, class GranularityType, class SchemeType, class RoundingType, class ArithmeticType>
struct basic_quantizer {
  using format_type = FormatType;
  using granularity_type = GranularityType;
  using scheme_type = SchemeType;
  using rounding_type = RoundingType;
  using arithmetic_type = ArithmeticType;
  using code_type = typename FormatType::code_type;

  static_assert(detail::check_granularity<GranularityType>::ok && detail::check_scheme<SchemeType>::ok &&
                detail::check_rounding<RoundingType>::ok && detail::check_arithmetic<ArithmeticType>::ok);
  static_assert(detail::check_zero_point<FormatType, SchemeType>::ok);

  format_type format{};
  granularity_type granularity{};
  scheme_type scheme{};
  rounding_type rounding{};
  arithmetic_type arithmetic{};

  constexpr basic_quantizer() noexcept {}
  constexpr basic_quantizer(format_type f, granularity_type g = {}, scheme_type s = {}, rounding_type r = {},
                            arithmetic_type a = {}) noexcept
      : format(f), granularity(g), scheme(s), rounding(r), arithmetic(a) {}

  /// The codes in use: the format's, less those the scheme leaves out.
  [[nodiscard]] constexpr auto lower_code() const noexcept {
    if constexpr (requires { requires FormatType::is_wide; }) {
      // A scheme narrows codes with a sign, whose bounds are int32.
      const std::int64_t lower = format.lower_code();
      return lower >= 0 ? lower
                        : std::int64_t{scheme.lowest_code(static_cast<std::int32_t>(lower),
                                                          static_cast<std::int32_t>(format.upper_code()))};
    } else {
      return scheme.lowest_code(format.lower_code(), format.upper_code());
    }
  }
  [[nodiscard]] constexpr auto upper_code() const noexcept { return format.upper_code(); }

  /// Scale and zero point for data of the given range (docs/arithmetic.md, rule 8): a scale_and_zero_point<Real>, or a
  /// scale_and_real_zero_point<Real> of schemes whose zero points are reals. Under them every code stands for a number
  /// that is finite in `Element`, the element type of the data where that is not Real: float16 or bfloat16.
  template <class Element = void, class Real>
  [[nodiscard]] constexpr auto parameters_for(const range<Real>& r) const noexcept {
    const code_bounds of_format = format.bounds();
    code_bounds codes = of_format;
    if (codes.is_integer) {
      codes.lower = static_cast<double>(lower_code());
      codes.upper = static_cast<double>(upper_code());
    }
    return finite_parameters<conditional<is_same<Element, void>, Real, Element>>(scheme, r, of_format, codes);
  }

  friend constexpr bool operator==(const basic_quantizer&, const basic_quantizer&) = default;
};

namespace detail {
template <class FormatType, class... Policies>
struct quantizer_trait {
  static_assert(check_format<FormatType>::ok);
  static_assert((true && ... && check_policy<Policies>::ok));
  static_assert((true && ... && is_known_category<typename Policies::policy_category>),
                "xquant::quantizer: a policy of an unknown category");
  static_assert(check_once<category::granularity, Policies...>::ok && check_once<category::scheme, Policies...>::ok &&
                check_once<category::rounding, Policies...>::ok && check_once<category::arithmetic, Policies...>::ok);
  using type = basic_quantizer<FormatType, pick<category::granularity, per_tensor, Policies...>,
                               pick<category::scheme, symmetric<>, Policies...>,
                               pick<category::rounding, nearest_even, Policies...>,
                               pick<category::arithmetic, divide_by_scale, Policies...>>;
};
}  // namespace detail

/// quantizer<int8, per_axis<0>, symmetric<>>: a format first, then policies in any order. Left out, they are
/// per_tensor, symmetric<>, nearest_even and divide_by_scale, which is what ONNX QuantizeLinear computes. All spellings
/// of one quantizer are one type.
template <class FormatType, class... Policies>
using quantizer = typename detail::quantizer_trait<FormatType, Policies...>::type;

}  // namespace xquant
