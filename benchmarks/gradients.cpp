// Cases: gradients of fake quantize.
#include "engines.hpp"

namespace bench {
void add_gradients() {}
}  // namespace bench
