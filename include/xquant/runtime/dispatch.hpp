// From a description to a quantizer of compiled types, once a call.
#pragma once

#include <xquant/calls/described_call.hpp>
#include <xquant/core/meta.hpp>
#include <xquant/core/qualifiers.hpp>
#include <xquant/core/range.hpp>
#include <xquant/quantizer.hpp>
#include <xquant/runtime/choice.hpp>
#include <xquant/runtime/choices.hpp>
#include <xquant/runtime/description.hpp>
#include <xquant/runtime/scheme.hpp>

namespace xquant::inline XQUANT_ABI {

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
      const std::int64_t least = d.format == signed_integer ? -codes / 2 : 0;
      if (d.lower < least)
        return fault(errc::bits_out_of_range, "lower", static_cast<double>(d.lower), "a code of the described width");
      if (d.upper >= least + codes)
        return fault(errc::bits_out_of_range, "upper", static_cast<double>(d.upper), "a code of the described width");
    }
  } else if (!names<ternary>(d.format) && d.format.number < first_user_id && is_standard_scheme(d.scheme) &&
             !is_symmetric(d.scheme)) {
    return fault(errc::unsupported, "scheme", d.scheme.number, "a symmetric scheme for this format");
  }
  return {};
}

constexpr status format_not_compiled(const quantizer_description& d) noexcept {
  if (is_integer(d.format))
    return fault(errc::not_compiled, "bits", d.bits,
                 d.format == signed_integer ? "signed integers of this width" : "unsigned integers of this width");
  if (d.conversion != conversion_of_format)
    return fault(errc::not_compiled, "conversion", d.conversion.number, "this format with this conversion");
  if (d.format == minifloat_of_arguments)
    return fault(errc::not_compiled, "minifloat.exponent_bits", d.minifloat.exponent_bits,
                 "a minifloat of these arguments");
  return fault(errc::not_compiled, "format", d.format.number, d.format.name);
}

template <class Kind>
constexpr status not_compiled(const char* argument, const policy_id<Kind>& id) noexcept {
  return fault(errc::not_compiled, argument, id.number, id.name);
}

constexpr status needs_grid(const rounding_id& id) noexcept {
  return fault(errc::unsupported, "rounding", id.number, "a rounding that stays on the grid, as this format needs");
}

constexpr status scheme_not_compiled(const quantizer_description& d) noexcept {
  if (!is_degenerate_value(d.degenerate))
    return fault(errc::not_compiled, "degenerate", d.degenerate.number,
                 "one of the degenerate_ids, or a scheme of the user's own");
  if (d.power_of_two > power_of_two_id::nearest_in_log2)
    return fault(errc::not_compiled, "power_of_two", static_cast<double>(d.power_of_two),
                 "one of the power_of_two_ids, or a scheme of the user's own");
  if (is_scheme_value(d.scheme) && d.zero_point_before_rounding)
    return fault(errc::not_compiled, "zero_point_before_rounding", 1, "zero_point_before_rounding<runtime_scheme>");
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
        result = fault(errc::unsupported, "scheme", d.scheme.number, "a scheme whose zero point this format can have");
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
        result = detail::needs_grid(d.rounding);
      } else {
        result = detail::not_compiled("arithmetic", d.arithmetic);
        detail::runtime_pick<typename Choices::arithmetics>::visit(d, [&](auto arithmetic) {
          result = f(
              basic_quantizer<format_type, granularity_description, scheme_type, rounding_type,
                              remove_cvref<decltype(arithmetic)>>(format, d.granularity, scheme, rounding, arithmetic));
        });
      }
    });
    return result;
  });
}

namespace detail {

// Calls f(code bounds, scheme) with those of `d`: the codes in use for integers (of the width, or user-set ones, less
// those that the scheme leaves out), the finite numbers for small floats.
template <class Choices, class F>
constexpr status with_code_bounds(const quantizer_description& d, F&& f) {
  return with_format_and_scheme<Choices>(d, [&](auto format, auto scheme) {
    code_bounds codes = format.bounds();
    if constexpr (remove_cvref<decltype(format)>::is_integer) {
      const basic_quantizer<remove_cvref<decltype(format)>, per_tensor, remove_cvref<decltype(scheme)>, nearest_even,
                            divide_by_scale>
          q(format, {}, scheme);
      codes.lower = static_cast<double>(q.lower_code());
      codes.upper = static_cast<double>(q.upper_code());
    }
    return f(static_cast<const code_bounds&>(codes), static_cast<const decltype(scheme)&>(scheme));
  });
}

}  // namespace detail

