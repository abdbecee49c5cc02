// Bins of magnitudes which the bits of a number choose: linear near the largest magnitude, logarithmic below, and
// nested, so that what a larger magnitude makes of a count is exact.
#pragma once

#include <xquant/core/bits.hpp>

#include <cstdint>

namespace xquant::inline XQUANT_ABI {

/// The bins of all magnitudes 0 < m < 2^(E+1), relative to an exponent E.
///   m >= 2^(E-3): index floor(m / w), w = 2^(E-10): 128 to 2047, of equal width;
///   below, in the octave 2^e <= m < 2^(e+1): index 128 (e - E + 4) + floor(128 (m / 2^e - 1)), 127 downwards to any
///   depth: 128 of an octave, each at most 1/128 of the numbers in it wide.
/// Both agree for e = E - 3. Whatever E, an octave has a power of two of equal bins from 128 to 1024; hence the bins of
/// a larger E are sums of bins of a smaller one, as moved() says which.
class value_grid {
 public:
  /// Indices end before this one.
  static constexpr int end = 2048;
  /// From this index on bins are of equal width.
  static constexpr int linear = 128;
  /// E is at least this, whatever the magnitudes, so that width() is not below 2^-149.
  static constexpr int lowest_exponent = -139;

  constexpr value_grid() noexcept = default;
  /// For a largest magnitude, finite and not negative.
  explicit constexpr value_grid(double magnitude) noexcept {
    const int exponent = static_cast<int>(bit_cast<std::uint64_t>(magnitude) >> 52) - 1023;
    exponent_ = exponent > lowest_exponent ? exponent : lowest_exponent;
  }

  /// E.
  [[nodiscard]] constexpr int exponent() const noexcept { return exponent_; }
  /// The width of the bins from `linear` on, 2^width_exponent().
  [[nodiscard]] constexpr int width_exponent() const noexcept { return exponent_ - 10; }
  [[nodiscard]] constexpr double width() const noexcept { return power_of_two<double>(width_exponent()); }

  /// The bin of a magnitude in (0, 2^(E+1)); from its bits, so exact and the same for subnormal numbers.
  template <class Real>
  [[nodiscard]] XQUANT_INLINE constexpr int index(Real magnitude) const noexcept {
    using traits = real_traits<Real>;
    constexpr int bits = traits::mantissa_bits;
    constexpr auto fraction = (std::uint64_t{1} << bits) - 1;
    const auto word = static_cast<std::uint64_t>(bit_cast<typename traits::integer>(magnitude));
    std::uint64_t m = word & fraction;
    int exponent = static_cast<int>(word >> bits) - traits::bias;
    if (exponent == -traits::bias) {
      const int shift = __builtin_clzll(m) - (63 - bits);
      m = (m << shift) & fraction;
      exponent += 1 - shift;
    }
    const int above = exponent - exponent_ + 3;  // octaves above the lowest linear one
    const int kept = 7 + (above > 0 ? above : 0);
    return (above > 0 ? linear << above : (above + 1) * linear) + static_cast<int>(m >> (bits - kept));
  }

  /// The smallest number that is not below the inner edge of bin i. (Edges are numbers of double but among the
  /// subnormal ones, and at the far end of the last bin where E is 1023, which is infinite.)
  [[nodiscard]] constexpr double edge(int i) const noexcept {
    if (i >= linear) return static_cast<double>(i) * width();
    const int octave = floor_octave(i);
    const int significand = linear + (i - octave * linear);
    const int exponent = exponent_ - 4 + octave - 7;
    if (exponent >= -1022) return significand * power_of_two<double>(exponent);
    if (exponent >= -1029) return significand * power_of_two<double>(-1000) * power_of_two<double>(exponent + 1000);
    // The bits of a number below 2^-1021 count steps of 2^-1074.
    constexpr int least = -1074;
    const auto steps = static_cast<std::uint64_t>(significand);
    if (exponent >= least) return bit_cast<double>(steps << (exponent - least));
    const int shift = least - exponent;
    return bit_cast<double>(shift > 8 ? std::uint64_t{1} : (steps + (1u << shift) - 1) >> shift);
  }

  /// The bin of `larger` that holds bin i of this grid; the exponent of `larger` is not below this one.
  [[nodiscard]] constexpr int moved(int i, const value_grid& larger) const noexcept {
    const int shift = larger.exponent_ - exponent_;
    if (i < linear) return i - linear * shift;
    const int kept = 31 - __builtin_clz(static_cast<unsigned>(i));  // i = 2^kept + sub-bin
    if (kept - shift >= 7) return i >> shift;
    return (i >> (kept - 7)) - linear * (shift - (kept - 7));
  }

  /// The first bin of the octave that begins at 2^(E-10+j) = 2^j w, j < 7.
  [[nodiscard]] static constexpr int octave_begin(int j) noexcept { return (j - 6) * linear; }

  friend constexpr bool operator==(const value_grid&, const value_grid&) = default;

 private:
  static constexpr int floor_octave(int i) noexcept { return i >> 7; }

  int exponent_ = lowest_exponent;
};

}  // namespace xquant
