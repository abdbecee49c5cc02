// PyTorch 2.15's (CPU) fake quantization and quantized tensors, bit for bit: torch.fake_quantize_per_tensor_affine,
// fake_quantize_per_channel_affine, quantize_per_tensor, quantize_per_channel, dequantize. Its casts: torch_casts.hpp.
#pragma once

#include <xquant/calls/default_engine.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/core/meta.hpp>
#include <xquant/exception.hpp>
#include <xquant/gradients/packed_mask.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/pack.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/presets/elementwise.hpp>
#include <xquant/quantizer.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::torch {

/// Scales and zero points as the peer computes with them: the scale is narrowed to float and its reciprocal formed in
/// float, whatever the data. Source: aten/src/ATen/native/quantized/cpu/kernels/QuantizedOpKernels.cpp.
template <class Real = float>
class affine_parameters {
 public:
  explicit affine_parameters(const std::vector<double>& scale, std::vector<std::int32_t> zero_point = {})
      : zero_point_(static_cast<std::vector<std::int32_t>&&>(zero_point)) {
    for (const double s : scale) {
      const auto narrow = static_cast<float>(s);
      scale_.push_back(narrow);
      reciprocal_.push_back(1.0f / narrow);
    }
  }
  [[nodiscard]] parameters_view<Real> view() const noexcept {
    const bool consistent = zero_point_.empty() || zero_point_.size() == scale_.size();
    return {scale_.data(), reciprocal_.data(), zero_point_.empty() ? nullptr : zero_point_.data(),
            consistent ? scale_.size() : static_cast<std::size_t>(-1)};
  }

 private:
  std::vector<Real> scale_;
  std::vector<Real> reciprocal_;
  std::vector<std::int32_t> zero_point_;
};

/// Policy: the integers of fake_quantize_per_channel_affine, [quant_min, quant_max] as values. The rounded quotient
/// becomes an int64 before it is clamped; C leaves that conversion undefined for what does not fit, and here it is what
/// x86-64's instruction gives: quotients from 2^63 on, +Inf too, come out at the low end.
template <class Code>
struct channel_integer : stored_integer<Code> {
  static constexpr bool is_plain_integer = false;
  static constexpr int quotient_bits = 63;

  constexpr channel_integer() noexcept = default;
  constexpr channel_integer(std::int32_t lowest, std::int32_t highest) noexcept
      : stored_integer<Code>(lowest, highest) {}

  template <class L, class Round>
  XQUANT_INLINE static constexpr L snap(L v, const Round& round, L lowest, L highest) {
    return minimum(maximum(round(wrapped(v)), lowest), highest);
  }
  template <class L, class Round>
  XQUANT_INLINE static constexpr mask_of<L> inside(L v, const Round& round, integer_of<L> lowest,
                                                   integer_of<L> highest) {
    const L rounded = round(wrapped(v));
    return both<L>(less_equal(to_real<L>(lowest), rounded), less_equal(rounded, to_real<L>(highest)));
  }
  friend constexpr bool operator==(const channel_integer&, const channel_integer&) = default;

 private:
  template <class L>
  XQUANT_INLINE static constexpr L wrapped(L v) {
    const L limit = broadcast<L>(power_of_two<real_of<L>>(63));
    return select<L>(less(v, limit), v, subtract(broadcast<L>(0), limit));
  }
};

/// `fake_quantize_per_tensor_affine(x, scale, zero_point, quant_min, quant_max)` and its mask (`_cachemask`), for
/// xquant::fake_quantize and fake_quantize_with_mask with affine_parameters; the format is {quant_min, quant_max}, kept
/// in a Code that holds them.
///   q = zero_point + rne(x * (1 / scale))     y = (clamp(q) - zero_point) * scale     mask = quant_min <= q <=
///   quant_max
/// The library's own rule with multiply_by_reciprocal: NaN gives the low end and is masked.
template <class Code>
using fake_quantize_per_tensor =
    quantizer<stored_integer<Code>, per_tensor, affine, nearest_even, multiply_by_reciprocal>;

