// Symmetric scheme: zero is code 0, the scale comes from the largest magnitude.
#pragma once

#include <xquant/core/policy.hpp>
#include <xquant/core/range.hpp>

namespace xquant {

/// Which codes a symmetric scheme uses. full: all of them. narrow: as many below zero as above, [-127, 127] for int8.
enum class code_range : std::uint8_t { full, narrow };

/// scale = max(|minimum|, |maximum|) / upper code, zero point 0, computed in double and rounded once.
/// A range of no width (both ends zero, or so small that the scale is not a normal number) gives scale 1.
/// `symmetric<code_range::narrow>` is the weights' scheme of TensorRT and ONNX Runtime; `full` only adds the lowest
/// code, which calibrated data reach by clipping alone.
template <code_range Range = code_range::full>
struct symmetric {
  using policy_category = category::scheme;
  static constexpr bool has_zero_point = false;

  /// The codes in use, of a format whose codes go from `lower` to `upper`.
  static constexpr std::int32_t lowest_code(std::int32_t lower, std::int32_t upper) noexcept {
    return Range == code_range::narrow && lower < -upper ? -upper : lower;
  }

  template <class Real>
  static constexpr scale_and_zero_point<Real> parameters(const range<Real>& r, const code_bounds& codes) noexcept {
    const double low = r.minimum < 0 ? -static_cast<double>(r.minimum) : static_cast<double>(r.minimum);
    const double high = r.maximum < 0 ? -static_cast<double>(r.maximum) : static_cast<double>(r.maximum);
    return {detail::usable_scale<Real>((low > high ? low : high) / codes.upper), 0};
  }
  friend constexpr bool operator==(const symmetric&, const symmetric&) = default;
};

}  // namespace xquant
