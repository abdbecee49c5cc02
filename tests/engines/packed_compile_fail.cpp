// What packed codes refuse at compile time. As it stands, everything here is right.
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/pack.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>

using namespace xquant;  // NOLINT: every line names several

status use(float* x, std::uint8_t* bytes, std::int16_t* words, std::int8_t* codes) {
  const shape s(4);
  const tensor_view<float> reals(x, s);
  const tensor_view<std::int8_t> in(codes, s);
  const tensor_view<std::int16_t> wide(words, s);
  const packed_view<4> out(bytes, s);
  (void)wide;
#if XQUANT_BAD_LINE == 1
  return try_quantize(quantizer<int8>{}, parameters(1.0f), reals, packed_view<8>(bytes, s));
#elif XQUANT_BAD_LINE == 2
  return try_quantize(quantizer<int16>{}, parameters(1.0f), reals, out);
#elif XQUANT_BAD_LINE == 3
  return try_fake_quantize(quantizer<int4>{}, parameters(1.0f), reals, out);
#elif XQUANT_BAD_LINE == 4
  return try_pack(in, tensor_view<std::uint8_t>(bytes, s));
#elif XQUANT_BAD_LINE == 5
  return try_pack(wide, out);
#elif XQUANT_BAD_LINE == 6
  return try_pack(in, const_packed_view<4>(bytes, s));
#else
  if (const status bad = try_pack(in, out); !bad.ok()) return bad;
  return try_quantize(quantizer<int4>{}, parameters(1.0f), reals, out);
#endif
}
