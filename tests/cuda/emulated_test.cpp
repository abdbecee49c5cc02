// The kernel bodies on the host against the scalar engine, bit for bit: loops of every depth, ragged blocks, packed
// bits, reductions. The grids are small and large, so that threads have many elements or none.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <cuda/emulate.hpp>
#include <support/scale.hpp>
#include <xquant/calibration/range_of.hpp>
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

#include <cmath>
#include <cstring>

namespace {

using namespace xquant;  // NOLINT: every line names several

// A user's granularity: blocks along some dimensions, ragged where they do not divide the extent.
struct blocks {
  using policy_category = category::granularity;
  std::size_t size[max_rank] = {};  // 0: the dimension is not cut

  status map(const shape& s, parameter_map& out) const noexcept {
    out = parameter_map{};
    std::size_t slots = 1;
    for (std::size_t d = s.rank; d-- > 0;) {
      if (size[d] == 0) continue;
      out.block[d] = size[d];
      out.stride[d] = static_cast<std::ptrdiff_t>(slots);
      slots *= (s.extent[d] + size[d] - 1) / size[d];
    }
    out.count = slots;
    return {};
  }
};

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if constexpr (requires { std::isnan(a[i]); })
      if (std::isnan(a[i]) && std::isnan(b[i])) continue;
    if (std::memcmp(&a[i], &b[i], sizeof(T)) != 0) return false;
  }
  return true;
}

template <class Real>
struct data {
  std::vector<Real> x;
  std::vector<Real> g;
  basic_parameters<Real> p;

  data(std::size_t n, std::size_t slots, bool zero_points, std::uint64_t seed) {
    oracle::stream random(seed);
    std::vector<Real> scale(slots);
    std::vector<std::int32_t> zero(zero_points ? slots : 0);
    for (auto& s : scale) s = static_cast<Real>(0.05 + 0.1 * std::fabs(random.unit()));
    for (auto& z : zero) z = static_cast<std::int32_t>(random.below(200)) - 100;
    x.resize(n);
    g.resize(n);
    for (auto& v : x) v = static_cast<Real>(oracle::interesting(random, static_cast<float>(scale[0]), 200));
    for (auto& v : g) v = static_cast<Real>(random.unit());
    p = basic_parameters<Real>(scale, zero);
  }
};

const shape shapes[] = {
    shape(1),       shape(31),         shape(32),       shape(7, 5),     shape(3, 129),     shape(64, 3),
    shape(4, 3, 2), shape(2, 65, 3),   shape(1, 97, 1), shape(5, 1, 70), shape(2, 3, 4, 5), shape(2, 3, 2, 3, 7),
    shape(9, 1000), shape(2, 2, 2049), shape(3, 4100),  shape(4097, 2),  shape(5, 7, 5),    shape(3, 5, 3, 5)};
const std::size_t grids[] = {32, 96, 256};

// Every granularity of a shape, ragged blocks among them.
template <class Visit>
void for_each_granularity(const shape& s, Visit&& visit) {
  visit(per_tensor{});
  for (std::size_t axis = 0; axis < s.rank; ++axis) visit(per_axis<>{static_cast<std::ptrdiff_t>(axis)});
  for (std::size_t d = 0; d < s.rank; ++d) {
    blocks b;
    b.size[d] = 3;
    visit(b);
    if (d > 0) {
      b.size[d - 1] = 2;
      visit(b);
    }
    b = blocks{};
    b.size[d] = s.extent[d] > 1 ? s.extent[d] - 1 : 1;  // the ragged end is one element
    visit(b);
  }
  blocks b;  // every odd extent is ragged, in all dimensions at once
  for (std::size_t d = 0; d < s.rank; ++d) b.size[d] = 2;
  visit(b);
}

template <class Granularity>
void masks_and_gradients(const Granularity& granularity, const shape& s, std::size_t grid) {
  const basic_quantizer<int8, Granularity, affine, nearest_even, divide_by_scale> q(int8{}, granularity);
  parameter_map map;
  REQUIRE(granularity.map(s, map).ok());
  const std::size_t n = s.size();
  const data<float> d(n, map.count, true, n + map.count);
  const emulated::engine device{{grid, grid == 96}};
  const tensor_view<const float> x(d.x.data(), s);
  const tensor_view<const float> g(d.g.data(), s);
  const std::size_t bytes = (n + 7) / 8;
  std::vector<float> y[2];
  std::vector<float> dx[2];
  std::vector<float> dm[2];
  std::vector<std::uint8_t> mask[2];
  for (int i = 0; i < 2; ++i) {
    y[i].resize(n);
    dx[i].resize(n);
    dm[i].resize(n);
    mask[i].assign(bytes, 0xa5);  // bits past the end stay
    const tensor_view<std::uint8_t> packed(mask[i].data(), shape(bytes));
    const auto all = [&](const auto& engine) {
      fake_quantize_with_mask(q, d.p, x, tensor_view<float>(y[i].data(), s), packed, engine);
      masked_backward(g, packed, tensor_view<float>(dm[i].data(), s), engine);
      fake_quantize_backward(clipped_straight_through{}, q, d.p, x, g, tensor_view<float>(dx[i].data(), s), engine);
    };
    if (i == 0)
      all(scalar_engine{});
    else
      all(device);
  }
  CHECK(same_bits(y[0], y[1]));
  CHECK(mask[0] == mask[1]);
  CHECK(same_bits(dx[0], dx[1]));
  CHECK(same_bits(dm[0], dm[1]));
}

