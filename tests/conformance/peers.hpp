// The peers whose vectors the program runs. A peer is one file in peers/ and one line here and in main.cpp.
#pragma once

#include "registry.hpp"

namespace conformance {

peer_rules brevitas_rules();
peer_rules aimet_rules();
peer_rules ml_dtypes_rules();
peer_rules modelopt_rules();
peer_rules microxcaling_rules();
peer_rules onnx_rules();
peer_rules pytorch_quantization_rules();
peer_rules torch_rules();
peer_rules torchao_rules();

}  // namespace conformance
