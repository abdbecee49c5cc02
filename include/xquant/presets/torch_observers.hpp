// PyTorch 2.15's (CPU) observers of minima and maxima and what it makes of them, bit for bit: MinMaxObserver,
// MovingAverageMinMaxObserver, their per-channel forms, _choose_qparams_per_tensor, quantize_per_tensor_dynamic and
// fused_moving_avg_obs_fake_quant. HistogramObserver: torch_histogram.hpp.
#pragma once

#include <xquant/calibration/extremes.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/exception.hpp>
#include <xquant/granularity/granularity.hpp>
#include <xquant/granularity/per_axis.hpp>
#include <xquant/granularity/per_tensor.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/presets/fbgemm.hpp>
#include <xquant/presets/torch.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::torch {

/// The dtypes of 8 bits and the schemes of the peer.
enum class quantized_dtype : std::uint8_t { quint8, qint8 };
enum class qscheme : std::uint8_t { affine, symmetric, affine_float_qparams };

/// The codes an observer answers for. `is_custom`: quant_min and quant_max were given to it, which decides the zero
/// point of symmetric quint8: the middle, rounded down, and not 128.
struct observer_codes {
  quantized_dtype dtype = quantized_dtype::quint8;
  qscheme scheme = qscheme::affine;
  std::int32_t quant_min = 0;
  std::int32_t quant_max = 255;
  bool is_custom = false;

  /// Refuses codes that do not hold 0 or are fewer than two, and more than 256 (_validate_qmin_qmax).
  [[nodiscard]] constexpr status valid() const noexcept {
    if (quant_min > 0) return fault(errc::bits_out_of_range, "quant_min", quant_min, "at most 0");
    if (quant_max < 0 || quant_max == quant_min)
      return fault(errc::bits_out_of_range, "quant_max", quant_max, "at least 0, and above quant_min");
    if (static_cast<std::int64_t>(quant_max) - quant_min > 255)
      return fault(errc::bits_out_of_range, "quant_max", quant_max, "at most 255 above quant_min");
    return {};
  }
  friend constexpr bool operator==(const observer_codes&, const observer_codes&) = default;
};

/// calculate_qmin_qmax: all codes of the dtype, or with reduce_range those of 7 bits.
constexpr observer_codes codes_of(quantized_dtype dtype, qscheme scheme, bool reduce_range = false) noexcept {
  if (dtype == quantized_dtype::quint8) return {dtype, scheme, 0, reduce_range ? 127 : 255, false};
  return {dtype, scheme, reduce_range ? -64 : -128, reduce_range ? 63 : 127, false};
}

/// Scales and zero points, one a slot. `real_zero_point` is filled for affine_float_qparams, `zero_point` otherwise.
struct observed_parameters {
  std::vector<float> scale;
  std::vector<std::int32_t> zero_point;
  std::vector<float> real_zero_point;

  friend bool operator==(const observed_parameters&, const observed_parameters&) = default;
};

namespace detail {

// torch.min and torch.max: NaN wins.
constexpr float lower_or_nan(float a, float b) noexcept { return a != a || a < b ? a : b != b || b < a ? b : a; }
constexpr float higher_or_nan(float a, float b) noexcept { return a != a || a > b ? a : b != b || b > a ? b : a; }

// float to int32 as x86-64 converts it: what does not fit becomes -2^31.
constexpr std::int32_t to_int32(float x) noexcept {
  return x >= -2147483648.0f && x < 2147483648.0f ? static_cast<std::int32_t>(x) : INT32_MIN;
}

// torch.aminmax of each slot: with a NaN in it both ends are NaN.
template <class GranularityType, class In>
status aminmax(const GranularityType& granularity, const In& tensor, std::vector<range<float>>& out) {
  auto&& held = evaluated(tensor);
  const tensor_view<const float> x = xquant::detail::as_input(as_view(held));
  xquant::detail::call<extremes_operation<float>> call;
  parameter_map map;
  if (const status bad = call.input_0(x, "x").mapped(granularity, map); !bad.ok()) return bad;
  constexpr float infinity = __builtin_inff();
  out.assign(map.count, range<float>{infinity, -infinity});
  nest_list nests;
  call.lay_out(map, nests);
  for_each_nest(nests, [&](const nest& n) {
    for_each_row(n, [&](const std::ptrdiff_t(&first)[operand_count], const nest_dimension& row) {
      for (std::size_t j = 0; j < row.extent; ++j) {
        const auto k = static_cast<std::ptrdiff_t>(j);
        const float v = x.data[first[input_0] + k * row.stride[input_0]];
        range<float>& r = out[static_cast<std::size_t>(first[parameter] + k * row.stride[parameter])];
        r.minimum = lower_or_nan(r.minimum, v);
        r.maximum = higher_or_nan(r.maximum, v);
      }
    });
  });
  return {};
}

}  // namespace detail

