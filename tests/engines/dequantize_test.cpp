// dequantize: every format on one vector engine against the scalar one.
#include <engines/subjects.hpp>

using namespace engines_test;  // NOLINT: every line names several

TEST_CASE("dequantize") {
  check_with_zero_points<operation::dequantize, xquant::nearest_even, xquant::divide_by_scale>();
  check_without_zero_points<operation::dequantize, xquant::nearest_even, xquant::divide_by_scale>();
}
