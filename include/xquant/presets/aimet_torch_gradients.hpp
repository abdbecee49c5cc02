// AIMET 2.42's torch backend backward: the gradients of affine.quantize, dequantize and quantize_dequantize with
// respect to x, scale and offset, "position-based gradient scaling", and the chain rule to the (min, max) and the
// (scale, offset) that its quantizers learn.
#pragma once

#include <xquant/presets/aimet_torch.hpp>
#include <xquant/presets/torch_sum.hpp>

#include <vector>

namespace xquant::inline XQUANT_ABI::presets::aimet_torch {

/// Which function's gradient.
enum class affine_function : std::uint8_t { quantize, dequantize, quantize_dequantize };

/// `aimet_torch.experimental.pgs` ("pivot gradient spiking", position-based scaling): dx of an element is multiplied by
/// `multiplier` where the rounding error is above (1 - eps) / 2 of a step. 0 and 1 switch it off.
struct gradient_spiking {
  double eps = 0;
  double multiplier = 1;
  friend constexpr bool operator==(const gradient_spiking&, const gradient_spiking&) = default;
};

/// dx and the term of the scale, of one element:
///   quantize             m g / s                  -(m g / s) (x / s)
///   dequantize           g s                      g (x + o)
///   quantize_dequantize  g where m, else 0        g (rne(v) - v where m, else clamp(rne(v), o + qmin, o + qmax))
/// with v = x / s - shift and m = qmin <= rne(v) - o <= qmax; each step rounded to the type of x. `OfOffset`: the term
/// of the offset: -(m g); g s; g s where not m, else 0.
template <class Real, affine_function Function, bool OfOffset>
struct affine_backward_operation : affine_operation<Real, true> {
  using base = affine_operation<Real, true>;
  using input_1_type = Real;
  using output_1_type = conditional<OfOffset, none, Real>;

  Real spiking_above = 2;
  Real multiplier = 1;

