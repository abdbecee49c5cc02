// What the gradients and reductions must give, computed another way: in double, where every float operation can be
// rounded once, with the tree of docs/arithmetic.md, rule 10, written out. Uses nothing of the library.
#pragma once

#include <core/oracle.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace reference {

struct format {
  bool is_integer;  // else e4m3fn
  std::int32_t lower;
  std::int32_t upper;
  oracle::rounding rounding;
  oracle::arithmetic arithmetic;

  [[nodiscard]] double largest() const { return is_integer ? upper : 448.0; }
};

/// Where one element lies: v = x / scale, q = code - zero point (or the decoded code), inside when the rounded v is one
/// of the codes.
struct position {
  double v;
  double q;
  bool inside;
};

template <class Real>
position locate(const format& f, Real x, Real scale, std::int32_t zero_point, std::uint32_t bits) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  if (std::isnan(x)) return {nan, f.is_integer ? static_cast<double>(f.lower) - zero_point : nan, false};
  const double v = oracle::quotient(x, scale, f.arithmetic);
  if (f.is_integer) {
    const double far = 16777216.0;
    const double code = oracle::round_to_integer(v > far ? far : v < -far ? -far : v, f.rounding, bits) + zero_point;
    const double held = code < f.lower ? f.lower : code > f.upper ? f.upper : code;
    return {v, held - zero_point, code >= f.lower && code <= f.upper};
  }
  // Beyond 448 the grid would go on in steps of 32.
  const double excess = (std::fabs(v) - 448.0) / 32.0;
  bool inside = excess <= 0;
  if (excess > 0 && excess < 1) {
    if (f.rounding == oracle::rounding::random)
      inside = (bits >> 1) >= static_cast<std::uint32_t>(std::floor(excess * 2147483648.0));
    else
      inside = f.rounding == oracle::rounding::even ? excess <= 0.5 : excess < 0.5;
  }
  return {v, oracle::e4m3fn_value(oracle::e4m3fn_code(v, f.rounding, bits)), inside};
}

/// Real arithmetic rounded once: through double for float, by the machine for double.
inline float sum(float a, float b) { return static_cast<float>(static_cast<double>(a) + static_cast<double>(b)); }
inline double sum(double a, double b) { return a + b; }
inline float product(float a, double b) {
  return static_cast<float>(static_cast<double>(a) * static_cast<double>(static_cast<float>(b)));
}
inline double product(double a, double b) { return a * b; }

/// A sum, a minimum or a maximum by rule 10: the elements of each slot in pieces, which are runs of consecutive indices
/// that do not cross a multiple of 4096; element i of a piece to accumulator i % 32, folded 16-8-4-2-1; the pieces in
/// order in double.
template <class Real, class Combine>
std::vector<double> reduce(const std::vector<Real>& term, const std::vector<std::size_t>& slot, std::size_t slots,
                           double initial, Combine combine) {
  std::vector<double> result(slots, initial);
  for (std::size_t first = 0; first < term.size();) {
    std::size_t last = first + 1;
    while (last < term.size() && slot[last] == slot[first] && last % 4096 != 0) ++last;
    Real accumulator[32];
    for (Real& a : accumulator) a = static_cast<Real>(initial);
    for (std::size_t i = first; i < last; ++i) {
      Real& a = accumulator[(i - first) % 32];
      a = combine(a, term[i]);
    }
    for (const std::size_t half : {16u, 8u, 4u, 2u, 1u})
      for (std::size_t i = 0; i < half; ++i) accumulator[i] = combine(accumulator[i], accumulator[i + half]);
    result[slot[first]] = combine(result[slot[first]], static_cast<double>(accumulator[0]));
    first = last;
  }
  return result;
}

}  // namespace reference
