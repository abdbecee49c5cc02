// One small float of every kind through the engines: the scalar engine's bits from the others.
#include <engines/subjects.hpp>

#include <xquant/formats/e8m0.hpp>
#include <xquant/formats/float16.hpp>
#include <xquant/formats/float4.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/presets/conversions/ml_dtypes.hpp>

using namespace engines_test;  // NOLINT: every line names several

using xquant::divide_by_scale, xquant::nearest_even;

TEST_CASE("engines: small floats") {
  using namespace xquant;  // NOLINT: every line names several
  check<operation::quantize, nearest_even, divide_by_scale, e4m3fnuz>("e4m3fnuz: no -0, no short quotient");
  check<operation::fake_quantize, nearest_even, divide_by_scale, e4m3fnuz>("e4m3fnuz, fake");
  check<operation::quantize, nearest_even, divide_by_scale, e2m1>("e2m1: no special values, short quotient");
  check<operation::dequantize, nearest_even, divide_by_scale, e2m1>("e2m1 back");
  check<operation::fake_quantize, nearest_even, divide_by_scale, ue4m3>("ue4m3: no sign, fake");
  check<operation::quantize, nearest_even, divide_by_scale, e8m0>("e8m0: powers of two");
  check<operation::quantize, nearest_even, divide_by_scale, bfloat16_format>("bfloat16_format: 16-bit codes");
  check<operation::dequantize, nearest_even, divide_by_scale, bfloat16_format>("bfloat16_format back");
}

TEST_CASE("engines: conversions") {
  using namespace xquant;  // NOLINT: every line names several
  check<operation::fake_quantize, nearest_even, divide_by_scale, binary16::with<saturating_finite>>(
      "binary16: infinities apart from overflow, fake");
  check<operation::quantize, nearest_even, divide_by_scale, e2m1::with<presets::ml_dtypes::conversion>>(
      "e2m1: NaN by its sign");
  check<operation::quantize, stochastic, divide_by_scale, e5m2::with<overflowing>>("e5m2: stochastic");
}
