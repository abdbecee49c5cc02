// NNCF 3.4's way from collected minima and maxima to scales and zero points, bit for bit (its fake_quantize.py on the
// numpy backend, as the ONNX backend exports them).
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/core/lane.hpp>
#include <xquant/core/range.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/error.hpp>
#include <xquant/rounding/nearest_even.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace xquant::inline XQUANT_ABI::presets::nncf {

/// The peer's QuantizerConfig. Weights are symmetric and narrow, and half_range with the overflow fix.
struct quantizer_settings {
  int bits = 8;
  bool symmetric = true;
  bool narrow_range = false;
  bool forced_sign = false;  ///< signedness_to_force: symmetric codes have a sign even where no number is negative
  bool half_range = false;   ///< symmetric only: the codes of one bit less, at twice their scale
  friend constexpr bool operator==(const quantizer_settings&, const quantizer_settings&) = default;
};

/// The peer's FakeQuantizeParameters: `levels` reals from low to high of each slot.
struct fake_quantize_ranges {
  std::vector<range<float>> slots;
  std::int64_t levels = 256;
};

/// `calculate_quantizer_parameters`, of the minima and maxima of all slots, in float; m is the largest maximum:
///   symmetric    high = max(maximum, 0.01 m, 8e-5); low = -high (L / (L - 2)), L = 2^bits levels, -high where narrow,
///                0 where no minimum of any slot is negative and no sign is forced
///   half_range   the same with L = 2^(bits - 1), then both times (levels - 1) / (L - 1)
///   asymmetric   widened by 8e-4 at both ends where not wider than that, and to contain 0; with q = round(-low (n /
///                (high - low))), ties to even, n = 2^bits - 1, either low = q / (q - n) high or high = (q - n) / q
///                low, the one that gives the larger range, so that 0 has a code
/// `levels` are 2^bits, one less where narrow. In symmetric quantizers the maxima are those of |x| (symmetric_form).
/// Refuses bits outside 2 to 16 (3 to 16 with half_range), half_range where asymmetric (the peer raises), no slots,
/// ranges that are not finite, inverted, or so wide that float overflows; `out` is untouched then.
[[nodiscard]] inline status try_fake_quantize_ranges(const std::vector<range<float>>& collected,
                                                     const quantizer_settings& settings, fake_quantize_ranges& out) {
  if (settings.bits < (settings.half_range ? 3 : 2) || settings.bits > 16)
    return fault(errc::bits_out_of_range, "bits", settings.bits, "2 to 16 bits, 3 at least with half_range");
  if (settings.half_range && !settings.symmetric)
    return fault(errc::unsupported, "half_range", 1, "false where the quantizer is asymmetric");
  if (collected.empty()) return fault(errc::no_samples, "collected", 0, "at least one slot");
  for (std::size_t i = 0; i < collected.size(); ++i)
    if (const status bad = collected[i].valid("collected", i); !bad.ok()) return bad;
  const std::int64_t all = std::int64_t(1) << settings.bits;
  fake_quantize_ranges made{collected, settings.narrow_range ? all - 1 : all};
  if (settings.symmetric) {
    float largest = collected[0].maximum;
    bool is_signed = settings.forced_sign;
    for (const range<float>& r : collected) {
      largest = r.maximum > largest ? r.maximum : largest;
      is_signed = is_signed || r.minimum < 0;
    }
    const std::int64_t used = settings.half_range ? all / 2 : made.levels;
    const float share = multiply(largest, 0.01f);
    const float least = share > 8e-5f ? share : 8e-5f;
    const auto below =
        settings.narrow_range ? 1.0f : static_cast<float>(static_cast<double>(used) / static_cast<double>(used - 2));
    const auto spread = static_cast<float>(static_cast<double>(made.levels - 1) / static_cast<double>(used - 1));
    for (range<float>& r : made.slots) {
      const float high = r.maximum > least ? r.maximum : least;
      r = {is_signed ? multiply(-high, below) : 0, high};
      if (settings.half_range) r = {multiply(r.minimum, spread), multiply(r.maximum, spread)};
    }
  } else {
    const auto steps = static_cast<float>(all - 1);
    for (range<float>& r : made.slots) {
      const float more = r.maximum - r.minimum > 8e-4f ? 0 : 8e-4f;
      const float low = r.minimum - more < 0 ? r.minimum - more : 0;
      const float high = r.maximum + more > 0 ? r.maximum + more : 0;
      const float q = nearest_even::round<float>(multiply(-low, steps / (high - low)));
      const float lower = q < steps ? multiply(q / (q - steps), high) : low;
      const float upper = q > 0 ? multiply((q - steps) / q, low) : high;
      r = high - lower > upper - low ? range<float>{lower, high} : range<float>{low, upper};
    }
  }
  for (std::size_t i = 0; i < made.slots.size(); ++i)
    if (!is_finite(made.slots[i].maximum - made.slots[i].minimum))
      return fault(errc::range_not_finite, "collected", static_cast<double>(collected[i].maximum),
                   "a range whose width is a float", i);
  out = std::move(made);
  return {};
}

/// Integers from `lower` to `upper`, scales and zero points: real = scale (code - zero_point).
struct integer_parameters {
  std::int32_t lower = -128;
  std::int32_t upper = 127;
  std::vector<scale_and_zero_point<float>> slots;
};

/// `calculate_scale_zero_point` with the codes of the ONNX backend, signed where weights are quantized or a low is
/// below 0: codes of 2^bits, the lowest unused where narrow; scale = (high - low) / (levels - 1), 2^-23 where below
/// that; zero point = the lowest code used - round(low / scale), ties to even, held to the codes. Refuses bits outside
/// 2 to 16, levels that are neither 2^bits nor one less, no slots, ranges that are not finite or inverted; `out` is
/// untouched then.
[[nodiscard]] inline status try_integer_parameters(const fake_quantize_ranges& ranges, int bits, bool of_weights,
                                                   integer_parameters& out) {
  if (bits < 2 || bits > 16) return fault(errc::bits_out_of_range, "bits", bits, "2 to 16 bits");
  const std::int64_t all = std::int64_t(1) << bits;
  if (ranges.levels != all && ranges.levels != all - 1)
    return fault(errc::value_out_of_range, "levels", static_cast<double>(ranges.levels), "2^bits levels, or one less");
  if (ranges.slots.empty()) return fault(errc::no_samples, "ranges", 0, "at least one slot");
  bool is_signed = of_weights;
  for (std::size_t i = 0; i < ranges.slots.size(); ++i) {
    if (const status bad = ranges.slots[i].valid("ranges", i); !bad.ok()) return bad;
    is_signed = is_signed || ranges.slots[i].minimum < 0;
  }
  const auto half = static_cast<std::int32_t>(all / 2);
  integer_parameters made{is_signed ? -half : 0, static_cast<std::int32_t>(all - 1) - (is_signed ? half : 0), {}};
  const auto lowest = static_cast<float>(ranges.levels == all ? made.lower : made.lower + 1);
  for (const auto& [low, high] : ranges.slots) {
    const float step = (high - low) / static_cast<float>(ranges.levels - 1);
    const float scale = step < 0x1p-23f ? 0x1p-23f : step;
    const float zero = lowest - nearest_even::round<float>(low / scale);
    const float held = zero < static_cast<float>(made.lower)   ? static_cast<float>(made.lower)
                       : zero > static_cast<float>(made.upper) ? static_cast<float>(made.upper)
                                                               : zero;
    made.slots.push_back({scale, static_cast<std::int32_t>(held)});
  }
  out = std::move(made);
  return {};
}

}  // namespace xquant::presets::nncf
