// Macros the library needs of a compiler: host/device marks, inlining, unrolling, exceptions.
// Refuses compiler modes under which the arithmetic contract (docs/arithmetic.md, rule 1) cannot hold.
#pragma once

// Each part of -ffast-math that a compiler tells of by a macro: g++ of every part, clang of the whole and of
// -ffinite-math-only alone. g++'s __GCC_IEC_559 is 0 for any option that leaves IEEE 754 in its own way; values wider
// than their type (x87) round twice.
#if !defined(XQUANT_ALLOW_FAST_MATH)
#if defined(__FAST_MATH__)
#error \
    "xquant: -ffast-math breaks the arithmetic contract (docs/arithmetic.md, rule 1); compile this file without it, or define XQUANT_ALLOW_FAST_MATH to give up every promise about bits"
#elif defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ != 0
#error \
    "xquant: -ffinite-math-only breaks the arithmetic contract (docs/arithmetic.md, rule 1), which says what becomes of NaN and infinities; compile this file without it, or define XQUANT_ALLOW_FAST_MATH to give up every promise about bits"
#elif defined(__ASSOCIATIVE_MATH__)
#error \
    "xquant: -fassociative-math (part of -funsafe-math-optimizations) breaks the arithmetic contract (docs/arithmetic.md, rule 1); compile this file without it, or define XQUANT_ALLOW_FAST_MATH to give up every promise about bits"
#elif defined(__RECIPROCAL_MATH__)
#error \
    "xquant: -freciprocal-math (part of -funsafe-math-optimizations) breaks the arithmetic contract (docs/arithmetic.md, rule 1); compile this file without it, or define XQUANT_ALLOW_FAST_MATH to give up every promise about bits"
#elif defined(__NO_SIGNED_ZEROS__)
#error \
    "xquant: -fno-signed-zeros (part of -funsafe-math-optimizations) breaks the arithmetic contract (docs/arithmetic.md, rule 1); compile this file without it, or define XQUANT_ALLOW_FAST_MATH to give up every promise about bits"
#elif defined(__GCC_IEC_559) && __GCC_IEC_559 == 0
#error \
    "xquant: a compiler option here leaves IEEE 754 arithmetic (-fsingle-precision-constant or one like it) and breaks the arithmetic contract (docs/arithmetic.md, rule 1); compile this file without it, or define XQUANT_ALLOW_FAST_MATH to give up every promise about bits"
#elif defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0 && __FLT_EVAL_METHOD__ != 16
#error \
    "xquant: float is computed in a wider type here (x87), which breaks the arithmetic contract (docs/arithmetic.md, rule 1); compile with -msse2 -mfpmath=sse, or define XQUANT_ALLOW_FAST_MATH to give up every promise about bits"
#endif
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

// Everything lives in an inline namespace that names the instruction set and the exception mode, so that translation
// units built for two of the sets below share none of this library's functions: the linker cannot hand a baseline unit
// code it may not run. Units built for extensions that no name below tells apart (of AVX-512, or FMA alone) must run on
// the same processors; functions of other libraries, xsimd's and the standard's, are shared whatever is written here.
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
