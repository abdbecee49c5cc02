// All engines that need no device, as one whose choice is a value: calls are compiled once and not for each.
#pragma once

#include <cuda/emulate.hpp>
#include <threads/pooled_engine.hpp>
#include <xquant/engines/scalar.hpp>
#include <xquant/engines/simd.hpp>
#include <xquant/engines/vector.hpp>

namespace packed_test {

struct chosen_engine {
  const char* name;
  int number;
  template <class Op>
  static constexpr bool supports = true;
  template <class Op>
  void run(const Op& operation, const xquant::nest_list& nests, const xquant::operation_streams<Op>& s) const {
    switch (number) {
      case 0: return xquant::scalar_engine::run(operation, nests, s);
      case 1: return xquant::vector_engine<>::run(operation, nests, s);
      case 2: return xquant::simd_engine<>::run(operation, nests, s);
      case 3: return threads_test::pooled_engine{}.run(operation, nests, s);
      default: return emulated::engine{{32, true}}.run(operation, nests, s);
    }
  }
  template <class Op>
  void reduce(const Op& operation, const xquant::reduction_walk& walk, const xquant::operation_streams<Op>& s,
              double* results) const {
    xquant::scalar_engine::reduce(operation, walk, s, results);
  }
};
inline constexpr chosen_engine engines[] = {{"scalar", 0}, {"vector", 1}, {"simd", 2}, {"threads", 3}, {"cuda", 4}};

}  // namespace packed_test
