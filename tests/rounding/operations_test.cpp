// The roundings through the operations: codes against the definition, on the scalar engine and on vectors, where those
// to nearest take the short quotient; noise the same everywhere.
#include <doctest/doctest.h>

#include <rounding/rules.hpp>

#include <core/oracle.hpp>
#include <cuda/emulate.hpp>
#include <xquant/engines/simd.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>
#include <xquant/rounding/additive_noise.hpp>

namespace {

using namespace rounding_test;  // NOLINT: every line names several
using namespace xquant;         // NOLINT: likewise

std::vector<float> sample(float scale) {
  oracle::stream s(bit_cast<std::uint32_t>(scale));
  std::vector<float> x;
  for (int k = -300; k <= 300; ++k)
    for (const double offset : {0.0, 0.5}) {
      const auto at = static_cast<float>((k + offset) * static_cast<double>(scale));
      x.insert(x.end(), {at, std::nextafter(at, -1e38f), std::nextafter(at, 1e38f)});
    }
  for (int i = 0; i < 3000; ++i) x.push_back(oracle::interesting(s, scale, 300));
  return x;
}

std::int32_t code_of(float x, float scale, std::int32_t zero, rule r) {
  if (std::isnan(x)) return -128;
  double v = oracle::quotient(x, scale, oracle::arithmetic::divide);
  v = v > 1e6 ? 1e6 : v < -1e6 ? -1e6 : v;
  const double low = std::floor(v);
  const place at{v == low         ? place::on_lower
                 : v < low + 0.5  ? place::below_middle
                 : v == low + 0.5 ? place::on_middle
                                  : place::above_middle,
                 std::fmod(low, 2.0) == 0, std::signbit(v)};
  const double code = low + (takes_upper(r, at) ? 1 : 0) + zero;
  return code < -128 ? -128 : code > 127 ? 127 : static_cast<std::int32_t>(code);
}

template <class Rounding>
void check(rule r) {
  const quantizer<int8, affine, Rounding> q;
  for (const float scale : {1.0f, 0.1f, 0.007874016f, 1e-3f, 3.3f, 1e-30f}) {
    const scale_and_zero_point<float> p{scale, 7};
    const std::vector<float> x = sample(scale);
    const shape s(x.size());
    const tensor_view<const float> in(x.data(), s);
    const auto on = [&](const auto& engine) {
      std::vector<std::int8_t> codes(x.size());
      std::vector<float> fake(x.size());
      quantize(q, p, in, tensor_view<std::int8_t>(codes.data(), s), engine);
      fake_quantize(q, p, in, tensor_view<float>(fake.data(), s), engine);
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        const std::int32_t wanted = code_of(x[i], scale, 7, r);
        wrong += codes[i] != wanted;
        wrong += !oracle::same(fake[i], oracle::integer_value(wanted, scale, 7));
      }
      CAPTURE(scale);
      CHECK(wrong == 0);
    };
    on(scalar_engine{});
    on(simd_engine<>{});
  }
}

}  // namespace

TEST_CASE("half up") { check<nearest_up>(rule::up); }
TEST_CASE("half down") { check<nearest_down>(rule::down); }
TEST_CASE("half to zero") { check<nearest_to_zero>(rule::to_zero); }
TEST_CASE("half to odd") { check<nearest_odd>(rule::odd); }
TEST_CASE("half as deep-learning processing units") { check<nearest_dpu>(rule::dpu); }
TEST_CASE("floor") { check<toward_negative>(rule::floor); }
TEST_CASE("ceiling") { check<toward_positive>(rule::ceiling); }
TEST_CASE("truncation") { check<toward_zero>(rule::truncate); }
TEST_CASE("to odd") { check<to_odd>(rule::sticky); }

TEST_CASE("noise: the same bits on every engine, wherever a piece starts") {
  const std::vector<float> x = sample(0.1f);
  const scale_and_zero_point<float> p{0.1f, 7};
  std::vector<float> whole(x.size());
  const auto noisy = [](std::uint64_t first) {
    return quantizer<int8, affine, additive_noise>({}, {}, {}, {5, first});
  };
  const auto run = [&](const auto& engine, std::size_t from, std::vector<float>& y) {
    const shape s(x.size() - from);
    fake_quantize(noisy(from), p, tensor_view<const float>(x.data() + from, s), tensor_view<float>(y.data() + from, s),
                  engine);
  };
  run(scalar_engine{}, 0, whole);
  for (const std::size_t from : {0u, 1u, 64u, 77u}) {
    std::vector<float> by_vector = whole;
    std::vector<float> by_device = whole;
    for (std::size_t i = from; i < x.size(); ++i) by_vector[i] = by_device[i] = -1;
    run(simd_engine<>{}, from, by_vector);
    run(emulated::engine{}, from, by_device);
    CHECK(by_vector == whole);
    CHECK(by_device == whole);
  }
}
