// Arithmetic on ranges and codes that some schemes share.
#pragma once

#include <xquant/core/range.hpp>

namespace xquant::inline XQUANT_ABI::detail {

// The nearest integer, ties away from zero; of magnitudes below 2^51, and beyond that close to x.
constexpr double nearest_integer_away(double x) noexcept {
  const double magnitude = x < 0 ? -x : x;
  const double near = nearest_integer(magnitude);
  const double whole = near > magnitude ? near - 1 : near;
  const double rounded = magnitude - whole >= 0.5 ? whole + 1 : whole;
  return x < 0 ? -rounded : rounded;
}

// The code in the middle of the codes, the upper one of two: 0 for codes with a sign, 128 for uint8. Held to what int32
// has: one less for uint32.
constexpr std::int32_t middle_code(const code_bounds& codes) noexcept {
  const auto sum = static_cast<std::int64_t>(codes.lower) + static_cast<std::int64_t>(codes.upper) + 1;
  const std::int64_t middle = sum >= 0 ? sum / 2 : -((-sum + 1) / 2);
  return static_cast<std::int32_t>(middle < INT32_MAX ? middle : INT32_MAX);
}

constexpr double largest_magnitude(double low, double high) noexcept {
  const double below = low < 0 ? -low : low;
  const double above = high < 0 ? -high : high;
  return below > above ? below : above;
}

}  // namespace xquant::detail
