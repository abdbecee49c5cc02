// Gradients with unsigned and with 16-bit codes on one vector engine, and on threads over it.
#include <gradients/subjects.hpp>

using namespace gradients_test;  // NOLINT: every line names several
using namespace xquant;          // NOLINT

TEST_CASE("uint8, affine, multiplying, away") {
  check<float, stored_integer<std::uint8_t>, affine, nearest_away, multiply_by_reciprocal>("uint8, affine");
}
TEST_CASE("int16, affine, dividing") {
  check<float, stored_integer<std::int16_t>, affine, nearest_even, divide_by_scale>("int16, affine");
}
