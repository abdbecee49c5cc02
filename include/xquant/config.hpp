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

// Everything lives in an inline namespace that names the instruction set and the exception mode. Translation units
// built for different processors then share no function: the linker cannot hand a baseline unit code it may not run.
// Names are used as xquant::... throughout; specialise templates as such too.
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__)
#define XQUANT_ABI_MACHINE avx512
#elif defined(__AVX2__) && defined(__FMA__)
#define XQUANT_ABI_MACHINE avx2
#elif defined(__AVX__)
#define XQUANT_ABI_MACHINE avx
#elif defined(__SSE4_1__)
#define XQUANT_ABI_MACHINE sse4
#else
#define XQUANT_ABI_MACHINE baseline
#endif
#define XQUANT_ABI_JOIN(a, b) a##_##b
#define XQUANT_ABI_NAME(a, b) XQUANT_ABI_JOIN(a, b)
#if XQUANT_HAS_EXCEPTIONS
#define XQUANT_ABI XQUANT_ABI_NAME(v0, XQUANT_ABI_MACHINE)
#else
#define XQUANT_ABI XQUANT_ABI_NAME(v0_no_exceptions, XQUANT_ABI_MACHINE)
#endif
