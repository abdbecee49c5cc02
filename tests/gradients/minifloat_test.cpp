// Gradients with small floats on one vector engine, and on threads over it.
#include <xquant/formats/float8.hpp>

#include <gradients/subjects.hpp>

using namespace gradients_test;  // NOLINT: every line names several
using namespace xquant;          // NOLINT

TEST_CASE("e4m3fn, dividing") { check<float, e4m3fn, symmetric<>, nearest_even, divide_by_scale>("e4m3fn"); }
TEST_CASE("e4m3fn, stochastic") {
  check<float, e4m3fn, symmetric<>, stochastic, multiply_by_reciprocal>("e4m3fn, stochastic");
}
