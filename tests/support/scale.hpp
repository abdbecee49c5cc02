// How large a test may make its data: builds that run slowly (sanitizers, emulators) set XQUANT_TEST_SCALE below 1.
#pragma once

#include <cstddef>
#include <cstdlib>

namespace xquant_test {

/// XQUANT_TEST_SCALE, a number in (0, 1]; 1 when it is not set or not such a number.
inline double scale() {
  const char* text = std::getenv("XQUANT_TEST_SCALE");
  const double value = text == nullptr ? 1.0 : std::strtod(text, nullptr);
  return value > 0.0 && value < 1.0 ? value : 1.0;
}

/// `count` times scale(), at least `least`.
inline std::size_t scaled(std::size_t count, std::size_t least = 1) {
  const auto n = static_cast<std::size_t>(static_cast<double>(count) * scale());
  return n < least ? least : n;
}

}  // namespace xquant_test
