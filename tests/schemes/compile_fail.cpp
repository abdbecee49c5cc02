// Schemes that must not compile, a line at a time. As it stands, everything here is right.
#include <xquant/gradients/fake_quantize_backward.hpp>
#include <xquant/gradients/learned_step_size.hpp>
#include <xquant/parameters.hpp>
#include <xquant/schemes/power_of_two_scale.hpp>
#include <xquant/schemes/real_zero_point_affine.hpp>
#include <xquant/schemes/zero_point_before_rounding.hpp>

#ifndef XQUANT_BAD_LINE
#define XQUANT_BAD_LINE 0
#endif

#if XQUANT_BAD_LINE == 1
using type = xquant::quantizer<xquant::int8, xquant::zero_point_before_rounding<xquant::symmetric<>>>;
#elif XQUANT_BAD_LINE == 2
using type = xquant::quantizer<xquant::int8, xquant::power_of_two_scale<xquant::int8>>;
#else
using type = xquant::quantizer<xquant::int8, xquant::power_of_two_scale<xquant::affine>>;
#endif

#if XQUANT_BAD_LINE == 3
using scheme = xquant::real_zero_point_affine<>;
#else
using scheme = xquant::affine;
#endif

xquant::status use(const type& q, float* x, std::int8_t* codes, float* sums) {
  const xquant::parameters p(1.0f);
  const xquant::tensor_view<float> view(x, xquant::shape(4));
  const xquant::status s =
      xquant::try_fake_quantize_backward(xquant::learned_step_size{}, xquant::quantizer<xquant::int8, scheme>{}, p,
                                         view, view, view, xquant::tensor_view<float>(sums, xquant::shape(1)));
  return s.ok() ? q.format.valid() : xquant::fault(xquant::errc::ok, "", codes[0], "");
}
