// One SIMD kernel; kernels_2.cpp has one more, and the difference is what a kernel costs to compile.
#include <xquant/engines/simd.hpp>
#include <xquant/ops/quantize.hpp>

using first = xquant::quantizer<xquant::int8>;

void run(const xquant::plan<xquant::quantize_kernel<first>>& p, const float* x, std::int8_t* codes) {
  p.run(xquant::simd_engine<>{}, x, codes);
}