  template <class L>
  XQUANT_INLINE constexpr auto operator()(L x, L g, const typename base::template prepared<L>& p,
                                          xquant::detail::no_random_bits) const {
    const L zero = broadcast<L>(0);
    if constexpr (Function == affine_function::dequantize) {
      const L through = multiply(g, p.scale);
      if constexpr (OfOffset)
        return through;
      else
        return two_results<L, L>{through, multiply(g, add(x, p.offset))};
    } else {
      const L quotient = divide(x, p.scale);
      const L low = broadcast<L>(this->lower);
      const L high = broadcast<L>(this->upper);
      if constexpr (Function == affine_function::quantize) {
        const L code = subtract(round_even(quotient), p.offset);
        const mask_of<L> inside = both<L>(less_equal(low, code), less_equal(code, high));
        const L masked = multiply(g, select<L>(inside, broadcast<L>(1), zero));
        if constexpr (OfOffset) {
          return multiply(masked, broadcast<L>(-1));
        } else {
          const L through = divide(masked, p.scale);
          return two_results<L, L>{through, multiply(multiply(through, broadcast<L>(-1)), quotient)};
        }
      } else {
        const L v = subtract(quotient, broadcast<L>(this->shift));
        const L rounded = round_even(v);
        const L code = subtract(rounded, p.offset);
        const mask_of<L> inside = both<L>(less_equal(low, code), less_equal(code, high));
        if constexpr (OfOffset) {
          return select<L>(inside, zero, multiply(g, p.scale));
        } else {
          const L error = subtract(rounded, v);
          const L held = clamp_keep_nan(rounded, add(p.offset, low), add(p.offset, high));
          const mask_of<L> near = less(broadcast<L>(spiking_above), absolute(error));
          const L through = select<L>(near, multiply(g, broadcast<L>(multiplier)), g);
          return two_results<L, L>{select<L>(inside, through, zero), multiply(g, select<L>(inside, error, held))};
        }
      }
    }
  }
};

namespace detail {

// Each dimension of a tensor in blocks as two: how many blocks, and their extent. Slots are aligned with the first.
constexpr status shapes_of_sums(const shape& s, const shape& scales, bool in_blocks, shape& terms, shape& slots) {
  terms = s;
  slots = scales;
  if (!in_blocks) return {};
  if (2 * scales.rank + (s.rank - scales.rank) > max_rank)
    return rank_fault("scale", scales.rank, "few enough dimensions in blocks: each counts twice", max_rank);
  terms.rank = 0;
  slots.rank = 0;
  for (std::size_t d = 0; d < s.rank; ++d) {
    const bool has_scale = d + scales.rank >= s.rank;
    const std::size_t blocks = has_scale ? scales.extent[d + scales.rank - s.rank] : 1;
    terms.extent[terms.rank++] = blocks;
    terms.extent[terms.rank++] = s.extent[d] / blocks;
    slots.extent[slots.rank++] = blocks;
    slots.extent[slots.rank++] = 1;
  }
  return {};
}

template <affine_function Function, bool OfOffset, class Real, class Engine>
status run_terms(const tensor_view<const Real>& x, const tensor_view<const Real>& g, const slots<Real>& slots,
                 const affine_settings& settings, const gradient_spiking& spiking, const tensor_view<Real>& dx,
                 std::vector<Real>& terms, const Engine& engine) {
  using operation_type = affine_backward_operation<Real, Function, OfOffset>;
  operation_type operation{};
  operation.lower = static_cast<Real>(settings.qmin);
  operation.upper = static_cast<Real>(settings.qmax);
  operation.shift = static_cast<Real>(settings.zero_point_shift);
  if (spiking.eps > 0 && spiking.multiplier != 1) {
    operation.spiking_above = static_cast<Real>((1 - spiking.eps) / 2);
    operation.multiplier = static_cast<Real>(spiking.multiplier);
  }
  terms.resize(x.shape.size());
  const tensor_view<Real> to(terms.data(), x.shape);
  xquant::detail::call<operation_type> streams;
  streams.input_0(x, "x").input_1(g, "g");
  if constexpr (OfOffset)
    streams.output_0(to, "terms");
  else
    streams.output_0(dx, "dx").output_1(to, "terms");
  parameter_map map;
  nest_list nests;
  if (const status s = streams.lay_out(by_shape_of_scales{slots.extents, settings.in_blocks}, map, nests); !s.ok())
    return s;
  return xquant::detail::run_on(
      engine, operation, nests,
      streams.streams_with({slots.scale.data(), slots.offset.data(), nullptr, map.count, slots.shifted_offset.data()}));
}

// Everything before anything is written: the gradients of the parameters have the shape of the scales, and lie apart.
template <class Real, class Sum>
status validate_gradients(const tensor_view<const Real>& x, const tensor_view<const Real>& g,
                          const tensor_view<Real>& dx, const slots<Real>& slots, const affine_settings& settings,
                          const tensor_view<Sum>& dfirst, const char* first_name, const tensor_view<Sum>& dsecond,
                          const char* second_name) {
  xquant::detail::call<affine_backward_operation<Real, affine_function::quantize_dequantize, true>> streams;
  streams.input_0(x, "x").input_1(g, "g").output_0(dx, "dx");
  parameter_map map;
  streams.check(xquant::detail::validate_output(dfirst, slots.extents, first_name))
      .check(xquant::detail::validate_output(dsecond, slots.extents, second_name))
      .apart(dfirst, first_name)
      .apart(dsecond, second_name);
  if (const status s = streams.mapped(by_shape_of_scales{slots.extents, settings.in_blocks}, map); !s.ok()) return s;
  shape terms;
  shape sums;
  return shapes_of_sums(x.shape, slots.extents, settings.in_blocks, terms, sums);
}

template <class Real>
void store(const std::vector<Real>& values, const tensor_view<Real>& to) {
  std::size_t i = 0;
  presets::detail::each_element(to, [&](Real& v) { v = values[i++]; });
}

// dx, and the sums for scale and offset.
template <affine_function Function, class Real, class Engine>
status gradients_of(const tensor_view<const Real>& x, const tensor_view<const Real>& g, const slots<Real>& slots,
                    const affine_settings& settings, const gradient_spiking& spiking, const tensor_view<Real>& dx,
                    std::vector<Real>& dscale, std::vector<Real>& doffset, const Engine& engine) {
  std::vector<Real> of_scale;
  std::vector<Real> of_offset;
  // The offset's terms first: dx may lie in the place of x or g.
  if (const status s = run_terms<Function, true>(x, g, slots, settings, spiking, dx, of_offset, engine); !s.ok())
    return s;
  if (const status s = run_terms<Function, false>(x, g, slots, settings, spiking, dx, of_scale, engine); !s.ok())
    return s;
  shape terms;
  shape sums;
  if (const status s = shapes_of_sums(x.shape, slots.extents, settings.in_blocks, terms, sums); !s.ok()) return s;
  dscale = torch::sum_to_size(of_scale, terms, sums);
  doffset = torch::sum_to_size(of_offset, terms, sums);
  return {};
}

template <affine_function Function, class Real, class Scale, class Offset, class Engine>
status try_affine_backward(const tensor_view<const Real>& x, const tensor_view<const Real>& g,
                           const tensor_view<Scale>& scale, const tensor_view<Offset>& offset,
                           const affine_settings& settings, const gradient_spiking& spiking,
                           const tensor_view<Real>& dx, const tensor_view<Real>& dscale,
                           const tensor_view<Real>& doffset, const Engine& engine) {
  static_assert(is_same<Real, float> || is_same<Real, double>,
                "xquant::presets::aimet_torch: gradients are those of float and double data");
  slots<Real> slots;
  if (const status s = validate_grid(settings); !s.ok()) return s;
  if (Function != affine_function::quantize_dequantize && settings.zero_point_shift != 0)
    return fault(errc::unsupported, "zero_point_shift", settings.zero_point_shift, "0, but for quantize_dequantize");
  if (!(spiking.eps >= 0 && spiking.eps <= 1)) return fault(errc::value_out_of_range, "eps", spiking.eps, "0 to 1");
  if (const status s = slots.fill(scale, offset, settings.zero_point_shift, [](Real v) { return v; }); !s.ok())
    return s;
  if (const status s = validate_gradients(x, g, dx, slots, settings, dscale, "dscale", doffset, "doffset"); !s.ok())
    return s;
  std::vector<Real> of_scale;
  std::vector<Real> of_offset;
  if (const status s = gradients_of<Function>(x, g, slots, settings, spiking, dx, of_scale, of_offset, engine); !s.ok())
    return s;
  store(of_scale, dscale);
  store(of_offset, doffset);
  return {};
}

}  // namespace detail

/// The backward pass of quantize_dequantize_exact: dx, and the gradients of scale and offset, which have the shape of
/// the scales. x, g and dx are float or double, of one shape; dx may be the memory of x or g. The sums are torch's, bit
/// for bit (presets/torch_sum.hpp). NaN in x: dx 0, NaN in the scale's gradient. Refuses what
/// try_quantize_dequantize_exact refuses, gradients of another shape than the scales, overlap, and eps outside 0 to 1.
template <TensorLike In, TensorLike Gradient, TensorLike Scale, TensorLike Offset, TensorInMemory Out,
          TensorInMemory DScale, TensorInMemory DOffset, class Engine = default_engine>
[[nodiscard]] status try_quantize_dequantize_backward(const In& x, const Gradient& g, const Scale& scale,
                                                      const Offset& offset, const affine_settings& settings,
                                                      const gradient_spiking& spiking, Out&& dx, DScale&& dscale,
                                                      DOffset&& doffset, const Engine& engine = {}) {
  auto&& xs = evaluated(x);
  auto&& gs = evaluated(g);
  auto&& scales = evaluated(scale);
  auto&& offsets = evaluated(offset);
  return detail::try_affine_backward<affine_function::quantize_dequantize, element_of<In>>(
      as_view(xs), as_view(gs), as_view(scales), as_view(offsets), settings, spiking, as_view(dx), as_view(dscale),
      as_view(doffset), engine);
}

/// The backward pass of quantize, whose results are codes: dx = m g / s, with the sign of g where it is 0. As above.
template <TensorLike In, TensorLike Gradient, TensorLike Scale, TensorLike Offset, TensorInMemory Out,
          TensorInMemory DScale, TensorInMemory DOffset, class Engine = default_engine>
[[nodiscard]] status try_quantize_backward(const In& x, const Gradient& g, const Scale& scale, const Offset& offset,
                                           const affine_settings& settings, Out&& dx, DScale&& dscale,
                                           DOffset&& doffset, const Engine& engine = {}) {
  auto&& xs = evaluated(x);
  auto&& gs = evaluated(g);
  auto&& scales = evaluated(scale);
  auto&& offsets = evaluated(offset);
  return detail::try_affine_backward<affine_function::quantize, element_of<In>>(
      as_view(xs), as_view(gs), as_view(scales), as_view(offsets), settings, gradient_spiking{}, as_view(dx),
      as_view(dscale), as_view(doffset), engine);
}

/// The backward pass of dequantize, whose input q is codes. As above; of the settings, only in_blocks matters.
template <TensorLike In, TensorLike Gradient, TensorLike Scale, TensorLike Offset, TensorInMemory Out,
          TensorInMemory DScale, TensorInMemory DOffset, class Engine = default_engine>
[[nodiscard]] status try_dequantize_backward(const In& q, const Gradient& g, const Scale& scale, const Offset& offset,
                                             const affine_settings& settings, Out&& dq, DScale&& dscale,
                                             DOffset&& doffset, const Engine& engine = {}) {
  auto&& codes = evaluated(q);
  auto&& gs = evaluated(g);
  auto&& scales = evaluated(scale);
  auto&& offsets = evaluated(offset);
  affine_settings used;
  used.in_blocks = settings.in_blocks;
  return detail::try_affine_backward<affine_function::dequantize, element_of<In>>(
      as_view(codes), as_view(gs), as_view(scales), as_view(offsets), used, gradient_spiking{}, as_view(dq),
      as_view(dscale), as_view(doffset), engine);
}

/// What a QuantizeDequantize keeps and learns: the ends of its range, or scale and offset.
enum class learned_encoding : std::uint8_t { min_max, scale_offset };

/// Scales and offsets of a quantizer, row-major, and what the backward pass needs of the way to them: the parameters,
/// and whether a clamp has stopped their gradient.
struct learned_scales {
  std::vector<float> scale;
  std::vector<float> offset;
  std::vector<float> first;         ///< min, or scale, as given
  std::vector<float> second;        ///< max, or offset, as given
  std::vector<float> scale_sign;    ///< of max - min, or of the scale; 0 where the least scale is used
  std::vector<bool> offset_passes;  ///< whether the offset was not clamped
};

/// Scale and offset of min and max (learned_encoding::min_max) or of a scale and an offset that are learned:
///   scale  = max(|max - min| / (qmax - qmin), least)     or max(|scale|, least)
///   offset = clamp(rne(min / scale) - qmin, -qmax, -qmin) or rne(offset); symmetric: -rne((qmin + qmax) / 2)
/// in float, with least = min(2^-23, 0.01 / (qmax - qmin)). Of `symmetric` scales `second` may be empty where it would
/// be an offset. Refuses another number of them, and numbers that are not finite.
[[nodiscard]] inline status try_learned_scales(learned_encoding encoding, const std::vector<float>& first,
                                               const std::vector<float>& second, bool symmetric,
                                               const affine_settings& settings, learned_scales& out) {
  if (const status s = detail::validate_grid(settings); !s.ok()) return s;
  const bool has_second = encoding == learned_encoding::min_max || !symmetric;
  const char* const names[2] = {encoding == learned_encoding::min_max ? "min" : "scale",
                                encoding == learned_encoding::min_max ? "max" : "offset"};
  if (has_second && second.size() != first.size())
    return fault(errc::shape_mismatch, names[1], static_cast<double>(second.size()),
                 "one number for each of the other");
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (!is_finite(first[i]))
      return fault(errc::value_out_of_range, names[0], static_cast<double>(first[i]), "a finite number", i);
    if (has_second && !is_finite(second[i]))
      return fault(errc::value_out_of_range, names[1], static_cast<double>(second[i]), "a finite number", i);
  }
  const auto steps = static_cast<double>(static_cast<std::int64_t>(settings.qmax) - settings.qmin);
  const auto least = static_cast<float>(steps * 0x1p-23 > 0.01 ? 0.01 / steps : 0x1p-23);
  const auto lower = static_cast<float>(settings.qmin);
  const auto upper = static_cast<float>(settings.qmax);
  out = {};
  out.first = first;
  out.second = second;
  for (std::size_t i = 0; i < first.size(); ++i) {
    const float raw = encoding == learned_encoding::min_max
                          ? divide<float>(subtract<float>(second[i], first[i]), static_cast<float>(steps))
                          : first[i];
    const float magnitude = absolute<float>(raw);
    const float scale = magnitude < least ? least : magnitude;
    out.scale.push_back(scale);
    out.scale_sign.push_back(magnitude < least ? 0.0f : raw < 0 ? -1.0f : raw > 0 ? 1.0f : 0.0f);
    bool passes = false;
    float offset = 0;
    if (symmetric) {
      const double middle = (static_cast<double>(settings.qmin) + static_cast<double>(settings.qmax)) / 2;
      offset = static_cast<float>(-round_even<double>(middle) + 0.0);
    } else if (encoding == learned_encoding::scale_offset) {
      offset = round_even<float>(second[i]);
      passes = true;
    } else {
      offset = subtract<float>(round_even<float>(divide<float>(first[i], scale)), lower);
      passes = offset >= -upper && offset <= -lower;
      offset = offset < -upper ? -upper : offset > -lower ? 0 - lower : offset;
    }
    out.offset.push_back(offset);
    out.offset_passes.push_back(passes);
  }
  return {};
}

