// Interleaved measurement: every engine of a case and a memcpy of the same traffic, turn by turn in one process; the
// results go out through Google Benchmark and into the tables of README.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace bench {

/// Sizes in elements. Matrices of the per-axis cases hold as many.
struct extent {
  const char* name;
  std::size_t elements;
  std::size_t rows;
  std::size_t columns;
};
inline constexpr extent extents[] = {{"L1", std::size_t{1} << 10, 16, 64},
                                     {"L2", std::size_t{1} << 18, 256, 1024},
                                     {"DRAM", std::size_t{1} << 26, 8192, 8192}};

/// Memory on 2 MiB pages where the system gives them, touched before use. One buffer a purpose, kept between cases.
enum class buffer { input, gradient, codes, output, expected, copy_from, copy_to, count };
void* memory(buffer b, std::size_t bytes);

/// `n` values close to N(0, 1), the same in every run; or codes of every value.
const float* normal(buffer b, std::size_t n);
const std::int8_t* all_codes(std::size_t n);

/// Keeps the compiler from knowing what lies behind p, or that memory is unchanged.
inline void escape(const void* p) { asm volatile("" : : "g"(p) : "memory"); }

/// One implementation of a case. `repeat(k)` does the work k times; `check` says what is wrong with the result of the
/// work just done, or nothing.
struct engine_run {
  std::string engine;
  std::function<void(std::size_t)> repeat;
  std::function<std::string()> check;
};

/// What is measured together. `build` makes buffers and engines when the case is first asked for.
struct study {
  std::string operation;  // quantize, ...
  std::string kind;       // format/granularity/rounding/arithmetic
  extent size;
  std::size_t bytes;  // read and written, each byte once
  std::vector<std::string> engines;
  std::function<std::vector<engine_run>(const extent&)> build;
};

template <class F>
std::function<void(std::size_t)> repeated(F f) {
  return [f](std::size_t k) mutable {
    for (std::size_t i = 0; i < k; ++i) {
      f();
      escape(&f);
    }
  };
}

void add(study s);

/// The first difference between two arrays, or nothing. Floats are compared by bits, or by value (so that -0 is +0).
std::string difference(const std::int8_t* got, const std::int8_t* expected, std::size_t n);
std::string difference(const float* got, const float* expected, std::size_t n, bool by_value = false);
std::string difference(double got, double expected, double tolerance, const char* what);

void add_quantize();
void add_dequantize();
void add_gradients();
void add_estimators();
void add_reductions();

}  // namespace bench
