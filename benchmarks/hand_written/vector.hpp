// The vectors of the hand-written kernels: the widest this file is compiled for.
#pragma once

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__)
#include "vector_avx512.hpp"  // IWYU pragma: export
#define HAND_WRITTEN 1
#elif defined(__AVX2__) && defined(__FMA__)
#include "vector_avx2.hpp"  // IWYU pragma: export
#define HAND_WRITTEN 1
#else
#define HAND_WRITTEN 0
#endif
