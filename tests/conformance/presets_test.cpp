// The presets' own policies against plain arithmetic, on both engines; and what they refuse.
#include <xquant/presets/ml_dtypes.hpp>
#include <xquant/presets/onnx.hpp>
#include <xquant/presets/onnxruntime.hpp>
#include <xquant/presets/onnxruntime_tools.hpp>
#include <xquant/presets/pytorch_quantization.hpp>
#include <xquant/presets/pytorch_quantization_cuda.hpp>
#include <xquant/presets/pytorch_quantization_functions.hpp>

#include "engines.hpp"

#include <xquant/adapt/span.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace {

using namespace xquant;
namespace onnx = presets::onnx;
namespace onnxruntime = presets::onnxruntime;
namespace peer = presets::pytorch_quantization;
using conformance::on_each_engine;

constexpr float infinity = std::numeric_limits<float>::infinity();
const float not_a_number = std::nanf("");

// Numbers of every size, both signs, and the usual suspects.
std::vector<float> samples() {
  std::vector<float> x{0.0f,    -0.0f,      infinity, -infinity, not_a_number, -not_a_number, 464.0f,
                       -464.0f, 464.00003f, 480.0f,   479.9f,    -480.0f,      495.9f,        496.0f,
                       -496.0f, 512.0f,     0x1p31f,  -0x1p31f,  0x1p30f,      -0x1p30f,      0.5f,
                       1.5f,    2.5f,       -0.5f,    -127.5f,   127.5f,       1e-45f,        3.4028235e38f};
  std::mt19937 bits(11);
  for (int i = 0; i < 3000; ++i) {
    const auto b = static_cast<std::uint32_t>(bits());
    float v = 0;
    std::memcpy(&v, &b, sizeof v);
    x.push_back(v);
    x.push_back(static_cast<float>(static_cast<std::int32_t>(b)) * 0x1p-21f);
  }
  return x;
}

bool same(float a, float b) { return (std::isnan(a) && std::isnan(b)) || std::memcmp(&a, &b, sizeof a) == 0; }

template <class Format>
std::vector<int> codes_of(const std::vector<float>& x, float scale, std::int32_t zero_point = 0) {
  std::vector<int> first;
  on_each_engine<float>([&](const auto& engine, const char*) {
    std::vector<typename Format::code_type> codes(x.size());
    const scale_and_zero_point<float> p{scale, zero_point};
    const onnx::quantize_linear<Format> q;
    quantize(q, p, x, codes, engine);
    const std::vector<int> widened(codes.begin(), codes.end());
    if (first.empty()) first = widened;
    CHECK(first == widened);
    // fake_quantize is dequantize(quantize(x)), for formats of presets too.
    std::vector<float> direct(x.size());
    std::vector<float> detour(x.size());
    fake_quantize(q, p, x, direct, engine);
    dequantize(q, p, codes, detour, engine);
    bool equal = true;
    for (std::size_t i = 0; i < x.size(); ++i) equal = equal && same(direct[i], detour[i]);
    CHECK(equal);
  });
  return first;
}

// tensor_quant in plain float, as the peer's source reads.
struct plain {
  float lower;
  float upper;
  float used;
  float returned;
  plain(int bits, bool is_unsigned, bool narrow, float amax) {
    upper = std::ldexp(1.0f, bits - 1 + (is_unsigned ? 1 : 0)) - 1;
    lower = is_unsigned ? 0 : narrow ? -upper : -upper - 1;
    used = amax <= std::ldexp(1.0f, -24) ? 0 : upper / amax;
    returned = amax <= std::ldexp(1.0f, -24) ? 1 : used;
  }
  [[nodiscard]] float code(float x) const {
    const volatile float product = x * used;
    const float r = std::nearbyint(product);
    return r < lower ? lower : r > upper ? upper : r;
  }
};

}  // namespace

