// fake_quantize by division: every format and rounding on one vector engine against the scalar one.
#include <engines/subjects.hpp>

using namespace engines_test;  // NOLINT: every line names several

TEST_CASE("fake_quantize, dividing, nearest even") {
  check_with_zero_points<operation::fake_quantize, xquant::nearest_even, xquant::divide_by_scale>();
  check_without_zero_points<operation::fake_quantize, xquant::nearest_even, xquant::divide_by_scale>();
}

TEST_CASE("fake_quantize, dividing, nearest away") {
  check_with_zero_points<operation::fake_quantize, xquant::nearest_away, xquant::divide_by_scale>();
  check_without_zero_points<operation::fake_quantize, xquant::nearest_away, xquant::divide_by_scale>();
}

TEST_CASE("fake_quantize, dividing, stochastic") {
  check_with_zero_points<operation::fake_quantize, xquant::stochastic, xquant::divide_by_scale>();
  check_without_zero_points<operation::fake_quantize, xquant::stochastic, xquant::divide_by_scale>();
}
