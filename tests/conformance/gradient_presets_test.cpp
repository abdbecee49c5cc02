// The gradients of peers: torch's order of sums against sums that torch gave, parameters that are learned, and what is
// refused before anything is written. What they compute is compared with recorded answers by the program conformance.
#include <xquant/adapt/span.hpp>
#include <xquant/engines/scalar.hpp>
#include <xquant/presets/aimet_torch_gradients.hpp>
#include <xquant/presets/modelopt_gradients.hpp>
#include <xquant/presets/pytorch_quantization_gradients.hpp>
#include <xquant/presets/torch_gradients.hpp>
#include <xquant/presets/torch_sum.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace {

namespace aimet = xquant::presets::aimet_torch;
namespace modelopt = xquant::presets::modelopt;
namespace pytorch_quantization = xquant::presets::pytorch_quantization;
namespace torch = xquant::presets::torch;
using xquant::errc;
using xquant::shape;
using xquant::status;
using xquant::tensor_view;

constexpr float nan = std::numeric_limits<float>::quiet_NaN();

shape shape_of(const std::vector<std::size_t>& extents) { return shape::of(extents.data(), extents.size()); }

// Sums that torch 2.15.0 gives on one thread (CPU, AVX-512), of t[i] = ((i + 1) * 2654435761 mod 2^32 - 2^31) / 2^20.
struct recorded_sum {
  std::vector<std::size_t> extents;
  std::vector<std::size_t> slots;
  struct element {
    std::size_t index;
    float value;
  };
  std::vector<element> sums;
};
const recorded_sum recorded_sums[] = {
    {{7}, {1}, {{0, -0x1.8f7582p+9f}}},
    {{100}, {1}, {{0, 0x1.2568ap+8f}}},
    {{4097}, {1}, {{0, 0x1.50ffp+9f}}},
    {{5, 6}, {5, 1}, {{0, -0x1.5cc11p+6f}, {2, -0x1.0bb194p+11f}, {4, -0x1.8fa44p+6f}}},
    {{6, 5}, {1, 5}, {{0, 0x1.0f8d8p+12f}, {2, -0x1.0bb196p+11f}, {4, -0x1.1b3f16p+12f}}},
    {{40, 33}, {1, 33}, {{0, -0x1.575490p+8f}, {16, 0x1.d4ebb8p+10f}, {32, -0x1.4d76p+0f}}},
    {{3, 4, 10}, {1, 4, 1}, {{0, -0x1.88d084p+10f}, {2, 0x1.bf4456p+10f}, {3, -0x1.39628cp+9f}}},
    {{2, 5, 3}, {2, 1, 3}, {{0, -0x1.bcd4b8p+11f}, {3, 0x1.ef592ap+10f}, {5, 0x1.540216p+11f}}},
    {{300, 3}, {1, 3}, {{0, -0x1.1dec1ap+12f}, {1, 0x1.2c59e4p+10f}, {2, 0x1.683230p+11f}}},
};

TEST_CASE("gradient presets: sums have the bits of torch's") {
  for (const recorded_sum& c : recorded_sums) {
    const shape s = shape_of(c.extents);
    std::vector<float> terms(s.size());
    std::vector<double> wide(terms.size());
    for (std::size_t i = 0; i < terms.size(); ++i) {
      const auto bits = static_cast<std::uint32_t>((i + 1) * 2654435761u);
      terms[i] = static_cast<float>((static_cast<double>(bits) - 0x1p31) / 0x1p20);
      wide[i] = static_cast<double>(terms[i]);
    }
    const std::vector<float> sums = torch::sum_to_size(terms, s, shape_of(c.slots));
    CAPTURE(s.size());
    REQUIRE(sums.size() == shape_of(c.slots).size());
    for (const auto& e : c.sums) CHECK(sums[e.index] == e.value);
    const std::vector<double> in_double = torch::sum_to_size(wide, s, shape_of(c.slots));
    for (std::size_t i = 0; i < sums.size(); ++i)
      CHECK(in_double[i] == doctest::Approx(static_cast<double>(sums[i])).epsilon(1e-5).scale(2048));
  }
  // Nothing to sum, and nothing that is summed.
  CHECK(torch::sum_to_size(std::vector<float>{}, shape(0), shape(1)) == std::vector<float>{0});
  CHECK(torch::sum_to_size(std::vector<float>{1, 2}, shape(2), shape(2)) == std::vector<float>{1, 2});
  CHECK(torch::sum_to_size(std::vector<float>{1, 2, 4, 8, 16, 32, 64, 128}, shape(2, 2, 2), shape(2, 1)) ==
        std::vector<float>{1 + 2 + 16 + 32, 4 + 8 + 64 + 128});
}