/// `fake_quantize_per_channel_affine` with int32 zero points: the same along an axis, but for channel_integer.
template <class Code>
using fake_quantize_per_channel =
    quantizer<channel_integer<Code>, per_axis<>, affine, nearest_even, multiply_by_reciprocal>;

/// `fake_quantize_per_channel_affine` with float zero points, which are added before the rounding:
///   q = rne(x * (1 / scale) + zero_point)     y = (clamp(q) - zero_point) * scale     mask = quant_min <= q <=
///   quant_max
/// The sum is fused with the product (the peer's kernels are compiled for processors that can), y is computed in double
/// and rounded once more, and conversions are channel_integer's. Bits of the zero points lie in `zero_point`.
struct fake_quantize_real_zero_point_operation : presets::detail::elementwise_operation<float> {
  using input_0_type = float;
  using output_0_type = float;
  using output_1_type = bit;

  float lowest;
  float highest;

  template <class L>
  XQUANT_INLINE constexpr two_results<L, mask_of<L>> operator()(L x, none, const lane_parameters<L>& p,
                                                                xquant::detail::no_random_bits) const {
    const L limit = broadcast<L>(power_of_two<float>(63));
    const L zero_point = from_bits<L>(p.zero_point);
    const L v = presets::detail::fused_multiply_add(x, p.reciprocal, zero_point);
    const L fits = select<L>(less(absolute(v), limit), v, subtract(broadcast<L>(0), limit));
    const L rounded = nearest_even::round(fits);
    const L low = broadcast<L>(lowest);
    const L high = broadcast<L>(highest);
    const L held = minimum(maximum(rounded, low), high);
    return {presets::detail::difference_times(held, zero_point, p.scale),
            both<L>(less_equal(low, rounded), less_equal(rounded, high))};
  }
};

/// fake_quantize_per_tensor with its mask. float64 data are quantized in double and multiplied by the scale in float,
/// as the peer does; float data as fake_quantize_with_mask. Refuses what that refuses.
template <class Quantizer, TensorLike In, TensorInMemory Out, TensorInMemory Mask, class Engine = default_engine>
[[nodiscard]] status try_fake_quantize_per_tensor(const Quantizer& q, const affine_parameters<element_of<In>>& p,
                                                  const In& x, Out&& y, Mask&& mask, const Engine& engine = {}) {
  if (const status s = xquant::try_fake_quantize_with_mask(q, p.view(), x, y, mask, engine); !s.ok()) return s;
  if constexpr (is_same<element_of<In>, double>)
    presets::detail::each_element(as_view(y), [](double& v) { v = static_cast<double>(static_cast<float>(v)); });
  return {};
}

/// dx = dy * mask: 0 with the sign of dy where the mask is not set. Source: fake_quantize_..._cachemask_backward.
template <class Real>
struct cachemask_backward_operation : presets::detail::elementwise_operation<Real> {
  using input_0_type = Real;
  using input_1_type = bit;
  using output_0_type = Real;

  template <class L>
  XQUANT_INLINE constexpr L operator()(L dy, mask_of<L> mask, const lane_parameters<L>&,
                                       xquant::detail::no_random_bits) const {
    return multiply(dy, select<L>(mask, broadcast<L>(1), broadcast<L>(0)));
  }
};

/// Policy: the codes of quint8 and qint8 under quantize_per_tensor. FBGEMM holds x / scale to 2147483520 (which NaN
/// becomes), converts it to int32 with what is too low becoming -2^31, and adds the zero point modulo 2^32: so +Inf,
/// NaN and the largest values give the low end when the zero point is above 127, and the lowest values give the high
/// end when it is negative. Source: fbgemm::Quantize (QuantUtilsAvx512.cc).
template <class Code>
struct quantized_integer : stored_integer<Code> {
  static constexpr bool keeps_nan = true;  // up to the conversion
  static constexpr bool is_plain_integer = false;
  static constexpr int quotient_bits = 31;