TEST_CASE("presets::onnx: float8e4m3fn without saturation, and the runtime's cut") {
  const std::vector<float> x = samples();
  const std::vector<int> saturated = codes_of<e4m3fn>(x, 1);
  const std::vector<int> text = codes_of<onnx::e4m3fn_or_nan>(x, 1);
  const std::vector<int> runtime = codes_of<onnxruntime::e4m3fn_or_nan>(x, 1);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float m = std::fabs(x[i]);
    const int sign = std::signbit(x[i]) ? 0x80 : 0;
    const bool over = !(m <= 464);
    CHECK(text[i] == (over ? sign + 0x7F : saturated[i]));
    CHECK(runtime[i] == (over && !(m >= 480 && m < 496) ? sign + 0x7F : saturated[i]));
  }
  // The quotient decides, not x: 464.00003 rounds from a product that is not exact.
  CHECK(codes_of<onnx::e4m3fn_or_nan>({464.0f * 3, 465.0f * 3}, 3) == std::vector<int>{0x7E, 0x7F});
}

TEST_CASE("presets::onnx: the reference's integers, by int64 arithmetic") {
  const std::vector<float> x = samples();
  for (const std::int32_t zero_point : {-128, -71, 0, 1, 127}) {
    const std::vector<int> codes = codes_of<onnx::reference_integer<int8>>(x, 0.75f, zero_point);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const float r = std::nearbyint(x[i] / 0.75f);
      const bool fits = r >= -0x1p31f && r < 0x1p31f;
      const std::int64_t sum = (fits ? static_cast<std::int64_t>(r) : INT32_MIN) + std::int64_t(zero_point);
      const std::int64_t wrapped = static_cast<std::int32_t>(static_cast<std::uint32_t>(sum));
      CHECK(codes[i] == (wrapped < -128 ? -128 : wrapped > 127 ? 127 : wrapped));
    }
  }
  CHECK(codes_of<onnx::reference_integer<uint8>>({3e9f, not_a_number, -3e9f, 300.0f}, 1, 42) ==
        std::vector<int>{0, 0, 0, 255});
  CHECK(codes_of<uint8>({3e9f, not_a_number, -3e9f, 300.0f}, 1, 42) == std::vector<int>{255, 0, 0, 255});
}

TEST_CASE("presets::pytorch_quantization: against plain float arithmetic") {
  std::vector<float> x = samples();
  for (const int bits : {2, 3, 8, 11, 16})
    for (const bool is_unsigned : {false, true})
      for (const bool narrow : {false, true})
        for (const float amax : {1.0f, 0.3f, 127.0f, 1e-30f, 0x1p-24f, 0x1.000002p-24f, 3e38f}) {
          // The NaN among the samples hides the negative values from the check for unsigned codes.
          const plain expected(bits, is_unsigned, narrow, amax);
          on_each_engine<float>([&](const auto& engine, const char* name) {
            CAPTURE(name);
            std::vector<float> q(x.size());
            std::vector<float> y(x.size());
            const std::vector<float> limits{amax};
            const std::vector<float> scale = peer::tensor_quant(x, limits, {bits, is_unsigned, narrow}, q, engine);
            peer::fake_tensor_quant(x, limits, {bits, is_unsigned, narrow}, y, engine);
            CHECK(scale == std::vector<float>{expected.returned});
            bool equal = true;
            for (std::size_t i = 0; i < x.size(); ++i)
              equal = equal && same(q[i], expected.code(x[i])) && same(y[i], expected.code(x[i]) / expected.returned);
            CHECK(equal);
          });
        }
}

