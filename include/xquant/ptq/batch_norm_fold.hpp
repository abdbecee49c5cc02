// Folding a batch norm into the linear layer before it: W' = W s, b' = (b - mean) s + beta with
// s = gamma / sqrt(variance + epsilon); or into the one after it: W' = W s, b' = b + W (beta - mean s). Arrays in,
// arrays out; which arrays is model/batch_norm_fold.hpp's business.
#pragma once

#include <xquant/error.hpp>
#include <xquant/exception.hpp>

#include <cmath>
#include <cstddef>
#include <span>

namespace xquant::inline XQUANT_ABI::ptq {

/// A batch norm as trained: one value of each per channel.
struct batch_norm {
  std::span<const float> gamma;
  std::span<const float> beta;
  std::span<const float> mean;
  std::span<const float> variance;
  double epsilon = 1e-5;
};

/// Where in a dense weight the output channels lie: index ((group * outer + o) * channels + c) * inner + i belongs to
/// output channel group * channels + c.
struct weight_layout {
  std::size_t groups = 1;
  std::size_t outer = 1;
  std::size_t channels = 0;  ///< output channels of one group
  std::size_t inner = 1;

  [[nodiscard]] constexpr std::size_t size() const noexcept { return groups * outer * channels * inner; }
  [[nodiscard]] constexpr std::size_t output_channels() const noexcept { return groups * channels; }

  /// Conv weight [outputs, inputs / group, kernel...]: channels along axis 0. Likewise a Gemm weight stored [N, K].
  static constexpr weight_layout output_first(std::size_t outputs, std::size_t per_output) noexcept {
    return {1, 1, outputs, per_output};
  }
  /// ConvTranspose weight [inputs, outputs / group, kernel...]: channels along axis 1, group by group.
  static constexpr weight_layout transposed(std::size_t inputs, std::size_t groups, std::size_t group_outputs,
                                            std::size_t taps) noexcept {
    return {groups, groups == 0 ? 0 : inputs / groups, group_outputs, taps};
  }
  /// Gemm or MatMul weight [K, N]: channels along axis 1.
  static constexpr weight_layout output_last(std::size_t inputs, std::size_t outputs) noexcept {
    return {1, inputs, outputs, 1};
  }
};

/// A dense weight by its inputs: element (o, i, t) is at o output_stride + i input_stride + t. `per_channel` inputs in
/// a row belong to one channel of the batch norm (a flattened map).
struct input_layout {
  std::size_t outputs = 0;
  std::size_t inputs = 0;
  std::size_t taps = 1;
  std::size_t output_stride = 0;
  std::size_t input_stride = 0;
  std::size_t per_channel = 1;

  [[nodiscard]] constexpr std::size_t size() const noexcept { return outputs * inputs * taps; }

