// AIMET 2.42's torch backend: quantize, dequantize and quantize_dequantize of aimet_torch.quantization.affine, the
// exact path (which divides) and the fast one (torch's fake quantization).
#pragma once

#include <xquant/calls/default_engine.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/half.hpp>
#include <xquant/core/lane.hpp>
#include <xquant/engines/operation.hpp>
#include <xquant/error.hpp>
#include <xquant/exception.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/presets/array_granularity.hpp>
#include <xquant/presets/elementwise.hpp>
#include <xquant/presets/torch.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::aimet_torch {

/// The arguments of the peer's functions besides the tensors.
struct affine_settings {
  std::int32_t qmin = -128;
  std::int32_t qmax = 127;
  bool in_blocks = false;       ///< the shape of the scales divides that of the tensor (the peer's block_size)
  double zero_point_shift = 0;  ///< what quantize_dequantize takes off before and adds after: 0.5 for int2 without zero
  friend constexpr bool operator==(const affine_settings&, const affine_settings&) = default;
};

/// Policy: the type the exact path computes in, for data of a type with `mantissa` bits: its own where four
/// neighbouring ends of the grid are exact in it and its epsilon is at most a quarter of a step of [0, 1], else float,
/// else double. 16-bit floats so keep 8 (float16) and 4 (bfloat16) bits. Source: torch_builtins.py,
/// _is_numerically_stable.
enum class internal_type : std::uint8_t { own, real32, real64 };

namespace detail {

constexpr bool has_significant_bits(std::int64_t value, int bits) noexcept {
  std::int64_t magnitude = value < 0 ? -value : value;
  while (magnitude != 0 && magnitude % 2 == 0) magnitude /= 2;
  return magnitude < std::int64_t(1) << bits;
}

struct real_limits {
  int mantissa_bits;
  double largest;
};
template <class Element>
constexpr real_limits limits_of() noexcept {
  if constexpr (is_same<Element, float16>)
    return {10, 65504};
  else if constexpr (is_same<Element, bfloat16>)
    return {7, 0x1.FEp127};
  else
    return {real_traits<Element>::mantissa_bits, static_cast<double>(real_traits<Element>::max)};
}

constexpr bool is_representable(const real_limits& type, const affine_settings& s) noexcept {
  const std::int64_t ends[] = {std::int64_t(s.qmax), std::int64_t(s.qmax) - 1, std::int64_t(s.qmin) + 1,
                               std::int64_t(s.qmin)};
  for (const std::int64_t end : ends)
    if (!has_significant_bits(end, type.mantissa_bits + 1) || static_cast<double>(end) > type.largest ||
        static_cast<double>(end) < -type.largest)
      return false;
  return true;
}
constexpr bool is_stable(const real_limits& type, const affine_settings& s) noexcept {
  if (!is_representable(type, s)) return false;
  const double steps = static_cast<double>(s.qmax) - s.qmin;
  return steps == 0 || power_of_two<double>(-type.mantissa_bits) <= 0.25 / steps;
}

template <class Element>
constexpr internal_type internal_type_of(const affine_settings& s) noexcept {
  if (is_stable(limits_of<Element>(), s)) return internal_type::own;
  return is_stable(limits_of<float>(), s) ? internal_type::real32 : internal_type::real64;
}

}  // namespace detail

/// What the exact operations share: every step is rounded to the type computed in. Element is what x is kept in; with
/// InElement, a 16-bit float is also what is computed in, so that each result is rounded to it.
template <class Element, bool InElement>
struct affine_operation : presets::detail::elementwise_operation<lane_real<Element>> {
  using real = lane_real<Element>;
  using input_0_type = Element;
  using output_0_type = Element;
  static constexpr bool has_real_zero_point = true;

  real lower;
  real upper;
  real shift;

