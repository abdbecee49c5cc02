// The quantizers that range rules are tried with, and what they do to a number, by the documented rules in double.
#pragma once

#include <xquant/calibration/code_grid.hpp>
#include <xquant/core/range.hpp>
#include <xquant/formats/float4.hpp>
#include <xquant/formats/float8.hpp>
#include <xquant/quantizer.hpp>

#include "calibration/codes.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace xquant_test {

/// Integers (values empty), or a small float by its values, its largest at the end of the range.
struct tried_quantizer {
  std::string name;
  codes integers;
  std::vector<double> values;
};

inline std::vector<double> values_of_float(int exponent_bits, int mantissa_bits, int codes_of_top_exponent) {
  std::vector<double> values;
  const int steps = 1 << mantissa_bits;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponents = 1 << exponent_bits;
  for (int e = 0; e < exponents; ++e)
    for (int m = 0; m < (e == exponents - 1 ? codes_of_top_exponent : steps); ++m) {
      const double v = e == 0 ? std::ldexp(static_cast<double>(m) / steps, 1 - bias)
                              : std::ldexp(1 + static_cast<double>(m) / steps, e - bias);
      values.push_back(v);
      if (v > 0) values.push_back(-v);
    }
  std::sort(values.begin(), values.end());
  return values;
}

inline std::vector<tried_quantizer> tried_quantizers() {
  return {{"int8", {-128, 127, false}, {}},
          {"uint8 affine", {0, 255, true}, {}},
          {"int4", {-8, 7, false}, {}},
          {"uint4 affine", {0, 15, true}, {}},
          {"uint2 affine", {0, 3, true}, {}},
          {"uint12 affine", {0, 4095, true}, {}},
          {"e4m3fn", {}, values_of_float(4, 3, 7)},
          {"e2m1", {}, values_of_float(2, 1, 2)}};
}

/// use(code_grid).
template <class Use>
auto with_grid(const tried_quantizer& q, const Use& use) {
  if (q.values.empty()) return with_grid(q.integers, use);
  return q.name == "e2m1" ? use(xquant::code_grid(xquant::quantizer<xquant::e2m1>()))
                          : use(xquant::code_grid(xquant::quantizer<xquant::e4m3fn>()));
}

/// The values of the codes over a range; rule 8 of docs/arithmetic.md read word for word.
struct placed_values {
  double scale;
  double zero = 0;
  double lower = 0;
  double upper = 0;
  std::vector<double> values;

  placed_values(const tried_quantizer& q, const xquant::range<double>& r) : values(q.values) {
    const double a = r.minimum;
    const double b = r.maximum;
    lower = q.integers.lower;
    upper = q.integers.upper;
    if (!values.empty())
      scale = std::max(-a, b) / values.back();
    else if (q.integers.has_zero_point)
      scale = (std::max(b, 0.0) - std::min(a, 0.0)) / (upper - lower);
    else
      scale = std::max(b / upper, lower < 0 ? a / lower : 0.0);
    const bool is_degenerate = !(scale >= static_cast<double>(std::numeric_limits<float>::min()));
    if (is_degenerate) scale = 1;
    if (values.empty() && q.integers.has_zero_point && !is_degenerate)
      zero = std::min(std::max(lower - std::nearbyint(std::min(a, 0.0) / scale), lower), upper);
    scale = static_cast<double>(static_cast<float>(scale));
  }
  /// |x - its nearest value|, and whether x lies beyond all of them.
  struct error {
    double size;
    bool is_clipped;
  };
  error of(double x) const {
    if (values.empty()) {
      const double code = std::min(std::max(std::nearbyint(x / scale) + zero, lower), upper);
      const bool beyond = x < (lower - zero) * scale || x > (upper - zero) * scale;
      return {std::fabs((code - zero) * scale - x), beyond};
    }
    const auto above = std::lower_bound(values.begin(), values.end(), x / scale);
    double size = std::numeric_limits<double>::infinity();
    if (above != values.end()) size = std::fabs(*above * scale - x);
    if (above != values.begin()) size = std::min(size, std::fabs(*(above - 1) * scale - x));
    return {size, x < values.front() * scale || x > values.back() * scale};
  }
};

}  // namespace xquant_test
