// A quantizer as values: what a configuration file or a command line says.
#pragma once

#include <xquant/arithmetic/divide_by_scale.hpp>
#include <xquant/core/policy_id.hpp>
#include <xquant/formats/conversion.hpp>
#include <xquant/formats/integer.hpp>
#include <xquant/rounding/nearest_even.hpp>
#include <xquant/runtime/granularity_description.hpp>
#include <xquant/schemes/degenerate_scale.hpp>
#include <xquant/schemes/power_of_two_scale.hpp>
#include <xquant/schemes/symmetric.hpp>

namespace xquant::inline XQUANT_ABI {

/// A small float's own conversion: what becomes of overflow, infinities and NaN (formats/conversion.hpp).
inline constexpr conversion_id conversion_of_format{0, "of_format"};

/// The arguments of a minifloat type.
struct minifloat_description {
  int exponent_bits = 0;
  int mantissa_bits = 0;
  int bias = 0;
  special_values specials = special_values::ieee;
  bool is_signed = true;

  friend constexpr bool operator==(const minifloat_description&, const minifloat_description&) = default;
};

/// A quantizer as values. A regular value; what a part does not ask for is ignored. Ids stand beside what they are the
/// ids of: id_of<e4m3fn>, id_of<affine>, id_of<stochastic>.
struct quantizer_description {
  format_id format = signed_integer;
  int bits = 8;                       ///< of the integer formats: 1 to 32
  std::int64_t lower = 0;             ///< of the integer formats: user-set codes, where lower < upper,
  std::int64_t upper = 0;             ///< among those of `bits`
  minifloat_description minifloat{};  ///< of a small float without an id of its own
  conversion_id conversion = conversion_of_format;
  granularity_description granularity{};
  scheme_id scheme = id_of<symmetric<>>;
  degenerate_id degenerate = id_of<degenerate::one>;
  power_of_two_id power_of_two = power_of_two_id::none;
  bool zero_point_before_rounding = false;  ///< round(x / s + z), not round(x / s) + z
  rounding_id rounding = id_of<nearest_even>;
  arithmetic_id arithmetic = id_of<divide_by_scale>;
  std::uint64_t seed = 0;         ///< of random roundings
  std::uint64_t first_index = 0;  ///< of random roundings, for a piece of a tensor

  friend constexpr bool operator==(const quantizer_description&, const quantizer_description&) = default;
};

}  // namespace xquant
