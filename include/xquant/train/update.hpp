// What the optimizers share: the checks of a step over dense tensors of one shape.
#pragma once

#include <xquant/core/adapt.hpp>
#include <xquant/core/scalar_lane.hpp>
#include <xquant/core/validation.hpp>

namespace xquant::inline XQUANT_ABI::detail {

template <class T>
status validate_updated(const tensor_view<T>& v, const shape& s, const char* name) {
  if (const status bad = validate_output(v, s, name); !bad.ok()) return bad;
  if (!v.dense()) return fault(errc::unsupported, name, 0, "a dense tensor");
  return {};
}

/// Memory that is written is apart from all else.
template <class A, class B>
status validate_elsewhere(const tensor_view<A>& other, const tensor_view<B>& written, const char* name) {
  if (written.shape.size() == 0) return {};
  const byte_interval a = extent_in_memory(other);
  const byte_interval b = extent_in_memory(written);
  if (a.last <= b.first || b.last <= a.first) return {};
  return fault(errc::overlap, name, static_cast<double>(b.first) - static_cast<double>(a.first),
               "memory apart from the other tensors");
}

/// Weights and their gradients: float or double, dense, of one shape, apart.
template <class Real, class G>
status validate_step(const tensor_view<Real>& weights, const tensor_view<G>& gradients) {
  static_assert(is_same<Real, float> || is_same<Real, double>, "xquant: optimizers step in float or double");
  static_assert(is_same<remove_const<G>, Real>, "xquant: gradients have the type of the weights");
  if (const status bad = validate_updated(weights, weights.shape, "weights"); !bad.ok()) return bad;
  if (const status bad = validate_input(gradients, "gradients"); !bad.ok()) return bad;
  if (const status bad = validate_same_shape(gradients.shape, weights.shape, "gradients"); !bad.ok()) return bad;
  if (!gradients.dense()) return fault(errc::unsupported, "gradients", 0, "a dense tensor");
  return validate_elsewhere(gradients, weights, "weights");
}

constexpr status validate_setting(double value, const char* name, double least, double below) noexcept {
  if (value >= least && value < below) return {};
  return fault(errc::value_out_of_range, name, value, "a finite number, not negative, and below 1 where it is a decay");
}

}  // namespace xquant::detail
