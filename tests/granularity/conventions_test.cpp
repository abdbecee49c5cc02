// ONNX's and torchao's ways to write a granularity, there and back; what cannot be written; what granularities refuse.
#include <doctest/doctest.h>

#include <granularity/cases.hpp>

#include <xquant/granularity/onnx_convention.hpp>
#include <xquant/granularity/parameter_shape.hpp>
#include <xquant/granularity/torchao_convention.hpp>
#include <xquant/quantizer.hpp>

namespace {

using namespace granularity_test;  // NOLINT: every line names several
using namespace xquant;            // NOLINT: likewise

constexpr shape matrix(64, 100);

template <class G>
constexpr onnx_granularity onnx_of(const G& g, const shape& s) {
  onnx_granularity o;
  if (!to_onnx(g, s, o).ok()) o.axis = 99;
  return o;
}
constexpr onnx_granularity written(std::int64_t axis, std::int64_t block, const shape& scale) {
  return {axis, block, scale};
}

// The documentation's examples.
static_assert(onnx_of(per_tensor{}, matrix) == written(1, 0, shape()));
static_assert(onnx_of(per_axis<0>{}, matrix) == written(0, 0, shape(64)));
static_assert(onnx_of(per_axis<-1>{}, matrix) == written(1, 0, shape(100)));
static_assert(onnx_of(per_group<32>{}, matrix) == written(1, 32, shape(64, 4)));
static_assert(onnx_of(per_group<32, 0>{}, matrix) == written(0, 32, shape(2, 100)));
static_assert(onnx_of(per_token{}, shape(2, 3, 5)) == written(2, 5, shape(2, 3, 1)));
static_assert(onnx_of(per_token{}, matrix) == written(0, 0, shape(64)));
static_assert(onnx_of(per_group<200>{}, shape(2, 3, 100)) == written(2, 100, shape(2, 3, 1)));
static_assert(onnx_of(per_axes<0, 1>{}, shape(2, 3, 5)) == written(2, 5, shape(2, 3, 1)));
static_assert(onnx_of(per_block<1, 32>{}, matrix) == written(1, 32, shape(64, 4)));
static_assert(onnx_of(per_block<16, 1>{}, matrix) == written(0, 16, shape(4, 100)));
static_assert(onnx_of(per_expert<per_group<32>>{}, shape(8, 64, 100)) == written(2, 32, shape(8, 64, 4)));
static_assert(onnx_of(per_expert<>{}, shape(8, 64, 1)) == written(0, 0, shape(8)));
static_assert(onnx_of(per_block<1, 1>{}, matrix) == written(1, 1, shape(64, 100)));

template <class G>
constexpr torchao_block_size torchao_of(const G& g, const shape& s) {
  torchao_block_size t;
  if (!to_torchao(g, s, t).ok()) t.rank = 99;
  return t;
}
constexpr shape even(64, 128);
static_assert(torchao_of(per_tensor{}, even) == torchao_block_size(64, 128));
static_assert(torchao_of(per_axis<0>{}, even) == torchao_block_size(1, 128));
static_assert(torchao_of(per_group<32>{}, even) == torchao_block_size(1, 32));
static_assert(torchao_of(per_token{}, even) == torchao_block_size(1, 128));
static_assert(torchao_of(per_group<200>{}, even) == torchao_block_size(1, 128));
static_assert(torchao_of(per_block<32, 32>{}, even) == torchao_block_size(32, 32));
static_assert(torchao_of(per_expert<>{}, shape(8, 64, 128)) == torchao_block_size(1, 64, 128));

// Whether both maps send every element to the same slot.
bool same_slots(const any_granularity& a, const per_block<>& b, const shape& s) {
  parameter_map one;
  parameter_map other;
  if (!a.map(s, one).ok() || !b.map(s, other).ok() || one.count != other.count) return false;
  bool same = true;
  for_each_index(s, [&](const multi_index& i, std::size_t) {
    std::size_t slot = 0;
    std::size_t second = 0;
    for (std::size_t d = 0; d < s.rank; ++d) {
      slot += i[d] / one.block[d] * static_cast<std::size_t>(one.stride[d]);
      second += i[d] / other.block[d] * static_cast<std::size_t>(other.stride[d]);
    }
    same = same && slot == second;
  });
  return same;
}

}  // namespace

