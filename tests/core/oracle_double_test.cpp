// Every format, rounding and arithmetic in double, against the oracle.
#include <core/against_oracle.hpp>

TEST_CASE("double: every format, nearest_even, divide_by_scale") {
  against::every_format<double, xquant::nearest_even, xquant::divide_by_scale>();
}

TEST_CASE("double: every format, nearest_away, divide_by_scale") {
  against::every_format<double, xquant::nearest_away, xquant::divide_by_scale>();
}

TEST_CASE("double: every format, stochastic, divide_by_scale") {
  against::every_format<double, xquant::stochastic, xquant::divide_by_scale>();
}

TEST_CASE("double: every format, nearest_even, multiply_by_reciprocal") {
  against::every_format<double, xquant::nearest_even, xquant::multiply_by_reciprocal>();
}