TEST_CASE("presets::pytorch_quantization: the CUDA kernels' fake quantization, by double arithmetic") {
  const std::vector<float> x = samples();
  for (const int bits : {1, 2, 8, 16})
    for (const bool narrow : {false, true})
      for (const float amax : {1.0f, 0.3f, 0.0f, 0x1.fffffep-25f, 0x1p-24f, 3e38f, infinity}) {
        const auto upper = static_cast<double>((1 << (bits - 1)) - 1);
        const auto scale = static_cast<float>(upper / static_cast<double>(amax));
        on_each_engine<float>([&](const auto& engine, const char* name) {
          CAPTURE(name);
          std::vector<float> y(x.size());
          peer::cuda_fake_tensor_quant(x, std::vector<float>{amax}, {bits, false, narrow}, y, engine);
          bool equal = true;
          for (std::size_t i = 0; i < x.size(); ++i) {
            const auto product = static_cast<float>(static_cast<double>(x[i]) * static_cast<double>(scale));
            double code = std::nearbyint(static_cast<double>(product));
            code = code > upper ? upper : code < -upper ? -upper : code;
            const auto expected = static_cast<float>(code / static_cast<double>(scale));
            equal = equal && same(y[i], amax < 0x1p-24f ? 0.0f : expected);
          }
          CHECK(equal);
        });
      }
  // 16-bit data are rounded once, at the end: the CPU path has an infinite scale here.
  const std::vector<float16> half{float16(0.001f), float16(-0.0005f)};
  std::vector<float16> y(2);
  peer::cuda_fake_tensor_quant(half, std::vector<float>{0.001f}, {}, y);
  CHECK(y[0].bits() == float16(0.001f).bits());
  // Along an axis.
  const std::vector<float> rows{1, -3, 1, -3};
  const std::vector<float> amax{1, 2};
  std::vector<float> out(4);
  const tensor_view<const float> limits(amax.data(), shape(2, 1));
  const tensor_view<const float> in(rows.data(), shape(2, 2));
  peer::cuda_fake_tensor_quant(in, limits, {2, false, false}, tensor_view<float>(out.data(), shape(2, 2)));
  CHECK(out == std::vector<float>{1, -1, 0, -2});

  std::vector<float> kept(4, 9.0f);
  const auto code = [&](const std::vector<float>& data, const std::vector<float>& a,
                        const peer::tensor_quant_settings& s) {
    return peer::try_cuda_fake_tensor_quant(data, a, s, kept).code;
  };
  CHECK(code(rows, {1}, {0, false, true}) == errc::bits_out_of_range);
  CHECK(code(rows, {1}, {25, false, true}) == errc::bits_out_of_range);
  CHECK(code(rows, {-1}, {}) == errc::value_out_of_range);
  CHECK(code(rows, {not_a_number}, {}) == errc::value_out_of_range);
  CHECK(code(rows, {1}, {8, true, true}) == errc::value_out_of_range);
  CHECK(code({1, not_a_number, 1, 1}, {1}, {8, true, true}) == errc::value_out_of_range);
  CHECK(code(rows, {1, 2}, {}) == errc::shape_mismatch);
  const tensor_view<float> there(kept.data(), shape(2, 2));
  CHECK(peer::try_cuda_fake_tensor_quant(in, in, {}, there).code == errc::unsupported);
  CHECK_THROWS_AS(peer::cuda_fake_tensor_quant(rows, std::vector<float>{-1}, {}, kept), xquant::error);
  CHECK(kept == std::vector<float>(4, 9.0f));
}

