// What a gradient estimator is: how a gradient passes the rounding of fake_quantize, and what scales and zero points
// learn from it.
#pragma once

#include <xquant/core/lane.hpp>
#include <xquant/core/meta.hpp>
#include <xquant/engines/operation.hpp>
#include <xquant/rounding/rounding.hpp>

#include <cstddef>

namespace xquant::inline XQUANT_ABI {

namespace detail {
// dx alone.
template <class L>
struct estimated_dx {
  L dx;
};
template <class L, std::size_t Learned>
struct estimated_trait {
  using type = reduced_result<L, L, Learned>;
};
template <class L>
struct estimated_trait<L, 0> {
  using type = estimated_dx<L>;
};
}  // namespace detail

/// What an estimator answers for a lane: dx, and a term for each parameter that it learns; {dx, {term, ...}}. Where
/// there are terms it is what an operation that reduces returns, since g++ keeps a copy of lanes in memory.
template <class L, std::size_t Learned>
using estimated = typename detail::estimated_trait<L, Learned>::type;

/// A parameter slot, as `finish` sees it: how many elements it has; the smallest and largest code in use of an integer
/// format, else the smallest and largest value of the format's codes; its scale, and its zero point where that is an
/// integer added after the rounding.
struct slot_summary {
  double elements = 0;
  double lower = 0;
  double upper = 0;
  double scale = 1;
  double zero_point = 0;
  bool has_zero_point = false;  ///< whether the scheme has such a zero point
};

/// A lane of elements as an estimator sees it. Everything is computed where it is asked for.
template <class Kernel, class L, bool Exact>
struct rounded_lane {
  const Kernel& kernel;
  const typename Kernel::template prepared<L>& parameters;
  bound_rounding<L, typename Kernel::rounding_type> round;
  L x;

  /// v = x / scale (docs/arithmetic.md, rule 4); of an integer format held to +-2^10 (codes of 8 bits) or
  /// +-2^18, far beyond the codes.
  XQUANT_INLINE constexpr L quotient() const {
    if constexpr (is_plain)
      return clamp(quotient_inside(), parameters.lowest, parameters.highest);
    else
      return quotient_inside();
  }
  /// The same where inside(); elsewhere anything, which spares a comparison or two.
  XQUANT_INLINE constexpr L quotient_inside() const {
    static_assert(Exact, "xquant: an estimator that asks for the quotient has `uses_quotient = true`");
    return v_to_snap();
  }
  /// Whether round(v) + zero point is one of the codes in use. NaN is not.
  XQUANT_INLINE constexpr mask_of<L> inside() const {
    if constexpr (Exact)
      return inside_beside_value();
    else
      return kernel.template is_inside<L>(v(), parameters, round);
  }
  /// The same for who asks for value() as well, which clamps what is not inside: one comparison more.
  XQUANT_INLINE constexpr mask_of<L> inside_beside_value() const {
    if constexpr (is_plain && !is_random_rounding<rounding_type> && !rounding_leaves_grid<rounding_type>)
      return equal(round(v_to_snap()), value());
    else
      return kernel.template is_inside<L>(v(), parameters, round);
  }
  /// What v becomes: clamp(round(v) + zero point, lower, upper) - zero point; for small floats the decoded code.
  XQUANT_INLINE constexpr L value() const {
    return kernel.format.template snap<L>(v_to_snap(), round, parameters.lowest_step, parameters.highest_step);
  }
  XQUANT_INLINE constexpr L scale() const { return parameters.scale; }
  /// What x becomes.
  XQUANT_INLINE constexpr L dequantized() const { return Kernel::template rescaled<L>(value(), parameters); }
  /// The smallest and the largest number that any x becomes, infinities of small floats apart.
  XQUANT_INLINE constexpr L low_end() const { return Kernel::template rescaled<L>(end_value<false>(), parameters); }
  XQUANT_INLINE constexpr L high_end() const { return Kernel::template rescaled<L>(end_value<true>(), parameters); }
  /// The codes at the ends less the zero point: integer formats.
  XQUANT_INLINE constexpr L lowest() const { return parameters.lowest_step; }
  XQUANT_INLINE constexpr L highest() const { return parameters.highest_step; }

 private:
  using rounding_type = typename Kernel::rounding_type;
  static constexpr bool is_plain = requires { requires Kernel::format_type::is_plain_integer; };

  template <bool IsHigh>
  XQUANT_INLINE constexpr L end_value() const {
    using format_type = typename Kernel::format_type;
    if constexpr (format_type::is_integer) {
      return IsHigh ? parameters.highest_step : parameters.lowest_step;
    } else {
      constexpr auto ends = format_type{}.bounds();
      return broadcast<L>(static_cast<real_of<L>>(IsHigh ? ends.upper : ends.lower));
    }
  }
  XQUANT_INLINE constexpr L v() const { return Kernel::template scaled<L, Exact>(x, parameters); }
  XQUANT_INLINE constexpr L v_to_snap() const { return Kernel::template scaled_to_snap<L, Exact>(x, parameters); }
};

namespace detail {
// A lane of one float, to ask a type whether it is an estimator.
struct any_lane {
  constexpr float quotient() const { return 0; }
  constexpr float quotient_inside() const { return 0; }
  constexpr bool inside() const { return true; }
  constexpr bool inside_beside_value() const { return true; }
  constexpr float value() const { return 0; }
  float x = 0;
  constexpr float scale() const { return 1; }
  constexpr float dequantized() const { return 0; }
  constexpr float low_end() const { return 0; }
  constexpr float high_end() const { return 0; }
  constexpr float lowest() const { return 0; }
  constexpr float highest() const { return 0; }
};
}  // namespace detail

// clang-format off
/// A gradient estimator E (a regular value; most are empty):
///   static constexpr std::size_t learned             parameters of a slot it gives gradients of: 0, 1 or 2
///   static constexpr bool uses_quotient              whether it asks for quotient()
///   estimated<L, learned> backward(const Lane& e, L g) const     dx, and the terms, of a lane e (a rounded_lane), given
///                                                    g = dL/dy: formulas of core/lane.hpp, the same for every L
/// and, where something is learned,
///   static constexpr const char* learned_names[]     what errors call those gradients: "dscale"
///   double finish(size_t k, const double* sums, const slot_summary& s) const   the gradient of parameter k of a slot
///                                                    from the sums of all terms (docs/arithmetic.md, rule 10); also on
///                                                    a device
/// and, if it likes,
///   static constexpr bool takes_real_offset = true   it also runs where zero points are offsets in units of the data,
///                                                    and asks for quotient(), which is (x - offset) / scale then
///   static constexpr bool rounds = false             it asks for nothing that x is rounded to: for the ends at most
///   static constexpr bool reads_x = false            its formula reads nothing of the lane: x is not fetched ahead
// clang-format on
template <class E>
concept GradientEstimator = requires(const E& e, const detail::any_lane& lane) {
  requires is_same<decltype(E::learned), const std::size_t>;
  requires is_same<decltype(E::uses_quotient), const bool>;
  requires is_same<decltype(e.backward(lane, 1.0f)), estimated<float, E::learned>>;
  requires E::learned == 0 || requires {
    {E::learned_names[0]};
    requires is_same<decltype(e.finish(std::size_t{}, declared<const double*>(), slot_summary{})), double>;
  };
};

}  // namespace xquant
