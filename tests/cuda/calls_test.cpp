// Entry points on an engine that works on a device, with a host's launcher in its place: they do what they do on the
// other engines, and refuse what they document before anything is launched.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <cuda/emulate.hpp>
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
#include <xquant/runtime.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace {

using namespace xquant;  // NOLINT: every line names several

struct nothing_launched : cuda::device_engine<nothing_launched> {
  static std::size_t threads(std::size_t) { return 32; }
  template <class Kernel>
  static status launch(const Kernel&, std::size_t) {
    FAIL("launched");
    return {};
  }
};

struct refusing : cuda::device_engine<refusing> {
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

template <class Engine>
Engine with(Engine engine, const tensor_view<double>& workspace) {
  engine.workspace = workspace;
  return engine;
}

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
  quantize(q, t.p, t.in(), tensor_view<std::int8_t>(codes.data(), t.s), scalar_engine{});
  REQUIRE(try_quantize(q, p, t.in(), tensor_view<std::int8_t>(codes_here.data(), t.s), engine).ok());
  CHECK(codes == codes_here);
  dequantize(q, t.p, tensor_view<std::int8_t>(codes.data(), t.s), tensor_view<float>(y.data(), t.s), scalar_engine{});
  REQUIRE(
      try_dequantize(q, p, tensor_view<std::int8_t>(codes.data(), t.s), tensor_view<float>(y_here.data(), t.s), engine)
          .ok());
  CHECK(same(y, y_here));
  const tensor_view<float> here(y_here.data(), t.s);
  const tensor_view<float> there(y.data(), t.s);
  REQUIRE(try_fake_quantize(q, p, t.in(), here, engine).ok());
  CHECK(same(y, y_here));
  std::vector<std::uint8_t> mask(38), mask_here(38);
  const tensor_view<std::uint8_t> bits(mask.data(), shape(38));
  const tensor_view<std::uint8_t> bits_here(mask_here.data(), shape(38));
  fake_quantize_with_mask(q, t.p, t.in(), there, bits, scalar_engine{});
  REQUIRE(try_fake_quantize_with_mask(q, p, t.in(), here, bits_here, engine).ok());
  CHECK(same(y, y_here));
  CHECK(mask == mask_here);
  masked_backward(t.grad(), bits, there, scalar_engine{});
  REQUIRE(try_masked_backward(t.grad(), bits_here, here, engine).ok());
  CHECK(same(y, y_here));
  fake_quantize_backward(clipped_straight_through{}, q, t.p, t.in(), t.grad(), there, scalar_engine{});
  REQUIRE(try_fake_quantize_backward(clipped_straight_through{}, q, p, t.in(), t.grad(), here, engine).ok());
  CHECK(same(y, y_here));
  REQUIRE(try_fake_quantize_backward(straight_through{}, q, p, t.in(), t.grad(), here, engine).ok());
  CHECK(same(t.g, y_here));

