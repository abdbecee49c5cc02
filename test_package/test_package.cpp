// Uses what the package was made with.
#include <xquant/xquant.hpp>

#ifdef TEST_SIMD
#include <xquant/engines/simd.hpp>
#endif
#ifdef TEST_THREADS
#include <xquant/engines/threads.hpp>
#endif
#ifdef TEST_XTENSOR
#include <xquant/adapt/xtensor.hpp>
#endif
#ifdef TEST_IO
#include <xquant/io/onnx_reader.hpp>
#endif

#include <cstdint>
#include <cstdio>
#include <vector>

int main() {
  const std::vector<float> x = {-1.27f, -0.5f, 0.0f, 0.013f, 0.75f, 1.0f};
  const auto t = xquant::quantize<xquant::int8>(x);
#ifdef TEST_SIMD
  const xquant::simd_engine<> engine;
#else
  const xquant::scalar_engine engine;
#endif
  const xquant::shape shape{x.size()};
  std::vector<std::int8_t> codes(x.size());
  const xquant::status s = xquant::try_quantize(
      xquant::quantizer<xquant::int8>{}, xquant::scale_and_zero_point<float>{t.parameters.scale()[0], 0},
      xquant::tensor_view<const float>(x.data(), shape), xquant::tensor_view<std::int8_t>(codes.data(), shape), engine);
  std::printf("xquant %d.%d.%d: -1.27 is %d times %g\n", XQUANT_VERSION_MAJOR, XQUANT_VERSION_MINOR,
              XQUANT_VERSION_PATCH, codes[0], static_cast<double>(t.parameters.scale()[0]));
  return s.ok() && codes[0] == -128 && codes[0] == t.codes[0] ? 0 : 1;
}
