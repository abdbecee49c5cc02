// The gradients of peers and their quantizer objects, in sources beside those of the peers.
#pragma once

#include "../registry.hpp"

#include <utility>
#include <vector>

namespace conformance {

std::vector<rule> aimet_gradient_rules();
std::vector<rule> aimet_quantizer_rules();
std::vector<rule> modelopt_gradient_rules();
std::vector<rule> pytorch_quantization_gradient_rules();
std::vector<rule> pytorch_quantization_quantizer_rules();
std::vector<rule> torch_gradient_rules();

/// A peer's rules with `more` behind them.
inline peer_rules with(peer_rules peer, std::vector<rule> more) {
  for (rule& r : more) peer.rules.push_back(std::move(r));
  return peer;
}

}  // namespace conformance
