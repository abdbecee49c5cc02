// Brevitas 0.13's MSE weight quantizers (CPU, torch 2.15, one thread), bit for bit: scales and zero points from a grid
// of statistics, by the least squared error. What they quantize with is presets/brevitas.hpp's.
#pragma once

#include <xquant/ops/fake_quantize.hpp>
#include <xquant/parameters.hpp>
#include <xquant/presets/aimet_torch_histogram.hpp>
#include <xquant/presets/brevitas.hpp>
#include <xquant/presets/torch_sum.hpp>

#include <cstddef>
#include <limits>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::brevitas {

/// mse_search_method = "grid", which every quantizer ...MSE has in this version: of the statistic / iterations, and of
/// `iterations` - 1 points from there on to the statistic, the first of the least loss
///   sum of (w - y)^2 over the slot, in float32, in torch's order.
struct mse_grid {
  int iterations = 20;

  /// Refuses fewer than 2 iterations, and more than 100: integers would leave what float roundings take.
  [[nodiscard]] constexpr status valid() const noexcept {
    if (iterations < 2 || iterations > 100)
      return fault(errc::value_out_of_range, "mse_grid.iterations", iterations, "2 to 100");
    return {};
  }
  friend constexpr bool operator==(const mse_grid&, const mse_grid&) = default;
};

namespace detail {

// torch.linspace(1 / intervals, 1, intervals)[i] in float32: from the nearer end, with fused steps.
inline float point_of_linspace(int i, int intervals) noexcept {
  const float start = static_cast<float>(1.0 / intervals);
  if (intervals == 1) return start;
  const float step = (1.0f - start) / static_cast<float>(intervals - 1);
  return i < intervals / 2
             ? presets::detail::fused_multiply_add<float>(step, static_cast<float>(i), start)
             : presets::detail::fused_multiply_add<float>(-step, static_cast<float>(intervals - 1 - i), 1.0f);
}

// The grid below a statistic, which is negative for zero points; loss_of(statistic, loss) may fail.
template <class LossOf>
status try_search_grid(float statistic, const mse_grid& grid, const LossOf& loss_of, float& best) {
  const float base = statistic / static_cast<float>(grid.iterations);
  const float low = base < statistic ? base : statistic;
  const float high = base < statistic ? statistic : base;
  float result = low;
  float least = 0;
  if (const status s = loss_of(low, least); !s.ok()) return s;
  for (int i = 0; i + 1 < grid.iterations; ++i) {
    const float point = add<float>(low, multiply<float>(high - low, point_of_linspace(i, grid.iterations - 1)));
    float loss = 0;
    if (const status s = loss_of(point, loss); !s.ok()) return s;
    if (loss < least) {
      least = loss;
      result = point;
    }
  }
  best = result;
  return {};
}

// A slot's elements and what trying a candidate on them needs.
class searched_slot {
 public:
  // Refuses NaN and infinities.
  [[nodiscard]] status try_fill(const std::vector<float>& elements, std::size_t slot) {
    w_ = elements;
    y_.resize(w_.size());
    terms_.resize(w_.size());
    lowest_ = highest_ = w_.front();
    for (const float v : w_) {
      if (!is_finite(v)) return fault(errc::not_finite, "w", static_cast<double>(v), "finite numbers", slot);
      lowest_ = v < lowest_ ? v : lowest_;
      highest_ = v > highest_ ? v : highest_;
    }
    return {};
  }
  [[nodiscard]] float magnitude() const noexcept { return -lowest_ > highest_ ? -lowest_ : highest_; }
  [[nodiscard]] float low() const noexcept { return lowest_ < 0 ? lowest_ : 0.0f; }
  [[nodiscard]] float width() const noexcept { return highest_ - low(); }

  // quantize(w, y) -> status.
  template <class Quantize>
  [[nodiscard]] status try_loss(const Quantize& quantize, float& loss) {
    const shape s(w_.size());
    if (const status bad = quantize(tensor_view<const float>(w_.data(), s), tensor_view<float>(y_.data(), s));
        !bad.ok())
      return bad;
    for (std::size_t i = 0; i < w_.size(); ++i) {
      const float off = w_[i] - y_[i];
      terms_[i] = multiply<float>(off, off);
    }
    loss = presets::torch::detail::sum_row(terms_.data(), terms_.size());
    return {};
  }

 private:
  std::vector<float> w_;
  std::vector<float> y_;
  std::vector<float> terms_;
  float lowest_ = 0;
  float highest_ = 0;
};

inline float scale_of_statistic(const int_weight_quantizer& q, float statistic) {
  if (q.rule == scale_rule::power_of_two) return scaling::power_of_two_stats::scale_of(statistic, q.bits);
  const int_range range = q.range();
  return scaling::max_stats::scale_of(statistic, q.rule == scale_rule::max ? -range.lower : range.upper);
}

// Of a minimum at or below zero: clamp(rne(-minimum / scale), 0, upper), never -0.
inline float zero_point_of_minimum(const int_weight_quantizer& q, float minimum, float scale) {
  const float steps = nearest_even::round(add<float>(-minimum / scale, 0));
  return steps < q.range().upper ? steps : q.range().upper;
}

}  // namespace detail

