// fake_quantize by the reciprocal: every format and rounding on one vector engine against the scalar one.
#include <engines/subjects.hpp>

using namespace engines_test;  // NOLINT: every line names several

TEST_CASE("fake_quantize, multiplying, nearest even") {
  check_with_zero_points<operation::fake_quantize, xquant::nearest_even, xquant::multiply_by_reciprocal>();
}

TEST_CASE("fake_quantize, multiplying, nearest away") {
  check_with_zero_points<operation::fake_quantize, xquant::nearest_away, xquant::multiply_by_reciprocal>();
}

TEST_CASE("fake_quantize, multiplying, stochastic") {
  check_with_zero_points<operation::fake_quantize, xquant::stochastic, xquant::multiply_by_reciprocal>();
}