TEST_CASE("gradient presets: AIMET's blocks are summed block by block, dx in the place of x") {
  const shape s(2, 6);
  std::vector<float> x(12);
  std::vector<float> g(12);
  for (std::size_t i = 0; i < 12; ++i) {
    x[i] = static_cast<float>(i) - 5.25f;
    g[i] = static_cast<float>(1 << i);
  }
  const std::vector<float> scale{0.5f, 1, 2, 4};
  const std::vector<float> offset{-8, -7, -9, -8};
  const shape slots(2, 2);
  const tensor_view<const float> scales(scale.data(), slots);
  const tensor_view<const float> offsets(offset.data(), slots);
  aimet::affine_settings settings;
  settings.qmin = 0;
  settings.qmax = 15;
  settings.in_blocks = true;
  std::vector<float> dscale(4);
  std::vector<float> doffset(4);
  std::vector<double> expected_scale(4);
  std::vector<double> expected_offset(4);
  std::vector<float> expected(12);
  for (std::size_t i = 0; i < 12; ++i) {
    const std::size_t slot = i / 6 * 2 + i % 6 / 3;
    const double v = static_cast<double>(x[i]) / static_cast<double>(scale[slot]);
    const double code = std::nearbyint(v) - static_cast<double>(offset[slot]);
    const bool inside = code >= 0 && code <= 15;
    const double held = std::fmin(std::fmax(code, 0), 15) + static_cast<double>(offset[slot]);
    expected[i] = inside ? g[i] : 0;
    expected_scale[slot] += static_cast<double>(g[i]) * (inside ? held - v : held);
    expected_offset[slot] += inside ? 0 : static_cast<double>(g[i] * scale[slot]);
  }
  const tensor_view<float> in_place(x.data(), s);
  REQUIRE(aimet::try_quantize_dequantize_backward(in_place, tensor_view<const float>(g.data(), s), scales, offsets,
                                                  settings, {}, in_place, tensor_view<float>(dscale.data(), slots),
                                                  tensor_view<float>(doffset.data(), slots), xquant::scalar_engine{})
              .ok());
  CHECK(x == expected);
  for (std::size_t k = 0; k < 4; ++k) {
    CHECK(static_cast<double>(dscale[k]) == expected_scale[k]);
    CHECK(static_cast<double>(doffset[k]) == expected_offset[k]);
  }
}

TEST_CASE("gradient presets: what AIMET's quantizers learn, at the ends of what they may") {
  aimet::affine_settings grid;
  grid.qmin = 0;
  grid.qmax = 255;
  aimet::learned_scales found;
  using aimet::learned_encoding;
  // An empty range has the least scale, and its gradient stops; an inverted one has its sign.
  REQUIRE(aimet::try_learned_scales(learned_encoding::min_max, {0, 1, -1}, {0, -1, 1}, false, grid, found).ok());
  CHECK(found.scale[0] == 0x1p-23f);
  CHECK(found.scale_sign == std::vector<float>{0, -1, 1});
  CHECK(found.scale[1] == 2.0f / 255.0f);
  // Offsets beyond the grid are clamped, and stop the gradient.
  REQUIRE(aimet::try_learned_scales(learned_encoding::min_max, {-2, 1, -4}, {3.1f, 2, -3}, false, grid, found).ok());
  CHECK(found.offset == std::vector<float>{-100, 0, -255});
  CHECK(found.offset_passes == std::vector<bool>{true, false, false});
  REQUIRE(aimet::try_learned_scales(learned_encoding::scale_offset, {0.5f}, {-3.5f}, false, grid, found).ok());
  CHECK(found.offset == std::vector<float>{-4});
  REQUIRE(aimet::try_learned_scales(learned_encoding::scale_offset, {-0.5f}, {}, true, grid, found).ok());
  CHECK(found.scale == std::vector<float>{0.5f});
  CHECK(found.offset == std::vector<float>{-128});

  const status few = aimet::try_learned_scales(learned_encoding::min_max, {0, 1}, {1}, true, grid, found);
  CHECK(few.code == errc::shape_mismatch);
  CHECK(std::string(few.argument) == "max");
  const status not_finite = aimet::try_learned_scales(learned_encoding::scale_offset, {nan}, {0}, false, grid, found);
  CHECK(not_finite.code == errc::value_out_of_range);
  CHECK(std::string(not_finite.argument) == "scale");
  const status offset = aimet::try_learned_scales(learned_encoding::scale_offset, {1}, {nan}, false, grid, found);
  CHECK(std::string(offset.argument) == "offset");
  grid.qmax = -1;
  CHECK(aimet::try_learned_scales(learned_encoding::min_max, {0}, {1}, false, grid, found).code ==
        errc::bits_out_of_range);
}

