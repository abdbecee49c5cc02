// A user of the installed library.
#include <scaler.hpp>

int main() { return scaled_code(scaler_quantizer{}, 1.6f) == 3 ? 0 : 1; }
