// Macros the library needs of a compiler: host/device marks, inlining, unrolling, exceptions.
// Refuses compiler modes under which the arithmetic contract (docs/arithmetic.md, rule 1) cannot hold.
#pragma once

#if defined(__FAST_MATH__) && !defined(XQUANT_ALLOW_FAST_MATH)
#error \
    "xquant: -ffast-math breaks the arithmetic contract (docs/arithmetic.md, rule 1); compile this file without it, or define XQUANT_ALLOW_FAST_MATH to give up every promise about bits"
#endif

// Marks functions that a CUDA kernel may call as well.
#if defined(__CUDACC__)
#define XQUANT_HOST_DEVICE __host__ __device__
#else
#define XQUANT_HOST_DEVICE
#endif

// Lane functions must disappear into the loop that calls them, or vectors travel through memory.
#if defined(__GNUC__) || defined(__clang__)
#define XQUANT_INLINE XQUANT_HOST_DEVICE __attribute__((always_inline)) inline
#else
#define XQUANT_INLINE XQUANT_HOST_DEVICE inline
#endif

// One copy of what several callers share, where copies would cost compile time and nothing else.
#if defined(__GNUC__) || defined(__clang__)
#define XQUANT_NOINLINE __attribute__((noinline))
#else
#define XQUANT_NOINLINE
#endif

// Written after a lambda's parameters.
#if defined(__GNUC__) || defined(__clang__)
#define XQUANT_LAMBDA_INLINE __attribute__((always_inline))
#else
#define XQUANT_LAMBDA_INLINE
#endif

// g++ -O2 does not unroll loops over a few vectors by itself and would keep them in memory.
#if defined(__clang__)
#define XQUANT_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define XQUANT_UNROLL _Pragma("GCC unroll 64")
#else
#define XQUANT_UNROLL
#endif

#if defined(__cpp_exceptions) || defined(__EXCEPTIONS)
#define XQUANT_HAS_EXCEPTIONS 1
#else
#define XQUANT_HAS_EXCEPTIONS 0
#endif
