// AIMET's C++ core: encodings from ranges and quantize-dequantize as 2.42 computes them (BlockTensorQuantizer, the
// operator inside ONNX Runtime), and as 1.35 did. The float quantizers of the same core: aimet_float.hpp.
#pragma once

#include <xquant/calibration/extremes.hpp>
#include <xquant/calls/default_engine.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/core/lane.hpp>
#include <xquant/engines/operation.hpp>
#include <xquant/error.hpp>
#include <xquant/exception.hpp>
#include <xquant/presets/array_granularity.hpp>
#include <xquant/presets/elementwise.hpp>
#include <xquant/rounding/nearest_away.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::aimet_core {

/// One slot's grid: real = delta * (q + offset), q = 0 .. N. The offset is minus a zero point, held as a real.
struct encoding {
  double minimum = 0;
  double maximum = 0;
  double delta = 0;
  double offset = 0;
  friend constexpr bool operator==(const encoding&, const encoding&) = default;
};

/// Which grid a range gets. N = 2^bits - 1 steps, one less when strict.
struct encoding_settings {
  int bits = 8;
  bool symmetric = false;
  bool strict_symmetric = false;    ///< as many steps below zero as above
  bool unsigned_symmetric = false;  ///< symmetric, but a range without negative numbers has no steps below zero
  double zero_point_shift = 0;      ///< 0, or 0.5: the 2-bit symmetric grid -1.5, -0.5, 0.5, 1.5 (2.42)
  friend constexpr bool operator==(const encoding_settings&, const encoding_settings&) = default;
};

namespace detail {

// C's round(): the offset of an encoding. |x| below 2^52.
constexpr double round_away(double x) noexcept { return nearest_away::round<double>(x); }

constexpr status validate_settings(const encoding_settings& s) noexcept {
  if (s.bits < 2 || s.bits > 32) return fault(errc::bits_out_of_range, "bits", s.bits, "2 to 32 bits");
  if (s.zero_point_shift == 0) return {};
  if (s.zero_point_shift != 0.5 || s.bits != 2 || !s.symmetric || s.strict_symmetric || s.unsigned_symmetric)
    return fault(errc::unsupported, "zero_point_shift", s.zero_point_shift,
                 "0, or 0.5 with 2 bits, symmetric and neither strict nor unsigned");
  return {};
}

constexpr double steps_of(const encoding_settings& s) noexcept {
  const auto all = static_cast<double>((std::int64_t(1) << s.bits) - 1);
  return s.symmetric && s.strict_symmetric ? all - 1 : all;
}

constexpr double largest_float = real_traits<float>::max;

}  // namespace detail

/// 2.42's encoding of a range, in double. The range is widened to contain zero. least = 2^-23, n = floor(N / 2), m =
/// ceil(N / 2):
///   symmetric (unless unsigned and without negative numbers):
///     delta = max(maximum / n, -minimum / m, least), offset = -m, [-m delta, n delta]; with N = 3 the divisor of the
///     maximum is n + 1 (so that 2-bit data may be clipped above rather than waste a step below); with a zero-point
///     shift of 0.5, n + 0.5 and m - 0.5 in place of n and m
///   else: maximum raised to minimum + N least, delta = (maximum - minimum) / N, offset = round(minimum / delta), ties
///     away from zero, [delta offset, delta (offset + N)]
/// Refuses bits outside 2 to 32, a range that is not finite or is inverted. Run: 2.42.0.
[[nodiscard]] constexpr status try_encoding_of_range(double minimum, double maximum, const encoding_settings& settings,
                                                     encoding& out) noexcept {
  if (const status s = detail::validate_settings(settings); !s.ok()) return s;
  if (!is_finite(minimum)) return fault(errc::range_not_finite, "minimum", minimum, "a finite number");
  if (!is_finite(maximum)) return fault(errc::range_not_finite, "maximum", maximum, "a finite number");
  if (minimum > maximum) return fault(errc::range_inverted, "minimum", minimum, "at most the maximum");
  constexpr double least = power_of_two<double>(-23);
  const double low = minimum < 0 ? minimum : 0;
  double high = maximum > 0 ? maximum : 0;
  const double steps = detail::steps_of(settings);
  if (settings.symmetric && (low < 0 || !settings.unsigned_symmetric)) {
    const double shift = settings.zero_point_shift;
    const auto half = static_cast<double>(static_cast<std::int64_t>(steps) / 2);
    const double above = half + shift;
    const double below = steps - half - shift;
    const double divisor = steps == 3 && shift == 0 ? above + 1 : above;
    double delta = high / divisor > low / -below ? high / divisor : low / -below;
    delta = delta > least ? delta : least;
    out = {-below * delta, above * delta, delta, -below};
    return {};
  }
  const double raised = low + steps * least;
  high = high > raised ? high : raised;
  const double delta = (high - low) / steps;
  double offset = low < 0 && 0 < high ? -detail::round_away(-low / delta) : detail::round_away(low / delta);
  offset = offset < -steps ? -steps : offset;
  out = {delta * offset, delta * (offset + steps), delta, offset};
  return {};
}

