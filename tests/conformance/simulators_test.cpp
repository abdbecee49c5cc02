// The presets of AIMET, ModelOpt and microxcaling where no vectors are recorded: golden values of AIMET 1.35's C++
// core, the float logarithm against double, choices of path, slots of zeros, and what is refused.
#include <xquant/presets/aimet.hpp>
#include <xquant/presets/microxcaling.hpp>
#include <xquant/presets/modelopt.hpp>

#include <xquant/adapt/span.hpp>
#include <xquant/granularity/per_axis.hpp>
#include <xquant/granularity/per_block.hpp>
#include <xquant/granularity/per_tensor.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace {

using namespace xquant;
namespace core = presets::aimet_core;
namespace affine_torch = presets::aimet_torch;
namespace floats = presets::aimet_float;
namespace modelopt = presets::modelopt;
namespace mx = presets::microxcaling;

constexpr float infinity = std::numeric_limits<float>::infinity();
const float not_a_number = std::nanf("");

bool near(double a, double b) { return std::fabs(a - b) <= 1e-8 * std::fabs(b); }
bool is(const core::encoding& e, double minimum, double maximum, double delta, double offset) {
  return near(e.minimum, minimum) && near(e.maximum, maximum) && near(e.delta, delta) && e.offset == offset;
}

core::encoding old_encoding(double minimum, double maximum, const core::encoding_settings& s) {
  core::encoding e;
  CHECK(core::try_encoding_of_range_1_35(minimum, maximum, s, e).ok());
  return e;
}

std::vector<float> old_values(const std::vector<float>& x, double minimum, double maximum) {
  std::vector<float> y(x.size());
  CHECK(core::try_quantize_dequantize_1_35(x, {minimum, maximum, 0, 0}, 8, y).ok());
  return y;
}

void check_near(const std::vector<float>& got, const std::vector<double>& expected) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    CHECK(std::fabs(static_cast<double>(got[i]) - expected[i]) <= 5e-7 * std::fabs(expected[i]));
}

}  // namespace

// Printed by AIMET 1.35.0's core for data from -6 to 13.7186871, to nine digits.
TEST_CASE("presets::aimet_core: encodings of 1.35") {
  const double top = static_cast<double>(13.7186871f);
  CHECK(is(old_encoding(-6, top, {8}), -6.03159839, 13.6870887, 0.0773281845, -78));
  CHECK(is(old_encoding(-6, top, {8, true}), -13.8267082, 13.7186871, 0.108021158, -128));
  CHECK(is(old_encoding(-6, top, {8, true, true}), -13.7186871, 13.7186871, 0.108021158, -127));
  CHECK(is(old_encoding(-6, top, {4}), -6.57289569, 13.1457914, 1.31457914, -5));
  CHECK(is(old_encoding(-6, top, {4, true}), -15.6784995, 13.7186871, 1.95981244, -8));
  CHECK(is(old_encoding(-6, top, {4, true, true}), -13.7186871, 13.7186871, 1.95981244, -7));
  CHECK(is(old_encoding(0, top, {8, true, false, true}), 0, 13.7186871, 0.0537987728, 0));
  CHECK(is(old_encoding(-5, 0, {8}), -5, 0, 5.0 / 255, -255));
  CHECK(old_encoding(-std::numeric_limits<double>::infinity(), 0, {8}).minimum == -0x1.FFFFFEp127);
  core::encoding e;
  CHECK(core::try_encoding_of_range_1_35(0, 0, {}, e).code == errc::value_out_of_range);
  CHECK(core::try_encoding_of_range_1_35(1, 2, {}, e).code == errc::range_not_finite);
  CHECK(core::try_encoding_of_range_1_35(-1, std::nan(""), {}, e).code == errc::range_not_finite);
  CHECK(core::try_encoding_of_range_1_35(-1, 1, {2, true, false, false, 0.5}, e).code == errc::unsupported);
}

