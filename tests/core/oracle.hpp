// What quantize, dequantize and fake quantize must give, computed another way: in double (where every float quotient
// and product can be rounded once), by tables and by searching. Uses nothing of the library.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

namespace oracle {

enum class rounding { even, away, random };
enum class arithmetic { divide, reciprocal };

/// The float quotient, correctly rounded: double has more than 2 * 24 + 1 bits, so rounding twice is rounding once.
inline double quotient(float x, float scale, arithmetic how) {
  if (how == arithmetic::divide) return static_cast<float>(static_cast<double>(x) / static_cast<double>(scale));
  const auto reciprocal = static_cast<float>(1.0 / static_cast<double>(scale));
  return static_cast<float>(static_cast<double>(x) * static_cast<double>(reciprocal));
}

/// The double quotient, correctly rounded, through a quotient of more than 2 * 53 + 1 bits where the compiler has one.
inline double quotient(double x, double scale, arithmetic how) {
#if defined(__SIZEOF_FLOAT128__)
  using wide = __float128;
#else
  using wide = long double;
#endif
  if (how == arithmetic::divide) return static_cast<double>(static_cast<wide>(x) / static_cast<wide>(scale));
  const auto reciprocal = static_cast<double>(static_cast<wide>(1) / static_cast<wide>(scale));
  return static_cast<double>(static_cast<wide>(x) * static_cast<wide>(reciprocal));
}

/// An integral value near v; `bits` decide random roundings: away from zero with probability floor(2^31 f) / 2^31.
inline double round_to_integer(double v, rounding how, std::uint32_t bits) {
  if (how == rounding::away) return std::round(v);
  const double below = std::floor(v);
  const double fraction = v - below;
  if (how == rounding::even) {
    if (fraction != 0.5) return fraction < 0.5 ? below : below + 1;
    return std::fmod(below, 2.0) == 0.0 ? below : below + 1;
  }
  const double inner = std::trunc(v);
  const auto threshold = static_cast<std::uint32_t>(std::floor(std::fabs(v - inner) * 2147483648.0));
  return (bits >> 1) < threshold ? inner + (v < 0 ? -1 : 1) : inner;
}

struct integer_grid {
  std::int32_t lower;
  std::int32_t upper;
};

/// code = clamp(round(x / scale) + zero_point, lower, upper); NaN gives the lowest code.
template <class Real>
std::int32_t integer_code(Real x, Real scale, std::int32_t zero_point, integer_grid grid, rounding how, arithmetic a,
                          std::uint32_t bits = 0) {
  if (std::isnan(x)) return grid.lower;
  double v = quotient(x, scale, a);
  const double far = 16777216.0;
  v = v > far ? far : v < -far ? -far : v;
  const double code = round_to_integer(v, how, bits) + zero_point;
  return code < grid.lower ? grid.lower : code > grid.upper ? grid.upper : static_cast<std::int32_t>(code);
}

/// (code - zero_point) * scale, rounded once.
template <class Real>
Real integer_value(std::int32_t code, Real scale, std::int32_t zero_point) {
#if defined(__SIZEOF_FLOAT128__)
  using wide = __float128;
#else
  using wide = long double;
#endif
  return static_cast<Real>(static_cast<wide>(static_cast<double>(code) - static_cast<double>(zero_point)) *
                           static_cast<wide>(scale));
}

/// The value of an e4m3fn code from its definition: (-1)^S 2^(E-7) (1 + M/8), E = 0: (-1)^S 2^-6 M/8, all ones NaN.
inline double e4m3fn_value(unsigned code) {
  const unsigned exponent = code >> 3 & 15u;
  const unsigned mantissa = code & 7u;
  double magnitude =
      exponent == 0 ? std::ldexp(mantissa, -9) : std::ldexp(8.0 + mantissa, static_cast<int>(exponent) - 10);
  if ((code & 0x7fu) == 0x7fu) magnitude = std::numeric_limits<double>::quiet_NaN();
  return (code & 0x80u) != 0 ? -magnitude : magnitude;
}

/// The code nearest to v, found among all magnitudes by their midpoints; saturating; the sign of zero kept.
inline unsigned e4m3fn_code(double v, rounding how, std::uint32_t bits = 0) {
  const unsigned sign = std::signbit(v) ? 0x80u : 0u;
  if (std::isnan(v)) return sign | 0x7fu;
  const double magnitude = std::fabs(v);
  if (magnitude >= e4m3fn_value(0x7e)) return sign | 0x7eu;
  static const std::vector<double> values = [] {
    std::vector<double> all;
    for (unsigned code = 0; code < 0x7f; ++code) all.push_back(e4m3fn_value(code));
    return all;
  }();
  const auto below =
      static_cast<unsigned>(std::upper_bound(values.begin(), values.end(), magnitude) - values.begin()) - 1;
  const double low = e4m3fn_value(below);
  const double step = e4m3fn_value(below + 1 == 0x7f ? 0x7e : below + 1) - low;
  const double fraction = step == 0 ? 0 : (magnitude - low) / step;
  bool up = false;
  if (how == rounding::random)
    up = (bits >> 1) < static_cast<std::uint32_t>(std::floor(fraction * 2147483648.0));
  else if (fraction != 0.5)
    up = fraction > 0.5;
  else
    up = how == rounding::away || below % 2 != 0;
  return sign | (below + (up ? 1u : 0u));
}

template <class Real>
unsigned e4m3fn_code_of(Real x, Real scale, rounding how, arithmetic a, std::uint32_t bits = 0) {
  return e4m3fn_code(std::isnan(x) ? static_cast<double>(x) : quotient(x, scale, a), how, bits);
}

template <class Real>
Real e4m3fn_value_of(unsigned code, Real scale) {
#if defined(__SIZEOF_FLOAT128__)
  using wide = __float128;
#else
  using wide = long double;
#endif
  return static_cast<Real>(static_cast<wide>(e4m3fn_value(code)) * static_cast<wide>(scale));
}

/// Equal bits, or both NaN.
template <class Real>
bool same(Real a, Real b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return std::memcmp(&a, &b, sizeof a) == 0;
}

/// A fixed stream of numbers that does not depend on the library: SplitMix64.
class stream {
 public:
  explicit stream(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  std::uint32_t word() { return static_cast<std::uint32_t>(next() >> 32); }
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>((std::uint64_t{word()} * n) >> 32); }
  /// In [-1, 1).
  double unit() { return static_cast<double>(static_cast<std::int64_t>(next())) * 0x1p-63; }

