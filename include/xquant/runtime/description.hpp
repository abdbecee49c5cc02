// A quantizer as values: what a configuration file or a command line says, and how compiled types answer to it.
#pragma once

#include <xquant/formats/conversion.hpp>
#include <xquant/granularity/per_axes.hpp>
#include <xquant/granularity/per_block.hpp>
#include <xquant/granularity/per_group.hpp>

namespace xquant::inline XQUANT_ABI {

/// Formats by value. `minifloat` is the one that quantizer_description::minifloat describes.
enum class format_id : std::uint16_t {
  signed_integer,
  unsigned_integer,
  float8e4m3fn,
  binary,
  ternary,
  float8e5m2,
  float8e4m3fnuz,
  float8e5m2fnuz,
  float8e4m3b11fnuz,
  float8e4m3,
  float8e3m4,
  float8ue4m3,
  float6e2m3,
  float6e3m2,
  float4e2m1,
  float4e3m0,
  float4e1m2,
  float4e0m3,
  float16e5m10,  ///< binary16
  float16e8m7,   ///< bfloat16_format
  float8e8m0,
  float8e8m0_logarithm,  ///< e8m0 whose roundings to nearest compare exponents: e8m0_nearest::logarithm
  minifloat,
  float9e5m3,  ///< e5m3
  first_user_format = 1024
};

/// What becomes of overflow, infinities and NaN in a small float: its own conversion, or formats/conversion.hpp's.
enum class conversion_id : std::uint16_t {
  of_format,
  saturating,
  saturating_finite,
  overflowing,
  first_user_conversion = 1024
};

/// Granularities by value; each takes what it needs from the member of its name.
enum class granularity_id : std::uint8_t {
  tensor_or_axis,  ///< per tensor, or along `axis` where `per_axis` is set
  axes,
  group,
  block,
  token
};

// The enumerators are always written with their scope; g++ warns of `affine`, which is an alias outside.
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif
enum class scheme_id : std::uint16_t {
  symmetric,
  symmetric_narrow,
  affine,
  affine_as_given,  ///< the range is not widened to contain zero
  nudged_affine,
  nudged_affine_away,  ///< zero point rounded away from zero
  symmetric_to_half_range,
  symmetric_to_half_range_at_middle,  ///< zero point the middle code
  symmetric_to_upper_code,
  symmetric_to_upper_code_at_middle,
  symmetric_to_signed_extreme,
  real_zero_point_affine,
  offset_affine,
  offset_affine_lowest,  ///< the zero point is the value of the lowest code
  first_user_scheme = 1024
};
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

/// What becomes of a range too narrow for a scale: schemes/degenerate_scale.hpp.
enum class degenerate_id : std::uint8_t {
  one,
  at_least_two_to_the_minus_23,
  at_least_smallest_normal,
  zero_output,
  refused
};

/// Which power of two a scale becomes, if any: schemes/power_of_two_scale.hpp.
enum class power_of_two_id : std::uint8_t { none, up, down, nearest, nearest_in_log2 };

enum class rounding_id : std::uint16_t {
  nearest_even,
  nearest_away,
  stochastic,
  nearest_up,
  nearest_down,
  nearest_to_zero,
  nearest_odd,
  nearest_dpu,
  to_odd,
  toward_zero,
  toward_positive,
  toward_negative,
  additive_noise,
  first_user_rounding = 1024
};
enum class arithmetic_id : std::uint16_t { divide_by_scale, multiply_by_reciprocal, first_user_arithmetic = 1024 };

/// The arguments of a minifloat type.
struct minifloat_description {
  int exponent_bits = 0;
  int mantissa_bits = 0;
  int bias = 0;
  special_values specials = special_values::ieee;
  bool is_signed = true;

  friend constexpr bool operator==(const minifloat_description&, const minifloat_description&) = default;
};

/// A quantizer as values. A regular value; what a part does not ask for is ignored.
struct quantizer_description {
  format_id format = format_id::signed_integer;
  int bits = 8;                       ///< of the integer formats: 1 to 32
  std::int64_t lower = 0;             ///< of the integer formats: user-set codes, where lower < upper,
  std::int64_t upper = 0;             ///< among those of `bits`
  minifloat_description minifloat{};  ///< of format_id::minifloat
  conversion_id conversion = conversion_id::of_format;
  bool per_axis = false;
  std::ptrdiff_t axis = 0;  ///< where per_axis
  granularity_id granularity = granularity_id::tensor_or_axis;
  per_axes<> axes{};       ///< of granularity_id::axes
  per_group<> group{};     ///< of granularity_id::group
  per_block<> block{};     ///< of granularity_id::block
  bool by_expert = false;  ///< the first axis counts experts, and the granularity is that of an expert's tensor
  scheme_id scheme = scheme_id::symmetric;
  degenerate_id degenerate = degenerate_id::one;
  power_of_two_id power_of_two = power_of_two_id::none;
  bool zero_point_before_rounding = false;  ///< round(x / s + z), not round(x / s) + z
  rounding_id rounding = rounding_id::nearest_even;
  arithmetic_id arithmetic = arithmetic_id::divide_by_scale;
  std::uint64_t seed = 0;         ///< of random roundings
  std::uint64_t first_index = 0;  ///< of random roundings, for a piece of a tensor

  friend constexpr bool operator==(const quantizer_description&, const quantizer_description&) = default;
};

/// How a compiled policy or format answers to a description. Each type of the library has its answer in a file of
/// runtime/; specialise it for one of your own, with an id from first_user_... on, and name the type in the choices.
///   static constexpr bool matches(const quantizer_description&)
///   static constexpr T make(const quantizer_description&)
template <class T>
struct runtime_choice;

}  // namespace xquant
