// AdaRound and SignRound against their formulas in double, on the scalar and a vector engine, codes and values.
#include <xquant/ops/learned_rounding.hpp>

#include <xquant/adapt/span.hpp>
#include <xquant/engines/simd.hpp>
#include <xquant/parameters.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace {

using namespace xquant;

constexpr std::size_t rows = 5;
constexpr std::size_t columns = 67;

struct sample {
  std::vector<float> x;
  std::vector<float> share;   // of a step, AdaRound's
  std::vector<float> offset;  // SignRound's
};

sample draw() {
  sample s;
  std::mt19937 random(3);
  for (std::size_t i = 0; i < rows * columns; ++i) {
    s.x.push_back(static_cast<float>(static_cast<int>(random() % 4001) - 2000) / 64);
    s.share.push_back(static_cast<float>(random() % 65) / 64);
    s.offset.push_back(static_cast<float>(static_cast<int>(random() % 65) - 32) / 64);
  }
  s.x[3] = std::numeric_limits<float>::infinity();
  s.x[4] = -std::numeric_limits<float>::infinity();
  s.x[5] = std::nanf("");
  s.offset[6] = std::nanf("");
  s.share[6] = std::nanf("");
  return s;
}

const std::vector<float> scales{0.25f, 0.5f, 1, 2, 0.125f};
const std::vector<std::int32_t> zero_points{0, 3, -8, 7, -1};

template <class Engine>
void check_engine(const Engine& engine) {
  const sample s = draw();
  const quantizer<int4, per_axis<0>, affine> q;
  const parameters p(scales, zero_points);
  const shape form(rows, columns);
  const auto view = [&](const std::vector<float>& v) { return tensor_view<const float>(v.data(), form); };
  std::vector<float> soft(s.x.size());
  std::vector<float> nearest(s.x.size());
  std::vector<std::int8_t> hard(s.x.size());
  std::vector<std::int8_t> codes(s.x.size());
  learned_fake_quantize(adaround{}, q, p, view(s.x), view(s.share), tensor_view(soft.data(), form), engine);
  learned_quantize(adaround{}, q, p, view(s.x), view(s.share), tensor_view(hard.data(), form), engine);
  learned_fake_quantize(sign_round{}, q, p, view(s.x), view(s.offset), tensor_view(nearest.data(), form), engine);
  learned_quantize(sign_round{}, q, p, view(s.x), view(s.offset), tensor_view(codes.data(), form), engine);
  for (std::size_t i = 0; i < s.x.size(); ++i) {
    const double scale = scales[i / columns];
    const int zero = zero_points[i / columns];
    const double v = s.x[i] / scale;  // exact: powers of two
    const auto held = [&](double steps) {
      return std::isnan(steps) ? -8.0 - zero : std::min(std::max(steps, -8.0 - zero), 7.0 - zero);
    };
    const double expected_soft = held(std::floor(v) + s.share[i]);
    const double expected_hard = held(std::floor(v) + (s.share[i] >= 0.5f ? 1 : 0));
    const double expected_nearest = held(std::nearbyint(v + s.offset[i]));
    CAPTURE(i);
    CHECK(static_cast<double>(soft[i]) == expected_soft * scale);
    CHECK(static_cast<double>(hard[i]) == expected_hard + zero);
    CHECK(static_cast<double>(nearest[i]) == expected_nearest * scale);
    CHECK(static_cast<double>(codes[i]) == expected_nearest + zero);
  }
}

TEST_CASE("AdaRound and SignRound: their formulas, every engine") {
  check_engine(scalar_engine{});
  check_engine(simd_engine<>{});
}

TEST_CASE("learned roundings with choices that mean nothing are roundings of the field") {
  std::vector<float> x;
  for (int i = -400; i <= 400; ++i) x.push_back(static_cast<float>(i) / 16);
  const std::vector<float> zeros(x.size(), 0.0f);
  const quantizer<int8> q;
  std::vector<std::int8_t> codes(x.size());
  learned_quantize(sign_round{}, q, parameters(1.0f), x, zeros, codes);
  for (std::size_t i = 0; i < x.size(); ++i) CHECK(codes[i] == std::nearbyint(x[i]));
  learned_quantize(adaround{}, q, parameters(1.0f), x, zeros, codes);
  for (std::size_t i = 0; i < x.size(); ++i) CHECK(codes[i] == std::floor(x[i]));
}

TEST_CASE("learned roundings: 16-bit data, in place") {
  std::vector<bfloat16> x{bfloat16(0.75f), bfloat16(-1.25f)};
  const std::vector<bfloat16> share{bfloat16(0.5f), bfloat16(0.25f)};
  learned_fake_quantize(adaround{}, quantizer<int8>{}, parameters(1.0f), x, share, x);
  CHECK(static_cast<float>(x[0]) == 0.5f);
  CHECK(static_cast<float>(x[1]) == -1.75f);
}

TEST_CASE("learned roundings refuse, before anything is written") {
  const std::vector<float> x(3, 1.0f);
  const std::vector<float> choice(2, 0.0f);
  std::vector<float> y(3, 9.0f);
  std::vector<std::int8_t> codes(3, 9);
  const quantizer<int8> q;
  const status s = try_learned_fake_quantize(adaround{}, q, parameters(1.0f), x, choice, y);
  CHECK(s.code == errc::shape_mismatch);
  CHECK(std::strcmp(s.argument, "choice") == 0);
  CHECK(validate_learned_fake_quantize(adaround{}, q, parameters(1.0f), x, choice, y).code == errc::shape_mismatch);
  CHECK(try_learned_quantize(sign_round{}, q, parameters(0.0f), x, x, codes).code == errc::scale_not_positive);
  CHECK(validate_learned_quantize(sign_round{}, q, parameters(1.0f), x, x, codes).ok());
  CHECK_THROWS_AS(learned_quantize(sign_round{}, q, parameters(1.0f), x, choice, codes), xquant::error);
  CHECK_THROWS_AS(learned_fake_quantize(sign_round{}, q, parameters(1.0f), x, choice, y), xquant::error);
  CHECK(y == std::vector<float>(3, 9.0f));
  CHECK(codes == std::vector<std::int8_t>(3, 9));
}

}  // namespace