// What that version's own tests expect, within their tolerance.
TEST_CASE("presets::aimet_core: quantize-dequantize of 1.35") {
  const std::vector<float> x{-0.5f, -0.25f, 0.0f, 0.25f, 0.5f, 0.75f};
  check_near(old_values(x, -0.46, 0.72), {-0.45811754, -0.2498823, 0, 0.2498823, 0.49976459, 0.72188222});
  check_near(old_values(x, 0.5, 1), {0, 0, 0, 0.25098041, 0.49803925, 0.74901962});
  check_near(old_values(x, -0.5, -0.1), {-0.5, -0.24901962, 0, 0, 0, 0});
  CHECK(old_values({not_a_number}, -1, 2)[0] == old_values({infinity}, -1, 2)[0]);
  CHECK(core::regridded_1_35({-1, 1, 0, 0}, 8).delta == 2.0 / 254);  // mirrored ends are taken for a strict grid
}

TEST_CASE("presets::aimet_core: encodings of 2.42 at the ends of the rule") {
  const double least = std::ldexp(1.0, -23);
  CHECK(core::encoding_of_range(0, 0, {8}) == core::encoding{0, least * 255, least, 0});
  CHECK(core::encoding_of_range(0, 0, {8, true}) == core::encoding{-128 * least, 127 * least, least, -128});
  CHECK(core::encoding_of_range(-1, 1, {2, true}) == core::encoding{-1, 0.5, 0.5, -2});
  CHECK(core::encoding_of_range(-1.5, 1.5, {2, true, false, false, 0.5}) == core::encoding{-1.5, 1.5, 1, -1.5});
  core::encoding e;
  CHECK(core::try_encoding_of_range(1, -1, {}, e).code == errc::range_inverted);
  CHECK(core::try_encoding_of_range(std::nan(""), 1, {}, e).code == errc::range_not_finite);
  CHECK(core::try_encoding_of_range(0, HUGE_VAL, {}, e).code == errc::range_not_finite);
  CHECK(core::try_encoding_of_range(0, 1, {1}, e).code == errc::bits_out_of_range);
  CHECK(core::try_encoding_of_range(0, 1, {33}, e).code == errc::bits_out_of_range);
  CHECK(core::try_encoding_of_range(-1, 1, {4, true, false, false, 0.5}, e).code == errc::unsupported);
}

TEST_CASE("presets::aimet_core: what is refused, before anything is written") {
  const std::vector<float> x{1, 2, 3, 4, 5, 6};
  std::vector<float> y(6, 9.0f);
  const tensor_view<const float> matrix(x.data(), shape{2, 3});
  const tensor_view<float> out(y.data(), shape{2, 3});
  const std::vector<core::encoding> one(1, {-1, 1, 0.1, -10});
  CHECK(core::try_quantize_dequantize(matrix, one, shape{2, 1}, out).code == errc::parameter_count);
  CHECK(core::try_quantize_dequantize(matrix, one, shape{2, 2}, out).code == errc::shape_mismatch);
  CHECK(core::try_quantize_dequantize(matrix, one, shape{1, 2, 3}, out).code == errc::shape_mismatch);
  CHECK(core::try_quantize_dequantize(matrix, one, shape{}, y).code == errc::shape_mismatch);
  CHECK(core::try_quantize_dequantize_1_35(x, one[0], 40, y).code == errc::bits_out_of_range);
  CHECK_THROWS_AS(core::quantize_dequantize(matrix, one, shape{2, 1}, out), xquant::error);
  std::vector<core::encoding> found;
  CHECK(core::try_min_max_encodings(std::vector<float>{1, -infinity}, shape{}, {}, found).code == errc::not_finite);
  CHECK(core::try_min_max_encodings(std::vector<float>{}, shape{}, {}, found).code == errc::no_samples);
  CHECK(found.empty());
  CHECK(y == std::vector<float>(6, 9.0f));
  CHECK(core::min_max_encodings(std::vector<float>{not_a_number, 2}, shape{}, {})[0].maximum == 2);
}

