// Plans: built once, run often, equal to direct calls; independent copies; other memory of the same layout.
#include <doctest/doctest.h>

#include <core/oracle.hpp>
#include <xquant/engines/threads.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>
#include <xquant/rounding/stochastic.hpp>
#include <xquant/schemes/affine.hpp>

#include <vector>

using namespace xquant;  // NOLINT: every line names several

TEST_CASE("a plan run often equals as many calls") {
  thread_pool pool(3);
  const threads_engine<scalar_engine> threads(pool);
  oracle::stream random(1);
  const quantizer<int8, per_axis<1>, affine, stochastic> q({}, {}, {}, {7, 13});
  const shape shapes[] = {shape(1, 3), shape(5, 3), shape(2, 3, 100), shape(4200, 3), shape(0, 3)};
  for (const shape& s : shapes) {
    const std::size_t n = s.size();
    const std::vector<float> scales{0.5f, 0.25f, 1.5f};
    const parameters p(scales, {1, -2, 3});
    std::vector<float> x(n);
    std::vector<std::int8_t> codes(n);
    std::vector<float> y(n);
    plan<quantize_kernel<decltype(q)>> quantize_plan;
    plan<dequantize_kernel<decltype(q)>> dequantize_plan;
    plan<fake_quantize_kernel<decltype(q)>> fake_plan;
    const tensor_view<float> xs(x.data(), s);
    const tensor_view<std::int8_t> cs(codes.data(), s);
    const tensor_view<float> ys(y.data(), s);
    REQUIRE(plan_quantize(q, p, xs, cs, quantize_plan).ok());
    REQUIRE(plan_dequantize(q, p, cs, ys, dequantize_plan).ok());
    REQUIRE(plan_fake_quantize(q, p, xs, ys, fake_plan).ok());
    const auto copy = quantize_plan;
    for (int turn = 0; turn < 5; ++turn) {
      for (auto& v : x) v = static_cast<float>(random.unit() * 100.0);
      quantize(q, p, xs, cs);
      fake_quantize(q, p, xs, ys);
      // Other memory than the plan was made with.
      std::vector<std::int8_t> other_codes(n);
      std::vector<float> other(n);
      const std::vector<float> other_x = x;
      quantize_plan.run(scalar_engine{}, other_x.data(), other_codes.data());
      REQUIRE(other_codes == codes);
      dequantize_plan.run(scalar_engine{}, other_codes.data(), other.data());
      REQUIRE(other == y);
      std::fill(other.begin(), other.end(), 0.0f);
      fake_plan.run(threads, other_x.data(), other.data());
      REQUIRE(other == y);
      std::fill(other_codes.begin(), other_codes.end(), std::int8_t{0});
      copy.run(threads, other_x.data(), other_codes.data());
      REQUIRE(other_codes == codes);
    }
  }
}

TEST_CASE("a plan of strided tensors") {
  const quantizer<int8> q;
  const parameters p(0.5f);
  const shape s(6, 4);
  std::vector<float> x(24);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i) - 12.0f;
  const std::ptrdiff_t turned[2] = {1, 6};
  std::vector<std::int8_t> codes(24);
  plan<quantize_kernel<decltype(q)>> made;
  REQUIRE(plan_quantize(q, p, tensor_view<float>(x.data(), s, turned), tensor_view<std::int8_t>(codes.data(), s), made)
              .ok());
  made.run(scalar_engine{}, x.data(), codes.data());
  for (std::size_t r = 0; r < 6; ++r)
    for (std::size_t c = 0; c < 4; ++c) REQUIRE(codes[4 * r + c] == 2 * (static_cast<int>(r + 6 * c) - 12));
}

TEST_CASE("a plan that was refused, or never made, does nothing") {
  plan<quantize_kernel<quantizer<int8>>> made;
  float x = 1;
  std::int8_t code = 99;
  made.run(scalar_engine{}, &x, &code);
  CHECK(code == 99);
  CHECK(!plan_quantize(quantizer<int8>{}, parameters(-1.0f), tensor_view<float>(&x, shape(1)),
                       tensor_view<std::int8_t>(&code, shape(1)), made)
             .ok());
  made.run(scalar_engine{}, &x, &code);
  CHECK(code == 99);
}
