// Threads over the vector engine every x86-64 processor has (over NEON on ARM).
#include <threads/subject.hpp>

#include <xquant/engines/simd.hpp>

TEST_CASE("every operation on threads over vectors") { threads_test::check_cuts<xquant::simd_engine<>>(); }
