// torch's observers: what they refuse, edges the recorded vectors (tests/conformance) do not reach, and what a search
// of a histogram is worth. Expected numbers were printed by torch 2.15.0 (CPU) unless computed here.
#include <xquant/presets/torch_histogram.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace {

namespace torch = xquant::presets::torch;
using xquant::errc;
using xquant::shape;
using xquant::tensor_view;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

tensor_view<const float> view(const std::vector<float>& x) { return {x.data(), shape(x.size())}; }

torch::observed_parameters parameters(const std::vector<float>& low, const std::vector<float>& high,
                                      const torch::observer_codes& codes) {
  torch::observed_parameters p;
  REQUIRE(torch::try_calculate_qparams(low, high, codes, p).ok());
  return p;
}

}  // namespace

TEST_CASE("torch's parameters: custom codes, infinite ends, NaN, nothing observed") {
  using torch::qscheme;
  using torch::quantized_dtype;
  const torch::observer_codes odd{quantized_dtype::quint8, qscheme::symmetric, 0, 14, true};
  CHECK(parameters({-2}, {1}, odd) == torch::observed_parameters{{2.0f / 7.0f}, {7}, {}});
  const torch::observer_codes below{quantized_dtype::quint8, qscheme::symmetric, -8, 7, true};
  CHECK(parameters({-2}, {1}, below).zero_point[0] == -1);  // floor(-0.5)
  const auto affine = torch::codes_of(quantized_dtype::qint8, qscheme::affine);
  CHECK(parameters({-infinity}, {3}, affine).scale[0] == infinity);
  // -Inf / Inf is NaN, which becomes -2^31: -128 + 2^31 wraps to a large number and is held at the top.
  CHECK(parameters({-infinity}, {3}, affine).zero_point[0] == 127);
  CHECK(std::isnan(parameters({not_a_number}, {not_a_number}, affine).scale[0]));
  CHECK(parameters({}, {}, affine) == torch::observed_parameters{{1.0f}, {0}, {}});
  CHECK(parameters({1, -3}, {1, 1}, torch::codes_of(quantized_dtype::quint8, qscheme::affine_float_qparams)) ==
        torch::observed_parameters{{1.0f, 4.0f / 255.0f}, {}, {-1.0f, 3.0f / (4.0f / 255.0f)}});
}

TEST_CASE("torch's parameters refuse codes and ranges that are none") {
  const auto code_of = [](const torch::observer_codes& codes) {
    torch::observed_parameters p;
    return torch::try_calculate_qparams({-1}, {1}, codes, p).code;
  };
  using torch::qscheme;
  using torch::quantized_dtype;
  CHECK(code_of({quantized_dtype::quint8, qscheme::affine, 1, 255, true}) == errc::bits_out_of_range);
  CHECK(code_of({quantized_dtype::qint8, qscheme::affine, -4, -1, true}) == errc::bits_out_of_range);
  CHECK(code_of({quantized_dtype::qint8, qscheme::affine, 0, 0, true}) == errc::bits_out_of_range);
  CHECK(code_of({quantized_dtype::qint8, qscheme::affine, -128, 128, true}) == errc::bits_out_of_range);
  torch::observed_parameters p;
  const auto codes = torch::codes_of(quantized_dtype::qint8, qscheme::affine);
  CHECK(torch::try_calculate_qparams({1}, {-1}, codes, p).code == errc::range_inverted);
  CHECK(torch::try_calculate_qparams({1, 1}, {2}, codes, p).code == errc::shape_mismatch);
  CHECK(p == torch::observed_parameters{});
}

TEST_CASE("torch's observers of extremes: NaN and infinities come as they are; refusals change nothing") {
  torch::min_max_observer<> seen;
  CHECK(seen.minimum().empty());
  CHECK(seen.try_observe(view({})).ok());
  CHECK(seen.minimum().empty());
  seen.observe(view({1, -2}));
  seen.observe(view({not_a_number, 3}));
  CHECK(std::isnan(seen.minimum()[0]));
  seen.observe(view({-5}));
  CHECK(std::isnan(seen.maximum()[0]));

  const std::vector<float> x{1, 2, 3, 4, 5, 6};
  torch::min_max_observer<xquant::per_axis<>> rows(xquant::per_axis<>{1});
  rows.observe(tensor_view(x, shape{2, 3}));
  CHECK(rows.minimum() == std::vector<float>{1, 2, 3});
  const auto before = rows;
  CHECK(rows.try_observe(tensor_view(x, shape{3, 2})).code == errc::shape_mismatch);
  CHECK(rows.try_observe(view(x)).code == errc::axis_out_of_range);
  CHECK(rows == before);

  torch::moving_average_min_max_observer<> bad(torch::moving_extremes{1.5});
  CHECK(bad.try_observe(view(x)).code == errc::value_out_of_range);
  torch::moving_average_min_max_observer<> moving(torch::moving_extremes{0.5});
  moving.observe(view({-1, 1}));
  moving.observe(view({-3, 2}));
  CHECK(moving.minimum()[0] == -2);
  torch::moving_average_min_max_observer<> reversed(torch::moving_extremes{0.25});
  reversed.observe(view({-3, 2}));
  reversed.observe(view({-1, 1}));
  CHECK(reversed.minimum()[0] == -2.5f);  // the order shows
}

