// Every format, rounding and arithmetic in float, against the oracle.
#include <core/against_oracle.hpp>

TEST_CASE("float: every format, nearest_even, divide_by_scale") {
  against::every_format<float, xquant::nearest_even, xquant::divide_by_scale>();
}

TEST_CASE("float: every format, nearest_away, divide_by_scale") {
  against::every_format<float, xquant::nearest_away, xquant::divide_by_scale>();
}

TEST_CASE("float: every format, stochastic, divide_by_scale") {
  against::every_format<float, xquant::stochastic, xquant::divide_by_scale>();
}
