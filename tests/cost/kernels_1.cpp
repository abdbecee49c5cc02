// One kernel of the SIMD engine, or of the default one with XQUANT_COST_DEFAULT; kernels_2.cpp has one more, and the
// difference is what a kernel costs to compile.
#if defined(XQUANT_COST_DEFAULT)
#include <xquant/calls/default_engine.hpp>
#define XQUANT_COST_ENGINE xquant::default_engine
#else
#include <xquant/engines/simd.hpp>
#define XQUANT_COST_ENGINE xquant::simd_engine<>
#endif
#include <xquant/ops/quantize.hpp>

using first = xquant::quantizer<xquant::int8>;

void run(const xquant::plan<xquant::quantize_kernel<first>>& p, const float* x, std::int8_t* codes) {
  p.run(XQUANT_COST_ENGINE{}, x, codes);
}
