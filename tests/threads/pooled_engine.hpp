// Threads over vectors as an engine that needs no argument, for the tests that every engine takes.
#pragma once

#include <xquant/engines/simd.hpp>
#include <xquant/engines/threads.hpp>

namespace threads_test {

struct pooled_engine : xquant::threads_engine<xquant::simd_engine<>> {
  pooled_engine() : threads_engine(pool()) {}

 private:
  static xquant::thread_pool& pool() {
    static xquant::thread_pool threads(3);
    return threads;
  }
};

}  // namespace threads_test
