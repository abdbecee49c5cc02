// The operations of the torch, torchao and brevitas presets: their sums that are rounded once, against wider
// arithmetic; what they refuse. What they compute is compared with recorded answers by the program conformance.
#include <xquant/adapt/span.hpp>
#include <xquant/presets/brevitas.hpp>
#include <xquant/presets/elementwise.hpp>
#include <xquant/presets/torch.hpp>
#include <xquant/presets/torch_casts.hpp>
#include <xquant/presets/torchao.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace {

namespace brevitas = xquant::presets::brevitas;
namespace torch = xquant::presets::torch;
namespace torchao = xquant::presets::torchao;
using xquant::errc;
using xquant::status;

constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

TEST_CASE("preset operations: a fused product and sum is rounded once") {
  std::mt19937 random(7);
  std::uniform_int_distribution<std::int32_t> mantissa(-(1 << 24), 1 << 24);
  std::uniform_int_distribution<int> exponent(-20, 4);
  std::size_t separate = 0;
  for (int i = 0; i < 200000; ++i) {
    const auto number = [&] { return std::ldexp(static_cast<float>(mantissa(random)), exponent(random) - 20); };
    const float a = number();
    const float b = number();
    // Every third sum all but cancels, every third is a tie of integers.
    const float c = i % 3 == 0 ? -a * b : i % 3 == 1 ? std::round(number()) + 0.5f : number();
    REQUIRE(xquant::presets::detail::fused_multiply_add(a, b, c) == std::fma(a, b, c));
    separate += a * b + c != std::fma(a, b, c);
  }
  CHECK(separate > 1000);
  const float large = std::ldexp(1.0f, 120);
  const float small = std::ldexp(1.0f + 0x1p-23f, -119);
  CHECK(xquant::presets::detail::fused_multiply_add(large, small, 0.5f) == std::fma(large, small, 0.5f));
  CHECK(xquant::presets::detail::fused_multiply_add(small, large, 0.5f) == std::fma(small, large, 0.5f));
  CHECK(xquant::presets::detail::fused_multiply_add(large, large, 1.0f) == infinity);
  CHECK(std::isnan(xquant::presets::detail::fused_multiply_add(nan, 1.0f, 1.0f)));
  CHECK(std::isnan(xquant::presets::detail::fused_multiply_add(infinity, 0.0f, 1.0f)));
}

TEST_CASE("preset operations: a product with an exact difference is rounded once") {
  std::mt19937 random(8);
  std::uniform_int_distribution<std::int32_t> code(-65536, 65536);
  std::uniform_int_distribution<std::int32_t> mantissa(1 << 23, (1 << 24) - 1);
  std::size_t separate = 0;
  for (int i = 0; i < 200000; ++i) {
    const auto a = static_cast<float>(code(random));
    const float b = std::ldexp(static_cast<float>(mantissa(random)), -16);  // the difference has at most 40 bits
    const float c = std::ldexp(static_cast<float>(mantissa(random)), -30);
    const long double exact = (static_cast<long double>(a) - b) * c;  // and this 64, which a long double has
    REQUIRE(xquant::presets::detail::difference_times(a, b, c) == static_cast<float>(exact));
    separate += (a - b) * c != static_cast<float>(exact);
  }
  CHECK(separate > 1000);
}

bool refuses(const status& s, errc code, const char* argument) {
  return s.code == code && std::string(s.argument) == argument;
}

