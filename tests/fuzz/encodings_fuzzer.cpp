// libFuzzer's entry for the encodings loader.
#include "hostile.hpp"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hostile::require_no_fault(hostile::encodings, {reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
