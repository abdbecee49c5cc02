// kernels_1.cpp and one kernel more: another operation of another quantizer.
#include <xquant/engines/simd.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>

using first = xquant::quantizer<xquant::int8>;
using second = xquant::quantizer<xquant::uint8, xquant::affine, xquant::multiply_by_reciprocal>;

void run(const xquant::plan<xquant::quantize_kernel<first>>& p, const float* x, std::int8_t* codes) {
  p.run(xquant::simd_engine<>{}, x, codes);
}
void run(const xquant::plan<xquant::fake_quantize_kernel<second>>& p, const float* x, float* y) {
  p.run(xquant::simd_engine<>{}, x, y);
}
