// The error of a group by arithmetic written here: codes by a search among all values, products in float.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace xquant_test {

/// The values of the codes at scale 1, rising; integers carry their zero point.
inline std::vector<double> integers(int lowest, int highest) {
  std::vector<double> all;
  for (int k = lowest; k <= highest; ++k) all.push_back(k);
  return all;
}
/// Floats of `exponent` and `mantissa` bits without infinities whose largest magnitude code is `largest`.
inline std::vector<double> small_floats(int exponent, int mantissa, int bias, int largest) {
  std::vector<double> all;
  for (int code = 0; code <= largest; ++code) {
    const int field = code >> mantissa;
    const int digits = code & ((1 << mantissa) - 1);
    const double value = field == 0 ? std::ldexp(digits, 1 - bias - mantissa)
                                    : std::ldexp(digits + (1 << mantissa), field - bias - mantissa);
    all.push_back(value);
    if (code > 0) all.push_back(-value);
  }
  (void)exponent;
  std::sort(all.begin(), all.end());
  return all;
}

/// The value nearest to v; either of two as near.
inline double nearest(const std::vector<double>& values, double v) {
  const auto above = std::lower_bound(values.begin(), values.end(), v);
  if (above == values.end()) return values.back();
  return above != values.begin() && v - *(above - 1) < *above - v ? *(above - 1) : *above;
}

/// Sum of weight |x - s value|^power with the value nearest to the float quotient x / s. Ties go to either side here,
/// to the better one: the library's answer must be no worse than what a tie broken well gives, up to the tie itself.
struct group_oracle {
  std::vector<float> x;
  std::vector<double> weight;  // empty: all 1
  double power = 2;

  [[nodiscard]] double real_error(const std::vector<double>& values, double s) const {
    return sum(
        [&](float e) { return std::fabs(static_cast<double>(e) - nearest(values, static_cast<double>(e) / s) * s); });
  }
  [[nodiscard]] double float_error(const std::vector<double>& values, float s) const {
    return sum([&](float e) {
      const float v = e / s;
      const auto above = std::lower_bound(values.begin(), values.end(), static_cast<double>(v));
      double value = above == values.end() ? values.back() : *above;
      if (above != values.end() && above != values.begin()) {
        const double below = *(above - 1);
        const double up = *above - static_cast<double>(v);
        const double down = static_cast<double>(v) - below;
        // Ties to even; neighbours of small floats alternate, and the one with the even digit is the multiple of twice
        // their distance.
        const bool below_is_even = std::fmod(below, 2 * (*above - below)) == 0;
        if (down < up || (down == up && below_is_even)) value = below;
      }
      return std::fabs(static_cast<double>(e) - static_cast<double>(static_cast<float>(value) * s));
    });
  }

 private:
  template <class Error>
  [[nodiscard]] double sum(const Error& error) const {
    double all = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double e = error(x[i]);
      all += (weight.empty() ? 1.0 : weight[i]) * (power == 2 ? e * e : std::pow(e, power));
    }
    return all;
  }
};

}  // namespace xquant_test
