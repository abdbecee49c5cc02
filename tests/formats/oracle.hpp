// What small floats are and what rounding to them gives, from the layout of their codes and by searching among all
// numbers in double. Uses nothing of the library.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace formats_test {

enum class kind { ieee, fn, fnuz, none };

/// Sign bit or none, exponent bits, mantissa bits, bias, special codes.
struct layout {
  int sign;
  int exponent;
  int mantissa;
  int bias;
  kind specials;

  [[nodiscard]] unsigned codes() const { return 1u << (sign + exponent + mantissa); }
  [[nodiscard]] unsigned sign_bit() const { return sign != 0 ? 1u << (exponent + mantissa) : 0u; }
  [[nodiscard]] unsigned all_ones() const { return (1u << (exponent + mantissa)) - 1u; }

  /// (-1)^S 2^(E - bias) (1 + M / 2^m), or without the 1 and with exponent 1 - bias where E = 0; then the specials.
  [[nodiscard]] double value(unsigned code) const {
    const unsigned magnitude = code & all_ones();
    const bool negative = (code & sign_bit()) != 0;
    const unsigned field = magnitude >> mantissa;
    const unsigned fraction = magnitude & ((1u << mantissa) - 1u);
    double v = field == 0 ? std::ldexp(fraction, 1 - bias - mantissa)
                          : std::ldexp(std::ldexp(1.0, mantissa) + fraction, static_cast<int>(field) - bias - mantissa);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    if (specials == kind::ieee && field == (1u << exponent) - 1u) v = fraction == 0 ? INFINITY : nan;
    if (specials == kind::fn && magnitude == all_ones()) v = nan;
    if (specials == kind::fnuz && negative && magnitude == 0) v = nan;
    return negative ? -v : v;
  }
};

/// Every rounding of the library that is a rule.
enum class rule {
  nearest_even,
  nearest_away,
  nearest_up,
  nearest_down,
  nearest_to_zero,
  nearest_odd,
  toward_zero,
  toward_positive,
  toward_negative,
  to_odd,
};
constexpr int rules = 10;

/// The magnitudes of a format in order, and one more: where the numbers would go on.
class grid {
 public:
  explicit grid(const layout& l) : layout_(l) {
    for (unsigned code = 0; code <= l.all_ones(); ++code) {
      const double v = l.value(code);
      if (std::isnan(v) || std::isinf(v)) break;
      magnitudes_.push_back(v);
    }
    // The code that follows the last number, read as if every code were one and there were more exponents.
    const auto next = static_cast<unsigned>(magnitudes_.size());
    const unsigned field = next >> l.mantissa;
    const unsigned fraction = next & ((1u << l.mantissa) - 1u);
    beyond_ = field == 0
                  ? std::ldexp(fraction, 1 - l.bias - l.mantissa)
                  : std::ldexp(std::ldexp(1.0, l.mantissa) + fraction, static_cast<int>(field) - l.bias - l.mantissa);
  }

  [[nodiscard]] const layout& format() const { return layout_; }
  [[nodiscard]] unsigned count() const { return static_cast<unsigned>(magnitudes_.size()); }
  [[nodiscard]] unsigned overflow() const { return count(); }
  [[nodiscard]] double magnitude(unsigned k) const { return k < count() ? magnitudes_[k] : beyond_; }

  /// Which magnitude the finite v is rounded to; overflow() beyond the last.
  [[nodiscard]] unsigned round(double v, rule how) const {
    const double m = std::fabs(v);
    if (m >= beyond_) return overflow();
    const auto below =
        static_cast<unsigned>(std::upper_bound(magnitudes_.begin(), magnitudes_.end(), m) - magnitudes_.begin()) - 1u;
    const double low = magnitudes_[below];
    if (m == low) return below;
    const double high = magnitude(below + 1);
    const double middle = low + (high - low) / 2;  // exact: few bits
    const bool negative = std::signbit(v);
    // Without mantissa bits every number but 0 is one digit 1: the digit above it is 2, or rather the next 1.
    const bool below_is_odd = layout_.mantissa == 0 ? below != 0 : below % 2 != 0;
    bool up = m > middle;
    const bool tie = m == middle;
    switch (how) {
      case rule::nearest_even: up = up || (tie && below_is_odd); break;
      case rule::nearest_away: up = up || tie; break;
      case rule::nearest_up: up = up || (tie && !negative); break;
      case rule::nearest_down: up = up || (tie && negative); break;
      case rule::nearest_to_zero: break;
      case rule::nearest_odd: up = up || (tie && !below_is_odd); break;
      case rule::toward_zero: up = false; break;
      case rule::toward_positive: up = !negative; break;
      case rule::toward_negative: up = negative; break;
      case rule::to_odd: up = !below_is_odd; break;
    }
    return below + (up ? 1u : 0u);
  }

 private:
  layout layout_;
  std::vector<double> magnitudes_;
  double beyond_ = 0;
};

/// What stands for overflow, infinity and NaN, for each sign.
struct specials {
  unsigned overflow[2];
  unsigned infinity[2];
  unsigned nan[2];
};

/// The code of v: a magnitude with the sign of v, or a special one.
inline unsigned code_of(const grid& g, const specials& s, double v, rule how) {
  const unsigned negative = std::signbit(v) ? 1 : 0;
  if (std::isnan(v)) return s.nan[negative];
  if (g.format().sign == 0 && negative != 0) return std::isinf(v) ? s.infinity[1] : 0u;
  if (std::isinf(v)) return s.infinity[negative];
  const unsigned k = g.round(v, how);
  if (k == g.overflow()) return s.overflow[negative];
  if (k == 0 && g.format().specials == kind::fnuz) return 0;
  return negative != 0 ? k | g.format().sign_bit() : k;
}

}  // namespace formats_test
