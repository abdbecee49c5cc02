// A user's CUDA program. Where there is no device it has compiled and linked, which is what the test is about.
#include <xquant/engines/cuda/engine.cuh>
#include <xquant/ops/quantize.hpp>

#include <cstdint>
#include <cstdio>

int main() {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::printf("no CUDA device\n");
    return 0;
  }
  float* x = nullptr;
  std::int8_t* codes = nullptr;
  const float here[3] = {-1.0f, 0.26f, 100.0f};
  std::int8_t back[3] = {};
  if (cudaMalloc(&x, sizeof here) != cudaSuccess || cudaMalloc(&codes, sizeof back) != cudaSuccess) return 1;
  cudaMemcpy(x, here, sizeof here, cudaMemcpyHostToDevice);
  const xquant::shape shape{3};
  const xquant::status s =
      xquant::try_quantize(xquant::quantizer<xquant::int8>{}, xquant::scale_and_zero_point<float>{0.5f, 0},
                           xquant::tensor_view<const float>(x, shape), xquant::tensor_view<std::int8_t>(codes, shape),
                           xquant::cuda_engine{});
  cudaMemcpy(back, codes, sizeof back, cudaMemcpyDeviceToHost);
  cudaFree(x);
  cudaFree(codes);
  return s.ok() && back[0] == -2 && back[1] == 1 && back[2] == 127 ? 0 : 1;
}
