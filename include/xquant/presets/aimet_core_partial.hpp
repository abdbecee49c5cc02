// Encodings of AIMET's C++ core of which only half is given, and the gate that ranges pass there.
#pragma once

#include <xquant/core/scalar_lane.hpp>
#include <xquant/error.hpp>
#include <xquant/exception.hpp>
#include <xquant/presets/aimet_core.hpp>

namespace xquant::inline XQUANT_ABI::presets::aimet_core {

/// The width below which a range is widened.
inline constexpr double least_width = 1e-5;

/// `gateMinMax`: a range widened to contain zero and to a width of 1e-5, upwards. NaN stays. Source: aimet 1.35.0.
struct gated_range {
  double minimum = 0;
  double maximum = 0;
  friend constexpr bool operator==(const gated_range&, const gated_range&) = default;
};
[[nodiscard]] constexpr gated_range gated(double minimum, double maximum) noexcept {
  const double low = minimum > 0 ? 0 : minimum;
  const double high = maximum < 0 ? 0 : maximum;
  return {low, high < low + least_width ? low + least_width : high};
}

/// `computePartialEncoding`: the other half of an encoding of which either delta and offset or minimum and maximum are
/// given, the rest being 0. In double, N = 2^bits - 1 steps, one less when strict:
///   delta and offset: minimum = offset delta; maximum = floor(N / 2) delta where symmetric (and not unsigned without
///                     negative numbers), else minimum + N delta; gated where that is narrower than 1e-5
///   minimum, maximum: delta and offset as try_encoding_of_range_1_35 has them; both ends are kept as given
/// Refuses bits outside 2 to 32, both halves at once, neither of them, numbers that are not finite, a delta that is not
/// above zero, and ends that the peer's encoding does not take (zero must not lie outside). Source: aimet 1.35.0.
[[nodiscard]] constexpr status try_completed(const encoding& partial, const encoding_settings& settings,
                                             encoding& out) noexcept {
  if (const status s = detail::validate_settings(settings); !s.ok()) return s;
  const double all[] = {partial.minimum, partial.maximum, partial.delta, partial.offset};
  const char* const names[] = {"minimum", "maximum", "delta", "offset"};
  for (int i = 0; i < 4; ++i)
    if (!is_finite(all[i])) return fault(errc::value_out_of_range, names[i], all[i], "a finite number");
  if (partial.minimum == 0 && partial.maximum == 0) {
    if (!(partial.delta > 0))
      return fault(errc::scale_not_positive, "delta", partial.delta, "a delta above zero, or minimum and maximum");
    const double steps = detail::steps_of(settings);
    const double low = partial.offset * partial.delta;
    const bool centred = settings.symmetric && (low < 0 || !settings.unsigned_symmetric);
    const auto above = static_cast<double>(static_cast<std::int64_t>(steps) / 2);
    const double high = centred ? partial.delta * above : low + partial.delta * steps;
    const gated_range range = high - low < least_width ? gated(low, high) : gated_range{low, high};
    out = {range.minimum, range.maximum, partial.delta, partial.offset};
    return {};
  }
  if (partial.delta != 0 || partial.offset != 0)
    return fault(errc::unsupported, "delta", partial.delta, "0, as minimum and maximum are given");
  encoding full;
  if (const status s = try_encoding_of_range_1_35(partial.minimum, partial.maximum, settings, full); !s.ok()) return s;
  out = {partial.minimum, partial.maximum, full.delta, full.offset};
  return {};
}

#if XQUANT_HAS_EXCEPTIONS
/// The same, as a value. Throws xquant::error.
[[nodiscard]] inline encoding completed(const encoding& partial, const encoding_settings& settings) {
  encoding out;
  throw_if(try_completed(partial, settings, out));
  return out;
}
#endif

}  // namespace xquant::presets::aimet_core