/// Scales and zero points of `w` by `grid`, for int8_weight_float (Int8WeightPerTensorFloatMSE, PerChannel with
/// per_axis<0>), int8_weight_fixed_point (...FixedPointMSE) and shifted_uint8_weight (ShiftedUint8Weight...MSE). What
/// is searched is max(|w|), whose scale is formed, and rounded to a power of two, for each candidate; shifted: first
/// max - min(min, 0) under the zero point of min(min, 0), then that minimum under the scale found. Refuses what
/// try_weight_parameters refuses, other rules (errc::unsupported), grids that are not valid, NaN and infinities;
/// shifted, also ranges whose width is no finite float.
template <TensorLike In, class Granularity>
[[nodiscard]] status try_mse_weight_parameters(const In& w, const int_weight_quantizer& q,
                                               const Granularity& granularity, weight_parameters& out,
                                               const mse_grid& grid = {}) {
  auto&& held_w = evaluated(w);
  if (q.bits < 2 || q.bits > 24) return fault(errc::bits_out_of_range, "bits", q.bits, "2 to 24 bits");
  if (q.rule == scale_rule::decoupled_l2 || q.rule == scale_rule::constant)
    return fault(errc::unsupported, "rule", static_cast<double>(q.rule), "max, power_of_two or shifted_min_max");
  if (const status s = grid.valid(); !s.ok()) return s;
  std::vector<std::vector<float>> slots;
  std::vector<float> all;
  if (const status s = aimet_torch::detail::elements_by_slot(as_view(held_w), granularity, slots, all, "w"); !s.ok())
    return s;
  weight_parameters result;
  detail::searched_slot slot;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (const status s = slot.try_fill(slots[i], i); !s.ok()) return s;
    const auto loss_of = [&](float scale, float zero_point, float& loss) {
      // Powers of two beyond float: the peer's loss is NaN there, and never the least.
      loss = std::numeric_limits<float>::infinity();
      if (!is_finite(scale)) return status{};
      return slot.try_loss(
          [&](const auto& x, const auto& y) {
            return try_quantize_weight(x, q, weight_parameters{{scale}, {scale}, {zero_point}}, per_tensor{}, y);
          },
          loss);
    };
    const bool is_shifted = q.rule == scale_rule::shifted_min_max;
    if (is_shifted && !is_finite(slot.width()))
      return fault(errc::value_out_of_range, "w", static_cast<double>(slot.width()),
                   "elements whose maximum - minimum is a finite float", i);
    float statistic = is_shifted ? slot.width() : slot.magnitude();
    float minimum = is_shifted ? slot.low() : 0.0f;
    const auto loss_of_width = [&](float candidate, float& loss) {
      const float scale = detail::scale_of_statistic(q, candidate);
      return loss_of(scale, detail::zero_point_of_minimum(q, minimum, scale), loss);
    };
    if (const status s = detail::try_search_grid(statistic, grid, loss_of_width, statistic); !s.ok()) return s;
    const float scale = detail::scale_of_statistic(q, statistic);
    const auto loss_of_minimum = [&](float candidate, float& loss) {
      return loss_of(scale, detail::zero_point_of_minimum(q, candidate, scale), loss);
    };
    if (is_shifted)
      if (const status s = detail::try_search_grid(minimum, grid, loss_of_minimum, minimum); !s.ok()) return s;
    result.scale.push_back(scale);
    result.zero_point.push_back(detail::zero_point_of_minimum(q, minimum, scale));
  }
  result.pre_scale = result.scale;
  out = static_cast<weight_parameters&&>(result);
  return {};
}

/// The scales of ocp_weight by `grid` over max(|w|) (Fp8e4m3OCPWeightPerTensorFloatMSE and its like). Refuses what
/// try_mse_weight_parameters refuses of tensors and grids.
template <class FormatType, TensorLike In, class Granularity>
[[nodiscard]] status try_mse_ocp_scales(const In& w, const Granularity& granularity, std::vector<float>& scale,
                                        const mse_grid& grid = {}) {
  auto&& held_w = evaluated(w);
  if (const status s = grid.valid(); !s.ok()) return s;
  std::vector<std::vector<float>> slots;
  std::vector<float> all;
  if (const status s = aimet_torch::detail::elements_by_slot(as_view(held_w), granularity, slots, all, "w"); !s.ok())
    return s;
  std::vector<float> result;
  detail::searched_slot slot;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (const status s = slot.try_fill(slots[i], i); !s.ok()) return s;
    const auto scale_of = [](float statistic) {
      return scaling::max_stats::scale_of(statistic, static_cast<float>(FormatType::largest()));
    };
    const auto loss_of = [&](float candidate, float& loss) {
      const float tried = scale_of(candidate);
      return slot.try_loss(
          [&](const auto& x, const auto& y) {
            return try_fake_quantize(ocp_weight<FormatType, per_tensor>{}, parameters(std::vector<float>{tried}), x, y);
          },
          loss);
    };
    float statistic = slot.magnitude();
    if (const status s = detail::try_search_grid(statistic, grid, loss_of, statistic); !s.ok()) return s;
    result.push_back(scale_of(statistic));
  }
  scale = static_cast<std::vector<float>&&>(result);
  return {};
}

}  // namespace xquant::presets::brevitas
