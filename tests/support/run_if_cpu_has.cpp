// run_if_cpu_has v3|v4 PROGRAM ARGUMENT...: becomes PROGRAM when the processor has that level of x86-64; otherwise says
// what is missing and returns 77, which ctest counts as skipped. Compiled for the baseline, unlike what it runs: a
// program for a newer processor may fault before its main.
#include <unistd.h>

#include <cstdio>
#include <cstring>

namespace {

#if defined(__x86_64__)
const char* missing(const char* level) {
  if (!__builtin_cpu_supports("avx2")) return "AVX2";
  if (!__builtin_cpu_supports("fma")) return "FMA";
  if (!__builtin_cpu_supports("bmi") || !__builtin_cpu_supports("bmi2")) return "BMI1 and BMI2";
  if (std::strcmp(level, "v3") == 0) return nullptr;
  if (!__builtin_cpu_supports("avx512f")) return "AVX-512 F";
  if (!__builtin_cpu_supports("avx512bw")) return "AVX-512 BW";
  if (!__builtin_cpu_supports("avx512cd")) return "AVX-512 CD";
  if (!__builtin_cpu_supports("avx512dq")) return "AVX-512 DQ";
  if (!__builtin_cpu_supports("avx512vl")) return "AVX-512 VL";
  return nullptr;
}
#else
const char* missing(const char*) { return "x86-64"; }
#endif

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || (std::strcmp(argv[1], "v3") != 0 && std::strcmp(argv[1], "v4") != 0)) {
    std::fprintf(stderr, "usage: run_if_cpu_has v3|v4 PROGRAM ARGUMENT...\n");
    return 2;
  }
  if (const char* what = missing(argv[1])) {
    std::printf("skipped: CPU lacks %s\n", what);
    return 77;
  }
  execv(argv[2], argv + 2);
  std::perror(argv[2]);
  return 2;
}
