// Shapes and axes: sizes, the largest there are, what is refused by name.
#include <doctest/doctest.h>

#include <xquant/core/shape.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

using xquant::errc;
using xquant::normalized_axis;
using xquant::shape;

static_assert(shape().size() == 1 && shape(0).size() == 0 && shape(64, 3, 7, 7).size() == 9408);
static_assert(shape(2, 3) == shape(2, 3) && shape(2, 3) != shape(2, 3, 1) && shape(2, 3) != shape(3, 2));

TEST_CASE("shapes: how many elements there may be") {
  constexpr std::size_t limit = static_cast<std::size_t>(PTRDIFF_MAX) / 16;
  CHECK(shape(limit).valid().ok());
  CHECK(shape(1, limit, 1).valid().ok());
  CHECK(shape(limit, 2, 0).valid().ok());  // no element
  const xquant::status s = shape(2, limit).valid("x");
  CHECK(s.code == errc::size_overflow);
  CHECK(s.place == xquant::fault_place::dimension);
  CHECK(s.index == 1);
  CHECK(std::string(s.argument) == "x");
  const std::size_t extents[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
  CHECK(shape::of(extents, 8).valid().ok());
  const xquant::status rank = shape::of(extents, 9).valid();
  CHECK(rank.code == errc::rank_out_of_range);
  CHECK(rank.value == 9);
  CHECK(shape::of(extents, 0) == shape());
}

TEST_CASE("axes count from the back when negative") {
  for (std::size_t rank = 0; rank <= xquant::max_rank; ++rank)
    for (std::ptrdiff_t axis = -10; axis <= 10; ++axis) {
      const auto n = static_cast<std::ptrdiff_t>(rank);
      const bool is_there = axis >= -n && axis < n;
      CHECK(normalized_axis(axis, rank) == (is_there ? static_cast<std::size_t>((axis + n) % n) : rank));
      CHECK((!is_there || xquant::detail::may_be_axis(axis)));
    }
  CHECK(!xquant::detail::may_be_axis(8));
  CHECK(!xquant::detail::may_be_axis(-9));
}
