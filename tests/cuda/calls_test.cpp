// The entry points of engines/cuda with a host's launcher in the place of a device: they do what the other engines' do,
// and refuse what they document before anything is launched.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <cuda/emulate.hpp>
#include <xquant/engines/cuda/gradients.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>

#include <cmath>
#include <cstring>

namespace {

using namespace xquant;  // NOLINT: every line names several

struct nothing_launched {
  static std::size_t threads(std::size_t) { return 32; }
  template <class Kernel>
  static status launch(const Kernel&, std::size_t) {
    FAIL("launched");
    return {};
  }
};

struct refusing {
  static std::size_t threads(std::size_t) { return 32; }
  template <class Kernel>
  static status launch(const Kernel&, std::size_t) {
    return fault(errc::device, "stream", 7, "a launch that works");
  }
};

struct tensors {
  shape s{6, 50};
  std::vector<float> x = std::vector<float>(300);
  std::vector<float> g = std::vector<float>(300);
  parameters p;

  tensors() {
    oracle::stream random(9);
    for (auto& v : x) v = oracle::interesting(random, 0.1f, 200);
    for (auto& v : g) v = static_cast<float>(random.unit());
    p = parameters(std::vector<float>{0.1f, 0.2f, 0.05f, 0.11f, 0.3f, 0.07f}, {1, 2, 3, 4, 5, 6});
  }
  [[nodiscard]] tensor_view<const float> in() const { return {x.data(), s}; }
  [[nodiscard]] tensor_view<const float> grad() const { return {g.data(), s}; }
};

template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  bool equal = a.size() == b.size();
  for (std::size_t i = 0; equal && i < a.size(); ++i)
    equal = std::memcmp(&a[i], &b[i], sizeof(T)) == 0 || (a[i] != a[i] && b[i] != b[i]);
  return equal;
}

const quantizer<int8, per_axis<0>, affine> q;

}  // namespace

TEST_CASE("calls of engines/cuda give what the other engines give") {
  const tensors t;
  const emulated::launcher engine;
  const auto p = t.p.view();
  std::vector<std::int8_t> codes(300), codes_here(300);
  std::vector<float> y(300), y_here(300);
  quantize(q, t.p, t.in(), tensor_view<std::int8_t>(codes.data(), t.s));
  REQUIRE(cuda::quantize(engine, q, p, t.in(), tensor_view<std::int8_t>(codes_here.data(), t.s)).ok());
  CHECK(codes == codes_here);
  dequantize(q, t.p, tensor_view<std::int8_t>(codes.data(), t.s), tensor_view<float>(y.data(), t.s));
  REQUIRE(cuda::dequantize(engine, q, p, tensor_view<std::int8_t>(codes.data(), t.s),
                           tensor_view<float>(y_here.data(), t.s))
              .ok());
  CHECK(same(y, y_here));
  const tensor_view<float> here(y_here.data(), t.s);
  const tensor_view<float> there(y.data(), t.s);
  REQUIRE(cuda::fake_quantize(engine, q, p, t.in(), here).ok());
  CHECK(same(y, y_here));
  std::vector<std::uint8_t> mask(38), mask_here(38);
  const tensor_view<std::uint8_t> bits(mask.data(), shape(38));
  const tensor_view<std::uint8_t> bits_here(mask_here.data(), shape(38));
  fake_quantize_with_mask(q, t.p, t.in(), there, bits);
  REQUIRE(cuda::fake_quantize_with_mask(engine, q, p, t.in(), here, bits_here).ok());
  CHECK(same(y, y_here));
  CHECK(mask == mask_here);
  masked_backward(t.grad(), bits, there);
  REQUIRE(cuda::masked_backward(engine, t.grad(), bits_here, here).ok());
  CHECK(same(y, y_here));
  clipped_straight_through_backward(q, t.p, t.in(), t.grad(), there);
  REQUIRE(cuda::clipped_straight_through_backward(engine, q, p, t.in(), t.grad(), here).ok());
  CHECK(same(y, y_here));
  REQUIRE(cuda::straight_through_backward(engine, t.grad(), here).ok());
  CHECK(same(t.g, y_here));

  std::size_t doubles = 0;
  REQUIRE(cuda::learned_step_size_workspace(q, t.s, doubles).ok());
  std::vector<double> memory(doubles);
  std::vector<float> ds(6), ds_here(6);
  for (const auto scaling : {step_size_gradient::scaled, step_size_gradient::plain}) {
    learned_step_size_backward(q, t.p, t.in(), t.grad(), there, tensor_view<float>(ds.data(), shape(6)),
                               scalar_engine{}, scaling);
    REQUIRE(cuda::learned_step_size_backward(engine, q, p, t.in(), t.grad(), here,
                                             tensor_view<float>(ds_here.data(), shape(6)),
                                             tensor_view<double>(memory.data(), shape(doubles)), scaling)
                .ok());
    CHECK(same(y, y_here));
    CHECK(same(ds, ds_here));
  }
  REQUIRE(cuda::range_of_workspace(per_axis<1>{}, t.s, doubles).ok());
  memory.resize(doubles);
  std::vector<float> low(50), high(50);
  REQUIRE(cuda::range_of(engine, per_axis<1>{}, t.grad(), tensor_view<float>(low.data(), shape(50)),
                         tensor_view<float>(high.data(), shape(50)), tensor_view<double>(memory.data(), shape(doubles)))
              .ok());
  for (std::size_t c = 0; c < 50; ++c) {
    float least = t.g[c];
    float most = t.g[c];
    for (std::size_t r = 0; r < 6; ++r) {
      least = std::fmin(least, t.g[r * 50 + c]);
      most = std::fmax(most, t.g[r * 50 + c]);
    }
    CHECK(low[c] == least);
    CHECK(high[c] == most);
  }
}