TEST_CASE("preset operations: torch refuses what its operations cannot use") {
  const std::vector<float> x{1, 2, 3};
  const std::vector<float> scale{1, 1, 1};
  const std::vector<float> zero_point{0, 0, 0};
  std::vector<float> y(3, -1);
  std::vector<std::uint8_t> mask(1);
  const auto fake = [&](const std::vector<float>& s, const std::vector<float>& z, std::ptrdiff_t axis,
                        torch::quant_range codes) {
    return torch::try_fake_quantize_per_channel(x, s, z, axis, codes, y, mask);
  };
  CHECK(fake(scale, zero_point, 0, {0, 2}).ok());
  CHECK(y == std::vector<float>{1, 2, 2});
  CHECK(mask[0] == 3);
  y = {-1, -1, -1};
  CHECK(refuses(fake(scale, zero_point, 1, {0, 2}), errc::axis_out_of_range, "axis"));
  CHECK(refuses(fake(scale, {0, 0}, 0, {0, 2}), errc::shape_mismatch, "zero_point"));
  CHECK(refuses(fake({1, 1}, {0, 0}, 0, {0, 2}), errc::parameter_count, "parameters"));
  CHECK(refuses(fake({1, 0, 1}, zero_point, 0, {0, 2}), errc::scale_not_positive, "scale"));
  CHECK(refuses(fake({1, nan, 1}, zero_point, 0, {0, 2}), errc::scale_not_finite, "scale"));
  CHECK(refuses(fake({1, 1e-40f, 1}, zero_point, 0, {0, 2}), errc::scale_out_of_range, "scale"));
  CHECK(refuses(fake(scale, {0, infinity, 0}, 0, {0, 2}), errc::value_out_of_range, "zero_point"));
  CHECK(refuses(fake(scale, zero_point, 0, {2, 0}), errc::bits_out_of_range, "quant_min"));
  CHECK(refuses(fake(scale, zero_point, 0, {-(1 << 25), 0}), errc::bits_out_of_range, "quant_min"));
  CHECK(refuses(fake(scale, zero_point, 0, {0, 1 << 25}), errc::bits_out_of_range, "quant_max"));
  CHECK(y == std::vector<float>{-1, -1, -1});

  std::vector<std::int32_t> wide(3);
  const torch::affine_parameters<> two({1.0, 1.0}, {0, 0});
  CHECK(refuses(torch::try_quantize_qint32(x, two, xquant::per_tensor{}, wide), errc::parameter_count, "parameters"));
  const torch::affine_parameters<> uneven({1.0}, {0, 0});
  CHECK(refuses(torch::try_dequantize_qint32(wide, uneven, y), errc::parameter_count, "parameters"));
  const std::vector<std::uint8_t> q{1, 2, 3};
  CHECK(refuses(torch::try_dequantize_per_channel(q, {1, 1}, {0, 0}, 0, y), errc::parameter_count, "parameters"));
  CHECK(refuses(torch::try_dequantize_per_channel(q, {1, 1, -1}, {0, 0, 0}, 0, y), errc::scale_not_positive, "scale"));
  std::vector<std::uint8_t> codes(3);
  CHECK(refuses(torch::try_quantize_real_zero_point(x, scale, zero_point, 0, 256, codes), errc::bits_out_of_range,
                "quant_max"));
  CHECK(torch::pack_quint4x2({1, 2, 15}) == std::vector<std::uint8_t>{0x21, 0x0F});
  std::vector<std::uint16_t> two_codes(2);
  CHECK(refuses(torch::try_cast_to_float16(x, two_codes), errc::shape_mismatch, "y"));
}

