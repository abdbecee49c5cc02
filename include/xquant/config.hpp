// Macros the library needs of a compiler: host/device marks, inlining, unrolling, exceptions.
// Refuses compiler modes under which the arithmetic contract (docs/arithmetic.md, rule 1) cannot hold.
#pragma once

// An older language would give hundreds of errors, so the first is the last: a header that cannot be found is the one
// fault at which every compiler stops.
#if (defined(_MSVC_LANG) ? _MSVC_LANG : __cplusplus) < 202002L
#error "xquant needs C++20: compile with -std=c++20 or newer, on g++ 12, clang 16 or newer"
#define XQUANT_STOP <xquant needs -std=c++20>
#include XQUANT_STOP
#endif

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

// 1: invariants are checked where XQUANT_ASSERT states them (core/assert.hpp). Off by default, whatever NDEBUG says:
// the checks stand in loops. All units of a program may differ in it.
#if !defined(XQUANT_ENABLE_ASSERT)
#define XQUANT_ENABLE_ASSERT 0
#endif

// 1: a call that names no engine runs plain loops and not vectors (calls/default_engine.hpp): for programs of many
// kernels and little data, which compile faster so.
#if !defined(XQUANT_SCALAR_BY_DEFAULT)
#define XQUANT_SCALAR_BY_DEFAULT 0
#endif

// Everything lives in `namespace xquant::inline XQUANT_ABI`, named after all flags that change code. Names are used as
// xquant::... throughout; specialise templates as such too.
#include <xquant/abi.hpp>
