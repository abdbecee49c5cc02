// The name of the library's inline namespace: a letter per compiler flag that changes the code of a function.
//
// Translation units built with different flags then share no function of xquant: the linker cannot hand a unit code
// that its processor does not run, or that keeps less than the arithmetic contract (docs/arithmetic.md, rule 1).
// Flags that change no code, and instructions that compilers emit only when asked (AES, SHA, CRC32), have no letter.
// A new instruction set is one more line here; `gate.abi` fails for a flag that changes code and has none.
#pragma once

// XQUANT_ABI_IF(flag, letter): `letter` where the macro `flag` is defined as 1, else nothing. (XQUANT_ABI_SET_1 brings
// a comma, which moves the letter to the second place.)
#define XQUANT_ABI_SET_1 ~,
#define XQUANT_ABI_SECOND(first, second, ...) second
#define XQUANT_ABI_PLACES(...) XQUANT_ABI_SECOND(__VA_ARGS__)
#define XQUANT_ABI_PLACE(value, letter) XQUANT_ABI_PLACES(XQUANT_ABI_SET_##value letter, , ~)
#define XQUANT_ABI_IF(flag, letter) XQUANT_ABI_PLACE(flag, letter)

#define XQUANT_ABI_PASTE(a, b, c, d, e, f, g, h) a##b##c##d##e##f##g##h
#define XQUANT_ABI_JOIN(...) XQUANT_ABI_PASTE(__VA_ARGS__)

// ---- instruction sets -----------------------------------------------------------------------------------------------
#if defined(__x86_64__) || defined(__i386__)
// The chain to AVX2 first: each step brings those before it.
#if defined(__AVX2__)
#define XQUANT_ABI_STEP x6
#elif defined(__AVX__)
#define XQUANT_ABI_STEP x5
#elif defined(__SSE4_2__)
#define XQUANT_ABI_STEP x4
#elif defined(__SSE4_1__)
#define XQUANT_ABI_STEP x3
#elif defined(__SSSE3__)
#define XQUANT_ABI_STEP x2
#elif defined(__SSE3__)
#define XQUANT_ABI_STEP x1
#else
#define XQUANT_ABI_STEP x0
#endif
#define XQUANT_ABI_256                                                                                 \
  XQUANT_ABI_JOIN(XQUANT_ABI_IF(__POPCNT__, a), XQUANT_ABI_IF(__F16C__, b), XQUANT_ABI_IF(__FMA__, c), \
                  XQUANT_ABI_IF(__BMI__, d), XQUANT_ABI_IF(__BMI2__, e), XQUANT_ABI_IF(__LZCNT__, f),  \
                  XQUANT_ABI_IF(__MOVBE__, g), XQUANT_ABI_IF(__GFNI__, h))
#define XQUANT_ABI_NEWER                                                                                           \
  XQUANT_ABI_JOIN(XQUANT_ABI_IF(__AVXVNNI__, i), XQUANT_ABI_IF(__AVXVNNIINT8__, j), XQUANT_ABI_IF(__AVXIFMA__, k), \
                  XQUANT_ABI_IF(__AVXNECONVERT__, l), XQUANT_ABI_IF(__SSE4A__, m), XQUANT_ABI_IF(__FMA4__, n),     \
                  XQUANT_ABI_IF(__XOP__, o), XQUANT_ABI_IF(__APX_F__, p))
#if defined(__AVX512F__)
#define XQUANT_ABI_512                                                                                              \
  XQUANT_ABI_JOIN(_512, XQUANT_ABI_IF(__AVX512BW__, a), XQUANT_ABI_IF(__AVX512CD__, b),                             \
                  XQUANT_ABI_IF(__AVX512DQ__, c), XQUANT_ABI_IF(__AVX512VL__, d), XQUANT_ABI_IF(__AVX512VNNI__, e), \
                  XQUANT_ABI_IF(__AVX512BF16__, f), XQUANT_ABI_IF(__AVX512FP16__, g))
#define XQUANT_ABI_512_NEWER                                                             \
  XQUANT_ABI_JOIN(XQUANT_ABI_IF(__AVX512IFMA__, h), XQUANT_ABI_IF(__AVX512VBMI__, i),    \
                  XQUANT_ABI_IF(__AVX512VBMI2__, j), XQUANT_ABI_IF(__AVX512BITALG__, k), \
                  XQUANT_ABI_IF(__AVX512VPOPCNTDQ__, l), XQUANT_ABI_IF(__AVX10_1__, m),  \
                  XQUANT_ABI_IF(__AVX10_2__, n), )
#else
#define XQUANT_ABI_512
#define XQUANT_ABI_512_NEWER
#endif
#define XQUANT_ABI_MACHINE \
  XQUANT_ABI_JOIN(XQUANT_ABI_STEP, XQUANT_ABI_256, XQUANT_ABI_NEWER, XQUANT_ABI_512, XQUANT_ABI_512_NEWER, , , )
