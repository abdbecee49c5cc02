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

/// Parameters and their gradients: float or double, dense, of one shape, apart.
template <class Real, class G>
status validate_step(const tensor_view<Real>& parameters, const tensor_view<G>& gradients) {
  static_assert(is_same<Real, float> || is_same<Real, double>, "xquant: optimizers step in float or double");
  static_assert(is_same<remove_const<G>, Real>, "xquant: gradients have the type of the parameters");
  if (const status bad = validate_updated(parameters, parameters.shape, "parameters"); !bad.ok()) return bad;
  if (const status bad = validate_input(gradients, "gradients"); !bad.ok()) return bad;
  if (const status bad = validate_same_shape(gradients.shape, parameters.shape, "gradients"); !bad.ok()) return bad;
  if (!gradients.dense()) return fault(errc::unsupported, "gradients", 0, "a dense tensor");
  return validate_apart(gradients, parameters, "parameters");
}

constexpr status validate_setting(double value, const char* name, double least, double below) noexcept {
  if (value >= least && value < below) return {};
  return fault(errc::value_out_of_range, name, value, "a finite number, not negative, and below 1 where it is a decay");
}

}  // namespace xquant::detail
