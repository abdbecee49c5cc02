// NVIDIA ModelOpt's (0.47) gradient of its fake quantizations.
#pragma once

#include <xquant/presets/pytorch_quantization_gradients.hpp>

namespace xquant::inline XQUANT_ABI::presets::modelopt {

/// `_fake_tensor_quant_backward(inputs, amax, grad_outputs)`: dx = dy where |x| <= amax, else +0, as
/// pytorch_quantization's.
template <TensorLike In, TensorLike Amax, TensorLike Gradient, TensorInMemory Out, class Engine = default_engine>
[[nodiscard]] status try_fake_tensor_quant_backward(const In& x, const Amax& amax, const Gradient& dy, Out&& dx,
                                                    const Engine& engine = {}) {
  return pytorch_quantization::try_tensor_quant_backward(x, dy, amax, dx, engine);
}

}  // namespace xquant::presets::modelopt
