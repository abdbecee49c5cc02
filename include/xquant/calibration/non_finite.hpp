// What an observer makes of NaN, infinities and mask values, which are in the data and say nothing about its range.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/core/half.hpp>
#include <xquant/core/meta.hpp>
#include <xquant/error.hpp>

#include <cstdint>

namespace xquant::inline XQUANT_ABI {

enum class non_finite_action : std::uint8_t {
  refuse,  ///< the tensor is refused, naming element and value; nothing has changed
  skip,    ///< such an element is no sample; it is counted (observer::set_aside)
  hold,    ///< it becomes the bound, with its sign, and is counted; a NaN, which has no side, is skipped
};

/// Which elements are meant, besides NaN and infinities: those of a magnitude of `bound` and more (hold: of more). 0
/// stands for the largest finite number of the elements' type, which attention masks are made of (-FLT_MAX, -65504),
/// where elements are skipped or held, and for no bound where they are refused. A mask of one's own (-10000, -1e9) is a
/// bound to give; an infinite bound leaves finite numbers alone. What becomes of an element depends on the element
/// alone, so that a state stays a function of the multiset of elements.
struct non_finite_policy {
  non_finite_action action = non_finite_action::refuse;
  double bound = 0;

  /// Refuses a bound that is NaN or negative.
  [[nodiscard]] constexpr status valid() const noexcept {
    if (!(bound >= 0)) return fault(errc::value_out_of_range, "non_finite.bound", bound, "a bound of 0 or more");
    return {};
  }

  friend constexpr bool operator==(const non_finite_policy&, const non_finite_policy&) = default;
};

/// Elements that were skipped or held.
struct non_finite_counts {
  std::uint64_t nan = 0;
  std::uint64_t beyond = 0;  ///< infinities, and magnitudes that reach the bound (hold: exceed it)

  constexpr void merge(const non_finite_counts& other) noexcept {
    nan += other.nan;
    beyond += other.beyond;
  }
  friend constexpr bool operator==(const non_finite_counts&, const non_finite_counts&) = default;
};

namespace detail {

template <class Element>
constexpr double largest_finite() noexcept {
  if constexpr (is_same<Element, float16>)
    return 65504;
  else if constexpr (is_same<Element, bfloat16>)
    return 0x1.fep127;
  else
    return static_cast<double>(real_traits<Element>::max);
}

/// The policy for elements of one type.
template <class Element>
class non_finite_filter {
 public:
  using real = lane_real<Element>;

  explicit constexpr non_finite_filter(const non_finite_policy& p) noexcept : action_(p.action) {
    constexpr double largest = largest_finite<Element>();
    const bool has_bound = p.bound != 0 || action_ != non_finite_action::refuse;
    const double bound = p.bound == 0 ? largest : p.bound;
    if (action_ == non_finite_action::hold)
      bound_ = bound < largest ? rounded_down(bound) : largest;
    else
      bound_ = has_bound && bound <= largest ? bound : static_cast<double>(__builtin_inf());
  }

  /// Whether it changes nothing about finite elements up to this magnitude.
  [[nodiscard]] constexpr bool leaves(double magnitude) const noexcept {
    return action_ == non_finite_action::hold ? magnitude <= bound_ : magnitude < bound_;
  }
  /// Whether v is a sample, and as which number; otherwise, and where it is held, counts it.
  XQUANT_INLINE constexpr bool takes(real& v, non_finite_counts& met) const noexcept {
    if (v != v) {
      ++met.nan;
      return false;
    }
    const auto x = static_cast<double>(v);
    if (leaves(x < 0 ? -x : x)) return true;
    ++met.beyond;
    if (action_ != non_finite_action::hold) return false;
    v = static_cast<real>(x < 0 ? -bound_ : bound_);
    return true;
  }

 private:
  // The largest number of the type the state is shown that is not above the bound.
  static constexpr double rounded_down(double bound) noexcept {
    const auto near = static_cast<real>(bound);
    if (static_cast<double>(near) <= bound) return static_cast<double>(near);
    using integer = typename real_traits<real>::integer;
    return static_cast<double>(bit_cast<real>(static_cast<integer>(bit_cast<integer>(near) - 1)));
  }

  non_finite_action action_;
  double bound_ = 0;
};

}  // namespace detail

}  // namespace xquant
