// The correctly rounded square root, on the host and on a device.
#pragma once

#include <xquant/config.hpp>

namespace xquant::inline XQUANT_ABI {

XQUANT_HOST_DEVICE inline double square_root(double x) noexcept {
#if defined(__CUDA_ARCH__)
  return __dsqrt_rn(x);
#else
  return __builtin_sqrt(x);
#endif
}

}  // namespace xquant