/// The backward pass of a QuantizeDequantize: dx, and the gradients of min and max, or of scale and offset, by the
/// chain rule of try_learned_scales, roundings being straight through:
///   dmax = sgn ds' / N, dmin = do / s - sgn ds' / N   with ds' = ds - do (min / s) / s and N = qmax - qmin
/// `slots` is the shape of the parameters, `dfirst` and `dsecond` have it. Symmetric quantizers have do = 0, and
/// dsecond of an offset is 0. Refuses as try_quantize_dequantize_backward.
template <TensorLike In, TensorLike Gradient, TensorInMemory Out, TensorInMemory First, TensorInMemory Second,
          class Engine = default_engine>
[[nodiscard]] status try_learned_backward(learned_encoding encoding, const In& x, const Gradient& g,
                                          const learned_scales& learned, bool symmetric, const shape& slots_shape,
                                          const affine_settings& settings, const gradient_spiking& spiking, Out&& dx,
                                          First&& dfirst, Second&& dsecond, const Engine& engine = {}) {
  static_assert(is_same<element_of<In>, float>, "xquant::presets::aimet_torch: ranges are learned on float data");
  const bool is_range = encoding == learned_encoding::min_max;
  if (learned.scale.size() != slots_shape.size())
    return fault(errc::parameter_count, is_range ? "min" : "scale", static_cast<double>(learned.scale.size()),
                 "one for each slot", 0, slots_shape.size());
  auto&& xs = evaluated(x);
  auto&& gs = evaluated(g);
  if (const status s = detail::validate_grid(settings); !s.ok()) return s;
  if (!(spiking.eps >= 0 && spiking.eps <= 1)) return fault(errc::value_out_of_range, "eps", spiking.eps, "0 to 1");
  detail::slots<float> slots;
  if (const status s = slots.fill(tensor_view<const float>(learned.scale.data(), slots_shape),
                                  tensor_view<const float>(learned.offset.data(), slots_shape),
                                  settings.zero_point_shift, [](float v) { return v; });
      !s.ok())
    return s;
  const tensor_view<float> to_x = as_view(dx);
  const tensor_view<float> to_first = as_view(dfirst);
  const tensor_view<float> to_second = as_view(dsecond);
  const tensor_view<const float> from_x = as_view(xs);
  const tensor_view<const float> from_g = as_view(gs);
  if (const status s =
          detail::validate_gradients(from_x, from_g, to_x, slots, settings, to_first, is_range ? "dmin" : "dscale",
                                     to_second, is_range ? "dmax" : "doffset");
      !s.ok())
    return s;
  std::vector<float> ds;
  std::vector<float> doffset;
  if (const status s = detail::gradients_of<affine_function::quantize_dequantize>(from_x, from_g, slots, settings,
                                                                                  spiking, to_x, ds, doffset, engine);
      !s.ok())
    return s;
  const auto steps = static_cast<float>(static_cast<std::int64_t>(settings.qmax) - settings.qmin);
  for (std::size_t i = 0; i < ds.size(); ++i) {
    const float sign = learned.scale_sign[i];
    if (!is_range) {
      ds[i] = multiply<float>(ds[i], sign);
      if (symmetric) doffset[i] = 0;
      continue;
    }
    const float scale = learned.scale[i];
    float of_min = 0;
    if (!symmetric && learned.offset_passes[i]) {
      of_min = divide<float>(doffset[i], scale);
      const float back = multiply<float>(doffset[i], divide<float>(divide<float>(learned.first[i], scale), scale));
      ds[i] = subtract<float>(ds[i], back);
    }
    doffset[i] = divide<float>(multiply<float>(ds[i], sign), steps);
    ds[i] = subtract<float>(of_min, doffset[i]);
  }
  detail::store(ds, to_first);
  detail::store(doffset, to_second);
  return {};
}

}  // namespace xquant::presets::aimet_torch
