// The installed library.
#include "scaler.hpp"

#include <xquant/engines/threads.hpp>
#include <xquant/ops/quantize.hpp>

#include <cstdint>

int scaled_code(const scaler_quantizer& q, float x) {
  std::int8_t code = 0;
  const xquant::shape one{1};
  return xquant::try_quantize(q, xquant::scale_and_zero_point<float>{0.5f, 0},
                              xquant::tensor_view<const float>(&x, one), xquant::tensor_view<std::int8_t>(&code, one))
                 .ok()
             ? code
             : 1000;
}
