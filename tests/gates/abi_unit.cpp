// What every unit of gate.abi does: operations, gradients, calibration and errors, on the engines there are.
#include <xquant/calibration/histogram_calibrator.hpp>
#include <xquant/calibration/percentile.hpp>
#include <xquant/gradients/learned_step_size.hpp>
#include <xquant/xquant.hpp>

#include <cstdint>
#include <vector>

#ifdef XQUANT_TEST_SIMD
#include <xquant/engines/simd.hpp>
#endif

#ifdef XQUANT_TEST_SHARED
// A function outside the library's inline namespace, which gate.abi must find.
namespace xquant {
inline int shared(int x) { return x + 1; }
}  // namespace xquant
int (*volatile user_of_shared)(int) = xquant::shared;
#endif

namespace {

template <class Engine>
bool run(const float* x, std::size_t n, float* y, std::int8_t* codes, const Engine& engine) {
  const xquant::shape shape{n};
  const xquant::quantizer<xquant::int8, xquant::affine> q;
  const xquant::scale_and_zero_point<float> p{0.037f, 3};
  const xquant::tensor_view<const float> in(x, shape);
  return xquant::try_quantize(q, p, in, xquant::tensor_view<std::int8_t>(codes, shape), engine).ok() &&
         xquant::try_fake_quantize(q, p, in, xquant::tensor_view<float>(y, shape), engine).ok() &&
         xquant::try_dequantize(q, p, xquant::tensor_view<const std::int8_t>(codes, shape),
                                xquant::tensor_view<float>(y, shape), engine)
             .ok();
}

}  // namespace

bool unit(const float* x, std::size_t n, float* y, std::int8_t* codes) {
  bool ok = run(x, n, y, codes, xquant::scalar_engine{});
#ifdef XQUANT_TEST_SIMD
  ok = run(x, n, y, codes, xquant::simd_engine<>{}) && ok;
#endif
  xquant::histogram_calibrator<xquant::percentile> calibrator{xquant::percentile{99.9}};
  ok = calibrator.try_observe(xquant::tensor_view<const float>(x, xquant::shape{n})).ok() && ok;
#if XQUANT_HAS_EXCEPTIONS
  try {
    (void)xquant::quantize<xquant::int8>(std::vector<float>(x, x + n));
  } catch (const xquant::exception& e) {
    ok = ok && e.code() == xquant::errc::ok;
  }
#endif
  return ok;
}