TEST_CASE("presets::pytorch_quantization: amax broadcasts over x, of any rank") {
  std::vector<float> x(2 * 3 * 70);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i) * 0.37f - 70.0f;
  const std::vector<float> amax{1, 2, 4, 8, 16, 32};
  const shape whole{2, 3, 70};
  const auto check = [&](const shape& amax_shape, auto slot_of) {
    on_each_engine<float>([&](const auto& engine, const char*) {
      std::vector<float> y(x.size());
      peer::fake_tensor_quant(tensor_view<const float>(x.data(), whole),
                              tensor_view<const float>(amax.data(), amax_shape), {},
                              tensor_view<float>(y.data(), whole), engine);
      bool equal = true;
      for (std::size_t i = 0; i < x.size(); ++i) {
        const plain expected(8, false, true, amax[slot_of(i / 210, i / 70 % 3)]);
        equal = equal && same(y[i], expected.code(x[i]) / expected.returned);
      }
      CHECK(equal);
    });
  };
  check(shape{}, [](std::size_t, std::size_t) { return std::size_t(0); });
  check(shape{1, 1, 1}, [](std::size_t, std::size_t) { return std::size_t(0); });
  check(shape{2, 1, 1}, [](std::size_t a, std::size_t) { return a; });
  check(shape{1, 3, 1}, [](std::size_t, std::size_t b) { return b; });
  check(shape{3, 1}, [](std::size_t, std::size_t b) { return b; });
  check(shape{2, 3, 1}, [](std::size_t a, std::size_t b) { return 3 * a + b; });
  // A scalar, and nothing at all.
  float one = 0.4f;
  const float limit = 1;
  peer::fake_tensor_quant(tensor_view<const float>(&one, shape{}), tensor_view<const float>(&limit, shape{}), {},
                          tensor_view<float>(&one, shape{}));
  CHECK(one == 51.0f / 127.0f);
  std::vector<float> nothing;
  CHECK(peer::tensor_quant(nothing, std::vector<float>{1}, {}, nothing) == std::vector<float>{127});
}

TEST_CASE("presets::pytorch_quantization: double data, scales in float") {
  const std::vector<double> x{0.1, -0.7, 3.0, -0.0};
  const std::vector<float> amax{1.25f};
  std::vector<double> y(4);
  peer::fake_tensor_quant(x, amax, {8, false, false}, y);
  const double scale = 127.0f / 1.25f;
  for (std::size_t i = 0; i < 4; ++i) CHECK(y[i] == std::min(std::nearbyint(x[i] * scale), 127.0) / scale);
  CHECK(std::signbit(y[3]));
}

TEST_CASE("presets::pytorch_quantization: NaN in amax, infinite amax") {
  const std::vector<float> x{1, -1, 0, infinity};
  std::vector<float> q(4);
  const float with_nan[4] = {not_a_number, 0, -2, 1};
  const auto scale = peer::tensor_quant(tensor_view<const float>(x.data(), shape{4}),
                                        tensor_view<const float>(with_nan, shape{4}), {}, q);
  CHECK(std::isnan(scale[0]));
  CHECK(scale[1] == infinity);
  CHECK(scale[2] == -63.5f);
  CHECK(std::isnan(q[0]));
  CHECK(q[1] == -127);
  CHECK(q[3] == 127);
  const std::vector<float> endless{infinity};
  CHECK(peer::tensor_quant(x, endless, {}, q) == std::vector<float>{0});
  CHECK(std::isnan(q[3]));
  peer::fake_tensor_quant(x, endless, {}, q);
  CHECK(std::isnan(q[0]));
}

