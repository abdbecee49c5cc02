// Half-quadratic quantization (HQQ): the zero point of small L_p error, p below 1, by a shrinking operator.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/ptq/scale_search/first_guess.hpp>
#include <xquant/ptq/scale_search/group.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace xquant::inline XQUANT_ABI::ptq {

/// Badri and Shaji, "Half-Quadratic Quantization of Large Machine Learning Models" (2023). The scale is
/// min-max's, s = (max - min) / (upper - lower), of the range widened to 0 (there as it is: integer zero points are
/// among the codes), at least `least_scale` (5e-5 there); then, with a real zero point z,
///   k = clamp(round(x / s + z)),   e = shrink(x - s (k - z)),   z <- mean(k - (x - e) / s),
///   shrink(e) = sign(e) max(0, |e| - |e|^(power - 1) / beta),   beta <- kappa beta,
/// until the mean magnitude of x - s (k - z) no longer falls. The means are weighted by importance. The zero point is
/// then rounded and held to the codes, as the quantizers here have it; HQQ's own stays real
/// (presets/torchao_hqq.hpp, which also stops by the mean of all groups). Refuses quantizers without zero points to
/// choose (errc::unsupported), and settings that are not above 0 (errc::value_out_of_range).
struct half_quadratic {
  double power = 0.7;
  double beta = 10;
  double kappa = 1.01;
  int iterations = 20;
  double least_scale = 5e-5;

  /// The proximal operator of |e|^power / beta, to first order.
  template <class Real>
  [[nodiscard]] static Real shrink(Real e, Real beta, Real power) noexcept {
    const Real magnitude = std::fabs(e);
    if (magnitude == 0) return 0;
    const Real rest = magnitude - (power == 1 ? 1 / beta : 1 / beta * std::pow(magnitude, power - 1));
    return rest > 0 ? std::copysign(rest, e) : Real(0);
  }

  [[nodiscard]] constexpr status valid() const noexcept {
    for (const double setting : {power, beta, kappa, least_scale})
      if (!(setting > 0 && is_finite(setting)))
        return fault(errc::value_out_of_range, "half_quadratic", setting, "finite settings above 0");
    if (iterations < 1) return fault(errc::value_out_of_range, "half_quadratic.iterations", iterations, "at least 1");
    return {};
  }
  [[nodiscard]] status try_find(const searched_quantizer& q, const weight_group& group, slot& out) const {
    if (!q.has_zero_points() || q.has_power_of_two_scales())
      return fault(errc::unsupported, "scheme", 0, "half_quadratic: a scheme with zero points and any scale");
    const range<float> all = group.extremes();
    const double low = std::min(static_cast<double>(all.minimum), 0.0);
    const double step = (std::max(static_cast<double>(all.maximum), 0.0) - low) / (q.upper() - q.lower());
    const double scale = std::max({step, least_scale, static_cast<double>(q.least_scale())});
    double zero = q.lower() - low / scale;
    double best = __builtin_inf();
    double b = beta;
    for (int k = 0; k < iterations; ++k, b *= kappa) {
      double sum = 0;
      double weights = 0;
      double magnitudes = 0;
      for (std::size_t i = 0; i < group.x.size(); ++i) {
        const auto x = static_cast<double>(group.x[i]);
        const double code = std::clamp(std::nearbyint(x / scale + zero), q.lower(), q.upper());
        const double error = x - (code - zero) * scale;
        const double w = group.weight(i);
        sum += w * (code - (x - shrink(error, b, power)) / scale);
        magnitudes += w * std::fabs(error);
        weights += w;
      }
      if (!(weights > 0)) break;
      zero = sum / weights;
      if (!(magnitudes < best)) break;
      best = magnitudes;
    }
    out.zero_point = static_cast<std::int32_t>(std::clamp(std::nearbyint(zero), q.lower(), q.upper()));
    out.scale = std::min(static_cast<float>(scale), q.greatest_scale(out.zero_point));
    return {};
  }
  friend bool operator==(const half_quadratic&, const half_quadratic&) = default;
};

}  // namespace xquant::ptq
