// What gradients must not compile, a line at a time. As it stands, everything here is right.
#include <xquant/gradients/clipped_straight_through.hpp>
#include <xquant/gradients/fake_quantize_backward.hpp>
#include <xquant/gradients/learned_step_size.hpp>
#include <xquant/gradients/packed_mask.hpp>
#include <xquant/parameters.hpp>
#include <xquant/rounding/stochastic.hpp>

#ifndef XQUANT_BAD_LINE
#define XQUANT_BAD_LINE 0
#endif

using namespace xquant;  // NOLINT: every line names several

status use(float* data, double* wide, std::uint8_t* bytes, std::uint16_t* words) {
  const shape s(4);
  const tensor_view<float> x(data, s);
  const tensor_view<float> dscale(data + 4, shape(1));
  const tensor_view<std::uint8_t> mask(bytes, shape(1));
  const tensor_view<double> other(wide, s);
  (void)other;
  (void)words;
  const parameters p(1.0f);
  const quantizer<int8> q;
#if XQUANT_BAD_LINE == 1
  return try_fake_quantize_backward(learned_step_size{}, quantizer<int8, stochastic>{}, p, x, x, x, dscale);
#elif XQUANT_BAD_LINE == 2
  return try_masked_backward(x, tensor_view<std::uint16_t>(words, shape(1)), x);
#elif XQUANT_BAD_LINE == 3
  return try_fake_quantize_backward(clipped_straight_through{}, q, p, x, other, x);
#else
  if (const status bad = try_fake_quantize_backward(learned_step_size{}, q, p, x, x, x, dscale); !bad.ok()) return bad;
  if (const status bad = try_fake_quantize_backward(clipped_straight_through{}, q, p, x, x, x); !bad.ok()) return bad;
  return try_masked_backward(x, mask, x);
#endif
}