TEST_CASE("presets::aimet_torch: which path a call takes, and what is refused") {
  const std::vector<float> x{0.05f, -0.35f, not_a_number, 1, 2, 3};
  const tensor_view<const float> matrix(x.data(), shape{2, 3});
  std::vector<float> y(6, 9.0f);
  const tensor_view<float> out(y.data(), shape{2, 3});
  const std::vector<float> scales(6, 0.1f);
  const std::vector<float> zeros(6, 0.0f);
  const std::vector<float> offsets(6, 200.0f);
  const auto view = [](const std::vector<float>& v, const shape& s) { return tensor_view<const float>(v.data(), s); };
  const auto fast = [&](const std::vector<float>& offset, const shape& s,
                        const affine_torch::affine_settings& settings) {
    return affine_torch::try_quantize_dequantize(matrix, view(scales, s), view(offset, s), settings, out);
  };
  // NaN tells: qmin on the fast path, NaN on the exact one.
  CHECK(fast(zeros, shape{}, {}).ok());
  CHECK(y[2] == -128 * 0.1f);
  CHECK(fast(zeros, shape{1, 3}, {}).ok());
  CHECK(y[2] == -128 * 0.1f);
  CHECK(fast(zeros, shape{2, 3}, {}).ok());
  CHECK(std::isnan(y[2]));
  CHECK(fast(zeros, shape{1, 3}, {-128, 127, true}).ok());
  CHECK(std::isnan(y[2]));
  CHECK(fast(zeros, shape{}, {-2, 1, false, 0.5}).ok());
  CHECK(std::isnan(y[2]));
  CHECK(fast(offsets, shape{1, 3}, {}).ok());  // torch refuses such zero points along an axis, the peer goes on
  CHECK(std::isnan(y[2]));

  y.assign(6, 9.0f);
  CHECK(fast(offsets, shape{}, {}).code == errc::zero_point_range);
  CHECK(fast(std::vector<float>(6, 0.5f), shape{}, {}).code == errc::value_out_of_range);
  CHECK(fast(zeros, shape{}, {-1, 70000}).code == errc::unsupported);
  CHECK(fast(zeros, shape{}, {1, 0}).code == errc::bits_out_of_range);
  CHECK(fast(zeros, shape{}, {-2, 1, false, 0.25}).code == errc::unsupported);
  CHECK(fast(zeros, shape{4}, {}).code == errc::shape_mismatch);
  const auto exact = [&](const std::vector<float>& scale, const std::vector<float>& offset, std::int32_t qmax) {
    return affine_torch::try_quantize_dequantize_exact(matrix, view(scale, shape{}), view(offset, shape{}), {0, qmax},
                                                       out);
  };
  CHECK(exact({0.0f}, zeros, 255).code == errc::scale_not_positive);
  CHECK(exact({infinity}, zeros, 255).code == errc::scale_not_finite);
  CHECK(exact(scales, {not_a_number}, 255).code == errc::value_out_of_range);
  CHECK(exact(scales, zeros, 1 << 24).code == errc::unsupported);  // 2^24 steps: the peer goes on in double
  const auto quantize = [&](const affine_torch::affine_settings& settings) {
    return affine_torch::try_quantize(matrix, view(scales, shape{}), view(zeros, shape{}), settings, out);
  };
  CHECK(quantize({0, (1 << 24) + 1}).code == errc::bits_out_of_range);
  CHECK(quantize({-2, 1, false, 0.5}).code == errc::unsupported);
  CHECK(affine_torch::try_quantize(matrix, view(scales, shape{}), view(zeros, shape{1}), {}, out).code ==
        errc::shape_mismatch);
  CHECK(y == std::vector<float>(6, 9.0f));
  CHECK_THROWS_AS(affine_torch::quantize(matrix, view(scales, shape{4}), view(zeros, shape{4}), {}, out),
                  xquant::error);
  CHECK(affine_torch::detail::internal_type_of<float16>({0, 255}) == affine_torch::internal_type::own);
  CHECK(affine_torch::detail::internal_type_of<float16>({0, 511}) == affine_torch::internal_type::real32);
  CHECK(affine_torch::detail::internal_type_of<bfloat16>({-8, 7}) == affine_torch::internal_type::own);
  CHECK(affine_torch::detail::internal_type_of<bfloat16>({0, 255}) == affine_torch::internal_type::real32);
}

