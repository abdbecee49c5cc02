// Requantization by a float32 product, rounded to nearest even.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/policy_id.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/error.hpp>

namespace xquant::inline XQUANT_ABI {

/// product = rne(fl(float(accumulator) * multiplier)): three roundings, of the accumulator to 24 bits, of the product,
/// and to an integer. Takes any finite multiplier above 0. Source: FBGEMM Requantize, XNNPACK's fp32 requantization,
/// whose magic-number and lrintf forms give the same codes (clamped before or after the rounding: the bounds are
/// integers), ONNX Runtime's MLAS.
struct float_multiplier {
  using policy_category = category::requantization;
  using real = float;
  using prepared = float;

  static constexpr status prepare(float multiplier, prepared& out, std::size_t index = 0) noexcept {
    if (!is_finite(multiplier) || !(multiplier > 0))
      return fault(errc::value_out_of_range, "multiplier", static_cast<double>(multiplier), "a finite number above 0",
                   index);
    out = multiplier;
    return {};
  }
  /// Held to +-2^62, which no zero point or code reaches.
  XQUANT_INLINE static constexpr std::int64_t apply(std::int32_t accumulator, prepared multiplier) noexcept {
    constexpr float most = power_of_two<float>(62);
    const float product = multiply<float>(static_cast<float>(accumulator), multiplier);
    return static_cast<std::int64_t>(round_even<float>(clamp<float>(product, -most, most)));
  }
  /// The same held to +-2^21, which no code of 16 bits reaches: a compiler makes vectors of it. The product does not
  /// meet the sum, as it is held between.
  XQUANT_INLINE static constexpr std::int32_t apply_narrow(std::int32_t accumulator, prepared multiplier) noexcept {
    constexpr auto most = bit_cast<std::int32_t>(power_of_two<float>(21));
    constexpr float shifter = 1.5f * power_of_two<float>(23);  // added, it leaves the nearest integer in the low bits
    const auto product = bit_cast<std::int32_t>(static_cast<float>(accumulator) * multiplier);
    const std::int32_t magnitude = product & INT32_MAX;  // never NaN; compared as bits, without branches
    const std::int32_t held = (magnitude < most ? magnitude : most) | (product & INT32_MIN);
    return bit_cast<std::int32_t>(bit_cast<float>(held) + shifter) - bit_cast<std::int32_t>(shifter);
  }
  friend constexpr bool operator==(const float_multiplier&, const float_multiplier&) = default;
};

template <>
inline constexpr requantization_id id_of<float_multiplier>{0, "float_multiplier"};

}  // namespace xquant
