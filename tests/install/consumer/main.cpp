// Uses what it links, and as little of it as shows that it is there.
#include <xquant/ops/quantize.hpp>
#include <xquant/version.hpp>

#ifdef CONSUMER_SIMD
#include <xquant/engines/simd.hpp>
#endif
#ifdef CONSUMER_XTENSOR
#include <xquant/adapt/xtensor.hpp>
#endif
#ifdef CONSUMER_IO
#include <xquant/io/onnx_reader.hpp>
#endif

#if XQUANT_VERSION_MAJOR != 0
#error "the version is not the expected one"
#endif
#if defined(XTENSOR_USE_XSIMD) || defined(XTENSOR_USE_TBB)
#error "a macro of another library came along"
#endif
#if defined(__AVX2__) || defined(__FAST_MATH__)
#error "a compiler flag came along"
#endif

int main() {
  const float x[3] = {-1.0f, 0.26f, 100.0f};
  std::int8_t codes[3] = {};
  const xquant::shape shape{3};
#ifdef CONSUMER_SIMD
  const xquant::simd_engine<> engine;
#else
  const xquant::scalar_engine engine;
#endif
  const xquant::status s = xquant::try_quantize(
      xquant::quantizer<xquant::int8>{}, xquant::scale_and_zero_point<float>{0.5f, 0},
      xquant::tensor_view<const float>(x, shape), xquant::tensor_view<std::int8_t>(codes, shape), engine);
  return s.ok() && codes[0] == -2 && codes[1] == 1 && codes[2] == 127 ? 0 : 1;
}