  template <class L, class Round>
  XQUANT_INLINE static constexpr integer_of<L> encode(L v, const Round& round) {
    const L held = minimum(v, broadcast<L>(2147483520.0f));
    const L least = broadcast<L>(-2147483648.0f);
    const mask_of<L> fits = less(least, held);
    return select_integer<L>(fits, round.to_integer(select<L>(fits, held, broadcast<L>(0))),
                             broadcast_integer<L>(INT32_MIN));
  }
  friend constexpr bool operator==(const quantized_integer&, const quantized_integer&) = default;
};

/// `quantize_per_tensor(x, scale, zero_point, dtype)` with dtype quint8 (Code uint8) or qint8 (int8), and its
/// dequantize(), for xquant::quantize and dequantize with affine_parameters:
///   q = clamp(zero_point + rne(x * (1 / scale)))     x = (q - zero_point) * scale
template <class Code>
using quantize_per_tensor =
    quantizer<quantized_integer<Code>, per_tensor, affine, nearest_even, multiply_by_reciprocal>;

/// `quantize_per_channel`, quint8 and qint8, for xquant::quantize with affine_parameters: the peer narrows its double
/// scales for it. NaN, for which the peer converts a NaN to int8, gives the low end. dequantize_per_channel goes back.
template <class Code>
using quantize_per_channel = quantizer<stored_integer<Code>, per_axis<>, affine, nearest_even, multiply_by_reciprocal>;

/// qint32: q = rne(x * (1 / scale)) + zero_point, the sum rounded to float, saturated to int32; NaN gives -2^31.
struct quantize_qint32_operation : presets::detail::elementwise_operation<float> {
  using input_0_type = float;
  using output_0_type = std::int32_t;

  static constexpr std::int32_t lower_code() noexcept { return INT32_MIN; }
  static constexpr std::int32_t upper_code() noexcept { return INT32_MAX; }

  template <class L>
  XQUANT_INLINE constexpr integer_of<L> operator()(L x, none, const lane_parameters<L>& p,
                                                   xquant::detail::no_random_bits) const {
    const L v = add(nearest_even::round(multiply(x, p.reciprocal)), to_real<L>(p.zero_point));
    const L end = broadcast<L>(2147483648.0f);
    const mask_of<L> fits = less(absolute(v), end);
    const integer_of<L> beyond =
        select_integer<L>(less_equal(end, v), broadcast_integer<L>(INT32_MAX), broadcast_integer<L>(INT32_MIN));
    return select_integer<L>(fits, truncate_to_integer(select<L>(fits, v, broadcast<L>(0))), beyond);
  }
};

/// x = float(q - zero_point) * scale, the difference modulo 2^32.
struct dequantize_qint32_operation : presets::detail::elementwise_operation<float> {
  using input_0_type = std::int32_t;
  using output_0_type = float;

  template <class L>
  XQUANT_INLINE constexpr L operator()(integer_of<L> q, none, const lane_parameters<L>& p,
                                       xquant::detail::no_random_bits) const {
    return multiply(to_real<L>(subtract_integer<L>(q, p.zero_point)), p.scale);
  }
};

/// per_channel_affine_float_qparams: q = clamp(rne(x * (1 / scale) + zero_point)), the sum rounded on its own. NaN
/// gives the low end. Bits of the zero points lie in `zero_point`.
struct quantize_real_zero_point_operation : presets::detail::elementwise_operation<float> {
  using input_0_type = float;
  using output_0_type = std::uint8_t;

  std::int32_t highest = 255;

  static constexpr std::int32_t lower_code() noexcept { return 0; }
  constexpr std::int32_t upper_code() const noexcept { return highest; }