TEST_CASE("there and back: the same slots for every granularity that can be written") {
  std::size_t by_onnx = 0;
  std::size_t by_torchao = 0;
  for (const shape& s : shapes())
    for (const granularity_case& c : cases_of(s)) {
      CAPTURE(c.name);
      CAPTURE(s.rank);
      CAPTURE(s.size());
      onnx_granularity o;
      per_block<> back;
      const status written_for_onnx = to_onnx(c.granularity, s, o);
      if (written_for_onnx.ok()) {
        ++by_onnx;
        REQUIRE(from_onnx(o, s, back).ok());
        REQUIRE(same_slots(c.granularity, back, s));
        REQUIRE(o.scale_shape.size() == product(c.parameter_shape));
        // Version 21 of the operator: ceil(D / S) <= B <= ceil(D / (S - 1)) - 1.
        if (o.block_size != 0 && s.size() != 0) {
          const auto axis = static_cast<std::size_t>(o.axis);
          const auto block = static_cast<std::size_t>(o.block_size);
          const std::size_t scales = o.scale_shape[axis];
          CHECK(ceil_of(s[axis], scales) <= block);
          if (scales > 1) CHECK(block <= ceil_of(s[axis], scales - 1) - 1);
        }
      } else {
        // Two axes along which elements share a scale, and more than one scale.
        REQUIRE(written_for_onnx.code == errc::unsupported);
        REQUIRE(product(c.parameter_shape) != 1);
      }
      torchao_block_size t;
      const status written_for_torchao = to_torchao(c.granularity, s, t);
      if (written_for_torchao.ok()) {
        ++by_torchao;
        REQUIRE(from_torchao(t, s, back).ok());
        REQUIRE(same_slots(c.granularity, back, s));
      } else {
        REQUIRE(written_for_torchao.code == errc::unsupported);
        const std::size_t axis = written_for_torchao.index;
        REQUIRE(s[axis] % static_cast<std::size_t>(written_for_torchao.value) != 0);
      }
    }
  CHECK(by_onnx > 200);
  CHECK(by_torchao > 200);
}

TEST_CASE("what ONNX's attributes may not say") {
  per_block<> out;
  const auto code = [&](const onnx_granularity& o, const shape& s) { return from_onnx(o, s, out).code; };
  const shape s(4, 10);
  CHECK(code({2, 0, shape(10)}, s) == errc::axis_out_of_range);
  CHECK(code({-3, 4, shape(4, 3)}, s) == errc::axis_out_of_range);
  CHECK(code({1, 0, shape(4)}, s) == errc::shape_mismatch);
  CHECK(code({1, 0, shape(4, 10)}, s) == errc::shape_mismatch);
  CHECK(code({1, -1, shape(4, 3)}, s) == errc::value_out_of_range);
  CHECK(code({1, 4, shape(3)}, s) == errc::shape_mismatch);
  CHECK(code({1, 4, shape(5, 3)}, s) == errc::shape_mismatch);
  // Three scales for ten elements: blocks of 4 and no others, as ceil(10 / 3) = 4 = ceil(10 / 2) - 1.
  CHECK(code({1, 3, shape(4, 3)}, s) == errc::value_out_of_range);
  CHECK(code({1, 4, shape(4, 3)}, s) == errc::ok);
  CHECK(code({1, 5, shape(4, 3)}, s) == errc::value_out_of_range);
  CHECK(code({-1, 0, shape(10)}, s) == errc::ok);
  CHECK(code({0, 0, shape(1)}, shape(7)) == errc::ok);  // one scale in a row of one counts as none
  CHECK(out.size[0] == whole_axis);
  CHECK(code({1, 16, shape(4, 1)}, s) == errc::ok);
  onnx_granularity o;
  const status tiles = to_onnx(per_block<2, 5>{}, s, o);
  CHECK(tiles.code == errc::unsupported);
  CHECK(tiles.value == 1);
  CHECK(to_onnx(per_axis<2>{}, s, o).code == errc::axis_out_of_range);
}

