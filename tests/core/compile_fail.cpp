// What must not compile, a line at a time (cmake/xquant_tests.cmake, xquant_add_compile_fail). As it stands, everything
// here is right.
#include <xquant/formats/float8.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/parameters.hpp>

#ifndef XQUANT_BAD_LINE
#define XQUANT_BAD_LINE 0
#endif

using namespace xquant;  // NOLINT: every line names several

struct not_a_policy {};
template <class Category>
struct claims {
  using policy_category = Category;
};
struct of_my_own_category {
  using policy_category = of_my_own_category;
};

#if XQUANT_BAD_LINE == 1
using type = quantizer<int8, nearest_even, per_tensor, nearest_away>;
#elif XQUANT_BAD_LINE == 2
using type = quantizer<int8, per_axis<0>, per_tensor>;
#elif XQUANT_BAD_LINE == 3
using type = quantizer<int8, not_a_policy>;
#elif XQUANT_BAD_LINE == 4
using type = quantizer<int8, uint8>;
#elif XQUANT_BAD_LINE == 5
using type = quantizer<float>;
#elif XQUANT_BAD_LINE == 6
using type = quantizer<affine, int8>;
#elif XQUANT_BAD_LINE == 7
using type = quantizer<e4m3fn, affine>;
#elif XQUANT_BAD_LINE == 8
using type = quantizer<int8, of_my_own_category>;
#elif XQUANT_BAD_LINE == 9
using type = quantizer<integer<33, true>>;
#elif XQUANT_BAD_LINE == 10
using type = quantizer<int8, symmetric<>, affine>;
#elif XQUANT_BAD_LINE == 11
using type = quantizer<int8, divide_by_scale, multiply_by_reciprocal>;
#elif XQUANT_BAD_LINE == 12
using type = quantizer<int8, claims<category::granularity>>;
#elif XQUANT_BAD_LINE == 13
using type = quantizer<int8, claims<category::rounding>>;
#elif XQUANT_BAD_LINE == 14
using type = quantizer<int8, claims<category::scheme>>;
#elif XQUANT_BAD_LINE == 15
using type = quantizer<int8, claims<category::arithmetic>>;
#else
using type = quantizer<int8>;
#endif

status use(const type& q, float* x, const float* constant, std::int8_t* codes, std::uint8_t* other, double* wide) {
  const parameters p(1.0f);
  const shape s(4);
  (void)other;
  (void)constant;
  (void)wide;
#if XQUANT_BAD_LINE == 21
  return try_quantize(q, p, tensor_view<float>(x, s), tensor_view<std::uint8_t>(other, s));
#elif XQUANT_BAD_LINE == 22
  return try_quantize(q, p, tensor_view<std::int8_t>(codes, s), tensor_view<std::int8_t>(codes, s));
#elif XQUANT_BAD_LINE == 23
  return try_dequantize(q, p, tensor_view<std::uint8_t>(other, s), tensor_view<float>(x, s));
#elif XQUANT_BAD_LINE == 24
  return try_quantize(q, p, tensor_view<double>(wide, s), tensor_view<std::int8_t>(codes, s));
#elif XQUANT_BAD_LINE == 25
  return try_fake_quantize(q, p, tensor_view<const float>(constant, s), tensor_view<const float>(constant, s));
#elif XQUANT_BAD_LINE == 26
  return try_fake_quantize(q, p, tensor_view<float>(x, s), tensor_view<double>(wide, s));
#elif XQUANT_BAD_LINE == 27
  return try_quantize(q, p, x, tensor_view<std::int8_t>(codes, s));
#elif XQUANT_BAD_LINE == 28
  return shape(1, 2, 3, 4, 5, 6, 7, 8, 9).valid();
#elif XQUANT_BAD_LINE == 29
  return try_quantize(q, 1.0f, tensor_view<float>(x, s), tensor_view<std::int8_t>(codes, s));
#else
  const status first = try_quantize(q, p, tensor_view<float>(x, s), tensor_view<std::int8_t>(codes, s));
  return first.ok() ? try_dequantize(q, p, tensor_view<std::int8_t>(codes, s), tensor_view<float>(x, s)) : first;
#endif
}