TEST_CASE("torch's dynamic parameters and fused observer: refusals") {
  torch::tensor_qparams p{};
  const auto code_of = [&](const std::vector<float>& x) {
    return torch::try_choose_qparams_per_tensor(view(x), torch::quantized_dtype::quint8, false, p).code;
  };
  CHECK(code_of({}) == errc::no_samples);
  CHECK(code_of({1, not_a_number}) == errc::range_not_finite);
  CHECK(code_of({-infinity}) == errc::range_not_finite);
  CHECK(code_of({0, 255}) == errc::ok);
  CHECK(p.scale == 1);

  std::vector<float> y(2);
  const tensor_view<float> out(y.data(), shape(2));
  torch::fused_observer<> fused(torch::fused_settings{0.5, 0, 255, false});
  CHECK(fused.try_apply(view({0, not_a_number}), out).code == errc::range_not_finite);
  CHECK(fused.try_apply(view({}), out).code == errc::no_samples);
  CHECK(fused.try_apply(view({0, 1, 2}), out).code == errc::shape_mismatch);
  CHECK(fused.minimum().empty());
  CHECK(torch::fused_observer<>(torch::fused_settings{2, 0, 255, false}).try_apply(view({0, 1}), out).code ==
        errc::value_out_of_range);
  CHECK(torch::fused_observer<>(torch::fused_settings{0.5, 1, 255, false}).try_apply(view({0, 1}), out).code ==
        errc::bits_out_of_range);
  const std::vector<float> x{0, 255};
  CHECK(fused.try_apply(view(x), out).ok());
  CHECK(y == x);
  torch::fused_observer<xquant::per_axis<>> channels(torch::fused_settings{}, xquant::per_axis<>{0});
  CHECK(channels.try_apply(view(x), out).ok());
  CHECK(channels.try_apply(view({1}), tensor_view<float>(y.data(), shape(1))).code == errc::shape_mismatch);
}

TEST_CASE("torch's histogram: infinities are left out, NaN and no bins refused") {
  torch::histogram_observer seen(8);
  xquant::range<float> r;
  CHECK(seen.try_search(r).code == errc::no_samples);
  torch::observed_parameters p;
  const auto codes = torch::codes_of(torch::quantized_dtype::quint8, torch::qscheme::affine);
  CHECK(seen.try_calculate_qparams(codes, p).ok());
  CHECK(p == torch::observed_parameters{{1.0f}, {0}, {}});
  CHECK(seen.try_observe(view({infinity, -infinity})).ok());
  CHECK(seen.empty());
  CHECK(seen.try_observe(view({0, not_a_number})).code == errc::not_finite);
  seen.observe(view({0, 1, 7, 8, infinity}));
  CHECK(seen.counts() == std::vector<float>{1, 1, 0, 0, 0, 0, 0, 2});
  CHECK(seen.minimum() == 0);
  CHECK(seen.maximum() == 8);
  // Twice as wide: pairs of old bins are one.
  seen.observe(view({16}));
  CHECK(seen.counts() == std::vector<float>{2, 0, 0, 2, 0, 0, 0, 1});
  CHECK(torch::histogram_observer(8).try_observe(view({-3e38f, 3e38f})).code == errc::range_not_finite);
  CHECK(torch::histogram_observer(0).try_observe(view({1})).code == errc::value_out_of_range);
  // A single value: its bin is the middle one, and moves as a whole.
  torch::histogram_observer constant(4);
  constant.observe(view({2, 2, 2}));
  CHECK(constant.counts() == std::vector<float>{0, 0, 3, 0});
  constant.observe(view({4, 0}));
  CHECK(constant.counts() == std::vector<float>{1, 0, 3, 1});
}