  template <class L>
  XQUANT_INLINE constexpr integer_of<L> operator()(L x, none, const lane_parameters<L>& p,
                                                   xquant::detail::no_random_bits) const {
    const L v = add(multiply(x, p.reciprocal), from_bits<L>(p.zero_point));
    return truncate_to_integer(nearest_even::round(clamp(v, broadcast<L>(-1024), broadcast<L>(1024))));
  }
};

/// x = (q - zero_point) * scale, both rounded to float.
struct dequantize_real_zero_point_operation : presets::detail::elementwise_operation<float> {
  using input_0_type = std::uint8_t;
  using output_0_type = float;

  template <class L>
  XQUANT_INLINE constexpr L operator()(integer_of<L> q, none, const lane_parameters<L>& p,
                                       xquant::detail::no_random_bits) const {
    return multiply(subtract(to_real<L>(q), from_bits<L>(p.zero_point)), p.scale);
  }
};

namespace detail {

// Parameters whose zero points are float: their bits, one per slot.
class real_zero_point_parameters {
 public:
  template <class Scale, class ZeroPoint>
  status fill(const tensor_view<Scale>& scale, const tensor_view<ZeroPoint>& zero_point) {
    if (const status s = xquant::detail::validate_input(scale, "scale"); !s.ok()) return s;
    if (const status s = xquant::detail::validate_input(zero_point, "zero_point"); !s.ok()) return s;
    if (scale.shape.rank != 1) return rank_fault("scale", scale.shape.rank, "one scale for each index of the axis", 1);
    if (!(scale.shape == zero_point.shape))
      return fault(errc::shape_mismatch, "zero_point", static_cast<double>(zero_point.shape.size()),
                   "one zero point a scale");
    for (std::size_t i = 0; i < scale.shape.size(); ++i) {
      const auto at = static_cast<std::ptrdiff_t>(i);
      const float z = zero_point.data[at * zero_point.stride[0]];
      if (!is_finite(z))
        return fault(errc::value_out_of_range, "zero_point", static_cast<double>(z), "a finite number", i);
      scale_.push_back(scale.data[at * scale.stride[0]]);
      reciprocal_.push_back(1.0f / scale_.back());
      bits_.push_back(bit_cast<std::int32_t>(z));
    }
    return {};
  }
  [[nodiscard]] parameters_view<float> view() const noexcept {
    return {scale_.data(), reciprocal_.data(), bits_.data(), scale_.size()};
  }

 private:
  std::vector<float> scale_;
  std::vector<float> reciprocal_;
  std::vector<std::int32_t> bits_;
};

}  // namespace detail

/// The codes a fake quantization may give.
struct quant_range {
  std::int32_t quant_min;
  std::int32_t quant_max;
};

/// fake_quantize_real_zero_point_operation: `x` and `y` float of one shape, `scale` and `zero_point` float, one an
/// index of `axis`; `mask` packed as fake_quantize_with_mask's. Refuses scales that are not finite and above zero or
/// have no finite reciprocal, zero points that are not finite, ranges beyond +-2^24 or empty, shapes that do not fit,
/// memory that overlaps.
template <TensorLike In, TensorLike Scale, TensorLike ZeroPoint, TensorInMemory Out, TensorInMemory Mask,
          class Engine = default_engine>
