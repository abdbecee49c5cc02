// The plain straight-through estimator: the rounding is invisible to the gradient.
#pragma once

#include <xquant/calls/call.hpp>
#include <xquant/core/adapt.hpp>
#include <xquant/engines/scalar.hpp>
#include <xquant/exception.hpp>

namespace xquant::inline XQUANT_ABI {

/// dx = g.
template <class Element>
struct straight_through_operation {
  using real = lane_real<Element>;
  using input_0_type = Element;
  using input_1_type = none;
  using output_0_type = Element;
  using output_1_type = none;
  using rounding_type = none;
  static constexpr bool needs_small_quotient = false;

  template <class L>
  XQUANT_INLINE static constexpr none prepare(const lane_parameters<L>&) {
    return {};
  }
  template <class L>
  XQUANT_INLINE constexpr L operator()(L g, none, none, detail::no_random_bits) const {
    return g;
  }
};

/// What would be wrong with straight_through_backward(g, dx); ok when nothing is.
template <TensorLike Gradient, TensorInMemory Out>
[[nodiscard]] status validate_straight_through_backward(const Gradient& g, Out&& dx) {
  auto&& held_g = evaluated(g);
  detail::call<straight_through_operation<element_of<Gradient>>> s;
  return s.input_0(as_view(held_g), "g").output_0(as_view(dx), "dx").validate_without_parameters();
}

/// dx = g, bits and all. g and dx have one shape and may be the same memory. Source: Y. Bengio et al., 2013.
template <TensorLike Gradient, TensorInMemory Out, class Engine = scalar_engine>
[[nodiscard]] status try_straight_through_backward(const Gradient& g, Out&& dx, const Engine& engine = {}) {
  auto&& held_g = evaluated(g);
  detail::call<straight_through_operation<element_of<Gradient>>> s;
  s.input_0(as_view(held_g), "g").output_0(as_view(dx), "dx");
  return s.run_without_parameters({}, engine);
}

#if XQUANT_HAS_EXCEPTIONS
/// See try_straight_through_backward. Throws xquant::error.
template <TensorLike Gradient, TensorInMemory Out, class Engine = scalar_engine>
void straight_through_backward(const Gradient& g, Out&& dx, const Engine& engine = {}) {
  throw_if(try_straight_through_backward(g, dx, engine));
}
#endif

}  // namespace xquant
