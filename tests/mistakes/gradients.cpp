// Mistakes in calls of gradients, each with what the first error says, which is what to write instead
// (cmake/check_mistakes.cmake compiles them one at a time). As it stands, everything here is right.
#include <xquant/adapt/span.hpp>
#include <xquant/engines/scalar.hpp>
#include <xquant/formats/integer.hpp>
#include <xquant/gradients/clip.hpp>
#include <xquant/gradients/fake_quantize_backward.hpp>
#include <xquant/gradients/learned_range.hpp>
#include <xquant/gradients/learned_step_size.hpp>
#include <xquant/gradients/packed_mask.hpp>
#include <xquant/gradients/straight_through.hpp>
#include <xquant/granularity/per_tensor.hpp>
#include <xquant/parameters.hpp>
#include <xquant/quantizer.hpp>

#include <cstdint>
#include <vector>

#ifndef XQUANT_BAD_LINE
#define XQUANT_BAD_LINE 0
#endif

using namespace xquant;  // NOLINT: every line names several

void use(const std::vector<float>& x, const std::vector<float>& g, std::vector<float>& dx, std::vector<float>& ds,
         std::vector<float>& dz, std::vector<std::uint8_t>& mask, std::vector<double>& wide, float* pointer,
         float& number) {
  [[maybe_unused]] const quantizer<int8> q;
  [[maybe_unused]] const parameters p(0.5f);
  const learned_step_size lsq;
  const straight_through plain;
  const std::vector<float> constant(1);
#if XQUANT_BAD_LINE == 1
  fake_quantize_backward(lsq, q, p, x, g, dx);
// says: this estimator learns one parameter; its gradient comes after dx
#elif XQUANT_BAD_LINE == 2
  (void)try_fake_quantize_backward(lsq, q, p, x, g, dx, scalar_engine{});
// says: this estimator learns one parameter; its gradient comes after dx
#elif XQUANT_BAD_LINE == 3
  fake_quantize_backward(learned_range{}, q, p, x, g, dx, ds);
// says: this estimator learns two parameters; their gradients come after dx
#elif XQUANT_BAD_LINE == 4
  fake_quantize_backward(lsq, q, p, x, g, dx, ds, dz);
// says: this estimator learns one parameter; its gradient comes after dx
#elif XQUANT_BAD_LINE == 5
  fake_quantize_backward(plain, q, p, x, g, dx, ds);
// says: this estimator learns no parameters; after dx comes an engine, if anything
#elif XQUANT_BAD_LINE == 6
  (void)validate_fake_quantize_backward(lsq, q, p, x, g, dx);
// says: this estimator learns one parameter; its gradient comes after dx
#elif XQUANT_BAD_LINE == 7
  fake_quantize_backward(q, p, x, g, dx);
// says: the first argument is not an estimator; write straight_through{}, learned_step_size{} or another
#elif XQUANT_BAD_LINE == 8
  fake_quantize_backward(q, lsq, p, x, g, dx, ds);
// says: the first argument is not an estimator; write straight_through{}, learned_step_size{} or another
#elif XQUANT_BAD_LINE == 9
  fake_quantize_backward(plain, q, x, g, dx);
// says: arguments are missing; it takes estimator, q, p, x, g, dx
#elif XQUANT_BAD_LINE == 10
  fake_quantize_backward(lsq, q, p, x, g, dx, scalar_engine{}, ds);
// says: an engine among the other arguments; it comes last
#elif XQUANT_BAD_LINE == 11
  fake_quantize_backward(lsq, q, p, x, g, dx, pointer);
// says: a pointer has no shape; write tensor_view(pointer, shape{rows, columns})
#elif XQUANT_BAD_LINE == 12
  fake_quantize_backward(lsq, q, p, x, g, dx, number);
// says: a number where the gradient of a parameter stands, which is a tensor of one element per slot
#elif XQUANT_BAD_LINE == 13
  fake_quantize_backward(lsq, q, p, x, g, dx, wide);
// says: gradients of parameters have the element type of x
#elif XQUANT_BAD_LINE == 14
  fake_quantize_backward(lsq, q, p, x, g, dx, constant);
// says: gradients of parameters have the element type of x (float for 16-bit data), and are not const
#elif XQUANT_BAD_LINE == 15
  fake_quantize_backward(lsq, q, p, x, g, dx, ds, 4);
// says: the last argument is no engine
#elif XQUANT_BAD_LINE == 16
  fake_quantize_backward(plain, q, p, x, g, x);
// says: or is const
#elif XQUANT_BAD_LINE == 17
  masked_backward(mask, g, dx);
// says: integers where reals are read or written
#elif XQUANT_BAD_LINE == 18
  fake_quantize_with_mask(q, x, dx, p, mask);
// says: parameters stand before the tensors
#elif XQUANT_BAD_LINE == 19
  clip(per_tensor{}, -1.0f, 1.0f, x, dx);
// says: low and high are tensors of one number for each slot
#elif XQUANT_BAD_LINE == 20
  clip(q, constant, constant, x, dx);
// says: the first argument is no granularity; write per_tensor{} or per_axis<0>{}
#else
  fake_quantize_backward(lsq, q, p, x, g, dx, ds);
  fake_quantize_backward(lsq, q, p, x, g, dx, ds, scalar_engine{});
  fake_quantize_backward(plain, q, p, x, g, dx, scalar_engine{});
  fake_quantize_backward(learned_range{}, q, p, x, g, dx, ds, dz);
  masked_backward(g, mask, dx);
  clip(per_tensor{}, constant, constant, x, dx);
#endif
  (void)(plain == plain && lsq == lsq);
  (void)(x.size() + g.size() + dx.size() + ds.size() + dz.size() + mask.size() + wide.size());
  (void)(pointer == &number && constant.empty());
}