/// UniformQuantizationObserverBase._calculate_qparams, in float. With low = min(minimum, 0), high = max(maximum, 0) and
/// eps = 2^-23:
///   affine      scale = max((high - low) / (quant_max - quant_min), eps)
///               zero point = clamp(quant_min - int32(rne(low / scale)), quant_min, quant_max)
///   symmetric   scale = max(max(-low, high) / ((quant_max - quant_min) / 2), eps)
///               zero point = 0; quint8: 128, or floor((quant_min + quant_max) / 2) for custom codes
///   affine_float_qparams   scale = (maximum - minimum) / (quant_max - quant_min), 1 where that is not above eps
///               zero point = -minimum / scale, a float
/// NaN gives a NaN scale, an infinite end an infinite one; the sum and conversion of a zero point wrap as x86-64's do.
/// No slots at all (nothing observed) give one scale of 1 and zero point 0, as in the peer, which warns. Refuses codes
/// that are not valid, and a minimum above its maximum.
[[nodiscard]] inline status try_calculate_qparams(const std::vector<float>& minimum, const std::vector<float>& maximum,
                                                  const observer_codes& codes, observed_parameters& out) {
  if (const status bad = codes.valid(); !bad.ok()) return bad;
  if (minimum.size() != maximum.size())
    return fault(errc::shape_mismatch, "maximum", static_cast<double>(maximum.size()), "as many as there are minima");
  for (std::size_t i = 0; i < minimum.size(); ++i)
    if (minimum[i] > maximum[i])
      return fault(errc::range_inverted, "minimum", static_cast<double>(minimum[i]), "at most the maximum", i);
  observed_parameters made;
  if (minimum.empty()) {
    out = {{1.0f}, {0}, {}};
    return {};
  }
  constexpr float eps = 0x1p-23f;
  const auto steps = static_cast<float>(codes.quant_max - codes.quant_min);
  for (std::size_t i = 0; i < minimum.size(); ++i) {
    const float low = detail::lower_or_nan(minimum[i], 0.0f);
    const float high = detail::higher_or_nan(maximum[i], 0.0f);
    switch (codes.scheme) {
      case qscheme::symmetric: {
        made.scale.push_back(detail::higher_or_nan(detail::higher_or_nan(-low, high) / (steps / 2), eps));
        const std::int32_t sum = codes.quant_min + codes.quant_max;
        const std::int32_t middle = codes.is_custom ? (sum - (sum % 2 != 0 && sum < 0 ? 1 : 0)) / 2 : 128;
        made.zero_point.push_back(codes.dtype == quantized_dtype::quint8 ? middle : 0);
        break;
      }
      case qscheme::affine_float_qparams: {
        const float scale = (maximum[i] - minimum[i]) / steps;
        made.scale.push_back(scale > eps ? scale : 1.0f);
        made.real_zero_point.push_back(-minimum[i] / made.scale.back());
        break;
      }
      case qscheme::affine: {
        const float scale = detail::higher_or_nan((high - low) / steps, eps);
        made.scale.push_back(scale);
        const auto rounded = static_cast<std::uint32_t>(detail::to_int32(round_even(low / scale)));
        const auto zero_point = static_cast<std::int32_t>(static_cast<std::uint32_t>(codes.quant_min) - rounded);
        made.zero_point.push_back(std::min(std::max(zero_point, codes.quant_min), codes.quant_max));
        break;
      }
    }
  }
  out = std::move(made);
  return {};
}

/// How an observer takes in the extremes of one more tensor. MinMaxObserver: the lowest and highest so far. Order-free.
struct running_extremes {
  [[nodiscard]] static constexpr status valid() noexcept { return {}; }
  constexpr void operator()(float& low, float& high, const range<float>& seen) const noexcept {
    low = detail::lower_or_nan(seen.minimum, low);
    high = detail::higher_or_nan(seen.maximum, high);
  }
  friend constexpr bool operator==(const running_extremes&, const running_extremes&) = default;
};

/// MovingAverageMinMaxObserver: m += averaging_constant * (seen - m), in float, each step rounded; the first tensor
/// sets it. The result depends on the order of the tensors.
struct moving_extremes {
  double averaging_constant = 0.01;

  /// Refuses a constant outside [0, 1] (the peer takes any).
  [[nodiscard]] constexpr status valid() const noexcept {
    if (!(averaging_constant >= 0 && averaging_constant <= 1))
      return fault(errc::value_out_of_range, "averaging_constant", averaging_constant, "a number from 0 to 1");
    return {};
  }
  constexpr void operator()(float& low, float& high, const range<float>& seen) const noexcept {
    const auto constant = static_cast<float>(averaging_constant);
    low = low + multiply(constant, seen.minimum - low);
    high = high + multiply(constant, seen.maximum - high);
  }
  friend constexpr bool operator==(const moving_extremes&, const moving_extremes&) = default;
};