  template <class L>
  XQUANT_INLINE static constexpr L rounded(L v) {
    if constexpr (InElement && xquant::detail::is_half<Element>)
      return Element::layout::template widen<L>(Element::layout::template narrow<L>(v));
    else
      return v;
  }
  /// The offset, and the offset with the shift, of a slot.
  template <class L>
  struct prepared {
    L scale;
    L offset;
    L shifted_offset;
  };
  template <class L>
  XQUANT_INLINE static constexpr prepared<L> prepare(const lane_parameters<L>& p) {
    return {p.scale, p.reciprocal, from_bits<L>(p.zero_point)};
  }
  template <class L>
  XQUANT_INLINE constexpr L quantized(L x, const prepared<L>& p) const {
    const L quotient = rounded<L>(subtract(rounded<L>(divide(x, p.scale)), broadcast<L>(shift)));
    const L code = rounded<L>(subtract(round_even(quotient), p.offset));
    return clamp_keep_nan(code, broadcast<L>(lower), broadcast<L>(upper));
  }
  template <class L>
  XQUANT_INLINE static constexpr L dequantized(L code, L offset, const prepared<L>& p) {
    return rounded<L>(multiply(rounded<L>(add(code, offset)), p.scale));
  }
};

/// q = clamp(rne(x / scale) - offset, qmin, qmax), as reals.
template <class Element, bool InElement>
struct quantize_operation : affine_operation<Element, InElement> {
  template <class L>
  XQUANT_INLINE constexpr L operator()(L x, none,
                                       const typename affine_operation<Element, InElement>::template prepared<L>& p,
                                       xquant::detail::no_random_bits) const {
    return this->template quantized<L>(x, p);
  }
};

/// x = (q + offset) * scale.
template <class Element, bool InElement>
struct dequantize_operation : affine_operation<Element, InElement> {
  template <class L>
  XQUANT_INLINE constexpr L operator()(L q, none,
                                       const typename affine_operation<Element, InElement>::template prepared<L>& p,
                                       xquant::detail::no_random_bits) const {
    return this->template dequantized<L>(q, p.offset, p);
  }
};

/// y = (clamp(rne(x / scale - shift) - offset, qmin, qmax) + (offset + shift)) * scale.
template <class Element, bool InElement>
struct quantize_dequantize_operation : affine_operation<Element, InElement> {
  template <class L>
  XQUANT_INLINE constexpr L operator()(L x, none,
                                       const typename affine_operation<Element, InElement>::template prepared<L>& p,
                                       xquant::detail::no_random_bits) const {
    return this->template dequantized<L>(this->template quantized<L>(x, p), p.shifted_offset, p);
  }
};

namespace detail {

// Scales and offsets, row-major and rounded to the type computed in.
template <class Real>
struct slots {
  std::vector<Real> scale;
  std::vector<Real> offset;
  std::vector<Real> shifted_offset;
  shape extents{};

