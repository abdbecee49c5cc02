// Compiled for the baseline.
#include "two_units.hpp"

std::uint64_t hash_of_baseline_unit() { return hash_of_unit(); }
