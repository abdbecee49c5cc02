// The conformance program: the library's presets against what their peers recorded (tests/data/vectors/README.md).
#include "peers.hpp"
#include "peers/gradients.hpp"
#include "program.hpp"

#include <iostream>

int main(int argc, char** argv) {
  using namespace conformance;
  const surroundings where{XQUANT_SOURCE_DIR "/tests/data/vectors/subjects.json", XQUANT_SOURCE_DIR "/docs/presets.md"};
  const registry peers{with(with(aimet_rules(), aimet_gradient_rules()), aimet_quantizer_rules()),
                       brevitas_rules(),
                       with(modelopt_rules(), modelopt_gradient_rules()),
                       microxcaling_rules(),
                       ml_dtypes_rules(),
                       onnx_rules(),
                       with(with(pytorch_quantization_rules(), pytorch_quantization_gradient_rules()),
                            pytorch_quantization_quantizer_rules()),
                       with(torch_rules(), torch_gradient_rules()),
                       torchao_rules()};
  return run_program(std::vector<std::string>(argv + 1, argv + argc), peers, where, std::cout, std::cerr);
}
