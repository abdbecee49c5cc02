// From a quantizer to the kernel its operations share, and to what its parameters must obey.
#pragma once

#include <xquant/calls/quantizer_kernel.hpp>
#include <xquant/core/half.hpp>
#include <xquant/core/qualifiers.hpp>
#include <xquant/core/validation.hpp>
#include <xquant/schemes/scheme.hpp>

namespace xquant::inline XQUANT_ABI {

/// What the operations of a quantizer on scales of type Real share: an operation derives from it.
template <class Real, class Quantizer>
using kernel_of =
    quantizer_kernel<Real, detail::kernel_format<typename Quantizer::format_type>, typename Quantizer::rounding_type,
                     typename Quantizer::arithmetic_type, detail::zero_point_rule_of<typename Quantizer::scheme_type>,
                     detail::has_signed_scale<typename Quantizer::scheme_type>>;

/// The element type of a stream of reals: T where it is computed in Real, else Real, so that the call refuses T.
template <class T, class Real>
using stream_of = conditional<is_same<lane_real<remove_const<T>>, Real>, remove_const<T>, Real>;

namespace detail {

template <class Op, class Quantizer>
constexpr Op make_operation(const Quantizer& q) noexcept {
  Op operation{};
  operation.format = kernel_format_of(q.format);
  operation.rounding_policy = q.rounding;
  operation.lower = q.lower_code();
  operation.upper = q.upper_code();
  if constexpr (zero_point_rule_of<typename Quantizer::scheme_type> == zero_point_rule::real_offset)
    operation.origin = q.scheme.origin_code(q.lower_code(), q.upper_code());
  return operation;
}

template <class Quantizer>
constexpr parameter_rules rules_of(const Quantizer& q, std::size_t count) noexcept {
  return {count,
          Quantizer::scheme_type::has_zero_point,
          Quantizer::arithmetic_type::multiplies_by_reciprocal,
          q.lower_code(),
          q.upper_code(),
          zero_point_rule_of<typename Quantizer::scheme_type>,
          has_signed_scale<typename Quantizer::scheme_type>};
}

}  // namespace detail

}  // namespace xquant