TEST_CASE("presets::pytorch_quantization: what is refused, before anything is written") {
  const std::vector<float> x{1, -1, 0.5f};
  const std::vector<float> amax{1};
  std::vector<float> q(3, 9.0f);
  std::vector<float> scale{9.0f};
  const auto code = [&](const std::vector<float>& data, const std::vector<float>& limits,
                        const peer::tensor_quant_settings& s) {
    const status fake = peer::try_fake_tensor_quant(data, limits, s, q);
    const status real = peer::try_tensor_quant(data, limits, s, q, scale);
    CHECK(fake.code == real.code);
    return real.code;
  };
  CHECK(code(x, amax, {-1, false, true}) == errc::bits_out_of_range);
  CHECK(code(x, amax, {25, false, true}) == errc::bits_out_of_range);
  CHECK(code(x, amax, {8, true, true}) == errc::value_out_of_range);
  CHECK(code(x, {-0.5f}, {}) == errc::value_out_of_range);
  CHECK(code(x, {}, {}) == errc::shape_mismatch);
  CHECK(code(x, {1, 2}, {}) == errc::shape_mismatch);
  CHECK(code({1, 2}, amax, {}) == errc::shape_mismatch);
  CHECK(peer::try_fake_tensor_quant(x, tensor_view<const float>(amax.data(), shape{1, 1}), {}, q).code ==
        errc::shape_mismatch);
  std::vector<float> nothing;
  CHECK(peer::try_fake_tensor_quant(nothing, amax, {8, true, true}, nothing).code == errc::no_samples);
  CHECK(peer::try_fake_tensor_quant(nothing, nothing, {}, nothing).code == errc::no_samples);
  CHECK(peer::try_fake_tensor_quant(x, tensor_view<const float>(nullptr, shape{1}), {}, q).code == errc::null_pointer);
  CHECK(peer::try_fake_tensor_quant(tensor_view<const float>(q.data(), shape{2}), amax, {},
                                    tensor_view<float>(q.data() + 1, shape{2}))
            .code == errc::overlap);
  CHECK(q == std::vector<float>(3, 9.0f));
  CHECK(scale == std::vector<float>{9.0f});
  CHECK_THROWS_AS(peer::fake_tensor_quant(x, amax, {8, true, true}, q), xquant::error);
  CHECK_THROWS_AS((void)peer::tensor_quant(x, amax, {8, true, true}, q), xquant::error);
}

TEST_CASE("presets::pytorch_quantization: the other functions refuse, before anything is written") {
  const std::vector<float> x{1, -1, 0.5f};
  const std::vector<float> amax{1};
  std::vector<float> y(3, 9.0f);
  CHECK(peer::try_fake_affine_tensor_quant(x, -1.0f, 1.0f, 0, y).code == errc::bits_out_of_range);
  CHECK(peer::try_fake_affine_tensor_quant(x, -1.0f, 1.0f, 25, y).code == errc::bits_out_of_range);
  std::vector<float> shorter(2);
  CHECK(peer::try_fake_affine_tensor_quant(x, -1.0f, 1.0f, 8, shorter).code == errc::shape_mismatch);
  CHECK_THROWS_AS(peer::fake_affine_tensor_quant(x, -1.0f, 1.0f, 0, y), xquant::error);
  const status format = peer::try_scaled_e4m3(x, amax, 5, 2, y);
  CHECK(format.code == errc::unsupported);
  CHECK(std::strcmp(format.argument, "exponent_bits") == 0);
  CHECK(std::strcmp(peer::try_scaled_e4m3(x, amax, 4, 2, y).argument, "mantissa_bits") == 0);
  const status shape_of_amax = peer::try_scaled_e4m3(x, std::vector<float>{1, 2}, 4, 3, y);
  CHECK(shape_of_amax.code == errc::shape_mismatch);
  CHECK(std::strcmp(shape_of_amax.argument, "amax") == 0);
  CHECK_THROWS_AS(peer::scaled_e4m3(x, amax, 5, 2, y), xquant::error);
  CHECK(y == std::vector<float>(3, 9.0f));
}

TEST_CASE("presets::pytorch_quantization: 16-bit data keep the type torch gives the product") {
  const std::vector<bfloat16> x{bfloat16(1.0f), bfloat16(-0.3f)};
  const std::vector<float> amax{1};
  const tensor_view<const float> scalar(amax.data(), shape{});
  std::vector<bfloat16> codes(2);
  std::vector<float> wide(2);
  CHECK(peer::try_fake_tensor_quant(x, scalar, {}, codes).ok());
  CHECK(peer::try_fake_tensor_quant(x, amax, {}, wide).ok());
  CHECK(peer::try_fake_tensor_quant(x, scalar, {}, wide).code == errc::unsupported);
  CHECK(peer::try_fake_tensor_quant(x, amax, {}, codes).code == errc::unsupported);
  // 127 / 1e-4 is beyond float16: an error where the scale is given back, an infinity to divide by where it is not.
  const std::vector<float16> small{float16(1e-5f)};
  const std::vector<float> tiny{1e-4f};
  std::vector<float16> q{float16(9.0f)};
  std::vector<float> scale;
  CHECK(peer::try_tensor_quant(small, tiny, {}, q, scale).code == errc::value_out_of_range);
  CHECK(static_cast<float>(q[0]) == 9.0f);
  CHECK(peer::try_fake_tensor_quant(small, tiny, {}, q).ok());
  CHECK(static_cast<float>(q[0]) == 0.0f);
}