// Calls with one thing wrong each, by the names their faults have.
TEST_CASE("gradient presets: what is refused has written nothing") {
  const std::vector<float> x{1, 2, 3, 4};
  const std::vector<float> g{1, 1, 1, 1};
  std::vector<float> dx(4, 7);
  std::vector<float> one(1, 7);
  std::vector<float> other(1, 7);
  std::vector<float> two(2, 7);
  const auto refused = [&](const status& s, errc code, const std::string& argument) {
    CAPTURE(argument);
    CHECK(s.code == code);
    CHECK(std::string(s.ok() ? "" : s.argument) == argument);
    CHECK(dx == std::vector<float>(4, 7));
    CHECK(one[0] == 7);
    CHECK(other[0] == 7);
    CHECK(two == std::vector<float>(2, 7));
  };
  const float scale = 1;
  const float zero = 0;
  const tensor_view<const float> s(&scale, shape(1));
  const tensor_view<const float> o(&zero, shape(1));
  const tensor_view<const float> bad(&nan, shape(1));
  aimet::affine_settings settings;
  const auto aimet_backward = [&](auto scales, auto offsets, aimet::affine_settings used,
                                  aimet::gradient_spiking spiking, auto& first, auto& second) {
    return aimet::try_quantize_dequantize_backward(x, g, scales, offsets, used, spiking, dx, first, second);
  };
  refused(aimet_backward(s, o, settings, {2, 1}, one, other), errc::value_out_of_range, "eps");
  refused(aimet_backward(o, o, settings, {}, one, other), errc::scale_not_positive, "scale");
  refused(aimet_backward(s, bad, settings, {}, one, other), errc::value_out_of_range, "offset");
  refused(aimet_backward(s, o, settings, {}, two, other), errc::shape_mismatch, "dscale");
  refused(aimet_backward(s, o, settings, {}, one, two), errc::shape_mismatch, "doffset");
  refused(aimet_backward(s, o, settings, {}, one, one), errc::overlap, "doffset");
  settings.qmin = 128;
  refused(aimet_backward(s, o, settings, {}, one, other), errc::bits_out_of_range, "qmin");
  settings = {};
  settings.zero_point_shift = 0.5;
  refused(aimet::try_quantize_backward(x, g, s, o, settings, dx, one, other), errc::unsupported, "zero_point_shift");
  aimet::learned_scales none;
  refused(aimet::try_learned_backward(aimet::learned_encoding::min_max, x, g, none, false, shape(1), {}, {}, dx, one,
                                      other),
          errc::parameter_count, "min");

  refused(torch::try_fake_quantize_learnable_per_tensor(x, 1, nan, {0, 7}, dx), errc::value_out_of_range, "zero_point");
  refused(torch::try_fake_quantize_learnable_per_tensor(x, 1, 0, {8, 7}, dx), errc::bits_out_of_range, "quant_min");
  refused(torch::try_fake_quantize_learnable_per_tensor(x, 1, 0, {-1, 65535}, dx), errc::bits_out_of_range,
          "quant_max");
  refused(torch::try_fake_quantize_learnable_per_tensor(x, 1, 0, {-40000, 7}, dx), errc::bits_out_of_range,
          "quant_min");
  const auto torch_backward = [&](float with_scale, float with_zero_point, auto& first, auto& second) {
    return torch::try_fake_quantize_learnable_per_tensor_backward(x, g, with_scale, with_zero_point, {0, 7}, 1.0, dx,
                                                                  first, second);
  };
  refused(torch_backward(0, 0, one, other), errc::scale_not_positive, "scale");
  refused(torch_backward(1, nan, one, other), errc::value_out_of_range, "zero_point");
  refused(torch_backward(1, 0, two, other), errc::shape_mismatch, "dscale");
  refused(torch_backward(1, 0, one, two), errc::shape_mismatch, "dzero_point");
  refused(torch_backward(1, 0, one, one), errc::overlap, "dzero_point");
  refused(torch::try_fake_quantize_learnable_per_channel(x, two, one, 0, {0, 7}, dx), errc::shape_mismatch,
          "zero_point");
  refused(torch::try_fake_quantize_learnable_per_channel_backward(x, g, s, bad, 0, {0, 7}, 1.0, dx, one, other),
          errc::value_out_of_range, "zero_point");

  const std::vector<float> three{1, 1, 1};
  refused(pytorch_quantization::try_tensor_quant_backward(x, g, three, dx), errc::shape_mismatch, "amax");
  refused(modelopt::try_fake_tensor_quant_backward(x, three, g, dx), errc::shape_mismatch, "amax");
  refused(pytorch_quantization::try_fake_affine_tensor_quant_backward(x, three, 0, 1, dx), errc::shape_mismatch, "g");
  refused(pytorch_quantization::try_clip_backward(x, g, x, s, dx, one, other), errc::shape_mismatch, "min");
  refused(pytorch_quantization::try_clip_backward(x, g, s, x, dx, one, other), errc::shape_mismatch, "max");
  refused(pytorch_quantization::try_clip_module(x, 0, 1, false, true, dx), errc::unsupported, "learn_min");
  refused(pytorch_quantization::try_clip_module(x, 0, 1, true, false, dx), errc::unsupported, "learn_max");
  // An amax that is no number lets nothing through.
  REQUIRE(modelopt::try_fake_tensor_quant_backward(x, bad, g, dx).ok());
  CHECK(dx == std::vector<float>(4, 0));
}

}  // namespace
