// What becomes of a range too narrow to give a usable scale, as peers have it: an epsilon, zero output, refusal.
#pragma once

#include <xquant/core/bits.hpp>
#include <xquant/core/policy_id.hpp>
#include <xquant/schemes/degenerate_scale.hpp>

namespace xquant::inline XQUANT_ABI::degenerate {

/// No scale below Epsilon::value<Real>(); the zero point is computed with the raised scale.
template <class Epsilon>
struct at_least {
  template <class Real>
  static constexpr repaired_scale repair(double scale) noexcept {
    constexpr double least = Epsilon::template value<Real>();
    return {scale >= least ? scale : least, false};
  }
  friend constexpr bool operator==(const at_least&, const at_least&) = default;
};

/// 2^Exponent: -23 (float's epsilon) is torch's floor.
template <int Exponent>
struct two_to_the {
  template <class Real>
  static constexpr double value() noexcept {
    return power_of_two<double>(Exponent);
  }
};

/// The smallest normal number of the parameters' type: torchao's floor.
struct smallest_normal {
  template <class Real>
  static constexpr double value() noexcept {
    return static_cast<double>(real_traits<Real>::min_normal);
  }
};

/// Where the scale would be at most Threshold::value<Real>() (ModelOpt: on the largest magnitude, 2^-24), a scale of
/// 2^100: every magnitude below 2^99 then becomes code zero point, and zero. Threshold as the epsilon of `at_least`.
template <class Threshold = smallest_normal>
struct zero_output {
  template <class Real>
  static constexpr repaired_scale repair(double scale) noexcept {
    if (!(scale > Threshold::template value<Real>())) return {power_of_two<double>(100), true};
    return {scale, false};
  }
  friend constexpr bool operator==(const zero_output&, const zero_output&) = default;
};

/// Scale 0 where the scale would not be a normal number: every operation refuses it (errc::scale_not_positive), naming
/// the slot.
struct refused {
  template <class Real>
  static constexpr repaired_scale repair(double scale) noexcept {
    if (!(scale >= static_cast<double>(real_traits<Real>::min_normal))) return {0, true};
    return {scale, false};
  }
  friend constexpr bool operator==(const refused&, const refused&) = default;
};

}  // namespace xquant::degenerate

namespace xquant::inline XQUANT_ABI {

template <>
inline constexpr degenerate_id id_of<degenerate::at_least<degenerate::two_to_the<-23>>>{1,
                                                                                        "at_least_two_to_the_minus_23"};
template <>
inline constexpr degenerate_id id_of<degenerate::at_least<degenerate::smallest_normal>>{2, "at_least_smallest_normal"};
template <>
inline constexpr degenerate_id id_of<degenerate::zero_output<>>{3, "zero_output"};
template <>
inline constexpr degenerate_id id_of<degenerate::refused>{4, "refused"};

}  // namespace xquant
