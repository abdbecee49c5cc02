// Scales and zero points as the operations see them: arrays somebody else owns, one entry per parameter slot.
#pragma once

#include <xquant/core/lane.hpp>

namespace xquant::inline XQUANT_ABI {

/// What a zero point is and where it enters (docs/arithmetic.md, rules 3 and 6). A scheme names its rule as
/// `static constexpr zero_point_rule zero_point_use`; without it, `has_zero_point` decides between the first two.
enum class zero_point_rule : std::uint8_t {
  none,                  ///< code = round(x / s)                  x = code * s
  after_rounding,        ///< code = round(x / s) + z              x = (code - z) * s
  before_rounding,       ///< code = round(x / s + z)              x = (code - z) * s
  real_before_rounding,  ///< the same, z a real number in units of codes
  real_offset,           ///< code = round((x - z) / s) + origin   x = (code - origin) * s + z, z in units of the data
};

/// Whether zero points are reals (`parameters_view::real_zero_point`) and not integers.
constexpr bool is_real(zero_point_rule rule) noexcept {
  return rule == zero_point_rule::real_before_rounding || rule == zero_point_rule::real_offset;
}

/// Parameter slots 0 .. count-1. Scales are in units of the data per code.
template <class Real = float>
struct parameters_view {
  const Real* scale = nullptr;
  const Real* reciprocal = nullptr;          ///< 1 / scale, correctly rounded; null: computed where needed
  const std::int32_t* zero_point = nullptr;  ///< null: all zero
  std::size_t count = 0;
  const Real* real_zero_point = nullptr;  ///< of schemes whose zero points are reals; null: all zero
};

/// What one lane of an operation knows of its slot. Where zero points are reals, `zero_point` holds their bits.
template <class L>
struct lane_parameters {
  L scale;
  L reciprocal;
  integer_of<L> zero_point;
};

}  // namespace xquant
