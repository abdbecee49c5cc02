// Casts: a real to a code, a code to a code of another format, one value or a tensor, in one rounding. Quantizing with
// scale 1.
#pragma once

#include <xquant/calls/default_engine.hpp>
#include <xquant/calls/described_call.hpp>
#include <xquant/calls/kernel_of.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/engines/plan.hpp>
#include <xquant/exception.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/quantizer.hpp>

namespace xquant::inline XQUANT_ABI {

/// code = to(from(code)): what the first code stands for, rounded to the second format.
template <class FromKernel, class ToKernel>
struct cast_operation : ToKernel {
  using input_0_type = typename FromKernel::code_type;
  using input_1_type = none;
  using output_0_type = typename ToKernel::code_type;
  using output_1_type = none;
  using input_format_type = typename FromKernel::format_type;
  static constexpr bool needs_ordinary_scales = false;
  FromKernel from;

  template <class L>
  XQUANT_INLINE constexpr typename ToKernel::template prepared<L> prepare(const lane_parameters<L>& p) const {
    return ToKernel::template prepare<L, true>(p);
  }
  template <class L>
  XQUANT_INLINE constexpr integer_of<L> operator()(integer_of<L> code, none,
                                                   const typename ToKernel::template prepared<L>& p,
                                                   random_bits_of<L, typename ToKernel::rounding_type> random) const {
    const bound_rounding<L, typename ToKernel::rounding_type> round{this->rounding_policy, random};
    const L value = from.template value_of<L>(code, broadcast_integer<L>(0));
    return this->template code_of<L>(ToKernel::template scaled<L, true>(value, p), p, round);
  }
};

namespace detail {

// What divide_by_scale gives where the scale is 1; NaN divided by 1 is no constant expression to every compiler.
struct without_scale {
  using policy_category = category::arithmetic;
  static constexpr bool multiplies_by_reciprocal = false;

