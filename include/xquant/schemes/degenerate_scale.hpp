// What becomes of a range too narrow to give a usable scale: a policy of the schemes, and its default. The others are
// in degenerate_policies.hpp.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/core/policy_id.hpp>

namespace xquant::inline XQUANT_ABI {

/// A scale after a policy has looked at it, in double, before its one rounding to the type of the parameters.
struct repaired_scale {
  double scale;
  bool is_degenerate;  ///< the range is taken for one of no width: its zero point is the code nearest to 0
};

/// A degenerate-scale policy D has
///   template <class Real> static constexpr repaired_scale repair(double scale)
/// where `scale` is what the scheme's formula gives for parameters of type Real: not negative, or NaN.
template <class D>
concept DegenerateScale = requires {
  D::template repair<float>(0.0).scale;
};

namespace degenerate {

/// Scale 1 where the scale would not be a normal number. The library's default; ONNX Runtime's tools.
struct one {
  template <class Real>
  static constexpr repaired_scale repair(double scale) noexcept {
    if (!(scale >= static_cast<double>(real_traits<Real>::min_normal))) return {1, true};
    return {scale, false};
  }
  friend constexpr bool operator==(const one&, const one&) = default;
};

}  // namespace degenerate

template <>
inline constexpr degenerate_id id_of<degenerate::one>{0, "one"};

}  // namespace xquant
