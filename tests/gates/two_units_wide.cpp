// Compiled with AVX-512, and linked first: where the linker merges two copies of a function, it keeps this one.
#include "two_units.hpp"

std::uint64_t hash_of_wide_unit() { return hash_of_unit(); }