  /// Conv weight [outputs, inputs, kernel...] of one group; a Gemm weight stored [N, K].
  static constexpr input_layout output_first(std::size_t outputs, std::size_t inputs, std::size_t taps) noexcept {
    return {outputs, inputs, taps, inputs * taps, taps, 1};
  }
  /// Gemm weight [K, N].
  static constexpr input_layout output_last(std::size_t inputs, std::size_t outputs) noexcept {
    return {outputs, inputs, 1, 1, outputs, 1};
  }
};

namespace detail {

// Counts and variances, as both directions need them.
inline status validate_batch_norm(const batch_norm& norm, std::size_t channels, const char* expected) noexcept {
  const auto count = [&](const char* name, std::size_t size) {
    return size == channels ? status{} : fault(errc::parameter_count, name, static_cast<double>(size), expected);
  };
  if (const status s = count("gamma", norm.gamma.size()); !s.ok()) return s;
  if (const status s = count("beta", norm.beta.size()); !s.ok()) return s;
  if (const status s = count("mean", norm.mean.size()); !s.ok()) return s;
  if (const status s = count("variance", norm.variance.size()); !s.ok()) return s;
  for (std::size_t c = 0; c < channels; ++c) {
    const double spread = static_cast<double>(norm.variance[c]) + norm.epsilon;
    if (!(spread > 0) || spread > 1.7976931348623157e308)
      return fault(errc::value_out_of_range, "variance", static_cast<double>(norm.variance[c]),
                   "variance + epsilon positive and finite", c);
  }
  return {};
}

}  // namespace detail

/// Refuses: spans of the batch norm or a bias that have not one value per channel, a weight of another size than the
/// layout says, variance + epsilon that is not a positive finite number.
[[nodiscard]] inline status validate_batch_norm_fold(const batch_norm& norm, const weight_layout& layout,
                                                     std::size_t weight_size, std::size_t bias_size) noexcept {
  if (const status s = detail::validate_batch_norm(norm, layout.output_channels(), "one value per output channel");
      !s.ok())
    return s;
  if (bias_size != layout.output_channels())
    return fault(errc::parameter_count, "bias", static_cast<double>(bias_size), "one value per output channel");
  if (weight_size != layout.size())
    return fault(errc::shape_mismatch, "weight", static_cast<double>(weight_size),
                 "as many elements as its layout says");
  return {};
}

/// Folds in place: `weight` (dense, see weight_layout) and `bias` (zeros where the layer has none) become those of the
/// layer followed by the batch norm. Computed in double, rounded to float once. Without exceptions, use the try_ form.
[[nodiscard]] inline status try_fold_batch_norm(const batch_norm& norm, const weight_layout& layout,
                                                std::span<float> weight, std::span<float> bias) noexcept {
  if (const status s = validate_batch_norm_fold(norm, layout, weight.size(), bias.size()); !s.ok()) return s;
  float* w = weight.data();
  for (std::size_t g = 0; g < layout.groups; ++g)
    for (std::size_t o = 0; o < layout.outer; ++o)
      for (std::size_t c = 0; c < layout.channels; ++c) {
        const std::size_t channel = g * layout.channels + c;
        const double factor = norm.gamma[channel] / std::sqrt(norm.variance[channel] + norm.epsilon);
        for (std::size_t i = 0; i < layout.inner; ++i, ++w) *w = static_cast<float>(*w * factor);
      }
  for (std::size_t c = 0; c < bias.size(); ++c) {
    const double factor = norm.gamma[c] / std::sqrt(norm.variance[c] + norm.epsilon);
    bias[c] = static_cast<float>((static_cast<double>(bias[c]) - norm.mean[c]) * factor + norm.beta[c]);
  }
  return {};
}

/// Folds in place into the layer after the batch norm: `weight` and `bias` (zeros where the layer has none) become
/// those of the batch norm followed by the layer, which must not pad its input. `gain` is what the layer multiplies its
/// products by (a Gemm's alpha). Computed in double, rounded to float once. Refuses what validate_batch_norm_fold does,
/// for the input channels.
[[nodiscard]] inline status try_fold_batch_norm_forward(const batch_norm& norm, const input_layout& layout,
                                                        std::span<float> weight, std::span<float> bias,
                                                        double gain = 1) noexcept {
  const std::size_t channels = layout.per_channel == 0 ? 0 : layout.inputs / layout.per_channel;
  if (const status s = detail::validate_batch_norm(norm, channels, "one value per input channel"); !s.ok()) return s;
  if (bias.size() != layout.outputs)
    return fault(errc::parameter_count, "bias", static_cast<double>(bias.size()), "one value per output channel");
  if (weight.size() != layout.size() || channels * layout.per_channel != layout.inputs)
    return fault(errc::shape_mismatch, "weight", static_cast<double>(weight.size()),
                 "as many elements as its layout says");
  for (std::size_t o = 0; o < layout.outputs; ++o) {
    double sum = 0;
    for (std::size_t i = 0; i < layout.inputs; ++i) {
      const std::size_t c = i / layout.per_channel;
      const double factor = norm.gamma[c] / std::sqrt(norm.variance[c] + norm.epsilon);
      const double shift = norm.beta[c] - norm.mean[c] * factor;
      float* w = weight.data() + o * layout.output_stride + i * layout.input_stride;
      for (std::size_t t = 0; t < layout.taps; ++t) {
        sum += static_cast<double>(w[t]) * shift;
        w[t] = static_cast<float>(w[t] * factor);
      }
    }
    bias[o] = static_cast<float>(static_cast<double>(bias[o]) + gain * sum);
  }
  return {};
}

#if XQUANT_HAS_EXCEPTIONS
/// As try_fold_batch_norm_forward; throws xquant::error.
inline void fold_batch_norm_forward(const batch_norm& norm, const input_layout& layout, std::span<float> weight,
                                    std::span<float> bias, double gain = 1) {
  throw_if(try_fold_batch_norm_forward(norm, layout, weight, bias, gain));
}

/// As try_fold_batch_norm; throws xquant::error.
inline void fold_batch_norm(const batch_norm& norm, const weight_layout& layout, std::span<float> weight,
                            std::span<float> bias) {
  throw_if(try_fold_batch_norm(norm, layout, weight, bias));
}
#endif

}  // namespace xquant::ptq
