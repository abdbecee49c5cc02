// Rules of torch's casts; the peer's other rules are in torch.cpp.
#pragma once

#include "../registry.hpp"

namespace conformance {

std::vector<rule> torch_cast_rules();

}  // namespace conformance
