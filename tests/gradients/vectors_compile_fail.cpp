// What the SIMD engine must not compile: gradients of double data.
#include <xquant/engines/simd.hpp>
#include <xquant/gradients/fake_quantize_backward.hpp>
#include <xquant/gradients/learned_step_size.hpp>
#include <xquant/parameters.hpp>

xquant::status use(float* x, double* wide) {
  using namespace xquant;  // NOLINT
  const shape s(4);
  const quantizer<int8> q;
  (void)wide;
#ifdef XQUANT_BAD_LINE
  const tensor_view<double> v(wide, s);
  return try_fake_quantize_backward(learned_step_size{}, q, basic_parameters<double>(1.0), v, v, v,
                                    tensor_view<double>(wide + 4, shape(1)), simd_engine<>{});
#else
  const tensor_view<float> v(x, s);
  return try_fake_quantize_backward(learned_step_size{}, q, parameters(1.0f), v, v, v,
                                    tensor_view<float>(x + 4, shape(1)), simd_engine<>{});
#endif
}