TEST_CASE("presets::aimet_float: types, scales, and what is refused") {
  double largest = 0;
  CHECK(floats::try_largest({3, 2, true, false}, largest).code == errc::unsupported);
  CHECK(floats::try_largest({4, 3, false, true}, largest).code == errc::unsupported);
  CHECK(floats::try_largest({9, 3}, largest).code == errc::bits_out_of_range);
  CHECK(floats::try_largest({4, 11}, largest).code == errc::bits_out_of_range);
  CHECK(floats::try_largest({8, 3}, largest).code == errc::unsupported);
  CHECK(floats::try_largest({2, 3}, largest).ok());
  CHECK(largest == 3.75);
  // The last binade of IEEE's layout is in use: half its smallest step (e4m3's is 2^-9).
  std::vector<float> y(3);
  const std::vector<float> x{0.001f, 300, -infinity};
  floats::quantize_dequantize(x, {1}, shape{}, {4, 3}, y);
  CHECK(y == std::vector<float>{0x1p-10f, 240, -240});
  CHECK(floats::try_quantize_dequantize(x, {0}, shape{}, {4, 3}, y).code == errc::scale_not_positive);
  CHECK(floats::try_quantize_dequantize(x, {1, 1}, shape{}, {4, 3}, y).code == errc::parameter_count);
  CHECK(floats::scale_of(448, 448) == 1);
  CHECK(floats::scale_of(-6 * 1.4f, 6, true) == 1);
  CHECK(floats::scale_of(6 * 1.5f, 6, true) == 2);
  std::vector<float> maxval;
  CHECK(floats::try_min_max_maxval(x, shape{}, {4, 3}, maxval).code == errc::not_finite);
  CHECK(floats::min_max_maxval(std::vector<float>{0, 0}, shape{}, {4, 3})[0] == 255 * 0x1p-23f);
  core::encoding e;
  CHECK(floats::try_core_encoding(1, {2, 1, true, false}, e).code == errc::bits_out_of_range);
  CHECK(floats::try_core_encoding(0, {4, 3}, e).code == errc::range_not_finite);
}

TEST_CASE("presets::modelopt: a slot of zeros, NaN, short blocks, and what is refused") {
  const std::vector<float> x{0, -0.0f, 3, not_a_number, 1, -2};
  const tensor_view<const float> matrix(x.data(), shape{3, 2});
  std::vector<std::uint8_t> fp8(6);
  std::vector<std::int8_t> int8_codes(6);
  const per_axis<> rows{0};
  std::vector<float> scales =
      modelopt::quantize<modelopt::fp8_codes>(matrix, rows, tensor_view<std::uint8_t>(fp8.data(), shape{3, 2}));
  CHECK(scales[0] == 0);
  CHECK(std::isnan(scales[1]));
  CHECK(fp8 == std::vector<std::uint8_t>{0xFF, 0xFF, 0xFF, 0x7F, 0x76, 0xFE});
  scales =
      modelopt::quantize<modelopt::int8_codes>(matrix, rows, tensor_view<std::int8_t>(int8_codes.data(), shape{3, 2}));
  CHECK(int8_codes == std::vector<std::int8_t>{0, 0, 0, 0, 64, -127});
  const std::vector<float> row{1, -2, 4};
  std::vector<std::int8_t> codes(3);
  CHECK(modelopt::quantize<modelopt::int8_codes>(row, per_block<2>{}, codes) ==
        std::vector<float>{2.0f / 127, 4.0f / 127});
  std::vector<float> y(3);
  CHECK(modelopt::try_dequantize<modelopt::int8_codes>(codes, per_tensor{}, {1, 2}, y).code == errc::parameter_count);
  CHECK(modelopt::try_quantize<modelopt::int8_codes>(row, per_axis<>{1}, codes, scales).code ==
        errc::axis_out_of_range);
  const std::vector<float> nothing;
  CHECK(modelopt::try_quantize<modelopt::int8_codes>(nothing, per_tensor{}, std::vector<std::int8_t>{}, scales).code ==
        errc::no_samples);
  CHECK(modelopt::try_fp8_eager(row, std::vector<float>{1, 2}, y).code == errc::shape_mismatch);
  CHECK(modelopt::try_fp8_eager(row, std::vector<float>{-1}, y).ok());  // counts as 1
  CHECK(y == std::vector<float>{1, -1, 1});
}

