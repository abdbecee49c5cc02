// From an operation that is right for ordinary scales alone to the same one for every scale.
#pragma once

#include <xquant/calls/quantizer_kernel.hpp>

namespace xquant::inline XQUANT_ABI {

/// The kernel whose short quotient takes every scale.
template <class Kernel>
struct any_scale_kernel;
template <class Real, class FormatType, class RoundingType, class ArithmeticType, zero_point_rule Rule,
          bool HasSignedScale>
struct any_scale_kernel<quantizer_kernel<Real, FormatType, RoundingType, ArithmeticType, Rule, HasSignedScale>> {
  using type =
      quantizer_kernel<Real, FormatType, RoundingType, typename ArithmeticType::for_any_scale, Rule, HasSignedScale>;
};

/// An operation `To`, of another kernel, with what `from` holds.
template <class To, class From>
constexpr To rebound(const From& from) noexcept {
  To operation{};
  operation.format = from.format;
  operation.rounding_policy = from.rounding_policy;
  operation.lower = from.lower;
  operation.upper = from.upper;
  return operation;
}

}  // namespace xquant
