// Requantizations that must not compile, a line at a time. As it stands, everything here is right.
#include <xquant/formats/float8.hpp>
#include <xquant/formats/integer.hpp>
#include <xquant/granularity/per_axis.hpp>
#include <xquant/ops/requantization/float_multiplier.hpp>
#include <xquant/ops/requantize.hpp>

#ifndef XQUANT_BAD_LINE
#define XQUANT_BAD_LINE 0
#endif

using namespace xquant;  // NOLINT: every line names several

#if XQUANT_BAD_LINE == 4
using type = requantizer<int8, per_axis<0>>;
#elif XQUANT_BAD_LINE == 5
using type = requantizer<e4m3fn, float_multiplier>;
#else
using type = requantizer<int8, float_multiplier>;
#endif

status use(const type& r, const std::int32_t* x, const float* reals, const double* doubles, std::int8_t* codes,
           std::uint8_t* other) {
  const shape s(4);
  const tensor_view<std::int8_t> out(codes, s);
  const tensor_view<const std::int32_t> in(x, s);
  (void)doubles;
  (void)other;
#if XQUANT_BAD_LINE == 1
  return try_requantize(r, requantization_view<float>{reals, 1}, tensor_view<const float>(reals, s), out);
#elif XQUANT_BAD_LINE == 2
  return try_requantize(r, requantization_view<float>{reals, 1}, in, tensor_view<std::uint8_t>(other, s));
#elif XQUANT_BAD_LINE == 3
  return try_requantize(r, requantization_view<double>{doubles, 1}, in, out);
#else
  return try_requantize(r, requantization_view<float>{reals, 1}, in, out);
#endif
}