/// The ends of what the described codes decode to at scale 1 and zero point 0: the codes in use for integers (of the
/// width, or user-set ones, less those that the scheme leaves out), the finite numbers for small floats. Rounding,
/// arithmetic and granularity do not matter. Refuses what with_quantizer refuses in formats and schemes; `out` is
/// written only where the answer is ok.
template <class Choices = runtime_choices<>>
[[nodiscard]] constexpr status try_code_bounds(const quantizer_description& d, code_bounds& out) {
  return detail::with_code_bounds<Choices>(d, [&](const code_bounds& codes, const auto&) {
    out = codes;
    return status{};
  });
}

namespace detail {

// Whether tensors of these element types hold the codes of a call, where it has codes.
template <class Description, class Code, class... Elements>
constexpr bool holds_codes() noexcept {
  constexpr bool fits[] = {(is_same<Elements, Code> || (is_packed<Elements> && sizeof(Code) == 1))...};
  for (std::size_t i = 0; i < sizeof...(Elements); ++i)
    if (Description::streams[i].kind == stream_kind::codes && !fits[i]) return false;
  return true;
}
template <class Description>
constexpr bool writes_codes() noexcept {
  for (const named_stream& s : Description::streams)
    if (s.role == output_0 && s.kind == stream_kind::codes) return true;
  return false;
}
template <class Description, class... Elements>
constexpr status other_codes() noexcept {
  constexpr std::size_t size[] = {sizeof(Elements)...};
  for (std::size_t i = 0; i < sizeof...(Elements); ++i)
    if (Description::streams[i].kind == stream_kind::codes)
      return fault(errc::unsupported, Description::streams[i].name, static_cast<double>(size[i]),
                   "the storage type of the described format");
  return {};
}
template <class Description>
constexpr call_obstacle obstacle_of() noexcept {
  if constexpr (requires { Description::obstacle; })
    return Description::obstacle;
  else
    return {};
}
constexpr status refused(const call_obstacle& o, const quantizer_description& d) noexcept {
  const double number = o.argument[0] == 'f'   ? d.format.number
                        : o.argument[0] == 's' ? d.scheme.number
                                               : d.rounding.number;
  return fault(errc::unsupported, o.argument, number, o.expected);
}

template <template <class...> class Call, class Quantizer, class Given, class... Elements>
struct described_call_of;
template <template <class...> class Call, class Quantizer, class... Given, class... Elements>
struct described_call_of<Call, Quantizer, type_list<Given...>, Elements...> {
  using type = Call<Given..., Quantizer, Elements...>;
};

// Calls f(quantizer) where the described quantizer can be that of a call of such tensors, and says why where not. What
// cannot be compiled for a quantizer is not.
template <class Choices>
struct described_resolver {
  static constexpr bool is_typed = false;

  template <template <class...> class Call, class Given, class... Elements, class F>
  static status visit(const Choices& choices, const F& f) {
    return visit<Call, Given, Elements...>(choices.description, f);
  }
  template <template <class...> class Call, class Given, class... Elements, class F>
  static status visit(const quantizer_description& d, const F& f) {
    return with_quantizer<Choices>(d, [&](const auto& q) -> status {
      using quantizer_type = remove_cvref<decltype(q)>;
      using description = typename described_call_of<Call, quantizer_type, Given, Elements...>::type;
      constexpr call_obstacle obstacle = obstacle_of<description>();
      if constexpr (!holds_codes<description, typename quantizer_type::code_type, Elements...>())
        return other_codes<description, Elements...>();
      else if constexpr (writes_codes<description>() && rounding_leaves_grid<typename quantizer_type::rounding_type>)
        return fault(errc::unsupported, "rounding", d.rounding.number,
                     "a rounding that stays on the grid, as codes need");
      else if constexpr (obstacle.argument != nullptr)
        return refused(obstacle, d);
      else
        return f(q);
    });
  }
};

template <>
struct quantizer_resolver<quantizer_description> : described_resolver<runtime_choices<>> {};
template <class Formats, class Roundings, class Arithmetics, class Schemes>
struct quantizer_resolver<runtime_choices<Formats, Roundings, Arithmetics, Schemes>>
    : described_resolver<runtime_choices<Formats, Roundings, Arithmetics, Schemes>> {};

}  // namespace detail

}  // namespace xquant
