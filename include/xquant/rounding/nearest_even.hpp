// Rounding to nearest, ties to even.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>

namespace xquant::inline XQUANT_ABI {

/// Nearest integer, ties to the even one: 0.5 -> 0, 1.5 -> 2, 2.5 -> 2. IEEE 754 roundToIntegralTiesToEven; what ONNX
/// QuantizeLinear, torch and TensorRT use. Unbiased on ties. The sign of a zero result is that of the argument.
struct nearest_even {
  using policy_category = category::rounding;
  /// Only compares its argument with half-integers, so a quotient need be exact only there (rule 4).
  static constexpr bool sees_only_halves = true;
  /// So are sums rounded: a format may let an addition do it.
  static constexpr bool rounds_as_sums = true;

  template <class L>
  XQUANT_INLINE static constexpr L round(L v) {
    return round_even(v);
  }
  template <class L>
  XQUANT_INLINE static constexpr integer_of<L> round_to_integer(L v) {
    return round_even_to_integer(v);
  }
  friend constexpr bool operator==(const nearest_even&, const nearest_even&) = default;
};

template <>
inline constexpr rounding_id id_of<nearest_even>{0, "nearest_even"};

}  // namespace xquant
