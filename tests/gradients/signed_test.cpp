// Gradients with signed codes on one vector engine, and on threads over it.
#include <gradients/subjects.hpp>

using namespace gradients_test;  // NOLINT: every line names several
using namespace xquant;          // NOLINT

TEST_CASE("int8, dividing") {
  check<float, stored_integer<std::int8_t>, symmetric<>, nearest_even, divide_by_scale>("int8");
}
TEST_CASE("int8, stochastic") {
  check<float, stored_integer<std::int8_t>, affine, stochastic, divide_by_scale>("int8, affine, stochastic");
}
