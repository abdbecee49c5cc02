// Any scheme, with its integer zero point added before the rounding instead of after it.
#pragma once

#include <xquant/core/parameters_view.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/range.hpp>
#include <xquant/schemes/affine.hpp>

namespace xquant::inline XQUANT_ABI {

///   code = clamp(round(fl(fl(x / scale) + zero point)), lower, upper)
/// where `Inner` has round(fl(x / scale)) + zero point. The two differ where x / scale is an exact tie and the rounding
/// depends on where the tie lies (to even with an odd zero point; away from zero on the other side of it), and where
/// the sum itself is rounded. Parameters, and what codes stand for, are Inner's. Source: XNNPACK's reference quantizers
/// and old ARM kernels (nearest_even), AIMET (nearest_away).
template <class Inner = affine>
struct zero_point_before_rounding : Inner {
  static_assert(QuantizerPolicy<Inner> && Inner::has_zero_point,
                "xquant::zero_point_before_rounding: needs a scheme with a zero point");
  static constexpr zero_point_rule zero_point_use = zero_point_rule::before_rounding;
  friend constexpr bool operator==(const zero_point_before_rounding&, const zero_point_before_rounding&) = default;
};

}  // namespace xquant
