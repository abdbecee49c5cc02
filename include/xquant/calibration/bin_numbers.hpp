// The numbers of the bins of many elements at once, by a formula that compilers turn into vectors.
#pragma once

#include <xquant/calibration/value_grid.hpp>
#include <xquant/config.hpp>
#include <xquant/core/bits.hpp>

#include <cstddef>
#include <cstdint>

namespace xquant::inline XQUANT_ABI::detail {

/// Elements x of magnitudes below 2^(E+1) get a number for sign and bin on a grid:
///   x > 0: its bin less `lowest`, or 0 where it is not above `lowest` (25 octaves below the linear bins);
///   zeros: `zero`;
///   x < 0, and -0: `stride` more.
struct bin_numbers {
  static constexpr int lowest = value_grid::linear - 25 * 128;
  static constexpr int span = value_grid::end - lowest;
  static constexpr int zero = span;
  static constexpr int stride = span + 64;
  static constexpr std::size_t count = 2 * stride;

  template <class Real>
  using number = typename real_traits<Real>::integer;

  /// Whether the formula holds: all above bin `lowest` are normal numbers, and E is an exponent of Real (it is not for
  /// floats that come after a larger double).
  template <class Real>
  static constexpr bool hold_for(const value_grid& grid) noexcept {
    return grid.exponent() - 3 - 25 > 1 - real_traits<Real>::bias && grid.exponent() <= real_traits<Real>::bias;
  }

  /// Whether one of them lies below.
  template <class Real>
  XQUANT_INLINE static bool of(const value_grid& grid, const Real* x, std::size_t n, number<Real>* result) noexcept {
    using traits = real_traits<Real>;
    using integer = number<Real>;
    constexpr int dropped = traits::mantissa_bits - 7;
    constexpr int sign_bit = 8 * sizeof(integer) - 1;
    constexpr auto magnitude_bits = static_cast<integer>(~(~std::uint64_t{0} << sign_bit));
    const auto reciprocal = power_of_two<Real>(-grid.width_exponent());
    const auto base = static_cast<integer>(grid.exponent() + traits::bias - 4) * value_grid::linear;
    integer least = 1;
    for (std::size_t i = 0; i < n; ++i) {
      const auto bits = bit_cast<integer>(x[i]);
      const integer magnitude = bits & magnitude_bits;
      const auto in_line = static_cast<integer>(bit_cast<Real>(magnitude) * reciprocal);
      const integer logarithmic = (magnitude >> dropped) - base;
      const integer bin = (in_line >= value_grid::linear ? in_line : logarithmic) - lowest;
      const integer held = bin > 0 ? bin : 0;
      const integer own = magnitude == 0 ? zero : held;
      least = own < least ? own : least;
      result[i] = own + ((bits >> sign_bit) & stride);
    }
    return least == 0;
  }
};

}  // namespace xquant::inline XQUANT_ABI::detail
