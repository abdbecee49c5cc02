// What the SIMD engine must not compile: double data.
#include <xquant/engines/simd.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>

xquant::status use(float* x, double* wide, std::int8_t* codes) {
  const xquant::shape s(4);
  const xquant::tensor_view<std::int8_t> out(codes, s);
  (void)wide;
#ifdef XQUANT_BAD_LINE
  return xquant::try_quantize(xquant::quantizer<xquant::int8>{}, xquant::basic_parameters<double>(1.0),
                              xquant::tensor_view<double>(wide, s), out, xquant::simd_engine<>{});
#else
  return xquant::try_quantize(xquant::quantizer<xquant::int8>{}, xquant::parameters(1.0f),
                              xquant::tensor_view<float>(x, s), out, xquant::simd_engine<>{});
#endif
}