template <class Real, class Granularity>
void reductions(const Granularity& granularity, const shape& s, std::size_t grid) {
  const basic_quantizer<int8, Granularity, affine, nearest_even, divide_by_scale> q(int8{}, granularity);
  parameter_map map;
  REQUIRE(granularity.map(s, map).ok());
  const std::size_t n = s.size();
  const data<Real> d(n, map.count, true, n + 7 * map.count);
  const emulated::engine device{{grid}};
  const tensor_view<const Real> x(d.x.data(), s);
  const tensor_view<const Real> g(d.g.data(), s);
  std::vector<Real> dx[2];
  std::vector<Real> ds[2];
  std::vector<Real> lows[2];
  for (int i = 0; i < 2; ++i) {
    dx[i].resize(n);
    ds[i].resize(map.count);
    std::vector<range<Real>> ranges;
    const auto all = [&](const auto& engine) {
      fake_quantize_backward(learned_step_size{}, q, d.p, x, g, tensor_view<Real>(dx[i].data(), s),
                             tensor_view<Real>(ds[i].data(), shape(map.count)), engine);
      return try_range_of(granularity, x, ranges, engine).code;
    };
    const errc code = i == 0 ? all(scalar_engine{}) : all(device);
    lows[i].push_back(static_cast<Real>(static_cast<int>(code)));
    for (const auto& r : ranges) {
      lows[i].push_back(r.minimum);
      lows[i].push_back(r.maximum);
    }
  }
  CHECK(same_bits(dx[0], dx[1]));
  CHECK(same_bits(ds[0], ds[1]));
  CHECK(same_bits(lows[0], lows[1]));
}

}  // namespace

TEST_CASE("packed bits and clipped gradients on every granularity") {
  for (const shape& s : shapes) {
    if (s.size() > xquant_test::scaled(20000, 500)) continue;
    for_each_granularity(s, [&](const auto& granularity) {
      CAPTURE(s.size());
      masks_and_gradients(granularity, s, grids[s.size() % 3]);
    });
  }
}

TEST_CASE("sums and extremes have the tree of every engine") {
  for (const shape& s : shapes) {
    if (s.size() > xquant_test::scaled(20000, 500)) continue;
    for_each_granularity(s, [&](const auto& granularity) {
      CAPTURE(s.size());
      reductions<float>(granularity, s, grids[(s.size() + 1) % 3]);
    });
  }
  for_each_granularity(shapes[13], [&](const auto& granularity) { reductions<double>(granularity, shapes[13], 64); });
}

TEST_CASE("strided and transposed streams of a reduction") {
  const shape s(33, 257);
  const std::ptrdiff_t transposed[] = {1, 33};
  const std::ptrdiff_t apart[] = {520, 2};
  const data<float> d(33 * 520, 33, false, 5);
  const tensor_view<const float> x(d.x.data(), s, transposed);
  const tensor_view<const float> g(d.g.data(), s, apart);
  std::vector<float> dx[2];
  std::vector<float> ds[2];
  for (int i = 0; i < 2; ++i) {
    dx[i].assign(33 * 257, -1);
    ds[i].resize(33);
    const tensor_view<float> to(dx[i].data(), s);
    const tensor_view<float> scales(ds[i].data(), shape(33));
    if (i == 0)
      fake_quantize_backward(learned_step_size{}, quantizer<int8, per_axis<0>>{}, d.p, x, g, to, scales,
                             scalar_engine{});
    else
      fake_quantize_backward(learned_step_size{}, quantizer<int8, per_axis<0>>{}, d.p, x, g, to, scales,
                             emulated::engine{});
  }
  CHECK(same_bits(dx[0], dx[1]));
  CHECK(same_bits(ds[0], ds[1]));
}

TEST_CASE("double data, stochastic rounding, doubles as every other lane") {
  const quantizer<int16, per_axis<1>, affine, stochastic> q({}, {}, {}, stochastic{0x123456789abcdefu});
  const shape s(5, 67, 3);
  const data<double> d(s.size(), 67, true, 3);
  const tensor_view<const double> x(d.x.data(), s);
  std::vector<std::int16_t> codes[2];
  std::vector<double> back[2];
  std::vector<double> fake[2];
  for (int i = 0; i < 2; ++i) {
    codes[i].resize(s.size());
    back[i].resize(s.size());
    fake[i].resize(s.size());
    const tensor_view<std::int16_t> c(codes[i].data(), s);
    const auto all = [&](const auto& engine) {
      quantize(q, d.p, x, c, engine);
      dequantize(q, d.p, c, tensor_view<double>(back[i].data(), s), engine);
      fake_quantize(q, d.p, x, tensor_view<double>(fake[i].data(), s), engine);
    };
    if (i == 0)
      all(scalar_engine{});
    else
      all(emulated::engine{{96, true}});
  }
  CHECK(codes[0] == codes[1]);
  CHECK(same_bits(back[0], back[1]));
  CHECK(same_bits(fake[0], fake[1]));
}

// The shim itself: lanes that do not meet are found.
namespace {
struct divergent_kernel {
  static constexpr bool uses_warps = true;
  template <class Thread>
  void operator()(const Thread& thread) const {
    if (thread.index() != 3) (void)thread.ballot(true);
  }
};
}  // namespace

TEST_CASE("a lane that leaves its warp is an error of the shim") {
  CHECK_THROWS_AS((void)emulated::launcher{}.launch(divergent_kernel{}, 32), std::logic_error);
}
