// The engine that the tests of this folder hold against the scalar one. XQUANT_TEST_ARCHITECTURE names an instruction
// set of the SIMD engine and XQUANT_TEST_WIDTH its floats per vector, so that no fallback goes unnoticed.
// XQUANT_TEST_ENGINE, with the header XQUANT_TEST_ENGINE_HEADER, puts another engine to the same tests.
#pragma once

#if defined(XQUANT_TEST_ENGINE)
#include XQUANT_TEST_ENGINE_HEADER
#else
#include <xquant/engines/simd.hpp>
#endif

namespace engines_test {

#if defined(XQUANT_TEST_ENGINE)
using engine = XQUANT_TEST_ENGINE;
#else
using architecture = XQUANT_TEST_ARCHITECTURE;
using engine = xquant::simd_engine<architecture>;
static_assert(xquant::lane_count<xquant::simd_lane<architecture>> == XQUANT_TEST_WIDTH);
#endif

}  // namespace engines_test
