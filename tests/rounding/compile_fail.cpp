// What noise in place of rounding, and learned roundings, do not compile with. As it stands, everything here is right.
#include <xquant/formats/float8.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/learned_rounding.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/rounding/additive_noise.hpp>

using namespace xquant;  // NOLINT: every line names several

status use(float* x, std::int8_t* codes) {
  const tensor_view<float> v(x, shape(4));
  const tensor_view<std::int8_t> c(codes, shape(4));
  const scale_and_zero_point<float> p{1, 0};
  (void)c;
#if XQUANT_BAD_LINE == 1
  return try_quantize(quantizer<int8, additive_noise>{}, p, v, c);
#elif XQUANT_BAD_LINE == 2
  return try_fake_quantize(quantizer<e4m3fn, additive_noise>{}, p, v, v);
#elif XQUANT_BAD_LINE == 3
  return try_learned_fake_quantize(adaround{}, quantizer<e4m3fn>{}, p, v, v, v);
#elif XQUANT_BAD_LINE == 4
  return try_learned_fake_quantize(nearest_even{}, quantizer<int8>{}, p, v, v, v);
#else
  if (const status s = try_learned_fake_quantize(adaround{}, quantizer<int8>{}, p, v, v, v); !s.ok()) return s;
  return try_fake_quantize(quantizer<int8, additive_noise>{}, p, v, v);
#endif
}
