// Every kind of kernel, compiled for every architecture; tests/cuda/check_ptx.cmake reads what the compiler made of it.
#include <xquant/engines/cuda/engine.cuh>
#include <xquant/engines/cuda/gradients.hpp>
#include <xquant/formats/e8m0.hpp>
#include <xquant/formats/float16.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/formats/wide_integer.hpp>
#include <xquant/quantizer.hpp>
#include <xquant/rounding/stochastic.hpp>
#include <xquant/schemes/real_zero_point_affine.hpp>
#include <xquant/schemes/symmetric_to_signed_extreme.hpp>

namespace {

template <class Real, class Quantizer>
xquant::status elementwise(const xquant::cuda_engine& engine, const Quantizer& q,
                           const xquant::parameters_view<Real>& p, const xquant::tensor_view<Real>& x,
                           const xquant::tensor_view<typename Quantizer::code_type>& codes) {
  if (const xquant::status s = xquant::cuda::quantize(engine, q, p, x, codes); !s.ok()) return s;
  if (const xquant::status s = xquant::cuda::dequantize(engine, q, p, codes, x); !s.ok()) return s;
  return xquant::cuda::fake_quantize(engine, q, p, x, x);
}

}  // namespace

#define XQUANT_TEST_KERNELS(name, real, ...)                                                \
  xquant::status name(const xquant::cuda_engine& e, const xquant::parameters_view<real>& p, \
                      const xquant::tensor_view<real>& x,                                   \
                      const xquant::tensor_view<typename __VA_ARGS__::code_type>& c) {      \
    return elementwise(e, __VA_ARGS__{}, p, x, c);                                          \
  }

XQUANT_TEST_KERNELS(int8_divide, float, xquant::quantizer<xquant::int8, xquant::affine>)
XQUANT_TEST_KERNELS(e4m3fn_stochastic, float, xquant::quantizer<xquant::e4m3fn, xquant::stochastic>)
XQUANT_TEST_KERNELS(bfloat16_codes, float, xquant::quantizer<xquant::bfloat16_format>)
XQUANT_TEST_KERNELS(powers_of_two, float, xquant::quantizer<xquant::e8m0>)
XQUANT_TEST_KERNELS(
    uint16_away, double,
    xquant::quantizer<xquant::uint16, xquant::affine, xquant::nearest_away, xquant::multiply_by_reciprocal>)
XQUANT_TEST_KERNELS(offset, float, xquant::quantizer<xquant::uint8, xquant::offset_affine<>>)
XQUANT_TEST_KERNELS(real_zero_point, double, xquant::quantizer<xquant::uint8, xquant::real_zero_point_affine<>>)
XQUANT_TEST_KERNELS(signed_scale, float, xquant::quantizer<xquant::int8, xquant::symmetric_to_signed_extreme<>>)

// Elements of 16 bits, codes of 32.
xquant::status elements(const xquant::cuda_engine& e, const xquant::parameters_view<float>& p,
                        const xquant::tensor_view<xquant::float16>& x, const xquant::tensor_view<xquant::bfloat16>& y,
                        const xquant::tensor_view<std::uint32_t>& codes) {
  const xquant::quantizer<xquant::uint32, xquant::affine> q;
  if (const auto s = xquant::cuda::quantize(e, q, p, x, codes); !s.ok()) return s;
  if (const auto s = xquant::cuda::dequantize(e, q, p, codes, y); !s.ok()) return s;
  return xquant::cuda::fake_quantize(e, xquant::quantizer<xquant::int8>{}, p, x, y);
}

xquant::status gradients(const xquant::cuda_engine& e, const xquant::parameters_view<float>& p,
                         const xquant::tensor_view<float>& x, const xquant::tensor_view<float>& g,
                         const xquant::tensor_view<float>& dx, const xquant::tensor_view<std::uint8_t>& mask,
                         const xquant::tensor_view<float>& per_slot, const xquant::tensor_view<double>& workspace) {
  const xquant::quantizer<xquant::int8, xquant::per_axis<0>> q;
  if (const auto s = xquant::cuda::straight_through_backward(e, g, dx); !s.ok()) return s;
  if (const auto s = xquant::cuda::fake_quantize_with_mask(e, q, p, x, dx, mask); !s.ok()) return s;
  if (const auto s = xquant::cuda::masked_backward(e, g, mask, dx); !s.ok()) return s;
  if (const auto s = xquant::cuda::clipped_straight_through_backward(e, q, p, x, g, dx); !s.ok()) return s;
  if (const auto s = xquant::cuda::learned_step_size_backward(e, q, p, x, g, dx, per_slot, workspace); !s.ok())
    return s;
  return xquant::cuda::range_of(e, q.granularity, x, per_slot, dx, workspace);
}