  template <class Scale, class Offset, class Round>
  status fill(const tensor_view<Scale>& scales, const tensor_view<Offset>& offsets, double shift, const Round& round) {
    if (const status s = xquant::detail::validate_input(scales, "scale"); !s.ok()) return s;
    if (const status s = xquant::detail::validate_input(offsets, "offset"); !s.ok()) return s;
    if (!(offsets.shape == scales.shape))
      return fault(errc::shape_mismatch, "offset", static_cast<double>(offsets.shape.size()),
                   "the shape of the scales");
    extents = scales.shape;
    status bad;
    presets::detail::each_element(scales, [&](Real s) {
      if (bad.ok() && !is_finite(s))
        bad = fault(errc::scale_not_finite, "scale", static_cast<double>(s), "a finite number above 0", scale.size());
      if (bad.ok() && !(s > 0))
        bad = fault(errc::scale_not_positive, "scale", static_cast<double>(s), "a finite number above 0", scale.size());
      scale.push_back(round(s));
    });
    presets::detail::each_element(offsets, [&](Real o) {
      if (bad.ok() && !is_finite(o))
        bad = fault(errc::value_out_of_range, "offset", static_cast<double>(o), "a finite number", offset.size());
      offset.push_back(round(o));
      shifted_offset.push_back(shift == 0 ? round(o) : round(round(o) + static_cast<Real>(shift)));
    });
    return bad;
  }
};

constexpr status validate_grid(const affine_settings& s) noexcept {
  if (s.qmin > s.qmax) return fault(errc::bits_out_of_range, "qmin", s.qmin, "at most qmax");
  if (s.zero_point_shift != 0 && s.zero_point_shift != 0.5)
    return fault(errc::unsupported, "zero_point_shift", s.zero_point_shift, "0 or 0.5");
  return {};
}

template <template <class, bool> class Operation, bool InElement, class Element, class Scale, class Offset,
          class Engine>
status run_exact(const tensor_view<const Element>& x, const tensor_view<Scale>& scale,
                 const tensor_view<Offset>& offset, const affine_settings& settings, const tensor_view<Element>& y,
                 const char* output_name, const Engine& engine) {
  using operation_type = Operation<Element, InElement>;
  using real = typename operation_type::real;
  parameter_map map;
  slots<real> slots;
  const auto round = [](real v) { return operation_type::template rounded<real>(v); };
  if (const status s = slots.fill(scale, offset, settings.zero_point_shift, round); !s.ok()) return s;
  if (const status s =
          presets::detail::validate_call(x, y, output_name, by_shape_of_scales{slots.extents, settings.in_blocks}, map);
      !s.ok())
    return s;
  operation_type operation{};
  operation.lower = static_cast<real>(settings.qmin);
  operation.upper = static_cast<real>(settings.qmax);
  operation.shift = static_cast<real>(settings.zero_point_shift);
  return presets::detail::run_call(
      operation, x, y, map, {slots.scale.data(), slots.offset.data(), nullptr, map.count, slots.shifted_offset.data()},
      engine);
}

template <template <class, bool> class Operation, class Element, class Scale, class Offset, class Engine>
status choose_exact(internal_type type, const tensor_view<const Element>& x, const tensor_view<Scale>& scale,
                    const tensor_view<Offset>& offset, const affine_settings& settings, const tensor_view<Element>& y,
                    const char* output_name, const Engine& engine) {
  constexpr bool is_narrow = xquant::detail::is_half<Element>;
  if (type == internal_type::own)
    return run_exact<Operation, is_narrow>(x, scale, offset, settings, y, output_name, engine);
  if constexpr (is_narrow)
    if (type == internal_type::real32)
      return run_exact<Operation, false>(x, scale, offset, settings, y, output_name, engine);
  return fault(errc::unsupported, "qmax", static_cast<double>(settings.qmax) - settings.qmin,
               "a grid of at most 2^21 steps for data narrower than double");
}

}  // namespace detail

/// `affine.quantize(x, scale, offset, qmin, qmax, block_size)`: q = clamp(rne(x / scale) - offset, qmin, qmax), rounded
/// before the offset is taken off, as reals of the type of x (float, double, float16, bfloat16). NaN stays NaN, -0
/// keeps its sign where the offset is 0. `scale` and `offset` are real tensors of one shape that broadcasts over x, or
/// with in_blocks divides it. 16-bit data are computed in their own type, each step rounded, or in float (policy
/// internal_type). Refuses, as the peer does, grids that the type of x cannot hold and shapes that do not fit; and
/// scales that are not finite and above zero, which the peer divides by, and offsets that are not finite.
template <TensorLike In, TensorLike Scale, TensorLike Offset, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_quantize(const In& x, const Scale& scale, const Offset& offset,
                                  const affine_settings& settings, Out&& q, const Engine& engine = {}) {
  using element = element_of<In>;
  if (const status s = detail::validate_grid(settings); !s.ok()) return s;
  if (!detail::is_representable(detail::limits_of<element>(), settings))
    return fault(errc::bits_out_of_range, "qmax", settings.qmax, "a grid that the type of x can hold");
  if (settings.zero_point_shift != 0)
    return fault(errc::unsupported, "zero_point_shift", settings.zero_point_shift, "0, but for quantize_dequantize");
  auto&& input = evaluated(x);
  auto&& scales = evaluated(scale);
  auto&& offsets = evaluated(offset);
  return detail::choose_exact<quantize_operation, element>(detail::internal_type_of<element>(settings), as_view(input),
                                                           as_view(scales), as_view(offsets), settings, as_view(q), "q",
                                                           engine);
}

