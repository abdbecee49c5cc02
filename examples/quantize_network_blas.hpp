// The threads of the BLAS that multiplies for the main job.
#pragma once

#include <cstdlib>

#if defined(__ELF__)
extern "C" __attribute__((weak)) void openblas_set_num_threads(int threads);
#endif

namespace quantize_network {

// One, unless the user's environment says otherwise. OpenBLAS takes as many as there are cores, which is wrong here in
// two ways: a network is many small products, each of which waits for all threads, 25 times as long where another
// program keeps one core busy; and the order of summation, hence the last digits of the results, follows their number.
inline void use_one_blas_thread() {
#if defined(__ELF__)
  for (const char* const name : {"OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"})
    if (std::getenv(name) != nullptr) return;
  if (openblas_set_num_threads != nullptr) openblas_set_num_threads(1);
#endif
}

}  // namespace quantize_network