#elif defined(__aarch64__) || defined(__arm__)
#define XQUANT_ABI_VECTORS                                                                                      \
  XQUANT_ABI_JOIN(XQUANT_ABI_IF(__ARM_NEON, a), XQUANT_ABI_IF(__ARM_FEATURE_FMA, b),                            \
                  XQUANT_ABI_IF(__ARM_FEATURE_FP16_VECTOR_ARITHMETIC, c), XQUANT_ABI_IF(__ARM_FEATURE_BF16, d), \
                  XQUANT_ABI_IF(__ARM_FEATURE_DOTPROD, e), XQUANT_ABI_IF(__ARM_FEATURE_MATMUL_INT8, f),         \
                  XQUANT_ABI_IF(__ARM_FEATURE_SVE, g), XQUANT_ABI_IF(__ARM_FEATURE_SVE2, h))
#define XQUANT_ABI_SCALARS                                                                                       \
  XQUANT_ABI_JOIN(XQUANT_ABI_IF(__ARM_FEATURE_FP16_SCALAR_ARITHMETIC, i), XQUANT_ABI_IF(__ARM_FEATURE_QRDMX, j), \
                  XQUANT_ABI_IF(__ARM_FEATURE_ATOMICS, k), XQUANT_ABI_IF(__ARM_FEATURE_FRINT, l),                \
                  XQUANT_ABI_IF(__ARM_FEATURE_JCVT, m), XQUANT_ABI_IF(__ARM_FEATURE_COMPLEX, n),                 \
                  XQUANT_ABI_IF(__ARM_FEATURE_SME, o), XQUANT_ABI_IF(__ARM_FEATURE_IDIV, p))
#define XQUANT_ABI_MACHINE XQUANT_ABI_JOIN(arm, XQUANT_ABI_VECTORS, XQUANT_ABI_SCALARS, , , , , )
#else
#define XQUANT_ABI_MACHINE                                                                                 \
  XQUANT_ABI_JOIN(any, XQUANT_ABI_IF(__ALTIVEC__, a), XQUANT_ABI_IF(__VSX__, b), XQUANT_ABI_IF(__VX__, c), \
                  XQUANT_ABI_IF(__riscv_vector, d), XQUANT_ABI_IF(__loongarch_sx, e),                      \
                  XQUANT_ABI_IF(__loongarch_asx, f), XQUANT_ABI_IF(__wasm_simd128__, g))
#endif

// ---- modes ----------------------------------------------------------------------------------------------------------
// Fast mathematics reaches this line only with XQUANT_ALLOW_FAST_MATH (config.hpp).
#if defined(__GCC_IEC_559) && __GCC_IEC_559 == 0
#define XQUANT_ABI_IEEE i
#else
#define XQUANT_ABI_IEEE
#endif
#if defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0 && __FLT_EVAL_METHOD__ != 16
#define XQUANT_ABI_EVALUATION x
#else
#define XQUANT_ABI_EVALUATION
#endif
#define XQUANT_ABI_MATH                                                                         \
  XQUANT_ABI_JOIN(XQUANT_ABI_IF(__FAST_MATH__, _fast), XQUANT_ABI_IF(__FINITE_MATH_ONLY__, f),  \
                  XQUANT_ABI_IF(__NO_SIGNED_ZEROS__, z), XQUANT_ABI_IF(__RECIPROCAL_MATH__, r), \
                  XQUANT_ABI_IF(__ASSOCIATIVE_MATH__, a), XQUANT_ABI_IEEE, XQUANT_ABI_EVALUATION, )
#define XQUANT_ABI_EXCEPTIONS_0 _no_exceptions
#define XQUANT_ABI_EXCEPTIONS_1
#define XQUANT_ABI_CHECKED_0
#define XQUANT_ABI_CHECKED_1 _checked
#define XQUANT_ABI_MODE(exceptions, checked) \
  XQUANT_ABI_JOIN(, XQUANT_ABI_EXCEPTIONS_##exceptions, XQUANT_ABI_CHECKED_##checked, XQUANT_ABI_MATH, , , , )
#define XQUANT_ABI_MODES(exceptions, checked) XQUANT_ABI_MODE(exceptions, checked)

#define XQUANT_ABI                                                                                        \
  XQUANT_ABI_JOIN(v0_, XQUANT_ABI_MACHINE, XQUANT_ABI_MODES(XQUANT_HAS_EXCEPTIONS, XQUANT_ENABLE_ASSERT), \
                  XQUANT_ABI_IF(XQUANT_SCALAR_BY_DEFAULT, _scalar), , , , )
