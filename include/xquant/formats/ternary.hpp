// {-1, 0, +1}: the integers of two bits without the lowest.
#pragma once

#include <xquant/core/policy_id.hpp>
#include <xquant/formats/integer.hpp>

namespace xquant::inline XQUANT_ABI {

/// code = clamp(round(x / scale) + zero_point, -1, 1): integers in every respect (docs/arithmetic.md, rules 3 to 6), by
/// the kernels of int8. With scale s what lies within s / 2 of 0 becomes 0, so a threshold t is the scale 2 t.
/// Source: F. Li et al., "Ternary weight networks", 2016; ONNX int2 without -2.
struct ternary : integer_codes<std::int8_t> {
  static constexpr std::int32_t lower_code() noexcept { return -1; }
  static constexpr std::int32_t upper_code() noexcept { return 1; }
  static constexpr code_bounds bounds() noexcept { return kernel_format().bounds(); }
  static constexpr status valid() noexcept { return {}; }
  static constexpr stored_integer<std::int8_t> kernel_format() noexcept { return {-1, 1}; }
  friend constexpr bool operator==(const ternary&, const ternary&) = default;
};

template <>
inline constexpr format_id id_of<ternary>{4, "ternary"};

}  // namespace xquant
