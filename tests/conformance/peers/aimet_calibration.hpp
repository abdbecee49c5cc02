// The calibration rules of AIMET, which peers/aimet.cpp registers with the others.
#pragma once

#include "../registry.hpp"

#include <vector>

namespace conformance {

std::vector<rule> aimet_calibration_rules();

}  // namespace conformance