/// `affine.dequantize(q, scale, offset, block_size)`: x = (q + offset) * scale, both steps rounded to the type of q.
/// Refuses shapes, scales and offsets as try_quantize; of the settings, only in_blocks matters.
template <TensorLike In, TensorLike Scale, TensorLike Offset, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_dequantize(const In& q, const Scale& scale, const Offset& offset,
                                    const affine_settings& settings, Out&& x, const Engine& engine = {}) {
  using element = element_of<In>;
  auto&& input = evaluated(q);
  auto&& scales = evaluated(scale);
  auto&& offsets = evaluated(offset);
  affine_settings used;
  used.in_blocks = settings.in_blocks;
  return detail::choose_exact<dequantize_operation, element>(internal_type::own, as_view(input), as_view(scales),
                                                             as_view(offsets), used, as_view(x), "x", engine);
}

/// `affine.quantize_dequantize` where a gradient is wanted of scale or offset, or blocks, or a shift, or several axes
/// are given: quantize, then dequantize with the shift added to the offset, in the type that try_quantize computes in.
/// NaN stays NaN. Refuses what try_quantize refuses but for the grid, for which a wider type is taken, up to 2^21
/// steps.
template <TensorLike In, TensorLike Scale, TensorLike Offset, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_quantize_dequantize_exact(const In& x, const Scale& scale, const Offset& offset,
                                                   const affine_settings& settings, Out&& y,
                                                   const Engine& engine = {}) {
  using element = element_of<In>;
  if (const status s = detail::validate_grid(settings); !s.ok()) return s;
  auto&& input = evaluated(x);
  auto&& scales = evaluated(scale);
  auto&& offsets = evaluated(offset);
  return detail::choose_exact<quantize_dequantize_operation, element>(detail::internal_type_of<element>(settings),
                                                                      as_view(input), as_view(scales), as_view(offsets),
                                                                      settings, as_view(y), "y", engine);
}

namespace detail {

// The one axis along which scales differ; the rank of the tensor where there is none or there are several.
constexpr std::size_t one_axis(const shape& scales, std::size_t rank) noexcept {
  std::size_t axis = rank;
  for (std::size_t d = 0; d < scales.rank; ++d)
    if (scales[d] != 1) {
      if (axis != rank) return rank;
      axis = d + rank - scales.rank;
    }
  return axis;
}

template <class Code, class Element, class Engine>
status run_fast(const tensor_view<const Element>& x, const shape& scales,
                const torch::affine_parameters<lane_real<Element>>& parameters, const affine_settings& settings,
                const tensor_view<Element>& y, const Engine& engine) {
  if (scales.size() == 1) {
    torch::fake_quantize_per_tensor<Code> quantizer;
    quantizer.format = {settings.qmin, settings.qmax};
    if constexpr (is_same<Element, double>) {
      std::vector<std::uint8_t> mask((x.shape.size() + 7) / 8);
      return torch::try_fake_quantize_per_tensor(quantizer, parameters, x, y,
                                                 tensor_view<std::uint8_t>(mask.data(), shape{mask.size()}), engine);
    } else {
      return xquant::try_fake_quantize(quantizer, parameters.view(), x, y, engine);
    }
  }
  if constexpr (is_same<Element, double>) {
    return fault(errc::unsupported, "scale", static_cast<double>(scales.size()), "one scale, for double data");
  } else {
    torch::fake_quantize_per_channel<Code> quantizer;
    quantizer.format = {settings.qmin, settings.qmax};
    quantizer.granularity.axis = static_cast<std::ptrdiff_t>(one_axis(scales, x.shape.rank));
    return xquant::try_fake_quantize(quantizer, parameters.view(), x, y, engine);
  }
}

}  // namespace detail

