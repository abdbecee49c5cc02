// Affine (asymmetric) scheme: the whole range of codes spans the range of the data, zero is one of the codes.
#pragma once

#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>
#include <xquant/core/range.hpp>
#include <xquant/schemes/degenerate_scale.hpp>

namespace xquant::inline XQUANT_ABI {

/// Whether a range that does not contain zero is widened to it.
enum class range_of_zero : std::uint8_t { included, as_given };

/// The range [a, b] is widened to contain zero; then, in double,
///   scale      = (b - a) / (upper - lower)                  rounded once to the parameters' type
///   zero point = clamp(lower - rne(a / scale), lower, upper) with that unrounded scale
/// so that zero is represented exactly. What a range of no width gives is a policy (degenerate_scale.hpp); by default
/// scale 1 and the zero point nearest to 0. ONNX QuantizeLinear's convention: real = scale * (code - zero point).
/// Needs a format of integers. `range_of_zero::as_given` does not widen (torchao, preserve_zero = False): the step is
/// finer, but the zero point is still one of the codes, so data whose range lies away from zero are clipped.
template <DegenerateScale Degenerate = degenerate::one, range_of_zero Zero = range_of_zero::included>
struct affine_scheme {
  using policy_category = category::scheme;
  using degenerate_scale = Degenerate;
  template <class D>
  using with_degenerate_scale = affine_scheme<D, Zero>;
  static constexpr bool has_zero_point = true;

  static constexpr std::int32_t lowest_code(std::int32_t lower, std::int32_t) noexcept { return lower; }

  template <class Real>
  static constexpr scale_and_zero_point<Real> parameters(const range<Real>& r, const code_bounds& codes) noexcept {
    const double low = lowest(r);
    const repaired_scale scale = Degenerate::template repair<Real>(detail::step_of(low, highest(r), codes));
    return {detail::stored_real<Real>(scale.scale),
            scale.is_degenerate ? detail::held_zero_point(0, codes) : zero_point_for(r, codes, scale.scale)};
  }

  /// The zero point with a scale from elsewhere.
  template <class Real>
  static constexpr std::int32_t zero_point_for(const range<Real>& r, const code_bounds& codes, double scale) noexcept {
    return detail::held_zero_point(codes.lower - detail::nearest_integer(lowest(r) / scale), codes);
  }
  friend constexpr bool operator==(const affine_scheme&, const affine_scheme&) = default;

 private:
  template <class Real>
  static constexpr double lowest(const range<Real>& r) noexcept {
    return Zero == range_of_zero::as_given || r.minimum < 0 ? static_cast<double>(r.minimum) : 0.0;
  }
  template <class Real>
  static constexpr double highest(const range<Real>& r) noexcept {
    return Zero == range_of_zero::as_given || r.maximum > 0 ? static_cast<double>(r.maximum) : 0.0;
  }
};

using affine = affine_scheme<>;

template <class Degenerate, range_of_zero Zero>
inline constexpr scheme_id id_of<affine_scheme<Degenerate, Zero>> =
    Zero == range_of_zero::included ? scheme_id{2, "affine"} : scheme_id{3, "affine_as_given"};

}  // namespace xquant
