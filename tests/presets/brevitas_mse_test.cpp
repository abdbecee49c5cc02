// Brevitas' MSE weight quantizers against the same grid walked in double, and what they refuse. Recorded ones are in
// tests/conformance.
#include <xquant/presets/brevitas_mse.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace {

using namespace xquant;
namespace peer = presets::brevitas;

// Two rows of 24 with long tails, so that clipping pays.
std::vector<float> weights() {
  std::vector<float> w;
  for (int i = 0; i < 48; ++i) {
    const double u = std::sin(1.7 * i) + 0.01 * i;
    w.push_back(static_cast<float>(u * u * u * (i % 11 == 0 ? 3 : 0.5) * (i < 24 ? 1 : 4)));
  }
  return w;
}

tensor_view<const float> two_rows(const std::vector<float>& w) { return {w.data(), shape(2, w.size() / 2)}; }

double squared_error(const float* w, std::size_t n, double scale, double zero_point, double lower, double upper) {
  double error = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double code = std::clamp(std::nearbyint(static_cast<double>(w[i]) / scale + zero_point), lower, upper);
    error += std::pow(static_cast<double>(w[i]) - (code - zero_point) * scale, 2);
  }
  return error;
}

// The first of statistic * i / 20, from the lower end, that has the least error.
template <class Error>
double least_of_grid(double statistic, const Error& error) {
  double best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (int k = 1; k <= 20; ++k) {
    const double candidate = statistic * (statistic < 0 ? 21 - k : k) / 20;
    if (error(candidate) < least) {
      least = error(candidate);
      best = candidate;
    }
  }
  return best;
}

bool is_near(float a, double b) { return std::fabs(static_cast<double>(a) - b) <= 1e-6 * std::fabs(b); }

}  // namespace

TEST_CASE("presets::brevitas: scales by MSE are the grid's best") {
  const std::vector<float> w = weights();
  peer::weight_parameters p;
  const peer::int_weight_quantizer int4{4, peer::scale_rule::max};
  REQUIRE(peer::try_mse_weight_parameters(two_rows(w), int4, per_axis<>{0}, p).ok());
  REQUIRE(p.scale.size() == 2);
  CHECK(p.zero_point == std::vector<float>{0, 0});
  CHECK(p.pre_scale == p.scale);
  for (std::size_t row = 0; row < 2; ++row) {
    const float* const first = w.data() + row * 24;
    double magnitude = 0;
    for (std::size_t i = 0; i < 24; ++i) magnitude = std::max(magnitude, std::fabs(static_cast<double>(first[i])));
    const double best = least_of_grid(magnitude, [&](double m) { return squared_error(first, 24, m / 7, 0, -7, 7); });
    CHECK(best < magnitude);  // clipping does pay
    CHECK(is_near(p.scale[row], best / 7));
  }

  const peer::int_weight_quantizer fixed4{4, peer::scale_rule::power_of_two};
  REQUIRE(peer::try_mse_weight_parameters(two_rows(w), fixed4, per_tensor{}, p).ok());
  const auto power_of = [](double m) { return std::exp2(std::ceil(std::log2(m))) / 8; };
  double magnitude = 0;
  for (const float v : w) magnitude = std::max(magnitude, std::fabs(static_cast<double>(v)));
  const double best =
      least_of_grid(magnitude, [&](double m) { return squared_error(w.data(), w.size(), power_of(m), 0, -7, 7); });
  REQUIRE(p.scale.size() == 1);
  CHECK(static_cast<double>(p.scale[0]) == power_of(best));
}

