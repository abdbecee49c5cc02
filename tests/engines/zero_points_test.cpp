// Where zero points enter, and scales with a sign: each rule of a scheme on one vector engine against the scalar one.
#include <engines/subjects.hpp>
#include <xquant/schemes/real_zero_point_affine.hpp>
#include <xquant/schemes/symmetric_to_signed_extreme.hpp>
#include <xquant/schemes/zero_point_before_rounding.hpp>

using namespace engines_test;  // NOLINT: every line names several

namespace {

template <class Scheme, class Format, class Rounding, class Arithmetic>
void all_operations(const char* name) {
  check<operation::quantize, Rounding, Arithmetic, Format, Scheme>(name);
  check<operation::dequantize, Rounding, Arithmetic, Format, Scheme>(name);
  check<operation::fake_quantize, Rounding, Arithmetic, Format, Scheme>(name);
}

}  // namespace

TEST_CASE("zero points before the rounding, real ones, offsets; signed scales") {
  using namespace xquant;
  using signed_codes = stored_integer<std::int8_t>;
  using unsigned_codes = stored_integer<std::uint8_t>;
  all_operations<zero_point_before_rounding<>, unsigned_codes, nearest_even, divide_by_scale>("before rounding, uint8");
  all_operations<real_zero_point_affine<>, unsigned_codes, nearest_even, multiply_by_reciprocal>("real, uint8");
  all_operations<offset_affine<>, unsigned_codes, nearest_even, divide_by_scale>("offset, uint8");
  all_operations<symmetric_to_signed_extreme<>, signed_codes, nearest_even, divide_by_scale>("signed scale, int8");
  check<operation::quantize, nearest_even, divide_by_scale, signed_codes, offset_affine<>>("offset, int8");
  check<operation::fake_quantize, stochastic, divide_by_scale, stored_integer<std::int16_t>, real_zero_point_affine<>>(
      "real, int16, stochastic");
}
