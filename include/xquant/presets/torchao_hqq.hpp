// torchao 0.18: half-quadratic quantization (HQQ) of weights, with a real zero point and scale-only.
#pragma once

#include <xquant/calls/call.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/exception.hpp>
#include <xquant/ptq/scale_search/half_quadratic.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::torchao {

/// What HQQ gives: a code for each element, and for each group of consecutive elements s and z with x = (code - z) s.
struct hqq_weights {
  std::vector<std::uint8_t> codes;
  std::vector<float> scale;
  std::vector<float> zero;
};

/// What the scale-only variant gives: x = code s.
struct hqq_scale_only_weights {
  std::vector<std::int32_t> codes;
  std::vector<float> scale;
};

/// torchao's opt_params of HQQ.
struct hqq_options {
  double lp_norm = 0.7;
  double beta = 10;
  double kappa = 1.01;
  int iterations = 20;
  bool early_stop = true;
};

namespace detail {

// The elements in row-major order, in whole groups along the last dimension or, flat, of the tensor as a row.
template <TensorLike In>
status hqq_elements(const In& x, std::size_t group_size, bool within_rows, std::vector<float>& out) {
  static_assert(is_same<element_of<In>, float>, "xquant::presets::torchao: HQQ takes float");
  auto&& held = evaluated(x);
  const auto v = as_view(held);
  const tensor_view<const float> view(v.data, v.shape, v.stride);
  if (const status bad = xquant::detail::validate_input(view, "x"); !bad.ok()) return bad;
  const std::size_t n = view.shape.size();
  if (n == 0) return fault(errc::no_samples, "x", 0, "at least one element");
  const std::size_t row = within_rows && view.shape.rank > 0 ? view.shape.extent[view.shape.rank - 1] : n;
  if (group_size == 0 || row % group_size != 0)
    return fault(errc::value_out_of_range, "group_size", static_cast<double>(group_size),
                 within_rows ? "a divisor of the last extent" : "a divisor of the number of elements");
  std::vector<float> all(n);
  for (std::size_t i = 0; i < n; ++i) {
    all[i] = view.data[offset_of(i, view.shape, view.stride)];
    if (!is_finite(all[i])) return fault(errc::not_finite, "x", static_cast<double>(all[i]), "finite values", i);
  }
  out = std::move(all);
  return {};
}

inline float held_code(float v, float lowest, float highest) noexcept {
  return std::min(std::max(std::nearbyint(v), lowest), highest);
}

}  // namespace detail

/// `_choose_qparams_and_quantize_affine_hqq(x, nbits, group_size, axis=1, compute_dtype=float32, raw_output=True)`, on
/// the CPU in float32: from t = min((2^bits - 1) / (max - min), 2e4) and z = -min t (rounded for 4 bits), with W groups
/// of x,
///   k = clamp(rne(W t + z), 0, 2^bits - 1),  e = shrink(W - (k - z) / t),  z <- mean(k - (W - e) t),  beta <- kappa
///   beta
/// (half_quadratic::shrink), until the mean of |W - (k - z) / t| over all of x no longer falls; scale 1 / t. Sums are
/// in double here, in float there: results agree to about 1e-6, but for codes next to a tie. Refuses bits outside 1 to
/// 8, a group size that does not divide x, NaN and infinities, no elements, and options that are not above 0; `out` is
/// untouched then.
template <TensorLike In>
[[nodiscard]] status try_choose_qparams_and_quantize_affine_hqq(const In& x, int bits, std::size_t group_size,
                                                                const hqq_options& options, hqq_weights& out) {
  if (bits < 1 || bits > 8) return fault(errc::bits_out_of_range, "bits", bits, "1 to 8");
  const ptq::half_quadratic rule{options.lp_norm, options.beta, options.kappa, options.iterations};
  if (const status bad = rule.valid(); !bad.ok()) return bad;
  std::vector<float> w;
  if (const status bad = detail::hqq_elements(x, group_size, false, w); !bad.ok()) return bad;
  const std::size_t groups = w.size() / group_size;
  const auto most = static_cast<float>((1 << bits) - 1);
  std::vector<float> factor(groups);
  hqq_weights result;
  for (std::size_t g = 0; g < groups; ++g) {
    const auto first = w.begin() + static_cast<std::ptrdiff_t>(g * group_size);
    const auto [low, high] = std::minmax_element(first, first + static_cast<std::ptrdiff_t>(group_size));
    factor[g] = std::min(most / (*high - *low), 2e4f);
    const float zero = -*low * factor[g];
    result.zero.push_back(bits == 4 ? std::nearbyint(zero) : zero);
  }
  double best = 1e4;
  double beta = options.beta;
  for (int turn = 0; turn < options.iterations; ++turn, beta *= options.kappa) {
    double magnitudes = 0;
    for (std::size_t g = 0; g < groups; ++g) {
      const float t = factor[g];
      const float z = result.zero[g];
      double sum = 0;
      for (std::size_t i = g * group_size; i < (g + 1) * group_size; ++i) {
        const float code = detail::held_code(w[i] * t + z, 0, most);
        const float error = w[i] - (code - z) / t;
        magnitudes += static_cast<double>(std::fabs(error));
        const float shrunk =
            ptq::half_quadratic::shrink(error, static_cast<float>(beta), static_cast<float>(options.lp_norm));
        sum += static_cast<double>(code - (w[i] - shrunk) * t);
      }
      result.zero[g] = static_cast<float>(sum / static_cast<double>(group_size));
    }
    const double mean = magnitudes / static_cast<double>(w.size());
    if (options.early_stop && !(mean < best)) break;
    best = mean;
  }
  for (std::size_t i = 0; i < w.size(); ++i) {
    const std::size_t g = i / group_size;
    result.codes.push_back(static_cast<std::uint8_t>(detail::held_code(w[i] * factor[g] + result.zero[g], 0, most)));
  }
  for (const float t : factor) result.scale.push_back(1.0f / t);
  out = std::move(result);
  return {};
}