/// 1.35's encoding of a range that contains zero, in double (`getComputedEncodings`): symmetric grids have delta =
/// max(|minimum|, |maximum|) / n whatever the sign of the extreme; other ones keep the width of the range, and both its
/// ends where zero is one of them. Infinite ends become the largest float. Nothing guards against a range of no width:
/// callers widened it first (by 0.01 or 1e-5), and delta 0 is refused here. Source: aimet 1.35.0,
/// ModelOptimizations/DlQuantization/src/quantization_utils.cpp. Run: 1.35.0.
[[nodiscard]] constexpr status try_encoding_of_range_1_35(double minimum, double maximum,
                                                          const encoding_settings& settings, encoding& out) noexcept {
  if (const status s = detail::validate_settings(settings); !s.ok()) return s;
  if (settings.zero_point_shift != 0)
    return fault(errc::unsupported, "zero_point_shift", settings.zero_point_shift, "0, as 1.35 has none");
  constexpr double largest = detail::largest_float;
  const double low = minimum < -largest ? -largest : minimum;
  const double high = maximum > largest ? largest : maximum;
  if (!(low <= 0)) return fault(errc::range_not_finite, "minimum", minimum, "a number, zero at most");
  if (!(high >= 0)) return fault(errc::range_not_finite, "maximum", maximum, "a number, zero at least");
  if (low == high) return fault(errc::value_out_of_range, "maximum", maximum, "a range with a width");
  const double steps = detail::steps_of(settings);
  if (settings.symmetric && (low < 0 || !settings.unsigned_symmetric)) {
    const auto above = static_cast<double>(static_cast<std::int64_t>(steps) / 2);
    const double delta = (high > -low ? high : -low) / above;
    const double offset = above - steps;
    const double lowest = offset * delta;
    const double highest = above * delta;
    out = {lowest < -largest ? -largest : lowest, highest > largest ? largest : highest, delta, offset};
    return {};
  }
  const double delta = (high - low) / steps;
  if (low < 0 && 0 < high) {
    const double zero = detail::round_away(-low / delta);
    const double offset = -(zero > steps ? steps : zero);
    const double lowest = delta * offset < -largest ? -largest : delta * offset;
    const double highest = (high - low) + lowest;
    out = {lowest, highest > largest ? largest : highest, delta, offset};
    return {};
  }
  out = {low, high, delta, detail::round_away(low / delta)};
  return {};
}

