// Scales stored in a format of their own: codes of it, and one multiplier for all.
#pragma once

#include <xquant/core/half.hpp>
#include <xquant/core/lane.hpp>
#include <xquant/core/parameters_view.hpp>
#include <xquant/core/scalar_lane.hpp>

namespace xquant::inline XQUANT_ABI {

namespace detail {

// What one stored scale is: a number of 16 or 32 bits, or a code of a format.
template <class S>
struct stored_scale {
  using type = typename S::code_type;
  template <class Real>
  XQUANT_INLINE static constexpr Real value(type code) {
    return S{}.template decode<Real>(static_cast<integer_of<Real>>(code));
  }
};
template <class S>
requires(is_half<S> || is_same<S, float>) struct stored_scale<S> {
  using type = S;
  template <class Real>
  XQUANT_INLINE static constexpr Real value(S stored) {
    return static_cast<Real>(static_cast<float>(stored));
  }
};

}  // namespace detail

/// Parameter slots 0 .. count-1 whose scales are stored as `S`: float, float16, bfloat16, or codes of a format (e8m0,
/// ue4m3, uint6 ...). The scale of slot i is fl(value(scale[i]) * multiplier), one rounding to `Real`; exact where the
/// multiplier is 1 or a power of two. The multiplier is what all scales of a tensor share: the second scale of NVFP4,
/// the scale of scales of integers. Stands for a parameters_view in every elementwise call, on every engine.
template <class S, class Real = float>
struct coded_parameters_view {
  using stored = detail::stored_scale<S>;

  const typename stored::type* scale = nullptr;
  std::size_t count = 0;
  Real multiplier = 1;
  const std::int32_t* zero_point = nullptr;  ///< null: all zero
  const Real* real_zero_point = nullptr;     ///< of schemes whose zero points are reals; null: all zero
};

namespace detail {

template <class View>
inline constexpr bool is_coded = false;
template <class S, class Real>
inline constexpr bool is_coded<coded_parameters_view<S, Real>> = true;

template <class View>
struct real_of_parameters;
template <class Real>
struct real_of_parameters<parameters_view<Real>> {
  using type = Real;
};
template <class S, class Real>
struct real_of_parameters<coded_parameters_view<S, Real>> {
  using type = Real;
};

template <class Real>
XQUANT_INLINE constexpr Real scale_at(const parameters_view<Real>& p, std::size_t slot) {
  return p.scale[slot];
}
template <class S, class Real>
XQUANT_INLINE constexpr Real scale_at(const coded_parameters_view<S, Real>& p, std::size_t slot) {
  return multiply<Real>(coded_parameters_view<S, Real>::stored::template value<Real>(p.scale[slot]), p.multiplier);
}

/// Of a slot: its scale and the reciprocal of that.
template <class Real>
XQUANT_INLINE constexpr Real reciprocal_at(const parameters_view<Real>& p, std::size_t slot) {
  return p.reciprocal ? p.reciprocal[slot] : divide<Real>(1, p.scale[slot]);
}
template <class S, class Real>
XQUANT_INLINE constexpr Real reciprocal_at(const coded_parameters_view<S, Real>& p, std::size_t slot) {
  return divide<Real>(1, scale_at(p, slot));
}

}  // namespace detail

}  // namespace xquant