/// An observer of the extremes of each parameter slot: per tensor, or per channel with per_axis<>{ch_axis}. NaN and
/// infinities are taken in as they come (a slot with a NaN stays NaN). -0 is a zero like any. Merges with no other: of
/// moving averages there is no merged one.
template <class Update, Granularity GranularityType = per_tensor>
class extremes_observer {
 public:
  extremes_observer() = default;
  explicit extremes_observer(const Update& update, const GranularityType& granularity = {})
      : update_(update), granularity_(granularity) {}
  explicit extremes_observer(const GranularityType& granularity) : granularity_(granularity) {}

  /// forward(x): x of float; an empty one adds nothing. Refuses settings that are not valid, a granularity x does not
  /// have, another number of slots than before.
  template <TensorLike In>
  [[nodiscard]] status try_observe(const In& x) {
    if (const status bad = update_.valid(); !bad.ok()) return bad;
    std::vector<range<float>> seen;
    if (const status bad = detail::aminmax(granularity_, x, seen); !bad.ok()) return bad;
    for (const range<float>& r : seen)
      if (r.minimum > r.maximum) return {};  // no elements
    if (!minimum_.empty() && seen.size() != minimum_.size())
      return fault(errc::shape_mismatch, "x", static_cast<double>(seen.size()),
                   "as many parameter slots as in the tensors observed before");
    const bool is_first = minimum_.empty();
    for (std::size_t i = 0; i < seen.size(); ++i)
      if (is_first) {
        minimum_.push_back(seen[i].minimum);
        maximum_.push_back(seen[i].maximum);
      } else {
        update_(minimum_[i], maximum_[i], seen[i]);
      }
    return {};
  }
#if XQUANT_HAS_EXCEPTIONS
  template <TensorLike In>
  void observe(const In& x) {
    throw_if(try_observe(x));
  }
#endif

  /// min_val and max_val; empty before the first element.
  [[nodiscard]] const std::vector<float>& minimum() const noexcept { return minimum_; }
  [[nodiscard]] const std::vector<float>& maximum() const noexcept { return maximum_; }

  /// calculate_qparams(): see torch::try_calculate_qparams.
  [[nodiscard]] status try_calculate_qparams(const observer_codes& codes, observed_parameters& out) const {
    return torch::try_calculate_qparams(minimum_, maximum_, codes, out);
  }

  friend bool operator==(const extremes_observer&, const extremes_observer&) = default;

 private:
  Update update_{};
  GranularityType granularity_{};
  std::vector<float> minimum_;
  std::vector<float> maximum_;
};

/// MinMaxObserver, and with per_axis<>{ch_axis} PerChannelMinMaxObserver.
template <Granularity GranularityType = per_tensor>
using min_max_observer = extremes_observer<running_extremes, GranularityType>;
/// MovingAverageMinMaxObserver and MovingAveragePerChannelMinMaxObserver. Order-dependent.
template <Granularity GranularityType = per_tensor>
using moving_average_min_max_observer = extremes_observer<moving_extremes, GranularityType>;

/// A scale in double, as the peer keeps it, and a zero point.
using tensor_qparams = fbgemm::choose_quantization_params<>::chosen;

/// `_choose_qparams_per_tensor(x, reduce_range)` (dtype quint8) and the parameters of `quantize_per_tensor_dynamic(x,
/// dtype, reduce_range)`: FBGEMM's ChooseQuantizationParams (presets::fbgemm) of the smallest and largest element, for
/// the codes of the dtype, both ends halved by reduce_range. Source: aten/src/ATen/native/quantized/cpu/QuantUtils.h.
/// Refuses no elements, NaN and infinities.
template <TensorLike In>
[[nodiscard]] status try_choose_qparams_per_tensor(const In& x, quantized_dtype dtype, bool reduce_range,
                                                   tensor_qparams& out) {
  std::vector<range<float>> seen;
  if (const status bad = detail::aminmax(per_tensor{}, x, seen); !bad.ok()) return bad;
  if (seen[0].minimum > seen[0].maximum) return fault(errc::no_samples, "x", 0, "at least one element");
  if (const status bad = seen[0].valid("x"); !bad.ok()) return bad;
  const observer_codes codes = codes_of(dtype, qscheme::affine, reduce_range);
  out = fbgemm::choose_quantization_params<>::choose(
      seen[0], {static_cast<double>(codes.quant_min), static_cast<double>(codes.quant_max), true});
  return {};
}