/// `_choose_qparams_and_quantize_scale_only_hqq(x, [1, group_size], quant_min, quant_max, iters, early_stop_tol)` of
/// float32 weights [rows, columns], deterministic: from s = max(max |W| / max(|quant_min|, |quant_max|), 2^-23),
///   k = clamp(rne(W / s)),   s <- max(sum(W k) / sum(k^2), 2^-23), or s where all codes are zero,
/// until no scale of x moves by as much as `tolerance` of itself; codes of the last s. Sums are in double here.
/// ptq::alternating_least_squares is the same for one group alone. Refuses an inverted range of codes, no iterations, a
/// group size that does not divide the columns, NaN and infinities, no elements; `out` is untouched then.
template <TensorLike In>
[[nodiscard]] status try_choose_qparams_and_quantize_scale_only_hqq(const In& x, std::size_t group_size,
                                                                    std::int32_t quant_min, std::int32_t quant_max,
                                                                    hqq_scale_only_weights& out, int iterations = 20,
                                                                    double tolerance = 1e-5) {
  if (quant_min >= quant_max) return fault(errc::range_inverted, "quant_min", quant_min, "below quant_max");
  if (iterations < 1) return fault(errc::value_out_of_range, "iterations", iterations, "at least 1");
  std::vector<float> w;
  if (const status bad = detail::hqq_elements(x, group_size, true, w); !bad.ok()) return bad;
  constexpr auto least = power_of_two<float>(-23);
  const auto lowest = static_cast<float>(quant_min);
  const auto highest = static_cast<float>(quant_max);
  const float codes = std::max(std::fabs(lowest), std::fabs(highest));
  const std::size_t groups = w.size() / group_size;
  std::vector<float> scale(groups);
  for (std::size_t g = 0; g < groups; ++g) {
    float most = 0;
    for (std::size_t i = g * group_size; i < (g + 1) * group_size; ++i) most = std::max(most, std::fabs(w[i]));
    scale[g] = std::max(most / codes, least);
  }
  for (int turn = 0; turn < iterations; ++turn) {
    float moved = 0;
    for (std::size_t g = 0; g < groups; ++g) {
      double products = 0;
      double squares = 0;
      for (std::size_t i = g * group_size; i < (g + 1) * group_size; ++i) {
        const auto code = static_cast<double>(detail::held_code(w[i] / scale[g], lowest, highest));
        products += static_cast<double>(w[i]) * code;
        squares += code * code;
      }
      const float before = scale[g];
      if (squares > 0) scale[g] = std::max(static_cast<float>(products / squares), least);
      moved = std::max(moved, std::fabs(scale[g] - before) / std::max(before, least));
    }
    if (static_cast<double>(moved) < tolerance) break;
  }
  hqq_scale_only_weights result;
  for (std::size_t i = 0; i < w.size(); ++i)
    result.codes.push_back(static_cast<std::int32_t>(detail::held_code(w[i] / scale[i / group_size], lowest, highest)));
  result.scale = std::move(scale);
  out = std::move(result);
  return {};
}

}  // namespace xquant::presets::torchao
