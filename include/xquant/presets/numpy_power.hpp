// numpy.power of floats as numpy 2.4 computes it on x86-64 with AVX-512, where it is not the C library's powf and not
// correctly rounded. Includes <cmath> for log2, exp2 and pow.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/core/scalar_lane.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace xquant::inline XQUANT_ABI::presets::detail {

// a + b with one rounding to float, towards zero. (Of doubles that hold floats, or exact products of two.)
inline float sum_towards_zero(double a, double b) noexcept {
  const double sum = a + b;
  const double b_in_sum = sum - a;
  const double rest = (a - (sum - b_in_sum)) + (b - b_in_sum);
  const auto magnitude = [](double v) { return v < 0 ? -v : v; };
  auto result = static_cast<float>(sum);
  const auto exact = static_cast<double>(result);
  const bool too_large = magnitude(exact) > magnitude(sum) || (exact == sum && rest != 0 && (rest < 0) != (sum < 0));
  if (too_large && result != 0) result = bit_cast<float>(bit_cast<std::uint32_t>(result) - 1);
  return result;
}

// Logarithms of r = 1 + k / 32 in two parts, -log2(r) or, from 1.5 on, 1 - log2(r): high in steps of 2^-16.
struct power_tables {
  float high[32];
  float low[32];
  float root[16];  // 2^(k / 16)
  power_tables() noexcept {
    for (int k = 0; k < 32; ++k) {
      const double logarithm = (k < 16 ? 0.0 : 1.0) - std::log2(1.0 + k / 32.0);
      const double steps = std::floor(logarithm * 65536 + 0.5) / 65536;
      high[k] = static_cast<float>(steps);
      low[k] = static_cast<float>(logarithm - steps);
    }
    for (int k = 0; k < 16; ++k) root[k] = static_cast<float>(std::exp2(k / 16.0));
  }
};

// The reciprocal of a mantissa in [1/2, 1) in steps of 1/32, by the processor's approximation of 14 bits: the
// mantissas, their fractions in units of 2^-16, from which on it is 63, 62, ..., 32 steps.
inline std::uint32_t reciprocal_steps(std::uint32_t mantissa) noexcept {
  static constexpr std::uint32_t from[32] = {
      518,   1575,  2666,  3792,  4957,  6159,  7410,  8701,  10038, 11423, 12864, 14354, 15909, 17518, 19198, 20946,
      22767, 24663, 26647, 28717, 30885, 33154, 35533, 38026, 40651, 43407, 46313, 49376, 52616, 56038, 59669, 63523};
  std::uint32_t steps = 64;
  while (steps > 32 && mantissa >= from[64 - steps] << 7) --steps;
  return steps;
}

/// x^y for 2^-126 <= x and |y log2 x| < 125, the bits of the vector kernel (AVX-512) that numpy 2.4 runs; elsewhere the
/// C library's pow rounded to float. log2(x) in two floats from a table of 32 and a polynomial, times y in two floats,
/// then 2^k times a root and a polynomial. Source of steps and constants: the kernel of Intel's SVML that numpy carries
/// (BSD 3-clause), as compiled into numpy 2.4.
inline float numpy_power(float x, float y) noexcept {
  const auto by_library = [&] { return static_cast<float>(std::pow(static_cast<double>(x), static_cast<double>(y))); };
  if (!(x >= 0x1p-126f && is_finite(x) && is_finite(y)) || y == 0) return by_library();
  static const power_tables table;
  const auto bits = bit_cast<std::uint32_t>(x);
  const std::uint32_t mantissa = bits & 0x7fffffu;
  const std::uint32_t steps = reciprocal_steps(mantissa);
  const float r = static_cast<float>(steps) / 32;
  const auto exponent = static_cast<float>(static_cast<int>(bits >> 23) - 127 + (steps < 48 ? 1 : 0));
  const float t = std::fmaf(r, bit_cast<float>(mantissa | 0x3f000000u), -1.0f);
  float p = std::fmaf(0x1.278e0ap-2f, t, -0x1.7167dap-2f);
  p = std::fmaf(p, t, 0x1.ec709ep-2f);
  p = std::fmaf(p, t, -0x1.715476p-1f);
  p = std::fmaf(p, t, 0x1.4ae198p-26f);
  constexpr float log2_of_e = 0x1.715476p+0f;
  const float whole = table.high[steps & 31u] + exponent;
  const float head = std::fmaf(log2_of_e, t, whole);
  const float head_rest = std::fmaf(log2_of_e, t, -(head - whole));
  const float tail = std::fmaf(p, t, table.low[steps & 31u]);
  const float logarithm = head + tail;
  const float logarithm_rest = (tail - (logarithm - head)) + head_rest;

  const double product = static_cast<double>(logarithm) * static_cast<double>(y);
  const float high = sum_towards_zero(product, 0);
  const auto product_rest = static_cast<float>(product - static_cast<double>(high));
  const float low =
      sum_towards_zero(static_cast<double>(y) * static_cast<double>(logarithm_rest), static_cast<double>(product_rest));
  const float power = sum_towards_zero(static_cast<double>(high), static_cast<double>(low));
  if (!(absolute(power) < 125.5f)) return by_library();
  const auto sixteenths = static_cast<int>(std::floor(static_cast<double>(power) * 16));
  // What remains is not negative, and rounded down.
  const float fraction = sum_towards_zero(static_cast<double>(power), -sixteenths / 16.0);
  const float z = fraction + (low - (power - high));
  const float root = table.root[static_cast<unsigned>(sixteenths) & 15u];
  float q = std::fmaf(0x1.d0a996p-5f, z, 0x1.ebe2d8p-3f);
  q = std::fmaf(z, q, 0x1.62e444p-1f);
  const float value = std::fmaf(multiply(root, z), q, root);
  return multiply(value, power_of_two<float>(sixteenths >> 4));
}

}  // namespace xquant::presets::detail