/// What 1.35's kernels make of an encoding at every call: only its minimum and maximum count. They are widened to
/// contain zero and to a width of 1e-5; N = 2^bits - 1, one less exactly where minimum == -maximum, which is how it
/// tells strict grids (and mistakes other ranges for one); then delta, offset (half away) and both ends anew.
/// Source: aimet 1.35.0, TensorQuantizationSim.cpp. Run: 1.35.0.
[[nodiscard]] constexpr encoding regridded_1_35(const encoding& e, int bits) noexcept {
  const double low = e.minimum < 0 ? e.minimum : 0;
  double high = e.maximum > 0 ? e.maximum : 0;
  high = high > low + 1e-5 ? high : low + 1e-5;
  const double all = static_cast<double>((std::int64_t(1) << bits) - 1);
  const double steps = low == -high ? all - 1 : all;
  const double delta = (high - low) / steps;
  const double offset = detail::round_away(low / delta);
  return {offset * delta, offset * delta + steps * delta, delta, offset};
}

/// What becomes of NaN: the lower end of its slot (2.42), or the upper one (1.35).
enum class nan_end : std::uint8_t { minimum, maximum };

/// y = delta * (round(clamp(x, minimum, maximum) / delta - offset) + offset), every step rounded to the type of x,
/// ties away from zero after the offset is taken off. The four numbers are used as they are: a delta of 0 gives NaN,
/// and ends outside the grid are not moved into it.
template <class Real, nan_end NanTo>
struct quantize_dequantize_operation : presets::detail::elementwise_operation<Real> {
  using input_0_type = Real;
  using output_0_type = Real;

  Real minimum;
  Real maximum;
  Real delta;
  Real offset;

  template <class L>
  struct prepared {
    L minimum;
    L maximum;
    L delta;
    L offset;
  };
  template <class L>
  XQUANT_INLINE constexpr prepared<L> prepare(const lane_parameters<L>&) const {
    return {broadcast<L>(minimum), broadcast<L>(maximum), broadcast<L>(delta), broadcast<L>(offset)};
  }
  template <class L>
  XQUANT_INLINE constexpr L operator()(L x, none, const prepared<L>& p, xquant::detail::no_random_bits) const {
    L held{};
    if constexpr (NanTo == nan_end::minimum)
      held = clamp(x, p.minimum, p.maximum);
    else
      held = xquant::maximum(xquant::minimum(x, p.maximum), p.minimum);
    const L rounded = nearest_away::round(subtract(divide(held, p.delta), p.offset));
    return multiply(add(rounded, p.offset), p.delta);
  }
};

namespace detail {

template <nan_end NanTo, class Real, class Engine>
status run(const tensor_view<const Real>& x, const std::vector<encoding>& encodings, const shape& slots,
           const tensor_view<Real>& y, const Engine& engine) {
  parameter_map map;
  if (const status s = presets::detail::validate_call(x, y, "y", by_shape_of_scales{slots, true}, map); !s.ok())
    return s;
  if (encodings.size() != map.count)
    return fault(errc::parameter_count, "encodings", static_cast<double>(encodings.size()),
                 "one for each slot of their shape");
  return presets::detail::for_each_slot(
      x, y, map,
      [&](std::size_t slot, const tensor_view<const Real>& part_x, const tensor_view<Real>& part_y) -> status {
        const encoding& e = encodings[slot];
        const quantize_dequantize_operation<Real, NanTo> operation{{},
                                                                   static_cast<Real>(e.minimum),
                                                                   static_cast<Real>(e.maximum),
                                                                   static_cast<Real>(e.delta),
                                                                   static_cast<Real>(e.offset)};
        const Real unused = 1;
        return presets::detail::run_call(operation, part_x, part_y, parameter_map{}, {&unused, &unused, nullptr, 1},
                                         engine);
      });
}

}  // namespace detail

/// `BlockTensorQuantizer.quantizeDequantize` of 2.42 with given encodings, row-major over `slots`: [] per tensor, [C,
/// 1, 1] per axis, [C, B] in blocks (by_shape_of_scales). Each slot is quantize_dequantize_operation with the four
/// numbers rounded to the type of x, float or double. NaN gives the minimum, infinities the ends, -0 gives +0. Refuses
/// shapes that do not fit, a number of encodings that is not that of the slots, memory that overlaps other than in
/// place.
template <TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_quantize_dequantize(const In& x, const std::vector<encoding>& encodings, const shape& slots,
                                             Out&& y, const Engine& engine = {}) {
  using real = element_of<In>;
  auto&& input = evaluated(x);
  return detail::run<nan_end::minimum, real>(as_view(input), encodings, slots, as_view(y), engine);
}