/// Settings of fused_moving_avg_obs_fake_quant.
struct fused_settings {
  double averaging_constant = 0.01;
  std::int32_t quant_min = 0;
  std::int32_t quant_max = 255;
  bool is_symmetric = false;
};

/// `fused_moving_avg_obs_fake_quant` with its observer and its fake quantization switched on: moving averages of the
/// extremes in float (an infinite one is set anew), FBGEMM's parameters of them (with is_symmetric it preserves
/// sparsity), and with those fake quantization: per tensor, or per channel with per_axis<>{ch_axis}. Order-dependent.
/// Source: aten/src/ATen/native/quantized/FusedObsFakeQuant.cpp.
template <Granularity GranularityType = per_tensor>
class fused_observer {
 public:
  explicit fused_observer(const fused_settings& settings, const GranularityType& granularity = {})
      : settings_(settings), granularity_(granularity) {}

  /// y = the op applied to x. Refuses a constant outside [0, 1], codes as observer_codes, NaN and infinities in x, no
  /// elements, another number of slots than before, and what fake_quantize refuses; then nothing has changed.
  template <TensorLike In, TensorInMemory Out, class Engine = default_engine>
  [[nodiscard]] status try_apply(const In& x, Out&& y, const Engine& engine = {}) {
    const moving_extremes update{settings_.averaging_constant};
    if (const status bad = update.valid(); !bad.ok()) return bad;
    const observer_codes codes{quantized_dtype::qint8, qscheme::affine, settings_.quant_min, settings_.quant_max, true};
    if (const status bad = codes.valid(); !bad.ok()) return bad;
    fused_observer next = *this;
    std::vector<range<float>> seen;
    if (const status bad = detail::aminmax(granularity_, x, seen); !bad.ok()) return bad;
    for (std::size_t i = 0; i < seen.size(); ++i) {
      if (seen[i].minimum > seen[i].maximum) return fault(errc::no_samples, "x", 0, "at least one element", i);
      if (const status bad = seen[i].valid("x", i); !bad.ok()) return bad;
    }
    if (!minimum_.empty() && seen.size() != minimum_.size())
      return fault(errc::shape_mismatch, "x", static_cast<double>(seen.size()),
                   "as many parameter slots as in the tensors before");
    next.minimum_.resize(seen.size());
    next.maximum_.resize(seen.size());
    next.scale_.clear();
    next.zero_point_.clear();
    for (std::size_t i = 0; i < seen.size(); ++i) {
      if (minimum_.empty()) {
        next.minimum_[i] = seen[i].minimum;
        next.maximum_[i] = seen[i].maximum;
      } else {
        update(next.minimum_[i], next.maximum_[i], seen[i]);
      }
      const range<float> r{next.minimum_[i], next.maximum_[i]};
      const code_bounds bounds{static_cast<double>(settings_.quant_min), static_cast<double>(settings_.quant_max),
                               true};
      const auto p = settings_.is_symmetric ? choose<true>(r, bounds) : choose<false>(r, bounds);
      next.scale_.push_back(p.scale);
      next.zero_point_.push_back(p.zero_point);
    }
    const affine_parameters<> p(std::vector<double>(next.scale_.begin(), next.scale_.end()), next.zero_point_);
    using quantizer_type = conditional<is_same<GranularityType, per_tensor>, fake_quantize_per_tensor<std::int16_t>,
                                       fake_quantize_per_channel<std::int16_t>>;
    quantizer_type q;
    q.format = {settings_.quant_min, settings_.quant_max};
    if constexpr (!is_same<GranularityType, per_tensor>) q.granularity = granularity_;
    if (const status bad = xquant::try_fake_quantize(q, p.view(), x, y, engine); !bad.ok()) return bad;
    *this = std::move(next);
    return {};
  }

  [[nodiscard]] const std::vector<float>& minimum() const noexcept { return minimum_; }
  [[nodiscard]] const std::vector<float>& maximum() const noexcept { return maximum_; }
  [[nodiscard]] const std::vector<float>& scale() const noexcept { return scale_; }
  [[nodiscard]] const std::vector<std::int32_t>& zero_point() const noexcept { return zero_point_; }

 private:
  template <bool PreserveSparsity>
  static scale_and_zero_point<float> choose(const range<float>& r, const code_bounds& codes) noexcept {
    return fbgemm::choose_quantization_params<PreserveSparsity>::parameters(r, codes);
  }

  fused_settings settings_;
  GranularityType granularity_;
  std::vector<float> minimum_;
  std::vector<float> maximum_;
  std::vector<float> scale_;
  std::vector<std::int32_t> zero_point_;
};

}  // namespace xquant::presets::torch
