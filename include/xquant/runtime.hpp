// The run-time form: a quantizer described by values, dispatched once a call to the types a program asked for.
#pragma once

#include <xquant/core/qualifiers.hpp>
#include <xquant/formats/minifloat.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/quantizer.hpp>
#include <xquant/rounding/stochastic.hpp>

namespace xquant::inline XQUANT_ABI {

enum class format_id : std::uint16_t { signed_integer, unsigned_integer, float8e4m3fn, first_user_format = 1024 };
enum class scheme_id : std::uint8_t { symmetric, symmetric_narrow, affine };
enum class rounding_id : std::uint16_t { nearest_even, nearest_away, stochastic, first_user_rounding = 1024 };
enum class arithmetic_id : std::uint16_t { divide_by_scale, multiply_by_reciprocal, first_user_arithmetic = 1024 };

/// A quantizer as values, as a configuration file or a command line gives it. A regular value.
struct quantizer_description {
  format_id format = format_id::signed_integer;
  int bits = 8;  ///< of the integer formats: 2 to 16
  bool per_axis = false;
  std::ptrdiff_t axis = 0;  ///< where per_axis
  scheme_id scheme = scheme_id::symmetric;
  rounding_id rounding = rounding_id::nearest_even;
  arithmetic_id arithmetic = arithmetic_id::divide_by_scale;
  std::uint64_t seed = 0;         ///< of stochastic rounding
  std::uint64_t first_index = 0;  ///< of stochastic rounding, for a piece of a tensor

  friend constexpr bool operator==(const quantizer_description&, const quantizer_description&) = default;
};

/// per_tensor or per_axis, decided by a value. Parameter strides are data, so this costs no second kernel.
struct runtime_granularity {
  using policy_category = category::granularity;
  bool by_axis = false;
  std::ptrdiff_t axis = 0;

  constexpr status map(const shape& s, parameter_map& out) const noexcept {
    return by_axis ? per_axis<>{axis}.map(s, out) : per_tensor{}.map(s, out);
  }
  friend constexpr bool operator==(const runtime_granularity&, const runtime_granularity&) = default;
};

/// One of the schemes for integers, decided by a value. Kernels always have a zero point, which is 0 when symmetric.
struct runtime_scheme {
  using policy_category = category::scheme;
  static constexpr bool has_zero_point = true;
  scheme_id id = scheme_id::symmetric;