TEST_CASE("presets::microxcaling: the float logarithm against a rounded double one") {
  for (int n = -125; n <= 128; ++n)
    for (std::int32_t ulps = -3; ulps <= 129; ++ulps) {
      if (n == 128 && ulps <= 0) continue;
      const float x = bit_cast<float>(((n + 127) << 23) - ulps);
      CHECK(mx::floor_of_float_log2(x) == std::floor(static_cast<float>(std::log2(static_cast<double>(x)))));
    }
}

TEST_CASE("presets::microxcaling: the peer's defects, and what is refused") {
  const std::vector<float> x{0x1.FFFFFEp127f, 0x1.FFFFFEp-2f, -0.0f, -0x1p-20f, infinity, not_a_number, 3.5f};
  std::vector<float> y(x.size(), 9.0f);
  mx::quantize_elemwise(x, mx::bfloat16, {mx::rounding_mode::even, true}, y);
  CHECK(std::isnan(y[0]));
  mx::quantize_elemwise(x, mx::int2, {mx::rounding_mode::nearest}, y);
  CHECK(y[0] == 1);
  CHECK(y[1] == 1);  // 0.49999997 + 0.5 is 1
  CHECK_FALSE(std::signbit(y[2]));
  CHECK(std::signbit(y[3]));
  CHECK(y[4] == infinity);
  CHECK(std::isnan(y[5]));
  mx::quantize_elemwise(x, mx::fp8_e4m3, {mx::rounding_mode::floor, false, false}, y);
  CHECK(std::isnan(y[0]));
  CHECK(y[4] == infinity);
  y.assign(x.size(), 9.0f);
  CHECK(mx::try_quantize_elemwise(x, {1, 4, 1}, {}, y).code == errc::bits_out_of_range);
  CHECK(mx::try_quantize_elemwise(x, {4, 9, 1}, {}, y).code == errc::bits_out_of_range);
  CHECK(mx::try_quantize_elemwise(x, {4, 1, 1}, {}, y).code == errc::bits_out_of_range);
  CHECK(mx::try_quantize_elemwise(x, {4, 4, 0}, {}, y).code == errc::value_out_of_range);
  CHECK(mx::try_quantize_bfloat(x, 9, mx::rounding_mode::even, true, y).code == errc::bits_out_of_range);
  CHECK(mx::try_quantize_fp(x, 4, 3, mx::rounding_mode::even, true, y).code == errc::bits_out_of_range);
  CHECK(mx::try_quantize_fp(x, 5, 0, mx::rounding_mode::even, true, y).code == errc::bits_out_of_range);
  std::vector<float> shorter(2);
  CHECK(mx::try_quantize_elemwise(x, mx::int8, {}, shorter).code == errc::shape_mismatch);
  CHECK(y == std::vector<float>(x.size(), 9.0f));
  CHECK_THROWS_AS(mx::quantize_bfloat(x, 40, mx::rounding_mode::even, true, y), xquant::error);
}