 private:
  std::uint64_t state_;
};

inline float float_of(std::uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

/// Values that find faults: points half way between codes with neighbours, any bit pattern, specials, ordinary ones.
inline float interesting(stream& s, float scale, double reach) {
  switch (s.below(8)) {
    case 0: return float_of(s.word());
    case 1: {
      static const float specials[] = {0.0f,
                                       -0.0f,
                                       std::numeric_limits<float>::infinity(),
                                       -std::numeric_limits<float>::infinity(),
                                       std::numeric_limits<float>::quiet_NaN(),
                                       -std::numeric_limits<float>::quiet_NaN(),
                                       std::numeric_limits<float>::max(),
                                       -std::numeric_limits<float>::max(),
                                       std::numeric_limits<float>::min(),
                                       -std::numeric_limits<float>::denorm_min(),
                                       std::numeric_limits<float>::denorm_min(),
                                       1.0f,
                                       -1.0f,
                                       464.0f,
                                       -480.0f,
                                       0.49999997f};
      return specials[s.below(16)];
    }
    case 2:
    case 3:
    case 4: {  // half way, or some units in the last place beside it
      const double half = std::floor(s.unit() * reach) + 0.5;
      const auto tiny = static_cast<int>(s.below(12));  // small halves too: minifloats have them
      const auto x =
          static_cast<float>((s.below(4) == 0 ? std::ldexp(half, -tiny) : half) * static_cast<double>(scale));
      std::uint32_t bits;
      std::memcpy(&bits, &x, 4);
      return float_of(bits + s.below(5) - 2);
    }
    case 5: return static_cast<float>(std::floor(s.unit() * reach) * static_cast<double>(scale));
    default: return static_cast<float>(s.unit() * reach * static_cast<double>(scale));
  }
}

}  // namespace oracle
