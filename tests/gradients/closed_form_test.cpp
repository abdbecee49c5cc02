// The scalar engine, and threads over it, against the closed forms: every format, rounding and arithmetic, float and
// double. Vector engines are compared in the same way by the programs of their instruction sets.
#include <xquant/formats/float8.hpp>

#include <gradients/subjects.hpp>

using namespace gradients_test;  // NOLINT: every line names several
using xquant::affine;
using xquant::divide_by_scale;
using xquant::e4m3fn;
using xquant::multiply_by_reciprocal;
using xquant::nearest_away;
using xquant::nearest_even;
using xquant::stochastic;
using xquant::stored_integer;
using xquant::symmetric;

TEST_CASE("gradients of float data") {
  check<float, stored_integer<std::int8_t>, symmetric<>, nearest_even, divide_by_scale>("int8");
  check<float, stored_integer<std::uint8_t>, affine, nearest_away, multiply_by_reciprocal>("uint8, affine");
  check<float, stored_integer<std::int16_t>, affine, nearest_even, multiply_by_reciprocal>("int16, affine");
  check<float, e4m3fn, symmetric<>, nearest_even, divide_by_scale>("e4m3fn");
  check<float, e4m3fn, symmetric<>, nearest_away, multiply_by_reciprocal>("e4m3fn, away");
  check<float, stored_integer<std::int8_t>, affine, stochastic, divide_by_scale>("int8, stochastic");
}

TEST_CASE("gradients of double data") {
  check<double, stored_integer<std::int8_t>, affine, nearest_even, divide_by_scale>("int8, affine");
  check<double, stored_integer<std::uint16_t>, symmetric<>, nearest_away, multiply_by_reciprocal>("uint16");
  check<double, e4m3fn, symmetric<>, nearest_even, divide_by_scale>("e4m3fn");
  check<double, e4m3fn, symmetric<>, stochastic, divide_by_scale>("e4m3fn, stochastic");
}
