// Gradients of scales that are codes do not compile. As it stands, everything here is right.
#include <xquant/formats/e8m0.hpp>
#include <xquant/gradients/fake_quantize_backward.hpp>
#include <xquant/gradients/learned_step_size.hpp>
#include <xquant/gradients/straight_through.hpp>
#include <xquant/parameters.hpp>

using namespace xquant;  // NOLINT: every line names several

status use(float* x, float* dx, float* ds, const coded_parameters<e8m0>& p) {
  const tensor_view<float> in(x, shape(4));
  const tensor_view<float> out(dx, shape(4));
  const tensor_view<float> sums(ds, shape(1));
  (void)sums;
#ifdef XQUANT_BAD_LINE
  return try_fake_quantize_backward(learned_step_size{}, quantizer<int8>{}, p, in, in, out, sums);
#else
  return try_fake_quantize_backward(straight_through{}, quantizer<int8>{}, p, in, in, out);
#endif
}
