// Symmetric scheme: zero is code 0, the scale is the smallest at which nothing in the range is clipped.
#pragma once

#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>
#include <xquant/core/range.hpp>
#include <xquant/schemes/degenerate_scale.hpp>

namespace xquant::inline XQUANT_ABI {

/// Which codes a symmetric scheme uses. full: all of them. narrow: as many below zero as above, [-127, 127] for int8;
/// all of them where all are below zero.
enum class code_range : std::uint8_t { full, narrow };

/// scale = max(maximum / upper code, minimum / lowest code), zero point 0, computed in double and rounded once: the
/// smallest scale at which nothing in the range is clipped. What a range of no width gives is a policy
/// (degenerate_scale.hpp), scale 1 by default; the negative part of a range is ignored by codes without sign.
/// narrow: the largest magnitude over the upper code, as TensorRT and ONNX Runtime take it for weights. full: as AIMET
/// (2.42) and torchao (SYMMETRIC_NO_CLIPPING_ERR); the lowest code counts.
template <code_range Range = code_range::full, DegenerateScale Degenerate = degenerate::one>
struct symmetric {
  using policy_category = category::scheme;
  using degenerate_scale = Degenerate;
  template <class D>
  using with_degenerate_scale = symmetric<Range, D>;
  static constexpr bool has_zero_point = false;

  /// The codes in use, of a format whose codes go from `lower` to `upper`.
  static constexpr std::int32_t lowest_code(std::int32_t lower, std::int32_t upper) noexcept {
    return Range == code_range::narrow && upper >= 0 && lower < -upper ? -upper : lower;
  }

  template <class Real>
  static constexpr scale_and_zero_point<Real> parameters(const range<Real>& r, const code_bounds& codes) noexcept {
    const bool is_narrow = Range == code_range::narrow && codes.upper >= 0 && codes.lower < -codes.upper;
    const double lower = is_narrow ? -codes.upper : codes.lower;
    const double from_maximum = codes.upper > 0 ? static_cast<double>(r.maximum) / codes.upper : 0;
    const double from_minimum = lower < 0 ? static_cast<double>(r.minimum) / lower : 0;
    const double scale = from_maximum > from_minimum ? from_maximum : from_minimum;
    return {detail::stored_real<Real>(Degenerate::template repair<Real>(scale).scale), 0};
  }
  friend constexpr bool operator==(const symmetric&, const symmetric&) = default;
};

template <code_range Range, class Degenerate>
inline constexpr scheme_id id_of<symmetric<Range, Degenerate>> =
    Range == code_range::full ? scheme_id{0, "symmetric"} : scheme_id{1, "symmetric_narrow"};

}  // namespace xquant
