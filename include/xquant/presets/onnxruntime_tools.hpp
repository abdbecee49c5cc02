// The rules of ONNX Runtime's Python tools (onnxruntime.quantization.quant_utils): scale and zero point from a range or
// from data.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/core/range.hpp>
#include <xquant/error.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/presets/onnx.hpp>
#include <xquant/schemes/affine_rounding_sum.hpp>

#include <cstddef>
#include <cstdint>

namespace xquant::inline XQUANT_ABI::presets::onnxruntime {

/// The integer types of the tools.
enum class integer_type : std::uint8_t { int8, uint8, int16, uint16, int4, uint4 };

/// get_qmin_qmax_for_qType: all codes of the type; with `symmetric`, int8 and int16 without the lowest; with
/// `reduce_range`, half of them, one more for int8 and int16 ([-64, 64]).
constexpr code_bounds code_range_of(integer_type type, bool symmetric, bool reduce_range) noexcept {
  const auto bounds = [&](double lower, double upper, double reduced_lower, double reduced_upper,
                          bool drops_lowest) -> code_bounds {
    if (reduce_range) return {reduced_lower, reduced_upper, true};
    return {symmetric && drops_lowest ? -upper : lower, upper, true};
  };
  switch (type) {
    case integer_type::int8: return bounds(-128, 127, -64, 64, true);
    case integer_type::uint8: return bounds(0, 255, 0, 127, false);
    case integer_type::int16: return bounds(-32768, 32767, -16384, 16384, true);
    case integer_type::uint16: return bounds(0, 65535, 0, 32767, false);
    case integer_type::int4: return bounds(-8, 7, -4, 3, false);
    case integer_type::uint4: break;
  }
  return bounds(0, 15, 0, 7, false);
}

/// compute_scale_zp(rmin, rmax, qmin, qmax, symmetric, min_real_range). The range is widened to zero, then to
/// `least_range` (0: not) by raising its maximum in float, then, if symmetric, to [-m, m]. In double,
///   scale = (rmax - rmin) / (qmax - qmin)
///   zero point = rne(qmin - rmin / scale), or rne((qmin + qmax) / 2) when symmetric
/// and the scale is rounded once to float. Below the smallest normal float the scale is 1 and the zero point 0. Refuses
/// codes that do not contain 0 and ranges that are none.
[[nodiscard]] constexpr status try_compute_scale_zp(const range<float>& r, const code_bounds& codes, bool symmetric,
                                                    float least_range, scale_and_zero_point<float>& out) noexcept {
  if (const status s = r.valid(); !s.ok()) return s;
  if (!(codes.lower <= 0)) return fault(errc::value_out_of_range, "qmin", codes.lower, "a code of 0 or below");
  if (!(codes.upper >= 0 && codes.upper > codes.lower))
    return fault(errc::value_out_of_range, "qmax", codes.upper, "a code of 0 or above, and above qmin");
  float low = r.minimum < 0 ? r.minimum : 0.0f;
  float high = r.maximum > 0 ? r.maximum : 0.0f;
  if (least_range > 0 && low + least_range > high) high = low + least_range;
  if (symmetric) {
    high = -low > high ? -low : high;
    low = -high;
  }
  out = affine_rounding_sum<>::parameters(range<float>{low, high}, codes);
  const double scale = (static_cast<double>(high) - static_cast<double>(low)) / (codes.upper - codes.lower);
  const bool is_degenerate = degenerate::one::repair<float>(scale).is_degenerate;
  if (symmetric && !is_degenerate)
    out.zero_point = static_cast<std::int32_t>(round_even_to_integer<double>((codes.lower + codes.upper) / 2));
  return {};
}

namespace detail {

// numpy's sum of f(i), i from 0 to count: loops of eight below 128 elements, halves of a multiple of eight above.
template <class Term>
constexpr float numpy_sum(std::size_t first, std::size_t count, const Term& f) {
  if (count < 8) {
    float sum = -0.0f;
    for (std::size_t i = 0; i < count; ++i) sum = add<float>(sum, f(first + i));
    return sum;
  }
  if (count <= 128) {
    float r[8] = {};
    for (std::size_t k = 0; k < 8; ++k) r[k] = f(first + k);
    std::size_t i = 8;
    for (; i < count - count % 8; i += 8)
      for (std::size_t k = 0; k < 8; ++k) r[k] = add<float>(r[k], f(first + i + k));
    float sum = add<float>(add<float>(add<float>(r[0], r[1]), add<float>(r[2], r[3])),
                           add<float>(add<float>(r[4], r[5]), add<float>(r[6], r[7])));
    for (; i < count; ++i) sum = add<float>(sum, f(first + i));
    return sum;
  }
  const std::size_t half = count / 2 - count / 2 % 8;
  return add<float>(numpy_sum(first, half, f), numpy_sum(first + half, count - half, f));
}

// numpy.std of f(0) ... f(count - 1) as float32.
template <class Term>
float numpy_deviation(std::size_t count, const Term& f) {
  const auto n = static_cast<float>(count);
  const float mean = divide<float>(numpy_sum(0, count, f), n);
  const auto square = [&](std::size_t i) {
    const float d = subtract<float>(f(i), mean);
    return multiply<float>(d, d);
  };
  return __builtin_sqrtf(divide<float>(numpy_sum(0, count, square), n));
}

}  // namespace detail

/// compute_scale_zp_float8 of the data: the standard deviation of the data over that of e4m3fn's numbers, in float, the
/// sums as numpy forms them (pairwise, eight accumulators, at most 128 elements a leaf). 1.31.1. Refuses no data.
[[nodiscard]] inline status try_compute_scale_float8(const float* data, std::size_t count, float& out) {
  if (count == 0) return fault(errc::no_samples, "data", 0, "at least one element");
  // Codes 0x00 to 0x7E, then 0x80 to 0xFE: all but the NaN of either sign.
  const float own = detail::numpy_deviation(
      254, [](std::size_t i) { return e4m3fn::decode<float>(static_cast<std::int32_t>(i < 127 ? i : i + 1)); });
  out = divide<float>(detail::numpy_deviation(count, [&](std::size_t i) { return data[i]; }), own);
  return {};
}

}  // namespace xquant::presets::onnxruntime
