// The CUDA engine: kernels launched into a stream that the caller owns. Compile with nvcc -std=c++20; no other flag is
// needed, and none of --use_fast_math, -ftz=true or -prec-div=false may be given (docs/arithmetic.md, rule 1).
#pragma once

#if !defined(__CUDACC__)
#error "xquant: engines/cuda/engine.cuh is for CUDA sources (.cu); the rest of the library is not"
#endif

#include <xquant/engines/cuda/device_engine.hpp>

#include <cuda_runtime_api.h>

namespace xquant::inline XQUANT_ABI {

namespace cuda::detail {

struct device_thread {
  __device__ __forceinline__ static std::size_t index() {
    return static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  }
  __device__ __forceinline__ static std::size_t threads() { return static_cast<std::size_t>(gridDim.x) * blockDim.x; }
  __device__ __forceinline__ static unsigned ballot(bool value) { return __ballot_sync(0xffffffffu, value); }
  template <class Real>
  __device__ __forceinline__ static Real from_lane(Real value, unsigned above) {
    return __shfl_down_sync(0xffffffffu, value, above);
  }
};

inline constexpr unsigned block_threads = 256;

template <class Kernel>
__global__ void __launch_bounds__(block_threads) run_kernel(const __grid_constant__ Kernel kernel) {
  kernel(device_thread{});
}

}  // namespace cuda::detail

/// The engine of the current device, whose kernels go into `stream`: the last argument of every entry point, with
/// everything that views and parameters point to in memory the device can reach. A call launches kernels and returns;
/// it allocates nothing, copies nothing and waits for nothing, and a launch that CUDA refuses is errc::device. What
/// goes wrong while a kernel runs is found by the next call that asks CUDA. Of parameters only the number is checked,
/// but that plan_... and validate_... read them. `convert` and dynamic quantization are the host's. The bits are those
/// of the scalar engine (docs/engines.md says how that is checked).
struct cuda_engine : cuda::device_engine<cuda_engine> {
  cudaStream_t stream;

  explicit cuda_engine(cudaStream_t s = nullptr,
                       const tensor_view<double>& reduction_workspace = {nullptr, shape(0)}) noexcept
      : stream(s) {
    workspace = reduction_workspace;
  }

  /// At most 8192 blocks of 256: more than any device holds at once. Threads take several elements.
  [[nodiscard]] static std::size_t threads(std::size_t items) noexcept {
    constexpr std::size_t most = 8192;
    const std::size_t blocks = (items + cuda::detail::block_threads - 1) / cuda::detail::block_threads;
    return (blocks < most ? blocks : most) * cuda::detail::block_threads;
  }

  template <class Kernel>
  [[nodiscard]] status launch(const Kernel& kernel, std::size_t threads) const {
    static_assert(sizeof(Kernel) <= cuda::most_argument_bytes, "xquant: the arguments of a kernel are too many");
    void* arguments[] = {const_cast<Kernel*>(&kernel)};
    const auto blocks = static_cast<unsigned>(threads / cuda::detail::block_threads);
    const cudaError_t error = cudaLaunchKernel(reinterpret_cast<const void*>(&cuda::detail::run_kernel<Kernel>),
                                               dim3(blocks), dim3(cuda::detail::block_threads), arguments, 0, stream);
    if (error == cudaSuccess) return {};
    return fault(errc::device, "stream", static_cast<double>(error), "a launch that CUDA accepts");
  }
};

}  // namespace xquant