  template <bool Short, class L>
  XQUANT_INLINE static constexpr L quotient(L x, L, L) {
    return x;
  }
  friend constexpr bool operator==(const without_scale&, const without_scale&) = default;
};

template <class FormatType, class RoundingType>
using caster = quantizer<FormatType, symmetric<>, RoundingType, without_scale>;

template <class Real, class From, class To, class RoundingType>
using cast_operation_of =
    cast_operation<kernel_of<Real, caster<From, RoundingType>>, kernel_of<Real, caster<To, RoundingType>>>;

template <class Real, class From, class To, class RoundingType>
constexpr auto make_cast(const From& from, const To& to, const RoundingType& rounding) noexcept {
  using operation = cast_operation_of<Real, From, To, RoundingType>;
  operation result = make_operation<operation>(caster<To, RoundingType>(to, {}, {}, rounding, {}));
  result.from.format = kernel_format_of(from);
  result.from.lower = from.lower_code();
  result.from.upper = from.upper_code();
  return result;
}

// The two formats of a call, and that packed bits hold their codes.
template <class Call, class From, class To>
Call& check_cast(Call& c, const From& from, const To& to) {
  c.check(from.valid()).check(to.valid());
  c.template check_packing<input_0>(from.lower_code(), from.upper_code());
  return c.template check_packing<output_0>(to.lower_code(), to.upper_code());
}

// What the store of an engine does.
template <class Operation, class Code>
constexpr typename Operation::code_type stored(const Operation& operation, Code code) noexcept {
  using code_type = typename Operation::code_type;
  if constexpr (sizeof(code_type) < 4) {
    if (code < operation.lower_code()) return static_cast<code_type>(operation.lower_code());
    if (code > operation.upper_code()) return static_cast<code_type>(operation.upper_code());
  }
  return static_cast<code_type>(code);
}

template <class RoundingType, class Bits>
constexpr random_bits_of<double, RoundingType> lane_bits(Bits random) noexcept {
  if constexpr (is_random_rounding<RoundingType>)
    return static_cast<integer_of<double>>(random);
  else
    return {};
}

// The nearest float, ties to even, infinity where the conversion would be undefined.
constexpr float nearest_float(double x) noexcept {
  if (x >= 0x1.ffffffp127) return __builtin_huge_valf();
  if (x <= -0x1.ffffffp127) return -__builtin_huge_valf();
  return static_cast<float>(x);
}

}  // namespace detail

/// The code of `to` nearest to a real (float, double, float16, bfloat16) by `rounding`, in one rounding. What the
/// format has no number for (beyond the largest, infinities, NaN) becomes what its conversion or, for integers, rule 3
/// says. A random rounding takes the 32 bits `random`. A constant expression where its arguments are.
/// docs/arithmetic.md, rules 3 and 7.
///   cast<e4m3fn>(0.3)   cast<int8>(3.5f, nearest_away{})   cast<e5m2::with<overflowing>>(1e9f)
template <class To, class Source, class RoundingType = nearest_even>
requires requires(Source x) { static_cast<double>(x); }
[[nodiscard]] constexpr typename To::code_type cast(Source x, const RoundingType& rounding = {}, const To& to = {},
                                                    std::uint32_t random = 0) noexcept {
  using operation_type = quantize_operation<kernel_of<double, detail::caster<To, RoundingType>>>;
  const auto operation =
      detail::make_operation<operation_type>(detail::caster<To, RoundingType>(to, {}, {}, rounding, {}));
  const auto p = operation.template prepare<double>(lane_parameters<double>{1.0, 1.0, 0});
  return detail::stored(operation, operation.template operator()<double>(static_cast<double>(x), {}, p,
                                                                         detail::lane_bits<RoundingType>(random)));
}

/// The code of `to` nearest to what `code` stands for in `from`, likewise: cast<e4m3fn, e5m2>(0x42).
template <class From, class To, class RoundingType = nearest_even>
[[nodiscard]] constexpr typename To::code_type cast(typename From::code_type code, const RoundingType& rounding = {},
                                                    const From& from = {}, const To& to = {},
                                                    std::uint32_t random = 0) noexcept {
  const auto operation = detail::make_cast<double>(from, to, rounding);
  const auto p = operation.template prepare<double>(lane_parameters<double>{1.0, 1.0, 0});
  return detail::stored(operation, operation.template operator()<double>(static_cast<integer_of<double>>(code), {}, p,
                                                                         detail::lane_bits<RoundingType>(random)));
}

/// What a code stands for; exact in double, and in float for every format but integers of more than 24 bits:
/// value_of<e4m3fn>(0x38) == 1.
template <class From, class Real = double>
[[nodiscard]] constexpr Real value_of(typename From::code_type code, const From& from = {}) noexcept {
  using kernel = kernel_of<Real, detail::caster<From, nearest_even>>;
  kernel k{};
  k.format = detail::kernel_format_of(from);
  return k.template value_of<Real>(static_cast<integer_of<Real>>(code), 0);
}

/// As cast<To>(double), but by way of float: two roundings, the first to nearest even. What NumPy's casts of float64 to
/// ml_dtypes' types do; it differs from one rounding beside every half-way point.
template <class To, class RoundingType = nearest_even>
[[nodiscard]] constexpr typename To::code_type cast_through_float(double x, const RoundingType& rounding = {},
                                                                  const To& to = {}) noexcept {
  return cast<To>(detail::nearest_float(x), rounding, to);
}

/// A call of cast.
template <class From, class To, class RoundingType, class In, class Out>
struct cast_call {
  static_assert(!detail::is_wide_format<From>,
                "xquant::cast: codes of more than 16 bits are no float; dequantize them to double first");
  using operation = detail::cast_operation_of<float, From, To, RoundingType>;
  static constexpr named_stream streams[2] = {{input_0, "in", stream_kind::codes},
                                              {output_0, "out", stream_kind::codes}};
};

/// What would be wrong with cast(from, to, in, out); ok when nothing is. Reads no element and writes nothing.
template <class From, class To, TensorLike In, TensorInMemory Out>
requires Format<From>
[[nodiscard]] status validate_cast(const From& from, const To& to, const In& in, Out&& out) {
  return detail::on_tensors<cast_call, From, To, nearest_even>(
      [&](auto& c) { return detail::check_cast(c, from, to).validate_without_parameters(); }, in, out);
}

/// The same without exceptions: does the work and returns ok, or returns what is wrong and has written nothing.
template <class From, class To, TensorLike In, TensorInMemory Out, class Engine = default_engine,
          class RoundingType = nearest_even>
requires Format<From>
[[nodiscard]] status try_cast(const From& from, const To& to, const In& in, Out&& out, const Engine& engine = {},
                              const RoundingType& rounding = {}) {
  return detail::on_tensors<cast_call, From, To, RoundingType>(
      [&](auto& c) {
        typename remove_cvref<decltype(c)>::operation_type operation{};
        detail::assign_unpacked(operation, detail::make_cast<float>(from, to, rounding));
        return detail::check_cast(c, from, to).run_without_parameters(operation, engine);
      },
      in, out);
}

/// The operation behind cast: what a plan of it is a plan of. `In` and `Out` are the element types of packed codes.
template <class From, class To, class RoundingType = nearest_even, class In = typename From::code_type,
          class Out = typename To::code_type>
using cast_kernel =
    typename detail::operation_on<detail::cast_operation_of<float, From, To, RoundingType>, In, none, Out>::type;

/// Lays the call out once (engines/plan.hpp). Refuses what cast refuses.
template <class From, class To, TensorLike In, TensorInMemory Out, class RoundingType = nearest_even>
requires Format<From>
[[nodiscard]] status plan_cast(const From& from, const To& to, const In& in, Out&& out,
                               plan<cast_kernel<From, To, RoundingType, element_of<In>, element_of<Out>>>& made,
                               const RoundingType& rounding = {}) {
  return detail::on_tensors<cast_call, From, To, RoundingType>(
      [&](auto& c) {
        typename remove_cvref<decltype(c)>::operation_type operation{};
        detail::assign_unpacked(operation, detail::make_cast<float>(from, to, rounding));
        return detail::check_cast(c, from, to).make_plan_without_parameters(operation, made);
      },
      in, out);
}

#if XQUANT_HAS_EXCEPTIONS
/// out = the codes of `to` nearest to what the codes `in` stand for in `from`, element by element, on any engine, in
/// one rounding; cast<From, To> of each. `in` and `out` have one shape and the code types of the formats; in place
/// where these have one size. For reals in or out: quantize and dequantize with scale 1. Errors: those of shapes,
/// memory and overlap as quantize; a format that is not valid().
template <class From, class To, TensorLike In, TensorInMemory Out, class Engine = default_engine,
          class RoundingType = nearest_even>
requires Format<From>
void cast(const From& from, const To& to, const In& in, Out&& out, const Engine& engine = {},
          const RoundingType& rounding = {}) {
  throw_if(try_cast(from, to, in, out, engine, rounding));
}
#endif

}  // namespace xquant
