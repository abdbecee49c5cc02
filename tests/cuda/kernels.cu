// Every kind of kernel, compiled for every architecture; tests/cuda/check_ptx.cmake reads what the compiler made of it.
#include <xquant/calibration/range_of.hpp>
#include <xquant/engines/cuda/engine.cuh>
#include <xquant/formats/e8m0.hpp>
#include <xquant/formats/float16.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/formats/wide_integer.hpp>
#include <xquant/gradients/clipped_straight_through.hpp>
#include <xquant/gradients/fake_quantize_backward.hpp>
#include <xquant/gradients/learned_step_size.hpp>
#include <xquant/gradients/packed_mask.hpp>
#include <xquant/gradients/straight_through.hpp>
#include <xquant/ops/dequantize.hpp>
#include <xquant/ops/fake_quantize.hpp>
#include <xquant/ops/quantize.hpp>
#include <xquant/quantizer.hpp>
#include <xquant/rounding/stochastic.hpp>
#include <xquant/schemes/real_zero_point_affine.hpp>
#include <xquant/schemes/symmetric_to_signed_extreme.hpp>

namespace {

template <class Real, class Quantizer>
xquant::status elementwise(const xquant::cuda_engine& engine, const Quantizer& q,
                           const xquant::parameters_view<Real>& p, const xquant::tensor_view<Real>& x,
                           const xquant::tensor_view<typename Quantizer::code_type>& codes) {
  if (const xquant::status s = xquant::try_quantize(q, p, x, codes, engine); !s.ok()) return s;
  if (const xquant::status s = xquant::try_dequantize(q, p, codes, x, engine); !s.ok()) return s;
  return xquant::try_fake_quantize(q, p, x, x, engine);
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
  if (const auto s = xquant::try_quantize(q, p, x, codes, e); !s.ok()) return s;
  if (const auto s = xquant::try_dequantize(q, p, codes, y, e); !s.ok()) return s;
  return xquant::try_fake_quantize(xquant::quantizer<xquant::int8>{}, p, x, y, e);
}

// Packed codes, read and written.
xquant::status packed_codes(const xquant::cuda_engine& e, const xquant::parameters_view<float>& p,
                            const xquant::tensor_view<float>& x, const xquant::packed_view<4>& fours,
                            const xquant::packed_view<3, xquant::bit_order::high_first>& threes) {
  if (const auto s = xquant::try_quantize(xquant::quantizer<xquant::int4>{}, p, x, fours, e); !s.ok()) return s;
  if (const auto s = xquant::try_dequantize(xquant::quantizer<xquant::int4>{}, p, fours, x, e); !s.ok()) return s;
  const xquant::quantizer<xquant::int3, xquant::per_axis<0>> q;
  if (const auto s = xquant::try_quantize(q, p, x, threes, e); !s.ok()) return s;
  return xquant::try_dequantize(q, p, threes, x, e);
}

// Scales stored as codes.
xquant::status coded_scales(const xquant::cuda_engine& e, const xquant::coded_parameters_view<xquant::e8m0>& p,
                            const xquant::tensor_view<float>& x, const xquant::tensor_view<std::int8_t>& codes) {
  const xquant::quantizer<xquant::int8, xquant::per_axis<0>> q;
  if (const auto s = xquant::try_quantize(q, p, x, codes, e); !s.ok()) return s;
  return xquant::try_dequantize(q, p, codes, x, e);
}

xquant::status gradients(const xquant::cuda_engine& e, const xquant::parameters_view<float>& p,
                         const xquant::tensor_view<float>& x, const xquant::tensor_view<float>& g,
                         const xquant::tensor_view<float>& dx, const xquant::tensor_view<std::uint8_t>& mask,
                         const xquant::tensor_view<float>& per_slot, const xquant::tensor_view<double>& workspace) {
  const xquant::quantizer<xquant::int8, xquant::per_axis<0>> q;
  if (const auto s = xquant::try_fake_quantize_backward(xquant::straight_through{}, q, p, x, g, dx, e); !s.ok())
    return s;
  if (const auto s = xquant::try_fake_quantize_with_mask(q, p, x, dx, mask, e); !s.ok()) return s;
  if (const auto s = xquant::try_masked_backward(g, mask, dx, e); !s.ok()) return s;
  if (const auto s = xquant::try_fake_quantize_backward(xquant::clipped_straight_through{}, q, p, x, g, dx, e); !s.ok())
    return s;
  if (const auto s = xquant::try_fake_quantize_backward(xquant::learned_step_size{}, q, p, x, g, dx, per_slot,
                                                        xquant::cuda_engine(e.stream, workspace));
      !s.ok())
    return s;
  return xquant::try_range_of(q.granularity, x, per_slot, dx, xquant::cuda_engine(e.stream, workspace));
}
