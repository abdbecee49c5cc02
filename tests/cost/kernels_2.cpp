// kernels_1.cpp and one kernel more: another operation of another quantizer.
#if defined(XQUANT_COST_DEFAULT)
#include <xquant/calls/default_engine.hpp>
#define XQUANT_COST_ENGINE xquant::default_engine
#else
#include <xquant/engines/simd.hpp>
#define XQUANT_COST_ENGINE xquant::simd_engine<>
#endif
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>

using first = xquant::quantizer<xquant::int8>;
using second = xquant::quantizer<xquant::uint8, xquant::affine, xquant::multiply_by_reciprocal>;

void run(const xquant::plan<xquant::quantize_kernel<first>>& p, const float* x, std::int8_t* codes) {
  p.run(XQUANT_COST_ENGINE{}, x, codes);
}
void run(const xquant::plan<xquant::fake_quantize_kernel<second>>& p, const float* x, float* y) {
  p.run(XQUANT_COST_ENGINE{}, x, y);
}
