// What must not compile of wide integers and 16-bit floats, a line at a time. As it stands, everything here is right.
#ifndef XQUANT_BAD_LINE
#define XQUANT_BAD_LINE 0
#endif
#if XQUANT_BAD_LINE != 1 && XQUANT_BAD_LINE != 2
#include <xquant/formats/wide_integer.hpp>
#endif
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>
#include <xquant/schemes/zero_point_before_rounding.hpp>

using namespace xquant;  // NOLINT: every line names several

status use(float16* x, bfloat16* y, double* wide, std::int32_t* codes) {
  const shape s(4);
  const tensor_view<float16> in(x, s);
  const tensor_view<std::int32_t> out(codes, s);
  (void)wide;
  (void)y;
  (void)out;
#if XQUANT_BAD_LINE == 1
  return try_quantize(quantizer<integer<17, true>>{}, parameters(1.0f), in, out);
#elif XQUANT_BAD_LINE == 2
  return try_quantize(quantizer<stored_integer<std::int32_t>>{}, parameters(1.0f), in, out);
#elif XQUANT_BAD_LINE == 3
  return try_quantize(quantizer<int32, zero_point_before_rounding<>>{}, parameters(1.0f), in, out);
#elif XQUANT_BAD_LINE == 4
  return try_fake_quantize(quantizer<int8>{}, parameters(1.0f), in, tensor_view<double>(wide, s));
#elif XQUANT_BAD_LINE == 5
  return try_fake_quantize(quantizer<int8>{}, basic_parameters<double>(1.0), in, in);
#else
  if (const status first = try_quantize(quantizer<int32, affine>{}, parameters(1.0f), in, out); !first.ok())
    return first;
  return try_fake_quantize(quantizer<int8>{}, parameters(1.0f), in, tensor_view<bfloat16>(y, s));
#endif
}