  constexpr std::int32_t lowest_code(std::int32_t lower, std::int32_t upper) const noexcept {
    return id == scheme_id::symmetric_narrow ? symmetric<code_range::narrow>::lowest_code(lower, upper) : lower;
  }
  template <class Real>
  constexpr scale_and_zero_point<Real> parameters(const range<Real>& r, const code_bounds& codes) const noexcept {
    switch (id) {
      case scheme_id::affine: return affine::parameters(r, codes);
      case scheme_id::symmetric_narrow: return symmetric<code_range::narrow>::parameters(r, codes);
      case scheme_id::symmetric: break;
    }
    return symmetric<>::parameters(r, codes);
  }
  friend constexpr bool operator==(const runtime_scheme&, const runtime_scheme&) = default;
};

/// How a compiled policy or format answers to a description: specialise it for one of your own, with an id from
/// first_user_... on, and name the type in the choices.
///   static constexpr bool matches(const quantizer_description&);   static constexpr T make(const
///   quantizer_description&);
template <class T>
struct runtime_choice;

template <class Code>
struct runtime_choice<stored_integer<Code>> {
  static constexpr bool is_signed = stored_integer<Code>::storage_lower < 0;
  static constexpr bool matches(const quantizer_description& d) noexcept {
    if (d.format != (is_signed ? format_id::signed_integer : format_id::unsigned_integer)) return false;
    return sizeof(Code) == 1 ? d.bits <= 8 : d.bits > 8;
  }
  static constexpr stored_integer<Code> make(const quantizer_description& d) noexcept {
    return integer_of_bits<Code>(d.bits);
  }
};
template <>
struct runtime_choice<e4m3fn> {
  static constexpr bool matches(const quantizer_description& d) noexcept { return d.format == format_id::float8e4m3fn; }
  static constexpr e4m3fn make(const quantizer_description&) noexcept { return {}; }
};
template <>
struct runtime_choice<nearest_even> {
  static constexpr bool matches(const quantizer_description& d) noexcept {
    return d.rounding == rounding_id::nearest_even;
  }
  static constexpr nearest_even make(const quantizer_description&) noexcept { return {}; }
};
template <>
struct runtime_choice<nearest_away> {
  static constexpr bool matches(const quantizer_description& d) noexcept {
    return d.rounding == rounding_id::nearest_away;
  }
  static constexpr nearest_away make(const quantizer_description&) noexcept { return {}; }
};
template <>
struct runtime_choice<stochastic> {
  static constexpr bool matches(const quantizer_description& d) noexcept {
    return d.rounding == rounding_id::stochastic;
  }
  static constexpr stochastic make(const quantizer_description& d) noexcept { return {d.seed, d.first_index}; }
};
template <>
struct runtime_choice<divide_by_scale> {
  static constexpr bool matches(const quantizer_description& d) noexcept {
    return d.arithmetic == arithmetic_id::divide_by_scale;
  }
  static constexpr divide_by_scale make(const quantizer_description&) noexcept { return {}; }
};
template <>
struct runtime_choice<multiply_by_reciprocal> {
  static constexpr bool matches(const quantizer_description& d) noexcept {
    return d.arithmetic == arithmetic_id::multiply_by_reciprocal;
  }
  static constexpr multiply_by_reciprocal make(const quantizer_description&) noexcept { return {}; }
};

/// The types a program compiles for the run-time form: every combination becomes a kernel, so name what you need.
template <class Formats = type_list<stored_integer<std::int8_t>, stored_integer<std::uint8_t>>,
          class Roundings = type_list<nearest_even>, class Arithmetics = type_list<divide_by_scale>>
struct runtime_choices {
  using formats = Formats;
  using roundings = Roundings;
  using arithmetics = Arithmetics;
};

namespace detail {

template <class List>
struct runtime_pick;
template <class... Ts>
struct runtime_pick<type_list<Ts...>> {
  // Calls f with the value of the first type that matches; false when none does.
  template <class F>
  static constexpr bool visit(const quantizer_description& d, F&& f) {
    return (false || ... || (runtime_choice<Ts>::matches(d) && (f(runtime_choice<Ts>::make(d)), true)));
  }
};

template <class FormatType>
constexpr auto runtime_scheme_for(const quantizer_description& d) noexcept {
  if constexpr (FormatType::is_integer)
    return runtime_scheme{d.scheme};
  else
    return symmetric<>{};
}

}  // namespace detail

/// Calls f(quantizer) with the quantizer `d` describes, of one of the types Choices names, and returns what f returns
/// (a status). Refuses a bit width outside 2..16, an affine scheme for a format without zero points, and a format,
/// rounding or arithmetic that was not compiled.
template <class Choices = runtime_choices<>, class F>
status with_quantizer(const quantizer_description& d, F&& f) {
  const bool is_integer = d.format == format_id::signed_integer || d.format == format_id::unsigned_integer;
  if (is_integer && (d.bits < 2 || d.bits > 16)) return fault(errc::bits_out_of_range, "bits", d.bits, "2 to 16 bits");
  if (!is_integer && d.scheme == scheme_id::affine)
    return fault(errc::unsupported, "scheme", static_cast<double>(d.scheme), "a symmetric scheme for this format");
  status result;
  bool rounding_found = false;
  bool arithmetic_found = false;
  const bool format_found = detail::runtime_pick<typename Choices::formats>::visit(d, [&](auto format) {
    rounding_found = detail::runtime_pick<typename Choices::roundings>::visit(d, [&](auto rounding) {
      arithmetic_found = detail::runtime_pick<typename Choices::arithmetics>::visit(d, [&](auto arithmetic) {
        const auto scheme = detail::runtime_scheme_for<decltype(format)>(d);
        result = f(basic_quantizer<decltype(format), runtime_granularity, remove_const<decltype(scheme)>,
                                   decltype(rounding), decltype(arithmetic)>(
            format, runtime_granularity{d.per_axis, d.axis}, scheme, rounding, arithmetic));
      });
    });
  });
  if (!format_found)
    return fault(errc::not_compiled, "format", is_integer ? d.bits : static_cast<double>(d.format),
                 "a format (or width) among the runtime_choices of this program");
  if (!rounding_found)
    return fault(errc::not_compiled, "rounding", static_cast<double>(d.rounding),
                 "a rounding among the runtime_choices of this program");
  if (!arithmetic_found)
    return fault(errc::not_compiled, "arithmetic", static_cast<double>(d.arithmetic),
                 "an arithmetic among the runtime_choices of this program");
  return result;
}

/// fake_quantize by description; see ops/fake_quantize.hpp.
template <class Choices = runtime_choices<>, class Parameters, TensorLike In, TensorInMemory Out,
          class Engine = scalar_engine>
[[nodiscard]] status try_fake_quantize(const quantizer_description& d, const Parameters& p, const In& x, Out&& y,
                                       const Engine& engine = {}) {
  return with_quantizer<Choices>(d, [&](const auto& q) { return try_fake_quantize(q, p, x, y, engine); });
}

/// quantize by description. The element type of `codes` must be what the format stores: int8, uint8, int16, uint16.
template <class Choices = runtime_choices<>, class Parameters, TensorLike In, TensorInMemory Out,
          class Engine = scalar_engine>
[[nodiscard]] status try_quantize(const quantizer_description& d, const Parameters& p, const In& x, Out&& codes,
                                  const Engine& engine = {}) {
  return with_quantizer<Choices>(d, [&](const auto& q) {
    if constexpr (is_same<element_of<Out>, typename remove_cvref<decltype(q)>::code_type>)
      return try_quantize(q, p, x, codes, engine);
    else
      return fault(errc::unsupported, "codes", sizeof(element_of<Out>), "the storage type of the described format");
  });
}

/// dequantize by description, likewise.
template <class Choices = runtime_choices<>, class Parameters, TensorLike In, TensorInMemory Out,
          class Engine = scalar_engine>
[[nodiscard]] status try_dequantize(const quantizer_description& d, const Parameters& p, const In& codes, Out&& x,
                                    const Engine& engine = {}) {
  return with_quantizer<Choices>(d, [&](const auto& q) {
    if constexpr (is_same<element_of<In>, typename remove_cvref<decltype(q)>::code_type>)
      return try_dequantize(q, p, codes, x, engine);
    else
      return fault(errc::unsupported, "codes", sizeof(element_of<In>), "the storage type of the described format");
  });
}

/// Scale and zero point that the described quantizer gives data of range r.
template <class Choices = runtime_choices<>, class Real>
[[nodiscard]] status try_parameters_for(const quantizer_description& d, const range<Real>& r,
                                        scale_and_zero_point<Real>& out) {
  if (const status s = r.valid(); !s.ok()) return s;
  return with_quantizer<Choices>(d, [&](const auto& q) {
    out = q.parameters_for(r);
    return status{};
  });
}

}  // namespace xquant