TEST_CASE("what torchao's tuple may not say") {
  per_block<> out;
  const shape s(4, 10);
  CHECK(from_torchao(torchao_block_size(1), s, out).code == errc::rank_out_of_range);
  CHECK(from_torchao(torchao_block_size(1, 3), s, out).code == errc::value_out_of_range);
  CHECK(from_torchao(torchao_block_size(1, 0), s, out).code == errc::value_out_of_range);
  CHECK(from_torchao(torchao_block_size(-2, 1), s, out).code == errc::value_out_of_range);
  CHECK(from_torchao(torchao_block_size(1, 20), s, out).code == errc::value_out_of_range);
  REQUIRE(from_torchao(torchao_block_size(1, -1), s, out).ok());
  CHECK(parameter_shape(out, s) == shape(4));
  REQUIRE(from_torchao(torchao_block_size(2, 5), s, out).ok());
  CHECK(parameter_shape(out, s) == shape(2, 2));
  torchao_block_size t;
  const status ragged = to_torchao(per_group<4>{}, s, t);
  CHECK(ragged.code == errc::unsupported);
  CHECK(ragged.index == 1);
}

TEST_CASE("what granularities refuse, before anything is counted") {
  parameter_map map;
  const shape s(4, 10);
  CHECK(per_group<>{0, 0}.map(s, map).code == errc::value_out_of_range);
  CHECK(per_group<>{3, 2}.map(s, map).code == errc::axis_out_of_range);
  CHECK(per_group<3, -3>{}.map(s, map).code == errc::axis_out_of_range);
  CHECK(per_axes<>{0, 2}.map(s, map).code == errc::axis_out_of_range);
  const status twice = per_axes<0, -2>{}.map(s, map);
  CHECK(twice.code == errc::value_out_of_range);
  CHECK(twice.index == 1);
  per_axes<> many;
  many.count = 9;
  CHECK(many.map(s, map).code == errc::value_out_of_range);
  CHECK(per_block<>{2, 0}.map(s, map).code == errc::value_out_of_range);
  CHECK(per_block<1, 2, 3>{}.map(s, map).code == errc::rank_out_of_range);
  per_block<> sizes;
  sizes.count = 9;
  CHECK(sizes.map(s, map).code == errc::rank_out_of_range);
  CHECK(per_token{}.map(shape(), map).code == errc::axis_out_of_range);
  CHECK(per_expert<>{}.map(shape(), map).code == errc::axis_out_of_range);
  CHECK(per_expert<per_axis<2>>{}.map(shape(2, 3, 4), map).code == errc::axis_out_of_range);
  // An empty tensor may have extents whose product does not exist.
  const std::size_t huge = static_cast<std::size_t>(PTRDIFF_MAX) / 64;
  const shape empty(huge, huge, std::size_t{0});
  REQUIRE(empty.valid().ok());
  CHECK(per_axes<0, 1>{}.map(empty, map).code == errc::size_overflow);
  CHECK(per_token{}.map(empty, map).code == errc::size_overflow);
  CHECK(per_group<2>{}.map(empty, map).code == errc::size_overflow);
  CHECK(per_block<2, 2>{}.map(empty, map).code == errc::size_overflow);
  CHECK(per_expert<per_axis<0>>{}.map(empty, map).code == errc::size_overflow);
  shape found;
  CHECK(try_parameter_shape(per_token{}, empty, found).code == errc::size_overflow);
  CHECK(try_parameter_shape(per_tensor{}, shape(huge, huge), found).code == errc::size_overflow);
  CHECK_THROWS_AS((void)parameter_shape(per_axis<2>{}, s), error);
}

TEST_CASE("values and types of one granularity name the same; quantizers take them") {
  CHECK(per_group<>{32, -1} == per_group<>{32});
  CHECK(!(per_axes<>{0, 1} == per_axes<>{1, 0}));
  const quantizer<int4, per_group<32>, affine> q;
  CHECK(parameter_shape(q.granularity, matrix) == shape(64, 4));
  const quantizer<int8, per_expert<per_group<>>> experts(int8{}, {{64}});
  CHECK(parameter_shape(experts.granularity, shape(8, 2, 100)) == shape(8, 2, 2));
}
