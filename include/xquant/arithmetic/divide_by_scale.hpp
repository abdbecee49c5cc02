// v = x / scale, correctly rounded.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/core/lane.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>

namespace xquant::inline XQUANT_ABI {

struct divide_by_moved_scale;  // divide_by_moved_scale.hpp

/// The quotient of ONNX QuantizeLinear: rounded once. `Short` promises that the caller only rounds the quotient to the
/// nearest point of an 8-bit grid, which lets a vector engine avoid the divide instruction: the short quotient (rule
/// 4).
struct divide_by_scale {
  using policy_category = category::arithmetic;
  static constexpr bool multiplies_by_reciprocal = false;

  template <bool Short, class L>
  XQUANT_INLINE static constexpr L quotient(L x, L scale, L reciprocal) {
    if constexpr (Short)
      return short_quotient(x, scale, reciprocal);
    else
      return divide(x, scale);
  }

  /// Whether quotient<true> may be used with this scale: 2^-90 <= scale <= 2^100. Below it the residual of a quotient
  /// near e4m3fn's smallest values would be subnormal (docs/exhaustive.md).
  template <class Real>
  XQUANT_INLINE static constexpr bool is_ordinary(Real scale) noexcept {
    const bool is_large_enough = scale >= power_of_two<Real>(-90);
    const bool is_small_enough = scale <= power_of_two<Real>(100);
    return is_large_enough & is_small_enough;  // no branch, so that loops over scales become vectors
  }
  /// The same arithmetic with a quotient<true> for every scale.
  using for_any_scale = divide_by_moved_scale;

  friend constexpr bool operator==(const divide_by_scale&, const divide_by_scale&) = default;
};

template <>
inline constexpr arithmetic_id id_of<divide_by_scale>{0, "divide_by_scale"};

}  // namespace xquant
