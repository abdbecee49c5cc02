// Scales that are powers of two, made of any other scheme's.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/core/policy.hpp>
#include <xquant/core/range.hpp>
#include <xquant/schemes/symmetric.hpp>

namespace xquant::inline XQUANT_ABI {

/// Which power of two a scale becomes, exactly (no logarithm is taken). A power of two stays what it is.
enum class exponent_rounding : std::uint8_t {
  up,               ///< the next one above: 2^ceil(log2 s), never clips more than s (FBGEMM force_scale_power_of_two)
  down,             ///< the next one below: 2^floor(log2 s)
  nearest,          ///< the nearer one in value, 1.5 * 2^e up
  nearest_in_log2,  ///< the nearer one in logarithm, 2^floor(log2 s + 1/2): from sqrt(2) * 2^e on up (PPQ)
};

/// The same by value, and the choice of leaving scales as they are.
enum class power_of_two_id : std::uint8_t { none, up, down, nearest, nearest_in_log2 };

namespace detail {

// The exponent of the power of two that a normal positive number becomes.
constexpr int power_exponent(double scale, exponent_rounding how) noexcept {
  const auto bits = bit_cast<std::int64_t>(scale);
  const int exponent = static_cast<int>(bits >> 52) - 1023;
  const std::int64_t fraction = bits & ((std::int64_t{1} << 52) - 1);
  constexpr std::int64_t half = std::int64_t{1} << 51;
  constexpr std::int64_t root = 0x6a09e667f3bcc;  // sqrt(2) - 1 in units of 2^-52, rounded down; it is irrational
  const bool is_up = how == exponent_rounding::up        ? fraction != 0
                     : how == exponent_rounding::nearest ? fraction >= half
                                                         : how == exponent_rounding::nearest_in_log2 && fraction > root;
  return exponent + (is_up ? 1 : 0);
}

}  // namespace detail

/// The scale of `Inner`, computed in double, moved to a power of two; the zero point is what Inner gives for that
/// scale. Held to the powers of two that the parameters' type has; below its smallest normal number Inner's
/// degenerate-scale policy decides (scale 1 where it names none), and the zero point is Inner's for a range of no
/// width. A user's scheme `Inner` with a zero point has zero_point_for(range, codes, scale), as affine_scheme
/// has.
template <class Inner = symmetric<>, exponent_rounding Rounding = exponent_rounding::up>
struct power_of_two_scale : Inner {
  static_assert(QuantizerPolicy<Inner>, "xquant::power_of_two_scale: the first argument is not a scheme");

  template <class Real>
  constexpr scale_and_zero_point<Real> parameters(const range<Real>& r, const code_bounds& codes) const noexcept {
    const range<double> exact{static_cast<double>(r.minimum), static_cast<double>(r.maximum)};
    const scale_and_zero_point<double> inner = Inner::parameters(exact, codes);
    const double magnitude = inner.scale < 0 ? -inner.scale : inner.scale;
    double scale = 0;
    if (magnitude >= real_traits<double>::min_normal) {
      const int exponent = detail::power_exponent(magnitude, Rounding);
      constexpr int most = real_traits<Real>::bias;  // the exponent of the largest power of two
      constexpr int least = 1 - real_traits<Real>::bias;
      if (exponent >= least) scale = power_of_two<double>(exponent > most ? most : exponent);
    }
    const repaired_scale repaired = repair<Real>(scale);
    scale = inner.scale < 0 && !repaired.is_degenerate ? -repaired.scale : repaired.scale;
    std::int32_t zero_point = 0;
    if constexpr (Inner::has_zero_point)
      zero_point = repaired.is_degenerate ? Inner::parameters(range<double>{}, codes).zero_point
                   : scale == inner.scale ? inner.zero_point
                                          : Inner::zero_point_for(exact, codes, scale);
    return {detail::stored_real<Real>(scale), zero_point};
  }

  static constexpr bool has_power_of_two() noexcept { return true; }
  [[nodiscard]] constexpr Inner without_power_of_two() const noexcept { return *this; }
  friend constexpr bool operator==(const power_of_two_scale&, const power_of_two_scale&) = default;

 private:
  template <class Real>
  static constexpr repaired_scale repair(double scale) noexcept {
    if constexpr (requires { typename Inner::degenerate_scale; })
      return Inner::degenerate_scale::template repair<Real>(scale);
    else
      return degenerate::one::repair<Real>(scale);
  }
};

}  // namespace xquant