/// `affine.quantize_dequantize` where no gradient is wanted of scale and offset: torch's fake quantization
/// (presets::torch) per tensor or along one axis, with zero point -offset: x times the rounded reciprocal of the scale,
/// rounded, plus the zero point. NaN gives qmin. Blocks, a shift, scales along several axes, and along an axis a zero
/// point outside the grid (which torch refuses) go the exact path, as in the peer. Refuses what the exact path refuses,
/// grids that neither int16 nor uint16 holds, offsets that are no integers, zero points of one scale outside the grid,
/// and double data along an axis.
template <TensorLike In, TensorLike Scale, TensorLike Offset, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_quantize_dequantize(const In& x, const Scale& scale, const Offset& offset,
                                             const affine_settings& settings, Out&& y, const Engine& engine = {}) {
  using element = element_of<In>;
  using real = lane_real<element>;
  if (const status s = detail::validate_grid(settings); !s.ok()) return s;
  auto&& input = evaluated(x);
  auto&& scales = evaluated(scale);
  auto&& offsets = evaluated(offset);
  const tensor_view<const element> x_view = as_view(input);
  const auto exact = [&] {
    return try_quantize_dequantize_exact(x_view, as_view(scales), as_view(offsets), settings, y, engine);
  };
  detail::slots<real> slots;
  if (const status s =
          slots.fill(as_view(scales), as_view(offsets), settings.zero_point_shift, [](real v) { return v; });
      !s.ok())
    return s;
  parameter_map map;
  if (const status s = by_shape_of_scales{slots.extents, settings.in_blocks}.map(x_view.shape, map); !s.ok()) return s;
  const bool is_one = map.count == 1;
  if (settings.in_blocks || settings.zero_point_shift != 0 ||
      (!is_one && detail::one_axis(slots.extents, x_view.shape.rank) == x_view.shape.rank))
    return exact();
  std::vector<double> wide_scales(slots.scale.begin(), slots.scale.end());
  std::vector<std::int32_t> zero_points;
  for (std::size_t i = 0; i < map.count; ++i) {
    const real o = slots.offset[i];
    if (o != truncate(o) || !(o > real(-0x1p24) && o < real(0x1p24)))
      return fault(errc::value_out_of_range, "offset", static_cast<double>(o), "an integer below 2^24", i);
    zero_points.push_back(-static_cast<std::int32_t>(o));
    if (!is_one && (zero_points[i] < settings.qmin || zero_points[i] > settings.qmax)) return exact();
  }
  const torch::affine_parameters<real> parameters(wide_scales, zero_points);
  if (settings.qmin >= INT16_MIN && settings.qmax <= INT16_MAX)
    return detail::run_fast<std::int16_t>(x_view, slots.extents, parameters, settings, as_view(y), engine);
  if (settings.qmin >= 0 && settings.qmax <= UINT16_MAX)
    return detail::run_fast<std::uint16_t>(x_view, slots.extents, parameters, settings, as_view(y), engine);
  return fault(errc::unsupported, "qmax", settings.qmax, "a grid that int16 or uint16 holds, on the fast path");
}

#if XQUANT_HAS_EXCEPTIONS
/// try_quantize that throws xquant::error.
template <TensorLike In, TensorLike Scale, TensorLike Offset, TensorInMemory Out, class Engine = default_engine>
void quantize(const In& x, const Scale& scale, const Offset& offset, const affine_settings& settings, Out&& q,
              const Engine& engine = {}) {
  throw_if(try_quantize(x, scale, offset, settings, q, engine));
}
/// try_dequantize that throws xquant::error.
template <TensorLike In, TensorLike Scale, TensorLike Offset, TensorInMemory Out, class Engine = default_engine>
void dequantize(const In& q, const Scale& scale, const Offset& offset, const affine_settings& settings, Out&& x,
                const Engine& engine = {}) {
  throw_if(try_dequantize(q, scale, offset, settings, x, engine));
}
/// try_quantize_dequantize_exact that throws xquant::error.
template <TensorLike In, TensorLike Scale, TensorLike Offset, TensorInMemory Out, class Engine = default_engine>
void quantize_dequantize_exact(const In& x, const Scale& scale, const Offset& offset, const affine_settings& settings,
                               Out&& y, const Engine& engine = {}) {
  throw_if(try_quantize_dequantize_exact(x, scale, offset, settings, y, engine));
}
/// try_quantize_dequantize that throws xquant::error.
template <TensorLike In, TensorLike Scale, TensorLike Offset, TensorInMemory Out, class Engine = default_engine>
void quantize_dequantize(const In& x, const Scale& scale, const Offset& offset, const affine_settings& settings,
                         Out&& y, const Engine& engine = {}) {
  throw_if(try_quantize_dequantize(x, scale, offset, settings, y, engine));
}
#endif

}  // namespace xquant::presets::aimet_torch
