// Every operation on threads over an engine against the scalar engine, for shapes that stress how work is cut.
#pragma once

#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <support/scale.hpp>
#include <xquant/calibration/range_of.hpp>
#include <xquant/engines/scalar.hpp>
#include <xquant/engines/threads.hpp>
#include <xquant/formats/integer.hpp>
#include <xquant/gradients/clipped_straight_through.hpp>
#include <xquant/gradients/fake_quantize_backward.hpp>
#include <xquant/gradients/learned_step_size.hpp>
#include <xquant/gradients/packed_mask.hpp>
#include <xquant/gradients/straight_through.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>
#include <xquant/rounding/stochastic.hpp>

#include <vector>

namespace threads_test {

/// Per axis, or in blocks of the last two dimensions, or neither: a policy a user could write.
struct blocks {
  using policy_category = xquant::category::granularity;
  std::size_t axis = 100;
  std::size_t tile[2] = {0, 0};

  constexpr xquant::status map(const xquant::shape& s, xquant::parameter_map& out) const noexcept {
    out = {};
    if (axis < s.rank) {
      out.stride[axis] = 1;
      out.count = s.extent[axis];
    } else if (tile[0] != 0) {
      const std::size_t d = s.rank - 2;
      const std::size_t across = (s.extent[d + 1] + tile[1] - 1) / tile[1];
      out.block[d] = tile[0];
      out.block[d + 1] = tile[1];
      out.stride[d] = static_cast<std::ptrdiff_t>(across);
      out.stride[d + 1] = 1;
      out.count = (s.extent[d] + tile[0] - 1) / tile[0] * across;
    }
    return {};
  }
  friend constexpr bool operator==(const blocks&, const blocks&) = default;
};

struct answers {
  std::vector<std::int8_t> codes;
  std::vector<std::int8_t> random_codes;
  std::vector<float> x;
  std::vector<float> y;
  std::vector<float> masked;
  std::vector<float> passed;
  std::vector<float> dx;
  std::vector<float> clipped;
  std::vector<float> dscale;
  std::vector<std::uint8_t> mask;
  std::vector<std::uint8_t> random_mask;
  std::vector<xquant::range<float>> extremes;
  friend bool operator==(const answers&, const answers&) = default;
};

template <class Rounding>
using quantizer_of =
    xquant::basic_quantizer<xquant::int8, blocks, xquant::symmetric<>, Rounding, xquant::divide_by_scale>;

template <class Engine>
answers work(const std::vector<float>& x, const std::vector<float>& g, const xquant::shape& s,
             const blocks& granularity, const xquant::parameters& p, const Engine& engine) {
  using namespace xquant;  // NOLINT: every line names several
  const std::size_t n = s.size();
  const quantizer_of<nearest_even> q({}, granularity);
  const quantizer_of<stochastic> random({}, granularity, {}, {5, 77});
  answers a;
  const auto view = [&](auto& memory) {
    memory.resize(n);
    return tensor_view(memory.data(), s);
  };
  const auto bits = [&](auto& memory) {
    memory.assign((n + 7) / 8, 0xa5);
    return tensor_view(memory.data(), shape(memory.size()));
  };
  const tensor_view<const float> xs(x.data(), s);
  const tensor_view<const float> gs(g.data(), s);
  quantize(q, p, xs, view(a.codes), engine);
  quantize(random, p, xs, view(a.random_codes), engine);
  dequantize(q, p, tensor_view<const std::int8_t>(a.codes.data(), s), view(a.x), engine);
  fake_quantize_with_mask(q, p, xs, view(a.y), bits(a.mask), engine);
  fake_quantize_with_mask(random, p, xs, view(a.masked), bits(a.random_mask), engine);
  fake_quantize(q, p, xs, view(a.y), engine);
  masked_backward(gs, tensor_view<const std::uint8_t>(a.mask.data(), shape(a.mask.size())), view(a.masked), engine);
  fake_quantize_backward(straight_through{}, q, p, xs, gs, view(a.passed), engine);
  fake_quantize_backward(clipped_straight_through{}, q, p, xs, gs, view(a.clipped), engine);
  a.dscale.resize(p.count());
  fake_quantize_backward(learned_step_size{}, q, p, xs, gs, view(a.dx),
                         tensor_view<float>(a.dscale.data(), shape(p.count())), engine);
  a.extremes = range_of(granularity, xs, engine);
  return a;
}

template <class Inner>
void check(const xquant::shape& s, const blocks& granularity) {
  using namespace xquant;  // NOLINT: every line names several
  parameter_map map;
  REQUIRE(granularity.map(s, map).ok());
  CAPTURE(s.extent[0]);
  CAPTURE(s.size());
  oracle::stream random(s.size());
  std::vector<float> scales(map.count);
  for (auto& v : scales) v = static_cast<float>(0.05 + 0.1 * std::fabs(random.unit()));
  std::vector<float> x(s.size());
  std::vector<float> g(s.size());
  for (auto& v : x) v = static_cast<float>(random.unit() * 20.0);
  for (auto& v : g) v = static_cast<float>(random.unit());
  const parameters p(scales);
  const answers expected = work(x, g, s, granularity, p, scalar_engine{});
  for (const std::size_t threads : {1u, 2u, 3u, 5u}) {
    thread_pool pool(threads);
    const threads_engine<Inner> engine(pool);
    REQUIRE(work(x, g, s, granularity, p, engine) == expected);
  }
}

template <class Inner>
void check_cuts() {
  using xquant::shape;
  using xquant_test::scaled;
  const auto tiles = [](std::size_t height, std::size_t width) { return blocks{100, {height, width}}; };
  check<Inner>(shape(scaled(100003, 9001)), {});   // one long row, odd
  check<Inner>(shape(scaled(100003, 9001)), {0});  // a slot per element
  check<Inner>(shape(scaled(5000, 700), 7), {0});  // many short rows
  check<Inner>(shape(scaled(5000, 700), 7), {1});
  check<Inner>(shape(2, scaled(20001, 4099)), {0});  // two rows, which share a byte
  check<Inner>(shape(2, scaled(20001, 4099)), {1});
  check<Inner>(shape(3, scaled(5000, 501), 3), {1});  // the middle
  check<Inner>(shape(3, 1, 4099), {0});
  check<Inner>(shape(1, 1, 1), {});
  check<Inner>(shape(13, 1), {0});
  check<Inner>(shape(131, 129), tiles(2, 64));  // ragged in both, a last block of one
  check<Inner>(shape(130, 133), tiles(3, 4));
  check<Inner>(shape(64, 64), tiles(1, 32));
  check<Inner>(shape(5, 4099), tiles(4, 4096));
  check<Inner>(shape(2, 3, 65), tiles(2, 8));
  check<Inner>(shape(64, 200), {1});
}

}  // namespace threads_test
