// The threads engine over vectors, as one more engine under test.
#pragma once

#include <xquant/engines/simd.hpp>
#include <xquant/engines/threads.hpp>

namespace formats_test {

using pooled_engine = xquant::threads_engine<xquant::simd_engine<>>;

inline pooled_engine make_pooled_engine() {
  static xquant::thread_pool pool(3);
  return pooled_engine(pool);
}

}  // namespace formats_test
