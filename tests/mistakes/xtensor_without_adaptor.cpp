// Containers of xtensor without the header that adapts them. As it stands, the header is there.
#ifdef XQUANT_BAD_LINE
#include <xtensor/xarray.hpp>
#else
#include <xquant/adapt/xtensor.hpp>
#define XQUANT_BAD_LINE 0
#endif
#include <xquant/xquant.hpp>

using namespace xquant;  // NOLINT: every line names several

void use(const xt::xarray<float>& x, xt::xarray<std::int8_t>& codes) {
#if XQUANT_BAD_LINE == 0 || XQUANT_BAD_LINE == 1
  quantize(quantizer<int8>{}, parameters(0.5f), x, codes);
// says: adapt/eigen.hpp or adapt/xtensor.hpp, or write tensor_view(address, shape)
#endif
#if XQUANT_BAD_LINE == 0 || XQUANT_BAD_LINE == 2
  (void)quantize<int8>(x);
// says: adapt/eigen.hpp or adapt/xtensor.hpp, or write tensor_view(address, shape)
#endif
#if XQUANT_BAD_LINE == 0 || XQUANT_BAD_LINE == 3
  (void)fake_quantize(quantizer<int8>{}, parameters(0.5f), x);
// says: adapt/eigen.hpp or adapt/xtensor.hpp, or write tensor_view(address, shape)
#endif
  (void)codes;
}
