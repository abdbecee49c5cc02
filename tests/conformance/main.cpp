// The conformance program: the library's presets against what their peers recorded (tests/data/vectors/README.md).
#include "peers.hpp"
#include "program.hpp"

#include <iostream>

int main(int argc, char** argv) {
  using namespace conformance;
  const surroundings where{XQUANT_SOURCE_DIR "/tests/data/vectors/subjects.json", XQUANT_SOURCE_DIR "/docs/presets.md"};
  const registry peers{aimet_rules(),
                       brevitas_rules(),
                       modelopt_rules(),
                       microxcaling_rules(),
                       ml_dtypes_rules(),
                       onnx_rules(),
                       pytorch_quantization_rules(),
                       torch_rules(),
                       torchao_rules()};
  return run_program(std::vector<std::string>(argv + 1, argv + argc), peers, where, std::cout, std::cerr);
}
