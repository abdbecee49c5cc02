// From a description to a quantizer of compiled types, once a call.
#pragma once

#include <xquant/core/meta.hpp>
#include <xquant/core/qualifiers.hpp>
#include <xquant/core/range.hpp>
#include <xquant/quantizer.hpp>
#include <xquant/runtime/arithmetic.hpp>
#include <xquant/runtime/granularity.hpp>
#include <xquant/runtime/integer.hpp>
#include <xquant/runtime/names.hpp>
#include <xquant/runtime/rounding.hpp>
#include <xquant/runtime/scheme.hpp>

namespace xquant::inline XQUANT_ABI {

/// The types a program compiles for the run-time form: every combination becomes a kernel, so name what you need.
template <class Formats = type_list<stored_integer<std::int8_t>, stored_integer<std::uint8_t>>,
          class Roundings = type_list<nearest_even>, class Arithmetics = type_list<divide_by_scale>,
          class Schemes = type_list<runtime_scheme>>
struct runtime_choices {
  using formats = Formats;
  using roundings = Roundings;
  using arithmetics = Arithmetics;
  using schemes = Schemes;
};

namespace detail {

template <class T>
struct check_runtime_choice {
  static_assert(
      requires { sizeof(runtime_choice<T>); },
      "xquant::runtime_choices: this type has no runtime_choice; integers are named by what stores them, "
      "stored_integer<std::int8_t> for int2 to int8, and docs/runtime.md lists the others");
  static constexpr bool ok = true;
};

template <class List>
struct runtime_pick;
template <class... Ts>
struct runtime_pick<type_list<Ts...>> {
  static_assert((true && ... && check_runtime_choice<Ts>::ok));
  // Calls f with the value of the first type that matches; false when none does.
  template <class F>
  static constexpr bool visit(const quantizer_description& d, F&& f) {
    return (false || ... || (runtime_choice<Ts>::matches(d) && (f(runtime_choice<Ts>::make(d)), true)));
  }
};

// The scheme as this format takes it.
template <class FormatType, class Scheme>
constexpr auto scheme_for(const Scheme& scheme) noexcept {
  if constexpr (!FormatType::is_integer && is_same<Scheme, runtime_scheme>)
    return runtime_symmetric_scheme{scheme.id, scheme.degenerate, scheme.power_of_two};
  else
    return scheme;
}

// Combinations that no program can compile.
template <class FormatType, class Scheme>
inline constexpr bool takes_scheme = (FormatType::is_integer || !Scheme::has_zero_point) &&
                                     !((requires { requires FormatType::is_wide; }) &&
                                       (requires { Scheme::zero_point_use; }));
template <class FormatType, class Rounding>
inline constexpr bool takes_rounding = FormatType::is_integer || !rounding_leaves_grid<Rounding>;

constexpr status validate_description(const quantizer_description& d) noexcept {
  if (is_integer(d.format)) {
    if (d.bits < 1 || d.bits > 32) return fault(errc::bits_out_of_range, "bits", d.bits, "1 to 32 bits");
    if (d.lower < d.upper) {
      const std::int64_t codes = std::int64_t{1} << d.bits;
      const std::int64_t least = d.format == format_id::signed_integer ? -codes / 2 : 0;
      if (d.lower < least)
        return fault(errc::bits_out_of_range, "lower", static_cast<double>(d.lower), "a code of the described width");
      if (d.upper >= least + codes)
        return fault(errc::bits_out_of_range, "upper", static_cast<double>(d.upper), "a code of the described width");
    }
  } else if (d.format != format_id::ternary && d.format < format_id::first_user_format &&
             (d.scheme < scheme_id::first_user_scheme && !is_symmetric(d.scheme))) {
    return fault(errc::unsupported, "scheme", static_cast<double>(d.scheme), "a symmetric scheme for this format");
  }
  return {};
}

constexpr status format_not_compiled(const quantizer_description& d) noexcept {
  if (is_integer(d.format))
    return fault(errc::not_compiled, "bits", d.bits,
                 d.format == format_id::signed_integer
                     ? "signed integers of this width among the runtime_choices of this program"
                     : "unsigned integers of this width among the runtime_choices of this program");
  if (d.conversion != conversion_id::of_format)
    return fault(errc::not_compiled, "conversion", static_cast<double>(d.conversion),
                 "this format with this conversion among the runtime_choices of this program");
  if (d.format == format_id::minifloat)
    return fault(errc::not_compiled, "minifloat.exponent_bits", d.minifloat.exponent_bits,
                 "a minifloat of these arguments among the runtime_choices of this program");
  return fault(errc::not_compiled, "format", static_cast<double>(d.format), describe_choice(d.format).wanted);
}

template <class Id>
constexpr status not_compiled(const char* argument, Id id) noexcept {
  return fault(errc::not_compiled, argument, static_cast<double>(id), describe_choice(id).wanted);
}

constexpr status scheme_not_compiled(const quantizer_description& d) noexcept {
  if (d.degenerate > degenerate_id::refused)
    return fault(errc::not_compiled, "degenerate", static_cast<double>(d.degenerate),
                 "one of the degenerate_ids, or a scheme of the user's own among the runtime_choices of this program");
  if (d.power_of_two > power_of_two_id::nearest_in_log2)
    return fault(
        errc::not_compiled, "power_of_two", static_cast<double>(d.power_of_two),
        "one of the power_of_two_ids, or a scheme of the user's own among the runtime_choices of this program");
  if (is_scheme_value(d.scheme) && d.zero_point_before_rounding)
    return fault(errc::not_compiled, "zero_point_before_rounding", 1,
                 "zero_point_before_rounding<runtime_scheme> among the runtime_choices of this program");
  return not_compiled("scheme", d.scheme);
}

// Calls f(format, scheme) with the two that `d` describes, as this format takes the scheme, and returns what f returns.
template <class Choices, class F>
constexpr status with_format_and_scheme(const quantizer_description& d, F&& f) {
  if (const status s = validate_description(d); !s.ok()) return s;
  // Each level replaces the answer of the level outside it.
  status result = format_not_compiled(d);
  runtime_pick<typename Choices::formats>::visit(d, [&](auto format) {
    using format_type = remove_cvref<decltype(format)>;
    result = scheme_not_compiled(d);
    runtime_pick<typename Choices::schemes>::visit(d, [&](auto chosen) {
      const auto scheme = scheme_for<format_type>(chosen);
      if constexpr (!takes_scheme<format_type, remove_cvref<decltype(scheme)>>)
        result = fault(errc::unsupported, "scheme", static_cast<double>(d.scheme),
                       "a scheme whose zero point this format can have");
      else
        result = f(format, scheme);
    });
  });
  return result;
}

}  // namespace detail

/// Calls f(quantizer) with the quantizer `d` describes, of one of the types Choices names, and returns what f returns
/// (a status). Refuses a bit width outside 1..32 and codes outside it; a combination there cannot be (a zero point for
/// a format without, a zero point before the rounding or as a real for more than 16 bits, noise for a small float);
/// and, by name, the part of a combination that was not compiled: format, conversion, scheme, rounding or arithmetic.
template <class Choices = runtime_choices<>, class F>
status with_quantizer(const quantizer_description& d, F&& f) {
  return detail::with_format_and_scheme<Choices>(d, [&](auto format, auto scheme) {
    using format_type = remove_cvref<decltype(format)>;
    using scheme_type = remove_cvref<decltype(scheme)>;
    status result = detail::not_compiled("rounding", d.rounding);
    detail::runtime_pick<typename Choices::roundings>::visit(d, [&](auto rounding) {
      using rounding_type = remove_cvref<decltype(rounding)>;
      if constexpr (!detail::takes_rounding<format_type, rounding_type>) {
        result = fault(errc::unsupported, "rounding", static_cast<double>(d.rounding),
                       "a rounding that stays on the grid, as this format needs");
      } else {
        result = detail::not_compiled("arithmetic", d.arithmetic);
        detail::runtime_pick<typename Choices::arithmetics>::visit(d, [&](auto arithmetic) {
          result = f(basic_quantizer<format_type, runtime_granularity, scheme_type, rounding_type,
                                     remove_cvref<decltype(arithmetic)>>(format, granularity_of(d), scheme, rounding,
                                                                         arithmetic));
        });
      }
    });
    return result;
  });
}

/// The ends of what the described codes decode to at scale 1 and zero point 0: the codes in use for integers (of the
/// width, or user-set ones, less those that the scheme leaves out), the finite numbers for small floats. Rounding,
/// arithmetic and granularity do not matter. Refuses what with_quantizer refuses in formats and schemes; `out` is
/// written only where the answer is ok.
template <class Choices = runtime_choices<>>
[[nodiscard]] constexpr status try_code_bounds(const quantizer_description& d, code_bounds& out) {
  return detail::with_format_and_scheme<Choices>(d, [&](auto format, auto scheme) {
    out = format.bounds();
    if constexpr (remove_cvref<decltype(format)>::is_integer) {
      const basic_quantizer<remove_cvref<decltype(format)>, per_tensor, remove_cvref<decltype(scheme)>, nearest_even,
                            divide_by_scale>
          q(format, {}, scheme);
      out.lower = static_cast<double>(q.lower_code());
      out.upper = static_cast<double>(q.upper_code());
    }
    return status{};
  });
}

}  // namespace xquant
