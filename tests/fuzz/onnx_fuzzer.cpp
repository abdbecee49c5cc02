// libFuzzer's entry for the onnx loader.
#include "hostile.hpp"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hostile::require_no_fault(hostile::onnx, {reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