[[nodiscard]] status try_fake_quantize_per_channel(const In& x, const Scale& scale, const ZeroPoint& zero_point,
                                                   std::ptrdiff_t axis, quant_range codes, Out&& y, Mask&& mask,
                                                   const Engine& engine = {}) {
  auto&& held_x = evaluated(x);
  auto&& held_scale = evaluated(scale);
  auto&& held_zero_point = evaluated(zero_point);
  constexpr std::int32_t most = 1 << 24;
  if (codes.quant_min < -most) return fault(errc::bits_out_of_range, "quant_min", codes.quant_min, "at least -2^24");
  if (codes.quant_max > most) return fault(errc::bits_out_of_range, "quant_max", codes.quant_max, "at most 2^24");
  if (codes.quant_min > codes.quant_max)
    return fault(errc::bits_out_of_range, "quant_min", codes.quant_min, "at most quant_max");
  detail::real_zero_point_parameters parameters;
  if (const status s = parameters.fill(as_view(held_scale), as_view(held_zero_point)); !s.ok()) return s;
  fake_quantize_real_zero_point_operation operation{};
  operation.lowest = static_cast<float>(codes.quant_min);
  operation.highest = static_cast<float>(codes.quant_max);
  xquant::detail::call<fake_quantize_real_zero_point_operation> streams;
  streams.input_0(as_view(held_x), "x").output_0(as_view(y), "y").output_1(as_view(mask), "mask");
  return presets::detail::run(streams, per_axis<>{axis}, parameters.view(), true, operation, engine);
}

/// cachemask_backward_operation: `dy` and `dx` of one shape, `mask` packed. Refuses shapes that do not fit and memory
/// that overlaps.
template <TensorLike Gradient, TensorLike Mask, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_cachemask_backward(const Gradient& dy, const Mask& mask, Out&& dx, const Engine& engine = {}) {
  using operation = cachemask_backward_operation<element_of<Gradient>>;
  auto&& held_dy = evaluated(dy);
  auto&& held_mask = evaluated(mask);
  xquant::detail::call<operation> streams;
  streams.input_0(as_view(held_dy), "dy").input_1(as_view(held_mask), "mask").output_0(as_view(dx), "dx");
  return streams.run_without_parameters(operation{}, engine);
}

/// quantize_qint32_operation, per_tensor or per_axis<>; parameters are affine_parameters. Refuses scales that are not
/// finite and above zero or have no finite reciprocal, shapes that do not fit, memory that overlaps.
template <class Granularity, TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_quantize_qint32(const In& x, const affine_parameters<float>& p, const Granularity& granularity,
                                         Out&& q, const Engine& engine = {}) {
  auto&& held_x = evaluated(x);
  xquant::detail::call<quantize_qint32_operation> streams;
  streams.input_0(as_view(held_x), "x").output_0(as_view(q), "q");
  return presets::detail::run(streams, granularity, p.view(), true, quantize_qint32_operation{}, engine);
}

/// dequantize_qint32_operation, of a tensor quantized per tensor. Refuses as try_quantize_qint32.
template <TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_dequantize_qint32(const In& q, const affine_parameters<float>& p, Out&& x,
                                           const Engine& engine = {}) {
  auto&& held_q = evaluated(q);
  xquant::detail::call<dequantize_qint32_operation> streams;
  streams.input_0(as_view(held_q), "q").output_0(as_view(x), "x");
  return presets::detail::run(streams, per_tensor{}, p.view(), true, dequantize_qint32_operation{}, engine);
}