TEST_CASE("what engines/cuda refuses, it refuses before a launch") {
  const tensors t;
  const nothing_launched engine;
  const auto p = t.p.view();
  std::vector<std::int8_t> codes(300);
  std::vector<float> y(300);
  const tensor_view<std::int8_t> c(codes.data(), t.s);
  const tensor_view<float> to(y.data(), t.s);
  auto few = p;
  few.count = 5;
  CHECK(cuda::quantize(engine, q, few, t.in(), c).code == errc::parameter_count);
  auto none = p;
  none.scale = nullptr;
  CHECK(cuda::quantize(engine, q, none, t.in(), c).code == errc::null_pointer);
  CHECK(
      cuda::fake_quantize_with_mask(engine, q, none, t.in(), to, tensor_view<std::uint8_t>(nullptr, shape(38))).code ==
      errc::null_pointer);
  CHECK(cuda::quantize(engine, q, p, t.in(), tensor_view<std::int8_t>(codes.data(), shape(50, 6))).code ==
        errc::shape_mismatch);
  CHECK(cuda::quantize(engine, quantizer<int8, per_axis<2>, affine>{}, p, t.in(), c).code == errc::axis_out_of_range);
  CHECK(cuda::dequantize(engine, q, p, c, tensor_view<float>(nullptr, t.s)).code == errc::null_pointer);
  CHECK(cuda::fake_quantize(engine, q, p, t.in(), tensor_view<float>(const_cast<float*>(t.x.data()) + 1, t.s)).code ==
        errc::overlap);
  std::vector<std::uint8_t> mask(37);
  CHECK(cuda::masked_backward(engine, t.grad(), tensor_view<std::uint8_t>(mask.data(), shape(37)), to).code ==
        errc::shape_mismatch);
  std::vector<float> ds(6);
  std::vector<double> memory(12);
  const tensor_view<float> scales(ds.data(), shape(6));
  const auto lsq = [&](const tensor_view<float>& s, const tensor_view<double>& w) {
    return cuda::learned_step_size_backward(engine, q, p, t.in(), t.grad(), to, s, w).code;
  };
  CHECK(lsq(scales, tensor_view<double>(memory.data(), shape(1))) == errc::shape_mismatch);
  CHECK(lsq(scales, tensor_view<double>(nullptr, shape(100))) == errc::null_pointer);
  CHECK(lsq(tensor_view<float>(ds.data(), shape(5)), tensor_view<double>(memory.data(), shape(12))) ==
        errc::shape_mismatch);
  CHECK(cuda::range_of(engine, per_tensor{}, t.in(), tensor_view<float>(ds.data(), shape(1)),
                       tensor_view<float>(ds.data(), shape(1)), tensor_view<double>(memory.data(), shape(12)))
            .code == errc::overlap);
  std::size_t doubles = 0;
  CHECK(cuda::learned_step_size_workspace(quantizer<int8, per_axis<3>>{}, t.s, doubles).code ==
        errc::axis_out_of_range);
}

TEST_CASE("nothing is launched for no elements; a refused launch is reported") {
  const tensors t;
  const shape empty(0, 4);
  CHECK(cuda::quantize(nothing_launched{}, quantizer<int8>{}, parameters_view<float>{t.x.data(), nullptr, nullptr, 1},
                       tensor_view<const float>(nullptr, empty), tensor_view<std::int8_t>(nullptr, empty))
            .ok());
  std::vector<float> y(300);
  const tensor_view<float> to(y.data(), t.s);
  CHECK(cuda::fake_quantize(refusing{}, q, t.p.view(), t.in(), to).code == errc::device);
  CHECK(cuda::straight_through_backward(refusing{}, t.grad(), to).code == errc::device);
  std::vector<double> memory(100);
  CHECK(cuda::learned_step_size_backward(refusing{}, q, t.p.view(), t.in(), t.grad(), to,
                                         tensor_view<float>(std::vector<float>(6).data(), shape(6)),
                                         tensor_view<double>(memory.data(), shape(100)))
            .code == errc::device);
}