/// The per-tensor quantize-dequantize of 1.35: the encoding is made anew from its ends (regridded_1_35), NaN gives the
/// maximum. Refuses what the other one refuses, and bits outside 2 to 32.
template <TensorLike In, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_quantize_dequantize_1_35(const In& x, const encoding& e, int bits, Out&& y,
                                                  const Engine& engine = {}) {
  using real = element_of<In>;
  encoding_settings settings;
  settings.bits = bits;
  if (const status s = detail::validate_settings(settings); !s.ok()) return s;
  auto&& input = evaluated(x);
  return detail::run<nan_end::maximum, real>(as_view(input), {regridded_1_35(e, bits)}, shape{}, as_view(y), engine);
}

/// `updateStats` and `computeEncodings` of 2.42 with QUANTIZATION_TF: try_encoding_of_range of the least and largest
/// number of each slot, NaN passed over; a slot of nothing else has the range [0, 0]. Refuses data with infinities (the
/// peer puts 0.99 of the largest float in their place), shapes that do not fit, and what try_encoding_of_range refuses.
template <TensorLike In>
[[nodiscard]] status try_min_max_encodings(const In& x, const shape& slots, const encoding_settings& settings,
                                           std::vector<encoding>& out) {
  using real = element_of<In>;
  auto&& input = evaluated(x);
  const tensor_view<const real> view = as_view(input);
  if (const status s = detail::validate_settings(settings); !s.ok()) return s;
  xquant::detail::call<extremes_operation<real>> call;
  parameter_map map;
  if (const status s = call.input_0(view, "x").mapped(by_shape_of_scales{slots, true}, map); !s.ok()) return s;
  if (view.shape.size() == 0) return fault(errc::no_samples, "x", 0, "at least one element");
  std::vector<range<double>> ranges(map.count);
  bool all_finite = true;
  const auto widen = [&](std::size_t slot, real low, real high) {
    ranges[slot] = {low < 0 ? static_cast<double>(low) : 0, high > 0 ? static_cast<double>(high) : 0};
  };
  if (const status s = xquant::detail::find_extremes(call, map, default_engine{}, all_finite, widen); !s.ok()) return s;
  std::vector<encoding> encodings(map.count);
  for (std::size_t slot = 0; slot < map.count; ++slot) {
    const auto [low, high] = ranges[slot];
    if (!is_finite(low) || !is_finite(high))
      return fault(errc::not_finite, "x", high > -low ? high : low, "finite numbers or NaN", slot);
    if (const status s = try_encoding_of_range(low, high, settings, encodings[slot]); !s.ok()) return s;
  }
  out = static_cast<std::vector<encoding>&&>(encodings);
  return {};
}

#if XQUANT_HAS_EXCEPTIONS
/// try_encoding_of_range that returns the encoding and throws xquant::error.
[[nodiscard]] inline encoding encoding_of_range(double minimum, double maximum, const encoding_settings& settings) {
  encoding out;
  throw_if(try_encoding_of_range(minimum, maximum, settings, out));
  return out;
}

/// try_min_max_encodings that returns the encodings and throws xquant::error.
template <TensorLike In>
[[nodiscard]] std::vector<encoding> min_max_encodings(const In& x, const shape& slots,
                                                      const encoding_settings& settings) {
  std::vector<encoding> out;
  throw_if(try_min_max_encodings(x, slots, settings, out));
  return out;
}

/// try_quantize_dequantize that throws xquant::error.
template <TensorLike In, TensorInMemory Out, class Engine = default_engine>
void quantize_dequantize(const In& x, const std::vector<encoding>& encodings, const shape& slots, Out&& y,
                         const Engine& engine = {}) {
  throw_if(try_quantize_dequantize(x, encodings, slots, y, engine));
}
#endif

}  // namespace xquant::presets::aimet_core