TEST_CASE("presets::onnxruntime: the tools' scales, and what they refuse") {
  scale_and_zero_point<float> p;
  const auto code = [&](float low, float high, double lower, double upper) {
    return onnxruntime::try_compute_scale_zp({low, high}, {lower, upper, true}, false, 0, p).code;
  };
  CHECK(code(-1, 1, 1, 127) == errc::value_out_of_range);
  CHECK(code(-1, 1, -128, -1) == errc::value_out_of_range);
  CHECK(code(-1, 1, 0, 0) == errc::value_out_of_range);
  CHECK(code(1, -1, 0, 255) != errc::ok);
  CHECK(code(-1, not_a_number, 0, 255) != errc::ok);
  CHECK(p == scale_and_zero_point<float>{});
  // (3 - -1) / 255 and rne(0 - -1 / that) = rne(63.75); at least 0.01 wide; symmetric about the middle code.
  CHECK(code(-1, 3, 0, 255) == errc::ok);
  CHECK(p == scale_and_zero_point<float>{static_cast<float>(4.0 / 255), 64});
  CHECK(onnxruntime::try_compute_scale_zp({0, 0}, {0, 255, true}, false, 0.01f, p).ok());
  CHECK(p == scale_and_zero_point<float>{static_cast<float>(static_cast<double>(0.01f) / 255), 0});
  CHECK(onnxruntime::try_compute_scale_zp({-1, 3}, {0, 255, true}, true, 0, p).ok());
  CHECK(p == scale_and_zero_point<float>{static_cast<float>(6.0 / 255), 128});
  float scale = 9;
  CHECK(onnxruntime::try_compute_scale_float8(nullptr, 0, scale).code == errc::no_samples);
  CHECK(scale == 9);
}

TEST_CASE("presets::onnx: codes of two and four bits in bytes") {
  const std::vector<std::int8_t> codes{-8, 7, -1};
  std::vector<std::uint8_t> bytes(2, 0xAA);
  onnx::pack(codes.data(), codes.size(), 4, bytes.data());
  CHECK(bytes == std::vector<std::uint8_t>{0x78, 0x0F});
  const std::vector<std::uint8_t> two_bits{1, 2, 3, 0, 2};
  onnx::pack(two_bits.data(), two_bits.size(), 2, bytes.data());
  CHECK(bytes == std::vector<std::uint8_t>{0x39, 0x02});
}

TEST_CASE("presets::ml_dtypes: integers wrap, and float64 is rounded twice") {
  namespace ml_dtypes = presets::ml_dtypes;
  for (int x = -300; x <= 300; ++x) {
    CHECK(ml_dtypes::int4::astype(x) == ((x + 8) % 16 + 16) % 16 - 8);
    CHECK(ml_dtypes::uint2::astype(static_cast<float>(x) + (x < 0 ? -0.5f : 0.5f)) == (x % 4 + 4) % 4);
  }
  CHECK(ml_dtypes::int4::astype(not_a_number) == 0);
  CHECK(ml_dtypes::int4::astype(3e9f) == 0);
  // 1 + 1/16 is the tie of e4m3fn between 1 (even) and 1.125; what lies above it in double is the tie in float.
  CHECK(ml_dtypes::astype<ml_dtypes::float8_e4m3fn>(1.0625 + 0x1p-40) == 0x38);
  CHECK(cast<e4m3fn>(1.0625 + 0x1p-40) == 0x39);
}