/// dequantize() of a tensor quantized per channel: x = float(double(q - zero_point) * scale), with the scales in double
/// that the peer keeps; on the scalar engine. `q` has codes of 8 or 32 bits, `x` is float of the same shape and dense.
/// Refuses scales that are not finite and above zero, a number of them that does not fit, shapes, overlap.
template <TensorLike In, TensorInMemory Out>
[[nodiscard]] status try_dequantize_per_channel(const In& q, const std::vector<double>& scale,
                                                const std::vector<std::int32_t>& zero_point, std::ptrdiff_t axis,
                                                Out&& x) {
  auto&& held_q = evaluated(q);
  const auto codes = as_view(held_q);
  const auto out = as_view(x);
  if (const status s = xquant::detail::validate_input(codes, "q"); !s.ok()) return s;
  if (const status s = xquant::detail::validate_output(out, codes.shape, "x"); !s.ok()) return s;
  if (const status s = xquant::detail::validate_apart(codes, out, "x"); !s.ok()) return s;
  if (!out.dense()) return fault(errc::unsupported, "x", 0, "a dense tensor");
  parameter_map map;
  if (const status s = per_axis<>{axis}.map(codes.shape, map); !s.ok()) return s;
  const parameters_view<double> p{scale.data(), nullptr, zero_point.data(),
                                  scale.size() == zero_point.size() ? scale.size() : static_cast<std::size_t>(-1)};
  if (const status s = presets::detail::validate_scales(p, map.count, false); !s.ok()) return s;
  const std::size_t inner = [&] {
    std::size_t n = 1;
    for (std::size_t d = normalized_axis(axis, codes.shape.rank) + 1; d < codes.shape.rank; ++d)
      n *= codes.shape.extent[d];
    return n;
  }();
  std::size_t index = 0;
  presets::detail::each_element(codes, [&](auto code) {
    const std::size_t slot = index / inner % map.count;
    const std::int64_t steps = static_cast<std::int64_t>(code) - zero_point[slot];
    out.data[index++] = static_cast<float>(static_cast<double>(steps) * scale[slot]);
  });
  return {};
}

/// quantize_real_zero_point_operation: quint8 with quant_max 255; quint4x2's codes with 15, before pack_quint4x2.
template <TensorLike In, TensorLike Scale, TensorLike ZeroPoint, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_quantize_real_zero_point(const In& x, const Scale& scale, const ZeroPoint& zero_point,
                                                  std::ptrdiff_t axis, std::int32_t quant_max, Out&& q,
                                                  const Engine& engine = {}) {
  auto&& held_x = evaluated(x);
  auto&& held_scale = evaluated(scale);
  auto&& held_zero_point = evaluated(zero_point);
  if (quant_max < 1 || quant_max > 255) return fault(errc::bits_out_of_range, "quant_max", quant_max, "1 to 255");
  detail::real_zero_point_parameters parameters;
  if (const status s = parameters.fill(as_view(held_scale), as_view(held_zero_point)); !s.ok()) return s;
  quantize_real_zero_point_operation operation{};
  operation.highest = quant_max;
  xquant::detail::call<quantize_real_zero_point_operation> streams;
  streams.input_0(as_view(held_x), "x").output_0(as_view(q), "q");
  return presets::detail::run(streams, per_axis<>{axis}, parameters.view(), true, operation, engine);
}

/// dequantize_real_zero_point_operation.
template <TensorLike In, TensorLike Scale, TensorLike ZeroPoint, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_dequantize_real_zero_point(const In& q, const Scale& scale, const ZeroPoint& zero_point,
                                                    std::ptrdiff_t axis, Out&& x, const Engine& engine = {}) {
  auto&& held_q = evaluated(q);
  auto&& held_scale = evaluated(scale);
  auto&& held_zero_point = evaluated(zero_point);
  detail::real_zero_point_parameters parameters;
  if (const status s = parameters.fill(as_view(held_scale), as_view(held_zero_point)); !s.ok()) return s;
  xquant::detail::call<dequantize_real_zero_point_operation> streams;
  streams.input_0(as_view(held_q), "q").output_0(as_view(x), "x");
  return presets::detail::run(streams, per_axis<>{axis}, parameters.view(), false,
                              dequantize_real_zero_point_operation{}, engine);
}

/// int_repr() of a quint4x2 tensor: two codes per byte, the first one in the low half, over the whole tensor row-major.
inline std::vector<std::uint8_t> pack_quint4x2(const std::vector<std::uint8_t>& codes) {
  std::vector<std::uint8_t> packed((codes.size() + 1) / 2);
  const shape s(codes.size());
  (void)try_pack(tensor_view<const std::uint8_t>(codes.data(), s), packed_view<4>(packed.data(), s));  // sizes fit
  return packed;
}

}  // namespace xquant::presets::torch
