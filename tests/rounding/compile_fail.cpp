// What noise in place of rounding does not compile with. As it stands, everything here is right.
#include <xquant/formats/float8.hpp>
#include <xquant/ops/fake_quantize.hpp>
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
#else
  return try_fake_quantize(quantizer<int8, additive_noise>{}, p, v, v);
#endif
}
