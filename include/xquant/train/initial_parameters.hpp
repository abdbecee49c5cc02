// Where learned parameters start: LSQ, LSQ+, TQT, PACT and EWGS, from statistics of the slots of a tensor.
#pragma once

#include <xquant/calls/call.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/core/bits.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/square_root.hpp>
#include <xquant/exception.hpp>

#include <cmath>
#include <vector>

namespace xquant::inline XQUANT_ABI {

/// Statistics of the elements of a slot, in double: sums row-major, in order; the deviation divides by the number of
/// elements, about the mean, in a second pass. All are 0 in a slot without elements. Where a sum or a square is beyond
/// double, sums are of 2^-600 times the elements (of which the smallest are lost then); all are finite.
struct slot_statistics {
  std::size_t elements = 0;
  double minimum = 0;
  double maximum = 0;
  double mean = 0;
  double mean_magnitude = 0;
  double deviation = 0;
  friend constexpr bool operator==(const slot_statistics&, const slot_statistics&) = default;
};

namespace detail {

// use(element, slot), row-major.
template <class T, class Use>
void each_with_slot(const tensor_view<T>& v, const parameter_map& map, const Use& use, std::size_t d = 0,
                    std::ptrdiff_t at = 0, std::ptrdiff_t slot = 0) {
  if (d == v.shape.rank) {
    if (v.shape.size() != 0) use(static_cast<double>(v.data[at]), static_cast<std::size_t>(slot));
    return;
  }
  for (std::size_t i = 0; i < v.shape.extent[d]; ++i)
    each_with_slot(v, map, use, d + 1, at + static_cast<std::ptrdiff_t>(i) * v.stride[d],
                   slot + static_cast<std::ptrdiff_t>(i / map.block[d]) * map.stride[d]);
}

constexpr bool has_finite_sums(const slot_statistics& s) noexcept {
  return is_finite(s.mean) && is_finite(s.mean_magnitude) && is_finite(s.deviation);
}

// The sums of the slots where they are not finite, in units of 2^600.
template <class T>
void sum_scaled(const tensor_view<T>& v, const parameter_map& map, std::vector<slot_statistics>& of) {
  constexpr auto unit = power_of_two<double>(-600);
  constexpr auto back = power_of_two<double>(600);
  std::vector<slot_statistics> scaled(of.size());
  each_with_slot(v, map, [&](double value, std::size_t slot) {
    scaled[slot].mean += value * unit;
    scaled[slot].mean_magnitude += (value < 0 ? -value : value) * unit;
  });
  for (std::size_t i = 0; i < of.size(); ++i) {
    scaled[i].mean /= static_cast<double>(of[i].elements == 0 ? 1 : of[i].elements);
    scaled[i].mean_magnitude /= static_cast<double>(of[i].elements == 0 ? 1 : of[i].elements);
  }
  each_with_slot(v, map, [&](double value, std::size_t slot) {
    const double distance = value * unit - scaled[slot].mean;
    scaled[slot].deviation += lane_operations<double>::multiply(distance, distance);
  });
  const auto held = [](double low, double x, double high) { return x < low ? low : x > high ? high : x; };
  for (std::size_t i = 0; i < of.size(); ++i) {
    slot_statistics& s = of[i];
    if (has_finite_sums(s)) continue;
    // Rounded sums may be past what none of the elements is, and past the largest double with that.
    const double largest = -s.minimum > s.maximum ? -s.minimum : s.maximum;
    s.mean = held(s.minimum, scaled[i].mean * back, s.maximum);
    s.mean_magnitude = held(0, scaled[i].mean_magnitude * back, largest);
    s.deviation = held(0, square_root(scaled[i].deviation / static_cast<double>(s.elements)) * back,
                       s.maximum / 2 - s.minimum / 2);
  }
}

}  // namespace detail

/// The statistics of each slot that `granularity` gives x (float or double). Refuses NaN, infinities, and granularities
/// that do not fit.
template <class Granularity, TensorLike In>
[[nodiscard]] status try_statistics_of(const Granularity& granularity, const In& x, std::vector<slot_statistics>& out) {
  auto&& held = evaluated(x);
  const auto v = as_view(held);
  using element = element_of<In>;
  detail::call<detail::streams_only<lane_real<element>, element, none>> streams;
  parameter_map map;
  if (const status bad = streams.input_0(v, "x").mapped(granularity, map); !bad.ok()) return bad;
  std::vector<slot_statistics> found(map.count);
  status bad;
  std::size_t index = 0;
  detail::each_with_slot(v, map, [&](double value, std::size_t slot) {
    if (bad.ok() && !(value - value == 0)) bad = fault(errc::value_out_of_range, "x", value, "a finite number", index);
    ++index;
    slot_statistics& s = found[slot];
    if (s.elements == 0 || value < s.minimum) s.minimum = value;
    if (s.elements == 0 || value > s.maximum) s.maximum = value;
    ++s.elements;
    s.mean += value;
    s.mean_magnitude += value < 0 ? -value : value;
  });
  if (!bad.ok()) return bad;
  for (slot_statistics& s : found) {
    const auto n = static_cast<double>(s.elements == 0 ? 1 : s.elements);
    s.mean /= n;
    s.mean_magnitude /= n;
  }
  detail::each_with_slot(v, map, [&](double value, std::size_t slot) {
    const double distance = value - found[slot].mean;
    found[slot].deviation += lane_operations<double>::multiply(distance, distance);
  });
  bool is_finite_everywhere = true;
  for (slot_statistics& s : found) {
    s.deviation = square_root(s.deviation / static_cast<double>(s.elements == 0 ? 1 : s.elements));
    is_finite_everywhere = is_finite_everywhere && detail::has_finite_sums(s);
  }
  if (!is_finite_everywhere) detail::sum_scaled(v, map, found);
  out.swap(found);
  return {};
}

namespace detail {
// 1, or of numbers so large that mean and three deviations may be beyond double a power of two less.
inline double within_double(const slot_statistics& s) noexcept {
  const double largest = -s.minimum > s.maximum ? -s.minimum : s.maximum;
  return largest > power_of_two<double>(1000) ? power_of_two<double>(-8) : 1.0;
}
}  // namespace detail

/// LSQ's scale, 2 mean |x| / sqrt(upper), upper the largest code. Source: S. Esser et al., 2020.
inline double lsq_initial_scale(const slot_statistics& s, double upper) {
  const double unit = detail::within_double(s);
  return 2 * (s.mean_magnitude * unit) / square_root(upper) / unit;
}

/// LSQ+'s scale of weights, max(|mean - 3 sd|, |mean + 3 sd|) / 2^(bits - 1). Source: Y. Bhalgat et al., 2020.
inline double lsq_plus_initial_scale(const slot_statistics& s, int bits) {
  const double unit = detail::within_double(s);
  const double mean = s.mean * unit;
  const double spread = 3 * (s.deviation * unit);
  const double low = std::fabs(mean - spread);
  const double high = std::fabs(mean + spread);
  return (low > high ? low : high) / std::ldexp(unit, bits - 1);
}

/// LSQ+'s scale and offset of activations, for y = (code - origin) * scale + offset: those that make sum (x - y)^2
/// small. From the range of x on, codes of x and the least squares fit of x to them take turns until the sum shrinks no
/// more, at most 100 times. The codes of nearest_even; in double, of 2^-600 times the elements where the largest is
/// above 2^400. A range so narrow that a scale is 0 stays what it is: scale 0. Refuses lower that is not below upper,
/// what try_statistics_of refuses, and (errc::range_not_finite) a range of two codes that is wider than a double holds.
template <TensorLike In>
[[nodiscard]] status try_lsq_plus_initial_parameters(const In& x, std::int32_t lower, std::int32_t upper,
                                                     std::int32_t origin, scale_and_real_zero_point<double>& out) {
  if (lower >= upper) return fault(errc::bits_out_of_range, "lower", lower, "below upper");
  std::vector<slot_statistics> whole;
  auto&& held = evaluated(x);
  const auto v = as_view(held);
  struct one_slot {
    constexpr status map(const shape&, parameter_map& of) const noexcept {
      of = {};
      return {};
    }
  };
  if (const status bad = try_statistics_of(one_slot{}, v, whole); !bad.ok()) return bad;
  slot_statistics s = whole[0];
  const double largest = -s.minimum > s.maximum ? -s.minimum : s.maximum;
  const double unit = largest > power_of_two<double>(400) ? power_of_two<double>(-600) : 1.0;
  for (double* const part : {&s.minimum, &s.maximum, &s.mean}) *part *= unit;
  const auto multiply_apart = [](double a, double b) { return lane_operations<double>::multiply(a, b); };
  double scale = (s.maximum - s.minimum) / (static_cast<double>(upper) - lower);
  double offset = s.minimum - multiply_apart(static_cast<double>(lower) - origin, scale);
  scale_and_real_zero_point<double> best{scale, offset};
  double least = -1;
  for (int turn = 0; turn < 100 && scale > 0; ++turn) {
    double sum_c = 0;
    double sum_cc = 0;
    double sum_cx = 0;
    double error = 0;
    detail::each_with_slot(v, parameter_map{}, [&](double element, std::size_t) {
      const double value = element * unit;
      double code = round_even<double>((value - offset) / scale);
      const double low = static_cast<double>(lower) - origin;
      const double high = static_cast<double>(upper) - origin;
      code = code < low ? low : code > high ? high : code;
      const double distance = value - offset - multiply_apart(code, scale);
      sum_c += code;
      sum_cc += multiply_apart(code, code);
      sum_cx += multiply_apart(code, value);
      error += multiply_apart(distance, distance);
    });
    if (least >= 0 && error >= least) break;
    least = error;
    best = {scale, offset};
    const auto n = static_cast<double>(s.elements);
    const double mean_c = sum_c / n;
    const double spread = sum_cc - multiply_apart(mean_c, sum_c);
    if (!(spread > 0)) break;
    scale = (sum_cx - multiply_apart(mean_c, multiply_apart(s.mean, n))) / spread;
    offset = s.mean - multiply_apart(mean_c, scale);
  }
  best = {best.scale / unit, best.zero_point / unit};
  if (!is_finite(best.scale) || !is_finite(best.zero_point))
    return fault(errc::range_not_finite, "x", whole[0].maximum, "a range whose scale and offset a double holds");
  out = best;
  return {};
}

/// TQT's threshold of weights, as log2: that of 3 sd. (Of activations the paper takes calibrated ranges: calibration/.)
/// Source: S. Jain et al., 2020.
inline double tqt_initial_log2_threshold(const slot_statistics& s) {
  const double unit = detail::within_double(s);
  return std::log2(3 * (s.deviation * unit)) - std::log2(unit);
}

/// TQT's scale of a log2 threshold: 2^ceil(log2 t) / 2^(bits - 1), or / 2^bits for codes without a sign.
inline double tqt_scale(double log2_threshold, int bits, bool is_signed = true) {
  return std::exp2(std::ceil(log2_threshold) - (is_signed ? bits - 1 : bits));
}

/// PACT's alpha: the paper starts at 10, far out, and lets its decay bring it in.
inline constexpr double pact_initial_alpha = 10;

/// EWGS's delta from the trace of the Hessian of the loss over `elements` rounded numbers and G, the size of their
/// gradients (about the largest |g|): max(0, (trace / elements) / G); 0 where G is. Source: J. Lee et al., 2021.
constexpr double ewgs_delta(double hessian_trace, std::size_t elements, double gradient_size) {
  if (elements == 0 || !(gradient_size > 0)) return 0;
  const double curvature = hessian_trace / static_cast<double>(elements);
  return curvature > 0 ? curvature / gradient_size : 0;
}

#if XQUANT_HAS_EXCEPTIONS
/// See try_statistics_of. Throws xquant::error.
template <class Granularity, TensorLike In>
std::vector<slot_statistics> statistics_of(const Granularity& granularity, const In& x) {
  std::vector<slot_statistics> out;
  throw_if(try_statistics_of(granularity, x, out));
  return out;
}
/// See try_lsq_plus_initial_parameters. Throws xquant::error.
template <TensorLike In>
scale_and_real_zero_point<double> lsq_plus_initial_parameters(const In& x, std::int32_t lower, std::int32_t upper,
                                                              std::int32_t origin) {
  scale_and_real_zero_point<double> out;
  throw_if(try_lsq_plus_initial_parameters(x, lower, upper, origin, out));
  return out;
}
#endif

}  // namespace xquant
