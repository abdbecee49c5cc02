// Presets on data they do not take. As it stands, everything here is right.
#include <xquant/presets/pytorch_quantization_cuda.hpp>

using namespace xquant;  // NOLINT: every line names several

#if defined(XQUANT_BAD_LINE) && XQUANT_BAD_LINE == 1
using input = double;
using output = double;
#elif defined(XQUANT_BAD_LINE)
using input = float16;
using output = float;
#else
using input = float;
using output = float;
#endif

status use(const tensor_view<input>& x, const tensor_view<const float>& amax, const tensor_view<output>& y) {
  return presets::pytorch_quantization::try_cuda_fake_tensor_quant(x, amax, {}, y);
}
