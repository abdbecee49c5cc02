// Random data for calibration tests: kinds of values from subnormal to huge, and views of vectors.
#pragma once

#include <xquant/core/view.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <random>
#include <vector>

namespace xquant_test {

inline xquant::tensor_view<const float> view_of(const std::vector<float>& x) {
  return {x.data(), xquant::shape(x.size())};
}

/// `n` values of one of ten kinds.
inline std::vector<float> samples(std::mt19937& generator, unsigned kind, std::size_t n) {
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<float> exponent(-38.0f, 38.0f);
  std::uniform_real_distribution<float> unit(0.0f, 1.0f);
  std::vector<float> x(n);
  const float spread = std::pow(10.0f, exponent(generator));
  for (std::size_t i = 0; i < n; ++i) {
    float v = 0;
    switch (kind % 10) {
      case 0: v = normal(generator); break;
      case 1: v = normal(generator) > 0 ? unit(generator) * spread : 0.0f; break;
      case 2: v = -unit(generator) * spread; break;  // negatives only
      case 3: v = std::pow(10.0f, exponent(generator)) * (unit(generator) < 0.5f ? -1.0f : 1.0f); break;  // 1e-38..1e38
      case 4: v = unit(generator) < 0.5f ? 0.0f : -0.0f; break;                                           // zeros only
      case 5: v = std::numeric_limits<float>::denorm_min() * std::floor(unit(generator) * 9000.0f); break;
      case 6:
        v = std::ldexp(1.0f, static_cast<int>(unit(generator) * 250.0f) - 149);
        break;  // powers of two: bin edges
      case 7: v = unit(generator) < 0.01f ? std::numeric_limits<float>::max() : normal(generator); break;
      case 8: v = std::floor(normal(generator) * 4.0f) * std::ldexp(1.0f, -140); break;
      default: v = std::floor(unit(generator) * 6.0f) - 1.0f; break;
    }
    x[i] = v;
  }
  return x;
}

}  // namespace xquant_test
