#pragma once

#include "../registry.hpp"

#include <vector>

namespace conformance {

std::vector<rule> onnx_calibration_rules();

}  // namespace conformance
