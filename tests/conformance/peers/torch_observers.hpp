#pragma once

#include "../registry.hpp"

#include <vector>

namespace conformance {

std::vector<rule> torch_observer_rules();

}  // namespace conformance
