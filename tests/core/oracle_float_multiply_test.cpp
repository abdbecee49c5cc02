// Every format, rounding and arithmetic in float, against the oracle.
#include <core/against_oracle.hpp>

TEST_CASE("float: every format, nearest_even, multiply_by_reciprocal") {
  against::every_format<float, xquant::nearest_even, xquant::multiply_by_reciprocal>();
}

TEST_CASE("float: every format, nearest_away, multiply_by_reciprocal") {
  against::every_format<float, xquant::nearest_away, xquant::multiply_by_reciprocal>();
}

TEST_CASE("float: every format, stochastic, multiply_by_reciprocal") {
  against::every_format<float, xquant::stochastic, xquant::multiply_by_reciprocal>();
}
