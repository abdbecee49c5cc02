// Maps from elements to parameter slots: what is consistent, against a walk over all elements.
#include <doctest/doctest.h>

#include <xquant/core/block_map.hpp>
#include <xquant/core/parameter_map.hpp>

#include <cstddef>
#include <initializer_list>

using xquant::parameter_map;
using xquant::shape;

namespace {

std::ptrdiff_t slot_of(const parameter_map& m, std::size_t i, std::size_t j) {
  return static_cast<std::ptrdiff_t>(i / m.block[0]) * m.stride[0] +
         static_cast<std::ptrdiff_t>(j / m.block[1]) * m.stride[1];
}

}  // namespace

TEST_CASE("a map is consistent where every element has one of its slots") {
  for (const shape& s : {shape(1, 1), shape(3, 5), shape(4, 2), shape(0, 3)})
    for (std::size_t block = 1; block < 4; ++block)
      for (std::ptrdiff_t a = -2; a <= 3; ++a)
        for (std::ptrdiff_t b = -2; b <= 3; ++b)
          for (std::size_t count = 1; count < 8; ++count) {
            parameter_map m;
            m.block[1] = block;
            m.stride[0] = a;
            m.stride[1] = b;
            m.count = count;
            bool inside = true;
            for (std::size_t i = 0; i < s[0]; ++i)
              for (std::size_t j = 0; j < s[1]; ++j)
                inside = inside && slot_of(m, i, j) >= 0 && slot_of(m, i, j) < static_cast<std::ptrdiff_t>(count);
            // Of strides of both signs is_consistent asks more than this walk: no library granularity has such.
            if (a >= 0 && b >= 0) CHECK(is_consistent(m, s) == inside);
            if (!inside) CHECK(!is_consistent(m, s));
          }
  parameter_map empty_block;
  empty_block.block[0] = 0;
  CHECK(!is_consistent(empty_block, shape(1, 1)));
}

TEST_CASE("the map of blocks counts slots row-major over the dimensions that are cut") {
  for (std::size_t h = 0; h <= 4; ++h)
    for (std::size_t w = 0; w <= 6; ++w) {
      const shape s(3, 5);
      const std::size_t block[xquant::max_rank] = {h, w};
      parameter_map m;
      REQUIRE(xquant::detail::map_of_blocks(s, block, m).ok());
      const std::size_t rows = h == 0 ? 1 : (3 + h - 1) / h;
      const std::size_t columns = w == 0 ? 1 : (5 + w - 1) / w;
      CHECK(m.count == rows * columns);
      for (std::size_t i = 0; i < 3; ++i)
        for (std::size_t j = 0; j < 5; ++j) {
          const std::size_t wanted = (h == 0 ? 0 : i / h) * columns + (w == 0 ? 0 : j / w);
          CHECK(slot_of(m, i, j) == static_cast<std::ptrdiff_t>(wanted));
        }
    }
}