  std::size_t doubles = 0;
  REQUIRE(fake_quantize_backward_workspace<emulated::launcher>(learned_step_size{}, q, t.s, doubles).ok());
  std::vector<double> memory(doubles);
  std::vector<float> ds(6), ds_here(6);
  for (const auto scaling : {step_size_gradient::scaled, step_size_gradient::plain}) {
    fake_quantize_backward(learned_step_size{scaling}, q, t.p, t.in(), t.grad(), there,
                           tensor_view<float>(ds.data(), shape(6)));
    REQUIRE(try_fake_quantize_backward(learned_step_size{scaling}, q, p, t.in(), t.grad(), here,
                                       tensor_view<float>(ds_here.data(), shape(6)),
                                       with(engine, tensor_view<double>(memory.data(), shape(doubles))))
                .ok());
    CHECK(same(y, y_here));
    CHECK(same(ds, ds_here));
  }
  REQUIRE(range_of_workspace<emulated::launcher>(per_axis<1>{}, t.s, doubles).ok());
  memory.resize(doubles);
  std::vector<float> low(50), high(50);
  REQUIRE(try_range_of(per_axis<1>{}, t.grad(), tensor_view<float>(low.data(), shape(50)),
                       tensor_view<float>(high.data(), shape(50)),
                       with(engine, tensor_view<double>(memory.data(), shape(doubles))))
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
  CHECK(try_quantize(q, few, t.in(), c, engine).code == errc::parameter_count);
  auto none = p;
  none.scale = nullptr;
  CHECK(try_quantize(q, none, t.in(), c, engine).code == errc::null_pointer);
  CHECK(try_fake_quantize_with_mask(q, none, t.in(), to, tensor_view<std::uint8_t>(nullptr, shape(38)), engine).code ==
        errc::null_pointer);
  CHECK(try_quantize(q, p, t.in(), tensor_view<std::int8_t>(codes.data(), shape(50, 6)), engine).code ==
        errc::shape_mismatch);
  CHECK(try_quantize(quantizer<int8, per_axis<2>, affine>{}, p, t.in(), c, engine).code == errc::axis_out_of_range);
  CHECK(try_dequantize(q, p, c, tensor_view<float>(nullptr, t.s), engine).code == errc::null_pointer);
  CHECK(try_fake_quantize(q, p, t.in(), tensor_view<float>(const_cast<float*>(t.x.data()) + 1, t.s), engine).code ==
        errc::overlap);
  std::vector<std::uint8_t> mask(37);
  CHECK(try_masked_backward(t.grad(), tensor_view<std::uint8_t>(mask.data(), shape(37)), to, engine).code ==
        errc::shape_mismatch);
  std::vector<float> ds(6);
  std::vector<double> memory(12);
  const tensor_view<float> scales(ds.data(), shape(6));
  const auto lsq = [&](const tensor_view<float>& s, const tensor_view<double>& w) {
    return try_fake_quantize_backward(learned_step_size{}, q, p, t.in(), t.grad(), to, s, with(engine, w)).code;
  };
  CHECK(lsq(scales, tensor_view<double>(memory.data(), shape(1))) == errc::shape_mismatch);
  CHECK(lsq(scales, tensor_view<double>(nullptr, shape(100))) == errc::null_pointer);
  CHECK(lsq(tensor_view<float>(ds.data(), shape(5)), tensor_view<double>(memory.data(), shape(12))) ==
        errc::shape_mismatch);
  CHECK(try_range_of(per_tensor{}, t.in(), tensor_view<float>(ds.data(), shape(1)),
                     tensor_view<float>(ds.data(), shape(1)),
                     with(engine, tensor_view<double>(memory.data(), shape(12))))
            .code == errc::overlap);
  std::size_t doubles = 0;
  CHECK(fake_quantize_backward_workspace<emulated::launcher>(learned_step_size{}, quantizer<int8, per_axis<3>>{}, t.s,
                                                             doubles)
            .code == errc::axis_out_of_range);
}

TEST_CASE("nothing is launched for no elements; a refused launch is reported") {
  const tensors t;
  const shape empty(0, 4);
  CHECK(try_quantize(quantizer<int8>{}, parameters_view<float>{t.x.data(), nullptr, nullptr, 1},
                     tensor_view<const float>(nullptr, empty), tensor_view<std::int8_t>(nullptr, empty),
                     nothing_launched{})
            .ok());
  std::vector<float> y(300);
  const tensor_view<float> to(y.data(), t.s);
  CHECK(try_fake_quantize(q, t.p.view(), t.in(), to, refusing{}).code == errc::device);
  CHECK(try_fake_quantize_backward(straight_through{}, q, t.p.view(), t.in(), t.grad(), to, refusing{}).code ==
        errc::device);
  std::vector<double> memory(100);
  CHECK(try_fake_quantize_backward(learned_step_size{}, q, t.p.view(), t.in(), t.grad(), to,
                                   tensor_view<float>(std::vector<float>(6).data(), shape(6)),
                                   with(refusing{}, tensor_view<double>(memory.data(), shape(100))))
            .code == errc::device);
}

TEST_CASE("a device has every form of a call") {
  const tensors t;
  const emulated::launcher engine;
  std::vector<std::int8_t> codes(300), codes_here(300);
  const tensor_view<std::int8_t> there(codes.data(), t.s);
  const tensor_view<std::int8_t> here(codes_here.data(), t.s);
  quantize(q, t.p, t.in(), there, scalar_engine{});
  quantize(q, t.p, t.in(), here, engine);
  CHECK(codes == codes_here);
  CHECK_THROWS_AS(quantize(q, t.p, t.in(), here, refusing{}), error);
  std::fill(codes_here.begin(), codes_here.end(), std::int8_t{0});
  plan<quantize_kernel<quantizer<int8, per_axis<0>, affine>>> laid_out;
  REQUIRE(plan_quantize(q, t.p, t.in(), here, laid_out).ok());
  REQUIRE(laid_out.run(engine, t.x.data(), codes_here.data()).ok());
  CHECK(codes == codes_here);
  CHECK(laid_out.run(refusing{}, t.x.data(), codes_here.data()).code == errc::device);
  std::fill(codes_here.begin(), codes_here.end(), std::int8_t{0});
  quantizer_description d;
  d.scheme = id_of<affine>;
  d.granularity = per_axis<>{};
  REQUIRE(try_quantize(d, t.p, t.in(), here, engine).ok());
  CHECK(codes == codes_here);
}

TEST_CASE("what a host may not read, a device's call does not") {
  // Scales and zero points that no host would take, and an address that is no memory of the host's.
  const tensors t;
  std::vector<std::int8_t> codes(300);
  const tensor_view<std::int8_t> to(codes.data(), t.s);
  auto wrong = t.p.view();
  const std::vector<float> scales(6, -1.0f);
  wrong.scale = scales.data();
  CHECK(try_quantize(q, wrong, t.in(), to).code == errc::scale_not_positive);
  CHECK(try_quantize(q, wrong, t.in(), to, emulated::launcher{}).ok());
  wrong.scale = reinterpret_cast<const float*>(std::uintptr_t{64});
  CHECK(try_quantize(q, wrong, t.in(), to, refusing{}).code == errc::device);
}

TEST_CASE("sums on a device need a workspace of their own") {
  const tensors t;
  std::vector<float> y(300), ds(6);
  std::vector<double> memory(200);
  const tensor_view<float> dx(y.data(), t.s);
  const tensor_view<float> dscale(ds.data(), shape(6));
  const auto code = [&](const auto& engine) {
    return try_fake_quantize_backward(learned_step_size{}, q, t.p, t.in(), t.grad(), dx, dscale, engine).code;
  };
  CHECK(code(emulated::launcher{}) == errc::shape_mismatch);
  CHECK(code(with(emulated::launcher{}, tensor_view<double>(memory.data(), shape(200)))) == errc::ok);
  // In the place of a stream, or of what is written besides.
  CHECK(code(with(nothing_launched{}, tensor_view<double>(reinterpret_cast<double*>(y.data()), shape(100)))) ==
        errc::overlap);
  CHECK(code(with(nothing_launched{}, tensor_view<double>(reinterpret_cast<double*>(ds.data()), shape(2)))) ==
        errc::overlap);
  std::size_t doubles = 1;
  CHECK(fake_quantize_backward_workspace<scalar_engine>(learned_step_size{}, q, t.s, doubles).ok());
  CHECK(doubles == 0);
  CHECK(range_of_workspace<scalar_engine>(per_axis<3>{}, t.s, doubles).code == errc::axis_out_of_range);
}