TEST_CASE("preset operations: torchao refuses what its operations cannot use") {
  const std::vector<float> x{1, 2, 3, 4};
  const xquant::per_block<> pairs{2};
  torchao::affine_parameters p;
  const auto choose = [&](const std::vector<float>& data, torchao::quant_range codes, double eps) {
    return torchao::try_choose_qparams_affine(data, torchao::mapping::symmetric, pairs, codes, eps, p);
  };
  CHECK(choose(x, {-8, 7}, torchao::smallest_normal).ok());
  CHECK(p.scale == std::vector<float>{2 / 7.5f, 4 / 7.5f});
  CHECK(refuses(choose(x, {7, 7}, 1e-6), errc::bits_out_of_range, "quant_min"));
  CHECK(refuses(choose(x, {-(1 << 25), 7}, 1e-6), errc::bits_out_of_range, "quant_min"));
  CHECK(refuses(choose(x, {0, 1 << 25}, 1e-6), errc::bits_out_of_range, "quant_max"));
  CHECK(refuses(choose(x, {-8, 7}, 0), errc::value_out_of_range, "eps"));
  CHECK(refuses(choose(x, {-8, 7}, std::numeric_limits<double>::infinity()), errc::value_out_of_range, "eps"));
  CHECK(refuses(choose({}, {-8, 7}, 1e-6), errc::no_samples, "x"));
  CHECK(choose({nan, 1, 2, 3}, {-8, 7}, 1e-6).ok());
  CHECK(std::isnan(p.scale[0]));
  CHECK(p.scale[1] == 3 / 7.5f);

  std::vector<std::uint8_t> q(4);
  torchao::affine_parameters real;
  CHECK(torchao::try_choose_qparams_affine_tinygemm(x, pairs, {0, 15}, 1e-6, real).ok());
  CHECK(refuses(torchao::try_quantize_affine_tinygemm(x, real, pairs, {-1, 15}, q), errc::bits_out_of_range,
                "quant_min"));
  CHECK(refuses(torchao::try_quantize_affine_tinygemm(x, real, pairs, {0, 256}, q), errc::bits_out_of_range,
                "quant_max"));
  CHECK(refuses(torchao::try_quantize_affine_tinygemm(x, p, pairs, {0, 15}, q), errc::parameter_count, "parameters"));
  const std::vector<xquant::bfloat16> halves(4, xquant::bfloat16(1.0f));
  std::vector<std::int8_t> narrow(4);
  const torchao::affine_parameters ones{{1, 1}, {0, 0}, {}};
  CHECK(refuses(torchao::try_quantize_affine_bfloat16(halves, ones, pairs, {-128, 128}, narrow),
                errc::bits_out_of_range, "quant_max"));
  CHECK(refuses(torchao::try_quantize_affine_bfloat16(halves, ones, pairs, {-129, 127}, narrow),
                errc::bits_out_of_range, "quant_min"));
  std::vector<float> scale;
  CHECK(refuses(torchao::try_choose_scale_float8<torchao::float8_e4m3fn>(std::vector<float>{}, pairs, scale),
                errc::no_samples, "x"));
}

TEST_CASE("preset operations: brevitas refuses what its quantizers cannot use") {
  const std::vector<float> w{1, -2, 3};
  brevitas::weight_parameters p;
  const auto parameters = [&](const std::vector<float>& data, const brevitas::int_weight_quantizer& q) {
    return brevitas::try_weight_parameters(data, q, xquant::per_tensor{}, p);
  };
  CHECK(parameters(w, brevitas::int8_weight_float).ok());
  CHECK(p.scale == std::vector<float>{3 / 127.0f});
  CHECK(refuses(parameters(w, {1, brevitas::scale_rule::max}), errc::bits_out_of_range, "bits"));
  CHECK(refuses(parameters(w, {25, brevitas::scale_rule::max}), errc::bits_out_of_range, "bits"));
  CHECK(refuses(parameters({}, brevitas::int8_weight_float), errc::no_samples, "w"));
  CHECK(refuses(brevitas::try_weight_parameters(w, brevitas::int4_weight_decoupled, xquant::per_axis<>{0}, p),
                errc::unsupported, "granularity"));
  std::vector<float> y(3);
  const brevitas::weight_parameters uneven{{1}, {1}, {}};
  CHECK(refuses(brevitas::try_quantize_weight(w, brevitas::int8_weight_float, uneven, xquant::per_tensor{}, y),
                errc::parameter_count, "parameters"));
  CHECK(refuses(brevitas::try_quantize_binary_weight(w, 0, y), errc::scale_not_positive, "scale"));
  std::vector<float> two(2);
  CHECK(refuses(brevitas::try_round<brevitas::floor>(w, two), errc::shape_mismatch, "y"));
}

}  // namespace
