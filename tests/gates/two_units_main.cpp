// Two translation units for different processors, both using the library, in one program: it links, and both compute
// the same bits (docs/arithmetic.md).
#include <cstdint>
#include <cstdio>

std::uint64_t hash_of_baseline_unit();
std::uint64_t hash_of_wide_unit();

int main() {
  const std::uint64_t baseline = hash_of_baseline_unit();
  const std::uint64_t wide = hash_of_wide_unit();
  std::printf("baseline %016llx, wide %016llx\n", static_cast<unsigned long long>(baseline),
              static_cast<unsigned long long>(wide));
  return baseline == wide && baseline != 0 ? 0 : 1;
}
