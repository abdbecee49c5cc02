// What the library has of each kind that a description can name: the one list of each. What is listed elsewhere (the
// choices of a program, the formats of a file) is a part of these.
#pragma once

#include <xquant/arithmetic/divide_by_scale.hpp>
#include <xquant/arithmetic/multiply_by_reciprocal.hpp>
#include <xquant/core/meta.hpp>
#include <xquant/formats/binary.hpp>
#include <xquant/formats/e8m0.hpp>
#include <xquant/formats/float16.hpp>
#include <xquant/formats/float4.hpp>
#include <xquant/formats/float6.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/formats/integer.hpp>
#include <xquant/formats/wide_exponent.hpp>
#include <xquant/formats/wide_integer.hpp>
#include <xquant/rounding/additive_noise.hpp>
#include <xquant/rounding/nearest_away.hpp>
#include <xquant/rounding/nearest_down.hpp>
#include <xquant/rounding/nearest_dpu.hpp>
#include <xquant/rounding/nearest_even.hpp>
#include <xquant/rounding/nearest_odd.hpp>
#include <xquant/rounding/nearest_to_zero.hpp>
#include <xquant/rounding/nearest_up.hpp>
#include <xquant/rounding/stochastic.hpp>
#include <xquant/rounding/to_odd.hpp>
#include <xquant/rounding/toward_negative.hpp>
#include <xquant/rounding/toward_positive.hpp>
#include <xquant/rounding/toward_zero.hpp>
#include <xquant/schemes/affine.hpp>
#include <xquant/schemes/affine_rounding_sum.hpp>
#include <xquant/schemes/degenerate_policies.hpp>
#include <xquant/schemes/nudged_affine.hpp>
#include <xquant/schemes/real_zero_point_affine.hpp>
#include <xquant/schemes/symmetric.hpp>
#include <xquant/schemes/symmetric_to_half_range.hpp>
#include <xquant/schemes/symmetric_to_signed_extreme.hpp>
#include <xquant/schemes/symmetric_to_upper_code.hpp>

namespace xquant::inline XQUANT_ABI {

/// Integers by what stores them (ternary's codes are among those of int8), small floats with their own conversion.
using standard_formats =
    type_list<stored_integer<std::int8_t>, stored_integer<std::uint8_t>, stored_integer<std::int16_t>,
              stored_integer<std::uint16_t>, stored_integer<std::int32_t>, stored_integer<std::uint32_t>, binary,
              e4m3fn, e5m2, e4m3fnuz, e5m2fnuz, e4m3b11fnuz, e4m3, e3m4, ue4m3, e2m3, e3m2, e2m1, e3m0, e1m2, e0m3,
              binary16, bfloat16_format, e5m3, e8m0, e8m0::nearest_logarithm>;

using standard_roundings =
    type_list<nearest_even, nearest_away, stochastic, nearest_up, nearest_down, nearest_to_zero, nearest_odd,
              nearest_dpu, to_odd, toward_zero, toward_positive, toward_negative, additive_noise>;

using standard_arithmetics = type_list<divide_by_scale, multiply_by_reciprocal>;

using standard_schemes =
    type_list<symmetric<>, symmetric<code_range::narrow>, affine,
              affine_scheme<degenerate::one, range_of_zero::as_given>, nudged_affine<>,
              nudged_affine<degenerate::one, zero_point_rounding::nearest_away>, symmetric_to_half_range<>,
              symmetric_to_half_range<degenerate::one, symmetric_zero::at_middle_code>, symmetric_to_upper_code<>,
              symmetric_to_upper_code<degenerate::one, symmetric_zero::at_middle_code>, affine_rounding_sum<>,
              affine_rounding_sum<degenerate::one, range_width::rounded>, symmetric_to_signed_extreme<>,
              real_zero_point_affine<>, offset_affine<>, offset_affine<degenerate::one, offset_code::lowest>>;

using standard_degenerate_scales =
    type_list<degenerate::one, degenerate::at_least<degenerate::two_to_the<-23>>,
              degenerate::at_least<degenerate::smallest_normal>, degenerate::zero_output<>, degenerate::refused>;

}  // namespace xquant