TEST_CASE("presets::brevitas: shifted weights have their scale searched, then their zero point") {
  const std::vector<float> w = weights();
  peer::weight_parameters p;
  const peer::int_weight_quantizer uint3{3, peer::scale_rule::shifted_min_max};
  REQUIRE(peer::try_mse_weight_parameters(two_rows(w), uint3, per_tensor{}, p).ok());
  const auto [low, high] = std::minmax_element(w.begin(), w.end());
  REQUIRE(*low < 0);
  const auto zero_point = [](double minimum, double scale) { return std::min(std::nearbyint(-minimum / scale), 7.0); };
  const auto error = [&](double minimum, double scale) {
    return squared_error(w.data(), w.size(), scale, zero_point(minimum, scale), 0, 7);
  };
  const double minimum = static_cast<double>(*low);
  const double width =
      least_of_grid(static_cast<double>(*high) - minimum, [&](double m) { return error(minimum, m / 7); });
  const double best = least_of_grid(minimum, [&](double m) { return error(m, width / 7); });
  CHECK(is_near(p.scale[0], width / 7));
  CHECK(static_cast<double>(p.zero_point[0]) == zero_point(best, width / 7));
}

TEST_CASE("presets::brevitas: scales by MSE of zeros, of a grid's own numbers, and of FP8") {
  peer::weight_parameters p;
  REQUIRE(peer::try_mse_weight_parameters(two_rows({0, 0, 0, 0}), peer::int8_weight_float, per_tensor{}, p).ok());
  CHECK(p.scale == std::vector<float>{1e-10f / 127});
  // Nothing is lost at 127 / 127 alone.
  REQUIRE(peer::try_mse_weight_parameters(two_rows({1, -127, 63, 2}), peer::int8_weight_float, per_tensor{}, p).ok());
  CHECK(p.scale == std::vector<float>{1});
  // Every squared error is beyond float, and so is the power of two above: the first stays, 3e38 / 20, below 2^124.
  REQUIRE(
      peer::try_mse_weight_parameters(two_rows({3e38f, -3e38f}), peer::int8_weight_fixed_point, per_tensor{}, p).ok());
  CHECK(p.scale == std::vector<float>{std::ldexp(1.0f, 117)});
  std::vector<float> scale;
  REQUIRE(peer::try_mse_ocp_scales<e4m3fn>(two_rows({448, -416, 1, 0.0078125f}), per_axis<>{0}, scale).ok());
  REQUIRE(scale.size() == 2);
  CHECK(scale[0] == 1);
}

TEST_CASE("presets::brevitas: what the MSE quantizers refuse") {
  const std::vector<float> w{1, 2, 3, 4};
  peer::weight_parameters p;
  const auto refused = [&](const std::vector<float>& data, const peer::int_weight_quantizer& q,
                           const peer::mse_grid& grid = {}) {
    return peer::try_mse_weight_parameters(two_rows(data), q, per_tensor{}, p, grid).code;
  };
  const float largest = std::numeric_limits<float>::max();
  CHECK(refused(w, {1, peer::scale_rule::max}) == errc::bits_out_of_range);
  CHECK(refused(w, {25, peer::scale_rule::max}) == errc::bits_out_of_range);
  CHECK(refused(w, peer::int4_weight_decoupled) == errc::unsupported);
  CHECK(refused(w, peer::ternary_weight) == errc::unsupported);
  CHECK(refused(w, peer::int8_weight_float, {1}) == errc::value_out_of_range);
  CHECK(refused(w, peer::int8_weight_float, {101}) == errc::value_out_of_range);
  CHECK(refused({}, peer::int8_weight_float) == errc::no_samples);
  CHECK(refused({1, std::nanf("")}, peer::int8_weight_float) == errc::not_finite);
  CHECK(refused({1, -std::numeric_limits<float>::infinity()}, peer::int8_weight_float) == errc::not_finite);
  CHECK(refused({largest, -largest}, peer::shifted_uint8_weight) == errc::value_out_of_range);
  CHECK(refused({largest, -largest}, peer::int8_weight_float) == errc::ok);
  CHECK(peer::try_mse_weight_parameters(two_rows(w), peer::int8_weight_float, per_axis<>{2}, p).code != errc::ok);
  std::vector<float> scale{7};
  CHECK(peer::try_mse_ocp_scales<e5m2>(two_rows({1, std::nanf("")}), per_tensor{}, scale).code == errc::not_finite);
  CHECK(peer::try_mse_ocp_scales<e5m2>(two_rows(w), per_tensor{}, scale, {0}).code == errc::value_out_of_range);
  CHECK(scale == std::vector<float>{7});
}
